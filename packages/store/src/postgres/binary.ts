import { writeUtf8 } from '@holdfast/ttlv';

/**
 * The binary representation of the few PostgreSQL types that the hot statements use: parameters are written as Bind
 * carries them and columns read as DataRow does, each as a 32-bit length (-1: NULL) and the type's send format.
 */

/** Object identifiers of the types, from the catalogue pg_type: they never change. */
export const TypeId = {
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  tid: 27,
  xid: 28,
  byteaArray: 1001,
  int2Array: 1005,
  int4Array: 1007,
  textArray: 1009,
  tidArray: 1010,
  xidArray: 1011,
  int8Array: 1016,
  uuid: 2950,
  uuidArray: 2951,
} as const;

const ELEMENT_OF: Readonly<Record<number, number>> = {
  [TypeId.byteaArray]: TypeId.bytea,
  [TypeId.int2Array]: TypeId.int2,
  [TypeId.int4Array]: TypeId.int4,
  [TypeId.textArray]: TypeId.text,
  [TypeId.tidArray]: TypeId.tid,
  [TypeId.xidArray]: TypeId.xid,
  [TypeId.int8Array]: TypeId.int8,
  [TypeId.uuidArray]: TypeId.uuid,
};

const NULL_LENGTH = -1;
const UUID_LENGTH_BYTES = 16;
const UUID_TEXT_LENGTH = 36;
const DASH = 0x2d;
const MAX_SHORT_LENGTH = 48;
const FIRST_BEYOND_ASCII = 0x80;
const NO_DIGIT = 0xff;
/** The value of each lower-case hexadecimal digit, by its character code; NO_DIGIT for other characters. */
const HEX_DIGITS = Uint8Array.from(
  { length: FIRST_BEYOND_ASCII },
  (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code)) & NO_DIGIT,
);

const DIGIT_CODES = Buffer.from('0123456789abcdef');
/** A text in the making: one piece of memory, where five slices of a longer text would be kept for each UUID. */
const uuidCharacters = Buffer.alloc(UUID_TEXT_LENGTH, '-');

function isDashAt(index: number): boolean {
  return index === 8 || index === 13 || index === 18 || index === 23;
}

/** Whether the text is a UUID in the one form in which they are written here. */
export function isUuid(text: string): boolean {
  if (text.length !== UUID_TEXT_LENGTH) return false;
  for (let index = 0; index < UUID_TEXT_LENGTH; index++) {
    const code = text.charCodeAt(index);
    const isRight = isDashAt(index) ? code === DASH : HEX_DIGITS[code] !== NO_DIGIT;
    if (!isRight || code >= FIRST_BEYOND_ASCII) return false;
  }
  return true;
}

/** The text form of 16 bytes. */
export function uuidText(bytes: Buffer, offset = 0): string {
  let at = 0;
  for (let index = offset; index < offset + UUID_LENGTH_BYTES; index++) {
    if (isDashAt(at)) at++;
    const byte = bytes[index] as number;
    uuidCharacters[at++] = DIGIT_CODES[byte >>> 4] as number;
    uuidCharacters[at++] = DIGIT_CODES[byte & 0xf] as number;
  }
  return uuidCharacters.toString('latin1');
}

