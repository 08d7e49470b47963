import { rootCertificates } from 'node:tls';
import {
  X509Certificate,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  constants,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import {
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  RecommendedCurve,
  type CryptographicParameters,
  type KeyBlock,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { atOnce, codeOf, rejectionOf, hexOf, keyBlock, pairOf, secret } from './support';

const crypto = createCrypto();
const { RSA, ECDSA, DSA, Ed25519, Ed448, EC } = CryptographicAlgorithm;
const { SHA_1, SHA_256, SHA_384, SHA_512, SHA3_256, MD5 } = HashingAlgorithm;

const MESSAGE = Buffer.from('what is signed');

interface Pair {
  readonly privateKey: KeyBlock;
  readonly publicKey: KeyBlock;
}

const digestOf = (digested: Buffer | undefined) =>
  digested === undefined ? undefined : SecretBytes.copyOf(digested);

async function signed(
  pair: Pair,
  parameters: CryptographicParameters,
  message?: Buffer,
  digest?: Buffer,
): Promise<Buffer> {
  const value = { objectType: ObjectType.PrivateKey, keyBlock: pair.privateKey };
  const running = crypto.signing({ value, algorithm: undefined, parameters }, digestOf(digest));
  for (const octet of message ?? []) running.update(new SecretBytes(Buffer.from([octet])));
  return running.final();
}
function verified(
  pair: Pair,
  parameters: CryptographicParameters,
  signature: Buffer,
  message?: Buffer,
  digest?: Buffer,
): boolean {
  const value = { objectType: ObjectType.PublicKey, keyBlock: pair.publicKey };
  const running = crypto.verification({ value, algorithm: undefined, parameters }, digestOf(digest));
  if (message !== undefined) running.update(SecretBytes.copyOf(message));
  return atOnce(running.verify(signature));
}
const der = (block: KeyBlock) => Buffer.from(hexOf(block), 'hex');
function theirPrivate({ privateKey }: Pair): KeyObject {
  const type = privateKey.keyFormatType === KeyFormatType.PKCS_1 ? 'pkcs1' : 'pkcs8';
  return createPrivateKey({ key: der(privateKey), format: 'der', type });
}
function theirPublic({ publicKey }: Pair): KeyObject {
  const type = publicKey.keyFormatType === KeyFormatType.PKCS_1 ? 'pkcs1' : 'spki';
  return createPublicKey({ key: der(publicKey), format: 'der', type });
}
const tampered = (bytes: Buffer) => {
  const other = Buffer.from(bytes);
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
  return other;
};

describe('RSA', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await pairOf(crypto, RSA, { lengthBits: 2048 });
  });
  const pss = (more: CryptographicParameters): CryptographicParameters => ({
    paddingMethod: PaddingMethod.PSS,
    ...more,
  });

  test.each([
    [MD5, 'md5'],
    [SHA_1, 'sha1'],
    [SHA_256, 'sha256'],
    [SHA_384, 'sha384'],
    [SHA_512, 'sha512'],
    [SHA3_256, 'sha3-256'],
    [HashingAlgorithm.SHA_224, 'sha224'],
    [HashingAlgorithm.SHA_512_224, 'sha512-224'],
    [HashingAlgorithm.SHA_512_256, 'sha512-256'],
    [HashingAlgorithm.SHA3_224, 'sha3-224'],
    [HashingAlgorithm.SHA3_384, 'sha3-384'],
    [HashingAlgorithm.SHA3_512, 'sha3-512'],
    [HashingAlgorithm.RIPEMD_160, 'ripemd160'],
  ])('PKCS1 v1.5 with the hash %d is what OpenSSL does', async (hashingAlgorithm, name) => {
    const signature = await signed(pair, { hashingAlgorithm }, MESSAGE);
    expect(signature).toEqual(sign(name, MESSAGE, theirPrivate(pair)));
    const digest = createHash(name).update(MESSAGE).digest();
    expect(await signed(pair, { hashingAlgorithm }, undefined, digest)).toEqual(signature);
    expect(verified(pair, { hashingAlgorithm }, signature, MESSAGE)).toBe(true);
    expect(verified(pair, { hashingAlgorithm }, signature, undefined, digest)).toBe(true);
    expect(verified(pair, { hashingAlgorithm }, signature, Buffer.from('else'))).toBe(false);
    expect(verified(pair, { hashingAlgorithm }, tampered(signature), MESSAGE)).toBe(false);
    expect(verified(pair, { hashingAlgorithm }, signature.subarray(1), MESSAGE)).toBe(false);
  });

  test.each([
    [SHA_1, 'sha1', 0],
    [SHA_256, 'sha256', 32],
    [SHA_256, 'sha256', 222],
    [SHA_512, 'sha512', 64],
  ])(
    'PSS with the hash %d (%s) and a salt of %d bytes is what OpenSSL does',
    async (hashingAlgorithm, name, saltLength) => {
      const parameters = pss({ hashingAlgorithm, saltLengthBytes: saltLength });
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const signature = await signed(pair, parameters, MESSAGE);
      expect(verify(name, MESSAGE, { key: theirPublic(pair), padding, saltLength }, signature)).toBe(true);
      const other = sign(name, MESSAGE, { key: theirPrivate(pair), padding, saltLength });
      expect(verified(pair, parameters, other, MESSAGE)).toBe(true);
      expect(verified(pair, pss({ hashingAlgorithm }), other, MESSAGE)).toBe(true);
      expect(verified(pair, parameters, tampered(other), MESSAGE)).toBe(false);
      expect(verified(pair, parameters, other, Buffer.from('else'))).toBe(false);
      expect(verified(pair, { ...parameters, saltLengthBytes: saltLength + 1 }, other, MESSAGE)).toBe(false);
    },
  );

  test('several are made at once, and the event loop goes on meanwhile', async () => {
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const parameters = { hashingAlgorithm: SHA_256 };
    const messages = Array.from({ length: 200 }, (_, index) => Buffer.from(String(index)));
    const signatures = await Promise.all(messages.map((message) => signed(pair, parameters, message)));
    clearInterval(counting);
    expect(turns).toBeGreaterThan(0);
    for (const [index, message] of messages.entries()) {
      expect(verified(pair, parameters, signatures[index] ?? Buffer.alloc(0), message)).toBe(true);
    }
  });

  test('PSS takes another hash for the mask', async () => {
    const parameters = pss({ hashingAlgorithm: SHA_256, maskGeneratorHashingAlgorithm: SHA_1 });
    const signature = await signed(pair, parameters, MESSAGE);
    expect(verified(pair, parameters, signature, MESSAGE)).toBe(true);
    expect(verified(pair, pss({ hashingAlgorithm: SHA_256 }), signature, MESSAGE)).toBe(false);
  });

  describe('a key that is for PSS alone', () => {
    const hashes = { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' } as const;
    const made = generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...hashes });
    const secretBytes = (bytes: Buffer) => new SecretBytes(bytes);
    const ownOf = ({ privateKey, publicKey }: typeof made): Pair => ({
      privateKey: keyBlock(
        KeyFormatType.PKCS_8,
        secretBytes(privateKey.export({ format: 'der', type: 'pkcs8' })),
      ),
      publicKey: keyBlock(
        KeyFormatType.X_509,
        secretBytes(publicKey.export({ format: 'der', type: 'spki' })),
      ),
    });
    const own = ownOf(made);
    const theirs = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

    test.each([
      ['as the parameters have it', pss({ hashingAlgorithm: SHA_256 })],
      ['without a Padding Method', { hashingAlgorithm: SHA_256 }],
    ])('signs and verifies as OpenSSL does %s', async (_which, parameters) => {
      const signature = await signed(own, parameters, MESSAGE);
      expect(verify('sha256', MESSAGE, { key: made.publicKey, ...theirs }, signature)).toBe(true);
      const other = sign('sha256', MESSAGE, { key: made.privateKey, ...theirs });
      expect(verified(own, parameters, other, MESSAGE)).toBe(true);
      expect(verified(own, parameters, tampered(other), MESSAGE)).toBe(false);
    });

    test.each([
      ['PKCS1 v1.5', { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm: SHA_256 }],
      ['another hash', pss({ hashingAlgorithm: SHA_512 })],
      [
        'another hash for the mask',
        pss({ hashingAlgorithm: SHA_256, maskGeneratorHashingAlgorithm: SHA_512 }),
      ],
      ['a shorter salt', pss({ hashingAlgorithm: SHA_256, saltLengthBytes: 20 })],
    ])('does not sign by %s', async (_which, parameters) => {
      expect(await rejectionOf(signed(own, parameters, MESSAGE))).toBe('BadCryptographicParameters');
    });

    test('signs with no shorter salt than it wants where none is named', async () => {
      // Node.js takes a number, whatever its types say.
      const saltLength = 48 as unknown as string;
      const salted = generateKeyPairSync('rsa-pss', { modulusLength: 1024, ...hashes, saltLength });
      const signature = await signed(ownOf(salted), { hashingAlgorithm: SHA_256 }, MESSAGE);
      const options = { key: salted.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
      expect(verify('sha256', MESSAGE, options, signature)).toBe(true);
    });

    test('does not encrypt', () => {
      const value = { objectType: ObjectType.PublicKey, keyBlock: own.publicKey };
      const parameters = { paddingMethod: PaddingMethod.OAEP };
      const request = { value, algorithm: RSA, parameters, ivCounterNonce: undefined };
      expect(
        codeOf(() => crypto.encryption({ ...request, additionalData: undefined, isTagAppended: false })),
      ).toBe('BadCryptographicParameters');
    });
  });

  test('a key whose length is one more than whole bytes has a leading zero in PSS', async () => {
    const generated = generateKeyPairSync('rsa', { modulusLength: 1025 });
    const block = (key: KeyObject) =>
      keyBlock(KeyFormatType.PKCS_1, new SecretBytes(key.export({ format: 'der', type: 'pkcs1' })));
    const odd = { privateKey: block(generated.privateKey), publicKey: block(generated.publicKey) };
    const parameters = pss({ hashingAlgorithm: SHA_256 });
    const signature = await signed(odd, parameters, MESSAGE);
    expect(verified(odd, parameters, signature, MESSAGE)).toBe(true);
    const options = { key: theirPublic(odd), padding: constants.RSA_PKCS1_PSS_PADDING };
    expect(verify('sha256', MESSAGE, options, signature)).toBe(true);
  });

  test('a digest of which nobody says by what hash it was made is signed as it is', async () => {
    const digest = Buffer.alloc(16, 5);
    const signature = await signed(pair, {}, undefined, digest);
    expect(verified(pair, {}, signature, undefined, digest)).toBe(true);
    expect(await rejectionOf(signed(pair, {}, undefined, Buffer.alloc(246)))).toBe(
      'BadCryptographicParameters',
    );
  });

  test('a Digital Signature Algorithm says it all', async () => {
    const { SHA_256WithRSAEncryption, RSASSA_PSS, MD2WithRSAEncryption, ECDSAWithSHA256 } =
      DigitalSignatureAlgorithm;
    const signature = await signed(pair, { digitalSignatureAlgorithm: SHA_256WithRSAEncryption }, MESSAGE);
    expect(signature).toEqual(await signed(pair, { hashingAlgorithm: SHA_256 }, MESSAGE));
    const rsassaPss = { digitalSignatureAlgorithm: RSASSA_PSS, hashingAlgorithm: SHA_256 };
    expect(verified(pair, rsassaPss, await signed(pair, rsassaPss, MESSAGE), MESSAGE)).toBe(true);
    const md2 = { digitalSignatureAlgorithm: MD2WithRSAEncryption };
    expect(await rejectionOf(signed(pair, md2, MESSAGE))).toBe('FeatureNotSupported');
    const ofEc = { digitalSignatureAlgorithm: ECDSAWithSHA256 };
    expect(await rejectionOf(signed(pair, ofEc, MESSAGE))).toBe('BadCryptographicParameters');
    expect(verified(pair, ofEc, signature, MESSAGE)).toBe(false);
  });

  test.each<[CryptographicParameters, string]>([
    [{}, 'BadCryptographicParameters'],
    [{ paddingMethod: PaddingMethod.PSS }, 'BadCryptographicParameters'],
    [{ hashingAlgorithm: SHA_256, paddingMethod: PaddingMethod.X9_31 }, 'UnsupportedCryptographicParameters'],
    [{ hashingAlgorithm: SHA_256, cryptographicAlgorithm: EC }, 'BadCryptographicParameters'],
    [pss({ hashingAlgorithm: SHA_256, saltLengthBytes: 223 }), 'BadCryptographicParameters'],
    [pss({ hashingAlgorithm: SHA_256, trailerField: 2 }), 'UnsupportedCryptographicParameters'],
  ])('%p signs nothing', async (parameters, code) => {
    expect(await rejectionOf(signed(pair, parameters, MESSAGE))).toBe(code);
  });
});

