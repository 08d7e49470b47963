import {
  CryptographicUsageMask,
  LinkType,
  NameType,
  ObjectType,
  State,
  Tag,
  UsageLimitsUnit,
  dialectNamed,
  type Attribute,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { locate, locateFilters } from '../../src/operations/locate';
import { refusal } from '../refusal';

function attributeItem(name: string, value: Item): Item {
  return {
    tag: Tag.Attribute,
    type: ItemType.Structure,
    value: [{ tag: Tag.AttributeName, type: ItemType.TextString, value: name }, value],
  };
}

describe('the conditions of Locate', () => {
  test('one value of a date is that time, two are the ends of a range in either order', () => {
    const activation = (value: number): Attribute => ({ key: 'ActivationDate', value });
    expect(locateFilters([activation(5)])).toEqual([
      { kind: 'range', key: 'ActivationDate', from: 5, to: 5 },
    ]);
    const range = [{ kind: 'range', key: 'ActivationDate', from: 5, to: 9 }];
    expect(locateFilters([activation(5), activation(9)])).toEqual(range);
    expect(locateFilters([activation(9), activation(5)])).toEqual(range);
    expect(refusal(() => locateFilters([activation(1), activation(2), activation(3)]))).toBe('InvalidField');
  });

  test.each(['1.0', '1.4', '2.1'] as const)('the largest date is none, in KMIP %s', (version) => {
    const [tag, type] = [Tag.ActivationDate, ItemType.DateTime] as const;
    const dates = [5n, 2n ** 63n - 1n].map((value): Item => ({ tag, type, value }));
    const value =
      version === '2.1'
        ? [{ tag: Tag.Attributes, type: ItemType.Structure, value: dates }]
        : dates.map((date) => attributeItem('Activation Date', { ...date, tag: Tag.AttributeValue }));
    const payload = { tag: Tag.RequestPayload, type: ItemType.Structure, value } as const;
    const { attributes } = locate.request.decode(payload, dialectNamed(version));
    const range = { kind: 'range', key: 'ActivationDate', from: 5, to: Number.POSITIVE_INFINITY };
    expect(locateFilters(attributes)).toEqual([range]);
    expect(locate.request.encode(Tag.RequestPayload, { attributes }, dialectNamed(version))).toEqual(payload);
  });

  test('dates of different attributes do not make a range', () => {
    expect(
      locateFilters([
        { key: 'ActivationDate', value: 1 },
        { key: 'DeactivationDate', value: 2 },
      ]),
    ).toHaveLength(2);
  });

  test('a mask asks for its bits, State for the state of now, all else for equality', () => {
    const name: Attribute = { key: 'Name', value: { nameValue: 'n', nameType: NameType.URI } };
    const link: Attribute = {
      key: 'Link',
      value: { linkType: LinkType.NextLink, linkedObjectIdentifier: 'two' },
    };
    expect(
      locateFilters([
        name,
        { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
        { key: 'State', value: State.Active },
        { key: 'ObjectType', value: ObjectType.SymmetricKey },
        { key: 'LeaseTime', value: 3600 },
        link,
      ]),
    ).toEqual([
      { kind: 'equals', attribute: name },
      { kind: 'bits', key: 'CryptographicUsageMask', bits: CryptographicUsageMask.Encrypt },
      { kind: 'state', state: State.Active },
      { kind: 'equals', attribute: { key: 'ObjectType', value: ObjectType.SymmetricKey } },
      { kind: 'equals', attribute: { key: 'LeaseTime', value: 3600 } },
      { kind: 'equals', attribute: link },
    ]);
  });

  test('a structure is compared as a whole only where all of it is given', () => {
    const parameters: Attribute = { key: 'CryptographicParameters', value: { randomIV: true } };
    expect(locateFilters([parameters])).toEqual([{ kind: 'includes', attribute: parameters }]);
    const limits: Attribute = {
      key: 'UsageLimits',
      value: { usageLimitsTotal: 1n, usageLimitsCount: 1n, usageLimitsUnit: UsageLimitsUnit.Byte },
    };
    expect(locateFilters([limits])).toEqual([{ kind: 'includes', attribute: limits }]);
  });

  test('a part of a structure is read from a request, and a Template-Attribute opened, in 1.x', () => {
    const link = attributeItem('Link', {
      tag: Tag.AttributeValue,
      type: ItemType.Structure,
      value: [{ tag: Tag.LinkedObjectIdentifier, type: ItemType.TextString, value: 'two' }],
    });
    const contact = attributeItem('Contact Information', {
      tag: Tag.AttributeValue,
      type: ItemType.TextString,
      value: 'me',
    });
    const payload: Item = {
      tag: Tag.RequestPayload,
      type: ItemType.Structure,
      value: [link, { tag: Tag.TemplateAttribute, type: ItemType.Structure, value: [contact] }],
    };
    const { attributes } = locate.request.decode(payload, dialectNamed('1.4'));
    expect(attributes).toEqual([
      { key: 'Link', value: { linkedObjectIdentifier: 'two' } },
      { key: 'ContactInformation', value: 'me' },
    ]);
  });

  test('what is not understood is an error, never everything', () => {
    const decode = (item: Item) =>
      refusal(() =>
        locate.request.decode(
          { tag: Tag.RequestPayload, type: ItemType.Structure, value: [item] },
          dialectNamed('1.0'),
        ),
      );
    const text = { tag: Tag.AttributeValue, type: ItemType.TextString, value: 'x' } as const;
    expect(decode(attributeItem('Colour', text))).toBe('InvalidAttribute');
    expect(decode(attributeItem('Fresh', text))).toBe('InvalidAttribute');
    expect(decode(attributeItem('State', text))).toBe('InvalidMessage');
    const name: Item = { tag: Tag.Name, type: ItemType.Structure, value: [] };
    expect(decode({ tag: Tag.TemplateAttribute, type: ItemType.Structure, value: [name] })).toBe(
      'InvalidField',
    );
  });

  test('nothing asked is no condition', () => {
    expect(locateFilters([])).toEqual([]);
  });
});
