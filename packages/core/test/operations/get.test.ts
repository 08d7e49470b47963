import { createDecipheriv } from 'node:crypto';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  KeyFormatType,
  KeyWrapType,
  ObjectType,
  Tag,
  WrappingMethod,
  type Attribute,
  type KeyWrappingSpecification,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes, decodeTtlv } from '@holdfast/ttlv';
import { activate, createKeyPair, destroy, get } from '@holdfast/core';
import { Harness } from './harness';
import { asking, createKey, named, password, rawKey, refused, registerObject, valueOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const KEK = '000102030405060708090a0b0c0d0e0f';
const DEK = '00112233445566778899aabbccddeeff';
/** DEK under KEK: RFC 3394 section 4.1. */
const WRAPPED = '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5';
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const { Encrypt, WrapKey } = CryptographicUsageMask;

function keyValueOf(value: ManagedObjectValue) {
  const keyValue = 'keyBlock' in value ? value.keyBlock.keyValue : undefined;
  if (keyValue === undefined) throw new Error('no key value');
  return keyValue;
}
function hexOf(value: ManagedObjectValue): string {
  const keyValue = keyValueOf(value);
  const bytes = 'encoded' in keyValue ? keyValue.encoded : keyValue.keyMaterial;
  if (!(bytes instanceof SecretBytes)) throw new Error('not bytes');
  return bytes.reveal().toString('hex');
}

describe('Fresh', () => {
  test('ends with the first Get, which writes; the next one does not', async () => {
    const uniqueIdentifier = await createKey(harness);
    expect(await valueOf(harness, uniqueIdentifier, 'Fresh')).toBe(true);
    await harness.run(get, { uniqueIdentifier });
    expect(await valueOf(harness, uniqueIdentifier, 'Fresh')).toBe(false);
    const changed = await valueOf(harness, uniqueIdentifier, 'LastChangeDate');
    harness.nowSeconds += 60;
    await harness.run(get, { uniqueIdentifier });
    expect(await valueOf(harness, uniqueIdentifier, 'LastChangeDate')).toBe(changed);
    harness.nowSeconds -= 60;
  });

  test('ends when a reader is served, and when several are at once', async () => {
    const uniqueIdentifier = await createKey(harness);
    const reader = harness.as('reader');
    const answers = await Promise.all([1, 2, 3, 4].map(() => reader.run(get, { uniqueIdentifier })));
    expect(new Set(answers.map(({ object }) => hexOf(object))).size).toBe(1);
    expect(await valueOf(harness, uniqueIdentifier, 'Fresh')).toBe(false);
  });
});

test('an object of another domain is not there', async () => {
  const uniqueIdentifier = await createKey(harness);
  const stranger = harness.as('user', '22222222-2222-4222-8222-222222222222');
  expect(await refused(stranger.run(get, { uniqueIdentifier }))).toBe('ObjectNotFound');
});

describe('formats', () => {
  test('what was registered comes back as it was', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
    expect(await harness.run(get, { uniqueIdentifier })).toEqual({
      objectType: ObjectType.SymmetricKey,
      uniqueIdentifier,
      object: rawKey(DEK),
    });
    expect(hexOf((await harness.run(get, { uniqueIdentifier })).object)).toBe(DEK);
  });

  test('a key is converted where that is possible', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
    const ask = (keyFormatType: KeyFormatType) => harness.run(get, { uniqueIdentifier, keyFormatType });
    const { object } = await ask(KeyFormatType.TransparentSymmetricKey);
    expect(keyValueOf(object)).toMatchObject({ keyMaterial: { tag: Tag.KeyMaterial } });
    expect(await refused(ask(KeyFormatType.PKCS_8))).toBe('KeyFormatTypeNotSupported');
  });

  test('a format that the version does not have is not answered with', async () => {
    const { EC } = CryptographicAlgorithm;
    const request = {
      commonAttributes: asking({ key: 'CryptographicAlgorithm', value: EC }),
      privateKeyAttributes: asking(),
      publicKeyAttributes: asking(),
    };
    const pair = await harness.run(createKeyPair, request, '2.1');
    const formatIn = async (uniqueIdentifier: string, version: '1.0' | '2.1') => {
      const { object } = await harness.run(get, { uniqueIdentifier }, version);
      return 'keyBlock' in object ? object.keyBlock.keyFormatType : undefined;
    };
    expect(await formatIn(pair.privateKeyUniqueIdentifier, '2.1')).toBe(
      KeyFormatType.TransparentECPrivateKey,
    );
    expect(await formatIn(pair.privateKeyUniqueIdentifier, '1.0')).toBe(KeyFormatType.PKCS_8);
    expect(await formatIn(pair.publicKeyUniqueIdentifier, '1.0')).toBe(KeyFormatType.X_509);
  });

  test('a type that the version does not have is refused', async () => {
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(harness.run(get, { uniqueIdentifier: template }, '1.4'))).toBeUndefined();
    expect(await refused(harness.run(get, { uniqueIdentifier: template }, '2.0'))).toBe('InvalidObjectType');
  });

  test('a key that is kept elsewhere comes without its value', async () => {
    const object = rawKey(DEK, { keyValue: undefined });
    const uniqueIdentifier = await registerObject(harness, object);
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(object);
    const converted = harness.run(get, {
      uniqueIdentifier,
      keyFormatType: KeyFormatType.TransparentSymmetricKey,
    });
    expect(await refused(converted)).toBe('KeyValueNotPresent');
  });
});

