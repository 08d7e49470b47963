import { generatePrimeSync } from 'node:crypto';
import {
  CryptographicAlgorithm as Algorithm,
  KeyCompressionType as Compression,
  KeyFormatType as Format,
  ObjectType,
  RecommendedCurve,
  STORAGE_DIALECT,
  decodeTransparentKey,
  encodeTransparentKey,
  isTransparentKeyFormat,
  type KeyBlock,
  type TransparentKey,
  type TransparentKeyFormat,
} from '@holdfast/kmip';
import { decodeTtlv, ItemType, SecretBytes } from '@holdfast/ttlv';
import { createCrypto } from '../src';
import { CURVES } from '../src/curves';
import { greatestCommonDivisor, modularInverse } from '../src/keys/modular';
import { completeRsaPrivateKey } from '../src/keys/rsa';
import { blockOf, codeOf, hexOf, keyBlock, pairOf, secret } from './support';

const crypto = createCrypto();
const { PrivateKey, PublicKey, SymmetricKey } = ObjectType;

function transparentOf<F extends TransparentKeyFormat>(format: F, block: KeyBlock): TransparentKey<F> {
  const { keyValue } = block;
  if (keyValue === undefined || 'encoded' in keyValue || keyValue.keyMaterial instanceof SecretBytes) {
    throw new Error('no transparent key');
  }
  return decodeTransparentKey(format, keyValue.keyMaterial, STORAGE_DIALECT);
}

const FORMATS: readonly {
  what: string;
  algorithm: Algorithm;
  asked: Parameters<typeof pairOf>[2];
  privateFormats: readonly Format[];
  publicFormats: readonly Format[];
}[] = [
  {
    what: 'RSA',
    algorithm: Algorithm.RSA,
    asked: { lengthBits: 1024 },
    privateFormats: [Format.PKCS_1, Format.PKCS_8, Format.TransparentRSAPrivateKey],
    publicFormats: [Format.PKCS_1, Format.X_509, Format.TransparentRSAPublicKey],
  },
  ...[RecommendedCurve.P_256, RecommendedCurve.P_521, RecommendedCurve.K_163, RecommendedCurve.SECP160R1].map(
    (curve) => ({
      what: `EC over curve ${curve}`,
      algorithm: Algorithm.EC,
      asked: { curve },
      privateFormats: [
        Format.PKCS_8,
        Format.ECPrivateKey,
        Format.TransparentECPrivateKey,
        Format.TransparentECDSAPrivateKey,
        Format.TransparentECDHPrivateKey,
        Format.TransparentECMQVPrivateKey,
      ],
      publicFormats: [
        Format.X_509,
        Format.TransparentECPublicKey,
        Format.TransparentECDSAPublicKey,
        Format.TransparentECDHPublicKey,
        Format.TransparentECMQVPublicKey,
      ],
    }),
  ),
  {
    what: 'DSA',
    algorithm: Algorithm.DSA,
    asked: { lengthBits: 1024 },
    privateFormats: [Format.PKCS_8, Format.TransparentDSAPrivateKey],
    publicFormats: [Format.X_509, Format.TransparentDSAPublicKey],
  },
  {
    what: 'DH',
    algorithm: Algorithm.DH,
    asked: { lengthBits: 1536 },
    privateFormats: [Format.PKCS_8, Format.TransparentDHPrivateKey],
    publicFormats: [Format.X_509, Format.TransparentDHPublicKey],
  },
  {
    what: 'Ed25519',
    algorithm: Algorithm.Ed25519,
    asked: {},
    privateFormats: [Format.PKCS_8],
    publicFormats: [Format.X_509],
  },
];

