import type { Actor, AuditOutcome, AuditRecord } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';
import { BinaryWriter, type RowReader } from '../postgres/binary';

/**
 * The canonical bytes of a record, whatever table it lies in: who, then what. What the audit chain links, and what an
 * export is checked against.
 *
 * who:  format (1 byte), then texts: kind, id, name, credential, peer of the actor, and the domain
 * what: time (8 bytes, microseconds since 1970), outcome (1 byte), texts: action, reason, row; revision (4 bytes, -1 where
 *       there is none), number of subjects (2 bytes), the subjects as texts
 * text: its length (2 bytes, 65,535 where there is none) and UTF-8
 */

/** A record as it was written. */
export interface RecordEntry {
  readonly recordedAtUs: number;
  readonly actor: Actor;
  readonly domainId: string | undefined;
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly reason: string | undefined;
  /** Identifiers of the objects, or of the administered thing. */
  readonly subjects: readonly string[];
  /** The row of the directory that was changed. */
  readonly rowId: string | undefined;
  /** The revision that the object or the row got. */
  readonly revision: number | undefined;
}

const FORMAT = 1;
const NO_TEXT = 0xffff;
const NO_REVISION = -1;
/** In the order of their numbers. */
const OUTCOMES: readonly AuditOutcome[] = ['success', 'failure', 'undone', 'pending'];
const ACTOR_KINDS: ReadonlySet<string> = new Set<Actor['kind']>([
  'client',
  'user',
  'officer',
  'auditor',
  'backup-operator',
  'operator',
  'system',
]);
/** Texts come from peers: what PostgreSQL cannot hold or nobody wants to read is cut. */
const MAX_TEXT_LENGTH = 1024;
const MAX_SUBJECTS = 64;

export function storable<T extends string | undefined>(text: T): T {
  if (text === undefined || !UNUSUAL.test(text)) return text;
  return text.slice(0, MAX_TEXT_LENGTH).replace(/\0|\p{Surrogate}/gu, '\u{fffd}') as T;
}
const UNUSUAL = new RegExp(`^[^]{${MAX_TEXT_LENGTH + 1}}|[\\0\\ud800-\\udfff]`);

/** What a record is about; of a long list its beginning and how many there were. */
export function subjectsOf({ subject }: AuditRecord): readonly string[] {
  if (subject === undefined) return [];
  if (typeof subject === 'string') return [subject];
  if (subject.length <= MAX_SUBJECTS) return subject;
  return [...subject.slice(0, MAX_SUBJECTS - 1), `and ${subject.length - MAX_SUBJECTS + 1} more`];
}

export function encodeWho(actor: Actor, domainId: string | undefined): Buffer {
  const writer = new BinaryWriter(256);
  writer.byte(FORMAT);
  writer.shortText(actor.kind);
  writer.shortText(storable(actor.id));
  writer.shortText(storable(actor.name));
  writer.shortText(storable(actor.credentialId));
  writer.shortText(storable(actor.peer));
  writer.shortText(storable(domainId));
  return writer.finish();
}

/** The columns of an actor in a table of records, in the order of `encodeWho`. */
const ACTOR_COLUMNS = 5;

/** Begins what `encodeWho` gives with the actor that a row names; the domain follows. */
export function beginWho(row: RowReader): BinaryWriter {
  const writer = new BinaryWriter(256);
  writer.byte(FORMAT);
  for (let column = 0; column < ACTOR_COLUMNS; column++) {
    // What PostgreSQL holds is storable, unless it is too long.
    if (row.nextLength() <= MAX_TEXT_LENGTH) writer.shortTextFrom(row);
    else writer.shortText(storable(row.text()));
  }
  return writer;
}

export type What = Pick<RecordEntry, 'recordedAtUs' | 'action' | 'outcome' | 'reason' | 'subjects'> &
  Partial<Pick<RecordEntry, 'rowId' | 'revision'>>;

export function writeWhat(writer: BinaryWriter, what: What): void {
  const { recordedAtUs, subjects } = what;
  writer.int32(Math.floor(recordedAtUs / 0x1_0000_0000));
  writer.int32(recordedAtUs);
  writer.byte(OUTCOMES.indexOf(what.outcome));
  writer.shortText(storable(what.action));
  writer.shortText(storable(what.reason));
  writer.shortText(what.rowId);
  writer.int32(what.revision ?? NO_REVISION);
  writer.int16(subjects.length);
  for (const subject of subjects) writer.shortText(storable(subject));
}

/** @returns who ‖ what */
export function encodeEntry(entry: RecordEntry): Buffer {
  const writer = new BinaryWriter(512);
  writer.raw(encodeWho(entry.actor, entry.domainId));
  writeWhat(writer, entry);
  return writer.finish();
}

/** @throws HoldfastError IntegrityViolation */
export function decodeEntry(who: Buffer, what: Buffer): RecordEntry {
  const reader = new EntryReader(who);
  if (reader.byte() !== FORMAT) throw unreadable();
  const kind = reader.text() ?? '';
  if (!ACTOR_KINDS.has(kind)) throw unreadable();
  const actor: Actor = {
    kind: kind as Actor['kind'],
    id: reader.text() ?? '',
    name: reader.text() ?? '',
    credentialId: reader.text(),
    peer: reader.text(),
  };
  const domainId = reader.text();
  reader.end();
  return { actor, domainId, ...decodeWhat(new EntryReader(what)) };
}

function decodeWhat(reader: EntryReader): Omit<RecordEntry, 'actor' | 'domainId'> {
  const recordedAtUs = reader.int32() * 0x1_0000_0000 + (reader.int32() >>> 0);
  const outcome = OUTCOMES[reader.byte()];
  if (outcome === undefined) throw unreadable();
  const action = reader.text() ?? '';
  const reason = reader.text();
  const rowId = reader.text();
  const revision = reader.int32();
  const subjects = Array.from({ length: reader.int16() }, () => reader.text() ?? '');
  reader.end();
  return {
    recordedAtUs,
    action,
    outcome,
    reason,
    subjects,
    rowId,
    revision: revision === NO_REVISION ? undefined : revision,
  };
}

function unreadable(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the record is not what was written');
}

/** Reads what was written above; whatever the bytes, it stays within them. */
export class EntryReader {
  #offset = 0;

  constructor(private readonly bytes: Buffer) {}

  byte(): number {
    return this.take(1)[0] as number;
  }

  int16(): number {
    return this.take(2).readUInt16BE();
  }

  int32(): number {
    return this.take(4).readInt32BE();
  }

  text(): string | undefined {
    const length = this.int16();
    return length === NO_TEXT ? undefined : this.take(length).toString('utf8');
  }

  take(length: number): Buffer {
    const start = this.#offset;
    this.#offset += length;
    if (this.#offset > this.bytes.length) throw unreadable();
    return this.bytes.subarray(start, this.#offset);
  }

  end(): void {
    if (this.#offset !== this.bytes.length) throw unreadable();
  }
}