describe('ECDSA', () => {
  const SHA256 = { hashingAlgorithm: SHA_256 };

  test('RFC 6979 A.2.5: the signature of "sample", and the digest of it', () => {
    const point =
      '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299';
    const publicKey = keyBlock(
      KeyFormatType.X_509,
      secret(`3059301306072a8648ce3d020106082a8648ce3d030107034200${point}`),
    );
    const signature = Buffer.from(
      '3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
      'hex',
    );
    const pair = { publicKey, privateKey: publicKey };
    const message = Buffer.from('sample');
    const digest = createHash('sha256').update(message).digest();
    expect(verified(pair, SHA256, signature, message)).toBe(true);
    expect(verified(pair, {}, signature, undefined, digest)).toBe(true);
    expect(verified(pair, {}, signature, undefined, tampered(digest))).toBe(false);
    expect(verified(pair, {}, tampered(signature), undefined, digest)).toBe(false);
  });

  const { P_192, P_224, P_256, P_384, P_521, SECP256K1, BRAINPOOLP320R1, B_283 } = RecommendedCurve;

  test.each([P_192, P_224, P_256, P_384, P_521, SECP256K1, BRAINPOOLP320R1])(
    'over curve %d a ready digest has the signatures of its data',
    async (curve) => {
      const pair = await pairOf(crypto, ECDSA, { curve });
      for (const [hash, name] of [
        [SHA_1, 'sha1'],
        [SHA_256, 'sha256'],
        [SHA_512, 'sha512'],
      ] as const) {
        for (let round = 0; round < 4; round++) {
          const message = Buffer.from([round]);
          const digest = createHash(name).update(message).digest();
          const ofDigest = await signed(pair, {}, undefined, digest);
          expect(verify(name, message, theirPublic(pair), ofDigest)).toBe(true);
          const ofData = sign(name, message, theirPrivate(pair));
          expect(verified(pair, { hashingAlgorithm: hash }, ofData, undefined, digest)).toBe(true);
          expect(verified(pair, {}, ofData, undefined, tampered(digest).reverse())).toBe(false);
          expect(verified(pair, {}, tampered(ofData), undefined, digest)).toBe(false);
        }
      }
    },
  );

  test('data goes through the hash', async () => {
    const pair = await pairOf(crypto, EC, { curve: B_283 });
    const signature = await signed(pair, SHA256, MESSAGE);
    expect(verify('sha256', MESSAGE, theirPublic(pair), signature)).toBe(true);
    expect(verified(pair, SHA256, signature, MESSAGE)).toBe(true);
    expect(verified(pair, SHA256, signature, Buffer.from('else'))).toBe(false);
    expect(verified(pair, SHA256, Buffer.from('no DER'), MESSAGE)).toBe(false);
    expect(await rejectionOf(signed(pair, {}, MESSAGE))).toBe('BadCryptographicParameters');
    const digest = Buffer.alloc(32, 1);
    expect(await rejectionOf(signed(pair, {}, undefined, digest))).toBe('UnsupportedCryptographicParameters');
    expect(codeOf(() => verified(pair, {}, signature, undefined, digest))).toBe(
      'UnsupportedCryptographicParameters',
    );
  });

  test('a signature is r and s within the order, and nothing else', async () => {
    const pair = await pairOf(crypto, ECDSA, { curve: P_256 });
    const digest = Buffer.alloc(32, 1);
    for (const hex of [
      '',
      '3000',
      '3003020101',
      '3006020100020101',
      '3006020101020100',
      '30090201010201010201 01',
    ]) {
      const signature = Buffer.from(hex.replace(' ', ''), 'hex');
      expect(verified(pair, {}, signature, undefined, digest)).toBe(false);
    }
    expect(await rejectionOf(signed(pair, {}, undefined, Buffer.alloc(32)))).toBe(
      'BadCryptographicParameters',
    );
    expect(await rejectionOf(signed(pair, SHA256, undefined, Buffer.alloc(31)))).toBe('InvalidField');
  });
});

