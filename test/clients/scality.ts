import { randomBytes } from 'node:crypto';
import { ObjectType, Operation, QueryFunction, Tag } from '@holdfast/kmip';
import {
  attribute,
  attributeValues,
  bytes,
  child,
  children,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  uniqueIdentifier,
  valueAt,
  versionsOf,
} from '@holdfast/testkit';
import { CBC_PKCS5, aesAttributes, type Site } from './site';

/** Scality cloudserver: offers 1.4, 1.3 and 1.2, takes the first that comes back, and has one key for each bucket. */
export function scality(site: Site): void {
  const query = (...functions: readonly number[]) =>
    site.session('1.4', (peer) =>
      peer.call(
        Operation.Query,
        functions.map((each) => enumeration(Tag.QueryFunction, each)),
      ),
    );

  test('negotiates, and asks what the server is', async () => {
    const versions = await site.session('1.4', (peer) =>
      peer.call(
        Operation.DiscoverVersions,
        [4, 3, 2].map((minor) =>
          structure(
            Tag.ProtocolVersion,
            integer(Tag.ProtocolVersionMajor, 1),
            integer(Tag.ProtocolVersionMinor, minor),
          ),
        ),
      ),
    );
    expect(versionsOf(versions)).toEqual(['1.4', '1.3', '1.2']);

    // There are no extensions: that is an answer, not a failure.
    expect(children(await query(QueryFunction.QueryExtensionMap), Tag.ExtensionInformation)).toEqual([]);
    const information = await query(QueryFunction.QueryServerInformation);
    expect(textAt(information, Tag.VendorIdentification)).not.toBe('');
    expect(child(information, Tag.ServerInformation)).toBeDefined();
    const abilities = await query(QueryFunction.QueryOperations, QueryFunction.QueryObjects);
    const operations = children(abilities, Tag.Operation).map(({ value }) => value);
    expect(operations).toEqual(
      expect.arrayContaining([Operation.Create, Operation.Activate, Operation.Revoke, Operation.Destroy]),
    );
    expect(children(abilities, Tag.ObjectType).map(({ value }) => value)).toContain(ObjectType.SymmetricKey);
  });

  test('makes a key for a bucket, whose name stands in an attribute of its own', async () => {
    const peer = await site.connect('1.4');
    const created = await peer.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(
        Tag.TemplateAttribute,
        ...aesAttributes(256),
        attribute('x-name', text(Tag.AttributeValue, 'bucket-of-invoices')),
      ),
    ]);
    const identifier = textAt(created, Tag.UniqueIdentifier);
    const activated = await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    expect(textAt(activated, Tag.UniqueIdentifier)).toBe(identifier);
    const got = await peer.call(Operation.GetAttributes, [
      uniqueIdentifier(identifier),
      text(Tag.AttributeName, 'x-name'),
    ]);
    expect(attributeValues(got)).toEqual({ 'x-name': 'bucket-of-invoices' });

    // Data keys are random: an IV of zeros does for them.
    const key = [uniqueIdentifier(identifier), CBC_PKCS5];
    const iv = bytes(Tag.IVCounterNonce, Buffer.alloc(16));
    const dataKey = bytes(Tag.Data, randomBytes(32));
    const encrypted = await peer.call(Operation.Encrypt, [...key, dataKey, iv]);
    const ciphertext = valueAt(encrypted, Tag.Data) as Buffer;
    const decrypted = await peer.call(Operation.Decrypt, [...key, bytes(Tag.Data, ciphertext), iv]);
    expect(valueAt(decrypted, Tag.Data)).toEqual(dataKey.value);
    await peer.close();
  });
}
