import { ItemType, type Item } from '@holdfast/ttlv';
import {
  attributeConditions,
  attributeList,
  attributeReference,
  attributeReferences,
  commonAttributes,
  currentAttribute,
  dialectNamed,
  newAttributes,
  notifiedAttributes,
  returnedAttribute,
  serverSetAttributes,
  singleAttribute,
  structure,
  Tag,
  type Attribute,
  type AttributeReference,
} from '@holdfast/kmip';
import { refusal } from './refusal';

const v10 = dialectNamed('1.0');
const v14 = dialectNamed('1.4');
const v20 = dialectNamed('2.0');
const v21 = dialectNamed('2.1');

const payload = (...value: Item[]): Item => ({ tag: Tag.RequestPayload, type: ItemType.Structure, value });
const group = (tag: number, ...value: Item[]): Item => ({ tag, type: ItemType.Structure, value });
const text = (tag: number, value: string): Item => ({ tag, type: ItemType.TextString, value });
const integer = (tag: number, value: number): Item => ({ tag, type: ItemType.Integer, value });
const enumeration = (tag: number, value: number): Item => ({ tag, type: ItemType.Enumeration, value });
const indexed = (name: string, value: Item, index?: number): Item =>
  group(
    Tag.Attribute,
    text(Tag.AttributeName, name),
    ...(index === undefined ? [] : [integer(Tag.AttributeIndex, index)]),
    value,
  );

const length: Attribute = { key: 'CryptographicLength', value: 256 };
const lengthV1 = indexed('Cryptographic Length', integer(Tag.AttributeValue, 256));
const lengthV2 = integer(Tag.CryptographicLength, 256);
const custom: Attribute = {
  key: 'VendorAttribute',
  value: { vendorIdentification: 'x', attributeName: 'ID', attributeValue: text(Tag.AttributeValue, 'a') },
};
const customV1 = indexed('x-ID', text(Tag.AttributeValue, 'a'));
const customV2 = group(
  Tag.Attribute,
  text(Tag.VendorIdentification, 'x'),
  text(Tag.AttributeName, 'ID'),
  text(Tag.AttributeValue, 'a'),
);
const nameItem = group(Tag.Name, text(Tag.NameValue, 'n'), enumeration(Tag.NameType, 1));

describe('newAttributes', () => {
  const schema = structure({ attributes: newAttributes() });

  test('is a Template-Attribute in 1.x and Attributes in 2.x', () => {
    const value = { attributes: { templateNames: [], attributes: [length, custom] } };
    const older = payload(group(Tag.TemplateAttribute, lengthV1, customV1));
    const newer = payload(group(Tag.Attributes, lengthV2, customV2));
    expect(schema.encode(Tag.RequestPayload, value, v10)).toEqual(older);
    expect(schema.encode(Tag.RequestPayload, value, v20)).toEqual(newer);
    expect(schema.decode(older, v10)).toEqual(value);
    expect(schema.decode(newer, v20)).toEqual(value);
  });

  test('may be told to understand clients of 2.x that write a Template-Attribute', () => {
    const tolerant = structure({ attributes: newAttributes({ toleratesTemplateAttribute: true }) });
    const value = { attributes: { templateNames: [], attributes: [length, custom] } };
    const older = payload(group(Tag.TemplateAttribute, lengthV1, customV1));
    expect(tolerant.decode(older, v20)).toEqual(value);
    expect(tolerant.encode(Tag.RequestPayload, value, v20)).toEqual(
      payload(group(Tag.Attributes, lengthV2, customV2)),
    );
    expect(refusal(() => schema.decode(older, v20))).toBe('InvalidField');
  });

  test('may be empty but not absent where it is needed', () => {
    const empty = { attributes: { templateNames: [], attributes: [] } };
    expect(schema.decode(payload(group(Tag.TemplateAttribute)), v14)).toEqual(empty);
    expect(schema.encode(Tag.RequestPayload, empty, v21)).toEqual(payload(group(Tag.Attributes)));
    for (const dialect of [v14, v21]) {
      expect(refusal(() => schema.decode(payload(), dialect))).toBe('InvalidMessage');
    }
  });

  test('keeps the names of Templates in 1.x', () => {
    const decoded = schema.decode(payload(group(Tag.TemplateAttribute, nameItem, lengthV1)), v14);
    expect(decoded.attributes).toEqual({
      templateNames: [{ nameValue: 'n', nameType: 1 }],
      attributes: [length],
    });
    expect(schema.encode(Tag.RequestPayload, decoded, v14)).toEqual(
      payload(group(Tag.TemplateAttribute, nameItem, lengthV1)),
    );
  });

  test('is refused twice, and in the form of the other versions', () => {
    const twice = payload(group(Tag.TemplateAttribute), group(Tag.TemplateAttribute));
    expect(refusal(() => schema.decode(twice, v14))).toBe('InvalidMessage');
    const newer = payload(group(Tag.Attributes));
    expect(refusal(() => schema.decode(newer, v14))).toBe('InvalidField');
    const stranger = payload(group(Tag.TemplateAttribute, lengthV2));
    expect(refusal(() => schema.decode(stranger, v14))).toBe('InvalidField');
  });

  test('the common part of a key pair may be absent, and is then empty', () => {
    const common = structure({ common: commonAttributes() });
    const empty = { common: { templateNames: [], attributes: [] } };
    expect(common.decode(payload(), v21)).toEqual(empty);
    expect(common.encode(Tag.RequestPayload, empty, v14)).toEqual(payload());
    expect(
      common.encode(Tag.RequestPayload, { common: { templateNames: [], attributes: [length] } }, v21),
    ).toEqual(payload(group(Tag.CommonAttributes, lengthV2)));
  });
});

