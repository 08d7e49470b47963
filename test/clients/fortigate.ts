import { CredentialType, KeyFormatType, ObjectType, Operation, Tag } from '@holdfast/kmip';
import {
  bytes,
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

/**
 * FortiGate fetches keys for IPsec tunnels: KMIP 1.0, a user name that nobody registered, and Locate with its filter inside
 * a Template-Attribute. A server that passed over the filter gave all tunnels one key.
 */
export function fortiGate(site: Site): void {
  const shown = (username: string, password: string) => ({
    header: [
      structure(
        Tag.Authentication,
        structure(
          Tag.Credential,
          enumeration(Tag.CredentialType, CredentialType.UsernameAndPassword),
          structure(Tag.CredentialValue, text(Tag.Username, username), text(Tag.Password, password)),
        ),
      ),
    ],
  });
  const options = shown('fgt-hub-1', 'not registered');
  const tunnels = ['vpn-paris', 'vpn-paris-2', 'vpn-rome'];
  const materials = tunnels.map((_, index) => Buffer.alloc(32, index + 1));

  test('each tunnel has the key of its own name', async () => {
    const peer = await site.connect('1.0', options);
    for (const [index, name] of tunnels.entries()) {
      await peer.call(Operation.Register, [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(Tag.TemplateAttribute, ...aesAttributes(256), nameAttribute(name)),
        structure(
          Tag.SymmetricKey,
          structure(
            Tag.KeyBlock,
            enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
            structure(Tag.KeyValue, bytes(Tag.KeyMaterial, materials[index] as Buffer)),
            enumeration(Tag.CryptographicAlgorithm, 3),
            integer(Tag.CryptographicLength, 256),
          ),
        ),
      ]);
    }
    for (const [index, name] of tunnels.entries()) {
      const located = await peer.call(Operation.Locate, [
        integer(Tag.MaximumItems, 1),
        structure(Tag.TemplateAttribute, nameAttribute(name)),
      ]);
      const [identifier, ...others] = textsOf(located, Tag.UniqueIdentifier);
      expect(others).toEqual([]);
      const got = await peer.call(Operation.Get, [uniqueIdentifier(identifier ?? '')]);
      expect(valueAt(got, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(
        materials[index],
      );
    }
    await peer.close();
  });

  test('a tunnel without a key is told of none, and makes its own', async () => {
    const peer = await site.connect('1.0', options);
    const filter = [
      integer(Tag.MaximumItems, 1),
      structure(Tag.TemplateAttribute, nameAttribute('vpn-oslo')),
    ];
    const located = await peer.call(Operation.Locate, filter);
    expect(textsOf(located, Tag.UniqueIdentifier)).toEqual([]);
    const created = await peer.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(Tag.TemplateAttribute, ...aesAttributes(256), nameAttribute('vpn-oslo')),
    ]);
    const found = await peer.call(Operation.Locate, filter);
    expect(textsOf(found, Tag.UniqueIdentifier)).toEqual([textAt(created, Tag.UniqueIdentifier)]);
    await peer.close();
  });

  test('a user name that is registered decides, and must be right', async () => {
    await site.addUser('fgt-hub-2', 'registered password');
    const right = await site.connect('1.0', shown('fgt-hub-2', 'registered password'));
    const filter = [structure(Tag.TemplateAttribute, nameAttribute('vpn-rome'))];
    // What the certificate's client registered belongs to the same domain.
    expect(textsOf(await right.call(Operation.Locate, filter), Tag.UniqueIdentifier)).toHaveLength(1);
    await right.close();
    const wrong = await site.connect('1.0', shown('fgt-hub-2', 'another password'));
    const { items } = await wrong.batch([{ operation: Operation.Locate, payload: filter }]);
    expect(items.map(({ operation, reason }) => [operation, reason])).toEqual([
      [undefined, 'AuthenticationNotSuccessful'],
    ]);
    await wrong.close();
  });
}
