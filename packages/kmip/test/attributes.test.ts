import { HoldfastError, ItemType, encodeTtlv, type Item } from '@holdfast/ttlv';
import {
  attributeDefinitions,
  attributeTable,
  customAttributeName,
  decodeAttributeName,
  definitionNamed,
  definitionOf,
  definitionTagged,
  DIALECTS,
  dialectNamed,
  encodeAttributeName,
  objectTypeEnum,
  operationEnum,
  Tag,
  tags,
  type AnyAttributeDefinition,
  type Attribute,
  type Dialect,
} from '@holdfast/kmip';
import fc from 'fast-check';
import { decodeIndexedAttribute, encodeIndexedAttribute } from '../src/versions/v1';
import { decodeTaggedAttribute, encodeTaggedAttribute } from '../src/versions/v2';
import { valuesOf } from './arbitraries';
import { refusal } from './refusal';

const pairs = DIALECTS.flatMap((dialect) =>
  attributeDefinitions.map((definition) => [definition.key, dialect.name, definition, dialect] as const),
);

function valueArbitrary(definition: AnyAttributeDefinition, dialect: Dialect): fc.Arbitrary<unknown> {
  if (definition.key !== 'VendorAttribute') return valuesOf(definition.codec, dialect);
  return fc.record({
    vendorIdentification: fc.stringMatching(/^[A-Za-z0-9_.]{1,8}$/),
    attributeName: fc.string({ minLength: 1, maxLength: 12 }),
    attributeValue: fc
      .string()
      .map((value): Item => ({ tag: Tag.AttributeValue, type: ItemType.TextString, value })),
  });
}

function encode(attribute: Attribute, dialect: Dialect): Item | undefined {
  return dialect.rules.attributeForm === 'indexed'
    ? encodeIndexedAttribute(attribute, dialect)
    : encodeTaggedAttribute(attribute, dialect);
}

function decode(item: Item, dialect: Dialect): Attribute {
  return dialect.rules.attributeForm === 'indexed'
    ? decodeIndexedAttribute(item, dialect)
    : decodeTaggedAttribute(item, dialect);
}

describe('every attribute in every version', () => {
  test.each(pairs.filter(([, , definition, dialect]) => dialect.knows(definition)))(
    '%s comes back from %s as it went',
    (key, _version, definition, dialect) => {
      fc.assert(
        fc.property(
          valueArbitrary(definition, dialect),
          fc.option(fc.nat(9), { nil: undefined }),
          (value, index) => {
            const attribute = { key, index, value } as Attribute;
            const item = encode(attribute, dialect);
            expect(item).toBeDefined();
            const decoded = decode(item as Item, dialect);
            expect(decoded.key).toBe(key);
            expect(decoded.value).toEqual(value);
            if (dialect.rules.attributeForm === 'indexed') expect(decoded.index).toBe(index);
            expect(encodeTtlv(encode(decoded, dialect) as Item)).toEqual(encodeTtlv(item as Item));
          },
        ),
        { numRuns: 12 },
      );
    },
  );

  test.each(pairs.filter(([, , definition, dialect]) => !dialect.knows(definition)))(
    '%s is unknown to %s: left out when written, refused when read',
    (key, _version, definition, dialect) => {
      const newest = dialectNamed(definition.last ?? '2.1');
      const [value] = fc.sample(valueArbitrary(definition, newest), 1);
      const attribute = { key, value } as Attribute;
      expect(encode(attribute, dialect)).toBeUndefined();
      const foreign =
        dialect.rules.attributeForm === 'indexed'
          ? indexedForm(definition, value, newest)
          : tagged(definition, value, newest);
      expect(refusal(() => decode(foreign, dialect))).toBe('InvalidAttribute');
    },
  );

  function tagged(definition: AnyAttributeDefinition, value: unknown, dialect: Dialect): Item {
    return definition.codec.encode(definition.tag, value, dialect) as Item;
  }
  function indexedForm(definition: AnyAttributeDefinition, value: unknown, dialect: Dialect): Item {
    return {
      tag: Tag.Attribute,
      type: ItemType.Structure,
      value: [
        { tag: Tag.AttributeName, type: ItemType.TextString, value: definition.name },
        definition.codec.encode(Tag.AttributeValue, value, dialect) as Item,
      ],
    };
  }
});

