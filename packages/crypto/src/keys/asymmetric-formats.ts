import {
  decodeTransparentKey,
  encodeTransparentKey,
  KeyCompressionType,
  KeyFormatType as Format,
  STORAGE_DIALECT,
  type KeyFormatType,
  type KeyMaterial,
  type TransparentKey,
  type TransparentKeyFormat,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { KeyFamily } from '../algorithms';
import { readPrivateKey, readPublicKey, type AsymmetricKey } from './asymmetric-key';
import { unsignedOf } from './der';
import { compress, readEcPrivateValue, weierstrassCurve, writeEcPrivateKey, writeEcPublicKey } from './ec';
import {
  isPrimeInRange,
  readFiniteFieldKey,
  writeFiniteFieldPrivateKey,
  writeFiniteFieldPublicKey,
  type FiniteFieldKey,
} from './finite-field';
import { withKeyInfo } from './key-info';
import {
  completeRsaPrivateKey,
  readRsaPrivateKey,
  readRsaPublicKey,
  writeRsaPrivateKey,
  writeRsaPublicKey,
} from './rsa';

/** One Key Format Type of private or of public keys. */
export interface AsymmetricFormat {
  readonly keyFormatType: KeyFormatType;
  /** Whose keys have this format. */
  readonly families: readonly KeyFamily[];
  /** @throws HoldfastError InvalidField, InvalidMessage */
  read(material: KeyMaterial): AsymmetricKey;
  /** For a key of one of its families. @throws HoldfastError KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported */
  write(key: AsymmetricKey, compression: KeyCompressionType): KeyMaterial;
}

const ALL_FAMILIES: readonly KeyFamily[] = ['rsa', 'ec', 'dsa', 'dh', 'okp'];

function bytesOf(material: KeyMaterial): Buffer {
  if (material instanceof SecretBytes) return material.reveal();
  throw new HoldfastError(
    'InvalidField',
    'the Key Material is a structure where its Key Format Type has bytes',
  );
}

/** Reads a key from DER that is only made for that. */
function fromDer(der: Buffer, read: (der: Buffer) => AsymmetricKey): AsymmetricKey {
  try {
    return read(der);
  } finally {
    der.fill(0);
  }
}

/** A transparent format: between the structure's members and DER that OpenSSL reads. */
function transparent<F extends TransparentKeyFormat>(
  keyFormatType: F,
  family: KeyFamily,
  read: (members: TransparentKey<F>) => AsymmetricKey,
  write: (key: AsymmetricKey, compression: KeyCompressionType) => TransparentKey<F>,
): AsymmetricFormat {
  return {
    keyFormatType,
    families: [family],
    read(material) {
      if (material instanceof SecretBytes) {
        throw new HoldfastError(
          'InvalidField',
          'the Key Material is bytes where its Key Format Type has a structure',
        );
      }
      return read(decodeTransparentKey(keyFormatType, material, STORAGE_DIALECT));
    },
    write: (key, compression) =>
      encodeTransparentKey(keyFormatType, write(key, compression), STORAGE_DIALECT),
  };
}

function transparentEcPrivate(
  keyFormatType:
    | typeof Format.TransparentECPrivateKey
    | typeof Format.TransparentECDSAPrivateKey
    | typeof Format.TransparentECDHPrivateKey
    | typeof Format.TransparentECMQVPrivateKey,
): AsymmetricFormat {
  return transparent(
    keyFormatType,
    'ec',
    ({ recommendedCurve, d }) =>
      fromDer(writeEcPrivateKey(weierstrassCurve(recommendedCurve), d), (der) => readPrivateKey(der, 'sec1')),
    (key) =>
      withKeyInfo(key.keyObject, ({ key: ecPrivateKey }) => {
        const value = readEcPrivateValue(ecPrivateKey, undefined);
        const d = unsignedOf(value);
        value.fill(0);
        return { recommendedCurve: listedCurve(key).curve, d };
      }),
  );
}

function transparentEcPublic(
  keyFormatType:
    | typeof Format.TransparentECPublicKey
    | typeof Format.TransparentECDSAPublicKey
    | typeof Format.TransparentECDHPublicKey
    | typeof Format.TransparentECMQVPublicKey,
): AsymmetricFormat {
  return transparent(
    keyFormatType,
    'ec',
    ({ recommendedCurve, qString }) =>
      readPublicKey(writeEcPublicKey(weierstrassCurve(recommendedCurve), qString), 'spki'),
    (key, compression) => ({ recommendedCurve: listedCurve(key).curve, qString: pointOf(key, compression) }),
  );
}

function listedCurve(key: AsymmetricKey) {
  if (key.weierstrass === undefined) {
    throw new HoldfastError('KeyFormatTypeNotSupported', 'KMIP does not list the curve of this key');
  }
  return key.weierstrass;
}

function pointOf(key: AsymmetricKey, compression: KeyCompressionType): Buffer {
  return withKeyInfo(key.keyObject, (info) => compress(listedCurve(key), info.key, compression));
}

/** PKCS#3 has no room for J alone; with P it says what Q is. */
function withSubgroupOrder<K extends { p: bigint; q?: bigint | undefined; j?: bigint | undefined }>(
  key: K,
): K {
  const { p, q, j } = key;
  return q === undefined && j !== undefined && j > 0n && isPrimeInRange(p)
    ? { ...key, q: (p - 1n) / j }
    : key;
}

function finiteField(key: AsymmetricKey): FiniteFieldKey {
  return withKeyInfo(key.keyObject, readFiniteFieldKey);
}

function dsaParameters({ p, q, g }: FiniteFieldKey) {
  if (q === undefined)
    throw new HoldfastError('InternalServerError', 'a DSA key without a subgroup was read');
  return { p, q, g };
}

const PRIVATE_FORMATS: readonly AsymmetricFormat[] = [
  {
    keyFormatType: Format.PKCS_1,
    families: ['rsa'],
    read: (material) => readPrivateKey(bytesOf(material), 'pkcs1'),
    write: (key) => withKeyInfo(key.keyObject, (info) => SecretBytes.copyOf(info.key)),
  },
  {
    keyFormatType: Format.PKCS_8,
    families: ALL_FAMILIES,
    read: (material) => readPrivateKey(bytesOf(material), 'pkcs8'),
    write: ({ keyObject }) => new SecretBytes(keyObject.export({ format: 'der', type: 'pkcs8' })),
  },
  {
    keyFormatType: Format.ECPrivateKey,
    families: ['ec'],
    read: (material) => readPrivateKey(bytesOf(material), 'sec1'),
    write: ({ keyObject }) => new SecretBytes(keyObject.export({ format: 'der', type: 'sec1' })),
  },
  transparent(
    Format.TransparentRSAPrivateKey,
    'rsa',
    (members) =>
      fromDer(writeRsaPrivateKey(completeRsaPrivateKey(members)), (der) => readPrivateKey(der, 'pkcs1')),
    (key) => withKeyInfo(key.keyObject, (info) => readRsaPrivateKey(info.key)),
  ),
  transparent(
    Format.TransparentDSAPrivateKey,
    'dsa',
    ({ x, ...parameters }) =>
      fromDer(writeFiniteFieldPrivateKey('dsa', { ...parameters, value: x }), (der) =>
        readPrivateKey(der, 'pkcs8'),
      ),
    (key) => {
      const numbers = finiteField(key);
      return { ...dsaParameters(numbers), x: numbers.value };
    },
  ),
  transparent(
    Format.TransparentDHPrivateKey,
    'dh',
    ({ x, ...parameters }) =>
      fromDer(writeFiniteFieldPrivateKey('dh', withSubgroupOrder({ ...parameters, value: x })), (der) =>
        readPrivateKey(der, 'pkcs8'),
      ),
    (key) => {
      const { value, ...parameters } = finiteField(key);
      return { ...parameters, x: value };
    },
  ),
  transparentEcPrivate(Format.TransparentECPrivateKey),
  transparentEcPrivate(Format.TransparentECDSAPrivateKey),
  transparentEcPrivate(Format.TransparentECDHPrivateKey),
  transparentEcPrivate(Format.TransparentECMQVPrivateKey),
];

const PUBLIC_FORMATS: readonly AsymmetricFormat[] = [
  {
    keyFormatType: Format.PKCS_1,
    families: ['rsa'],
    read: (material) => readPublicKey(bytesOf(material), 'pkcs1'),
    write: (key) => withKeyInfo(key.keyObject, (info) => SecretBytes.copyOf(info.key)),
  },
  {
    keyFormatType: Format.X_509,
    families: ALL_FAMILIES,
    read: (material) => readPublicKey(bytesOf(material), 'spki'),
    write: (key, compression) =>
      new SecretBytes(
        key.weierstrass === undefined
          ? key.keyObject.export({ format: 'der', type: 'spki' })
          : writeEcPublicKey(key.weierstrass, pointOf(key, compression)),
      ),
  },
  transparent(
    Format.TransparentRSAPublicKey,
    'rsa',
    (members) => readPublicKey(writeRsaPublicKey(members), 'pkcs1'),
    (key) => withKeyInfo(key.keyObject, (info) => readRsaPublicKey(info.key)),
  ),
  transparent(
    Format.TransparentDSAPublicKey,
    'dsa',
    ({ y, ...parameters }) =>
      readPublicKey(writeFiniteFieldPublicKey('dsa', { ...parameters, value: y }), 'spki'),
    (key) => {
      const numbers = finiteField(key);
      return { ...dsaParameters(numbers), y: numbers.value };
    },
  ),
  transparent(
    Format.TransparentDHPublicKey,
    'dh',
    ({ y, ...parameters }) =>
      readPublicKey(writeFiniteFieldPublicKey('dh', withSubgroupOrder({ ...parameters, value: y })), 'spki'),
    (key) => {
      const { value, ...parameters } = finiteField(key);
      return { ...parameters, y: value };
    },
  ),
  transparentEcPublic(Format.TransparentECPublicKey),
  transparentEcPublic(Format.TransparentECDSAPublicKey),
  transparentEcPublic(Format.TransparentECDHPublicKey),
  transparentEcPublic(Format.TransparentECMQVPublicKey),
];

const byType = (rows: readonly AsymmetricFormat[]) => new Map(rows.map((row) => [row.keyFormatType, row]));

export const PRIVATE_KEY_FORMATS: ReadonlyMap<KeyFormatType, AsymmetricFormat> = byType(PRIVATE_FORMATS);
export const PUBLIC_KEY_FORMATS: ReadonlyMap<KeyFormatType, AsymmetricFormat> = byType(PUBLIC_FORMATS);
