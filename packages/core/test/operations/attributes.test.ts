import {
  addAttribute,
  adjustAttribute,
  deleteAttribute,
  destroy,
  getAttributeList,
  getAttributes,
  locate,
  modifyAttribute,
  register,
  setAttribute,
} from '@holdfast/core';
import {
  AdjustmentType,
  NISTKeyType,
  ObjectType,
  State,
  Tag,
  dialectNamed,
  type Attribute,
  type VersionName,
  isKnownAttribute,
} from '@holdfast/kmip';
import { ItemType, SecretBytes, type Item } from '@holdfast/ttlv';
import { Harness } from './harness';
import { rawKey, refused, registerObject } from './requests';
import { createKey, custom, named, text } from './samples';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

async function attributesOf(uniqueIdentifier: string): Promise<readonly Attribute[]> {
  const { attributes } = await harness.run(getAttributes, { uniqueIdentifier, attributeReferences: [] });
  return attributes.filter(isKnownAttribute);
}

async function valuesOf(uniqueIdentifier: string, key: Attribute['key']): Promise<readonly unknown[]> {
  return (await attributesOf(uniqueIdentifier)).filter((each) => each.key === key).map(({ value }) => value);
}

/** The names that the version's answer holds. */
async function listedIn(
  version: VersionName,
  uniqueIdentifier: string,
): Promise<readonly (string | number)[]> {
  const response = await harness.run(getAttributeList, { uniqueIdentifier }, version);
  const item = getAttributeList.response.encode(Tag.ResponsePayload, response, dialectNamed(version));
  if (item?.type !== ItemType.Structure) throw new Error('no answer');
  return item.value
    .filter(({ tag }) => tag !== Tag.UniqueIdentifier)
    .map(({ value }) => (typeof value === 'number' ? value : typeof value === 'string' ? value : 'vendor'));
}

test('Application Data that are left to the server are the identifier of the object', async () => {
  const value = { applicationNamespace: 'Holdfast' };
  const key = 'ApplicationSpecificInformation';
  const made = await createKey(harness, { key, value });
  expect(await valuesOf(made, key)).toEqual([{ ...value, applicationData: made }]);
  const uniqueIdentifier = await createKey(harness);
  await harness.run(addAttribute, { uniqueIdentifier, newAttribute: { key, value } });
  expect(await valuesOf(uniqueIdentifier, key)).toEqual([{ ...value, applicationData: uniqueIdentifier }]);
});

describe('Get Attributes and Get Attribute List', () => {
  test('answer in the order asked, without what has no value', async () => {
    const uniqueIdentifier = await createKey(harness, named('order'));
    const { attributes } = await harness.run(getAttributes, {
      uniqueIdentifier,
      attributeReferences: [
        { key: 'State' },
        { key: 'DeactivationDate' },
        { unknownName: 'Colour' },
        { key: 'VendorAttribute', vendorIdentification: 'x', attributeName: 'Product_Version' },
        { key: 'ObjectType' },
      ],
    });
    expect(attributes).toEqual([
      { key: 'State', value: State.PreActive },
      { key: 'ObjectType', value: ObjectType.SymmetricKey },
    ]);
  });

  test('tell the state of now', async () => {
    const uniqueIdentifier = await createKey(harness, {
      key: 'ActivationDate',
      value: harness.nowSeconds + 60,
    });
    expect(await valuesOf(uniqueIdentifier, 'State')).toEqual([State.PreActive]);
    harness.nowSeconds += 60;
    expect(await valuesOf(uniqueIdentifier, 'State')).toEqual([State.Active]);
    harness.nowSeconds -= 60;
  });

  test('refuse to be asked twice', async () => {
    const uniqueIdentifier = await createKey(harness);
    await expect(
      harness.run(getAttributes, {
        uniqueIdentifier,
        attributeReferences: [{ key: 'State' }, { key: 'State' }],
      }),
    ).rejects.toMatchObject({ code: 'InvalidMessage' });
  });

  test('tell each name once, and of no attribute that came later than the version', async () => {
    const uniqueIdentifier = await createKey(
      harness,
      named('twice'),
      named('and again'),
      custom('a', text('1')),
    );
    const first = await listedIn('1.0', uniqueIdentifier);
    expect(first).toContain('Lease Time');
    expect(first).toContain('x-a');
    for (const later of ['Fresh', 'Original Creation Date', 'Sensitive', 'Random Number Generator']) {
      expect(first).not.toContain(later);
    }
    expect(new Set(first).size).toBe(first.length);
    expect(await listedIn('1.1', uniqueIdentifier)).toContain('Fresh');
    expect(await listedIn('1.4', uniqueIdentifier)).toContain('Sensitive');
    const second = await listedIn('2.0', uniqueIdentifier);
    expect(second).toEqual(expect.arrayContaining([Tag.KeyFormatType, Tag.ShortUniqueIdentifier, 'vendor']));
  });

  test('know nothing of another domain', async () => {
    const uniqueIdentifier = await createKey(harness);
    const stranger = harness.as('user', '7f1fc4d4-9f0c-4d1b-8a86-7f4a17d1d7a1');
    await expect(
      stranger.run(getAttributes, { uniqueIdentifier, attributeReferences: [] }),
    ).rejects.toMatchObject({ code: 'ObjectNotFound' });
  });
});

