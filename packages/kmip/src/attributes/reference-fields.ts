import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import { integer, tagName, textString, type Field } from '../schema';
import type { Dialect } from '../versions/dialect';
import {
  decodeAttributeName,
  decodeIndexedAttribute,
  decodeNotifiedAttribute,
  encodeAttributeName,
  encodeDeletedAttribute,
  encodeIndexedAttribute,
} from '../versions/v1';
import { decodeAttributeReference, encodeAttributeReference, encodeTaggedAttribute } from '../versions/v2';
import { Tag } from '../vocabulary/tags';
import {
  ANY_VERSION,
  LIST_TAGS_V1,
  NO_TAGS,
  ONLY_INDEXED,
  ONLY_TAGGED,
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
import type { AttributeReference } from './reference';
import { isKnownAttribute, type Attribute, type ToldAttribute } from './table';

/** The members of payloads that name attributes, or hold a single one: 1.x and 2.x differ in structure here too. */

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
      const attribute = item === undefined ? undefined : decodeToldAttribute(item, dialect);
      return attribute !== undefined && isKnownAttribute(attribute) ? attribute : undefined;
    },
    encode(attribute, dialect, out) {
      if (isIndexed(dialect)) pushPresent(encodeIndexedAttribute(attribute, dialect), out);
    },
  };
}

/** What Notify and Put tell of attributes. */
export interface NotifiedAttributes {
  readonly changed: readonly ToldAttribute[];
  /** With an index one of several instances, which 1.x alone tells; else the attribute. */
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
      const changed: ToldAttribute[] = [];
      const deleted: AttributeReference[] = [];
      for (const item of items) {
        if (item.tag === Tag.AttributeReference) deleted.push(decodeAttributeReference(item, dialect));
        else if (item.tag === Tag.Attributes)
          changed.push(...childrenOf(item).map((child) => decodeToldAttribute(child, dialect)));
        else {
          const notified = decodeOrTolerate(item, dialect, decodeNotifiedAttribute);
          if ('value' in notified) changed.push(notified);
          else deleted.push(notified);
        }
      }
      return { changed, deleted };
    },
    encode({ changed: told, deleted }, dialect, out) {
      const changed = told.filter(isKnownAttribute);
      if (isIndexed(dialect)) {
        for (const attribute of changed) pushPresent(encodeIndexedAttribute(attribute, dialect), out);
        for (const reference of deleted) pushPresent(encodeDeletedAttribute(reference, dialect), out);
        return;
      }
      out.push(encodeAttributes(Tag.Attributes, changed, dialect));
      for (const reference of deleted) {
        if (reference.index === undefined) pushPresent(encodeAttributeReference(reference, dialect), out);
      }
    },
  };
}
