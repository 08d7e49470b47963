import { HoldfastError, ItemType, encodedLength, type Item, type StructureItem } from '@holdfast/ttlv';
import { tagName, type Codec, type Field } from '../schema';
import { nameStructure, type Name } from '../structures';
import type { Dialect } from '../versions/dialect';
import { decodeIndexedAttribute, encodeIndexedAttribute } from '../versions/v1';
import { decodeTaggedAttribute, encodeTaggedAttribute } from '../versions/v2';
import { Tag } from '../vocabulary/tags';
import {
  ANY_VERSION,
  LIST_TAGS_V1,
  LIST_TAGS_V2,
  NO_TAGS,
  ONLY_INDEXED,
  childrenOf,
  decodeAttributes,
  decodeOrTolerate,
  decodeToldAttribute,
  encodeAttributes,
  isIndexed,
  missing,
  onlyItem,
  pushPresent,
} from './field-parts';
import { isKnownAttribute, type Attribute, type ToldAttribute } from './table';

/**
 * The members of payloads that hold attributes, in which 1.x and 2.x differ in structure. Each is one Field with one
 * neutral value; `dialect.rules.attributeForm` says which form is on the wire.
 */

const NO_NAMES: readonly Name[] = [];

/** The 2.x structure Attributes and its like, where it stands alone (Object Defaults, Constraint). KMIP 2.1 section 5.1. */
export const attributesStructure: Codec<readonly Attribute[]> = {
  type: ItemType.Structure,
  decode: decodeAttributes,
  encode: encodeAttributes,
};

/** @throws HoldfastError as `decodeTaggedAttribute`, InvalidField where what is read does not say all of it */
function decodeWholeAttribute(item: Item, dialect: Dialect): Attribute {
  const attribute = decodeTaggedAttribute(item, dialect);
  const again = encodeTaggedAttribute(attribute, dialect);
  if (again !== undefined && encodedLength(again) === encodedLength(item)) return attribute;
  throw new HoldfastError(
    'InvalidField',
    `${tagName(item.tag)} holds what KMIP ${dialect.name} does not list`,
  );
}

/**
 * The same in an answer. It may have to be sent back: where the dialect tolerates what is unknown, an attribute of which some is
 * counts as unknown as a whole.
 */
export const toldAttributesStructure: Codec<readonly ToldAttribute[]> = {
  type: ItemType.Structure,
  decode: (item, dialect) =>
    childrenOf(item).map((child) => decodeOrTolerate(child, dialect, decodeWholeAttribute)),
  encode: (tag, attributes, dialect) => encodeAttributes(tag, attributes.filter(isKnownAttribute), dialect),
};

/** What a request says about an object to be made: attributes, and in 1.x the names of Templates to take more from. */
export interface NewAttributes {
  readonly templateNames: readonly Name[];
  readonly attributes: readonly Attribute[];
}

const NOTHING_NEW: NewAttributes = { templateNames: NO_NAMES, attributes: [] };

/** Attributes, without those that are unknown where the dialect tolerates them. */
function knownAttributes(items: readonly Item[], dialect: Dialect): readonly Attribute[] {
  return items.map((item) => decodeToldAttribute(item, dialect)).filter(isKnownAttribute);
}

function decodeTemplateAttribute(item: Item, dialect: Dialect): NewAttributes {
  const templateNames: Name[] = [];
  const attributes: Attribute[] = [];
  for (const child of childrenOf(item)) {
    if (child.tag === Tag.Attribute) {
      const attribute = decodeToldAttribute(child, dialect, decodeIndexedAttribute);
      if (isKnownAttribute(attribute)) attributes.push(attribute);
    } else if (child.tag === Tag.Name) templateNames.push(nameStructure.decode(child, dialect));
    else if (!dialect.toleratesUnknown) {
      throw new HoldfastError(
        'InvalidField',
        `${tagName(child.tag)} does not belong in ${tagName(item.tag)}`,
      );
    }
  }
  return { templateNames, attributes };
}