test('serverSetAttributes stand in answers of 1.x alone', () => {
  const schema = structure({ serverSet: serverSetAttributes() });
  const item = payload(group(Tag.TemplateAttribute, lengthV1));
  expect(schema.encode(Tag.RequestPayload, { serverSet: [length] }, v14)).toEqual(item);
  expect(schema.decode(item, v14)).toEqual({ serverSet: [length] });
  expect(schema.encode(Tag.RequestPayload, { serverSet: [length] }, v21)).toEqual(payload());
  expect(schema.encode(Tag.RequestPayload, { serverSet: [] }, v14)).toEqual(payload());
});

describe('attributeList', () => {
  const schema = structure({ attributes: attributeList() });

  test('is repeated in 1.x and one structure in 2.x', () => {
    const value = { attributes: [length, custom] };
    expect(schema.encode(Tag.RequestPayload, value, v14)).toEqual(payload(lengthV1, customV1));
    expect(schema.encode(Tag.RequestPayload, value, v21)).toEqual(
      payload(group(Tag.Attributes, lengthV2, customV2)),
    );
    expect(schema.decode(payload(lengthV1, customV1), v14)).toEqual(value);
    expect(schema.decode(payload(group(Tag.Attributes, lengthV2, customV2)), v21)).toEqual(value);
    expect(schema.decode(payload(), v21)).toEqual({ attributes: [] });
  });

  test('leaves out what the version does not have', () => {
    const attributes: Attribute[] = [
      length,
      { key: 'Sensitive', value: true },
      { key: 'Digest', value: { hashingAlgorithm: 0x0e, digestValue: Buffer.from('a') } },
      { key: 'OperationPolicyName', value: 'default' },
    ];
    expect(schema.encode(Tag.RequestPayload, { attributes }, v10)).toEqual(
      payload(lengthV1, indexed('Operation Policy Name', text(Tag.AttributeValue, 'default'))),
    );
    const newer = schema.encode(Tag.RequestPayload, { attributes }, v21) as Item;
    expect((newer.value as Item[]).flatMap((item) => (item.value as Item[]).map(({ tag }) => tag))).toEqual([
      Tag.CryptographicLength,
      Tag.Sensitive,
      Tag.Digest,
    ]);
  });
});