describe.each(FORMATS)('$what keys', ({ algorithm, asked, privateFormats, publicFormats }) => {
  let pair: { privateKey: KeyBlock; publicKey: KeyBlock };
  beforeAll(async () => {
    pair = await pairOf(crypto, algorithm, asked);
  });

  it.each([
    [PrivateKey, privateFormats],
    [PublicKey, publicFormats],
  ] as const)(
    'come back the same from every format and to every format (object type %d)',
    (objectType, formats) => {
      const original = objectType === PrivateKey ? pair.privateKey : pair.publicKey;
      const facts = crypto.inspectKey(objectType, original);
      for (const first of formats) {
        const there = crypto.convertKey(objectType, original, first);
        expect(there.keyFormatType).toBe(first);
        expect(crypto.inspectKey(objectType, there)).toEqual(facts);
        for (const second of formats) {
          const onward = crypto.convertKey(objectType, there, second);
          expect(hexOf(onward)).toBe(hexOf(crypto.convertKey(objectType, original, second)));
          const back = crypto.convertKey(objectType, onward, original.keyFormatType);
          expect(hexOf(back)).toBe(hexOf(original));
        }
      }
    },
  );

  it('have no other format', () => {
    for (const format of Object.values(Format)) {
      if (!privateFormats.includes(format)) {
        const code = codeOf(() => crypto.convertKey(PrivateKey, pair.privateKey, format));
        expect(code).toBe('KeyFormatTypeNotSupported');
      }
      if (!publicFormats.includes(format)) {
        const code = codeOf(() => crypto.convertKey(PublicKey, pair.publicKey, format));
        expect(code).toBe('KeyFormatTypeNotSupported');
      }
    }
  });

  it('keep what stands beside the material', () => {
    const keyValue = pair.publicKey.keyValue;
    if (keyValue === undefined || 'encoded' in keyValue) throw new Error('no plain key value');
    const attributes = [{ key: 'Comment', value: 'kept' }] as const;
    const block = { ...pair.publicKey, keyValue: { ...keyValue, attributes } };
    for (const format of publicFormats) {
      expect(crypto.convertKey(PublicKey, block, format)).toMatchObject({
        cryptographicAlgorithm: algorithm,
        cryptographicLengthBits: pair.publicKey.cryptographicLengthBits,
        keyValue: { attributes },
      });
    }
  });
});

describe('keys over every curve', () => {
  it('come back from their transparent form', async () => {
    for (const { curve } of CURVES) {
      const { privateKey, publicKey } = await pairOf(crypto, Algorithm.EC, { curve });
      const transparentPrivate = crypto.convertKey(PrivateKey, privateKey, Format.TransparentECPrivateKey);
      expect(hexOf(crypto.convertKey(PrivateKey, transparentPrivate, Format.PKCS_8))).toBe(hexOf(privateKey));
      const transparentPublic = crypto.convertKey(PublicKey, publicKey, Format.TransparentECPublicKey);
      expect(transparentOf(Format.TransparentECPublicKey, transparentPublic).recommendedCurve).toBe(curve);
      expect(hexOf(crypto.convertKey(PublicKey, transparentPublic, Format.X_509))).toBe(hexOf(publicKey));
    }
  });
});

