import type { CipherRequest, DerivationRequest, KeyUseRequest } from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm as Algorithm,
  DerivationMethod as Method,
  HashingAlgorithm as Hash,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  RecommendedCurve as Curve,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { codeOf, keyBlock, pairOf, rejectionOf, secret } from './support';

/** Each row: what is asked, and whether NIST SP 800-131A allows it. Without the mode all of it is done. */

const anything = createCrypto();
const approved = createCrypto(true);
const REFUSED = 'UnsupportedCryptographicParameters';
type Verdict = readonly [what: string, isApproved: boolean];

function keyed(
  algorithm: Algorithm,
  lengthBytes: number,
  parameters: CryptographicParameters,
): KeyUseRequest {
  const material = Buffer.from(Array.from({ length: lengthBytes }, (_, index) => index));
  return {
    value: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: keyBlock(KeyFormatType.Raw, new SecretBytes(material), algorithm),
    },
    algorithm,
    parameters,
  };
}

function ciphering(algorithm: Algorithm, lengthBytes: number, mode?: BlockCipherMode): CipherRequest {
  return {
    ...keyed(algorithm, lengthBytes, mode === undefined ? {} : { blockCipherMode: mode }),
    ivCounterNonce: Buffer.alloc(mode === undefined ? 12 : algorithm === Algorithm.DES3 ? 8 : 16),
    additionalData: undefined,
    isTagAppended: false,
  };
}

const { CBC } = BlockCipherMode;

test.each<[...Verdict, boolean, CipherRequest]>([
  ['AES', true, true, ciphering(Algorithm.AES, 32, CBC)],
  ['3DES', false, true, ciphering(Algorithm.DES3, 24, CBC)],
  ['Camellia', false, false, ciphering(Algorithm.Camellia, 16, CBC)],
  ['ARIA', false, false, ciphering(Algorithm.ARIA, 16, CBC)],
  ['SM4', false, false, ciphering(Algorithm.SM4, 16, CBC)],
  ['ChaCha20', false, false, ciphering(Algorithm.ChaCha20, 32)],
  ['ChaCha20-Poly1305', false, false, ciphering(Algorithm.ChaCha20Poly1305, 32)],
])('%s encrypts: %p, decrypts: %p', (_what, encrypts, decrypts, request) => {
  const decryption = { ...request, tag: Buffer.alloc(16), isIvPrefixed: false };
  expect(codeOf(() => approved.encryption(request))).toBe(encrypts ? 'none' : REFUSED);
  expect(codeOf(() => approved.decryption(decryption))).toBe(decrypts ? 'none' : REFUSED);
  expect(codeOf(() => anything.encryption(request))).toBe('none');
});

test.each<[...Verdict, KeyUseRequest]>([
  ['AES', true, keyed(Algorithm.AES, 32, {})],
  ['3DES', false, keyed(Algorithm.DES3, 24, { blockCipherMode: CBC, paddingMethod: PaddingMethod.PKCS5 })],
  ['ChaCha20-Poly1305', false, keyed(Algorithm.ChaCha20Poly1305, 32, {})],
])('%s wraps keys: %p', (_what, isApproved, request) => {
  const content = secret('00112233445566778899aabbccddeeff');
  expect(codeOf(() => approved.wrapBytes(request, content))).toBe(isApproved ? 'none' : REFUSED);
  expect(codeOf(() => anything.wrapBytes(request, content))).toBe('none');
});

test.each<[...Verdict, KeyUseRequest]>([
  ['HMAC-SHA-256, 112 bits', true, keyed(Algorithm.HMAC_SHA256, 14, {})],
  ['HMAC-SHA-1', true, keyed(Algorithm.HMAC_SHA1, 20, {})],
  ['HMAC-SHA-256, 104 bits', false, keyed(Algorithm.HMAC_SHA256, 13, {})],
  ['HMAC-MD5', false, keyed(Algorithm.HMAC_MD5, 16, {})],
  ['CMAC of AES', true, keyed(Algorithm.AES, 16, { blockCipherMode: BlockCipherMode.CMAC })],
  ['CMAC of 3DES', false, keyed(Algorithm.DES3, 24, { blockCipherMode: BlockCipherMode.CMAC })],
])('%s makes a MAC: %p', (_what, isApproved, request) => {
  expect(codeOf(() => approved.mac(request))).toBe(isApproved ? 'none' : REFUSED);
  expect(codeOf(() => anything.mac(request))).toBe('none');
});