/** A growing buffer. */
export class BinaryWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(expectedLengthBytes = 512) {
    this.#bytes = Buffer.allocUnsafe(expectedLengthBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; the writer is not used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#length] = value >>> 8;
    this.#bytes[this.#length + 1] = value;
    this.#length += 2;
  }

  int32(value: number): void {
    this.#reserve(4);
    this.int32At(this.#length, value);
    this.#length += 4;
  }

  /** Overwrites a number that was written before. (Buffer's own method is looked up in a dictionary each time.) */
  int32At(offset: number, value: number): void {
    const bytes = this.#bytes;
    bytes[offset] = value >>> 24;
    bytes[offset + 1] = value >>> 16;
    bytes[offset + 2] = value >>> 8;
    bytes[offset + 3] = value;
  }

  raw(bytes: Buffer): void {
    this.rawRange(bytes, 0, bytes.length);
  }

  rawRange(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length);
    if (length <= MAX_SHORT_LENGTH) {
      const target = this.#bytes;
      let at = this.#length;
      for (let index = start; index < end; index++) target[at++] = bytes[index] as number;
    } else bytes.copy(this.#bytes, this.#length, start, end);
    this.#length += length;
  }

  cString(ascii: string): void {
    this.#reserve(ascii.length + 1);
    this.#length += this.#bytes.write(ascii, this.#length, 'latin1');
    this.#bytes[this.#length++] = 0;
  }

  null(): void {
    this.int32(NULL_LENGTH);
  }

  int2Value(value: number): void {
    this.int32(2);
    this.int16(value);
  }

  int4Value(value: number): void {
    this.int32(4);
    this.int32(value);
  }

  /** @param value a whole number, exact as a double */
  int8Value(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.int32(8);
    this.int32(Math.floor(value / 0x1_0000_0000));
    this.int32(value);
  }

  /** An int8 in two halves: `high` signed, `low` unsigned. */
  int8Halves(halves: { readonly high: number; readonly low: number }): void {
    this.int32(8);
    this.int32(halves.high);
    this.int32(halves.low);
  }

  bytesValue(bytes: Buffer | undefined): void {
    if (bytes === undefined) {
      this.null();
      return;
    }
    this.int32(bytes.length);
    this.raw(bytes);
  }

  textValue(text: string | undefined): void {
    if (text === undefined) {
      this.null();
      return;
    }
    this.#reserve(4 + text.length * 3);
    const written = writeUtf8(this.#bytes, text, this.#length + 4);
    this.int32(written);
    this.#length += written;
  }

  /** A text of at most 65,534 bytes after its 16-bit length, which is 65,535 where there is none. */
  shortText(text: string | undefined): void {
    if (text === undefined) {
      this.int16(0xffff);
      return;
    }
    this.#reserve(2 + text.length * 3);
    const written = writeUtf8(this.#bytes, text, this.#length + 2);
    this.int16(written);
    this.#length += written;
  }

  /** The next column of a row, which is a text, in that form. */
  shortTextFrom(row: RowReader): void {
    const length = row.nextLength();
    this.int16(length);
    row.skip();
    if (length !== NULL_LENGTH) this.rawRange(row.bytes, row.offset - length, row.offset);
  }

  /** @param text a UUID as `isUuid` accepts it */
  uuidValue(text: string | undefined): void {
    if (text === undefined) {
      this.null();
      return;
    }
    this.#reserve(4 + UUID_LENGTH_BYTES);
    this.int32(UUID_LENGTH_BYTES);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < text.length; index += 2) {
      if (text.charCodeAt(index) === DASH) index++;
      const high = HEX_DIGITS[text.charCodeAt(index)] as number;
      const low = HEX_DIGITS[text.charCodeAt(index + 1)] as number;
      bytes[at++] = (high << 4) | low;
    }
    this.#length = at;
  }

  /** A one-dimensional array; `element` writes the nth value with one of the calls above. */
  arrayValue(arrayType: number, count: number, element: (index: number) => void): void {
    this.array(arrayType, count, () => {
      for (let index = 0; index < count; index++) element(index);
    });
  }

  /** The same, of which `elements` writes all. */
  array(arrayType: number, count: number, elements: () => void): void {
    const start = this.#length;
    this.int32(0);
    this.int32(count === 0 ? 0 : 1);
    this.int32(0);
    this.int32(ELEMENT_OF[arrayType] ?? 0);
    if (count > 0) {
      this.int32(count);
      this.int32(1);
      elements();
    }
    this.int32At(start, this.#length - start - 4);
  }

  #reserve(lengthBytes: number): void {
    const needed = this.#length + lengthBytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Reads the columns of one DataRow in their order. Byte columns are views of the received buffer, not copies. */
export class RowReader {
  constructor(
    readonly bytes: Buffer,
    public offset: number,
  ) {}

  /** Passes over a column. */
  skip(): void {
    const length = this.#int32();
    if (length !== NULL_LENGTH) this.offset += length;
  }

  /** Of the next column, in bytes; -1 for NULL. */
  nextLength(): number {
    const length = this.#int32();
    this.offset -= 4;
    return length;
  }

  int2(): number {
    this.#int32();
    this.offset += 2;
    const high = this.bytes[this.offset - 2] as number;
    return ((high << 24) >> 16) | (this.bytes[this.offset - 1] as number);
  }

  int4(): number {
    this.#int32();
    return this.#int32();
  }

  int4OrNull(): number | undefined {
    return this.#int32() === NULL_LENGTH ? undefined : this.#int32();
  }

  /** As a double: exact up to 2^53. */
  int8(): number {
    this.#int32();
    return this.#int32() * 0x1_0000_0000 + (this.#int32() >>> 0);
  }

  uuid(): string {
    this.#int32();
    this.offset += UUID_LENGTH_BYTES;
    return uuidText(this.bytes, this.offset - UUID_LENGTH_BYTES);
  }

  uuidOrNull(): string | undefined {
    const length = this.#int32();
    if (length === NULL_LENGTH) return undefined;
    this.offset += length;
    return uuidText(this.bytes, this.offset - length);
  }

  text(): string {
    const length = this.#int32();
    this.offset += length;
    return this.bytes.toString('utf8', this.offset - length, this.offset);
  }

  textOrNull(): string | undefined {
    const length = this.#int32();
    if (length === NULL_LENGTH) return undefined;
    this.offset += length;
    return this.bytes.toString('utf8', this.offset - length, this.offset);
  }

  bytea(): Buffer {
    return this.byteaOrNull() ?? EMPTY;
  }

  byteaOrNull(): Buffer | undefined {
    const length = this.#int32();
    if (length === NULL_LENGTH) return undefined;
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  #int32(): number {
    const { bytes, offset } = this;
    this.offset = offset + 4;
    return (
      ((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)
    );
  }
}

const EMPTY = Buffer.alloc(0);
