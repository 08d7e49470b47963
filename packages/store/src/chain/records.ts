import { SYSTEM_DOMAIN_ID, type AuditOutcome, type Keyring, type MacPurpose } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';
import { AUDIT_BATCH_COLUMNS, unpackRecords, type PackedEntry } from '../records/audit-batch';
import { AUDIT_RECORD_COLUMNS } from '../records/audit-record';
import { CHANGE_RECORD_COLUMNS } from '../records/change-record';
import { beginWho, storable, writeWhat, type What } from '../records/entry';
import { BinaryWriter, TypeId, type RowReader } from '../postgres/binary';
import { pauses } from '../pauses';
import type { Session } from '../postgres/database';
import type { Statement } from '../postgres/statement';

/** The records of one row. */
interface ReadRow {
  /** Of the transaction that wrote it. */
  readonly number: number;
  /** Taken apart when they are asked for; none where the row is not what was written. */
  readonly entries: () => readonly PackedEntry[];
  readonly domainId: string;
  /** Where it is of audit_batch: its identifier. */
  readonly batchId?: string;
  readonly purpose: MacPurpose;
  readonly keyVersion: number;
  /** What the MAC is over. */
  readonly content: Buffer;
  readonly mac: Buffer;
}

/** A table of records: how its rows are read in their order. */
interface Source {
  readonly statement: Statement;
  readonly purpose: MacPurpose;
  /** Rows that one checkpoint takes, where they are not of one transaction. */
  readonly maximumRows: number;
  readonly read: (
    row: RowReader,
  ) => Pick<ReadRow, 'entries' | 'keyVersion' | 'batchId'> & { readonly domainId?: string };
}

function source(
  table: string,
  purpose: MacPurpose,
  columns: readonly (readonly [name: string, type: number])[],
  order: string,
  maximumRows: number,
  read: Source['read'],
): Source {
  return {
    statement: {
      name: `read_${table}s`,
      parameterTypes: [TypeId.int8, TypeId.int8, TypeId.int8],
      text: `SELECT transaction_number, ${columns.map(([name]) => name).join(', ')}, mac FROM ${table}
        WHERE transaction_number >= $1 AND transaction_number < $2 ORDER BY transaction_number, ${order} LIMIT $3`,
    },
    purpose,
    maximumRows,
    read,
  };
}

function rowFrom(row: RowReader, { purpose, read }: Source): ReadRow {
  const number = row.int8();
  const start = row.offset;
  const { domainId = SYSTEM_DOMAIN_ID, ...known } = read(row);
  const content = row.bytes.subarray(start, row.offset);
  return { number, domainId, purpose, content, mac: row.bytea(), ...known };
}

/** In the order in which the records of one transaction follow each other. The columns are read in that of the MAC. */
const SOURCES: readonly Source[] = [
  source(
    'change_record',
    'change-record',
    CHANGE_RECORD_COLUMNS,
    'domain_id, unique_identifier, revision',
    4000,
    (row) => {
      row.skip(); // format
      const domainId = row.uuid();
      const subjects = [row.text()];
      const revision = row.int4();
      row.skip(); // internal_id
      row.skip(); // generation
      const recordedAtUs = row.int8();
      const action = row.text();
      const who = whoOf(beginWho(row), domainId);
      const what = {
        recordedAtUs,
        action,
        outcome: 'success',
        reason: undefined,
        subjects,
        revision,
      } as const;
      return { domainId, keyVersion: row.int4(), entries: () => [{ who, what: whatBytes(what) }] };
    },
  ),
  source('audit_record', 'audit-record', AUDIT_RECORD_COLUMNS, 'id', 4000, (row) => {
    row.skip(); // format
    row.skip(); // id
    const recordedAtUs = row.int8();
    const begun = beginWho(row);
    const action = row.text();
    const who = whoOf(begun, row.textOrNull());
    const subject = row.textOrNull();
    const outcome = row.text() as AuditOutcome;
    const reason = row.textOrNull();
    const rowId = row.uuidOrNull();
    const revision = row.int4OrNull();
    const subjects = subject === undefined ? [] : [subject];
    const what = { recordedAtUs, action, outcome, reason, subjects, rowId, revision };
    return { keyVersion: row.int4(), entries: () => [{ who, what: whatBytes(what) }] };
  }),
  source('audit_batch', 'audit-batch', AUDIT_BATCH_COLUMNS, 'id', 500, (row) => {
    row.skip(); // format
    const batchId = row.uuid();
    const count = row.int4();
    const content = row.bytea();
    return { batchId, keyVersion: row.int4(), entries: () => unpackedOrNone(content, count) };
  }),
];