describe('Add, Modify, Set and Delete Attribute', () => {
  test('what is added is there afterwards, answered with its index, and changes the Last Change Date', async () => {
    const uniqueIdentifier = await createKey(harness, named('index 0'));
    harness.nowSeconds += 5;
    const { attribute } = await harness.run(addAttribute, {
      uniqueIdentifier,
      newAttribute: named('index 1'),
    });
    expect(attribute).toEqual({ ...named('index 1'), index: 1 });
    expect(await valuesOf(uniqueIdentifier, 'Name')).toHaveLength(2);
    expect(await valuesOf(uniqueIdentifier, 'LastChangeDate')).toEqual([harness.nowSeconds]);
    harness.nowSeconds -= 5;
  });

  test.each<[string, Item]>([
    ['text', text('7.0.3')],
    ['integer', { tag: Tag.AttributeValue, type: ItemType.Integer, value: -7 }],
    ['bytes', { tag: Tag.AttributeValue, type: ItemType.ByteString, value: Buffer.of(0, 255) }],
    ['date', { tag: Tag.AttributeValue, type: ItemType.DateTime, value: 5n }],
    ['structure', { tag: Tag.AttributeValue, type: ItemType.Structure, value: [text('inner')] }],
  ])('a custom attribute of type %s comes back as it went', async (name, value) => {
    const uniqueIdentifier = await createKey(harness);
    await harness.run(addAttribute, { uniqueIdentifier, newAttribute: custom(name, value) });
    const { attributes } = await harness.run(getAttributes, {
      uniqueIdentifier,
      attributeReferences: [{ key: 'VendorAttribute', vendorIdentification: 'x', attributeName: name }],
    });
    expect(attributes).toEqual([custom(name, value)]);
  });

  test('a Name belongs to one object of the domain, until that is destroyed', async () => {
    const first = await createKey(harness, named('unique'));
    const second = await createKey(harness);
    const add = () => harness.run(addAttribute, { uniqueIdentifier: second, newAttribute: named('unique') });
    await expect(add()).rejects.toMatchObject({ code: 'NonUniqueNameAttribute' });
    await harness.run(destroy, { uniqueIdentifier: first });
    await expect(add()).resolves.toMatchObject({ uniqueIdentifier: second });
  });

  test('where a key lives is said when it is made, and by the server alone from then on', async () => {
    const inHsm = custom('KeyInHSM', { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true });
    const uniqueIdentifier = await createKey(harness);
    for (const [definition, code] of [
      [addAttribute, 'ReadOnlyAttribute'],
      [modifyAttribute, 'AttributeReadOnly'],
      [setAttribute, 'ReadOnlyAttribute'],
    ] as const) {
      const request = { uniqueIdentifier, newAttribute: inHsm };
      expect(await refused(harness.run(definition, request, '2.1'))).toBe(code);
    }
    expect(await valuesOf(uniqueIdentifier, 'VendorAttribute')).toEqual([]);
    expect(await refused(registerObject(harness, rawKey('00'.repeat(16)), [inHsm]))).toBe(
      'FeatureNotSupported',
    );
    // What makes keys by it is no key.
    const template = { objectType: ObjectType.Template, attributes: [inHsm] } as const;
    await registerObject(harness, template, [named('keys of the HSM')]);
  });

  test('an index in what is added is refused', async () => {
    const uniqueIdentifier = await createKey(harness);
    const newAttribute = { ...named('n'), index: 0 } as Attribute;
    await expect(harness.run(addAttribute, { uniqueIdentifier, newAttribute })).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });

  test('the Name of a registered secret is modified, as a storage array does', async () => {
    const { uniqueIdentifier } = await harness.run(register, {
      objectType: ObjectType.OpaqueObject,
      newAttributes: { templateNames: [], attributes: [named('before')] },
      object: {
        objectType: ObjectType.OpaqueObject,
        opaqueDataType: 0x80000001,
        opaqueDataValue: new SecretBytes(Buffer.from('opaque')),
      },
    });
    const { attribute } = await harness.run(modifyAttribute, {
      uniqueIdentifier,
      newAttribute: named('volume id'),
    });
    expect(attribute).toEqual(named('volume id'));
    expect(await valuesOf(uniqueIdentifier, 'Name')).toEqual([named('volume id').value]);
  });

  test('in 2.x an instance is meant by its value, and left out only where there is one', async () => {
    const uniqueIdentifier = await createKey(
      harness,
      { key: 'ObjectGroup', value: 'a' },
      { key: 'ObjectGroup', value: 'b' },
    );
    const newAttribute: Attribute = { key: 'ObjectGroup', value: 'c' };
    const modify = (currentAttribute?: Attribute) =>
      harness.run(modifyAttribute, { uniqueIdentifier, newAttribute, currentAttribute }, '2.1');
    await expect(modify()).rejects.toMatchObject({ code: 'MultiValuedAttribute' });
    await expect(modify({ key: 'ObjectGroup', value: 'z' })).rejects.toMatchObject({
      code: 'AttributeInstanceNotFound',
    });
    await expect(modify(named('b'))).rejects.toMatchObject({ code: 'InvalidField' });
    await modify({ key: 'ObjectGroup', value: 'b' });
    expect(await valuesOf(uniqueIdentifier, 'ObjectGroup')).toEqual(['a', 'c']);
  });

  test('1.x deletes one instance and tells it, 2.x all of them by reference', async () => {
    const uniqueIdentifier = await createKey(
      harness,
      custom('a', text('0')),
      custom('a', text('1')),
      named('kept'),
    );
    const attributeReference = {
      key: 'VendorAttribute',
      vendorIdentification: 'x',
      attributeName: 'a',
    } as const;
    const { attribute } = await harness.run(deleteAttribute, {
      uniqueIdentifier,
      attributeReference: { ...attributeReference, index: 1 },
    });
    expect(attribute).toEqual({ ...custom('a', text('1')), index: 1 });
    await expect(
      harness.run(deleteAttribute, {
        uniqueIdentifier,
        attributeReference: { ...attributeReference, index: 1 },
      }),
    ).rejects.toMatchObject({ code: 'AttributeInstanceNotFound' });
    await harness.run(addAttribute, { uniqueIdentifier, newAttribute: custom('a', text('2')) });
    await harness.run(deleteAttribute, { uniqueIdentifier, attributeReference }, '2.0');
    expect(await valuesOf(uniqueIdentifier, 'VendorAttribute')).toEqual([]);
    await expect(
      harness.run(deleteAttribute, { uniqueIdentifier, attributeReference }, '2.0'),
    ).rejects.toMatchObject({ code: 'AttributeNotFound' });
    await expect(harness.run(deleteAttribute, { uniqueIdentifier }, '2.0')).rejects.toMatchObject({
      code: 'InvalidField',
    });
    await expect(harness.run(deleteAttribute, { uniqueIdentifier }, '1.4')).rejects.toMatchObject({
      code: 'InvalidMessage',
      message: 'Attribute Name is missing in Request Payload',
    });
  });

  test('Set adds, then changes, and refuses where there are several', async () => {
    const uniqueIdentifier = await createKey(harness);
    const set = (value: string) =>
      harness.run(setAttribute, { uniqueIdentifier, newAttribute: custom('Set', text(value), 'tc') }, '2.0');
    await set('one');
    await set('two');
    expect(await valuesOf(uniqueIdentifier, 'VendorAttribute')).toHaveLength(1);
    await harness.run(
      addAttribute,
      { uniqueIdentifier, newAttribute: custom('Set', text('three'), 'tc') },
      '2.0',
    );
    await expect(set('four')).rejects.toMatchObject({ code: 'MultiValuedAttribute' });
    const sensitive: Attribute = { key: 'Sensitive', value: true };
    await harness.run(setAttribute, { uniqueIdentifier, newAttribute: sensitive }, '2.0');
    expect(await valuesOf(uniqueIdentifier, 'Sensitive')).toEqual([true]);
    expect(await valuesOf(uniqueIdentifier, 'AlwaysSensitive')).toEqual([false]);
    const state: Attribute = { key: 'State', value: State.Active };
    await expect(
      harness.run(setAttribute, { uniqueIdentifier, newAttribute: state }, '2.0'),
    ).rejects.toMatchObject({ code: 'ReadOnlyAttribute' });
  });

  test('a date moved to the past moves the state', async () => {
    const uniqueIdentifier = await createKey(harness, {
      key: 'ActivationDate',
      value: harness.nowSeconds + 1000,
    });
    const newAttribute: Attribute = { key: 'ActivationDate', value: harness.nowSeconds };
    await harness.run(modifyAttribute, { uniqueIdentifier, newAttribute });
    expect(await valuesOf(uniqueIdentifier, 'State')).toEqual([State.Active]);
    await expect(harness.run(modifyAttribute, { uniqueIdentifier, newAttribute })).rejects.toMatchObject({
      code: 'WrongKeyLifecycleState',
    });
    await harness.run(addAttribute, {
      uniqueIdentifier,
      newAttribute: { key: 'DeactivationDate', value: harness.nowSeconds },
    });
    expect(await valuesOf(uniqueIdentifier, 'State')).toEqual([State.Deactivated]);
  });

  test('a key may be of several types of NIST, which stay as they were said', async () => {
    const types = [NISTKeyType.SymmetricDataEncryptionKey, NISTKeyType.SymmetricKeyWrappingKey];
    const uniqueIdentifier = await createKey(
      harness,
      ...types.map((value) => ({ key: 'NISTKeyType', value }) as const),
    );
    expect(await valuesOf(uniqueIdentifier, 'NISTKeyType')).toEqual(types);
    const { uniqueIdentifiers } = await harness.run(locate, {
      attributes: [{ key: 'NISTKeyType', value: NISTKeyType.SymmetricKeyWrappingKey }],
    });
    expect(uniqueIdentifiers).toContain(uniqueIdentifier);
    await expect(
      harness.run(modifyAttribute, {
        uniqueIdentifier,
        newAttribute: { key: 'NISTKeyType', value: NISTKeyType.SymmetricMasterKey },
      }),
    ).rejects.toMatchObject({ code: 'AttributeReadOnly' });
  });

  test('a key that is not quantum safe does not become so by saying it', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey('00'.repeat(16)), [
      { key: 'QuantumSafe', value: false },
    ]);
    const newAttribute: Attribute = { key: 'QuantumSafe', value: true };
    const attributeReference = { key: 'QuantumSafe' } as const;
    const change = { uniqueIdentifier, newAttribute };
    const negate = { uniqueIdentifier, attributeReference, adjustmentType: AdjustmentType.Negate };
    const refused = { code: 'GeneralFailure' };
    await expect(harness.run(modifyAttribute, change, '2.1')).rejects.toMatchObject(refused);
    await expect(harness.run(setAttribute, change, '2.1')).rejects.toMatchObject(refused);
    await expect(harness.run(adjustAttribute, negate, '2.1')).rejects.toMatchObject(refused);
    await harness.run(deleteAttribute, { uniqueIdentifier, attributeReference }, '2.1');
    await expect(harness.run(addAttribute, change, '2.1')).rejects.toMatchObject(refused);
    await harness.run(setAttribute, { ...change, uniqueIdentifier: await createKey(harness) }, '2.1');
  });

  test('what says how a key is to be rotated is kept and told', async () => {
    const rotation: readonly Attribute[] = [
      { key: 'RotateAutomatic', value: true },
      { key: 'RotateInterval', value: 86_400 },
      { key: 'RotateName', value: { rotateNameValue: 'nightly', rotateNameType: 1 } },
      { key: 'RotateOffset', value: 60 },
    ];
    const uniqueIdentifier = await createKey(harness, ...rotation);
    expect(await attributesOf(uniqueIdentifier)).toEqual(expect.arrayContaining([...rotation]));
    const { uniqueIdentifiers } = await harness.run(locate, { attributes: rotation });
    expect(uniqueIdentifiers).toEqual([uniqueIdentifier]);
  });

  test('changes at the same time are all kept', async () => {
    const uniqueIdentifier = await createKey(harness);
    const groups = ['a', 'b', 'c', 'd'];
    await Promise.all(
      groups.map((value) =>
        harness.run(addAttribute, { uniqueIdentifier, newAttribute: { key: 'ObjectGroup', value } }),
      ),
    );
    expect([...(await valuesOf(uniqueIdentifier, 'ObjectGroup'))].sort()).toEqual(groups);
  });

  test('a reader reads and changes nothing', async () => {
    const uniqueIdentifier = await createKey(harness);
    const reader = harness.as('reader');
    await expect(
      reader.run(getAttributes, { uniqueIdentifier, attributeReferences: [] }),
    ).resolves.toBeDefined();
    await expect(
      reader.run(addAttribute, { uniqueIdentifier, newAttribute: named('mine') }),
    ).rejects.toMatchObject({ code: 'PermissionDenied' });
  });
});
