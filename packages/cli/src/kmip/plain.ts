import {
  customAttributeName,
  definitionOf,
  identifierReference,
  tags,
  uniqueIdentifierEnum,
  type EntryTable,
  type AttributeReference,
  type Codec,
  type EnumerationTable,
  type Field,
  type MaskTable,
  type ToldAttribute,
} from '@holdfast/kmip';
import { ItemType, SecretBytes, encodeTtlv, type Item } from '@holdfast/ttlv';
import { formatMoment } from './times';

/** What JSON can hold. */
export type Plain =
  string | number | boolean | null | readonly Plain[] | { readonly [member: string]: Plain };

type Fields = Readonly<Record<string, Field<unknown>>>;

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** The key of an enumeration's value, or its number where it is a vendor's or a later version's. */
export function memberName(table: EntryTable, value: number): string {
  return table.byValue.get(value)?.key ?? hex(value);
}

/** A number where JavaScript's are exact, else its decimal digits. */
function plainInteger(value: bigint): Plain {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function plainMask(table: MaskTable, value: number): Plain {
  const names: string[] = [];
  let rest = value;
  for (const entry of table.byValue.values()) {
    if ((value & entry.value) === 0) continue;
    names.push(entry.key);
    rest &= ~entry.value;
  }
  return rest === 0 ? names : [...names, hex(rest >>> 0)];
}

function plainNumber(
  type: ItemType | undefined,
  table: EnumerationTable | MaskTable | undefined,
  value: number,
): Plain {
  if (table?.kind === 'mask') return plainMask(table, value);
  if (table?.kind === 'enumeration') return memberName(table, value);
  if (type === ItemType.Enumeration) return hex(value);
  return type === ItemType.DateTime ? formatMoment(value) : value;
}

/** Microseconds since 1970 as ISO 8601 with six places. */
function plainMicroseconds(value: bigint): string {
  const fraction = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = formatMoment(Number((value - fraction) / 1_000_000n));
  return seconds.replace(/Z$/, `.${fraction.toString().padStart(6, '0')}Z`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/**
 * An item without a schema (the value of a custom attribute, what a vendor tells of its server): its value, with the
 * names of tags where it has children.
 */
export function plainItem(item: Item): Plain {
  switch (item.type) {
    case ItemType.Structure:
      return item.value.map((child) => ({
        [tags.byValue.get(child.tag)?.key ?? hex(child.tag)]: plainItem(child),
      }));
    case ItemType.ByteString:
      return item.value.toString('hex');
    case ItemType.DateTime:
      return formatMoment(Number(item.value));
    case ItemType.DateTimeExtended:
      return plainMicroseconds(item.value);
    case ItemType.LongInteger:
    case ItemType.BigInteger:
      return plainInteger(item.value);
    case ItemType.Enumeration:
      return hex(item.value);
    default:
      return item.value;
  }
}

function isItem(value: Readonly<Record<string, unknown>>): boolean {
  return typeof value['tag'] === 'number' && typeof value['type'] === 'number' && 'value' in value;
}

/** A neutral value as JSON can hold it: enumerations and masks by name, dates in ISO 8601, bytes in hex. */
export function plainValue(codec: Codec<unknown>, value: unknown): Plain {
  if (value instanceof SecretBytes) return `(${value.length} bytes)`;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return plainNumber(codec.type, codec.table, value);
  if (typeof value === 'bigint') {
    return codec.type === ItemType.DateTimeExtended ? plainMicroseconds(value) : plainInteger(value);
  }
  if (!isRecord(value)) return null;
  if (codec === identifierReference && typeof value['from'] === 'number') {
    return plainNumber(ItemType.Enumeration, uniqueIdentifierEnum, value['from']);
  }
  if (Array.isArray(value)) return value.map(plainMember);
  if (isItem(value)) return plainItem(value as unknown as Item);
  return plainStructure(codec.fields ?? {}, value);
}

/** The members of a structure or payload that have a value. */
export function plainStructure(
  fields: Fields,
  value: Readonly<Record<string, unknown>>,
): { readonly [member: string]: Plain } {
  const members: Record<string, Plain> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const field = fields[name];
    const codec = field?.codec;
    if (codec === undefined) members[name] = plainMember(member);
    else if (field?.isRepeated === true && Array.isArray(member)) {
      members[name] = member.map((one) => plainValue(codec, one));
    } else members[name] = plainValue(codec, member);
  }
  return members;
}

/** A member whose form differs between versions: attributes and references to them. */
function plainMember(member: unknown): Plain {
  if (Array.isArray(member)) return member.map(plainMember);
  if (!isRecord(member)) return typeof member === 'string' || typeof member === 'number' ? member : null;
  if (isItem(member)) return plainItem(member as unknown as Item);
  if ('unknownName' in member || ('key' in member && !('value' in member))) {
    return referenceName(member as unknown as AttributeReference);
  }
  if ('key' in member) return plainAttribute(member as unknown as ToldAttribute);
  return plainStructure({}, member);
}

/** How an attribute is called: its printed name, or that of the custom attribute. */
export function referenceName(reference: AttributeReference): string {
  if ('unknownName' in reference) return reference.unknownName;
  return reference.key === 'VendorAttribute'
    ? customAttributeName(reference.vendorIdentification, reference.attributeName)
    : definitionOf(reference.key).name;
}

const TTLV_HEADER_BYTES = 8;

/** The item as it came: tag and value in hex, the name of its type. */
function rawItem(item: Item): Plain {
  const bytes = encodeTtlv(item);
  const length = bytes.readUInt32BE(TTLV_HEADER_BYTES - 4);
  return {
    tag: `0x${item.tag.toString(16)}`,
    type: Object.entries(ItemType).find(([, type]) => type === item.type)?.[0] ?? String(item.type),
    bytes: bytes.toString('hex', TTLV_HEADER_BYTES, TTLV_HEADER_BYTES + length),
  };
}

/** One attribute instance as `{name, index?, value}`; one that is unknown has a member `unknown` too: how it came. */
export function plainAttribute(attribute: ToldAttribute): { readonly [member: string]: Plain } {
  const index = attribute.index === undefined ? {} : { index: attribute.index };
  if (attribute.key === undefined) {
    const { name, value } = attribute;
    return { name, ...index, value: plainItem(value), unknown: rawItem(value) };
  }
  if (attribute.key === 'VendorAttribute') {
    const { vendorIdentification, attributeName, attributeValue } = attribute.value;
    return {
      name: customAttributeName(vendorIdentification, attributeName),
      ...index,
      value: plainItem(attributeValue),
    };
  }
  const { name, codec } = definitionOf(attribute.key);
  return { name, ...index, value: plainValue(codec, attribute.value) };
}

/** A value on one line, for people. Names, as nearly all of them are, are shown without their type. */
export function oneLine(value: Plain): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map((one: Plain) => oneLine(one)).join(', ');
  if (typeof value !== 'object') return String(value);
  if ('nameValue' in value && value.nameType === 'UninterpretedTextString') return oneLine(value.nameValue);
  return Object.entries(value as { readonly [member: string]: Plain })
    .filter(([, member]) => !Array.isArray(member) || member.length > 0)
    .map(([name, member]) => `${name} ${oneLine(member)}`)
    .join(', ');
}
