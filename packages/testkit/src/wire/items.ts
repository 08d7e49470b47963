import { ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { NameType, Operation, Tag, type VersionName } from '@holdfast/kmip';

/** Items as a client writes them, tag by tag: tests that play clients build their messages of these alone. */

export function structure(tag: number, ...value: readonly Item[]): StructureItem {
  return { tag, type: ItemType.Structure, value };
}
export function integer(tag: number, value: number): Item {
  return { tag, type: ItemType.Integer, value };
}
export function longInteger(tag: number, value: bigint): Item {
  return { tag, type: ItemType.LongInteger, value };
}
export function enumeration(tag: number, value: number): Item {
  return { tag, type: ItemType.Enumeration, value };
}
export function boolean(tag: number, value: boolean): Item {
  return { tag, type: ItemType.Boolean, value };
}
export function text(tag: number, value: string): Item {
  return { tag, type: ItemType.TextString, value };
}
export function bytes(tag: number, value: Buffer): Item {
  return { tag, type: ItemType.ByteString, value };
}
export function dateTime(tag: number, seconds: number): Item {
  return { tag, type: ItemType.DateTime, value: BigInt(seconds) };
}
export function interval(tag: number, seconds: number): Item {
  return { tag, type: ItemType.Interval, value: seconds };
}

/** A 1.x Attribute; the value's tag is Attribute Value. */
export function attribute(name: string, value: Item, index?: number): Item {
  return structure(
    Tag.Attribute,
    text(Tag.AttributeName, name),
    ...(index === undefined ? [] : [integer(Tag.AttributeIndex, index)]),
    { ...value, tag: Tag.AttributeValue },
  );
}

/** The value of a Name attribute. */
export function nameValue(value: string, tag: number = Tag.AttributeValue): Item {
  return structure(
    tag,
    text(Tag.NameValue, value),
    enumeration(Tag.NameType, NameType.UninterpretedTextString),
  );
}

export function uniqueIdentifier(value: string): Item {
  return text(Tag.UniqueIdentifier, value);
}

export interface RequestItem {
  readonly operation: number;
  readonly payload: readonly Item[];
  /** Unique Batch Item ID. */
  readonly id?: Buffer;
  /** What stands between Operation and Unique Batch Item ID (Ephemeral). */
  readonly before?: readonly Item[];
  /** What stands after the payload (Message Extension). */
  readonly extra?: readonly Item[];
}

export interface RequestMessageOptions {
  /** Members of the header between Protocol Version and Batch Count. */
  readonly header?: readonly Item[];
  /** Default: the number of items. */
  readonly batchCount?: number;
}

/** A Request Message; `options` can make it say what is not so. */
export function requestMessage(
  version: VersionName,
  items: readonly RequestItem[],
  { header = [], batchCount = items.length }: RequestMessageOptions = {},
): StructureItem {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return structure(
    Tag.RequestMessage,
    structure(
      Tag.RequestHeader,
      structure(
        Tag.ProtocolVersion,
        integer(Tag.ProtocolVersionMajor, major),
        integer(Tag.ProtocolVersionMinor, minor),
      ),
      ...header,
      integer(Tag.BatchCount, batchCount),
    ),
    ...items.map(({ operation, payload, id, before = [], extra = [] }) =>
      structure(
        Tag.BatchItem,
        enumeration(Tag.Operation, operation),
        ...before,
        ...(id === undefined ? [] : [bytes(Tag.UniqueBatchItemID, id)]),
        structure(Tag.RequestPayload, ...payload),
        ...extra,
      ),
    ),
  );
}

/** The direct members of an item, with this tag. */
export function children(item: Item | undefined, tag: number): readonly Item[] {
  return item?.type === ItemType.Structure ? item.value.filter((child) => child.tag === tag) : [];
}

/** The first item at the end of a path of tags. */
export function child(item: Item | undefined, ...path: readonly number[]): Item | undefined {
  return path.reduce<Item | undefined>((at, tag) => children(at, tag)[0], item);
}

/** The value at the end of a path of tags. */
export function valueAt(item: Item | undefined, ...path: readonly number[]): Item['value'] | undefined {
  return child(item, ...path)?.value;
}

/** The text at the end of a path of tags. @throws Error where there is none */
export function textAt(item: Item | undefined, ...path: readonly number[]): string {
  const found = valueAt(item, ...path);
  if (typeof found !== 'string') throw new Error(`there is no text at ${path.join(' / ')}`);
  return found;
}

export function operationName(code: number): string {
  return Object.entries(Operation).find(([, value]) => value === code)?.[0] ?? `operation ${code}`;
}

/** The texts of all direct members with this tag. */
export function textsOf(item: Item | undefined, tag: number): readonly string[] {
  return children(item, tag).map((member) => textAt(member));
}

/** The values of the 1.x Attributes in a payload, by name; of several of one name, the last. */
export function attributeValues(payload: Item | undefined): Readonly<Record<string, Item['value']>> {
  return Object.fromEntries(
    children(payload, Tag.Attribute).map((each) => [
      textAt(each, Tag.AttributeName),
      valueAt(each, Tag.AttributeValue) ?? '',
    ]),
  );
}

/** The Protocol Versions in a payload, as "1.4". */
export function versionsOf(payload: Item | undefined): readonly string[] {
  return children(payload, Tag.ProtocolVersion).map((version) =>
    [Tag.ProtocolVersionMajor, Tag.ProtocolVersionMinor]
      .map((tag) => valueAt(version, tag) as number)
      .join('.'),
  );
}
