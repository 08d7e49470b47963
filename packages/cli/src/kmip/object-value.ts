import {
  KeyFormatType,
  ObjectType,
  certificateTypeEnum,
  cryptographicAlgorithmEnum,
  decodeTransparentKey,
  isTransparentKeyFormat,
  keyFormatTypeEnum,
  objectTypeEnum,
  secretDataTypeEnum,
  splitKeyMethodEnum,
  wrappingMethodEnum,
  type Dialect,
  type KeyBlock,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import type { KeyBytes } from '../key-output';
import { memberName, type Plain } from './plain';

/** PEM labels of key formats (RFC 7468, RFC 5915, and the traditional ones of PKCS#1). */
function pemLabelOf(objectType: ObjectType, format: KeyFormatType): string | undefined {
  switch (format) {
    case KeyFormatType.PKCS_8:
      return 'PRIVATE KEY';
    case KeyFormatType.PKCS_1:
      return objectType === ObjectType.PublicKey ? 'RSA PUBLIC KEY' : 'RSA PRIVATE KEY';
    case KeyFormatType.X_509:
      return 'PUBLIC KEY';
    case KeyFormatType.ECPrivateKey:
      return 'EC PRIVATE KEY';
    default:
      return undefined;
  }
}

function keyBlockBytes(
  objectType: ObjectType,
  { keyFormatType, keyValue }: KeyBlock,
  dialect: Dialect,
): KeyBytes {
  if (keyValue === undefined) throw wrongUse('the server does not keep the value of this object');
  if ('encoded' in keyValue) return { bytes: keyValue.encoded, pemLabel: undefined };
  const { keyMaterial } = keyValue;
  if (keyMaterial instanceof SecretBytes) {
    return { bytes: keyMaterial, pemLabel: pemLabelOf(objectType, keyFormatType) };
  }
  if (keyFormatType === KeyFormatType.TransparentSymmetricKey && isTransparentKeyFormat(keyFormatType)) {
    return { bytes: decodeTransparentKey(keyFormatType, keyMaterial, dialect).key, pemLabel: undefined };
  }
  throw wrongUse(
    `the server gives this key out as ${keyFormatTypeEnum.byValue.get(keyFormatType)?.name ?? 'a structure'}, which has no bytes of its own`,
    'Ask for another format, such as --key-format PKCS_8 (private keys) or X_509 (public keys).',
  );
}

/**
 * A format with bytes of its own to ask for, where the server gave a key pair's half out as a structure; undefined
 * where there is no need.
 */
export function formatWithBytes(object: ManagedObjectValue): KeyFormatType | undefined {
  if (object.objectType !== ObjectType.PrivateKey && object.objectType !== ObjectType.PublicKey)
    return undefined;
  if (!isTransparentKeyFormat(object.keyBlock.keyFormatType)) return undefined;
  return object.objectType === ObjectType.PrivateKey ? KeyFormatType.PKCS_8 : KeyFormatType.X_509;
}

/**
 * The bytes of an object's value.
 * @throws CommandFailure wrong use, where it has none
 */
export function objectBytes(object: ManagedObjectValue, dialect: Dialect): KeyBytes {
  switch (object.objectType) {
    case ObjectType.Certificate:
      return { bytes: SecretBytes.copyOf(object.certificateValue), pemLabel: 'CERTIFICATE' };
    case ObjectType.CertificateRequest:
      return { bytes: SecretBytes.copyOf(object.certificateRequestValue), pemLabel: 'CERTIFICATE REQUEST' };
    case ObjectType.OpaqueObject:
      return { bytes: object.opaqueDataValue, pemLabel: undefined };
    case ObjectType.Template:
      throw wrongUse('a Template has no value, only attributes', 'See "kmip get-attributes".');
    default:
      return keyBlockBytes(object.objectType, object.keyBlock, dialect);
  }
}

function lengthOfValue({ keyValue }: KeyBlock): number | undefined {
  if (keyValue === undefined) return undefined;
  if ('encoded' in keyValue) return keyValue.encoded.length;
  return keyValue.keyMaterial instanceof SecretBytes ? keyValue.keyMaterial.length : undefined;
}

function describeKeyBlock(block: KeyBlock): Readonly<Record<string, Plain | undefined>> {
  const { keyFormatType, cryptographicAlgorithm, cryptographicLengthBits, keyWrappingData } = block;
  return {
    keyFormatType: memberName(keyFormatTypeEnum, keyFormatType),
    cryptographicAlgorithm:
      cryptographicAlgorithm === undefined
        ? undefined
        : memberName(cryptographicAlgorithmEnum, cryptographicAlgorithm),
    cryptographicLengthBits,
    wrapped:
      keyWrappingData === undefined
        ? undefined
        : memberName(wrappingMethodEnum, keyWrappingData.wrappingMethod),
    valueLengthBytes: lengthOfValue(block),
  };
}

/** What can be told of an object's value without telling the value. */
export function describeObject(object: ManagedObjectValue): Readonly<Record<string, Plain | undefined>> {
  const objectType = memberName(objectTypeEnum, object.objectType);
  switch (object.objectType) {
    case ObjectType.Certificate:
      return {
        objectType,
        certificateType: memberName(certificateTypeEnum, object.certificateType),
        valueLengthBytes: object.certificateValue.length,
      };
    case ObjectType.CertificateRequest:
      return { objectType, valueLengthBytes: object.certificateRequestValue.length };
    case ObjectType.OpaqueObject:
      return { objectType, valueLengthBytes: object.opaqueDataValue.length };
    case ObjectType.Template:
      return { objectType };
    case ObjectType.SecretData:
      return {
        objectType,
        secretDataType: memberName(secretDataTypeEnum, object.secretDataType),
        ...describeKeyBlock(object.keyBlock),
      };
    case ObjectType.PGPKey:
      return { objectType, pgpKeyVersion: object.pgpKeyVersion, ...describeKeyBlock(object.keyBlock) };
    case ObjectType.SplitKey: {
      const { splitKeyParts, splitKeyThreshold, keyPartIdentifier, splitKeyMethod, keyBlock } = object;
      return {
        objectType,
        splitKeyParts,
        splitKeyThreshold,
        keyPartIdentifier,
        splitKeyMethod: memberName(splitKeyMethodEnum, splitKeyMethod),
        ...describeKeyBlock(keyBlock),
      };
    }
    default:
      return { objectType, ...describeKeyBlock(object.keyBlock) };
  }
}
