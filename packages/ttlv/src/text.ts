import { bigIntFromBytes } from './bigint';
import { parseDateTime } from './datetime';
import { isTag, tagHex } from './header';
import { ItemType, type Item } from './item';
import type { Limits } from './limits';
import type { NamingContext, Vocabulary } from './names';

/** All item types but Structure: those that have a value of their own. */
export type LeafType = Exclude<ItemType, typeof ItemType.Structure>;
export type LeafItem = Exclude<Item, { readonly type: typeof ItemType.Structure }>;

// Room for 32 names of 63 characters with a separator each.
const MAX_MASK_CHARACTERS = 2048;

/**
 * A tag from its name or `0x` and six hex digits; undefined where it is neither. An XML element's name cannot begin with a
 * digit, so that KMIP Profiles 2.1 section 5.4.1.6.5 has `x540001` too.
 */
export function tagFromText(text: string, vocabulary: Vocabulary): number | undefined {
  const digits = /^0?x([0-9a-f]{6})$/i.exec(text)?.[1];
  if (digits === undefined) return vocabulary.tagByName(text);
  const tag = Number.parseInt(digits, 16);
  return isTag(tag) ? tag : undefined;
}

/** A tag's name, or `0x` and six hex digits where it has none. */
export function tagToText(tag: number, vocabulary: Vocabulary): string {
  return vocabulary.tagName(tag) ?? tagHex(tag);
}

/** A name from the message, short enough to be repeated to the peer, and without halves of surrogate pairs: no answer could. */
export function brief(name: string): string {
  return Buffer.from(name.length > 64 ? `${name.slice(0, 64)}…` : name).toString();
}

/** A number's two's complement as `0x` and all hex digits of its width. */
export function fixedHex(value: bigint | number, bits: 32 | 64): string {
  return `0x${BigInt.asUintN(bits, BigInt(value))
    .toString(16)
    .padStart(bits / 4, '0')}`;
}

/** What reading a value needs besides its text. */
export interface Reading extends NamingContext {
  readonly vocabulary: Vocabulary;
  readonly limits: Limits;
  /** Throws, saying where in the message the value stands. */
  readonly fail: (what: string) => never;
}

/**
 * Reads a value from a string. XML and JSON share one grammar, so that each also reads what the other writes: numbers in
 * decimal, or in two's complement with `0x` and at most all the digits of their width; enumerations and mask bits also by
 * name, masks as a list of both with blanks or bars between them; Big Integers and bytes in hex; dates as xsd:dateTime or
 * as a number in hex. KMIP Profiles 2.1 sections 5.4.1.6 and 5.5.1.6.
 */
export function leafFromText(tag: number, type: LeafType, text: string, reading: Reading): LeafItem {
  switch (type) {
    case ItemType.Integer:
      return { tag, type, value: integerFromText(tag, text, reading) };
    case ItemType.Enumeration:
      return { tag, type, value: enumerationFromText(tag, text, reading) };
    case ItemType.Interval:
      return { tag, type, value: intervalFromText(text, reading) };
    case ItemType.LongInteger:
    case ItemType.DateTimeExtended:
      return { tag, type, value: longFromText(text, reading) };
    case ItemType.DateTime:
      return {
        tag,
        type,
        value: parseDateTime(text) ?? hexLong(text) ?? reading.fail('is no date and time with a zone'),
      };
    case ItemType.BigInteger:
      return { tag, type, value: bigIntegerFromText(text, reading) };
    case ItemType.Boolean:
      return { tag, type, value: booleanFromText(text, reading) };
    case ItemType.TextString:
      return { tag, type, value: checkText(text, reading) };
    case ItemType.ByteString:
      return { tag, type, value: bytesFromText(text, reading) };
  }
}

function integerFromText(tag: number, text: string, reading: Reading): number {
  const decimal = decimalNumber(text);
  if (decimal !== undefined) {
    return BigInt.asIntN(32, decimal) === decimal
      ? Number(decimal)
      : reading.fail('is not a signed 32-bit number');
  }
  if (text.length > MAX_MASK_CHARACTERS) return reading.fail('is longer than any mask');
  let value = 0;
  for (const component of text.split(/[\s|]+/)) {
    value |=
      hexWord(component) ??
      reading.vocabulary.maskByName(tag, component, reading) ??
      reading.fail('is neither a number nor a list of known mask names');
  }
  return value;
}

function enumerationFromText(tag: number, text: string, reading: Reading): number {
  return (
    hexWord(text) ??
    reading.vocabulary.enumByName(tag, text, reading) ??
    reading.fail('is no known name of its enumeration')
  );
}

function intervalFromText(text: string, reading: Reading): number {
  const hex = hexWord(text);
  if (hex !== undefined) return hex;
  const value = decimalNumber(text);
  return value !== undefined && BigInt.asUintN(32, value) === value
    ? Number(value)
    : reading.fail('is not an unsigned 32-bit number');
}

function longFromText(text: string, reading: Reading): bigint {
  const value = decimalNumber(text) ?? hexLong(text);
  return value !== undefined && BigInt.asIntN(64, value) === value
    ? value
    : reading.fail('is not a signed 64-bit number');
}

function bigIntegerFromText(text: string, reading: Reading): bigint {
  const digits = text.replace(/^0x/i, '');
  if (digits.length / 2 > reading.limits.maxBigIntegerBytes) {
    return reading.fail(`has more than the ${reading.limits.maxBigIntegerBytes} bytes allowed`);
  }
  if (digits.length % 16 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    return reading.fail('is not hex digits of a multiple of 8 bytes');
  }
  return bigIntFromBytes(Buffer.from(digits, 'hex'));
}

function booleanFromText(text: string, reading: Reading): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  const value = hexLong(text);
  return value === 0n || value === 1n ? value === 1n : reading.fail('is neither true nor false');
}

function bytesFromText(text: string, reading: Reading): Buffer {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text))
    return reading.fail('is not hex digits of whole bytes');
  return Buffer.from(text, 'hex');
}

/** Keeps out what TTLV could not carry. */
function checkText(text: string, reading: Reading): string {
  if (/\p{Surrogate}/u.test(text)) return reading.fail('is not well-formed Unicode');
  return text.endsWith('\0') ? reading.fail('ends with a null character') : text;
}

/** A decimal number of at most 20 digits, leading zeros included: no type has more. */
function decimalNumber(text: string): bigint | undefined {
  return /^[+-]?\d{1,20}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
}

/** 32 bits in hex, unsigned. */
function hexWord(text: string): number | undefined {
  return /^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : undefined;
}

/** 64 bits in hex, signed. */
function hexLong(text: string): bigint | undefined {
  return /^0x[0-9a-f]{1,16}$/i.test(text) ? BigInt.asIntN(64, BigInt(text)) : undefined;
}
