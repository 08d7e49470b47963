import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import {
  CryptographicAlgorithm as Algorithm,
  encodeTransparentKey,
  KeyFormatType as Format,
  ObjectType,
  RecommendedCurve,
  STORAGE_DIALECT,
  WrappingMethod,
} from '@holdfast/kmip';
import { ItemType, SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { DER, element, oid, sequence, unsigned } from '../src/keys/der';
import { codeOf, hexOf, keyBlock, secret } from './support';

const crypto = createCrypto();
const { PrivateKey, PublicKey, SymmetricKey, SecretData } = ObjectType;

/** The key of RFC 6979 appendix A.2.5. */
const P256_D = 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721';
const P256_POINT =
  '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299';
const P256_SEC1 = `30770201010420${P256_D}a00a06082a8648ce3d030107a144034200${P256_POINT}`;
const P256_SPKI = `3059301306072a8648ce3d020106082a8648ce3d030107034200${P256_POINT}`;
/** The key of RFC 8410 section 10. */
const ED25519_PKCS8 =
  '302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842';
const ED25519_SPKI =
  '302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1';

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const rsaPss = generateKeyPairSync('rsa-pss', { modulusLength: 1024, hashAlgorithm: 'sha256' });
const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
const explicit = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' });
const unlisted = generateKeyPairSync('ec', { namedCurve: 'SM2' });

function der(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'): SecretBytes {
  return new SecretBytes(key.export({ format: 'der', type } as { format: 'der'; type: 'pkcs1' }));
}

function bytes(material: SecretBytes): Buffer {
  return Buffer.from(material.reveal());
}

describe('well-known keys', () => {
  const P256 = { algorithm: Algorithm.EC, lengthBits: 256, curve: RecommendedCurve.P_256 };
  const ED25519 = { algorithm: Algorithm.Ed25519, lengthBits: 256, curve: RecommendedCurve.CURVE25519 };

  it.each([
    ['P-256, ECPrivateKey', PrivateKey, Format.ECPrivateKey, P256_SEC1, P256],
    ['P-256, X.509', PublicKey, Format.X_509, P256_SPKI, P256],
    ['Ed25519, PKCS#8', PrivateKey, Format.PKCS_8, ED25519_PKCS8, ED25519],
    ['Ed25519, X.509', PublicKey, Format.X_509, ED25519_SPKI, ED25519],
  ])('%s', (_what, objectType, format, hex, facts) => {
    expect(crypto.inspectKey(objectType, keyBlock(format, secret(hex)))).toEqual(facts);
  });

  it('have their public point worked out from a transparent private key', () => {
    const members = { recommendedCurve: RecommendedCurve.P_256, d: BigInt(`0x${P256_D}`) };
    const material = encodeTransparentKey(Format.TransparentECPrivateKey, members, STORAGE_DIALECT);
    const block = keyBlock(Format.TransparentECPrivateKey, material);
    expect(hexOf(crypto.convertKey(PrivateKey, block, Format.ECPrivateKey))).toBe(P256_SEC1);
  });

  it.each([
    ['ECDSA', Algorithm.ECDSA, 256],
    ['ECDH', Algorithm.ECDH, 256],
    ['ECMQV', Algorithm.ECMQV, 256],
  ])('are what they are declared to be: %s', (_what, algorithm, lengthBits) => {
    const block = keyBlock(Format.X_509, secret(P256_SPKI), algorithm, lengthBits);
    expect(crypto.inspectKey(PublicKey, block)).toEqual({ ...P256, algorithm });
  });

  it.each([
    [Algorithm.RSA, 256],
    [Algorithm.Ed25519, 256],
    [Algorithm.AES, 256],
    [Algorithm.EC, 384],
    [Algorithm.EC, 255 - 8],
  ])('are not algorithm %d of %d bits', (algorithm, lengthBits) => {
    const block = keyBlock(Format.X_509, secret(P256_SPKI), algorithm, lengthBits);
    expect(codeOf(() => crypto.inspectKey(PublicKey, block))).toBe('InvalidField');
  });
});

describe('unusual keys', () => {
  it('over curves that KMIP does not list have no length', () => {
    const facts = { algorithm: Algorithm.EC, lengthBits: undefined, curve: undefined };
    expect(crypto.inspectKey(PrivateKey, keyBlock(Format.PKCS_8, der(unlisted.privateKey, 'pkcs8')))).toEqual(
      facts,
    );
    expect(crypto.inspectKey(PublicKey, keyBlock(Format.X_509, der(unlisted.publicKey, 'spki')))).toEqual(
      facts,
    );
    const declared = keyBlock(Format.PKCS_8, der(unlisted.privateKey, 'pkcs8'), Algorithm.EC, 256);
    expect(crypto.inspectKey(PrivateKey, declared)).toEqual({ ...facts, lengthBits: 256 });
    const code = codeOf(() => crypto.convertKey(PrivateKey, declared, Format.TransparentECPrivateKey));
    expect(code).toBe('KeyFormatTypeNotSupported');
  });

  it('with explicit curve parameters are known by their curve', () => {
    for (const [objectType, format, key] of [
      [PrivateKey, Format.PKCS_8, der(explicit.privateKey, 'pkcs8')],
      [PrivateKey, Format.ECPrivateKey, der(explicit.privateKey, 'sec1')],
      [PublicKey, Format.X_509, der(explicit.publicKey, 'spki')],
    ] as const) {
      expect(crypto.inspectKey(objectType, keyBlock(format, key)).curve).toBe(RecommendedCurve.P_256);
    }
  });

  it('for RSASSA-PSS alone are RSA keys', () => {
    const block = keyBlock(Format.PKCS_8, der(rsaPss.privateKey, 'pkcs8'));
    expect(crypto.inspectKey(PrivateKey, block)).toMatchObject({
      algorithm: Algorithm.RSA,
      lengthBits: 1024,
    });
    const pkcs1 = crypto.convertKey(PrivateKey, block, Format.PKCS_1);
    expect(crypto.inspectKey(PrivateKey, pkcs1)).toMatchObject({
      algorithm: Algorithm.RSA,
      lengthBits: 1024,
    });
  });

  it('without a public key in ECPrivateKey', () => {
    const block = keyBlock(Format.ECPrivateKey, secret(`30310201010420${P256_D}a00a06082a8648ce3d030107`));
    expect(crypto.inspectKey(PrivateKey, block)).toMatchObject({ curve: RecommendedCurve.P_256 });
    expect(hexOf(crypto.convertKey(PrivateKey, block, Format.TransparentECPrivateKey))).toContain(P256_D);
  });

  it('that are encrypted PKCS#8 are taken as they are declared', () => {
    const encrypted = rsa.privateKey.export({
      format: 'der',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    const block = keyBlock(Format.PKCS_8, new SecretBytes(encrypted), Algorithm.RSA, 1024);
    expect(crypto.inspectKey(PrivateKey, block)).toMatchObject({
      algorithm: Algorithm.RSA,
      lengthBits: 1024,
    });
    expect(codeOf(() => crypto.convertKey(PrivateKey, block, Format.PKCS_1))).toBe(
      'KeyFormatTypeNotSupported',
    );
  });
});

describe('symmetric keys', () => {
  const inspect = (lengthBytes: number, algorithm?: Algorithm, lengthBits?: number) =>
    crypto.inspectKey(
      SymmetricKey,
      keyBlock(Format.Raw, new SecretBytes(Buffer.alloc(lengthBytes, 1)), algorithm, lengthBits),
    );

  it.each([
    [16, undefined, undefined, 128],
    [16, undefined, 128, 128],
    [16, Algorithm.AES, undefined, 128],
    [32, Algorithm.AES, 256, 256],
    [16, Algorithm.DES3, undefined, 112],
    [24, Algorithm.DES3, undefined, 168],
    [24, Algorithm.DES3, 168, 168],
    [24, Algorithm.DES3, 192, 192],
    [24, Algorithm.DES3, 112, 112],
    [8, Algorithm.DES, 56, 56],
    [8, Algorithm.DES, 64, 64],
    [5, Algorithm.RC4, 40, 40],
    [1, Algorithm.HMAC_SHA1, 8, 8],
    [2000, Algorithm.HMAC_SHA512, undefined, 16000],
  ])(
    'of %d bytes, declared as algorithm %s with %s bits, have %d bits',
    (bytes, algorithm, declared, lengthBits) => {
      expect(inspect(bytes, algorithm, declared)).toEqual({ algorithm, lengthBits, curve: undefined });
    },
  );

  it.each([
    [0, undefined, undefined],
    [16, undefined, 256],
    [16, Algorithm.AES, 256],
    [32, Algorithm.AES, 128],
    [17, Algorithm.AES, undefined],
    [5, Algorithm.AES, 40],
    [24, Algorithm.DES3, 128],
    [8, Algorithm.DES3, undefined],
    [8, Algorithm.DES, 72],
    [8, Algorithm.DES, -1],
    [32, Algorithm.HMAC_SHA256, 248],
    [32, Algorithm.RSA, 256],
  ])('of %d bytes are not algorithm %s with %s bits', (bytes, algorithm, declared) => {
    expect(codeOf(() => inspect(bytes, algorithm, declared))).toBe('InvalidField');
  });
});

describe('what is not looked into', () => {
  const declared = { algorithm: Algorithm.AES, lengthBits: 256, curve: undefined };
  it.each([
    ['a wrapped key', SymmetricKey, { keyFormatType: Format.Raw, keyValue: { encoded: secret('00') } }],
    ['a key kept elsewhere', SymmetricKey, { keyFormatType: Format.Raw }],
    ['an opaque key', SymmetricKey, keyBlock(Format.Opaque, secret('00'))],
    ['a raw private key', PrivateKey, keyBlock(Format.Raw, secret('00'))],
    ['a secret', SecretData, keyBlock(Format.Raw, secret('00'))],
    ['a share of a key', ObjectType.SplitKey, keyBlock(Format.Raw, secret('00'))],
    ['a PGP key', ObjectType.PGPKey, keyBlock(Format.Raw, secret('00'))],
  ])('is what it is declared to be: %s', (_what, objectType, block) => {
    const whole = { ...block, cryptographicAlgorithm: Algorithm.AES, cryptographicLengthBits: 256 };
    expect(crypto.inspectKey(objectType, whole)).toEqual(declared);
  });

  it('is looked into where the value stands in clear beside a signature', () => {
    const keyWrappingData = { wrappingMethod: WrappingMethod.MACSign };
    const block = { ...keyBlock(Format.Raw, secret('00'), Algorithm.AES, 256), keyWrappingData };
    expect(codeOf(() => crypto.inspectKey(SymmetricKey, block))).toBe('InvalidField');
  });
});

describe('malformed keys', () => {
  const structure = { tag: 0x420043, type: ItemType.Structure, value: [] } as const;
  const changed = (hex: string, from: string, to: string) => {
    expect(hex).toContain(from);
    return secret(hex.replace(from, to));
  };
  /** Working out the public key alone would take OpenSSL minutes. */
  const hugeDsa = sequence(
    unsigned(0n),
    sequence(oid('1.2.840.10040.4.1'), sequence(...[(1n << 60000n) + 1n, 2n, 3n].map(unsigned))),
    element(DER.octetString, unsigned((1n << 59999n) - 1n)),
  );

  it.each([
    ['a public key as a private one', PrivateKey, Format.PKCS_1, der(rsa.publicKey, 'pkcs1')],
    ['a private key as a public one', PublicKey, Format.PKCS_1, der(rsa.privateKey, 'pkcs1')],
    ['PKCS#8 as PKCS#1', PrivateKey, Format.PKCS_1, der(rsa.privateKey, 'pkcs8')],
    ['PKCS#1 as PKCS#8', PrivateKey, Format.PKCS_8, der(rsa.privateKey, 'pkcs1')],
    ['X.509 as PKCS#1', PublicKey, Format.PKCS_1, der(rsa.publicKey, 'spki')],
    ['PKCS#1 as X.509', PublicKey, Format.X_509, der(rsa.publicKey, 'pkcs1')],
    ['PKCS#8 as X.509', PublicKey, Format.X_509, der(rsa.privateKey, 'pkcs8')],
    ['ECPrivateKey as PKCS#8', PrivateKey, Format.PKCS_8, secret(P256_SEC1)],
    ['ECPrivateKey as PKCS#1', PrivateKey, Format.PKCS_1, secret(P256_SEC1)],
    ['PKCS#8 as ECPrivateKey', PrivateKey, Format.ECPrivateKey, der(explicit.privateKey, 'pkcs8')],
    ['nothing as PKCS#8', PrivateKey, Format.PKCS_8, secret('')],
    ['nothing as opaque', PrivateKey, Format.Opaque, secret('')],
    ['text as X.509', PublicKey, Format.X_509, new SecretBytes(Buffer.from('-----BEGIN PUBLIC KEY-----'))],
    ['a structure as Raw', SymmetricKey, Format.Raw, structure],
    ['a structure as Opaque', SymmetricKey, Format.Opaque, structure],
    ['a structure as PKCS#8', PrivateKey, Format.PKCS_8, structure],
    ['bytes as Transparent Symmetric Key', SymmetricKey, Format.TransparentSymmetricKey, secret('00')],
    ['bytes as Transparent EC Public Key', PublicKey, Format.TransparentECPublicKey, secret('00')],
    ['another private value', PrivateKey, Format.ECPrivateKey, changed(P256_SEC1, 'c9af', 'c9ae')],
    ['a private value of zero', PrivateKey, Format.ECPrivateKey, changed(P256_SEC1, P256_D, '00'.repeat(32))],
    [
      'a private value beyond the order',
      PrivateKey,
      Format.ECPrivateKey,
      changed(P256_SEC1, P256_D, 'ff'.repeat(32)),
    ],
    ['a point off the curve', PublicKey, Format.X_509, changed(P256_SPKI, '2299', '2298')],
    [
      'a point at infinity',
      PublicKey,
      Format.X_509,
      secret('3019301306072a8648ce3d020106082a8648ce3d03010703020000'),
    ],
    ['another curve', PublicKey, Format.X_509, changed(P256_SPKI, '3d030107', '3d030101')],
    ['an unknown algorithm', PublicKey, Format.X_509, changed(ED25519_SPKI, '2b6570', '2b6575')],
    [
      'a short Ed25519 key',
      PrivateKey,
      Format.PKCS_8,
      secret(`302d020100300506032b65700421041f${'00'.repeat(31)}`),
    ],
    ['a length of its own kind', PublicKey, Format.X_509, changed(P256_SPKI, '3059', '308159')],
    ['an indefinite length', PublicKey, Format.X_509, secret(`3080${P256_SPKI.slice(4)}0000`)],
    ['a length beyond the end', PublicKey, Format.X_509, changed(P256_SPKI, '3059', '305a')],
    ['an endless tag', PublicKey, Format.X_509, secret('3f8181818101')],
    ['a DSA key beyond all bounds', PrivateKey, Format.PKCS_8, new SecretBytes(hugeDsa)],
    ['more than any key has', PrivateKey, Format.PKCS_8, new SecretBytes(Buffer.alloc(100_000, 0x30))],
  ])('%s', (_what, objectType, format, material) => {
    expect(codeOf(() => crypto.inspectKey(objectType, keyBlock(format, material)))).toBe('InvalidField');
  });

  it.each([
    [PrivateKey, Format.X_509],
    [PublicKey, Format.PKCS_8],
    [PublicKey, Format.ECPrivateKey],
    [PrivateKey, Format.PKCS_12],
    [PublicKey, Format.TransparentRSAPrivateKey],
    [SymmetricKey, Format.PKCS_8],
    [SecretData, Format.TransparentSymmetricKey],
  ])('objects of type %d do not have format %d', (objectType, format) => {
    const code = codeOf(() => crypto.inspectKey(objectType, keyBlock(format, secret('3000'))));
    expect(code).toBe('KeyFormatTypeNotSupported');
  });

  it.each([
    ['DSA: g is 1', { g: 1n }],
    ['DSA: p is even', { p: 1n << 1023n }],
    ['DSA: q does not divide p - 1', { q: 5n }],
    ['DSA: x is negative', { x: -1n }],
    ['DSA: x is not below p', { x: 1n << 1024n }],
    ['DSA: p is longer than can be computed with', { p: (1n << 10000n) + 1n }],
  ])('transparent %s', (_what, change) => {
    const block = keyBlock(Format.PKCS_8, der(dsa.privateKey, 'pkcs8'));
    const transparent = crypto.convertKey(PrivateKey, block, Format.TransparentDSAPrivateKey);
    const members = { p: 23n, q: 11n, g: 4n, x: 3n, ...change };
    const material = encodeTransparentKey(Format.TransparentDSAPrivateKey, members, STORAGE_DIALECT);
    const changedBlock = keyBlock(Format.TransparentDSAPrivateKey, material);
    expect(codeOf(() => crypto.inspectKey(PrivateKey, transparent))).toBe('none');
    expect(codeOf(() => crypto.inspectKey(PrivateKey, changedBlock))).toBe('InvalidField');
  });

  const samples = [
    {
      what: 'PKCS#1 private',
      objectType: PrivateKey,
      format: Format.PKCS_1,
      key: der(rsa.privateKey, 'pkcs1'),
    },
    { what: 'PKCS#8', objectType: PrivateKey, format: Format.PKCS_8, key: der(rsa.privateKey, 'pkcs8') },
    { what: 'PKCS#8 DSA', objectType: PrivateKey, format: Format.PKCS_8, key: der(dsa.privateKey, 'pkcs8') },
    { what: 'ECPrivateKey', objectType: PrivateKey, format: Format.ECPrivateKey, key: secret(P256_SEC1) },
    { what: 'Ed25519', objectType: PrivateKey, format: Format.PKCS_8, key: secret(ED25519_PKCS8) },
    { what: 'PKCS#1 public', objectType: PublicKey, format: Format.PKCS_1, key: der(rsa.publicKey, 'pkcs1') },
    { what: 'X.509', objectType: PublicKey, format: Format.X_509, key: secret(P256_SPKI) },
    { what: 'X.509 DSA', objectType: PublicKey, format: Format.X_509, key: der(dsa.publicKey, 'spki') },
  ];

  it.each(samples)('$what, cut anywhere or made longer', ({ objectType, format, key }) => {
    const whole = bytes(key);
    for (let length = 0; length < whole.length; length++) {
      const cut = SecretBytes.copyOf(whole.subarray(0, length));
      expect(codeOf(() => crypto.inspectKey(objectType, keyBlock(format, cut)))).toBe('InvalidField');
    }
    for (const tail of ['00', '0500', '3000']) {
      const longer = new SecretBytes(Buffer.concat([whole, Buffer.from(tail, 'hex')]));
      expect(codeOf(() => crypto.inspectKey(objectType, keyBlock(format, longer)))).toBe('InvalidField');
    }
  });

  it.each(samples)(
    '$what, with any byte changed, is refused or is another key',
    ({ objectType, format, key }) => {
      const whole = bytes(key);
      const outcomes = new Set<string>();
      for (let index = 0; index < whole.length; index++) {
        const bad = Buffer.from(whole);
        bad[index] = (bad[index] ?? 0) ^ (1 << (index % 8));
        outcomes.add(codeOf(() => crypto.inspectKey(objectType, keyBlock(format, new SecretBytes(bad)))));
      }
      outcomes.delete('none');
      expect([...outcomes]).toEqual(['InvalidField']);
    },
  );

  it.each(samples.filter(({ format }) => format === Format.PKCS_1 || format === Format.ECPrivateKey))(
    '$what, with any byte of a private key changed, is no key',
    ({ objectType, format, key }) => {
      if (objectType !== PrivateKey) return;
      const whole = bytes(key);
      for (let index = 0; index < whole.length; index++) {
        const bad = Buffer.from(whole);
        bad[index] = (bad[index] ?? 0) ^ (1 << (index % 8));
        const code = codeOf(() => crypto.inspectKey(objectType, keyBlock(format, new SecretBytes(bad))));
        expect({ index, code }).toEqual({ index, code: 'InvalidField' });
      }
    },
  );

  it('of random bytes are refused in every format', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (random) => {
        for (const { objectType, format } of samples) {
          const block = keyBlock(format, SecretBytes.copyOf(random));
          expect(codeOf(() => crypto.inspectKey(objectType, block))).toBe('InvalidField');
        }
      }),
      { numRuns: 200 },
    );
  });
});