test.each<[...Verdict, Hash]>([
  ['SHA-256', true, Hash.SHA_256],
  ['SHA3-512', true, Hash.SHA3_512],
  ['SHA-1', true, Hash.SHA_1],
  ['MD5', false, Hash.MD5],
  ['RIPEMD-160', false, Hash.RIPEMD_160],
])('%s hashes: %p', (_what, isApproved, hash) => {
  expect(codeOf(() => approved.hashing(hash))).toBe(isApproved ? 'none' : 'FeatureNotSupported');
  expect(approved.hashingAlgorithms.includes(hash)).toBe(isApproved);
});

const SHA_256 = { hashingAlgorithm: Hash.SHA_256 };
const SHA_1 = { hashingAlgorithm: Hash.SHA_1 };

test.each<[string, boolean, boolean, Algorithm, object, CryptographicParameters]>([
  ['RSA 2048 with SHA-256', true, true, Algorithm.RSA, { lengthBits: 2048 }, SHA_256],
  ['RSA 2048 with SHA-1', false, true, Algorithm.RSA, { lengthBits: 2048 }, SHA_1],
  ['RSA 2048 with MD5', false, false, Algorithm.RSA, { lengthBits: 2048 }, { hashingAlgorithm: Hash.MD5 }],
  ['RSA 1024 with SHA-256', false, true, Algorithm.RSA, { lengthBits: 1024 }, SHA_256],
  ['ECDSA over P-256', true, true, Algorithm.EC, { curve: Curve.P_256 }, SHA_256],
  ['ECDSA over P-192', false, true, Algorithm.EC, { curve: Curve.P_192 }, SHA_256],
  ['ECDSA over secp256k1', false, false, Algorithm.EC, { curve: Curve.SECP256K1 }, SHA_256],
  ['Ed25519', true, true, Algorithm.Ed25519, {}, {}],
  ['DSA 2048', false, true, Algorithm.DSA, { lengthBits: 2048 }, SHA_256],
])('%s signs: %p, verifies: %p', async (_what, signs, verifies, algorithm, specification, parameters) => {
  const { privateKey, publicKey } = await pairOf(anything, algorithm, specification);
  const signing = {
    value: { objectType: ObjectType.PrivateKey, keyBlock: privateKey },
    algorithm,
    parameters,
  };
  const verifying = {
    value: { objectType: ObjectType.PublicKey, keyBlock: publicKey },
    algorithm,
    parameters,
  };
  expect(codeOf(() => approved.signing(signing, undefined))).toBe(signs ? 'none' : REFUSED);
  expect(codeOf(() => approved.verification(verifying, undefined))).toBe(verifies ? 'none' : REFUSED);
  expect(codeOf(() => anything.signing(signing, undefined))).toBe('none');
});

test.each([
  [2048, PaddingMethod.OAEP, 'none'],
  [1024, PaddingMethod.OAEP, REFUSED],
  [2048, PaddingMethod.PKCS1V1_5, REFUSED],
])('RSA of %d bits with the Padding Method %d: %s', async (lengthBits, paddingMethod, code) => {
  const { publicKey } = await pairOf(anything, Algorithm.RSA, { lengthBits });
  const request = {
    ...ciphering(Algorithm.RSA, 16),
    value: { objectType: ObjectType.PublicKey, keyBlock: publicKey },
    parameters: { paddingMethod },
  };
  expect(codeOf(() => approved.encryption(request))).toBe(code);
});