describe('attributeConditions', () => {
  const schema = structure({ attributes: attributeConditions() });

  test('take the wrapped form of some 1.x clients', () => {
    const wrapped = payload(group(Tag.TemplateAttribute, lengthV1), customV1);
    expect(schema.decode(wrapped, v10)).toEqual({ attributes: [length, custom] });
    expect(schema.encode(Tag.RequestPayload, { attributes: [length] }, v10)).toEqual(payload(lengthV1));
  });

  test.each<[string, Item, typeof v10]>([
    ['an unknown name', payload(indexed('Colour', text(Tag.AttributeValue, 'red'))), v10],
    [
      'an unknown name in a Template-Attribute',
      payload(group(Tag.TemplateAttribute, indexed('Colour', text(Tag.AttributeValue, 'red')))),
      v10,
    ],
    ['the name of a Template', payload(group(Tag.TemplateAttribute, nameItem)), v10],
    [
      'an attribute of a later version',
      payload(indexed('Sensitive', { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true })),
      v10,
    ],
    ['what is no attribute', payload(group(Tag.Attributes, text(Tag.Username, 'u'))), v21],
    ['a vendor tag', payload(group(Tag.Attributes, text(0x540001, 'u'))), v21],
  ])('never lose %s', (_what, item, dialect) => {
    expect(refusal(() => schema.decode(item, dialect))).toMatch(/^Invalid(Field|Attribute)$/);
  });
});

describe('attribute references', () => {
  const schema = structure({ references: attributeReferences() });
  const both: readonly AttributeReference[] = [
    { key: 'State' },
    { key: 'VendorAttribute', vendorIdentification: 'x', attributeName: 'ID' },
  ];

  test('are names in 1.x and references in 2.x', () => {
    const older = payload(text(Tag.AttributeName, 'State'), text(Tag.AttributeName, 'x-ID'));
    const newer = payload(
      enumeration(Tag.AttributeReference, Tag.State),
      group(Tag.AttributeReference, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, 'ID')),
    );
    expect(schema.encode(Tag.RequestPayload, { references: both }, v14)).toEqual(older);
    expect(schema.encode(Tag.RequestPayload, { references: both }, v21)).toEqual(newer);
    expect(schema.decode(older, v14)).toEqual({ references: both });
    expect(schema.decode(newer, v21)).toEqual({ references: both });
  });

  test('a client sends them in 2.0 as structures under the number of Archive Date, another as names', () => {
    const odd = payload(
      group(0x420005, enumeration(0x420005, Tag.State)),
      enumeration(0x420005, Tag.ObjectType),
      text(Tag.AttributeName, 'Cryptographic Length'),
      text(Tag.AttributeName, 'x-ID'),
    );
    expect(schema.decode(odd, v20).references).toEqual([
      ...[{ key: 'State' }, { key: 'ObjectType' }, { key: 'CryptographicLength' }],
      { key: 'VendorAttribute', vendorIdentification: 'x', attributeName: 'ID' },
    ]);
  });

  test('a client names attributes of the standard in the structure of vendors, without a vendor', () => {
    const odd = payload(
      group(Tag.AttributeReference, text(Tag.VendorIdentification, ''), text(Tag.AttributeName, 'State')),
    );
    expect(schema.decode(odd, v20).references).toEqual([{ key: 'State' }]);
  });

  test('what is unknown keeps its name', () => {
    expect(schema.decode(payload(text(Tag.AttributeName, 'Colour')), v14).references).toEqual([
      { unknownName: 'Colour' },
    ]);
    expect(schema.decode(payload(enumeration(Tag.AttributeReference, 0x54aaaa)), v21).references).toEqual([
      { unknownName: 'tag 0x54aaaa' },
    ]);
    expect(
      schema.decode(payload(enumeration(Tag.AttributeReference, Tag.RotateDate)), v20).references,
    ).toEqual([{ unknownName: 'Rotate Date' }]);
  });

  test('to attributes that the version does not have are left out', () => {
    const references: AttributeReference[] = [{ key: 'RotateDate' }, { key: 'State' }];
    expect(schema.encode(Tag.RequestPayload, { references }, v14)).toEqual(
      payload(text(Tag.AttributeName, 'State')),
    );
    expect(schema.encode(Tag.RequestPayload, { references }, v20)).toEqual(
      payload(enumeration(Tag.AttributeReference, Tag.State)),
    );
  });

  test('Delete Attribute names one, in 1.x with its index', () => {
    const one = structure({ reference: attributeReference() });
    const older = payload(text(Tag.AttributeName, 'Name'), integer(Tag.AttributeIndex, 2));
    expect(one.decode(older, v14)).toEqual({ reference: { key: 'Name', index: 2 } });
    expect(one.encode(Tag.RequestPayload, { reference: { key: 'Name', index: 2 } }, v14)).toEqual(older);
    expect(one.encode(Tag.RequestPayload, { reference: { key: 'Name', index: 2 } }, v21)).toEqual(
      payload(enumeration(Tag.AttributeReference, Tag.Name)),
    );
    expect(one.decode(payload(), v21)).toEqual({});
    expect(refusal(() => one.decode(payload(integer(Tag.AttributeIndex, 2)), v14))).toBe('InvalidMessage');
  });
});

