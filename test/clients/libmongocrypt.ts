import { randomBytes } from 'node:crypto';
import { KeyFormatType, ObjectType, Operation, SecretDataType, Tag } from '@holdfast/kmip';
import {
  bytes,
  child,
  children,
  enumeration,
  structure,
  textAt,
  uniqueIdentifier,
  valueAt,
} from '@holdfast/testkit';
import type { Site } from './site';

/** MongoDB's client-side encryption: KMIP 1.4, Secret Data of 96 bytes with an empty Template-Attribute. */
export function libmongocrypt(site: Site): void {
  test('keeps a data key as a seed and gets the same bytes back', async () => {
    const seed = randomBytes(96);
    // It sends a Unique Batch Item ID although there is one item.
    const peer = await site.connect('1.4', { id: () => Buffer.from('0') });
    const registered = await peer.call(Operation.Register, [
      enumeration(Tag.ObjectType, ObjectType.SecretData),
      structure(Tag.TemplateAttribute),
      structure(
        Tag.SecretData,
        enumeration(Tag.SecretDataType, SecretDataType.Seed),
        structure(
          Tag.KeyBlock,
          enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
          structure(Tag.KeyValue, bytes(Tag.KeyMaterial, seed)),
        ),
      ),
    ]);
    const identifier = textAt(registered, Tag.UniqueIdentifier);
    const activated = await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    expect(textAt(activated, Tag.UniqueIdentifier)).toBe(identifier);

    const got = await peer.call(Operation.Get, [uniqueIdentifier(identifier)]);
    expect(valueAt(got, Tag.ObjectType)).toBe(ObjectType.SecretData);
    expect(valueAt(got, Tag.SecretData, Tag.SecretDataType)).toBe(SecretDataType.Seed);
    const keyBlock = child(got, Tag.SecretData, Tag.KeyBlock);
    expect(valueAt(keyBlock, Tag.KeyFormatType)).toBe(KeyFormatType.Raw);
    expect(valueAt(keyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(seed);
    expect(children(child(keyBlock, Tag.KeyValue), Tag.Attribute)).toEqual([]);
    await peer.close();
  });
}