describe('points of public keys', () => {
  it.each([
    [RecommendedCurve.P_256, Compression.ECPublicKeyTypeX9_62CompressedPrime],
    [RecommendedCurve.SECP256K1, Compression.ECPublicKeyTypeX9_62Hybrid],
    [RecommendedCurve.BRAINPOOLP320R1, Compression.ECPublicKeyTypeX9_62CompressedPrime],
    [RecommendedCurve.B_283, Compression.ECPublicKeyTypeX9_62CompressedChar2],
    [RecommendedCurve.ANSIX9C2TNB191V1, Compression.ECPublicKeyTypeX9_62Hybrid],
  ])('over curve %d take compression %d and lose it again', async (curve, compression) => {
    const { publicKey } = await pairOf(crypto, Algorithm.EC, { curve });
    for (const format of [Format.X_509, Format.TransparentECPublicKey]) {
      const compressed = crypto.convertKey(PublicKey, publicKey, format, compression);
      expect(compressed).toMatchObject({ keyFormatType: format, keyCompressionType: compression });
      expect(crypto.inspectKey(PublicKey, compressed)).toEqual(crypto.inspectKey(PublicKey, publicKey));
      const uncompressed = crypto.convertKey(
        PublicKey,
        compressed,
        Format.X_509,
        Compression.ECPublicKeyTypeUncompressed,
      );
      expect(hexOf(uncompressed)).toBe(hexOf(publicKey));
      if (format !== Format.X_509) {
        expect(hexOf(crypto.convertKey(PublicKey, compressed, Format.X_509))).toBe(hexOf(publicKey));
      }
    }
  });

  it.each([
    [RecommendedCurve.P_256, Compression.ECPublicKeyTypeX9_62CompressedPrime],
    [RecommendedCurve.B_283, Compression.ECPublicKeyTypeX9_62CompressedChar2],
  ])('over curve %d are of the Key Compression Type that they say', async (curve, compression) => {
    const { publicKey } = await pairOf(crypto, Algorithm.EC, { curve });
    const forms = [
      Compression.ECPublicKeyTypeUncompressed,
      compression,
      Compression.ECPublicKeyTypeX9_62Hybrid,
    ];
    const all = Object.values(Compression);
    for (const format of [Format.X_509, Format.TransparentECPublicKey]) {
      for (const form of forms) {
        const block = crypto.convertKey(PublicKey, publicKey, format, form);
        const taken = all.filter(
          (keyCompressionType) =>
            codeOf(() => crypto.inspectKey(PublicKey, { ...block, keyCompressionType })) === 'none',
        );
        expect(taken).toEqual([form]);
        expect(codeOf(() => crypto.inspectKey(PublicKey, { ...block, keyCompressionType: undefined }))).toBe(
          'none',
        );
      }
    }
  });

  it('have the length of their form', async () => {
    const { publicKey } = await pairOf(crypto, Algorithm.EC, { curve: RecommendedCurve.P_256 });
    const lengthIn = (compression?: Compression) => {
      const block = crypto.convertKey(PublicKey, publicKey, Format.TransparentECPublicKey, compression);
      return transparentOf(Format.TransparentECPublicKey, block).qString.length;
    };
    expect(lengthIn()).toBe(65);
    expect(lengthIn(Compression.ECPublicKeyTypeUncompressed)).toBe(65);
    expect(lengthIn(Compression.ECPublicKeyTypeX9_62Hybrid)).toBe(65);
    expect(lengthIn(Compression.ECPublicKeyTypeX9_62CompressedPrime)).toBe(33);
  });

  it('are refused what they do not have', async () => {
    const prime = await pairOf(crypto, Algorithm.EC, { curve: RecommendedCurve.P_256 });
    const binary = await pairOf(crypto, Algorithm.EC, { curve: RecommendedCurve.K_283 });
    const edwards = await pairOf(crypto, Algorithm.Ed25519);
    const char2 = Compression.ECPublicKeyTypeX9_62CompressedChar2;
    const compressed = Compression.ECPublicKeyTypeX9_62CompressedPrime;
    for (const [objectType, block, compression] of [
      [PublicKey, prime.publicKey, char2],
      [PublicKey, binary.publicKey, compressed],
      [PublicKey, edwards.publicKey, compressed],
      [PrivateKey, prime.privateKey, compressed],
      [SymmetricKey, blockOf(crypto.generateSymmetricKey(Algorithm.AES, 128)), compressed],
    ] as const) {
      const code = codeOf(() => crypto.convertKey(objectType, block, block.keyFormatType, compression));
      expect(code).toBe('KeyCompressionTypeNotSupported');
    }
  });
});

describe('symmetric keys', () => {
  const raw = keyBlock(Format.Raw, secret('000102030405060708090a0b0c0d0e0f'), Algorithm.AES, 128);

  it('go between Raw and Transparent', () => {
    const transparent = crypto.convertKey(SymmetricKey, raw, Format.TransparentSymmetricKey);
    expect(transparentOf(Format.TransparentSymmetricKey, transparent).key.length).toBe(16);
    expect(crypto.inspectKey(SymmetricKey, transparent)).toEqual(crypto.inspectKey(SymmetricKey, raw));
    expect(hexOf(crypto.convertKey(SymmetricKey, transparent, Format.Raw))).toBe(hexOf(raw));
  });

  it('have no other format', () => {
    for (const format of Object.values(Format)) {
      if (format === Format.Raw || format === Format.TransparentSymmetricKey) continue;
      expect(codeOf(() => crypto.convertKey(SymmetricKey, raw, format))).toBe('KeyFormatTypeNotSupported');
    }
  });
});

