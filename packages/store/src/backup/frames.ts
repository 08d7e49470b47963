import { HoldfastError } from '@holdfast/ttlv';
import type { StoredDomainKey } from '../domain-keys';
import { piecesOf } from './pieces';

/** What a backup holds, in this order: one `about`, all domain keys, then for each table its description and its rows. */
export type Frame =
  | { readonly kind: 'about'; readonly about: BackupFacts }
  | { readonly kind: 'domain-key'; readonly key: DomainKeyFrame }
  /** A domain key as backups of schema versions up to 5 hold it. */
  | { readonly kind: 'old-domain-key'; readonly key: OldDomainKeyFrame }
  | { readonly kind: 'table'; readonly table: TableFacts }
  /** A piece of PostgreSQL's binary COPY format. */
  | { readonly kind: 'rows'; readonly bytes: Buffer }
  | { readonly kind: 'end' };

export interface BackupFacts {
  readonly createdAt: string;
  /** The schema that the rows are of. */
  readonly schemaVersion: number;
  /** Of the root key that the domain keys were wrapped under. */
  readonly rootCheckValue: string;
  readonly objects: number;
}

export interface TableFacts {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A domain key as such, with its row: the envelope around the backup is what protects it. */
export interface DomainKeyFrame {
  readonly row: Omit<StoredDomainKey, 'wrappings' | 'newestRevision'>;
  readonly key: Buffer;
}

export interface OldDomainKeyFrame {
  readonly domainId: string;
  readonly version: number;
  readonly current: boolean;
  readonly createdAtSeconds: number;
  readonly key: Buffer;
}

const KINDS = ['about', 'old-domain-key', 'table', 'rows', 'end', 'domain-key'] as const;
const HEADER_BYTES = 5;
const UUID_BYTES = 16;
const MAX_FRAME_BYTES = 64 << 20;

/** Kind (1 byte) ‖ length (4) ‖ body. */
export function encodeFrame(frame: Frame): Buffer {
  const body = bodyOf(frame);
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  bytes[0] = KINDS.indexOf(frame.kind);
  bytes.writeUInt32BE(body.length, 1);
  body.copy(bytes, HEADER_BYTES);
  if (frame.kind === 'domain-key') body.fill(0);
  return bytes;
}

function bodyOf(frame: Frame): Buffer {
  switch (frame.kind) {
    case 'about':
      return Buffer.from(JSON.stringify(frame.about));
    case 'table':
      return Buffer.from(JSON.stringify(frame.table));
    case 'rows':
      return frame.bytes;
    case 'end':
      return Buffer.alloc(0);
    case 'domain-key': {
      const { row, key } = frame.key;
      const said = Buffer.from(JSON.stringify({ ...row, mac: row.mac?.toString('hex') }));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(said.length);
      return Buffer.concat([length, said, key]);
    }
    case 'old-domain-key':
      throw new HoldfastError('InternalServerError', 'domain keys are no longer written in this form');
  }
}

/** Takes frames out of a stream. @throws HoldfastError IntegrityViolation where it is none of frames, or ends before `end` */
export async function* decodeFrames(content: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  for await (const frame of piecesOf(content, frameLength, damaged)) {
    const decoded = wholeFrame(frame);
    yield decoded;
    if (decoded.kind === 'end') return;
  }
  throw damaged();
}

function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const length = bytes.readUInt32BE(1);
  if (length > MAX_FRAME_BYTES) throw damaged();
  return HEADER_BYTES + length;
}

/** @throws HoldfastError IntegrityViolation, whatever the bytes are */
function wholeFrame(frame: Buffer): Frame {
  try {
    const decoded = decodeFrame(frame);
    if (decoded.kind === 'about' && !Number.isInteger(decoded.about.schemaVersion)) throw damaged();
    // They stand in statements.
    if (decoded.kind === 'table' && ![decoded.table.name, ...decoded.table.columns].every(isName))
      throw damaged();
    return decoded;
  } catch {
    // What is said of it may quote it.
    throw damaged();
  }
}

function isName(text: unknown): boolean {
  return typeof text === 'string' && /^[a-z0-9_]+$/.test(text);
}

function decodeFrame(frame: Buffer): Frame {
  const kind = KINDS[frame[0] ?? -1];
  const body = frame.subarray(HEADER_BYTES);
  switch (kind) {
    case 'about':
      return { kind, about: JSON.parse(body.toString('utf8')) as BackupFacts };
    case 'table':
      return { kind, table: JSON.parse(body.toString('utf8')) as TableFacts };
    case 'rows':
      return { kind, bytes: Buffer.from(body) };
    case 'end':
      return { kind };
    case 'domain-key': {
      const start = 4 + body.readUInt32BE(0);
      if (start >= body.length) throw damaged();
      const { mac, ...row } = JSON.parse(body.toString('utf8', 4, start)) as Omit<
        DomainKeyFrame['row'],
        'mac'
      > & {
        readonly mac?: string;
      };
      const key = Buffer.from(body.subarray(start));
      return {
        kind,
        key: { row: { ...row, mac: mac === undefined ? undefined : Buffer.from(mac, 'hex') }, key },
      };
    }
    case 'old-domain-key':
      return {
        kind,
        key: {
          domainId: uuidFrom(body.toString('hex', 0, UUID_BYTES)),
          version: body.readUInt32BE(UUID_BYTES),
          current: body[UUID_BYTES + 4] === 1,
          createdAtSeconds: Number(body.readBigInt64BE(UUID_BYTES + 5)),
          key: Buffer.from(body.subarray(UUID_BYTES + 13)),
        },
      };
    default:
      throw damaged();
  }
}

function uuidFrom(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function damaged(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the backup does not hold what a backup holds');
}
