import { bigIntByteLength, bigIntToHex } from './bigint';
import { HoldfastError } from './errors';
import { HEADER_BYTES, isTag, tagHex, writeUint32 } from './header';
import { ItemType, type Item } from './item';
import { utf8Length, writeUtf8 } from './utf8';

/**
 * The bytes that `item` takes as TTLV, header and padding included.
 * Throws HoldfastError('CodecError') where a tag or a value is out of its type's range.
 */
export function encodedLength(item: Item): number {
  if (!isTag(item.tag))
    throw fault(item, 'the tag is not between 0x420000 and 0x42ffff or 0x540000 and 0x54ffff');
  switch (item.type) {
    case ItemType.Structure: {
      let length = HEADER_BYTES;
      for (const child of item.value) length += encodedLength(child);
      return length;
    }
    case ItemType.Integer:
      if ((item.value | 0) !== item.value) throw fault(item, 'an Integer is not a signed 32-bit number');
      break;
    case ItemType.Enumeration:
    case ItemType.Interval:
      if (item.value >>> 0 !== item.value) throw fault(item, 'the value is not an unsigned 32-bit number');
      break;
    case ItemType.LongInteger:
    case ItemType.DateTime:
    case ItemType.DateTimeExtended:
      if (BigInt.asIntN(64, item.value) !== item.value)
        throw fault(item, 'the value is not a signed 64-bit number');
      break;
    case ItemType.Boolean:
      break;
    case ItemType.BigInteger:
      return HEADER_BYTES + bigIntByteLength(item.value);
    case ItemType.TextString:
      return HEADER_BYTES + padded(textLength(item, item.value));
    case ItemType.ByteString:
      return HEADER_BYTES + padded(item.value.length);
  }
  return HEADER_BYTES + 8;
}

/**
 * Encodes an item as TTLV, each value in its one canonical form (Big Integers as short as they can be).
 * Throws HoldfastError('CodecError') where a tag or a value is out of its type's range, or a text is not well-formed
 * Unicode or ends with a null character. KMIP 1.4 section 9.1, KMIP 2.1 section 10.1.
 */
export function encodeTtlv(item: Item): Buffer {
  const bytes = Buffer.allocUnsafe(encodedLength(item));
  writeTtlv(bytes, item, 0);
  return bytes;
}

/** Writes tag, type and length of a structure at the beginning of `bytes`. */
export function writeStructureHeader(bytes: Buffer, tag: number, lengthBytes: number): void {
  writeUint32(bytes, 0, (tag << 8) | ItemType.Structure);
  writeUint32(bytes, 4, lengthBytes);
}

/** Writes an item that `encodedLength` has checked; returns the offset after it. */
export function writeTtlv(bytes: Buffer, item: Item, offset: number): number {
  const start = offset + HEADER_BYTES;
  writeUint32(bytes, offset, (item.tag << 8) | item.type);
  switch (item.type) {
    case ItemType.Structure: {
      let end = start;
      for (const child of item.value) end = writeTtlv(bytes, child, end);
      writeUint32(bytes, offset + 4, end - start);
      return end;
    }
    case ItemType.TextString:
      return finish(bytes, offset, writeUtf8(bytes, item.value, start));
    case ItemType.ByteString:
      bytes.set(item.value, start);
      return finish(bytes, offset, item.value.length);
    case ItemType.BigInteger:
      return finish(bytes, offset, bytes.write(bigIntToHex(item.value), start, 'hex'));
    case ItemType.LongInteger:
    case ItemType.DateTime:
    case ItemType.DateTimeExtended:
      writeInt64(bytes, start, item.value);
      return finish(bytes, offset, 8);
    case ItemType.Boolean:
      writeUint32(bytes, start, 0);
      writeUint32(bytes, start + 4, item.value ? 1 : 0);
      return finish(bytes, offset, 8);
    case ItemType.Integer:
    case ItemType.Enumeration:
    case ItemType.Interval:
      writeUint32(bytes, start, item.value);
      return finish(bytes, offset, 4);
  }
}

/** (Buffer's own method takes every number apart as a BigInt.) */
function writeInt64(bytes: Buffer, offset: number, value: bigint): void {
  const number = Number(value);
  if (Number.isSafeInteger(number)) {
    writeUint32(bytes, offset, Math.floor(number / 0x1_0000_0000));
    writeUint32(bytes, offset + 4, number);
  } else bytes.writeBigInt64BE(value, offset);
}

/** Writes the length of a value that is in place, and zeros up to the next multiple of 8; returns the offset there. */
function finish(bytes: Buffer, offset: number, length: number): number {
  writeUint32(bytes, offset + 4, length);
  const start = offset + HEADER_BYTES;
  const end = start + padded(length);
  for (let at = start + length; at < end; at++) bytes[at] = 0;
  return end;
}

function padded(length: number): number {
  return length + (-length & 7);
}

function textLength(item: Item, text: string): number {
  const length = utf8Length(text);
  // UTF-8 has no form for half a surrogate pair: writing it would silently change the text.
  if (length !== text.length && /\p{Surrogate}/u.test(text))
    throw fault(item, 'the text is not well-formed Unicode');
  if (text.charCodeAt(text.length - 1) === 0) throw fault(item, 'the text ends with a null character');
  return length;
}

function fault(item: Item, what: string): HoldfastError {
  return new HoldfastError('CodecError', `Item ${tagHex(item.tag)} cannot be encoded: ${what}`);
}