describe('EdDSA', () => {
  test('RFC 8032 section 7.1 test 2', async () => {
    const privateKey = keyBlock(
      KeyFormatType.PKCS_8,
      secret(
        '302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      ),
    );
    const publicKey = keyBlock(
      KeyFormatType.X_509,
      secret('302a300506032b65700321003d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    );
    const signature = await signed({ privateKey, publicKey }, {}, Buffer.from('72', 'hex'));
    expect(signature.toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
    expect(verified({ privateKey, publicKey }, {}, signature, Buffer.from('72', 'hex'))).toBe(true);
  });

  test('RFC 8032 section 7.4, blank', async () => {
    const privateKey = keyBlock(
      KeyFormatType.PKCS_8,
      secret(
        '3047020100300506032b6571043b0439' +
          '6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3' +
          '528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b',
      ),
    );
    const publicKey = keyBlock(
      KeyFormatType.X_509,
      secret(
        '3043300506032b6571033a00' +
          '5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778' +
          'edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180',
      ),
    );
    const signature = await signed({ privateKey, publicKey }, {}, Buffer.alloc(0));
    expect(signature.toString('hex')).toBe(
      '533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f' +
        '2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a' +
        '9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db' +
        'b61149f05a7363268c71d95808ff2e652600',
    );
    expect(verified({ privateKey, publicKey }, {}, signature, Buffer.alloc(0))).toBe(true);
  });

  test.each([Ed25519, Ed448])('algorithm %d signs data, not digests', async (algorithm) => {
    const pair = await pairOf(crypto, algorithm);
    const signature = await signed(pair, {}, MESSAGE);
    expect(verified(pair, {}, signature, MESSAGE)).toBe(true);
    expect(verified(pair, {}, signature, Buffer.from('else'))).toBe(false);
    expect(await rejectionOf(signed(pair, {}, undefined, Buffer.alloc(32)))).toBe(
      'UnsupportedCryptographicParameters',
    );
  });
});

/** The content of a DER element and what follows it. */
function element(der: Buffer): { readonly whole: Buffer; readonly content: Buffer; readonly rest: Buffer } {
  const first = der.readUInt8(1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  const start = 2 + lengthBytes;
  const end = start + length;
  return { whole: der.subarray(0, end), content: der.subarray(start, end), rest: der.subarray(end) };
}

describe('published root certificates, which are signed by their own keys', () => {
  const D = DigitalSignatureAlgorithm;
  const ALGORITHMS: Readonly<Record<string, DigitalSignatureAlgorithm>> = {
    '2a864886f70d010105': D.SHA_1WithRSAEncryption,
    '2a864886f70d01010b': D.SHA_256WithRSAEncryption,
    '2a864886f70d01010c': D.SHA_384WithRSAEncryption,
    '2a864886f70d01010d': D.SHA_512WithRSAEncryption,
    '2a8648ce3d040302': D.ECDSAWithSHA256,
    '2a8648ce3d040303': D.ECDSAWithSHA384,
  };
  const roots = rootCertificates.map((pem) => {
    const certificate = new X509Certificate(pem);
    const signedPart = element(element(certificate.raw).content);
    const algorithm = element(signedPart.rest);
    return {
      keyBlock: keyBlock(
        KeyFormatType.X_509,
        secret(certificate.publicKey.export({ format: 'der', type: 'spki' }).toString('hex')),
      ),
      digitalSignatureAlgorithm: ALGORITHMS[element(algorithm.content).content.toString('hex')],
      message: signedPart.whole,
      // A Bit String begins with the number of its unused bits.
      signature: element(algorithm.rest).content.subarray(1),
    };
  });

  test.each(Object.values(ALGORITHMS))('Digital Signature Algorithm %d', (digitalSignatureAlgorithm) => {
    const signedSo = roots.filter((root) => root.digitalSignatureAlgorithm === digitalSignatureAlgorithm);
    for (const { keyBlock: publicKey, message, signature } of signedSo) {
      const pair = { privateKey: publicKey, publicKey };
      expect(verified(pair, { digitalSignatureAlgorithm }, signature, message)).toBe(true);
      expect(verified(pair, { digitalSignatureAlgorithm }, signature, message.subarray(1))).toBe(false);
    }
  });

  test('are there for RSA and ECDSA', () => {
    const found = new Set(roots.map(({ digitalSignatureAlgorithm }) => digitalSignatureAlgorithm));
    for (const each of [D.SHA_256WithRSAEncryption, D.SHA_384WithRSAEncryption, D.ECDSAWithSHA384]) {
      expect(found).toContain(each);
    }
  });
});

test('DSA signs and verifies data', async () => {
  const pair = await pairOf(crypto, DSA, { lengthBits: 2048 });
  const parameters = { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.DSAWithSHA256 };
  const signature = await signed(pair, parameters, MESSAGE);
  expect(verified(pair, parameters, signature, MESSAGE)).toBe(true);
  expect(verified(pair, parameters, signature, Buffer.from('else'))).toBe(false);
});

test('keys for key agreement do not sign', async () => {
  const pair = await pairOf(crypto, EC, { curve: RecommendedCurve.CURVE25519 });
  expect(await rejectionOf(signed(pair, {}, MESSAGE))).toBe('BadCryptographicParameters');
});
