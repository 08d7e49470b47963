import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  SecretDataType,
  Tag,
  type Attribute,
  type AttributeKey,
  type AttributeValue,
  type KeyBlock,
  type ManagedObjectOf,
  type ManagedObjectValue,
  type NewAttributes,
  type VersionName,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, SecretBytes, type ErrorCode } from '@holdfast/ttlv';
import { create, getAttributes, register } from '@holdfast/core';
import type { Harness } from './harness';

/** Requests that several tests begin with. */

const { AES } = CryptographicAlgorithm;
const { Decrypt, Encrypt } = CryptographicUsageMask;

export function asking(...attributes: Attribute[]): NewAttributes {
  return { templateNames: [], attributes };
}

export function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

export function custom(attributeName: string, value: string): Attribute {
  const attributeValue = { tag: Tag.AttributeValue, type: ItemType.TextString, value } as const;
  return { key: 'VendorAttribute', value: { vendorIdentification: 'x', attributeName, attributeValue } };
}

/** What an AES key needs in every version. */
export const AES_256: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: AES },
  { key: 'CryptographicLength', value: 256 },
  { key: 'CryptographicUsageMask', value: Encrypt | Decrypt },
];

/** An AES key with further attributes, or with others in place of the usual ones. */
export async function createKey(harness: Harness, ...attributes: Attribute[]): Promise<string> {
  const given = new Set(attributes.map(({ key }) => key));
  const usual = AES_256.filter(({ key }) => !given.has(key));
  const { uniqueIdentifier } = await harness.run(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: asking(...usual, ...attributes),
  });
  return uniqueIdentifier;
}

export function rawKey(
  hex: string,
  changes: Partial<KeyBlock> = {},
): ManagedObjectOf<typeof ObjectType.SymmetricKey> {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: new SecretBytes(Buffer.from(hex, 'hex')), attributes: [] },
      cryptographicAlgorithm: AES,
      cryptographicLengthBits: hex.length * 4,
      ...changes,
    },
  };
}

export function password(text: string): ManagedObjectOf<typeof ObjectType.SecretData> {
  return {
    objectType: ObjectType.SecretData,
    secretDataType: SecretDataType.Password,
    keyBlock: {
      keyFormatType: KeyFormatType.Opaque,
      keyValue: { keyMaterial: new SecretBytes(Buffer.from(text)), attributes: [] },
    },
  };
}

export async function registerObject(
  harness: Harness,
  object: ManagedObjectValue,
  attributes: readonly Attribute[] = [],
  version: VersionName = '1.4',
): Promise<string> {
  const request = { objectType: object.objectType, newAttributes: asking(...attributes), object };
  return (await harness.run(register, request, version)).uniqueIdentifier;
}

/** All values of one attribute, as Get Attributes tells them. */
export async function valuesOf<K extends AttributeKey>(
  harness: Harness,
  uniqueIdentifier: string,
  key: K,
): Promise<readonly AttributeValue<K>[]> {
  const { attributes } = await harness.run(getAttributes, { uniqueIdentifier, attributeReferences: [] });
  return attributes.filter((each) => each.key === key).map(({ value }) => value as AttributeValue<K>);
}

/** The only value of an attribute, undefined where the object does not have it. */
export async function valueOf<K extends AttributeKey>(
  harness: Harness,
  uniqueIdentifier: string,
  key: K,
): Promise<AttributeValue<K> | undefined> {
  return (await valuesOf(harness, uniqueIdentifier, key))[0];
}

/** The code of the HoldfastError that it comes to, undefined where it succeeds; other errors fail the test. */
export async function refused(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}