function encodeTemplateAttribute(tag: number, value: NewAttributes, dialect: Dialect): StructureItem {
  const children: Item[] = [];
  for (const name of value.templateNames)
    pushPresent(nameStructure.encode(Tag.Name, name, dialect), children);
  for (const attribute of value.attributes) {
    pushPresent(encodeIndexedAttribute(attribute, dialect), children);
  }
  return { tag, type: ItemType.Structure, value: children };
}

export interface NewAttributesOptions {
  /** The tag of the Template-Attribute in 1.x. */
  readonly v1Tag?: number;
  /** The tag of the Attributes structure in 2.x. */
  readonly v2Tag?: number;
  /** The request may leave the structure out; the neutral value is then empty. */
  readonly mayBeAbsent?: boolean;
  /** Clients of 2.x are understood too that still write the Template-Attribute of 1.x. */
  readonly toleratesTemplateAttribute?: boolean;
}

/** 1.x Template-Attribute (KMIP 1.4 section 2.1.8), 2.x Attributes (KMIP 2.1 section 5.1). */
export function newAttributes(options: NewAttributesOptions = {}): Field<NewAttributes, false> {
  const { v1Tag = Tag.TemplateAttribute, v2Tag = Tag.Attributes, mayBeAbsent = false } = options;
  const v1Tags = [v1Tag];
  const v2Tags = options.toleratesTemplateAttribute === true ? [v2Tag, v1Tag] : [v2Tag];
  return {
    isOptional: false,
    isRepeated: false,
    mayBeEmpty: mayBeAbsent,
    tag: v2Tag,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? v1Tags : v2Tags),
    decode(items, dialect, structure) {
      const item = onlyItem(items, structure);
      if (item === undefined) {
        if (mayBeAbsent) return NOTHING_NEW;
        throw missing(isIndexed(dialect) ? v1Tag : v2Tag, structure);
      }
      if (item.tag === v1Tag) return decodeTemplateAttribute(item, dialect);
      return { templateNames: NO_NAMES, attributes: decodeAttributes(item, dialect) };
    },
    encode(value, dialect, out) {
      if (mayBeAbsent && value.attributes.length === 0 && value.templateNames.length === 0) return;
      out.push(
        isIndexed(dialect)
          ? encodeTemplateAttribute(v1Tag, value, dialect)
          : encodeAttributes(v2Tag, value.attributes, dialect),
      );
    },
  };
}

/** What holds for both halves of a key pair. KMIP 1.4 section 2.1.8, KMIP 2.1 section 5.2. */
export function commonAttributes(): Field<NewAttributes, false> {
  return newAttributes({
    v1Tag: Tag.CommonTemplateAttribute,
    v2Tag: Tag.CommonAttributes,
    mayBeAbsent: true,
  });
}

/** What holds for the private key of a pair. KMIP 1.4 section 2.1.8, KMIP 2.1 section 5.3. */
export function privateKeyAttributes(): Field<NewAttributes, false> {
  return newAttributes({
    v1Tag: Tag.PrivateKeyTemplateAttribute,
    v2Tag: Tag.PrivateKeyAttributes,
    mayBeAbsent: true,
  });
}

/** What holds for the public key of a pair. KMIP 1.4 section 2.1.8, KMIP 2.1 section 5.4. */
export function publicKeyAttributes(): Field<NewAttributes, false> {
  return newAttributes({
    v1Tag: Tag.PublicKeyTemplateAttribute,
    v2Tag: Tag.PublicKeyAttributes,
    mayBeAbsent: true,
  });
}

