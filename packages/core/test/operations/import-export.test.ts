import { createHash } from 'node:crypto';
import {
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  HashingAlgorithm,
  KeyFormatType,
  KeyWrapType,
  LinkType,
  ObjectType,
  RevocationReasonCode,
  State,
  Tag,
  WrappingMethod,
  type Attribute,
  type AttributeKey,
  type Infer,
  type ManagedObjectValue,
  type VersionName,
  isKnownAttribute,
} from '@holdfast/kmip';
import { ItemType, SecretBytes } from '@holdfast/ttlv';
import {
  activate,
  destroy,
  exportObject,
  get,
  getAttributes,
  importObject,
  locate,
  reKey,
  revoke,
} from '@holdfast/core';
import { Harness } from './harness';
import {
  createKey,
  custom,
  named,
  password,
  rawKey,
  refused,
  registerObject,
  valueOf,
  valuesOf,
} from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const DEK = '00112233445566778899aabbccddeeff';
const OTHER = 'ffeeddccbbaa99887766554433221100';
const AES: readonly Attribute[] = [
  { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
  { key: 'CryptographicLength', value: 128 },
];

type Exported = Infer<typeof exportObject.response>;
type ImportRequest = Infer<typeof importObject.request>;

const exported = (uniqueIdentifier: string, from = harness, version: VersionName = '2.1') =>
  from.run(exportObject, { uniqueIdentifier }, version);
const imported = (request: ImportRequest, into = harness, version: VersionName = '2.1') =>
  into.run(importObject, request, version);
const attributesOf = async (uniqueIdentifier: string, from = harness) =>
  (await from.run(getAttributes, { uniqueIdentifier, attributeReferences: [] }, '2.1')).attributes;
const asImport = ({ objectType, uniqueIdentifier, attributes, object }: Exported): ImportRequest => ({
  objectType,
  uniqueIdentifier,
  attributes: attributes.filter(isKnownAttribute),
  object,
});
let count = 0;
const newIdentifier = () => `imported-${++count}`;
const another = () => harness.as('user', `33333333-3333-4333-8333-${String(++count).padStart(12, '0')}`);

/** Moves an object to another domain, as if to another server; there it has to be the same. */
async function moved(uniqueIdentifier: string, version: VersionName = '2.1') {
  const there = another();
  const given = await exported(uniqueIdentifier, harness, version);
  there.nowSeconds += 1000;
  await imported(asImport(given), there, version);
  expect(await attributesOf(uniqueIdentifier, there)).toEqual(await attributesOf(uniqueIdentifier));
  expect(await exported(uniqueIdentifier, there, version)).toEqual(given);
  return { there, given };
}

describe('what is exported and imported elsewhere is the same there', () => {
  test.each(['1.4', '2.0', '2.1'] as const)(
    'a key with all kinds of attributes, in KMIP %s',
    async (version) => {
      const uniqueIdentifier = await createKey(
        harness,
        named(`moved in ${version}`),
        named(`moved in ${version}, too`),
        custom('owner', 'storage'),
        { key: 'ActivationDate', value: harness.nowSeconds - 10 },
        { key: 'Link', value: { linkType: LinkType.ParentLink, linkedObjectIdentifier: 'parent' } },
        { key: 'UsageLimits', value: { usageLimitsTotal: 10n, usageLimitsUnit: 2 } },
      );
      const { there, given } = await moved(uniqueIdentifier, version);
      expect(given.attributes.length).toBeGreaterThan(20);
      expect(await valueOf(there, uniqueIdentifier, 'State')).toBe(State.Active);
      const found = await there.run(locate, { attributes: [named(`moved in ${version}, too`)] });
      expect(found.uniqueIdentifiers).toEqual([uniqueIdentifier]);
    },
  );

  test.each([
    ['Deactivated', RevocationReasonCode.CessationOfOperation, State.Deactivated],
    ['Compromised', RevocationReasonCode.KeyCompromise, State.Compromised],
  ])('a key that is %s', async (_name, revocationReasonCode, state) => {
    const uniqueIdentifier = await createKey(harness);
    await harness.run(activate, { uniqueIdentifier });
    await harness.run(revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode } });
    const { there } = await moved(uniqueIdentifier);
    expect(await valueOf(there, uniqueIdentifier, 'State')).toBe(state);
  });

  test.each<[string, ManagedObjectValue]>([
    ['secret data', password('p')],
    [
      'an opaque object',
      {
        objectType: ObjectType.OpaqueObject,
        opaqueDataType: 0x80000001,
        opaqueDataValue: new SecretBytes(Buffer.from('data')),
      },
    ],
    ['a key that is kept elsewhere', rawKey(DEK, { keyValue: undefined })],
    [
      'a PGP certificate',
      {
        objectType: ObjectType.Certificate,
        certificateType: CertificateType.PGP,
        certificateValue: Buffer.from('pgp'),
      },
    ],
  ])('%s', async (_name, object) => {
    await moved(await registerObject(harness, object));
  });

  test('a destroyed key, without its value', async () => {
    const uniqueIdentifier = await createKey(harness, named('gone'));
    await harness.run(destroy, { uniqueIdentifier });
    const { there, given } = await moved(uniqueIdentifier);
    expect(given.object).toEqual({
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLengthBits: 256,
      },
    });
    expect(await refused(there.run(get, { uniqueIdentifier }))).toBe('KeyValueNotPresent');
  });

  test('destroyed secret data, of which only attributes are left', async () => {
    const uniqueIdentifier = await registerObject(harness, password('p'));
    await harness.run(destroy, { uniqueIdentifier });
    expect((await moved(uniqueIdentifier)).given.object).toBeUndefined();
  });
});