function unpackedOrNone(content: Buffer, count: number): readonly PackedEntry[] {
  try {
    return [...unpackRecords(content, count)];
  } catch {
    return [];
  }
}

function whoOf(begun: BinaryWriter, domainId: string | undefined): Buffer {
  begun.shortText(storable(domainId));
  return begun.finish();
}

function whatBytes(what: What): Buffer {
  const writer = new BinaryWriter(192);
  writeWhat(writer, what);
  return writer.finish();
}

/** The tables whose rows the chain links. */
export const RECORD_TABLES = ['change_record', 'audit_record', 'audit_batch'] as const;

/** How long records are worked on before requests get a turn of the event loop. */
export const LONG_TURN_MS = 2;

/** Records in their order, and of each the number of the transaction that wrote it. */
export interface NumberedRecords {
  readonly entries: readonly PackedEntry[];
  readonly numbers: readonly number[];
}

/** The same, and how far they reach. */
export interface RecordRange extends NumberedRecords {
  /** Identifiers of the rows of audit_batch among them. */
  readonly batchIds: readonly string[];
  /** All records of transactions before this number are among them. */
  readonly to: number;
  /** Rows that were left out, since they are not what was written. */
  readonly refused: number;
}

/**
 * The records of the transactions from one number to before another, or the first of them: as many as a checkpoint takes,
 * and always those of whole transactions.
 * @param keyring where given, rows whose MAC is wrong are left out
 */
export async function readRecords(
  session: Session,
  from: number,
  to: number,
  keyring?: Keyring,
): Promise<RecordRange> {
  for (let factor = 1; ; factor *= 8) {
    const { rows, end } = await readRows(session, from, to, factor);
    if (end <= from) continue;
    const complete = rows.filter(({ number }) => number < end);
    // Stable: the rows of one transaction stay in the order of their tables.
    complete.sort((one, other) => one.number - other.number);
    for (const domainId of new Set(complete.map((row) => row.domainId))) await keyring?.ensure(domainId);
    const entries: PackedEntry[] = [];
    const numbers: number[] = [];
    const batchIds: string[] = [];
    let refused = 0;
    const pause = pauses(LONG_TURN_MS);
    for (const row of complete) {
      if (keyring === undefined || isGenuine(row, keyring)) {
        const added = row.entries();
        for (const entry of added) {
          entries.push(entry);
          numbers.push(row.number);
        }
        if (row.batchId !== undefined) batchIds.push(row.batchId);
        const paused = pause();
        if (paused !== undefined) await paused;
      } else refused++;
    }
    return { entries, numbers, batchIds, to: end, refused };
  }
}

/** All records of a range of transactions. */
export async function allRecords(session: Session, from: number, to: number): Promise<NumberedRecords> {
  const entries: PackedEntry[] = [];
  const numbers: number[] = [];
  for (let next = from; next < to;) {
    const range = await readRecords(session, next, to);
    for (const entry of range.entries) entries.push(entry);
    for (const number of range.numbers) numbers.push(number);
    next = range.to;
  }
  return { entries, numbers };
}

async function readRows(
  session: Session,
  from: number,
  to: number,
  factor: number,
): Promise<{ readonly rows: ReadRow[]; readonly end: number }> {
  const rows: ReadRow[] = [];
  let end = to;
  for (const each of SOURCES) {
    const limit = each.maximumRows * factor;
    const before = rows.length;
    await session.run(
      each.statement,
      (writer) => {
        for (const value of [from, to, limit]) writer.int8Value(value);
      },
      (row) => rows.push(rowFrom(row, each)),
    );
    const last = rows.at(-1);
    // There may be more of the last transaction.
    if (rows.length - before === limit && last !== undefined) end = Math.min(end, last.number);
  }
  return { rows, end };
}

function isGenuine(row: ReadRow, keyring: Keyring): boolean {
  const { domainId, keyVersion, purpose, content, mac } = row;
  try {
    return keyring.verifyMac(domainId, keyVersion, purpose, content, mac);
  } catch (error) {
    // A version that was added a moment ago is there at the next attempt.
    if (error instanceof HoldfastError && error.retryable) throw error;
    return false;
  }
}
