import {
  CryptographicAlgorithm as Algorithm,
  KeyFormatType,
  ObjectType,
  RecommendedCurve,
} from '@holdfast/kmip';
import { createCrypto } from '../src';
import { CURVES } from '../src/curves';
import { blockOf, codeOf, isOverAtOnce, pairOf, rejectionOf } from './support';

const crypto = createCrypto();

describe('symmetric keys', () => {
  const rows = [...crypto.algorithms.values()].filter(({ kind }) => kind !== 'asymmetric');

  it('are generated in every length of the table, and are what they are said to be', () => {
    for (const { algorithm, lengthsBits } of rows) {
      const lengths = 'min' in lengthsBits ? [lengthsBits.min, 256, lengthsBits.max] : lengthsBits;
      for (const lengthBits of lengths) {
        const key = crypto.generateSymmetricKey(algorithm, lengthBits);
        expect(key).toMatchObject({ algorithm, lengthBits, keyFormatType: KeyFormatType.Raw });
        expect(crypto.inspectKey(ObjectType.SymmetricKey, blockOf(key))).toEqual({
          algorithm,
          lengthBits,
          curve: undefined,
        });
      }
    }
  });

  it.each([
    [Algorithm.AES, 128, 16],
    [Algorithm.AES, 192, 24],
    [Algorithm.AES, 256, 32],
    [Algorithm.DES3, 112, 16],
    [Algorithm.DES3, 128, 16],
    [Algorithm.DES3, 168, 24],
    [Algorithm.DES3, 192, 24],
    [Algorithm.HMAC_SHA256, 200, 25],
  ])('of algorithm %d and %d bits have %d bytes', (algorithm, lengthBits, lengthBytes) => {
    expect(crypto.generateSymmetricKey(algorithm, lengthBits).keyMaterial).toHaveLength(lengthBytes);
  });

  it('differ from each other', () => {
    const keys = Array.from({ length: 100 }, () =>
      crypto.generateSymmetricKey(Algorithm.AES, 128).keyMaterial.reveal().toString('hex'),
    );
    expect(new Set(keys).size).toBe(100);
  });

  it('have odd parity in 3DES', () => {
    for (let round = 0; round < 20; round++) {
      for (const byte of crypto.generateSymmetricKey(Algorithm.DES3, 168).keyMaterial.reveal()) {
        expect(byte.toString(2).replaceAll('0', '').length % 2).toBe(1);
      }
    }
  });

  it.each([
    [Algorithm.AES, 0],
    [Algorithm.AES, 129],
    [Algorithm.AES, -128],
    [Algorithm.AES, 384],
    [Algorithm.DES3, 64],
    [Algorithm.HMAC_SHA256, 8],
    [Algorithm.HMAC_SHA256, 129],
    [Algorithm.HMAC_SHA256, 2 ** 31],
    [Algorithm.RSA, 2048],
    [Algorithm.Twofish, 128],
    [Algorithm.SHA3_256, 256],
  ])('are refused for algorithm %d with %d bits', (algorithm, lengthBits) => {
    expect(codeOf(() => crypto.generateSymmetricKey(algorithm, lengthBits))).toBe('InvalidField');
  });
});

