import { KeyCompressionType, KeyFormatType, ObjectType, Operation, Tag } from '@holdfast/kmip';
import {
  attribute,
  bytes,
  dateTime,
  enumeration,
  integer,
  structure,
  textAt,
  textsOf,
  uniqueIdentifier,
  valueAt,
} from '@holdfast/testkit';
import { aesAttributes, nameAttribute, type Site } from './site';

const KEY = Buffer.from('4b1d0f7c9a3e58261c0b7d94e6f2a851', 'hex');

/**
 * pg_tde through libkmip: Locate and Get in 1.0, Register in 1.4, a TLS connection for each. It never activates a key, and
 * stops where a name has more than one.
 */
export function pgTde(site: Site): void {
  const options = {
    header: [integer(Tag.MaximumResponseSize, 8192), dateTime(Tag.TimeStamp, 1_700_000_000)],
  };
  const locate = async (name: string) => {
    const found = await site.session(
      '1.0',
      (peer) =>
        peer.call(Operation.Locate, [
          integer(Tag.MaximumItems, 16),
          attribute('Object Type', enumeration(Tag.AttributeValue, ObjectType.SymmetricKey)),
          nameAttribute(name),
        ]),
      options,
    );
    return textsOf(found, Tag.UniqueIdentifier);
  };
  const registration = (name: string) => [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(Tag.TemplateAttribute, ...aesAttributes(128), nameAttribute(name)),
    structure(
      Tag.SymmetricKey,
      structure(
        Tag.KeyBlock,
        enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
        // It says that a symmetric key is not compressed, in the terms of elliptic curves.
        enumeration(Tag.KeyCompressionType, KeyCompressionType.ECPublicKeyTypeUncompressed),
        structure(Tag.KeyValue, bytes(Tag.KeyMaterial, KEY)),
        enumeration(Tag.CryptographicAlgorithm, 3),
        integer(Tag.CryptographicLength, 128),
      ),
    ),
  ];

  test('finds no principal key, registers one, finds that alone and reads it while Pre-Active', async () => {
    const name = 'tde-principal-key_1';
    expect(await locate(name)).toEqual([]);
    const registered = await site.session(
      '1.4',
      (peer) => peer.call(Operation.Register, registration(name)),
      options,
    );
    const identifier = textAt(registered, Tag.UniqueIdentifier);
    // It copies the identifier into 128 bytes.
    expect(identifier.length).toBeLessThan(128);
    expect(await locate(name)).toEqual([identifier]);
    expect(await locate('tde-principal-key_')).toEqual([]);
    const got = await site.session(
      '1.0',
      (peer) => peer.call(Operation.Get, [uniqueIdentifier(identifier)]),
      options,
    );
    expect(valueAt(got, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(KEY);
  });

  test('cannot come to have two keys of one name', async () => {
    const register = (name: string) =>
      site.session('1.4', (peer) => peer.refused(Operation.Register, registration(name)), options);
    await site.session('1.4', (peer) => peer.call(Operation.Register, registration('twice')), options);
    expect(await register('twice')).toBe('InvalidField');
    expect(await locate('twice')).toHaveLength(1);
  });

  test('connects and leaves when it validates its settings', async () => {
    const peer = await site.connect('1.0');
    await peer.close();
    expect((await peer.wire.closed).orderly).toBe(true);
  });
}
