import { randomBytes } from 'node:crypto';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  PaddingMethod,
  SecretDataType,
  Tag,
  type VersionName,
} from '@holdfast/kmip';
import {
  attribute,
  bytes,
  child,
  children,
  enumeration,
  integer,
  structure,
  textAt,
  uniqueIdentifier,
  valueAt,
  type PeerOptions,
} from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import { aesAttributes, type Site } from './site';

interface Dialogue {
  readonly version: VersionName;
  readonly attributes: readonly Item[];
  readonly options?: PeerOptions;
}

/** Some releases send a Unique Batch Item ID although there is one item, and an empty Template-Attribute. */
const REGISTERS: readonly (readonly [which: string, dialogue: Dialogue])[] = [
  ['in 1.4', { version: '1.4', attributes: [], options: { id: () => Buffer.from('0') } }],
  [
    'as release 1.21 does: in 1.0, with a usage mask of 0',
    {
      version: '1.0',
      attributes: [attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 0))],
    },
  ],
];

/** AES-CBC with PKCS #5; where it encrypts, the server chooses the IV. */
function cbc(...more: Item[]): Item {
  return structure(
    Tag.CryptographicParameters,
    enumeration(Tag.BlockCipherMode, BlockCipherMode.CBC),
    enumeration(Tag.PaddingMethod, PaddingMethod.PKCS5),
    enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
    ...more,
  );
}

/** MongoDB's client-side encryption: Secret Data of 96 bytes, or a key at the server ("delegated") that encrypts them. */
export function libmongocrypt(site: Site): void {
  test.each(REGISTERS)(
    'keeps a data key as a seed and gets the same bytes back, %s',
    async (_which, dialogue) => {
      const seed = randomBytes(96);
      const peer = await site.connect(dialogue.version, dialogue.options);
      const registered = await peer.call(Operation.Register, [
        enumeration(Tag.ObjectType, ObjectType.SecretData),
        structure(Tag.TemplateAttribute, ...dialogue.attributes),
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
    },
  );

  test('delegated: has data keys encrypted by a key that it never sees, each message in a session and version of its own', async () => {
    const created = await site.session('1.2', (peer) =>
      peer.call(Operation.Create, [
        enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
        structure(Tag.TemplateAttribute, ...aesAttributes(256)),
      ]),
    );
    const key = uniqueIdentifier(textAt(created, Tag.UniqueIdentifier));
    await site.session('1.0', (peer) => peer.call(Operation.Activate, [key]));

    const dataKey = randomBytes(96);
    const randomIv: Item = { tag: Tag.RandomIV, type: ItemType.Boolean, value: true };
    const encrypted = await site.session('1.2', (peer) =>
      peer.call(Operation.Encrypt, [key, cbc(randomIv), bytes(Tag.Data, dataKey)]),
    );
    const iv = valueAt(encrypted, Tag.IVCounterNonce) as Buffer;
    expect(iv).toHaveLength(16);
    const decrypted = await site.session('1.2', (peer) =>
      peer.call(Operation.Decrypt, [
        key,
        cbc(),
        bytes(Tag.Data, valueAt(encrypted, Tag.Data) as Buffer),
        bytes(Tag.IVCounterNonce, iv),
      ]),
    );
    expect(valueAt(decrypted, Tag.Data)).toEqual(dataKey);
  });
}