describe('Export', () => {
  test('ends Fresh, like Get', async () => {
    const { attributes } = await exported(await createKey(harness));
    expect(attributes).toContainEqual({ key: 'Fresh', value: false });
  });

  test('gives nothing out that Get does not', async () => {
    const sensitive = await registerObject(harness, rawKey(DEK), [{ key: 'Sensitive', value: true }]);
    expect(await refused(exported(sensitive))).toBe('Sensitive');
    const kept = await registerObject(harness, rawKey(DEK), [{ key: 'Extractable', value: false }]);
    expect(await refused(exported(kept))).toBe('NotExtractable');
    expect(await refused(exported(kept, another()))).toBe('ObjectNotFound');
  });

  test('keeps to the types of the version', async () => {
    const template = await registerObject(harness, { objectType: ObjectType.Template, attributes: [] });
    expect(await refused(exported(template, harness, '2.1'))).toBe('InvalidObjectType');
    expect(await refused(exported(template, harness, '1.4'))).toBeUndefined();
  });

  test('names what it exported', async () => {
    const uniqueIdentifier = await createKey(harness);
    await exported(uniqueIdentifier);
    expect(harness.produced).toEqual([uniqueIdentifier]);
  });
});

describe('Import', () => {
  test('completes what every object has and the request does not say', async () => {
    const uniqueIdentifier = newIdentifier();
    await imported({ uniqueIdentifier, attributes: [], object: rawKey(DEK) });
    expect(harness.produced).toEqual([uniqueIdentifier]);
    const attributes = new Map((await attributesOf(uniqueIdentifier)).map(({ key, value }) => [key, value]));
    expect(Object.fromEntries(attributes)).toMatchObject({
      UniqueIdentifier: uniqueIdentifier,
      ShortUniqueIdentifier: createHash('sha256').update(uniqueIdentifier).digest(),
      ObjectType: ObjectType.SymmetricKey,
      State: State.PreActive,
      InitialDate: harness.nowSeconds,
      CryptographicAlgorithm: CryptographicAlgorithm.AES,
      CryptographicLength: 128,
      KeyFormatType: KeyFormatType.Raw,
      Digest: { digestValue: createHash('sha256').update(Buffer.from(DEK, 'hex')).digest() },
    });
  });

  test('under another identifier makes another object', async () => {
    const given = await exported(await registerObject(harness, rawKey(DEK)));
    const uniqueIdentifier = newIdentifier();
    await imported({ ...asImport(given), uniqueIdentifier });
    const attributes = await attributesOf(uniqueIdentifier);
    expect(attributes).toContainEqual({ key: 'UniqueIdentifier', value: uniqueIdentifier });
    const shortIdentifier = createHash('sha256').update(uniqueIdentifier).digest();
    expect(attributes).toContainEqual({ key: 'ShortUniqueIdentifier', value: shortIdentifier });
  });

  test('replaces what exists where it is asked to, and only then', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK), [named('replaced')]);
    const request = { uniqueIdentifier, attributes: [named('replacement')], object: rawKey(OTHER) };
    expect(await refused(imported(request))).toBe('ObjectAlreadyExists');
    expect(await refused(imported({ ...request, replaceExisting: false }))).toBe('ObjectAlreadyExists');
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(rawKey(DEK));
    await imported({ ...request, replaceExisting: true });
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(rawKey(OTHER));
    expect(await valueOf(harness, uniqueIdentifier, 'Name')).toMatchObject({ nameValue: 'replacement' });
    expect((await harness.run(locate, { attributes: [named('replaced')] })).uniqueIdentifiers).toEqual([]);
  });

  test('brings back what was destroyed, and destroys what is there', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
    const before = await exported(uniqueIdentifier);
    await harness.run(destroy, { uniqueIdentifier });
    const gone = await exported(uniqueIdentifier);
    await imported({ ...asImport(before), replaceExisting: true });
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(rawKey(DEK));
    await imported({ ...asImport(gone), replaceExisting: true });
    expect(await refused(harness.run(get, { uniqueIdentifier }))).toBe('KeyValueNotPresent');
  });

  test('replaces nothing of another client, and reaches into no other domain', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey(DEK));
    const request = { uniqueIdentifier, attributes: [], object: rawKey(OTHER), replaceExisting: true };
    expect(await refused(imported(request, harness.as('user')))).toBe('PermissionDenied');
    expect(await refused(imported(request, harness.as('reader')))).toBe('PermissionDenied');
    const stranger = another();
    await imported({ ...request, replaceExisting: false }, stranger);
    expect((await stranger.run(get, { uniqueIdentifier })).object).toEqual(rawKey(OTHER));
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(rawKey(DEK));
  });

  test('keeps the high indexes of an object that has lived long, which can then be replaced', async () => {
    const group = (value: string, index?: number): Attribute => ({ key: 'ObjectGroup', index, value });
    const uniqueIdentifier = newIdentifier();
    const attributes = [...AES, group('a', 5000), { key: 'CryptographicUsageMask', value: 12 } as const];
    await imported({ uniqueIdentifier, attributes, object: rawKey(DEK) }, harness, '1.4');
    expect(await attributesOf(uniqueIdentifier)).toContainEqual(group('a', 5000));
    const newAttributes = { templateNames: [], attributes: [group('b')] };
    const replacement = await harness.run(reKey, { uniqueIdentifier, newAttributes });
    expect(await valuesOf(harness, replacement.uniqueIdentifier, 'ObjectGroup')).toEqual(['a', 'b']);
  });

  test('is for those who may make objects', async () => {
    const request = { uniqueIdentifier: newIdentifier(), attributes: [], object: rawKey(DEK) };
    expect(await refused(imported(request, harness.as('reader')))).toBe('PermissionDenied');
  });

  test('happens once where several want to bring the same object', async () => {
    const request = { uniqueIdentifier: newIdentifier(), attributes: [], object: rawKey(DEK) };
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => refused(imported(request))));
    expect(outcomes.filter((code) => code === undefined)).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set([undefined, 'ObjectAlreadyExists']));
  });

  test.each(['', 'with space', 'x'.repeat(65), 'tab\t', 'ä', 'nul\0'])(
    'takes no identifier %j',
    async (id) => {
      const request = { uniqueIdentifier: id, attributes: [], object: rawKey(DEK) };
      expect(await refused(imported(request))).toBe('InvalidField');
    },
  );

  test('takes identifiers of 64 characters', async () => {
    const uniqueIdentifier = '~'.repeat(64);
    await imported({ uniqueIdentifier, attributes: [], object: rawKey(DEK) });
    expect((await harness.run(get, { uniqueIdentifier })).object).toEqual(rawKey(DEK));
  });

  const date = (key: AttributeKey, value: number) => ({ key, value }) as Attribute;
  test.each<[string, Partial<ImportRequest>, string]>([
    ['another Object Type in the request', { objectType: ObjectType.SecretData }, 'InvalidField'],
    [
      'another Object Type in the attributes',
      { attributes: [{ key: 'ObjectType', value: ObjectType.SecretData }] },
      'InvalidAttributeValue',
    ],
    [
      'another algorithm',
      { attributes: [{ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.DES3 }] },
      'InvalidAttributeValue',
    ],
    ['another length', { attributes: [{ key: 'CryptographicLength', value: 256 }] }, 'InvalidAttributeValue'],
    [
      'another format',
      { attributes: [{ key: 'KeyFormatType', value: KeyFormatType.PKCS_8 }] },
      'InvalidAttributeValue',
    ],
    [
      'another digest',
      {
        attributes: [
          {
            key: 'Digest',
            value: {
              hashingAlgorithm: HashingAlgorithm.SHA_256,
              digestValue: Buffer.alloc(32),
              keyFormatType: KeyFormatType.Raw,
            },
          },
        ],
      },
      'InvalidAttributeValue',
    ],
    [
      'an attribute of other objects',
      { attributes: [{ key: 'CertificateType', value: CertificateType.X_509 }] },
      'InvalidAttribute',
    ],
    [
      'an attribute twice that objects have once',
      { attributes: [date('ActivationDate', 1), date('ActivationDate', 2)] },
      'AttributeSingleValued',
    ],
    [
      'dates that contradict each other',
      { attributes: [date('ActivationDate', 2), date('ProcessStartDate', 1)] },
      'InvalidField',
    ],
    [
      'more instances than there may be',
      { attributes: Array.from({ length: 257 }, (_, index) => ({ ...named(`n${index}`), index })) },
      'IndexOutOfBounds',
    ],
    [
      'two instances of one index',
      { attributes: [named('one'), named('two')].map((name) => ({ ...name, index: 3 })) },
      'IndexOutOfBounds',
    ],
    [
      'a value of what is destroyed',
      { attributes: [{ key: 'State', value: State.Destroyed }] },
      'InvalidAttributeValue',
    ],
    ['a Destroy Date of what is not', { attributes: [date('DestroyDate', 1)] }, 'InvalidAttributeValue'],
    ['nothing at all', { object: undefined, objectType: ObjectType.SymmetricKey }, 'InvalidMessage'],
    ['nothing of no type', { object: undefined }, 'InvalidField'],
    [
      'Usage Limits that count more than their total',
      {
        attributes: [
          {
            key: 'UsageLimits',
            value: { usageLimitsTotal: 1n, usageLimitsCount: 2n, usageLimitsUnit: 1 },
          },
        ],
      },
      'InvalidAttributeValue',
    ],
  ])('refuses %s', async (_what, changes, code) => {
    const request = { uniqueIdentifier: newIdentifier(), attributes: [], object: rawKey(DEK), ...changes };
    expect(await refused(imported(request))).toBe(code);
  });

  test('refuses a name that another object has', async () => {
    await createKey(harness, named('taken'));
    const request = { uniqueIdentifier: newIdentifier(), attributes: [named('taken')], object: rawKey(DEK) };
    expect(await refused(imported(request))).toBe('NonUniqueNameAttribute');
  });

  test('keeps the indexes of instances', async () => {
    const uniqueIdentifier = newIdentifier();
    const names = [
      { ...named('indexed 0'), index: 0 },
      { ...named('indexed 4'), index: 4 },
    ];
    await imported({ uniqueIdentifier, attributes: [...AES, ...names], object: rawKey(DEK) }, harness, '1.4');
    const attributes = await attributesOf(uniqueIdentifier);
    expect(attributes.filter(({ key }) => key === 'Name').map(({ index }) => index ?? 0)).toEqual([0, 4]);
  });
});

