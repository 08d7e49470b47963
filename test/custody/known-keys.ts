import { generateKeyPairSync, randomBytes, type JsonWebKey } from 'node:crypto';
import { SecretBytes } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  SecretDataType,
  type Attribute,
  type ManagedObjectValue,
  type NewAttributes,
} from '@holdfast/kmip';

/** An object to register, and the bytes of it that nobody else may ever see. */
export interface KnownKey {
  readonly name: string;
  readonly object: ManagedObjectValue;
  readonly newAttributes: NewAttributes;
  readonly secrets: readonly Buffer[];
}

type KeyObjectType = typeof ObjectType.SymmetricKey | typeof ObjectType.PrivateKey;

function known(
  name: string,
  object: ManagedObjectValue,
  secrets: readonly Buffer[],
  attributes: readonly Attribute[] = [],
): KnownKey {
  const named: Attribute = {
    key: 'Name',
    value: { nameValue: name, nameType: NameType.UninterpretedTextString },
  };
  return { name, object, newAttributes: { templateNames: [], attributes: [...attributes, named] }, secrets };
}

function key(
  name: string,
  objectType: KeyObjectType,
  keyFormatType: KeyFormatType,
  material: Buffer,
  cryptographicAlgorithm: CryptographicAlgorithm,
  cryptographicLengthBits: number,
  secrets: readonly Buffer[],
): KnownKey {
  const keyMaterial = SecretBytes.copyOf(material);
  const keyBlock = {
    keyFormatType,
    keyValue: { keyMaterial, attributes: [] },
    cryptographicAlgorithm,
    cryptographicLengthBits,
  };
  const usage =
    objectType === ObjectType.PrivateKey
      ? CryptographicUsageMask.Sign
      : CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt;
  return known(name, { objectType, keyBlock }, secrets, [{ key: 'CryptographicUsageMask', value: usage }]);
}

/** A symmetric key of so many bits. */
export function symmetricKey(
  name: string,
  lengthBits: number,
  algorithm: CryptographicAlgorithm = CryptographicAlgorithm.AES,
): KnownKey {
  const bytes = randomBytes(lengthBits / 8);
  return key(name, ObjectType.SymmetricKey, KeyFormatType.Raw, bytes, algorithm, lengthBits, [bytes]);
}

/** What of a private key is secret: its modulus and public point are not. */
function secretParts(jwk: JsonWebKey): readonly Buffer[] {
  const { d, p, q, dp, dq, qi } = jwk;
  return [d, p, q, dp, dq, qi].flatMap((part) =>
    part === undefined ? [] : [Buffer.from(part, 'base64url')],
  );
}

function rsaKey(name: string, keyFormatType: KeyFormatType, type: 'pkcs1' | 'pkcs8'): KnownKey {
  const lengthBits = 2048;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: lengthBits });
  const material = privateKey.export({ type, format: 'der' });
  const secrets = secretParts(privateKey.export({ format: 'jwk' }));
  const { RSA } = CryptographicAlgorithm;
  return key(name, ObjectType.PrivateKey, keyFormatType, material, RSA, lengthBits, secrets);
}

function ecKey(name: string, keyFormatType: KeyFormatType, type: 'sec1' | 'pkcs8'): KnownKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const material = privateKey.export({ type, format: 'der' });
  const secrets = secretParts(privateKey.export({ format: 'jwk' }));
  const { EC } = CryptographicAlgorithm;
  return key(name, ObjectType.PrivateKey, keyFormatType, material, EC, 256, secrets);
}

function secretData(name: string, secretDataType: SecretDataType, bytes: Buffer): KnownKey {
  const keyMaterial = SecretBytes.copyOf(bytes);
  const keyBlock = { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial, attributes: [] } };
  return known(name, { objectType: ObjectType.SecretData, secretDataType, keyBlock }, [bytes]);
}

function opaqueObject(name: string, lengthBytes: number): KnownKey {
  const bytes = randomBytes(lengthBytes);
  const opaqueDataValue = SecretBytes.copyOf(bytes);
  return known(name, { objectType: ObjectType.OpaqueObject, opaqueDataType: 0x80000001, opaqueDataValue }, [
    bytes,
  ]);
}

/** Some fifty objects of every type that holds secrets. */
export function knownKeys(): readonly KnownKey[] {
  const { AES, HMAC_SHA256 } = CryptographicAlgorithm;
  const times = (count: number, make: (number: number) => KnownKey): KnownKey[] =>
    Array.from({ length: count }, (_, number) => make(number));
  return [
    ...times(6, (n) => symmetricKey(`aes-128-${n}`, 128, AES)),
    ...times(4, (n) => symmetricKey(`aes-192-${n}`, 192, AES)),
    ...times(10, (n) => symmetricKey(`aes-256-${n}`, 256, AES)),
    ...times(6, (n) => symmetricKey(`hmac-${n}`, 512, HMAC_SHA256)),
    ...times(6, (n) =>
      secretData(`password-${n}`, SecretDataType.Password, Buffer.from(randomBytes(12).toString('base64'))),
    ),
    ...times(4, (n) => secretData(`seed-${n}`, SecretDataType.Seed, randomBytes(40))),
    ...times(2, (n) => rsaKey(`rsa-pkcs8-${n}`, KeyFormatType.PKCS_8, 'pkcs8')),
    ...times(2, (n) => rsaKey(`rsa-pkcs1-${n}`, KeyFormatType.PKCS_1, 'pkcs1')),
    ...times(3, (n) => ecKey(`ec-pkcs8-${n}`, KeyFormatType.PKCS_8, 'pkcs8')),
    ...times(3, (n) => ecKey(`ec-sec1-${n}`, KeyFormatType.ECPrivateKey, 'sec1')),
    ...times(3, (n) => opaqueObject(`opaque-${n}`, 100)),
    // Long enough to lie in pieces, in a table of their own.
    ...times(2, (n) => opaqueObject(`long-opaque-${n}`, 30_000)),
  ];
}
