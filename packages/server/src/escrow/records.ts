import { HoldfastError } from '@holdfast/core';

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

/** A record as it stands in a stream of them: its length before it. */
export function framed(record: Buffer): Buffer {
  return Buffer.concat([lengthOf(record), record]);
}

/** Takes the records out of a stream; each is zeroed when the next one is asked for. @throws HoldfastError IntegrityViolation */
export async function* recordsOf(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const part of content) {
    const joined = Buffer.concat([pending, part]);
    pending.fill(0);
    part.fill(0);
    pending = joined;
    for (;;) {
      if (pending.length < LENGTH_BYTES) break;
      const end = LENGTH_BYTES + pending.readUInt32BE();
      if (end > LENGTH_BYTES + MAX_RECORD_BYTES) throw damaged();
      if (pending.length < end) break;
      const record = pending.subarray(LENGTH_BYTES, end);
      try {
        yield record;
      } finally {
        record.fill(0);
      }
      pending = pending.subarray(end);
    }
  }
  if (pending.length > 0) throw damaged();
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