describe('single attributes', () => {
  const schema = structure({ attribute: singleAttribute(), current: currentAttribute() });

  test('are an Attribute in 1.x, New and Current Attribute in 2.x', () => {
    const value = { attribute: length, current: custom };
    expect(schema.encode(Tag.RequestPayload, value, v14)).toEqual(payload(lengthV1));
    const newer = payload(group(Tag.NewAttribute, lengthV2), group(Tag.CurrentAttribute, customV2));
    expect(schema.encode(Tag.RequestPayload, value, v21)).toEqual(newer);
    expect(schema.decode(newer, v21)).toEqual(value);
    expect(
      schema.decode(payload(indexed('Cryptographic Length', integer(Tag.AttributeValue, 256), 0)), v14),
    ).toEqual({
      attribute: { ...length, index: 0 },
    });
  });

  test.each([
    ['none', payload(group(Tag.NewAttribute))],
    ['two', payload(group(Tag.NewAttribute, lengthV2, customV2))],
    ['no structure', payload()],
  ])('2.x holds exactly one: %s is refused', (_what, item) => {
    expect(refusal(() => schema.decode(item, v21))).toBe('InvalidMessage');
  });

  test('the returned attribute is for 1.x alone', () => {
    const answer = structure({ attribute: returnedAttribute() });
    expect(answer.encode(Tag.ResponsePayload, { attribute: length }, v14)).toEqual(
      group(Tag.ResponsePayload, lengthV1),
    );
    expect(answer.encode(Tag.ResponsePayload, { attribute: length }, v21)).toEqual(
      group(Tag.ResponsePayload),
    );
    expect(answer.decode(group(Tag.ResponsePayload, lengthV1), v14)).toEqual({ attribute: length });
  });
});

describe('notifiedAttributes', () => {
  const schema = structure({ attributes: notifiedAttributes() });
  const value = { attributes: { changed: [length], deleted: [{ key: 'Name', index: 1 }] } } as const;
  const whole = { attributes: { changed: [length], deleted: [{ key: 'Name' }] } } as const;

  test('tells of a deleted attribute by a missing value in 1.x', () => {
    const older = payload(
      lengthV1,
      group(Tag.Attribute, text(Tag.AttributeName, 'Name'), integer(Tag.AttributeIndex, 1)),
    );
    expect(schema.encode(Tag.RequestPayload, value, v14)).toEqual(older);
    expect(schema.decode(older, v14)).toEqual(value);
  });

  test('and by a reference in 2.x, but not of one of several instances', () => {
    const newer = payload(group(Tag.Attributes, lengthV2), enumeration(Tag.AttributeReference, Tag.Name));
    expect(schema.encode(Tag.RequestPayload, whole, v21)).toEqual(newer);
    expect(schema.decode(newer, v21)).toEqual(whole);
    expect(schema.encode(Tag.RequestPayload, value, v21)).toEqual(payload(group(Tag.Attributes, lengthV2)));
  });
});
