import {
  identifierReference,
  type Codec,
  type EnumerationTable,
  type Field,
  type MaskTable,
} from '@holdfast/kmip';
import { ItemType } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { parseDuration, parseMoment } from './times';

/** Reads values as people type them. Everything here throws CommandFailure (wrong use) naming `what`. */

/** Names are compared without regard to case, spaces and punctuation: `AES`, `pre-active` and `Pre Active` all do. */
export function normalised(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

const MOST_CHOICES_SHOWN = 30;

function choices(table: EnumerationTable | MaskTable): string {
  const keys = [...table.byKey.keys()];
  const shown = keys.slice(0, MOST_CHOICES_SHOWN).join(', ');
  return keys.length > MOST_CHOICES_SHOWN ? `One of ${shown}, …` : `One of ${shown}.`;
}

function parseHexNumber(text: string): number | undefined {
  const value = /^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : undefined;
  return value;
}

/** The value of an enumeration's or mask's member. */
export function parseMember(table: EnumerationTable | MaskTable, text: string, what: string): number {
  const wanted = normalised(text);
  for (const entry of table.byValue.values()) {
    if (normalised(entry.key) === wanted || normalised(entry.name) === wanted) return entry.value;
  }
  const value = parseHexNumber(text);
  if (value !== undefined) return value;
  throw wrongUse(`${JSON.stringify(text)} is no value of ${what}`, choices(table));
}

/** Names of a mask's bits, separated by "|", "," or spaces, put together. */
export function parseMask(table: MaskTable, text: string, what: string): number {
  const names = text.split(/[|,\s]+/).filter((name) => name !== '');
  if (names.length === 0) throw wrongUse(`${what} names no use`, choices(table));
  return names.reduce((bits, name) => bits | parseMember(table, name, what), 0);
}

export function parseInteger(text: string, what: string): number {
  const value = /^-?\d{1,10}$/.test(text) ? Number(text) : (parseHexNumber(text) ?? NaN);
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) return value;
  throw wrongUse(`${what} is a whole number of 32 bits, not ${JSON.stringify(text)}`);
}

export function parseLongInteger(text: string, what: string): bigint {
  const value = parseBigInteger(text, what);
  if (BigInt.asIntN(64, value) === value) return value;
  throw wrongUse(`${what} is a whole number of 64 bits, not ${JSON.stringify(text)}`);
}

export function parseBigInteger(text: string, what: string): bigint {
  const value = /^-?\d{1,5000}$/.test(text) ? BigInt(text) : undefined;
  if (value !== undefined) return value;
  throw wrongUse(`${what} is a whole number, not ${JSON.stringify(text)}`);
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...(['true', 'yes', '1'] as const).map((text) => [text, true] as const),
  ...(['false', 'no', '0'] as const).map((text) => [text, false] as const),
]);

export function parseBoolean(text: string, what: string): boolean {
  const value = BOOLEANS.get(text.toLowerCase());
  if (value !== undefined) return value;
  throw wrongUse(`${what} is true or false, not ${JSON.stringify(text)}`);
}

/** Bytes in hex, with or without "0x", spaces or colons. */
export function parseHexBytes(text: string, what: string): Buffer {
  const digits = text.replace(/^0x/i, '').replace(/[\s:]/g, '');
  if (digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)) return Buffer.from(digits, 'hex');
  throw wrongUse(`${what} is no text of hexadecimal digits, two for each byte`);
}

/** A value of a type that has no members, from its text. */
function parseScalar(codec: Codec<unknown>, text: string, what: string): unknown {
  if (codec === identifierReference) return text;
  if (codec.table?.kind === 'mask') return parseMask(codec.table, text, what);
  if (codec.table?.kind === 'enumeration') return parseMember(codec.table, text, what);
  switch (codec.type) {
    case ItemType.Integer:
      return parseInteger(text, what);
    case ItemType.Enumeration:
      return parseHexNumber(text) ?? parseInteger(text, what);
    case ItemType.LongInteger:
      return parseLongInteger(text, what);
    case ItemType.BigInteger:
      return parseBigInteger(text, what);
    case ItemType.Boolean:
      return parseBoolean(text, what);
    case ItemType.ByteString:
      return parseHexBytes(text, what);
    case ItemType.DateTime:
      return parseMoment(text);
    case ItemType.DateTimeExtended:
      return BigInt(parseMoment(text)) * 1_000_000n;
    case ItemType.Interval:
      return parseDuration(text);
    default:
      return text;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function membersHint(fields: Readonly<Record<string, Field<unknown>>>): string {
  return `Its members: ${Object.entries(fields)
    .map(([name, field]) => (field.isOptional ? `${name} (optional)` : name))
    .join(', ')}.`;
}

/** A structure from an object of JSON whose members have the names that `--json` shows. */
function fromMembers(
  fields: Readonly<Record<string, Field<unknown>>>,
  json: Readonly<Record<string, unknown>>,
  what: string,
): unknown {
  const stranger = Object.keys(json).find((name) => !Object.hasOwn(fields, name));
  if (stranger !== undefined) throw wrongUse(`${what} has no member ${stranger}`, membersHint(fields));
  const members: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = json[name];
    const path = `${what}, ${name}`;
    if (value === undefined) {
      if (field.isRepeated) members[name] = [];
      else if (!field.isOptional) throw wrongUse(`${what} lacks its member ${name}`, membersHint(fields));
    } else if (field.codec === undefined) throw wrongUse(`${path} cannot be given here`);
    else members[name] = fromMember(field.codec, field.isRepeated, value, path);
  }
  return members;
}

function fromMember(codec: Codec<unknown>, isRepeated: boolean, json: unknown, what: string): unknown {
  if (!isRepeated) return fromJson(codec, json, what);
  if (!Array.isArray(json)) throw wrongUse(`${what} is a list`);
  return json.map((one: unknown) => fromJson(codec, one, what));
}

function fromJson(codec: Codec<unknown>, json: unknown, what: string): unknown {
  if (codec.fields !== undefined) {
    if (isRecord(json)) return fromMembers(codec.fields, json, what);
    throw wrongUse(`${what} is a structure`, membersHint(codec.fields));
  }
  if (Array.isArray(json) && codec.table?.kind === 'mask')
    return parseMask(codec.table, json.join('|'), what);
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') {
    return parseScalar(codec, String(json), what);
  }
  throw wrongUse(`${what} cannot be ${JSON.stringify(json)}`);
}

/** A value from the text on a command line: structures are JSON. */
export function parseValue(codec: Codec<unknown>, text: string, what: string): unknown {
  if (codec.fields === undefined) return parseScalar(codec, text, what);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrongUse(`${what} is a structure, to be given as JSON`, membersHint(codec.fields));
  }
  return fromJson(codec, json, what);
}
