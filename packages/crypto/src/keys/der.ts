import { HoldfastError } from '@holdfast/ttlv';

/** Identifier octets of what keys are made of (X.690 section 8.1.2). */
export const DER = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  context0: 0xa0,
  context1: 0xa1,
} as const;

/** One element; `contents` is a view of the input. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Buffer;
}

/**
 * Reads the elements that stand one after the other in `bytes`, up to its end.
 * @throws HoldfastError InvalidField where they are not DER (X.690 section 10): indefinite or needlessly long lengths,
 * tags of several octets, elements that reach beyond the end
 */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const tag = bytes[offset] ?? 0;
    if ((tag & 0x1f) === 0x1f) throw malformed();
    const { length, start } = readLength(bytes, offset + 1);
    const end = start + length;
    if (end > bytes.length) throw malformed();
    elements.push({ tag, contents: bytes.subarray(start, end) });
    offset = end;
  }
  return elements;
}

/** The members of the one SEQUENCE that `bytes` are, with nothing after it. */
export function readSequence(bytes: Buffer): DerElement[] {
  const [element, ...rest] = readElements(bytes);
  if (rest.length > 0) throw malformed();
  return membersOf(element);
}

/** The members of an element, which has to be a SEQUENCE. */
export function membersOf(element: DerElement | undefined): DerElement[] {
  return readElements(contentsOf(element, DER.sequence));
}

/** The contents of an element, which has to have that tag. */
export function contentsOf(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw malformed();
  return element.contents;
}

/** The value of an INTEGER that is not negative and in its shortest form. */
export function readUnsigned(element: DerElement | undefined): bigint {
  const contents = contentsOf(element, DER.integer);
  const [first, second] = contents;
  if (first === undefined || first >= 0x80) throw malformed();
  if (first === 0 && second !== undefined && second < 0x80) throw malformed();
  return unsignedOf(contents);
}

/** Octets of a BIT STRING without unused bits. */
export function readBitString(element: DerElement | undefined): Buffer {
  const contents = contentsOf(element, DER.bitString);
  if (contents[0] !== 0) throw malformed();
  return contents.subarray(1);
}

/** An OBJECT IDENTIFIER in its dotted form. */
export function readOid(element: DerElement | undefined): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of contentsOf(element, DER.oid)) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** Writes an element around the concatenation of `parts`. */
export function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(contents.length), contents]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return element(DER.sequence, ...parts);
}

/** Writes an INTEGER that is not negative. */
export function unsigned(value: bigint): Buffer {
  const octets = octetsOf(value);
  const needsZero = (octets[0] ?? 0) >= 0x80 || octets.length === 0;
  return element(DER.integer, needsZero ? Buffer.from([0]) : EMPTY, octets);
}

export function bitString(octets: Buffer): Buffer {
  return element(DER.bitString, Buffer.from([0]), octets);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(DER.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** The value of big-endian octets. */
export function unsignedOf(octets: Buffer): bigint {
  return octets.length === 0 ? 0n : BigInt(`0x${octets.toString('hex')}`);
}

/** The fewest big-endian octets of a value that is not negative; none for zero. */
export function octetsOf(value: bigint): Buffer {
  if (value === 0n) return EMPTY;
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}

export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** How many octets the element has that the octets begin with. @throws HoldfastError InvalidField */
export function elementLengthBytes(octets: Buffer): number {
  const { length, start } = readLength(octets, 1);
  return start + length;
}

const EMPTY = Buffer.alloc(0);

function readLength(bytes: Buffer, offset: number): { length: number; start: number } {
  const first = bytes[offset];
  if (first === undefined) throw malformed();
  if (first < 0x80) return { length: first, start: offset + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || offset + 1 + count > bytes.length) throw malformed();
  const length = bytes.readUIntBE(offset + 1, count);
  if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw malformed();
  return { length, start: offset + 1 + count };
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets = octetsOf(BigInt(length));
  return Buffer.concat([Buffer.from([0x80 | octets.length]), octets]);
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(0x80 | (rest & 0x7f));
  }
  return digits;
}

function malformed(): HoldfastError {
  return new HoldfastError('InvalidField', 'the key material is not DER of the form that its format has');
}
