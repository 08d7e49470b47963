import { randomBytes, randomUUID } from 'node:crypto';
import { ObjectType, Operation, Tag } from '@holdfast/kmip';
import {
  bytes,
  enumeration,
  integer,
  structure,
  textAt,
  uniqueIdentifier,
  valueAt,
  versionsOf,
  type Peer,
} from '@holdfast/testkit';
import { CBC_PKCS5, aesAttributes, nameAttribute, type Site } from './site';

/** ceph-csi: KMIP 1.4, a TLS session for every operation, Unique Batch Item IDs of 16 bytes. */
export function cephCsi(site: Site): void {
  const options = { id: () => Buffer.from(randomUUID().replaceAll('-', ''), 'hex') };
  /** Each session begins with the same question, and fails unless exactly one version comes back. */
  const connected = <T>(talk: (peer: Peer) => Promise<T>) =>
    site.session(
      '1.4',
      async (peer) => {
        const versions = await peer.call(Operation.DiscoverVersions, [
          structure(
            Tag.ProtocolVersion,
            integer(Tag.ProtocolVersionMajor, 1),
            integer(Tag.ProtocolVersionMinor, 4),
          ),
        ]);
        expect(versionsOf(versions)).toEqual(['1.4']);
        return talk(peer);
      },
      options,
    );

  test('gets the key of its configuration again and again', async () => {
    const created = await connected((peer) =>
      peer.call(Operation.Create, [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(Tag.TemplateAttribute, ...aesAttributes(256), nameAttribute('csi-kek')),
      ]),
    );
    const identifier = textAt(created, Tag.UniqueIdentifier);
    await connected((peer) => peer.call(Operation.Activate, [uniqueIdentifier(identifier)]));
    const materials = [];
    for (let times = 0; times < 3; times++) {
      const got = await connected((peer) => peer.call(Operation.Get, [uniqueIdentifier(identifier)]));
      materials.push(valueAt(got, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial));
    }
    expect(materials[0]).toHaveLength(32);
    expect(materials[1]).toEqual(materials[0]);
    expect(materials[2]).toEqual(materials[0]);
  });

  test('has its data keys encrypted and decrypted, with an IV of its own', async () => {
    const created = await connected((peer) =>
      peer.call(Operation.Create, [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(Tag.TemplateAttribute, ...aesAttributes(256), nameAttribute('csi-encrypting')),
      ]),
    );
    const key = uniqueIdentifier(textAt(created, Tag.UniqueIdentifier));
    await connected((peer) => peer.call(Operation.Activate, [key]));
    const iv = bytes(Tag.IVCounterNonce, randomBytes(16));
    const dek = randomBytes(32);
    const encrypted = await connected((peer) =>
      peer.call(Operation.Encrypt, [key, CBC_PKCS5, bytes(Tag.Data, dek), iv]),
    );
    const ciphertext = valueAt(encrypted, Tag.Data) as Buffer;
    expect(ciphertext).toHaveLength(48);
    const decrypted = await connected((peer) =>
      peer.call(Operation.Decrypt, [key, CBC_PKCS5, bytes(Tag.Data, ciphertext), iv]),
    );
    expect(valueAt(decrypted, Tag.Data)).toEqual(dek);
  });
}
