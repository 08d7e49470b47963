import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import type { AttributeReference } from '../attributes/reference';
import {
  decodeValue,
  definitionNamed,
  definitionOf,
  type AnyAttributeDefinition,
  type Attribute,
  type AttributeKey,
  type ValueExtent,
} from '../attributes/table';
import { integer, tagName, textString, withTag, wrongType } from '../schema';
import { Tag } from '../vocabulary/tags';
import type { Dialect } from './dialect';

/** Attributes as KMIP 1.x writes them: Attribute { Attribute Name, Attribute Index?, Attribute Value }. 1.4 section 2.1.1 */

const FOREIGN_VENDOR = /^x-([A-Za-z0-9_.]+)::(.+)$/s;

/**
 * The 1.x name of a vendor attribute. Vendors "x" and "y" are the custom attributes of 1.x (KMIP 2.1 section 4.60);
 * the standard has no name for those of other vendors, which are called `x-VENDOR::NAME` here. A custom attribute whose
 * own name looks like that gets its vendor spelt out too, so that every name leads back to one attribute.
 */
export function customAttributeName(vendorIdentification: string, attributeName: string): string {
  const isCustom = vendorIdentification === 'x' || vendorIdentification === 'y';
  if (isCustom) {
    const name = `${vendorIdentification}-${attributeName}`;
    if (!FOREIGN_VENDOR.test(name)) return name;
  }
  return `x-${vendorIdentification}::${attributeName}`;
}

/** The vendor attribute that a custom name stands for; undefined where the name is not a custom one. */
export function parseCustomAttributeName(
  name: string,
): { readonly vendorIdentification: string; readonly attributeName: string } | undefined {
  const vendor = name.charAt(0);
  if ((vendor !== 'x' && vendor !== 'y') || name.charAt(1) !== '-' || name.length < 3) return undefined;
  const foreign = FOREIGN_VENDOR.exec(name);
  if (foreign !== null)
    return { vendorIdentification: foreign[1] as string, attributeName: foreign[2] as string };
  return { vendorIdentification: vendor, attributeName: name.slice(2) };
}

function knownDefinition(name: string, dialect: Dialect): AnyAttributeDefinition | undefined {
  const definition = definitionNamed(name);
  return definition !== undefined && dialect.knows(definition) ? definition : undefined;
}

/** What an Attribute Name stands for. */
export function decodeAttributeName(name: string, dialect: Dialect): AttributeReference {
  const definition = knownDefinition(name, dialect);
  if (definition !== undefined) return { key: definition.key as Exclude<AttributeKey, 'VendorAttribute'> };
  const custom = parseCustomAttributeName(name);
  return custom === undefined ? { unknownName: name } : { key: 'VendorAttribute', ...custom };
}

/** The Attribute Name of a reference; undefined where the dialect does not have the attribute. */
export function encodeAttributeName(reference: AttributeReference, dialect: Dialect): string | undefined {
  if ('unknownName' in reference) return reference.unknownName;
  if (reference.key === 'VendorAttribute') {
    return customAttributeName(reference.vendorIdentification, reference.attributeName);
  }
  const definition = definitionOf(reference.key);
  return dialect.knows(definition) ? definition.name : undefined;
}

interface AttributeParts {
  readonly name: string;
  readonly index: number | undefined;
  readonly value: Item | undefined;
}

function missing(tag: number, item: Item): HoldfastError {
  return new HoldfastError('InvalidMessage', `${tagName(tag)} is missing in ${tagName(item.tag)}`);
}

function partsOf(item: Item, dialect: Dialect): AttributeParts {
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  let name: string | undefined;
  let index: number | undefined;
  let value: Item | undefined;
  for (const child of item.value) {
    if (child.tag === Tag.AttributeName && name === undefined) name = textString.decode(child, dialect);
    else if (child.tag === Tag.AttributeIndex && index === undefined) index = integer.decode(child, dialect);
    else if (child.tag === Tag.AttributeValue && value === undefined) value = child;
    else {
      throw new HoldfastError(
        'InvalidMessage',
        `${tagName(child.tag)} does not belong in ${tagName(item.tag)} or appears more than once`,
      );
    }
  }
  if (name === undefined) throw missing(Tag.AttributeName, item);
  if (index !== undefined && index < 0) {
    throw new HoldfastError('InvalidField', `Attribute Index of ${name} is negative`);
  }
  return { name, index, value };
}

