import { create } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  NameType,
  ObjectType,
  Tag,
  type Attribute,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import type { Harness } from './harness';

export function named(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

export function custom(attributeName: string, attributeValue: Item, vendorIdentification = 'x'): Attribute {
  return { key: 'VendorAttribute', value: { vendorIdentification, attributeName, attributeValue } };
}

/** An Attribute Value. */
export function text(value: string): Item {
  return { tag: Tag.AttributeValue, type: ItemType.TextString, value };
}

/** Creates an AES-256 key. @returns its identifier */
export async function createKey(harness: Harness, ...attributes: Attribute[]): Promise<string> {
  const { Encrypt, Decrypt } = CryptographicUsageMask;
  const { uniqueIdentifier } = await harness.run(create, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: {
      templateNames: [],
      attributes: [
        { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
        { key: 'CryptographicLength', value: 256 },
        { key: 'CryptographicUsageMask', value: Encrypt | Decrypt },
        ...attributes,
      ],
    },
  });
  return uniqueIdentifier;
}
