import {
  NameType,
  AlternativeNameType,
  LinkType,
  Tag,
  attributeDefinitions,
  decodeAttributeName,
  definitionNamed,
  definitionOf,
  dialectNamed,
  linkTypeEnum,
  type AnyAttributeDefinition,
  type Attribute,
  type AttributeKey,
  type AttributeReference,
  type AttributeValue,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { ATTRIBUTE_FLAGS, type AttributeFlags } from './options';
import { parseMoment } from './times';
import {
  normalised,
  parseBoolean,
  parseHexBytes,
  parseInteger,
  parseLongInteger,
  parseMember,
  parseValue,
} from './values';

/** Short forms for structures that everybody uses; JSON does for all of them too. */
const SHORT_FORMS: { readonly [K in AttributeKey]?: (text: string) => AttributeValue<K> | undefined } = {
  Name: (nameValue) => ({ nameValue, nameType: NameType.UninterpretedTextString }),
  AlternativeName: (alternativeNameValue) => ({
    alternativeNameValue,
    alternativeNameType: AlternativeNameType.UninterpretedTextString,
  }),
  ApplicationSpecificInformation: (text) => {
    const [applicationNamespace, applicationData] = splitAt(text, ':');
    return { applicationNamespace, applicationData };
  },
  Link: (text) => {
    const [type, linkedObjectIdentifier] = splitAt(text, ':');
    if (linkedObjectIdentifier === undefined) return undefined;
    return { linkType: parseMember(linkTypeEnum, type, 'Link Type') as LinkType, linkedObjectIdentifier };
  },
};

function splitAt(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

const definitionByNormalisedName = new Map(
  attributeDefinitions
    .filter(({ key }) => key !== 'VendorAttribute')
    .flatMap((definition) => [
      [normalised(definition.name), definition] as const,
      [normalised(definition.key), definition] as const,
    ]),
);

function findDefinition(name: string): AnyAttributeDefinition | undefined {
  return definitionNamed(name) ?? definitionByNormalisedName.get(normalised(name));
}

function unknownAttribute(name: string) {
  return wrongUse(
    `there is no attribute ${JSON.stringify(name)}`,
    'Attributes are called as in the standard (State, "Object Group", ActivationDate); custom ones begin with x- or y-.',
  );
}

function valueOf(definition: AnyAttributeDefinition, text: string): unknown {
  const short = text.startsWith('{') ? undefined : SHORT_FORMS[definition.key]?.(text);
  return short ?? parseValue(definition.codec, text, definition.name);
}

type CustomType = (text: string, what: string) => Item;
const tag = Tag.AttributeValue;
const CUSTOM_TYPES: Readonly<Record<string, CustomType>> = {
  text: (value) => ({ tag, type: ItemType.TextString, value }),
  integer: (text, what) => ({ tag, type: ItemType.Integer, value: parseInteger(text, what) }),
  long: (text, what) => ({ tag, type: ItemType.LongInteger, value: parseLongInteger(text, what) }),
  boolean: (text, what) => ({ tag, type: ItemType.Boolean, value: parseBoolean(text, what) }),
  date: (text) => ({ tag, type: ItemType.DateTime, value: BigInt(parseMoment(text)) }),
  bytes: (text, what) => ({ tag, type: ItemType.ByteString, value: parseHexBytes(text, what) }),
};
const TYPED_NAME = new RegExp(`^(.*[^:]):(${Object.keys(CUSTOM_TYPES).join('|')})$`, 's');

function vendorReference(name: string): Extract<AttributeReference, { key: 'VendorAttribute' }> | undefined {
  // No attribute of the standard is called x- or y-, so any version does.
  const reference = decodeAttributeName(name, dialectNamed('1.0'));
  return 'key' in reference && reference.key === 'VendorAttribute' ? reference : undefined;
}

function customAttribute(nameAndType: string, text: string): Attribute {
  const typed = TYPED_NAME.exec(nameAndType);
  const name = typed?.[1] ?? nameAndType;
  const vendor = vendorReference(name);
  if (vendor === undefined) {
    throw wrongUse(
      `${JSON.stringify(name)} is no custom attribute`,
      'Its name begins with x- or y-: x-owner=storage.',
    );
  }
  const { vendorIdentification, attributeName } = vendor;
  const attributeValue = (CUSTOM_TYPES[typed?.[2] ?? 'text'] as CustomType)(text, name);
  return { key: 'VendorAttribute', value: { vendorIdentification, attributeName, attributeValue } };
}

/**
 * NAME=VALUE as an attribute; what VALUE may be follows from the attribute table.
 * @throws CommandFailure wrong use
 */
export function parseAttribute(text: string): Attribute {
  const [name, value] = splitAt(text, '=');
  if (value === undefined)
    throw wrongUse(`${JSON.stringify(text)} lacks a value`, 'Attributes are given as NAME=VALUE.');
  const definition = findDefinition(name);
  if (definition !== undefined)
    return { key: definition.key, value: valueOf(definition, value) } as Attribute;
  if (vendorReference(name) !== undefined) return customAttribute(name, value);
  throw unknownAttribute(name);
}

/**
 * The name of an attribute, for operations that need no value.
 * @throws CommandFailure wrong use
 */
export function parseReference(name: string): AttributeReference {
  const definition = findDefinition(name);
  if (definition !== undefined && definition.key !== 'VendorAttribute') return { key: definition.key };
  const vendor = vendorReference(name);
  if (vendor !== undefined) return vendor;
  throw unknownAttribute(name);
}

/** One attribute of which the key and the text of the value are known. */
export function attributeOf(key: AttributeKey, text: string): Attribute {
  return { key, value: valueOf(definitionOf(key), text) } as Attribute;
}

/**
 * The attributes that the options of `withAttributeOptions` give.
 * @throws CommandFailure wrong use
 */
export function attributesOf(flags: AttributeFlags): readonly Attribute[] {
  return [
    ...ATTRIBUTE_FLAGS.flatMap(([flag, , key]) => (flags[flag] ?? []).map((text) => attributeOf(key, text))),
    ...(flags.custom ?? []).map((text) => {
      const [name, value] = splitAt(text, '=');
      if (value === undefined)
        throw wrongUse(`${JSON.stringify(text)} lacks a value`, 'Use --custom x-NAME=VALUE.');
      return customAttribute(name, value);
    }),
    ...(flags.attribute ?? []).map(parseAttribute),
  ];
}
