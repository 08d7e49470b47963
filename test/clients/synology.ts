import {
  KeyFormatType,
  ObjectType,
  Operation,
  QueryFunction,
  SecretDataType,
  State,
  Tag,
} from '@holdfast/kmip';
import {
  attribute,
  attributeValues,
  bytes,
  children,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  textsOf,
  uniqueIdentifier,
  valueAt,
} from '@holdfast/testkit';
import { nameAttribute, type Site } from './site';

/** Synology DSM keeps the pass phrase of an encrypted volume: KMIP 1.2, with attributes that 1.4 calls deprecated. */
export function synology(site: Site): void {
  const functions = [
    QueryFunction.QueryOperations,
    QueryFunction.QueryObjects,
    QueryFunction.QueryServerInformation,
    QueryFunction.QueryApplicationNamespaces,
    QueryFunction.QueryExtensionList,
    QueryFunction.QueryExtensionMap,
  ];

  test('asks the same thing four times and gets the same answer', async () => {
    const answers: unknown[] = [];
    for (let times = 0; times < 4; times++) {
      answers.push(
        await site.session('1.2', (peer) =>
          peer.call(
            Operation.Query,
            functions.map((each) => enumeration(Tag.QueryFunction, each)),
          ),
        ),
      );
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(children(answers[0] as Parameters<typeof children>[0], Tag.Operation).length).toBeGreaterThan(10);
  });

  test('registers a pass phrase, names it after its volume, and reads all about it', async () => {
    const peer = await site.connect('1.2');
    const located = async (name: string) =>
      textsOf(await peer.call(Operation.Locate, [nameAttribute(name)]), Tag.UniqueIdentifier);
    expect(await located('synology-vault')).toEqual([]);

    const phrase = Buffer.from('Fh1vQ8mJ0x2wT6yC', 'latin1');
    const registered = await peer.call(Operation.Register, [
      enumeration(Tag.ObjectType, ObjectType.SecretData),
      structure(
        Tag.TemplateAttribute,
        attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 12)),
        attribute('Operation Policy Name', text(Tag.AttributeValue, 'default')),
        nameAttribute('synology-vault'),
      ),
      structure(
        Tag.SecretData,
        enumeration(Tag.SecretDataType, SecretDataType.Password),
        structure(
          Tag.KeyBlock,
          enumeration(Tag.KeyFormatType, KeyFormatType.Opaque),
          structure(Tag.KeyValue, bytes(Tag.KeyMaterial, phrase)),
        ),
      ),
    ]);
    const identifier = textAt(registered, Tag.UniqueIdentifier);

    const volume = '6a4bd1d2-7d5e-4a55-9a63-volume1';
    const modified = await peer.call(Operation.ModifyAttribute, [
      uniqueIdentifier(identifier),
      nameAttribute(volume, 0),
    ]);
    expect(textAt(modified, Tag.UniqueIdentifier)).toBe(identifier);
    expect(await located('synology-vault')).toEqual([]);
    expect(await located(volume)).toEqual([identifier]);

    await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    const list = await peer.call(Operation.GetAttributeList, [uniqueIdentifier(identifier)]);
    const names = textsOf(list, Tag.AttributeName);
    expect(names).toContain('Operation Policy Name');
    expect(names).not.toContain('Sensitive');

    const got = await peer.call(Operation.GetAttributes, [
      uniqueIdentifier(identifier),
      ...names.map((name) => text(Tag.AttributeName, name)),
    ]);
    const attributes = attributeValues(got);
    expect(Object.keys(attributes).sort()).toEqual([...names].sort());
    expect(attributes['Operation Policy Name']).toBe('default');
    expect(attributes['State']).toBe(State.Active);
    expect(attributes['Object Type']).toBe(ObjectType.SecretData);

    const secret = await peer.call(Operation.Get, [uniqueIdentifier(identifier)]);
    expect(valueAt(secret, Tag.SecretData, Tag.KeyBlock, Tag.KeyFormatType)).toBe(KeyFormatType.Opaque);
    expect(valueAt(secret, Tag.SecretData, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(phrase);
    await peer.close();
    expect((await peer.wire.closed).orderly).toBe(true);
  });
}
