import { randomUUID } from 'node:crypto';
import { AttributeSet, SecretBytes, type Actor, type ChangeCause, type NewObject } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  State,
  type Attribute,
  type ManagedObjectValue,
} from '@holdfast/kmip';

/** Builders of managed objects, for tests of what stores them. */

export const TEST_ACTOR: Actor = { kind: 'client', id: randomUUID(), name: 'tester', peer: '127.0.0.1:1' };
export const TEST_CAUSE: ChangeCause = { actor: TEST_ACTOR, operation: 'Test' };
export const TEST_KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** The value of an AES key. */
export function aesKey(keyMaterial: Buffer = TEST_KEY): ManagedObjectValue {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: SecretBytes.copyOf(keyMaterial), attributes: [] },
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLengthBits: keyMaterial.length * 8,
    },
  };
}

export interface ObjectOptions {
  readonly domainId: string;
  readonly name?: string;
  readonly uniqueIdentifier?: string;
  readonly state?: State;
  /** Further attributes; those that the object has anyway they replace. */
  readonly attributes?: readonly Attribute[];
  readonly value?: ManagedObjectValue | undefined;
}

/** An AES key with the attributes that Create gives it. */
export function newAesKey(options: ObjectOptions): NewObject {
  const { domainId, name, uniqueIdentifier = randomUUID(), state = State.PreActive } = options;
  const attributes = new AttributeSet([
    { key: 'UniqueIdentifier', value: uniqueIdentifier },
    { key: 'ObjectType', value: ObjectType.SymmetricKey },
    { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
    { key: 'CryptographicLength', value: 128 },
    { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt },
    { key: 'State', value: state },
    { key: 'InitialDate', value: 1_700_000_000 },
    { key: 'LastChangeDate', value: 1_700_000_000 },
    { key: 'LeaseTime', value: 3600 },
    { key: 'Sensitive', value: false },
    { key: 'Extractable', value: true },
  ]);
  for (const attribute of options.attributes ?? []) {
    if (attributes.has(attribute.key)) attributes.clear(attribute.key);
  }
  for (const attribute of options.attributes ?? []) attributes.add(attribute);
  if (name !== undefined) attributes.add(nameAttribute(name));
  const value = 'value' in options ? options.value : aesKey();
  return { domainId, ownerId: TEST_ACTOR.id, uniqueIdentifier, attributes, value };
}

export function nameAttribute(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}

/** The bytes of a raw key. */
export function keyBytesOf(value: ManagedObjectValue): Buffer {
  if ('keyBlock' in value) {
    const { keyValue } = value.keyBlock;
    if (keyValue !== undefined && 'keyMaterial' in keyValue && keyValue.keyMaterial instanceof SecretBytes) {
      return keyValue.keyMaterial.reveal();
    }
  }
  throw new Error('the value is no raw key');
}
