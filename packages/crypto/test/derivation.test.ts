import type { DerivationRequest } from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm as Algorithm,
  DerivationMethod as Method,
  HashingAlgorithm as Hash,
  KeyFormatType,
  ObjectType,
  RecommendedCurve,
  SecretDataType,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { createCrypto } from '../src/index';
import { isOverAtOnce, keyBlock, pairOf, rejectionOf, secret } from './support';

const crypto = createCrypto();

function secretData(hex: string): ManagedObjectValue {
  return {
    objectType: ObjectType.SecretData,
    secretDataType: SecretDataType.Seed,
    keyBlock: keyBlock(KeyFormatType.Raw, secret(hex)),
  };
}

function request(method: Method, key: string, changes: Partial<DerivationRequest> = {}): DerivationRequest {
  return {
    method,
    value: secretData(key),
    algorithm: undefined,
    parameters: {},
    peer: undefined,
    data: [],
    initializationVector: undefined,
    salt: undefined,
    iterationCount: undefined,
    ...changes,
  };
}

async function derived(derivation: DerivationRequest, lengthBytes: number): Promise<string> {
  return (await crypto.deriveBytes(derivation, lengthBytes)).reveal().toString('hex');
}

const bytes = (text: string) => Buffer.from(text, 'hex');
const ascii = (text: string) => Buffer.from(text).toString('hex');
const SHA_256 = { hashingAlgorithm: Hash.SHA_256 };
const KEY = '000102030405060708090a0b0c0d0e0f';
const LABEL = [secret('6c6162656c00636f6e74657874')];
const CMAC = { cryptographicAlgorithm: Algorithm.AES, blockCipherMode: BlockCipherMode.CMAC };