test.each<[Algorithm, number, boolean]>([
  [Algorithm.AES, 128, true],
  [Algorithm.HMAC_SHA256, 112, true],
  [Algorithm.HMAC_MD5, 128, false],
  [Algorithm.DES3, 168, false],
  [Algorithm.ChaCha20, 256, false],
])('keys of algorithm %d and %d bits are made: %p', (algorithm, lengthBits, isApproved) => {
  const code = isApproved ? 'none' : 'InvalidField';
  expect(codeOf(() => approved.generateSymmetricKey(algorithm, lengthBits))).toBe(code);
  const lengthOf = (purpose: 'to be made' | 'there already') => () =>
    approved.symmetricKeyLengthBytes(algorithm, lengthBits, purpose);
  expect(codeOf(lengthOf('to be made'))).toBe(code);
  expect(codeOf(lengthOf('there already'))).toBe('none');
});

test.each<[Algorithm, number | undefined, Curve | undefined, boolean]>([
  [Algorithm.RSA, undefined, undefined, true],
  [Algorithm.RSA, 1024, undefined, false],
  [Algorithm.EC, undefined, Curve.P_384, true],
  [Algorithm.EC, 256, undefined, true],
  [Algorithm.EC, 192, undefined, false],
  [Algorithm.EC, undefined, Curve.BRAINPOOLP256R1, false],
  [Algorithm.ECDH, undefined, Curve.CURVE25519, false],
  [Algorithm.Ed448, undefined, undefined, true],
  [Algorithm.DSA, 2048, undefined, false],
  [Algorithm.DH, 1536, undefined, false],
])(
  'pairs of algorithm %d, %p bits, curve %p are made: %p',
  async (algorithm, lengthBits, curve, isApproved) => {
    const work = approved.generateKeyPair({ algorithm, lengthBits, curve });
    expect(await rejectionOf(work)).toBe(isApproved ? 'none' : 'InvalidField');
  },
);

function deriving(method: Method, changes: Partial<DerivationRequest> = {}): DerivationRequest {
  return {
    ...keyed(Algorithm.AES, 32, SHA_256),
    method,
    peer: undefined,
    data: [secret('0102')],
    initializationVector: undefined,
    salt: undefined,
    iterationCount: undefined,
    ...changes,
  };
}

const PBKDF2 = { data: [], salt: Buffer.alloc(16), iterationCount: 1000 };
const short = keyed(Algorithm.AES, 8, SHA_256);

test.each<[...Verdict, DerivationRequest, number]>([
  ['SP 800-108 counter mode', true, deriving(Method.NIST800_108_C), 16],
  ['SP 800-108 from 64 bits', false, deriving(Method.NIST800_108_C, short), 16],
  ['SP 800-108 of 8 bytes', false, deriving(Method.NIST800_108_C), 8],
  [
    'SP 800-108 with HMAC-MD5',
    false,
    deriving(Method.NIST800_108_C, { parameters: { hashingAlgorithm: Hash.MD5 } }),
    16,
  ],
  [
    'SP 800-108 with CMAC of 3DES',
    false,
    deriving(Method.NIST800_108_F, keyed(Algorithm.DES3, 24, { blockCipherMode: BlockCipherMode.CMAC })),
    16,
  ],
  ['HKDF', true, deriving(Method.HKDF), 32],
  ['PBKDF2', true, deriving(Method.PBKDF2, PBKDF2), 32],
  ['PBKDF2 with few iterations', false, deriving(Method.PBKDF2, { ...PBKDF2, iterationCount: 999 }), 32],
  ['PBKDF2 with a short salt', false, deriving(Method.PBKDF2, { ...PBKDF2, salt: Buffer.alloc(15) }), 32],
  ['HASH', false, deriving(Method.HASH), 16],
  ['HMAC', false, deriving(Method.HMAC), 16],
])('%s derives: %p', async (_what, isApproved, request, lengthBytes) => {
  const code = isApproved ? 'none' : REFUSED;
  expect(await rejectionOf(approved.deriveBytes(request, lengthBytes))).toBe(code);
  expect(await rejectionOf(anything.deriveBytes(request, lengthBytes))).toBe('none');
});
