import { HoldfastError, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { tagName, wrongType } from '../schema';
import type { Dialect, Window } from '../versions/dialect';
import { decodeIndexedAttribute } from '../versions/v1';
import { decodeTaggedAttribute, encodeTaggedAttribute } from '../versions/v2';
import { Tag } from '../vocabulary/tags';
import type { Attribute, ToldAttribute, UnknownAttribute } from './table';

/** What the fields of attributes are made of. */

export const ANY_VERSION: Window = {};
export const ONLY_INDEXED: Window = { last: '1.4' };
export const ONLY_TAGGED: Window = { since: '2.0' };
export const NO_TAGS: readonly number[] = [];
export const LIST_TAGS_V1 = [Tag.Attribute];
export const LIST_TAGS_V2 = [Tag.Attributes];

export function isIndexed(dialect: Dialect): boolean {
  return dialect.rules.attributeForm === 'indexed';
}

export function childrenOf(item: Item): readonly Item[] {
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  return item.value;
}

export function onlyItem(items: readonly Item[], structure: Item): Item | undefined {
  const [item, second] = items;
  if (second !== undefined) {
    throw new HoldfastError(
      'InvalidMessage',
      `${tagName(second.tag)} appears more than once in ${tagName(structure.tag)}`,
    );
  }
  return item;
}

export function missing(tag: number, structure: Item): HoldfastError {
  return new HoldfastError('InvalidMessage', `${tagName(tag)} is missing in ${tagName(structure.tag)}`);
}

export function pushPresent(item: Item | undefined, out: Item[]): void {
  if (item !== undefined) out.push(item);
}

export function decodeAttributes(item: Item, dialect: Dialect): readonly Attribute[] {
  return childrenOf(item).map((child) => decodeTaggedAttribute(child, dialect));
}

function unknownAttribute(item: Item): UnknownAttribute {
  const children = item.type === ItemType.Structure ? item.value : [];
  const childOf = (tag: number) => children.find((child) => child.tag === tag);
  const name = childOf(Tag.AttributeName);
  const index = childOf(Tag.AttributeIndex);
  return {
    key: undefined,
    name: name?.type === ItemType.TextString ? name.value : tagName(item.tag),
    ...(index?.type === ItemType.Integer ? { index: index.value } : {}),
    value: childOf(Tag.AttributeValue) ?? item,
  };
}

/**
 * An attribute in an answer: a 1.x Attribute, or a 2.x one under its own tag, unless `decode` says which.
 * @throws HoldfastError as those who read requests do, unless the dialect tolerates what is unknown
 */
export function decodeToldAttribute(
  item: Item,
  dialect: Dialect,
  decode: (item: Item, dialect: Dialect) => Attribute = isIndexed(dialect)
    ? decodeIndexedAttribute
    : decodeTaggedAttribute,
): ToldAttribute {
  return decodeOrTolerate(item, dialect, decode);
}

/** What `decode` reads; where it fails and the dialect tolerates that, the attribute as it came. */
export function decodeOrTolerate<T>(
  item: Item,
  dialect: Dialect,
  decode: (item: Item, dialect: Dialect) => T,
): T | UnknownAttribute {
  try {
    return decode(item, dialect);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !dialect.toleratesUnknown) throw error;
    return unknownAttribute(item);
  }
}

export function encodeAttributes(
  tag: number,
  attributes: readonly Attribute[],
  dialect: Dialect,
): StructureItem {
  const value: Item[] = [];
  for (const attribute of attributes) pushPresent(encodeTaggedAttribute(attribute, dialect), value);
  return { tag, type: ItemType.Structure, value };
}