describe('the attribute table', () => {
  test.each(attributeDefinitions.map((definition) => [definition.key, definition] as const))(
    '%s is a consistent row',
    (key, definition) => {
      expect(definitionOf(key)).toBe(definition);
      expect(definitionTagged(definition.tag)).toBe(definition);
      expect(tags.byValue.has(definition.tag)).toBe(true);
      for (const type of definition.alwaysHasValue) expect(definition.appliesTo).toContain(type);
      for (const type of definition.appliesTo) expect(objectTypeEnum.byValue.has(type)).toBe(true);
      for (const operation of definition.implicitlySetBy)
        expect(operationEnum.byKey.has(operation)).toBe(true);
      expect(definition.setBy.client || definition.setBy.server).toBe(true);
      expect(definition.section.v1 ?? definition.section.v2).toMatch(/^[34]\.\d+$/);
      if (definition.deletableByClient === 'yes') expect(definition.modifiableByClient).toBe('yes');
      if (key === 'VendorAttribute') return;
      expect(definitionNamed(definition.name)).toBe(definition);
      expect(tags.byKey.get(key)?.value).toBe(definition.tag);
    },
  );

  test('has no row twice', () => {
    expect(new Set(attributeDefinitions.map(({ tag }) => tag)).size).toBe(attributeDefinitions.length);
    expect(new Set(attributeDefinitions.map(({ name }) => name)).size).toBe(attributeDefinitions.length);
  });

  test.each([
    ['1.0', 33],
    ['1.1', 39],
    ['1.2', 43],
    ['1.3', 44],
    ['1.4', 75],
    ['2.0', 79],
    ['2.1', 86],
  ] as const)('%s knows %d attributes', (version, count) => {
    const dialect = dialectNamed(version);
    expect(attributeDefinitions.filter((definition) => dialect.knows(definition))).toHaveLength(count);
  });

  test('keeps what the rules tables say', () => {
    expect(attributeTable.ActivationDate.modifiableByClient).toBe('pre-active');
    expect(attributeTable.ProtectStopDate.modifiableByClient).toBe('until-reached');
    expect(attributeTable.UsageLimits.deletableByClient).toBe('until-allocated');
    expect(attributeTable.State.setBy).toEqual({ client: false, server: true });
    expect(attributeTable.Name.multiple).toBe(true);
    expect(attributeTable.OperationPolicyName.last).toBe('1.4');
    expect(attributeTable.Sensitive.deletableByClient).toBe('no');
    expect(attributeTable.CryptographicAlgorithm.statedOnCreation).toBe(true);
  });
});