describe('what is not converted', () => {
  it('stays the same block in its own format, whatever it holds', () => {
    const opaque = keyBlock(Format.Opaque, secret('00'));
    expect(crypto.convertKey(PrivateKey, opaque, Format.Opaque)).toBe(opaque);
  });

  it('is refused where nothing is known of it, or it is wrapped or kept elsewhere', () => {
    const wrapped: KeyBlock = { keyFormatType: Format.PKCS_8, keyValue: { encoded: secret('00') } };
    for (const [objectType, block] of [
      [PrivateKey, wrapped],
      [PrivateKey, { keyFormatType: Format.PKCS_8 }],
      [PrivateKey, keyBlock(Format.Opaque, secret('00'))],
      [PrivateKey, keyBlock(Format.Raw, secret('00'))],
      [ObjectType.SecretData, keyBlock(Format.Raw, secret('00'))],
    ] as const) {
      expect(codeOf(() => crypto.convertKey(objectType, block, Format.PKCS_1))).toBe(
        'KeyFormatTypeNotSupported',
      );
    }
  });
});

describe('key material as bytes', () => {
  it('is the bytes themselves, in a copy', () => {
    const block = keyBlock(Format.Raw, secret('0102'));
    const bytes = crypto.keyMaterialBytes(block);
    expect(bytes.reveal().toString('hex')).toBe('0102');
    bytes.destroy();
    expect(hexOf(block)).toBe('0102');
  });

  it('is the TTLV of a structure, tag and all (KMIP 1.4 section 3.17)', () => {
    const material = encodeTransparentKey(
      Format.TransparentSymmetricKey,
      { key: secret('0102') },
      STORAGE_DIALECT,
    );
    const bytes = crypto.keyMaterialBytes(keyBlock(Format.TransparentSymmetricKey, material));
    expect(bytes.reveal().toString('hex')).toBe('420043010000001042003f08000000020102000000000000');
    expect(decodeTtlv(bytes.reveal())).toMatchObject({ type: ItemType.Structure });
  });

  it('is not there where the key is wrapped or kept elsewhere', () => {
    const wrapped: KeyBlock = { keyFormatType: Format.Raw, keyValue: { encoded: secret('00') } };
    for (const block of [wrapped, { keyFormatType: Format.Raw }]) {
      expect(codeOf(() => crypto.keyMaterialBytes(block))).toBe('KeyValueNotPresent');
    }
  });
});

