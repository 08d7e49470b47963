import {
  KeyFormatType,
  ObjectType,
  Operation,
  QueryFunction,
  RevocationReasonCode,
  SecretDataType,
  State,
  Tag,
} from '@holdfast/kmip';
import {
  attribute,
  attributeValues,
  boolean,
  bytes,
  child,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  textsOf,
  uniqueIdentifier,
  valueAt,
  type Peer,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { aesAttributes, nameAttribute, type Site } from './site';

const OBJECT_GROUP = 'mysql-keyring';
const KEYS = 700;
const KEYS_PER_BATCH = 350;
/** It asks for this many objects at most, and takes the rest to be absent. */
const MAXIMUM_ITEMS = 65_535;

/** The keyring_kmip component of Percona Server for MySQL: KMIP 1.4; at its start it reads everything there is. */
export function perconaMySql(site: Site): void {
  let count = 0;
  const options = {
    header: [integer(Tag.MaximumResponseSize, 1_048_576)],
    id: () => {
      const id = Buffer.alloc(4);
      id.writeUInt32BE(++count);
      return id;
    },
  };
  const group = attribute('Object Group', text(Tag.AttributeValue, OBJECT_GROUP));
  const ofType = (type: number) => attribute('Object Type', enumeration(Tag.AttributeValue, type));
  const locate = async (peer: Peer, ...conditions: readonly Item[]) =>
    textsOf(
      await peer.call(Operation.Locate, [integer(Tag.MaximumItems, MAXIMUM_ITEMS), ...conditions]),
      Tag.UniqueIdentifier,
    );
  const register = async (peer: Peer, type: number, attributes: readonly Item[], object: Item) => {
    const registered = await peer.call(Operation.Register, [
      enumeration(Tag.ObjectType, type),
      structure(Tag.TemplateAttribute, ...attributes),
      object,
    ]);
    const identifier = textAt(registered, Tag.UniqueIdentifier);
    await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    return identifier;
  };
  const keyBlock = (format: number, material: Buffer, ...further: readonly Item[]) =>
    structure(
      Tag.KeyBlock,
      enumeration(Tag.KeyFormatType, format),
      structure(Tag.KeyValue, bytes(Tag.KeyMaterial, material)),
      ...further,
    );

  test('asks after the health of the server', async () => {
    const peer = await site.connect('1.4', options);
    const answer = await peer.call(Operation.Query, [
      enumeration(Tag.QueryFunction, QueryFunction.QueryServerInformation),
    ]);
    expect(textAt(answer, Tag.VendorIdentification)).not.toBe('');
    await peer.close();
  });

  test('keeps keys and secrets, reads them with all attributes, and destroys them straight after Revoke', async () => {
    const peer = await site.connect('1.4', options);
    const key = Buffer.alloc(32, 0x5a);
    const keyId = await register(
      peer,
      ObjectType.SymmetricKey,
      [nameAttribute('mysql-key'), group, ...aesAttributes(256)],
      structure(
        Tag.SymmetricKey,
        keyBlock(
          KeyFormatType.Raw,
          key,
          enumeration(Tag.CryptographicAlgorithm, 3),
          integer(Tag.CryptographicLength, 256),
        ),
      ),
    );
    const secret = Buffer.from('a secret');
    const secretId = await register(
      peer,
      ObjectType.SecretData,
      [
        attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 576)),
        nameAttribute('mysql-secret'),
        group,
      ],
      structure(
        Tag.SecretData,
        enumeration(Tag.SecretDataType, SecretDataType.Password),
        keyBlock(KeyFormatType.Opaque, secret),
      ),
    );
    expect(await locate(peer, ofType(ObjectType.SymmetricKey), group)).toEqual([keyId]);
    expect(await locate(peer, ofType(ObjectType.SecretData))).toEqual([secretId]);

    for (const [identifier, name, path, material] of [
      [keyId, 'mysql-key', Tag.SymmetricKey, key],
      [secretId, 'mysql-secret', Tag.SecretData, secret],
    ] as const) {
      const asked = [uniqueIdentifier(identifier)];
      const { items } = await peer.batch(
        [
          { operation: Operation.Get, payload: asked },
          { operation: Operation.GetAttributes, payload: asked },
        ],
        { header: [...options.header, boolean(Tag.BatchOrderOption, true)] },
      );
      expect(items.map(({ operation, status }) => [operation, status])).toEqual([
        [Operation.Get, 0],
        [Operation.GetAttributes, 0],
      ]);
      expect(valueAt(items[0]?.payload, path, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(material);
      const attributes = attributeValues(items[1]?.payload);
      expect(attributes['State']).toBe(State.Active);
      expect(attributes['Object Group']).toBe(OBJECT_GROUP);
      expect((attributes['Name'] as readonly Item[])[0]?.value).toBe(name);
    }

    for (const identifier of [keyId, secretId]) {
      await peer.call(Operation.Revoke, [
        uniqueIdentifier(identifier),
        structure(
          Tag.RevocationReason,
          enumeration(Tag.RevocationReasonCode, RevocationReasonCode.Unspecified),
          text(Tag.RevocationMessage, 'Deleting the key'),
        ),
      ]);
      const destroyed = await peer.call(Operation.Destroy, [uniqueIdentifier(identifier)]);
      expect(textAt(destroyed, Tag.UniqueIdentifier)).toBe(identifier);
    }
    expect(await locate(peer, group)).toEqual([]);
    await peer.close();
  });

  test('finds a large set whole, and in pages', async () => {
    const peer = await site.connect('1.4', options);
    const large = attribute('Object Group', text(Tag.AttributeValue, 'large'));
    const made = new Set<string>();
    for (let from = 0; from < KEYS; from += KEYS_PER_BATCH) {
      const { items } = await peer.batch(
        Array.from({ length: KEYS_PER_BATCH }, (_, index) => ({
          operation: Operation.Create,
          payload: [
            enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
            structure(
              Tag.TemplateAttribute,
              ...aesAttributes(256),
              nameAttribute(`large-${from + index}`),
              large,
            ),
          ],
        })),
      );
      for (const { payload } of items) made.add(textAt(payload, Tag.UniqueIdentifier));
    }
    expect(made.size).toBe(KEYS);

    const whole = await locate(peer, ofType(ObjectType.SymmetricKey), large);
    expect(new Set(whole)).toEqual(made);

    const pages: string[] = [];
    for (let offset = 0; ; offset += 256) {
      const page = await peer.call(Operation.Locate, [
        integer(Tag.MaximumItems, 256),
        integer(Tag.OffsetItems, offset),
        ofType(ObjectType.SymmetricKey),
        large,
      ]);
      const found = textsOf(page, Tag.UniqueIdentifier);
      expect(child(page, Tag.LocatedItems)?.value).toBe(KEYS);
      if (found.length === 0) break;
      pages.push(...found);
    }
    expect(pages).toEqual(whole);
    await peer.close();
  });
}