const VECTORS: readonly (readonly [string, DerivationRequest, string])[] = [
  ...(
    [
      [1, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
      [2, 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
      [4096, '4b007901b765489abead49d926f721d065a429c1'],
    ] as const
  ).map(
    ([iterationCount, expected]) =>
      [
        `PBKDF2, RFC 6070, ${iterationCount} iterations`,
        request(Method.PBKDF2, ascii('password'), { salt: Buffer.from('salt'), iterationCount }),
        expected,
      ] as const,
  ),
  [
    'HKDF, RFC 5869 test case 1',
    request(Method.HKDF, '0b'.repeat(22), {
      salt: bytes('000102030405060708090a0b0c'),
      data: [secret('f0f1f2f3f4f5f6f7f8f9')],
    }),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    'HKDF-SHA-512 without salt and info, as python3-cryptography has it',
    request(Method.HKDF, '0b'.repeat(22), { parameters: { hashingAlgorithm: Hash.SHA_512 } }),
    'f5fa02b18298a72a8c23898a8703472c6eb179dc204c03425c970e3b164bf90fff22d04836d0e2343bac',
  ],
  [
    'AWS Signature Version 4, the example of its documentation',
    request(Method.AWSSignatureVersion4, ascii('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'), {
      data: ['20120215', 'us-east-1', 'iam'].map((part) => secret(ascii(part))),
    }),
    'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
  ],
  [
    'SP 800-108 counter mode, HMAC-SHA-256, as openssl kdf KBKDF has it',
    request(Method.NIST800_108_C, KEY, { parameters: SHA_256, data: LABEL }),
    'c54e1eb4dc54b9cdcf41b7bed4f738e7eb284c2a1edec68bf0a77577a3d1560154b3423dd761d75c',
  ],
  [
    'SP 800-108 counter mode, CMAC, as openssl kdf KBKDF has it',
    request(Method.NIST800_108_C, KEY, { parameters: CMAC, data: LABEL }),
    '042226feaeda38b74d524e5778eac4bf3532e39ce7c2552c025c69c9d0b56d7b208957e6946947f3',
  ],
  [
    'SP 800-108 feedback mode without IV, as openssl kdf KBKDF has it',
    request(Method.NIST800_108_F, KEY, { parameters: SHA_256, data: LABEL }),
    'c54e1eb4dc54b9cdcf41b7bed4f738e7eb284c2a1edec68bf0a77577a3d15601febc824c7f5e726a',
  ],
  [
    'SP 800-108 feedback mode with IV, CMAC, as openssl kdf KBKDF has it',
    request(Method.NIST800_108_F, KEY, {
      parameters: CMAC,
      data: LABEL,
      initializationVector: bytes('ffeeddccbbaa99887766554433221100'),
    }),
    'fc2ef1afd46153e5a5182354ec20b52e86e1f99737da5a2cf6a7a95a9946d4355759abdd615b595d',
  ],
  [
    'SP 800-108 double pipeline mode, as a few lines of python3 hmac have it',
    request(Method.NIST800_108_DPI, KEY, { parameters: SHA_256, data: LABEL }),
    '89ff340db85a56477c9a02c872859441084653ad437cdf71684b7e79dc6424dd494077a435a184ca',
  ],
  [
    'ENCRYPT, AES-CBC of two blocks, as python3-cryptography has it',
    request(Method.ENCRYPT, KEY, {
      algorithm: Algorithm.AES,
      parameters: { blockCipherMode: BlockCipherMode.CBC },
      initializationVector: Buffer.alloc(16),
      data: [secret('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')],
    }),
    '0a940bb5416ef045f1c39458c653ea5a3cf456b4ca488aa383c79c98b34797cb',
  ],
  [
    'ENCRYPT, AES-ECB, FIPS 197 appendix C.1',
    request(Method.ENCRYPT, KEY, {
      algorithm: Algorithm.AES,
      parameters: { blockCipherMode: BlockCipherMode.ECB },
      data: [secret('00112233445566778899aabbccddeeff')],
    }),
    '69c4e0d86a7b0430d8cdb78070b4c55a',
  ],
  [
    'HASH, SHA-256 of "abc", FIPS 180-4',
    request(Method.HASH, '616263', { parameters: SHA_256 }),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  ],
  [
    'HMAC, RFC 4231 test case 2, whatever the parameters say beside an HMAC key',
    request(Method.HMAC, ascii('Jefe'), {
      algorithm: Algorithm.HMAC_SHA256,
      parameters: { hashingAlgorithm: Hash.SHA_512 },
      data: [secret(ascii('what do ya want for nothing?'))],
    }),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    'key agreement, X25519, RFC 7748 section 6.1',
    request(Method.AsymmetricKey, '', {
      value: {
        objectType: ObjectType.PrivateKey,
        keyBlock: keyBlock(
          KeyFormatType.PKCS_8,
          secret(
            '302e020100300506032b656e042204205dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
          ),
        ),
      },
      peer: {
        objectType: ObjectType.PublicKey,
        keyBlock: keyBlock(
          KeyFormatType.X_509,
          secret('302a300506032b656e0321008520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
        ),
      },
    }),
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  [
    'key agreement, X448, RFC 7748 section 6.2',
    request(Method.AsymmetricKey, '', {
      value: {
        objectType: ObjectType.PrivateKey,
        keyBlock: keyBlock(
          KeyFormatType.PKCS_8,
          secret(
            '3046020100300506032b656f043a0438' +
              '9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d' +
              'd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b',
          ),
        ),
      },
      peer: {
        objectType: ObjectType.PublicKey,
        keyBlock: keyBlock(
          KeyFormatType.X_509,
          secret(
            '3042300506032b656f033900' +
              '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430' +
              '27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
          ),
        ),
      },
    }),
    '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b' +
      'b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d',
  ],
];

test.each(VECTORS)('%s', async (_name, derivation, expected) => {
  expect(await derived(derivation, expected.length / 2)).toBe(expected);
});

test.each(VECTORS)('%s: the first bytes where fewer are wanted', async (_name, derivation, expected) => {
  expect(await derived(derivation, 5)).toBe(expected.slice(0, 10));
});

test.each([
  [Method.HASH, { parameters: SHA_256 }, 33],
  [Method.HMAC, { parameters: SHA_256, data: LABEL }, 33],
  [Method.HKDF, {}, 255 * 32 + 1],
  [Method.AWSSignatureVersion4, { data: [...LABEL, ...LABEL, ...LABEL] }, 33],
] as const)('method %d does not give more than it has', async (method, changes, lengthBytes) => {
  const derivation = request(method, KEY, changes);
  expect(await rejectionOf(crypto.deriveBytes(derivation, lengthBytes))).toBe('CryptographicFailure');
});

test.each([
  ['HASH without a hash', Method.HASH, {}],
  ['HMAC under a key that names none', Method.HMAC, { data: LABEL }],
  ['ENCRYPT without a mode', Method.ENCRYPT, { algorithm: Algorithm.AES, data: LABEL }],
  [
    'CBC without an IV',
    Method.ENCRYPT,
    { algorithm: Algorithm.AES, parameters: { blockCipherMode: BlockCipherMode.CBC }, data: LABEL },
  ],
] as const)('%s is refused', async (_name, method, changes) => {
  const derivation = request(method, KEY, changes);
  expect(await rejectionOf(crypto.deriveBytes(derivation, 16))).toBe('BadCryptographicParameters');
});

test.each([
  [1024, undefined],
  [1025, 'UnsupportedCryptographicParameters'],
])('HKDF of %d bytes of Derivation Data', async (lengthBytes, refusal) => {
  const derivation = request(Method.HKDF, KEY, { data: [secret('00'.repeat(lengthBytes))] });
  const derivedBytes = crypto.deriveBytes(derivation, 16);
  if (refusal === undefined) expect(await derivedBytes).toHaveLength(16);
  else expect(await rejectionOf(derivedBytes)).toBe(refusal);
});

// All that it takes a thread is bounded, not the Iteration Count alone.
test.each([
  [10_000_000, 41, Hash.SHA_1],
  [2_500_001, 512, Hash.SHA_512],
  [10_000_000, 8192, undefined],
])(
  'PBKDF2 of %d iterations for %d bytes is refused',
  async (iterationCount, lengthBytes, hashingAlgorithm) => {
    const parameters = hashingAlgorithm === undefined ? {} : { hashingAlgorithm };
    const derivation = request(Method.PBKDF2, KEY, { parameters, salt: Buffer.alloc(16), iterationCount });
    expect(await rejectionOf(crypto.deriveBytes(derivation, lengthBytes))).toBe('InvalidField');
  },
);

describe('key agreement', () => {
  const agreement = async (
    mine: Awaited<ReturnType<typeof pairOf>>,
    theirs: Awaited<ReturnType<typeof pairOf>>,
    parameters = {},
  ) =>
    crypto.deriveBytes(
      request(Method.AsymmetricKey, '', {
        value: { objectType: ObjectType.PrivateKey, keyBlock: mine.privateKey },
        peer: { objectType: ObjectType.PublicKey, keyBlock: theirs.publicKey },
        parameters,
      }),
      20,
    );

  test.each([
    ['P-256', Algorithm.EC, { curve: RecommendedCurve.P_256 }],
    ['P-521', Algorithm.ECDH, { curve: RecommendedCurve.P_521 }],
    ['X448', Algorithm.ECDH, { curve: RecommendedCurve.CURVE448 }],
    ['DH', Algorithm.DH, { lengthBits: 2048 }],
  ] as const)('%s: both sides get the same secret', async (_name, algorithm, specification) => {
    const one = await pairOf(crypto, algorithm, specification);
    const other = await pairOf(crypto, algorithm, specification);
    const [here, there] = [await agreement(one, other), await agreement(other, one)];
    expect(here.equals(there)).toBe(true);
  });

  test('in a finite field leaves the event loop to others', async () => {
    const mine = await pairOf(crypto, Algorithm.DH, { lengthBits: 4096 });
    const secretToCome = agreement(mine, mine);
    expect(await isOverAtOnce(secretToCome)).toBe(false);
    await secretToCome;
  });

  test('takes keys of one kind, over one curve', async () => {
    const p256 = await pairOf(crypto, Algorithm.EC, { curve: RecommendedCurve.P_256 });
    const k256 = await pairOf(crypto, Algorithm.EC, { curve: RecommendedCurve.SECP256K1 });
    const signing = await pairOf(crypto, Algorithm.Ed25519);
    for (const [mine, theirs] of [
      [p256, k256],
      [p256, signing],
      [signing, signing],
    ] as const) {
      expect(await rejectionOf(agreement(mine, theirs))).toBe('BadCryptographicParameters');
    }
    const asDh = agreement(p256, p256, { cryptographicAlgorithm: Algorithm.DH });
    expect(await rejectionOf(asDh)).toBe('BadCryptographicParameters');
    expect(await rejectionOf(agreement(p256, p256, SHA_256))).toBe('UnsupportedCryptographicParameters');
  });
});
