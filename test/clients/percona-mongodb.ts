import { KeyFormatType, ObjectType, Operation, State, Tag } from '@holdfast/kmip';
import {
  attributeValues,
  bytes,
  child,
  dateTime,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  textsOf,
  uniqueIdentifier,
  valueAt,
} from '@holdfast/testkit';
import { aesAttributes, nameAttribute, type Site } from './site';

const KEY = Buffer.from('9f0d4e6a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6', 'hex');

/** Percona Server for MongoDB: KMIP 1.0 through libkmip. It shuts down where its master key is not Active. */
export function perconaMongoDb(site: Site): void {
  const options = {
    header: [integer(Tag.MaximumResponseSize, 8192), dateTime(Tag.TimeStamp, 1_700_000_000)],
  };

  test('registers its master key, activates it, polls its state and reads it', async () => {
    const registered = await site.session(
      '1.0',
      (peer) =>
        peer.call(Operation.Register, [
          enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
          structure(Tag.TemplateAttribute, ...aesAttributes(256), nameAttribute('mongod master key')),
          structure(
            Tag.SymmetricKey,
            structure(
              Tag.KeyBlock,
              enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
              structure(Tag.KeyValue, bytes(Tag.KeyMaterial, KEY)),
              enumeration(Tag.CryptographicAlgorithm, 3),
              integer(Tag.CryptographicLength, 256),
            ),
          ),
        ]),
      options,
    );
    const identifier = textAt(registered, Tag.UniqueIdentifier);
    const state = async () => {
      const asked = [uniqueIdentifier(identifier), text(Tag.AttributeName, 'State')];
      const got = await site.session('1.0', (peer) => peer.call(Operation.GetAttributes, asked), options);
      return attributeValues(got)['State'];
    };
    expect(await state()).toBe(State.PreActive);
    await site.session(
      '1.0',
      (peer) => peer.call(Operation.Activate, [uniqueIdentifier(identifier)]),
      options,
    );
    expect(await state()).toBe(State.Active);
    const got = await site.session(
      '1.0',
      (peer) => peer.call(Operation.Get, [uniqueIdentifier(identifier)]),
      options,
    );
    expect(valueAt(got, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(KEY);
  });

  test('sees no attribute and no header field that came after 1.0', async () => {
    const peer = await site.connect('1.0', options);
    const { header, items } = await peer.batch([
      {
        operation: Operation.Create,
        payload: [
          enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
          structure(Tag.TemplateAttribute, ...aesAttributes(256)),
        ],
      },
    ]);
    const members = header?.value as readonly { readonly tag: number }[];
    expect(members.map(({ tag }) => tag)).toEqual([Tag.ProtocolVersion, Tag.TimeStamp, Tag.BatchCount]);
    const identifier = textAt(items[0]?.payload, Tag.UniqueIdentifier);
    const all = await peer.call(Operation.GetAttributes, [uniqueIdentifier(identifier)]);
    const list = await peer.call(Operation.GetAttributeList, [uniqueIdentifier(identifier)]);
    for (const name of ['Fresh', 'Sensitive', 'Original Creation Date']) {
      expect(Object.keys(attributeValues(all))).not.toContain(name);
      expect(textsOf(list, Tag.AttributeName)).not.toContain(name);
    }
    expect(child(all, Tag.Attribute)).toBeDefined();
    await peer.close();
  });
}
