import { CredentialType, KeyFormatType, ObjectType, Operation, Tag } from '@holdfast/kmip';
import {
  attribute,
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

/** OpenStack Barbican through PyKMIP: user name and password, and Destroy without Revoke. */
export function barbican(site: Site): void {
  const credential = structure(
    Tag.Credential,
    enumeration(Tag.CredentialType, CredentialType.UsernameAndPassword),
    structure(Tag.CredentialValue, text(Tag.Username, 'barbican'), text(Tag.Password, 'not registered')),
  );
  const options = { header: [structure(Tag.Authentication, credential)] };
  const KEY = Buffer.alloc(16, 0x42);

  test('generates a key and destroys it unused', async () => {
    const peer = await site.connect('1.2', options);
    const created = await peer.call(Operation.Create, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(Tag.TemplateAttribute, ...aesAttributes(128)),
    ]);
    const asked = [uniqueIdentifier(textAt(created, Tag.UniqueIdentifier))];
    await peer.call(Operation.Get, asked);
    await peer.call(Operation.Destroy, asked);
    expect(await peer.refused(Operation.Get, asked)).toBeDefined();
    await peer.close();
  });

  test('stores a key whose algorithm and length stand in the Key Block alone', async () => {
    const peer = await site.connect('1.2', options);
    const registered = await peer.call(Operation.Register, [
      enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
      structure(
        Tag.TemplateAttribute,
        attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 12)),
      ),
      structure(
        Tag.SymmetricKey,
        structure(
          Tag.KeyBlock,
          enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
          structure(Tag.KeyValue, bytes(Tag.KeyMaterial, KEY)),
          enumeration(Tag.CryptographicAlgorithm, 3),
          integer(Tag.CryptographicLength, 128),
        ),
      ),
    ]);
    const asked = [uniqueIdentifier(textAt(registered, Tag.UniqueIdentifier))];
    const got = await peer.call(Operation.Get, asked);
    const keyBlock = [Tag.SymmetricKey, Tag.KeyBlock] as const;
    expect(valueAt(got, ...keyBlock, Tag.CryptographicAlgorithm)).toBe(3);
    expect(valueAt(got, ...keyBlock, Tag.CryptographicLength)).toBe(128);
    expect(valueAt(got, ...keyBlock, Tag.KeyValue, Tag.KeyMaterial)).toEqual(KEY);
    await peer.call(Operation.Destroy, asked);
    await peer.close();
  });

  test('gives every key the same name, as a registered user where the domain lets names repeat', async () => {
    await site.letNamesRepeat();
    await site.addUser('barbican', 'a password of its own');
    const peer = await site.connect('1.2', {
      header: [
        structure(
          Tag.Authentication,
          structure(
            Tag.Credential,
            enumeration(Tag.CredentialType, CredentialType.UsernameAndPassword),
            structure(
              Tag.CredentialValue,
              text(Tag.Username, 'barbican'),
              text(Tag.Password, 'a password of its own'),
            ),
          ),
        ),
      ],
    });
    const create = async () =>
      textAt(
        await peer.call(Operation.Create, [
          enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
          structure(Tag.TemplateAttribute, ...aesAttributes(128), nameAttribute('Symmetric Key')),
        ]),
        Tag.UniqueIdentifier,
      );
    const locate = async () =>
      textsOf(await peer.call(Operation.Locate, [nameAttribute('Symmetric Key')]), Tag.UniqueIdentifier);
    const made = [await create(), await create(), await create()] as const;
    expect((await locate()).toSorted()).toEqual(made.toSorted());
    await peer.call(Operation.Destroy, [uniqueIdentifier(made[1])]);
    expect((await locate()).toSorted()).toEqual([made[0], made[2]].toSorted());
    await peer.close();
    // From now on the old password is somebody's, and wrong.
    const outdated = await site.connect('1.2', options);
    const { items } = await outdated.batch([{ operation: Operation.Locate, payload: [] }]);
    expect(items[0]?.reason).toBe('AuthenticationNotSuccessful');
    await outdated.close();
  });
}