describe('wrapping', () => {
  async function wrappingKey(...attributes: Attribute[]): Promise<string> {
    const active: Attribute = { key: 'ActivationDate', value: harness.nowSeconds - 1 };
    return registerObject(harness, rawKey(KEK), [usage(WrapKey), active, ...attributes]);
  }
  function specification(
    uniqueIdentifier: string,
    changes: Partial<KeyWrappingSpecification> = {},
  ): KeyWrappingSpecification {
    return {
      wrappingMethod: WrappingMethod.Encrypt,
      encryptionKeyInformation: { uniqueIdentifier },
      attributeNames: [],
      encodingOption: EncodingOption.NoEncoding,
      ...changes,
    };
  }
  const wrapped = (uniqueIdentifier: string, keyWrappingSpecification: KeyWrappingSpecification) =>
    harness.run(get, { uniqueIdentifier, keyWrappingSpecification });

  test('is RFC 3394 unless asked for otherwise', async () => {
    const kek = await wrappingKey();
    const key = await registerObject(harness, rawKey(DEK));
    const { object } = await wrapped(key, specification(kek));
    expect(hexOf(object)).toBe(WRAPPED);
    expect(object).toMatchObject({
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyWrappingData: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: {
            uniqueIdentifier: kek,
            cryptographicParameters: { blockCipherMode: BlockCipherMode.NISTKeyWrap },
          },
          encodingOption: EncodingOption.NoEncoding,
        },
      },
    });
  });

  test('covers Key Material and attributes as TTLV unless asked for otherwise', async () => {
    const kek = await wrappingKey();
    const key = await registerObject(harness, rawKey(DEK), [named('wrapped')]);
    const { object } = await wrapped(
      key,
      specification(kek, { encodingOption: undefined, attributeNames: ['Name', 'x-none'] }),
    );
    const decipher = createDecipheriv('id-aes128-wrap', Buffer.from(KEK, 'hex'), Buffer.alloc(8, 0xa6));
    const content = decodeTtlv(decipher.update(Buffer.from(hexOf(object), 'hex')));
    expect(content.tag).toBe(Tag.KeyValue);
    expect(content.value).toMatchObject([{ tag: Tag.KeyMaterial }, { tag: Tag.Attribute }]);
  });

  test.each<[string, Attribute[], string]>([
    ['is not for wrapping', [usage(Encrypt)], 'IncompatibleCryptographicUsageMask'],
    ['is not Active', [usage(WrapKey)], 'WrongKeyLifecycleState'],
  ])('is refused where the wrapping key %s', async (_, attributes, code) => {
    const kek = await registerObject(harness, rawKey(KEK), attributes);
    if (code === 'IncompatibleCryptographicUsageMask') await harness.run(activate, { uniqueIdentifier: kek });
    const key = await createKey(harness);
    expect(await refused(wrapped(key, specification(kek)))).toBe(code);
  });

  test('needs a wrapping key that is there and is one', async () => {
    const key = await createKey(harness);
    expect(await refused(wrapped(key, specification('nothing')))).toBe('WrappingObjectNotFound');
    const secret = await registerObject(harness, password('p'));
    expect(await refused(wrapped(key, specification(secret)))).toBe('InvalidObjectType');
    const gone = await registerObject(harness, rawKey(KEK), [usage(WrapKey)]);
    await harness.run(destroy, { uniqueIdentifier: gone });
    expect(await refused(wrapped(key, specification(gone)))).toBe('WrappingObjectDestroyed');
  });

  test('parameters asked for are among those of the wrapping key, if it has any', async () => {
    const parameters: Attribute = {
      key: 'CryptographicParameters',
      value: { blockCipherMode: BlockCipherMode.NISTKeyWrap },
    };
    const kek = await wrappingKey(parameters);
    const key = await registerObject(harness, rawKey(DEK));
    const asking = (blockCipherMode: BlockCipherMode) =>
      specification(kek, {
        encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode } },
      });
    expect(hexOf((await wrapped(key, asking(BlockCipherMode.NISTKeyWrap))).object)).toBe(WRAPPED);
    expect(await refused(wrapped(key, asking(BlockCipherMode.AESKeyWrapPadding)))).toBe(
      'BadCryptographicParameters',
    );
  });

  test('without encoding takes no attributes', async () => {
    const kek = await wrappingKey();
    const key = await createKey(harness);
    const bad = specification(kek, { attributeNames: ['Name'] });
    expect(await refused(wrapped(key, bad))).toBe('EncodingOptionError');
  });

  test('is not for certificates and the like', async () => {
    const kek = await wrappingKey();
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(wrapped(template, specification(kek)))).toBe('InvalidObjectType');
  });

  test('what was registered wrapped is given out so, or opened, or wrapped by another key', async () => {
    const kek = await wrappingKey();
    const object = rawKey(DEK, {
      keyValue: { encoded: new SecretBytes(Buffer.from(WRAPPED, 'hex')) },
      keyWrappingData: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: kek },
        encodingOption: EncodingOption.NoEncoding,
      },
    });
    const uniqueIdentifier = await registerObject(harness, object);
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(object);
    const opened = await harness.run(get, { uniqueIdentifier, keyWrapType: KeyWrapType.NotWrapped });
    expect(opened.object).toEqual(rawKey(DEK));
    expect(hexOf(opened.object)).toBe(DEK);
    const other = await wrappingKey();
    expect((await wrapped(uniqueIdentifier, specification(other))).object).toMatchObject({
      keyBlock: { keyWrappingData: { encryptionKeyInformation: { uniqueIdentifier: other } } },
    });
  });

  test('a sensitive key leaves wrapped alone, one that is not extractable never', async () => {
    const kek = await wrappingKey();
    const sensitive = await registerObject(harness, rawKey(DEK), [{ key: 'Sensitive', value: true }]);
    expect(await refused(harness.run(get, { uniqueIdentifier: sensitive }))).toBe('Sensitive');
    expect(hexOf((await wrapped(sensitive, specification(kek))).object)).toBe(WRAPPED);
    const kept = await createKey(harness, { key: 'Extractable', value: false });
    expect(await refused(harness.run(get, { uniqueIdentifier: kept }))).toBe('NotExtractable');
    expect(await refused(wrapped(kept, specification(kek)))).toBe('NotExtractable');
  });
});