describe('names of custom attributes in 1.x', () => {
  const v14 = dialectNamed('1.4');
  const vendor = fc.oneof(
    fc.constantFrom('x', 'y', 'acme', 'a.b_9'),
    fc.stringMatching(/^[A-Za-z0-9_.]{1,8}$/),
  );
  const name = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a::b', '::', 'x::y', 'acme::color'));

  test.each([
    ['x', 'Product_Version', 'x-Product_Version'],
    ['y', 'server', 'y-server'],
    ['acme', 'color', 'x-acme::color'],
    ['x', 'acme::color', 'x-x::acme::color'],
  ])('vendor %s, name %s is %s', (vendorIdentification, attributeName, printed) => {
    expect(customAttributeName(vendorIdentification, attributeName)).toBe(printed);
    expect(decodeAttributeName(printed, v14)).toEqual({
      key: 'VendorAttribute',
      vendorIdentification,
      attributeName,
    });
  });

  test('every vendor attribute has one name, and every name leads back to it', () => {
    fc.assert(
      fc.property(vendor, name, (vendorIdentification, attributeName) => {
        const printed = customAttributeName(vendorIdentification, attributeName);
        expect(decodeAttributeName(printed, v14)).toEqual({
          key: 'VendorAttribute',
          vendorIdentification,
          attributeName,
        });
      }),
    );
  });

  test('every custom name comes back as it went', () => {
    fc.assert(
      fc.property(fc.constantFrom('x-', 'y-'), name, (prefix, rest) => {
        const reference = decodeAttributeName(prefix + rest, v14);
        const reprinted = encodeAttributeName(reference, v14) as string;
        expect(decodeAttributeName(reprinted, v14)).toEqual(reference);
      }),
    );
  });

  test('a name that is none is told apart', () => {
    expect(decodeAttributeName('Colour', v14)).toEqual({ unknownName: 'Colour' });
    expect(decodeAttributeName('x-', v14)).toEqual({ unknownName: 'x-' });
    expect(decodeAttributeName('Custom Attribute', v14)).toEqual({ unknownName: 'Custom Attribute' });
    expect(decodeAttributeName('Sensitive', dialectNamed('1.2'))).toEqual({ unknownName: 'Sensitive' });
  });
});

describe('malformed attributes', () => {
  const v10 = dialectNamed('1.0');
  const attribute = (...value: Item[]): Item => ({ tag: Tag.Attribute, type: ItemType.Structure, value });
  const attributeName = (value: string): Item => ({
    tag: Tag.AttributeName,
    type: ItemType.TextString,
    value,
  });
  const attributeIndex = (value: number): Item => ({
    tag: Tag.AttributeIndex,
    type: ItemType.Integer,
    value,
  });
  const integerValue: Item = { tag: Tag.AttributeValue, type: ItemType.Integer, value: 1 };
  const extended: Item = { tag: Tag.AttributeValue, type: ItemType.DateTimeExtended, value: 1n };
  const structureOf = (item: Item): Item => ({ ...attribute(item), tag: Tag.AttributeValue });

  test.each<[string, Item, string]>([
    ['no name', attribute(integerValue), 'InvalidMessage'],
    ['no value', attribute(attributeName('Name')), 'InvalidMessage'],
    ['two names', attribute(attributeName('Name'), attributeName('Name'), integerValue), 'InvalidMessage'],
    ['a stranger', attribute(attributeName('Name'), { ...integerValue, tag: Tag.State }), 'InvalidMessage'],
    ['negative index', attribute(attributeName('Name'), attributeIndex(-1), integerValue), 'InvalidField'],
    ['wrong type', attribute(attributeName('Name'), integerValue), 'InvalidMessage'],
    ['unknown name', attribute(attributeName('Nom'), integerValue), 'InvalidAttribute'],
    ['a type of 2.0', attribute(attributeName('x-when'), structureOf(extended)), 'InvalidMessage'],
    ['not a structure', { ...integerValue, tag: Tag.Attribute }, 'InvalidMessage'],
  ])('%s', (_what, item, code) => {
    expect(() => decodeIndexedAttribute(item, v10)).toThrow(HoldfastError);
    expect(refusal(() => decodeIndexedAttribute(item, v10))).toBe(code);
  });

  test('a custom attribute whose value has a type of 2.0 is left out', () => {
    for (const attributeValue of [extended, structureOf(extended)]) {
      const value = { vendorIdentification: 'x', attributeName: 'when', attributeValue };
      expect(encodeIndexedAttribute({ key: 'VendorAttribute', value }, dialectNamed('1.4'))).toBeUndefined();
    }
  });

  test('the message names the attribute, not its wrapper', () => {
    const item = attribute(attributeName('Cryptographic Length'), {
      ...integerValue,
      type: ItemType.Enumeration,
    });
    expect(() => decodeIndexedAttribute(item, v10)).toThrow('Cryptographic Length is encoded as Enumeration');
  });
});