describe('Transparent RSA Private Keys that leave members out', () => {
  type Members = TransparentKey<typeof Format.TransparentRSAPrivateKey>;
  let whole: Members;
  /** By way of PKCS#1, which has no optional members. */
  const convert = (members: Members) => {
    const material = encodeTransparentKey(Format.TransparentRSAPrivateKey, members, STORAGE_DIALECT);
    const block = keyBlock(Format.TransparentRSAPrivateKey, material, Algorithm.RSA, 1024);
    const pkcs1 = crypto.convertKey(PrivateKey, block, Format.PKCS_1);
    return transparentOf(
      Format.TransparentRSAPrivateKey,
      crypto.convertKey(PrivateKey, pkcs1, Format.TransparentRSAPrivateKey),
    );
  };
  /** There is more than one private exponent for the same primes, and either prime may be called P. */
  const normal = ({ p = 0n, q = 0n, primeExponentP = 0n, primeExponentQ = 0n, ...rest }: Members) => ({
    primes: [
      { prime: p, exponent: primeExponentP },
      { prime: q, exponent: primeExponentQ },
    ].sort((a, b) => (a.prime < b.prime ? -1 : 1)),
    modulus: rest.modulus,
    publicExponent: rest.publicExponent,
  });
  beforeAll(async () => {
    const { privateKey } = await pairOf(crypto, Algorithm.RSA, { lengthBits: 1024 });
    const block = crypto.convertKey(PrivateKey, privateKey, Format.TransparentRSAPrivateKey);
    whole = transparentOf(Format.TransparentRSAPrivateKey, block);
  });

  it.each<[string, readonly (keyof Members)[]]>([
    ['Private and Public Exponent', ['privateExponent', 'publicExponent']],
    ['Private Exponent alone', ['privateExponent']],
    ['P and Q', ['p', 'q']],
    ['P and Private Exponent', ['p', 'privateExponent']],
    ['Q and Public Exponent', ['q', 'publicExponent']],
    ['Prime Exponents', ['primeExponentP', 'primeExponentQ']],
    ['Prime Exponents and Public Exponent', ['primeExponentP', 'primeExponentQ', 'publicExponent']],
    ['Private and Prime Exponents', ['privateExponent', 'primeExponentP', 'primeExponentQ']],
  ])('are completed from %s', (_what, kept) => {
    const given = Object.fromEntries(kept.map((name) => [name, whole[name]]));
    const completed = convert({ modulus: whole.modulus, ...given });
    expect(normal(completed)).toEqual(normal(whole));
    expect(completed).toMatchObject(given);
  });

  it('are completed from exponents of either kind, whatever P - 1 and Q - 1 have in common', () => {
    const publicExponent = 65537n;
    for (const add of [2n, 6n, 2n * 1009n * 1013n]) {
      const prime = (): bigint => {
        const found = generatePrimeSync(256, { add, rem: 1n, bigint: true });
        return found % publicExponent === 1n ? prime() : found;
      };
      const [p, q] = [prime(), prime()];
      const order = (p - 1n) * (q - 1n);
      const common = greatestCommonDivisor(p - 1n, q - 1n);
      for (const multiple of [order, order / common, (2n * order) / common]) {
        const privateExponent = modularInverse(publicExponent, multiple);
        const completed = completeRsaPrivateKey({ modulus: p * q, publicExponent, privateExponent });
        expect([completed.p, completed.q].sort()).toEqual([p, q].sort());
      }
    }
  });

  it('are refused where the modulus is a prime, without trying for seconds', () => {
    const modulus = 2n ** 3217n - 1n;
    const publicExponent = 65537n;
    const exponent = modularInverse(publicExponent, modulus - 1n);
    for (const given of [{ privateExponent: exponent }, { primeExponentP: exponent }])
      expect(codeOf(() => convert({ modulus, publicExponent, ...given }))).toBe('InvalidField');
  });

  it('are refused where members do not belong together, are out of range or too few', () => {
    const refused: Members[] = [
      { modulus: whole.modulus },
      { modulus: whole.modulus, publicExponent: whole.publicExponent },
      { modulus: whole.modulus + 2n, privateExponent: whole.privateExponent },
      { modulus: whole.modulus, privateExponent: (whole.privateExponent ?? 0n) + 2n },
      { modulus: whole.modulus, privateExponent: 1n },
      { modulus: whole.modulus, primeExponentP: (whole.primeExponentP ?? 0n) + 2n },
      { modulus: whole.modulus, p: 1n, q: whole.modulus },
      { modulus: whole.modulus, p: whole.modulus, q: 1n },
      { modulus: whole.modulus, p: 0n },
      { modulus: 0n, privateExponent: 3n },
      { modulus: 4n, p: 2n, q: 2n },
      { modulus: 1n << 20000n, p: 1n << 10000n, q: 1n << 10000n },
      { modulus: (1n << 5000n) + 1n, privateExponent: whole.privateExponent },
      ...(Object.keys(whole) as (keyof Members)[]).flatMap((name) => [
        { ...whole, [name]: (whole[name] ?? 0n) + 2n },
        { ...whole, [name]: -(whole[name] ?? 0n) },
        { ...whole, [name]: 0n },
      ]),
    ];
    for (const members of refused) expect(codeOf(() => convert(members))).toBe('InvalidField');
  });
});

