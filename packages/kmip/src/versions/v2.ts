import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import type { AttributeReference } from '../attributes/reference';
import {
  decodeValue,
  definitionOf,
  definitionTagged,
  type AnyAttributeDefinition,
  type Attribute,
  type ValueExtent,
} from '../attributes/table';
import { required, structure, tagName, textString, wrongType } from '../schema';
import { Tag } from '../vocabulary/tags';
import type { Dialect } from './dialect';
import { decodeAttributeName } from './v1';

/** Attributes as KMIP 2.x writes them: each under its own tag. KMIP 2.1 chapter 5. */

function knownDefinition(tag: number, dialect: Dialect): AnyAttributeDefinition | undefined {
  const definition = definitionTagged(tag);
  return definition !== undefined && dialect.knows(definition) ? definition : undefined;
}

/**
 * One attribute.
 * @throws HoldfastError InvalidMessage (malformed), InvalidAttribute (no attribute of this version has that tag)
 */
export function decodeTaggedAttribute(
  item: Item,
  dialect: Dialect,
  extent: ValueExtent = 'whole',
): Attribute {
  const definition = knownDefinition(item.tag, dialect);
  if (definition === undefined) {
    throw new HoldfastError(
      'InvalidAttribute',
      `${tagName(item.tag)} is not an attribute of KMIP ${dialect.name}`,
    );
  }
  return { key: definition.key, value: decodeValue(definition, item, dialect, extent) } as Attribute;
}

/** The attribute's item; undefined where the dialect does not have the attribute or its value. */
export function encodeTaggedAttribute(attribute: Attribute, dialect: Dialect): Item | undefined {
  const definition = definitionOf(attribute.key);
  if (!dialect.knows(definition)) return undefined;
  return definition.codec.encode(definition.tag, attribute.value, dialect);
}

const vendorReference = structure({
  vendorIdentification: required(Tag.VendorIdentification, textString),
  attributeName: required(Tag.AttributeName, textString),
});

function referenceToTag(tag: number, dialect: Dialect): AttributeReference {
  const definition = knownDefinition(tag, dialect);
  if (definition === undefined || definition.key === 'VendorAttribute') return { unknownName: tagName(tag) };
  return { key: definition.key };
}

/**
 * An Attribute Reference: an Enumeration that holds the tag, or a Structure of vendor and name (KMIP 2.1 section 5.5).
 * Other forms that clients send are understood too: the Enumeration within a Structure, an Attribute Name, and a
 * Structure without a vendor that names an attribute of the standard.
 */
export function decodeAttributeReference(item: Item, dialect: Dialect): AttributeReference {
  if (item.type === ItemType.Enumeration) return referenceToTag(item.value, dialect);
  if (item.type === ItemType.TextString && item.tag === Tag.AttributeName) {
    return decodeAttributeName(item.value, dialect);
  }
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  const [only, ...others] = item.value;
  if (only?.type === ItemType.Enumeration && others.length === 0) return referenceToTag(only.value, dialect);
  const reference = vendorReference.decode(item, dialect);
  if (reference.vendorIdentification === '') return decodeAttributeName(reference.attributeName, dialect);
  return { key: 'VendorAttribute', ...reference };
}

/** The Attribute Reference; undefined where the dialect does not have the attribute. */
export function encodeAttributeReference(reference: AttributeReference, dialect: Dialect): Item | undefined {
  if ('unknownName' in reference) return undefined;
  if (reference.key === 'VendorAttribute') {
    return vendorReference.encode(Tag.AttributeReference, reference, dialect);
  }
  const definition = definitionOf(reference.key);
  if (!dialect.knows(definition)) return undefined;
  return { tag: Tag.AttributeReference, type: ItemType.Enumeration, value: definition.tag };
}
