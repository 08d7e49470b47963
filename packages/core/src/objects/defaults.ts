import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  ObjectType,
  type Attribute,
} from '@holdfast/kmip';

/** Seconds that a client may use an object before it asks again (Lease Time of every object). */
export const DEFAULT_LEASE_TIME_SECONDS = 3600;

const { Decrypt, DeriveKey, Encrypt, Sign, Verify } = CryptographicUsageMask;

function withAlgorithm(
  algorithm: CryptographicAlgorithm,
  lengthBits: number,
  usageMask: number,
): readonly Attribute[] {
  return [
    { key: 'CryptographicAlgorithm', value: algorithm },
    { key: 'CryptographicLength', value: lengthBits },
    { key: 'CryptographicUsageMask', value: usageMask },
  ];
}

/**
 * Mandatory attributes that 2.x lets a client leave out, and the value that they then have. Query tells them (Defaults
 * Information). KMIP 2.1 chapter 4, table 28.
 */
export const OBJECT_DEFAULTS: ReadonlyMap<ObjectType, readonly Attribute[]> = new Map([
  [ObjectType.SymmetricKey, withAlgorithm(CryptographicAlgorithm.AES, 256, Encrypt | Decrypt)],
  [ObjectType.PrivateKey, withAlgorithm(CryptographicAlgorithm.RSA, 2048, Sign)],
  [ObjectType.PublicKey, withAlgorithm(CryptographicAlgorithm.RSA, 2048, Verify)],
  [ObjectType.SecretData, [{ key: 'CryptographicUsageMask', value: DeriveKey }]],
]);

const ELLIPTIC_CURVE_ALGORITHMS: ReadonlySet<CryptographicAlgorithm> = new Set([
  CryptographicAlgorithm.EC,
  CryptographicAlgorithm.ECDSA,
  CryptographicAlgorithm.ECDH,
  CryptographicAlgorithm.ECMQV,
]);

/** Whether two names of an algorithm can stand for the same key: EC covers ECDSA, ECDH and ECMQV. */
export function isSameAlgorithm(a: CryptographicAlgorithm, b: CryptographicAlgorithm): boolean {
  return a === b || (ELLIPTIC_CURVE_ALGORITHMS.has(a) && ELLIPTIC_CURVE_ALGORITHMS.has(b));
}

interface KeyPairFormats {
  readonly [ObjectType.PrivateKey]: KeyFormatType;
  readonly [ObjectType.PublicKey]: KeyFormatType;
}
const EC_FORMATS: KeyPairFormats = {
  [ObjectType.PrivateKey]: KeyFormatType.TransparentECPrivateKey,
  [ObjectType.PublicKey]: KeyFormatType.TransparentECPublicKey,
};
const KEY_PAIR_FORMATS: ReadonlyMap<CryptographicAlgorithm, KeyPairFormats> = new Map([
  [
    CryptographicAlgorithm.RSA,
    { [ObjectType.PrivateKey]: KeyFormatType.PKCS_1, [ObjectType.PublicKey]: KeyFormatType.PKCS_1 },
  ],
  [
    CryptographicAlgorithm.DSA,
    {
      [ObjectType.PrivateKey]: KeyFormatType.TransparentDSAPrivateKey,
      [ObjectType.PublicKey]: KeyFormatType.TransparentDSAPublicKey,
    },
  ],
  ...[...ELLIPTIC_CURVE_ALGORITHMS].map((algorithm) => [algorithm, EC_FORMATS] as const),
]);
const FORMATS: ReadonlyMap<ObjectType, KeyFormatType> = new Map([
  [ObjectType.Certificate, KeyFormatType.X_509],
  [ObjectType.CertificateRequest, KeyFormatType.PKCS_10],
  [ObjectType.OpaqueObject, KeyFormatType.Opaque],
  [ObjectType.PGPKey, KeyFormatType.Raw],
  [ObjectType.SecretData, KeyFormatType.Raw],
  [ObjectType.SymmetricKey, KeyFormatType.Raw],
  [ObjectType.SplitKey, KeyFormatType.Raw],
]);

/**
 * The format in which a server of 2.x makes an object unless asked for another; undefined where the specification names
 * none. KMIP 2.1 section 4.26, table 81.
 */
export function defaultKeyFormat(
  objectType: ObjectType,
  algorithm: CryptographicAlgorithm | undefined,
): KeyFormatType | undefined {
  if (objectType === ObjectType.PrivateKey || objectType === ObjectType.PublicKey) {
    return algorithm === undefined ? undefined : KEY_PAIR_FORMATS.get(algorithm)?.[objectType];
  }
  return FORMATS.get(objectType);
}
