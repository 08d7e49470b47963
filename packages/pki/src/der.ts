import { HoldfastError } from '@holdfast/core';

/** Identifier octets of the types that certificates and requests are made of (X.690 section 8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Identifier octet of a context-specific tag, 0 to 30. */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

/** One DER element; both buffers are views of the input. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Buffer;
  /** Identifier, length and contents. */
  readonly der: Buffer;
}

export function malformed(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('InvalidField', `not a valid certificate or PKCS#12 container: ${what}`, {
    cause,
  });
}

/** Reads the length octets at `offset`: definite form, in the fewest octets where DER is read (X.690 section 10.1). */
function readLength(
  bytes: Buffer,
  offset: number,
  rules: 'DER' | 'BER' = 'DER',
): { length: number; start: number } {
  const first = bytes[offset];
  if (first === undefined) throw malformed('it ends inside an element');
  if (first < 0x80) return { length: first, start: offset + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw malformed('an element has no definite length that fits');
  if (offset + 1 + count > bytes.length) throw malformed('it ends inside an element');
  const length = bytes.readUIntBE(offset + 1, count);
  if (rules === 'DER' && (length < 0x80 || length < 2 ** (8 * (count - 1))))
    throw malformed('a length is not in its shortest form');
  return { length, start: offset + 1 + count };
}

function readElementAt(bytes: Buffer, offset: number): DerElement {
  const tag = bytes[offset];
  if (tag === undefined) throw malformed('it ends where an element should stand');
  if ((tag & 0x1f) === 0x1f) throw malformed('a tag has more than one octet');
  const { length, start } = readLength(bytes, offset + 1);
  if (start + length > bytes.length) throw malformed('an element is longer than what holds it');
  return {
    tag,
    contents: bytes.subarray(start, start + length),
    der: bytes.subarray(offset, start + length),
  };
}

/** Reads the one element that `bytes` are; anything after it is refused. */
export function readElement(bytes: Buffer): DerElement {
  const element = readElementAt(bytes, 0);
  if (element.der.length !== bytes.length) throw malformed('bytes follow after its end');
  return element;
}

/** More than any certificate has names; whoever sends one chooses how many there are. */
const MAX_CHILDREN = 10_000;

/**
 * Reads all elements that stand one after the other in the contents of a constructed element.
 * @throws HoldfastError InvalidField, also where they are more than MAX_CHILDREN
 */
export function children(parent: DerElement): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < parent.contents.length;) {
    if (elements.length === MAX_CHILDREN)
      throw malformed(`an element holds more than ${MAX_CHILDREN} others`);
    const element = readElementAt(parent.contents, offset);
    elements.push(element);
    offset += element.der.length;
  }
  return elements;
}

/** The element itself, if it is there and has this tag. */
export function expectTag(element: DerElement | undefined, tag: number, what: string): DerElement {
  if (element?.tag !== tag) throw malformed(`${what} is missing or of a wrong type`);
  return element;
}