function attributeOf(
  { name, index, value }: AttributeParts,
  dialect: Dialect,
  extent: ValueExtent = 'whole',
): Attribute {
  if (value === undefined) {
    throw new HoldfastError('InvalidMessage', `Attribute ${name} has no Attribute Value`);
  }
  const definition = knownDefinition(name, dialect);
  if (definition !== undefined) {
    const decoded = decodeValue(definition, withTag(value, definition.tag), dialect, extent);
    return { key: definition.key, index, value: decoded } as Attribute;
  }
  const custom = parseCustomAttributeName(name);
  if (custom === undefined) {
    throw new HoldfastError(
      'InvalidAttribute',
      `KMIP ${dialect.name} has no attribute named ${JSON.stringify(name)}`,
    );
  }
  if (!hasKnownTypes(value)) {
    throw new HoldfastError('InvalidMessage', `KMIP ${dialect.name} has no Date Time Extended`);
  }
  return { key: 'VendorAttribute', index, value: { ...custom, attributeValue: value } };
}

/**
 * One Attribute structure.
 * @throws HoldfastError InvalidMessage (malformed), InvalidAttribute (no attribute of this version has that name)
 */
export function decodeIndexedAttribute(item: Item, dialect: Dialect, extent?: ValueExtent): Attribute {
  return attributeOf(partsOf(item, dialect), dialect, extent);
}

/** One Attribute structure of a Notify or Put request: without a value it says that the attribute was deleted. */
export function decodeNotifiedAttribute(item: Item, dialect: Dialect): Attribute | AttributeReference {
  const parts = partsOf(item, dialect);
  if (parts.value !== undefined) return attributeOf(parts, dialect);
  return { ...decodeAttributeName(parts.name, dialect), index: parts.index };
}

/** Whether 1.x has the types of an item and of all that is in it: only 2.x has Date Time Extended. 1.4 section 9.1.1.2 */
function hasKnownTypes(item: Item): boolean {
  return item.type === ItemType.Structure
    ? item.value.every(hasKnownTypes)
    : item.type !== ItemType.DateTimeExtended;
}

function nameAndValue(
  attribute: Attribute,
  dialect: Dialect,
): readonly [name: string, value: Item | undefined] | undefined {
  if (attribute.key === 'VendorAttribute') {
    const { vendorIdentification, attributeName, attributeValue } = attribute.value;
    if (!hasKnownTypes(attributeValue)) return undefined;
    const name = customAttributeName(vendorIdentification, attributeName);
    return [name, withTag(attributeValue, Tag.AttributeValue)];
  }
  const definition = definitionOf(attribute.key);
  if (!dialect.knows(definition)) return undefined;
  return [definition.name, definition.codec.encode(Tag.AttributeValue, attribute.value, dialect)];
}

/** The Attribute structure; undefined where the dialect does not have the attribute or its value. */
export function encodeIndexedAttribute(attribute: Attribute, dialect: Dialect): Item | undefined {
  const [name, value] = nameAndValue(attribute, dialect) ?? [];
  if (name === undefined || value === undefined) return undefined;
  const parts: Item[] = [{ tag: Tag.AttributeName, type: ItemType.TextString, value: name }];
  if (attribute.index !== undefined) {
    parts.push({ tag: Tag.AttributeIndex, type: ItemType.Integer, value: attribute.index });
  }
  parts.push(value);
  return { tag: Tag.Attribute, type: ItemType.Structure, value: parts };
}

/** The Attribute structure without a value by which Notify tells of a deleted attribute. */
export function encodeDeletedAttribute(reference: AttributeReference, dialect: Dialect): Item | undefined {
  const name = encodeAttributeName(reference, dialect);
  if (name === undefined) return undefined;
  const parts: Item[] = [{ tag: Tag.AttributeName, type: ItemType.TextString, value: name }];
  if (reference.index !== undefined) {
    parts.push({ tag: Tag.AttributeIndex, type: ItemType.Integer, value: reference.index });
  }
  return { tag: Tag.Attribute, type: ItemType.Structure, value: parts };
}