describe('a wrapped key', () => {
  const KEK = '000102030405060708090a0b0c0d0e0f';
  const WRAPPED = '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5';
  const wrappedBy = (uniqueIdentifier: string) =>
    rawKey(DEK, {
      keyValue: { encoded: new SecretBytes(Buffer.from(WRAPPED, 'hex')) },
      keyWrappingData: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier },
        encodingOption: EncodingOption.NoEncoding,
      },
    });
  const wrappingKey = () =>
    registerObject(harness, rawKey(KEK), [
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.UnwrapKey },
      { key: 'ActivationDate', value: harness.nowSeconds - 1 },
    ]);

  test('is kept as it is unless it is to be opened', async () => {
    const object = wrappedBy(await wrappingKey());
    const kept = newIdentifier();
    await imported({ uniqueIdentifier: kept, attributes: [...AES], object });
    expect((await harness.run(get, { uniqueIdentifier: kept })).object).toEqual(object);
    const opened = newIdentifier();
    const { NotWrapped } = KeyWrapType;
    await imported({ uniqueIdentifier: opened, attributes: [], object, keyWrapType: NotWrapped });
    expect((await harness.run(get, { uniqueIdentifier: opened })).object).toEqual(rawKey(DEK));
    expect(await valueOf(harness, opened, 'Link')).toBeUndefined();
    expect(await valueOf(harness, kept, 'Link')).toMatchObject({ linkType: LinkType.WrappingKeyLink });
  });

  test('is not taken in clear where the wrapping key is not there', async () => {
    const request = { uniqueIdentifier: newIdentifier(), attributes: [], object: wrappedBy('nothing') };
    const opened = imported({ ...request, keyWrapType: KeyWrapType.NotWrapped });
    expect(await refused(opened)).toBe('WrappingObjectNotFound');
    expect(await refused(imported({ ...request, keyWrapType: KeyWrapType.AsRegistered }))).toBeUndefined();
  });
});

test('that a key was inside the HSM of another server says nothing of this one', async () => {
  const attributeValue = { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true } as const;
  const inHsm: Attribute = {
    key: 'VendorAttribute',
    value: { vendorIdentification: 'x', attributeName: 'KeyInHSM', attributeValue },
  };
  const uniqueIdentifier = 'was-inside';
  const attributes: Attribute[] = [...AES, { key: 'CryptographicUsageMask', value: 4 }, inHsm];
  const request = { uniqueIdentifier, objectType: ObjectType.SymmetricKey, attributes, object: rawKey(DEK) };
  await harness.run(importObject, request, '2.1');
  expect(await valueOf(harness, uniqueIdentifier, 'VendorAttribute')).toBeUndefined();
  const newAttributes = { templateNames: [], attributes: [] };
  expect(await refused(harness.run(reKey, { uniqueIdentifier, newAttributes }))).toBeUndefined();
});