/** An OBJECT IDENTIFIER in dotted form. */
export function readOid(element: DerElement | undefined, what: string): string {
  const { contents } = expectTag(element, TAG.oid, what);
  const last = contents.at(-1);
  if (last === undefined || (last & 0x80) !== 0) throw malformed(`${what} is not a whole object identifier`);
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of contents) {
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if ((octet & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [head = 0n, ...rest] = arcs;
  const root = head < 40n ? 0n : head < 80n ? 1n : 2n;
  return [root, head - root * 40n, ...rest].join('.');
}

/** The octets of a BIT STRING of whole octets. */
export function readBitString(element: DerElement | undefined, what: string): Buffer {
  const { contents } = expectTag(element, TAG.bitString, what);
  if (contents[0] !== 0) throw malformed(`${what} is not a string of whole octets`);
  return contents.subarray(1);
}

/** A UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5, in seconds since the epoch. */
export function readTime(element: DerElement | undefined, what: string): number {
  const text = element?.contents.toString('latin1') ?? '';
  const short = element?.tag === TAG.utcTime && /^\d{12}Z$/.test(text);
  const long = element?.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text);
  if (!short && !long) throw malformed(`${what} is not a time`);
  const full = long ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`;
  const iso = full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const date = new Date(iso);
  // Date rolls 31 February over instead of refusing it.
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso) throw malformed(`${what} is not a time`);
  return date.getTime() / 1000;
}

/** Writes one DER element of less than 16 MiB. */
export function encodeElement(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), lengthOctets(body.length), body]);
}

function lengthOctets(length: number): Buffer {
  const octets = Buffer.from([length >> 16, (length >> 8) & 0xff, length & 0xff]);
  const significant = octets.subarray(length > 0xffff ? 0 : length > 0xff ? 1 : 2);
  return length < 0x80
    ? Buffer.of(length)
    : Buffer.concat([Buffer.of(0x80 | significant.length), significant]);
}

/** Deeper than anything is nested that is read here. */
const MAX_BER_DEPTH = 32;
/** Whoever sends them chooses how many there are. */
const MAX_BER_ELEMENTS = 8192;
const CONSTRUCTED = 0x20;
const INDEFINITE = 0x80;

/** An element of BER: what it holds is a view of the input. */
interface BerElement {
  readonly tag: number;
  readonly contents: Buffer | readonly BerElement[];
  /** Of what it holds, in DER. */
  readonly length: number;
  /** Where it ends in the input. */
  readonly end: number;
}

/**
 * The one element that `bytes` are in BER, of less than 16 MiB, with the lengths that DER demands; values stay as they are.
 * X.690 sections 8.1.3 and 10.1.
 * @returns a buffer of the caller's own; of the values nothing else is copied
 * @throws HoldfastError InvalidField
 */
export function withDefiniteLengths(bytes: Buffer): Buffer {
  const element = readBer(bytes, 0, 0, { elements: MAX_BER_ELEMENTS });
  if (element.end !== bytes.length) throw malformed('bytes follow after its end');
  const pieces: Buffer[] = [];
  collect(element, pieces);
  return Buffer.concat(pieces);
}

function collect({ tag, length, contents }: BerElement, pieces: Buffer[]): void {
  pieces.push(Buffer.of(tag), lengthOctets(length));
  if (Buffer.isBuffer(contents)) pieces.push(contents);
  else for (const each of contents) collect(each, pieces);
}

function readBer(bytes: Buffer, offset: number, depth: number, left: { elements: number }): BerElement {
  const [tag, first] = bytes.subarray(offset, offset + 2);
  if (tag === undefined || first === undefined) throw malformed('it ends inside an element');
  if ((tag & 0x1f) === 0x1f) throw malformed('a tag has more than one octet');
  if (depth > MAX_BER_DEPTH || --left.elements < 0)
    throw malformed('it has too many elements, or layers of them');
  const isConstructed = (tag & CONSTRUCTED) !== 0;
  if (first === INDEFINITE && isConstructed) return readIndefinite(tag, bytes, offset + 2, depth, left);
  const { length, start } = readLength(bytes, offset + 1, 'BER');
  const end = start + length;
  if (end > bytes.length) throw malformed('an element is longer than what holds it');
  const contents = bytes.subarray(start, end);
  if (!isConstructed) return { tag, contents, length, end };
  const elements: BerElement[] = [];
  for (let at = 0; at < length; at = elements.at(-1)?.end ?? length) {
    elements.push(readBer(contents, at, depth + 1, left));
  }
  return { tag, contents: elements, length: lengthOfAll(elements), end };
}

/** Up to the two zero octets that end what has no length. */
function readIndefinite(
  tag: number,
  bytes: Buffer,
  start: number,
  depth: number,
  left: { elements: number },
): BerElement {
  const elements: BerElement[] = [];
  let at = start;
  while (bytes[at] !== 0 || bytes[at + 1] !== 0) {
    const element = readBer(bytes, at, depth + 1, left);
    elements.push(element);
    at = element.end;
  }
  return { tag, contents: elements, length: lengthOfAll(elements), end: at + 2 };
}

function lengthOfAll(elements: readonly BerElement[]): number {
  return elements.reduce((sum, { length }) => sum + 1 + lengthOctets(length).length + length, 0);
}

/** DER of a non-negative INTEGER. */
export function encodeInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const sign = Buffer.alloc((magnitude[0] ?? 0) >= 0x80 ? 1 : 0);
  return encodeElement(TAG.integer, sign, magnitude);
}

/** DER of an OBJECT IDENTIFIER in dotted form (X.690 section 8.19). */
export function encodeOid(oid: string): Buffer {
  const [root = 0n, second = 0n, ...rest] = oid.split('.').map(BigInt);
  // Arcs may be longer than numbers are exact: those of UUIDs (2.25) have 128 bits.
  const octets = [root * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    return groups;
  });
  return encodeElement(TAG.oid, Buffer.from(octets));
}
