import { HoldfastError, type Domain, type StoredObject } from '@holdfast/core';
import { STORAGE_DIALECT, vocabularyOf } from '@holdfast/kmip';
import { encodeValue, piecesOf } from '@holdfast/store';
import { decodeTtlv, encodeJson } from '@holdfast/ttlv';

/** An object as it lies in an escrow package, beside its attributes and its value. */
export interface RecordHead {
  readonly domain: string;
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  readonly ownerId: string;
  readonly generation: number;
  readonly revision: number;
}

export interface EscrowRecord {
  readonly head: RecordHead;
  /** Canonical bytes of the attributes: TTLV, see AttributeSet. */
  readonly attributes: Buffer;
  /** TTLV of the managed object; secret. */
  readonly value: Buffer;
}

const LENGTH_BYTES = 4;
const MAX_RECORD_BYTES = 64 << 20;

/** Length (4) ‖ head (JSON) ‖ length (4) ‖ attributes ‖ length (4) ‖ value. */
export function encodeRecord(
  { domain, domainId, uniqueIdentifier, ownerId, generation, revision }: RecordHead,
  attributes: Buffer,
  value: Buffer,
): Buffer {
  const head = Buffer.from(
    JSON.stringify({ domain, domainId, uniqueIdentifier, ownerId, generation, revision }),
  );
  return Buffer.concat([head, attributes, value].flatMap((part) => [lengthOf(part), part]));
}

/** The record of an object; secret, the caller's to zero. */
export function recordOf({ id, name }: Domain, stored: StoredObject): Buffer {
  const { uniqueIdentifier, ownerId, generation, revision, attributes } = stored;
  const value = encodeValue(stored.openValue());
  try {
    const head = { domain: name, domainId: id, uniqueIdentifier, ownerId, generation, revision };
    return encodeRecord(head, attributes.toBytes(), value.reveal());
  } finally {
    value.destroy();
  }
}

/** Undoes `encodeRecord`; the parts are views. @throws HoldfastError IntegrityViolation */
export function decodeRecord(bytes: Buffer): EscrowRecord {
  const parts: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const start = offset + LENGTH_BYTES;
    if (start > bytes.length) throw damaged();
    offset = start + bytes.readUInt32BE(offset);
    if (offset > bytes.length) throw damaged();
    parts.push(bytes.subarray(start, offset));
  }
  const [head, attributes, value] = parts;
  if (head === undefined || attributes === undefined || value === undefined || parts.length !== 3)
    throw damaged();
  try {
    return { head: JSON.parse(head.toString('utf8')) as RecordHead, attributes, value };
  } catch (cause) {
    throw damaged(cause);
  }
}

/** A record with its attributes and its value in the JSON encoding of KMIP: in clear. @throws HoldfastError IntegrityViolation */
export function clearTextOf(record: Buffer): string {
  const { head, attributes, value } = decodeRecord(record);
  const [described, object] = [attributes, value].map(
    (bytes) => JSON.parse(encodeJson(decodeTtlv(bytes), vocabularyOf(STORAGE_DIALECT))) as unknown,
  );
  return JSON.stringify({ ...head, attributes: described, object });
}

/** A record as it stands in a stream of them: its length before it. */
export function framed(record: Buffer): Buffer {
  return Buffer.concat([lengthOf(record), record]);
}

/** Takes the records out of a stream; each is zeroed when the next one is asked for. @throws HoldfastError IntegrityViolation */
export async function* recordsOf(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of piecesOf(content, framedLength, damaged)) yield piece.subarray(LENGTH_BYTES);
}

function framedLength(bytes: Buffer): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = bytes.readUInt32BE();
  if (length > MAX_RECORD_BYTES) throw damaged();
  return LENGTH_BYTES + length;
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.length);
  return length;
}

function damaged(cause?: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the package does not hold what an escrow package holds', {
    cause,
  });
}
