import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import {
  CertificateRequestType,
  CertificateType,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  SecretDataType,
  type KeyBlock,
  type ManagedObjectOf,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { pgpKeyVersionOf, withoutArmor } from './pgp';

/** What stands in a file or on the command line, as an object to be registered. */
export interface ValueDescription {
  readonly bytes: Buffer;
  /** What it is; found out where it can be (PEM, DER certificates). */
  readonly objectType: ObjectType | undefined;
  readonly keyFormatType: KeyFormatType | undefined;
  readonly algorithm: CryptographicAlgorithm | undefined;
  readonly lengthBits: number | undefined;
  readonly secretDataType: SecretDataType | undefined;
  /** Of a PGP key, where its bytes do not tell. */
  readonly pgpKeyVersion: number | undefined;
  /** Of a part of a split key. */
  readonly split: Omit<ManagedObjectOf<typeof ObjectType.SplitKey>, 'objectType' | 'keyBlock'> | undefined;
}

interface Recognised {
  readonly bytes: Buffer;
  readonly objectType: ObjectType;
  readonly keyFormatType: KeyFormatType | undefined;
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;

const PEM_LABELS: Readonly<Record<string, readonly [ObjectType, KeyFormatType | undefined]>> = {
  CERTIFICATE: [ObjectType.Certificate, undefined],
  'CERTIFICATE REQUEST': [ObjectType.CertificateRequest, undefined],
  'NEW CERTIFICATE REQUEST': [ObjectType.CertificateRequest, undefined],
  'PUBLIC KEY': [ObjectType.PublicKey, KeyFormatType.X_509],
  'RSA PUBLIC KEY': [ObjectType.PublicKey, KeyFormatType.PKCS_1],
  'PRIVATE KEY': [ObjectType.PrivateKey, KeyFormatType.PKCS_8],
  'RSA PRIVATE KEY': [ObjectType.PrivateKey, KeyFormatType.PKCS_1],
  'EC PRIVATE KEY': [ObjectType.PrivateKey, KeyFormatType.ECPrivateKey],
};

/** A PEM text; undefined where it is none. Where it holds several parts the first one counts. */
function recognisePem(content: Buffer): Recognised | undefined {
  const text = content.subarray(0, 1 << 20).toString('latin1');
  if (!text.includes('-----BEGIN ')) return undefined;
  const pgpKey = withoutArmor(content);
  if (pgpKey !== undefined) {
    return { bytes: pgpKey, objectType: ObjectType.PGPKey, keyFormatType: undefined };
  }
  // Parameters of a curve may stand before a key in OpenSSL's files.
  const match = PEM.exec(
    text.replace(/-----BEGIN EC PARAMETERS-----[\s\S]*?-----END EC PARAMETERS-----/, ''),
  );
  const label = match?.[1] ?? '';
  if (/ENCRYPTED/.test(text)) {
    throw wrongUse('the private key is encrypted', 'Decrypt it first, for example with "openssl pkcs8".');
  }
  const known = Object.hasOwn(PEM_LABELS, label) ? PEM_LABELS[label] : undefined;
  if (match === null || known === undefined) {
    throw wrongUse(`a PEM text of ${label === '' ? 'this form' : label} cannot be registered`);
  }
  return { bytes: Buffer.from(match[2] ?? '', 'base64'), objectType: known[0], keyFormatType: known[1] };
}

function parses(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

const DER_FORMS: readonly (readonly [ObjectType, KeyFormatType | undefined, (der: Buffer) => unknown])[] = [
  [ObjectType.Certificate, undefined, (der) => new X509Certificate(der)],
  [
    ObjectType.PrivateKey,
    KeyFormatType.PKCS_8,
    (key) => createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
  ],
  [
    ObjectType.PrivateKey,
    KeyFormatType.PKCS_1,
    (key) => createPrivateKey({ key, format: 'der', type: 'pkcs1' }),
  ],
  [
    ObjectType.PrivateKey,
    KeyFormatType.ECPrivateKey,
    (key) => createPrivateKey({ key, format: 'der', type: 'sec1' }),
  ],
  [ObjectType.PublicKey, KeyFormatType.X_509, (key) => createPublicKey({ key, format: 'der', type: 'spki' })],
  [
    ObjectType.PublicKey,
    KeyFormatType.PKCS_1,
    (key) => createPublicKey({ key, format: 'der', type: 'pkcs1' }),
  ],
];

/** A DER certificate or key, looked for only where the bytes may be one. */
function recogniseDer(bytes: Buffer, objectType: ObjectType | undefined): Recognised | undefined {
  if (bytes[0] !== 0x30) return undefined;
  const form = DER_FORMS.find(
    ([type, , parse]) => (objectType === undefined || type === objectType) && parses(() => parse(bytes)),
  );
  return form && { bytes, objectType: form[0], keyFormatType: form[1] };
}

const MAY_BE_DER: ReadonlySet<ObjectType | undefined> = new Set([
  undefined,
  ObjectType.Certificate,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
]);

/** What the bytes are, where they tell: PEM always, DER where the type given allows it. */
export function recognise(content: Buffer, objectType: ObjectType | undefined): Recognised | undefined {
  if (objectType === ObjectType.OpaqueObject || objectType === ObjectType.SecretData) return undefined;
  return (
    recognisePem(content) ?? (MAY_BE_DER.has(objectType) ? recogniseDer(content, objectType) : undefined)
  );
}

const KEY_TYPES: Readonly<Record<string, CryptographicAlgorithm>> = {
  rsa: CryptographicAlgorithm.RSA,
  'rsa-pss': CryptographicAlgorithm.RSA,
  dsa: CryptographicAlgorithm.DSA,
  dh: CryptographicAlgorithm.DH,
  ec: CryptographicAlgorithm.EC,
  ed25519: CryptographicAlgorithm.Ed25519,
  ed448: CryptographicAlgorithm.Ed448,
};
const CURVE_BITS: Readonly<Record<string, number>> = { ed25519: 256, ed448: 448 };

function curveBits(key: KeyObject): number | undefined {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === undefined) return CURVE_BITS[key.asymmetricKeyType ?? ''];
  const digits = namedCurve === 'prime256v1' ? '256' : /(\d{3})/.exec(namedCurve)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Algorithm and length in bits of an asymmetric key, as far as they can be found out. */
export function describeAsymmetric({ bytes, objectType, keyFormatType }: Recognised): {
  readonly algorithm: CryptographicAlgorithm | undefined;
  readonly lengthBits: number | undefined;
} {
  const form = DER_FORMS.find(([type, format]) => type === objectType && format === keyFormatType);
  let key: KeyObject;
  try {
    key = form?.[2](bytes) as KeyObject;
  } catch (cause) {
    throw wrongUse(`the key cannot be read: ${cause instanceof Error ? cause.message : 'it is damaged'}`);
  }
  return {
    algorithm: KEY_TYPES[key.asymmetricKeyType ?? ''],
    lengthBits: key.asymmetricKeyDetails?.modulusLength ?? curveBits(key),
  };
}

function keyBlock(value: ValueDescription, defaultFormat: KeyFormatType): KeyBlock {
  return {
    keyFormatType: value.keyFormatType ?? defaultFormat,
    keyValue: { keyMaterial: new SecretBytes(value.bytes), attributes: [] },
    cryptographicAlgorithm: value.algorithm,
    cryptographicLengthBits: value.lengthBits,
  };
}

/** Vendor extensions are what the standard has for kinds of opaque data (KMIP 2.1 section 11.32): none is told. */
const SOME_OPAQUE_DATA = 0x80000000;

/**
 * The object to register.
 * @throws CommandFailure wrong use, where something is missing
 */
export function managedObject(value: ValueDescription): ManagedObjectValue {
  const { objectType, bytes } = value;
  switch (objectType) {
    case ObjectType.SymmetricKey:
      if (value.algorithm === undefined)
        throw wrongUse('the algorithm of the key is missing', 'Use --algorithm AES.');
      return { objectType, keyBlock: keyBlock(value, KeyFormatType.Raw) };
    case ObjectType.SecretData: {
      const secretDataType = value.secretDataType ?? SecretDataType.Password;
      const usual = secretDataType === SecretDataType.Password ? KeyFormatType.Opaque : KeyFormatType.Raw;
      return { objectType, secretDataType, keyBlock: keyBlock(value, usual) };
    }
    case ObjectType.OpaqueObject:
      return { objectType, opaqueDataType: SOME_OPAQUE_DATA, opaqueDataValue: new SecretBytes(bytes) };
    case ObjectType.Certificate:
      return { objectType, certificateType: CertificateType.X_509, certificateValue: bytes };
    case ObjectType.CertificateRequest: {
      const certificateRequestType = CertificateRequestType.PKCS_10;
      return { objectType, certificateRequestType, certificateRequestValue: bytes };
    }
    case ObjectType.PublicKey:
      return { objectType, keyBlock: keyBlock(value, KeyFormatType.X_509) };
    case ObjectType.PrivateKey:
      return { objectType, keyBlock: keyBlock(value, KeyFormatType.PKCS_8) };
    case ObjectType.PGPKey: {
      const pgpKeyVersion = value.pgpKeyVersion ?? pgpKeyVersionOf(bytes);
      if (pgpKeyVersion === undefined)
        throw wrongUse('the version of the PGP key is missing', 'Use --pgp-version 4.');
      return { objectType, pgpKeyVersion, keyBlock: keyBlock(value, KeyFormatType.Opaque) };
    }
    case ObjectType.SplitKey:
      if (value.split === undefined)
        throw wrongUse(
          'it is not said which part of what this is',
          'Use --parts 5 --threshold 3 --part 1, and --method where it is not PolynomialSharingGF2_8.',
        );
      return { objectType, ...value.split, keyBlock: keyBlock(value, KeyFormatType.Raw) };
    case undefined:
      throw wrongUse(
        'what this is cannot be told from its bytes',
        'Use --type symmetric-key, secret-data, opaque-object, …',
      );
    default:
      throw wrongUse('objects of this type cannot be registered here');
  }
}