describe('Transparent DH keys with a subgroup', () => {
  // p = 2q + 1 of RFC 3526 section 2; the cofactor J is 2.
  it('keep Q and J through PKCS#8 and X.509', async () => {
    const { privateKey, publicKey } = await pairOf(crypto, Algorithm.DH, { lengthBits: 1536 });
    const { x, p, g } = transparentOf(
      Format.TransparentDHPrivateKey,
      crypto.convertKey(PrivateKey, privateKey, Format.TransparentDHPrivateKey),
    );
    const { y } = transparentOf(
      Format.TransparentDHPublicKey,
      crypto.convertKey(PublicKey, publicKey, Format.TransparentDHPublicKey),
    );
    const q = (p - 1n) / 2n;
    // 4 is a square, so it generates the subgroup of order q; x stays below q.
    const square = g * g;
    for (const given of [{ q }, { q, j: 2n }, { j: 2n }]) {
      const material = encodeTransparentKey(
        Format.TransparentDHPrivateKey,
        { p, g: square, x: x % q, ...given },
        STORAGE_DIALECT,
      );
      const block = keyBlock(Format.TransparentDHPrivateKey, material, Algorithm.DH, 1536);
      const pkcs8 = crypto.convertKey(PrivateKey, block, Format.PKCS_8);
      expect(crypto.inspectKey(PrivateKey, pkcs8)).toMatchObject({
        algorithm: Algorithm.DH,
        lengthBits: 1536,
      });
      const back = crypto.convertKey(PrivateKey, pkcs8, Format.TransparentDHPrivateKey);
      expect(transparentOf(Format.TransparentDHPrivateKey, back)).toMatchObject({
        p,
        q,
        g: square,
        x: x % q,
      });
    }
    const material = encodeTransparentKey(Format.TransparentDHPublicKey, { p, g, q, y }, STORAGE_DIALECT);
    const block = keyBlock(Format.TransparentDHPublicKey, material, Algorithm.DH, 1536);
    const spki = crypto.convertKey(PublicKey, block, Format.X_509);
    expect(hexOf(crypto.convertKey(PublicKey, spki, Format.TransparentDHPublicKey))).toBe(hexOf(block));
  });

  it.each([{ j: 2n }, { q: 3n }])('are refused where P is longer than any prime here', (given) => {
    const numbers = { p: 2n ** 20_000n + 1n, g: 2n, x: 3n, ...given };
    const material = encodeTransparentKey(Format.TransparentDHPrivateKey, numbers, STORAGE_DIALECT);
    const block = keyBlock(Format.TransparentDHPrivateKey, material, Algorithm.DH);
    expect(codeOf(() => crypto.inspectKey(PrivateKey, block))).toBe('InvalidField');
  });
});

test('a private value is refused where computing with it would hold up others', () => {
  const p = 2n ** 8191n + 1n;
  const of = (x: bigint) => {
    const material = encodeTransparentKey(Format.TransparentDHPrivateKey, { p, g: 2n, x }, STORAGE_DIALECT);
    return keyBlock(Format.TransparentDHPrivateKey, material, Algorithm.DH);
  };
  expect(codeOf(() => crypto.inspectKey(PrivateKey, of(2n ** 1023n)))).toBe('none');
  expect(codeOf(() => crypto.inspectKey(PrivateKey, of(2n ** 8190n)))).toBe('InvalidField');
});

describe('the table of transparent formats', () => {
  it('is served whole', () => {
    for (const format of Object.values(Format).filter(isTransparentKeyFormat)) {
      const isKnown = [PrivateKey, PublicKey, SymmetricKey].some((objectType) => {
        const empty = keyBlock(format, { tag: 0x420043, type: ItemType.Structure, value: [] });
        return codeOf(() => crypto.inspectKey(objectType, empty)) === 'InvalidMessage';
      });
      expect({ format, isKnown }).toEqual({ format, isKnown: true });
    }
  });
});
