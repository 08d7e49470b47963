import { HoldfastError, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { integer, tagName, textString, wrongType, type Codec, type Field } from '../schema';
import { nameStructure, type Name } from '../structures';
import type { Dialect, Window } from '../versions/dialect';
import {
  decodeAttributeName,
  decodeIndexedAttribute,
  decodeNotifiedAttribute,
  encodeAttributeName,
  encodeDeletedAttribute,
  encodeIndexedAttribute,
} from '../versions/v1';
import {
  decodeAttributeReference,
  decodeTaggedAttribute,
  encodeAttributeReference,
  encodeTaggedAttribute,
} from '../versions/v2';
import { Tag } from '../vocabulary/tags';
import type { AttributeReference } from './reference';
import type { Attribute } from './table';

/**
 * The members of payloads in which 1.x and 2.x differ in structure. Each is one Field with one neutral value;
 * `dialect.rules.attributeForm` says which form is on the wire.
 */

const ANY_VERSION: Window = {};
const ONLY_INDEXED: Window = { last: '1.4' };
const ONLY_TAGGED: Window = { since: '2.0' };
const NO_TAGS: readonly number[] = [];
const NO_NAMES: readonly Name[] = [];

function isIndexed(dialect: Dialect): boolean {
  return dialect.rules.attributeForm === 'indexed';
}

function childrenOf(item: Item): readonly Item[] {
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  return item.value;
}

function onlyItem(items: readonly Item[], structure: Item): Item | undefined {
  const [item, second] = items;
  if (second !== undefined) {
    throw new HoldfastError(
      'InvalidMessage',
      `${tagName(second.tag)} appears more than once in ${tagName(structure.tag)}`,
    );
  }
  return item;
}

function missing(tag: number, structure: Item): HoldfastError {
  return new HoldfastError('InvalidMessage', `${tagName(tag)} is missing in ${tagName(structure.tag)}`);
}

function pushPresent(item: Item | undefined, out: Item[]): void {
  if (item !== undefined) out.push(item);
}

function decodeAttributes(item: Item, dialect: Dialect): readonly Attribute[] {
  return childrenOf(item).map((child) => decodeTaggedAttribute(child, dialect));
}

function encodeAttributes(tag: number, attributes: readonly Attribute[], dialect: Dialect): StructureItem {
  const value: Item[] = [];
  for (const attribute of attributes) pushPresent(encodeTaggedAttribute(attribute, dialect), value);
  return { tag, type: ItemType.Structure, value };
}

/** The 2.x structure Attributes and its like, where it stands alone (Object Defaults, Constraint). KMIP 2.1 section 5.1. */
export const attributesStructure: Codec<readonly Attribute[]> = {
  type: ItemType.Structure,
  decode: decodeAttributes,
  encode: encodeAttributes,
};

/** What a request says about an object to be made: attributes, and in 1.x the names of Templates to take more from. */
export interface NewAttributes {
  readonly templateNames: readonly Name[];
  readonly attributes: readonly Attribute[];
}

const NOTHING_NEW: NewAttributes = { templateNames: NO_NAMES, attributes: [] };

function decodeTemplateAttribute(item: Item, dialect: Dialect): NewAttributes {
  const templateNames: Name[] = [];
  const attributes: Attribute[] = [];
  for (const child of childrenOf(item)) {
    if (child.tag === Tag.Attribute) attributes.push(decodeIndexedAttribute(child, dialect));
    else if (child.tag === Tag.Name) templateNames.push(nameStructure.decode(child, dialect));
    else {
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
}

/** 1.x Template-Attribute (KMIP 1.4 section 2.1.8), 2.x Attributes (KMIP 2.1 section 5.1). */
export function newAttributes(options: NewAttributesOptions = {}): Field<NewAttributes, false> {
  const { v1Tag = Tag.TemplateAttribute, v2Tag = Tag.Attributes, mayBeAbsent = false } = options;
  const v1Tags = [v1Tag];
  const v2Tags = [v2Tag];
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
      if (isIndexed(dialect)) return decodeTemplateAttribute(item, dialect);
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

const LIST_TAGS_V1 = [Tag.Attribute];
const LIST_TAGS_V2 = [Tag.Attributes];

export interface AttributeListOptions {
  /** 2.x: the Attributes structure is left out where it would be empty. */
  readonly omitsEmpty?: boolean;
}

/**
 * 1.x repeated Attribute, 2.x one Attributes. An attribute that the version does not have is an error when read and left
 * out when written.
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
    decode(items, dialect, structure) {
      if (isIndexed(dialect)) return items.map((item) => decodeIndexedAttribute(item, dialect));
      const item = onlyItem(items, structure);
      return item === undefined ? [] : decodeAttributes(item, dialect);
    },
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
      if (isIndexed(dialect)) return items.flatMap((item) => decodeConditionItem(item, dialect));
      const item = onlyItem(items, structure);
      if (item === undefined) return [];
      return childrenOf(item).map((child) => decodeTaggedAttribute(child, dialect, 'given'));
    },
  };
}

const NAME_TAGS = [Tag.AttributeName];
const REFERENCE_TAGS = [Tag.AttributeReference];
/** Clients are known that send Attribute References under the number of Archive Date, or Attribute Names, in 2.x. */
const TOLERATED_REFERENCE_TAGS = [Tag.AttributeReference, Tag.AttributeName, Tag.ArchiveDate];

/** 1.x Attribute Name*, 2.x Attribute Reference* (KMIP 2.1 section 5.5). */
export function attributeReferences(): Field<readonly AttributeReference[], false> {
  return {
    isOptional: false,
    isRepeated: true,
    tag: Tag.AttributeReference,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? NAME_TAGS : TOLERATED_REFERENCE_TAGS),
    decode: (items, dialect) =>
      isIndexed(dialect)
        ? items.map((item) => decodeAttributeName(textString.decode(item, dialect), dialect))
        : items.map((item) => decodeAttributeReference(item, dialect)),
    encode(references, dialect, out) {
      for (const reference of references) {
        if (!isIndexed(dialect)) pushPresent(encodeAttributeReference(reference, dialect), out);
        else {
          const value = encodeAttributeName(reference, dialect);
          if (value !== undefined) out.push({ tag: Tag.AttributeName, type: ItemType.TextString, value });
        }
      }
    },
  };
}

const DELETED_TAGS_V1 = [Tag.AttributeName, Tag.AttributeIndex];

/** What Delete Attribute names: 1.x Attribute Name and Attribute Index, 2.x Attribute Reference. */
export function attributeReference(): Field<AttributeReference, true> {
  return {
    isOptional: true,
    isRepeated: false,
    tag: Tag.AttributeReference,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? DELETED_TAGS_V1 : REFERENCE_TAGS),
    decode(items, dialect, structure) {
      if (!isIndexed(dialect)) {
        const item = onlyItem(items, structure);
        return item === undefined ? undefined : decodeAttributeReference(item, dialect);
      }
      const name = onlyItem(
        items.filter((item) => item.tag === Tag.AttributeName),
        structure,
      );
      const index = onlyItem(
        items.filter((item) => item.tag === Tag.AttributeIndex),
        structure,
      );
      if (name === undefined) throw missing(Tag.AttributeName, structure);
      const reference = decodeAttributeName(textString.decode(name, dialect), dialect);
      return index === undefined ? reference : { ...reference, index: integer.decode(index, dialect) };
    },
    encode(reference, dialect, out) {
      if (!isIndexed(dialect)) {
        pushPresent(encodeAttributeReference(reference, dialect), out);
        return;
      }
      const value = encodeAttributeName(reference, dialect);
      if (value === undefined) return;
      out.push({ tag: Tag.AttributeName, type: ItemType.TextString, value });
      if (reference.index !== undefined) {
        out.push({ tag: Tag.AttributeIndex, type: ItemType.Integer, value: reference.index });
      }
    },
  };
}

function decodeOnlyAttribute(item: Item, dialect: Dialect): Attribute {
  const [attribute, second] = decodeAttributes(item, dialect);
  if (attribute === undefined || second !== undefined) {
    throw new HoldfastError('InvalidMessage', `${tagName(item.tag)} does not hold exactly one attribute`);
  }
  return attribute;
}

function encodeOnlyAttribute(tag: number, attribute: Attribute, dialect: Dialect): Item | undefined {
  const item = encodeTaggedAttribute(attribute, dialect);
  return item === undefined ? undefined : { tag, type: ItemType.Structure, value: [item] };
}

const NEW_TAGS_V2 = [Tag.NewAttribute];
const CURRENT_TAGS_V2 = [Tag.CurrentAttribute];

const ADDED_TAGS_V2 = [Tag.NewAttribute, Tag.CurrentAttribute];

export interface SingleAttributeOptions {
  /** 2.x: it may stand in Current Attribute instead (Add Attribute of some clients, and of OASIS test cases). */
  readonly toleratesCurrentAttribute?: boolean;
}

/** The attribute that Add, Modify and Set Attribute bring: 1.x Attribute, 2.x New Attribute (KMIP 2.1 section 5.7). */
export function singleAttribute(options: SingleAttributeOptions = {}): Field<Attribute, false> {
  const v2Tags = options.toleratesCurrentAttribute === true ? ADDED_TAGS_V2 : NEW_TAGS_V2;
  return {
    isOptional: false,
    isRepeated: false,
    tag: Tag.NewAttribute,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? LIST_TAGS_V1 : v2Tags),
    decode(items, dialect, structure) {
      const item = onlyItem(items, structure);
      if (item === undefined) throw missing(isIndexed(dialect) ? Tag.Attribute : Tag.NewAttribute, structure);
      return isIndexed(dialect) ? decodeIndexedAttribute(item, dialect) : decodeOnlyAttribute(item, dialect);
    },
    encode(attribute, dialect, out) {
      pushPresent(
        isIndexed(dialect)
          ? encodeIndexedAttribute(attribute, dialect)
          : encodeOnlyAttribute(Tag.NewAttribute, attribute, dialect),
        out,
      );
    },
  };
}

/** The instance that Modify and Delete Attribute mean, by its value: 2.x Current Attribute (KMIP 2.1 section 5.6). */
export function currentAttribute(): Field<Attribute, true> {
  return {
    isOptional: true,
    isRepeated: false,
    tag: Tag.CurrentAttribute,
    codec: undefined,
    window: ONLY_TAGGED,
    tagsIn: (dialect) => (isIndexed(dialect) ? NO_TAGS : CURRENT_TAGS_V2),
    decode(items, dialect, structure) {
      const item = onlyItem(items, structure);
      return item === undefined ? undefined : decodeOnlyAttribute(item, dialect);
    },
    encode(attribute, dialect, out) {
      if (isIndexed(dialect)) return;
      pushPresent(encodeOnlyAttribute(Tag.CurrentAttribute, attribute, dialect), out);
    },
  };
}

/** The attribute as it is after Add or Modify or was before Delete Attribute, which 1.x answers tell. */
export function returnedAttribute(): Field<Attribute, true> {
  return {
    isOptional: true,
    isRepeated: false,
    tag: Tag.Attribute,
    codec: undefined,
    window: ONLY_INDEXED,
    tagsIn: (dialect) => (isIndexed(dialect) ? LIST_TAGS_V1 : NO_TAGS),
    decode(items, dialect, structure) {
      const item = onlyItem(items, structure);
      return item === undefined ? undefined : decodeIndexedAttribute(item, dialect);
    },
    encode(attribute, dialect, out) {
      if (isIndexed(dialect)) pushPresent(encodeIndexedAttribute(attribute, dialect), out);
    },
  };
}

/** What Notify and Put tell of attributes. */
export interface NotifiedAttributes {
  readonly changed: readonly Attribute[];
  readonly deleted: readonly AttributeReference[];
}

const NOTIFIED_TAGS_V2 = [Tag.Attributes, Tag.AttributeReference];

/** 1.x repeated Attribute, a deleted one without a value; 2.x Attributes and Attribute Reference*. KMIP 2.1 section 6.2.2 */
export function notifiedAttributes(): Field<NotifiedAttributes, false> {
  return {
    isOptional: false,
    isRepeated: false,
    mayBeEmpty: true,
    tag: Tag.Attributes,
    codec: undefined,
    window: ANY_VERSION,
    tagsIn: (dialect) => (isIndexed(dialect) ? LIST_TAGS_V1 : NOTIFIED_TAGS_V2),
    decode(items, dialect) {
      const changed: Attribute[] = [];
      const deleted: AttributeReference[] = [];
      for (const item of items) {
        if (item.tag === Tag.AttributeReference) deleted.push(decodeAttributeReference(item, dialect));
        else if (item.tag === Tag.Attributes) changed.push(...decodeAttributes(item, dialect));
        else {
          const notified = decodeNotifiedAttribute(item, dialect);
          if ('value' in notified) changed.push(notified);
          else deleted.push(notified);
        }
      }
      return { changed, deleted };
    },
    encode({ changed, deleted }, dialect, out) {
      if (isIndexed(dialect)) {
        for (const attribute of changed) pushPresent(encodeIndexedAttribute(attribute, dialect), out);
        for (const reference of deleted) pushPresent(encodeDeletedAttribute(reference, dialect), out);
        return;
      }
      out.push(encodeAttributes(Tag.Attributes, changed, dialect));
      for (const reference of deleted) pushPresent(encodeAttributeReference(reference, dialect), out);
    },
  };
}