/** The attributes that the server set on its own, which 1.x answers tell in a Template-Attribute. */
export function serverSetAttributes(
  v1Tag: number = Tag.TemplateAttribute,
): Field<readonly Attribute[], true> {
  const v1Tags = [v1Tag];
  return {
    isOptional: true,
    isRepeated: false,
    tag: v1Tag,
    codec: undefined,
    window: ONLY_INDEXED,
    tagsIn: (dialect) => (isIndexed(dialect) ? v1Tags : NO_TAGS),
    decode(items, dialect, structure) {
      const item = onlyItem(items, structure);
      return item === undefined ? undefined : decodeTemplateAttribute(item, dialect).attributes;
    },
    encode(attributes, dialect, out) {
      if (!isIndexed(dialect) || attributes.length === 0) return;
      out.push(encodeTemplateAttribute(v1Tag, { templateNames: NO_NAMES, attributes }, dialect));
    },
  };
}

export interface AttributeListOptions {
  /** 2.x: the Attributes structure is left out where it would be empty. */
  readonly omitsEmpty?: boolean;
}

/**
 * 1.x repeated Attribute, 2.x one Attributes. An attribute that the version does not have is an error when read, or left out
 * where the dialect tolerates it, and left out when written.
 */
export function attributeList(options: AttributeListOptions = {}): Field<readonly Attribute[], false> {
  const { omitsEmpty = false } = options;
  return {
    isOptional: false,
    isRepeated: true,
    tag: Tag.Attributes,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? LIST_TAGS_V1 : LIST_TAGS_V2),
    decode: (items, dialect, structure) =>
      knownAttributes(attributeItems(items, dialect, structure), dialect),
    encode(attributes, dialect, out) {
      if (isIndexed(dialect)) {
        for (const attribute of attributes) pushPresent(encodeIndexedAttribute(attribute, dialect), out);
        return;
      }
      const item = encodeAttributes(Tag.Attributes, attributes, dialect);
      if (!omitsEmpty || item.value.length > 0) out.push(item);
    },
  };
}

function attributeItems(items: readonly Item[], dialect: Dialect, structure: Item): readonly Item[] {
  if (isIndexed(dialect)) return items;
  const item = onlyItem(items, structure);
  return item === undefined ? [] : childrenOf(item);
}

/** The attributes that an answer is there to tell: those that are unknown too, where the dialect tolerates them. */
export function toldAttributes(options: AttributeListOptions = {}): Field<readonly ToldAttribute[], false> {
  const list = attributeList(options);
  return {
    ...list,
    decode: (items, dialect, structure) =>
      attributeItems(items, dialect, structure).map((item) => decodeToldAttribute(item, dialect)),
    encode: (attributes, dialect, out) => {
      list.encode(attributes.filter(isKnownAttribute), dialect, out);
    },
  };
}

const CONDITION_TAGS_V1 = [Tag.Attribute, Tag.TemplateAttribute];

/** A condition in a Locate request of 1.x; some clients wrap theirs in a Template-Attribute. */
function decodeConditionItem(item: Item, dialect: Dialect): readonly Attribute[] {
  if (item.tag === Tag.Attribute) return [decodeIndexedAttribute(item, dialect, 'given')];
  return childrenOf(item).map((child) => {
    if (child.tag === Tag.Attribute) return decodeIndexedAttribute(child, dialect, 'given');
    throw new HoldfastError('InvalidField', `${tagName(child.tag)} is no condition of Locate`);
  });
}

/**
 * The conditions of Locate: an attribute list in which a structure may hold only some of its members (KMIP 2.1 section
 * 6.1.28). What is not understood is an error: no condition vanishes.
 */
export function attributeConditions(): Field<readonly Attribute[], false> {
  return {
    ...attributeList(),
    tagsIn: (dialect) => (isIndexed(dialect) ? CONDITION_TAGS_V1 : LIST_TAGS_V2),
    decode(items, dialect, structure) {
      if (isIndexed(dialect)) {
        const conditions: Attribute[] = [];
        for (const each of items) conditions.push(...decodeConditionItem(each, dialect));
        return conditions;
      }
      const item = onlyItem(items, structure);
      if (item === undefined) return [];
      return childrenOf(item).map((child) => decodeTaggedAttribute(child, dialect, 'given'));
    },
  };
}