describe('key pairs', () => {
  const inspected = async (...asked: Parameters<typeof pairOf> extends [unknown, ...infer R] ? R : never) => {
    const { privateKey, publicKey } = await pairOf(crypto, ...asked);
    const facts = crypto.inspectKey(ObjectType.PrivateKey, privateKey);
    expect(crypto.inspectKey(ObjectType.PublicKey, publicKey)).toEqual(facts);
    return facts;
  };

  it('exist over every curve of the table', async () => {
    for (const { curve, lengthBits } of CURVES) {
      for (const algorithm of [Algorithm.EC, Algorithm.ECDSA, Algorithm.ECDH]) {
        expect(await inspected(algorithm, { curve })).toEqual({ algorithm, lengthBits, curve });
      }
    }
  });

  it('name every curve that KMIP lists', () => {
    const others: number[] = [RecommendedCurve.CURVE25519, RecommendedCurve.CURVE448];
    const all = Object.values(RecommendedCurve).filter((curve) => !others.includes(curve));
    expect(CURVES.map(({ curve }) => curve).sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
    expect(new Set(CURVES.map(({ oid }) => oid)).size).toBe(CURVES.length);
    expect(new Set(CURVES.map(({ opensslName }) => opensslName)).size).toBe(CURVES.length);
  });

  it.each([
    [Algorithm.EC, { lengthBits: 192 }, 192, RecommendedCurve.P_192],
    [Algorithm.ECDSA, { lengthBits: 224 }, 224, RecommendedCurve.P_224],
    [Algorithm.EC, {}, 256, RecommendedCurve.P_256],
    [Algorithm.ECDH, { lengthBits: 384 }, 384, RecommendedCurve.P_384],
    [Algorithm.ECDSA, { lengthBits: 521 }, 521, RecommendedCurve.P_521],
    [Algorithm.ECDH, { curve: RecommendedCurve.CURVE25519 }, 256, RecommendedCurve.CURVE25519],
    [Algorithm.EC, { curve: RecommendedCurve.CURVE448 }, 448, RecommendedCurve.CURVE448],
    [Algorithm.Ed25519, {}, 256, RecommendedCurve.CURVE25519],
    [Algorithm.Ed25519, { curve: RecommendedCurve.CURVE25519 }, 256, RecommendedCurve.CURVE25519],
    [Algorithm.Ed448, {}, 448, RecommendedCurve.CURVE448],
    [Algorithm.RSA, { lengthBits: 1024 }, 1024, undefined],
    [Algorithm.RSA, {}, 2048, undefined],
    [Algorithm.DSA, { lengthBits: 1024 }, 1024, undefined],
    [Algorithm.DSA, { lengthBits: 1024, qLengthBits: 160 }, 1024, undefined],
    [Algorithm.DH, { lengthBits: 1536 }, 1536, undefined],
    [Algorithm.DH, {}, 2048, undefined],
  ])('of algorithm %d as %j', async (algorithm, asked, lengthBits, curve) => {
    expect(await inspected(algorithm, asked)).toEqual({ algorithm, lengthBits, curve });
  });

  it('come as PKCS#1 for RSA, else as PKCS#8 and X.509', async () => {
    const formats = async (algorithm: Algorithm) => {
      const pair = await crypto.generateKeyPair({ algorithm, lengthBits: undefined, curve: undefined });
      return [pair.privateKey.keyFormatType, pair.publicKey.keyFormatType];
    };
    expect(await formats(Algorithm.RSA)).toEqual([KeyFormatType.PKCS_1, KeyFormatType.PKCS_1]);
    for (const algorithm of [Algorithm.EC, Algorithm.Ed25519, Algorithm.DH]) {
      expect(await formats(algorithm)).toEqual([KeyFormatType.PKCS_8, KeyFormatType.X_509]);
    }
  });

  it('are generated beside each other without blocking the event loop', async () => {
    const work = Promise.all(
      [1024, 1024, 2048, 1024].map((lengthBits) => pairOf(crypto, Algorithm.RSA, { lengthBits })),
    );
    expect(await isOverAtOnce(work)).toBe(false);
    expect((await work).map(({ privateKey }) => privateKey.cryptographicLengthBits)).toEqual([
      1024, 1024, 2048, 1024,
    ]);
  });

  it.each([
    [Algorithm.AES, { lengthBits: 256 }],
    [Algorithm.ECMQV, { curve: RecommendedCurve.P_256 }],
    [Algorithm.RSA, { lengthBits: 512 }],
    [Algorithm.RSA, { lengthBits: 2049 }],
    [Algorithm.RSA, { lengthBits: 2 ** 31 - 1 }],
    [Algorithm.RSA, { curve: RecommendedCurve.P_256 }],
    [Algorithm.EC, { lengthBits: 256, curve: RecommendedCurve.P_384 }],
    [Algorithm.EC, { lengthBits: 163 }],
    [Algorithm.EC, { lengthBits: 255 }],
    [Algorithm.ECDSA, { curve: RecommendedCurve.CURVE25519 }],
    [Algorithm.Ed25519, { curve: RecommendedCurve.CURVE448 }],
    [Algorithm.Ed25519, { curve: RecommendedCurve.P_256 }],
    [Algorithm.DSA, { lengthBits: 1024, qLengthBits: 256 }],
    [Algorithm.DSA, { lengthBits: 4096 }],
    [Algorithm.DH, { lengthBits: 1024 }],
  ])('are refused for algorithm %d as %j', async (algorithm, asked) => {
    expect(await rejectionOf(pairOf(crypto, algorithm, asked))).toBe('InvalidField');
  });
});
