import { isUtf8 } from 'node:buffer';
import { HoldfastError } from './errors';
import { HEADER_BYTES, isTag, readUint32, tagHex, typeName } from './header';
import { ItemType } from './item';
import type { Limits } from './limits';

// Ends of the open structures of the one call that is running: kept between calls so that none allocates.
const openEnds: number[] = [];

/**
 * Checks that `bytes` hold exactly one well-formed, canonical TTLV item from `from` to `to` and stay within the limits,
 * without making any object. After it, every length and value there can be taken as it stands.
 * Throws HoldfastError('InvalidMessage'). KMIP 1.4 section 9.1.1, KMIP 2.1 section 10.1.
 */
export function validateTtlv(bytes: Buffer, limits: Limits, from = 0, to = bytes.length): void {
  if (to - from > limits.maxMessageBytes) {
    throw fault(0, `the message has ${to - from} bytes, more than the ${limits.maxMessageBytes} allowed`);
  }
  let offset = from;
  let end = to;
  let depth = 0;
  let count = 0;
  do {
    if (end - offset < HEADER_BYTES)
      throw fault(offset, `${end - offset} bytes are left, too few for an item header`);
    if (++count > limits.maxItems) throw fault(offset, `the message has more than ${limits.maxItems} items`);
    const head = readUint32(bytes, offset);
    if (!isTag(head >>> 8)) throw fault(offset, `tag ${tagHex(head >>> 8)} begins with neither 42 nor 54`);
    const length = readUint32(bytes, offset + 4);
    const start = offset + HEADER_BYTES;
    const room = end - start;
    const padded = paddedLength(head & 0xff, length, offset);
    if (padded > room) {
      throw fault(
        offset,
        `item ${tagHex(head >>> 8)} needs ${padded} bytes for its value, and ${room} are left`,
      );
    }
    if (depth === 0 && padded < room) {
      throw fault(start + padded, `${room - padded} bytes follow the end of the message`);
    }
    if ((head & 0xff) === ItemType.Structure) {
      if (depth >= limits.maxDepth)
        throw fault(offset, `structures are nested deeper than ${limits.maxDepth} levels`);
      openEnds[depth++] = end;
      end = start + length;
      offset = start;
    } else {
      validateValue(bytes, head & 0xff, start, length, limits);
      offset = start + padded;
    }
    while (depth > 0 && offset === end) end = openEnds[--depth] ?? end;
  } while (offset < end);
}

/** The bytes that a value takes with its padding; throws where its type does not allow the length. */
function paddedLength(type: number, length: number, offset: number): number {
  switch (type) {
    case ItemType.Integer:
    case ItemType.Enumeration:
    case ItemType.Interval:
      if (length === 4) return 8;
      break;
    case ItemType.LongInteger:
    case ItemType.Boolean:
    case ItemType.DateTime:
    case ItemType.DateTimeExtended:
      if (length === 8) return 8;
      break;
    case ItemType.TextString:
    case ItemType.ByteString:
      return length + (-length & 7);
    case ItemType.Structure:
      if (length % 8 === 0) return length;
      break;
    case ItemType.BigInteger:
      if (length % 8 === 0 && length > 0) return length;
      break;
    default:
      throw fault(offset, `item type ${type} does not exist`);
  }
  throw fault(offset, `${typeName(type)} does not allow the length ${length}`);
}

function validateValue(bytes: Buffer, type: number, start: number, length: number, limits: Limits): void {
  switch (type) {
    case ItemType.Integer:
    case ItemType.Enumeration:
    case ItemType.Interval:
      if (readUint32(bytes, start + 4) !== 0) throw fault(start + 4, 'padding is not zero');
      break;
    case ItemType.Boolean:
      if (readUint32(bytes, start) !== 0 || readUint32(bytes, start + 4) > 1) {
        throw fault(start, 'a Boolean is neither 0 nor 1');
      }
      break;
    case ItemType.TextString:
      validateText(bytes, start, start + length);
      validatePadding(bytes, start + length);
      break;
    case ItemType.ByteString:
      validatePadding(bytes, start + length);
      break;
    case ItemType.BigInteger:
      if (length > limits.maxBigIntegerBytes) {
        throw fault(
          start,
          `a Big Integer has ${length} bytes, more than the ${limits.maxBigIntegerBytes} allowed`,
        );
      }
      break;
    default:
  }
}

function validatePadding(bytes: Buffer, from: number): void {
  for (let at = from; (at & 7) !== 0; at++) {
    if (bytes[at] !== 0) throw fault(at, 'padding is not zero');
  }
}

function validateText(bytes: Buffer, start: number, end: number): void {
  if (end > start && bytes[end - 1] === 0) throw fault(end - 1, 'a Text String ends with a null character');
  // Nearly every text of KMIP is ASCII; only the others are worth a view and a native call.
  let at = start;
  while (at + 4 <= end && (readUint32(bytes, at) & 0x80808080) === 0) at += 4;
  while (at < end && (bytes[at] ?? 0) < 0x80) at++;
  if (at < end && !isUtf8(bytes.subarray(at, end))) throw fault(start, 'a Text String is not UTF-8');
}

function fault(offset: number, what: string): HoldfastError {
  return new HoldfastError('InvalidMessage', `TTLV at byte ${offset}: ${what}`);
}
