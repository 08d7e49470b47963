import { SYSTEM_DOMAIN_ID, type AuditRecord, type Keyring } from '@holdfast/core';
import { BinaryWriter, TypeId } from '../postgres/binary';
import { ColumnsWriter } from '../postgres/columns';
import type { Statement } from '../postgres/statement';
import type { AuthenticatedColumns } from '../objects/row';
import { EntryReader, subjectsOf, writeWhat } from './entry';

/** What stands in audit_batch before its MAC, in the order over which the MAC is computed. */
export const AUDIT_BATCH_COLUMNS = [
  ['format', TypeId.int2],
  ['id', TypeId.uuid],
  ['record_count', TypeId.int4],
  ['content', TypeId.bytea],
  ['key_version', TypeId.int4],
] as const;

const FORMAT = 1;

/** A record that waits to be written, its actor encoded already. */
export interface WaitingRecord {
  readonly record: AuditRecord;
  readonly who: Buffer;
  readonly recordedAtUs: number;
}

/** A record's canonical bytes in their two parts. */
export interface PackedEntry {
  readonly who: Buffer;
  readonly what: Buffer;
}

/**
 * Packs records into one row. Its content: the number of actors (2 bytes), each with its length (2 bytes) before it; then
 * each record: its actor's number (2 bytes), length (4 bytes), and what happened. A record's place in it is its order.
 * @throws HoldfastError RootOfTrustUnavailable where the system domain's keys are not loaded
 */
export function encodeAuditBatch(
  keyring: Keyring,
  id: string,
  records: readonly WaitingRecord[],
): AuthenticatedColumns {
  const keyVersion = keyring.currentVersion(SYSTEM_DOMAIN_ID);
  const content = packRecords(records);
  const writer = new ColumnsWriter(content.length + 64);
  writer.next().int2Value(FORMAT);
  writer.next().uuidValue(id);
  writer.next().int4Value(records.length);
  writer.next().bytesValue(content);
  writer.next().int4Value(keyVersion);
  const columns = writer.columns();
  return { columns, mac: keyring.mac(SYSTEM_DOMAIN_ID, keyVersion, 'audit-batch', columns.bytes) };
}

function packRecords(records: readonly WaitingRecord[]): Buffer {
  const numbers = new Map<Buffer, number>();
  for (const { who } of records) if (!numbers.has(who)) numbers.set(who, numbers.size);
  const writer = new BinaryWriter(128 * (records.length + numbers.size) + 64);
  writer.int16(numbers.size);
  for (const who of numbers.keys()) {
    writer.int16(who.length);
    writer.raw(who);
  }
  for (const { record, who, recordedAtUs } of records) {
    writer.int16(numbers.get(who) ?? 0);
    const start = writer.length;
    writer.int32(0);
    const { action, outcome, reason } = record;
    writeWhat(writer, { recordedAtUs, action, outcome, reason, subjects: subjectsOf(record) });
    writer.int32At(start, writer.length - start - 4);
  }
  return writer.finish();
}

/** The records of a row's content in their order. @throws HoldfastError IntegrityViolation */
export function* unpackRecords(content: Buffer, count: number): Generator<PackedEntry> {
  const reader = new EntryReader(content);
  const actors = Array.from({ length: reader.int16() }, () => reader.take(reader.int16()));
  for (let index = 0; index < count; index++) {
    const who = actors[reader.int16()] ?? Buffer.alloc(0);
    yield { who, what: reader.take(reader.int32()) };
  }
  reader.end();
}

/** The columns of a row, and the first parameters of a statement that adds one. */
export const AUDIT_BATCH_NAMES = [...AUDIT_BATCH_COLUMNS.map(([name]) => name), 'mac'].join(', ');
export const AUDIT_BATCH_VALUES = '$1::int2, $2::uuid, $3::int4, $4::bytea, $5::int4, $6::bytea';

/** Adds a row, and gives 0 where it did; one that is there already stays as it is, so that the statement may be run again. */
export const appendAuditBatch: Statement = {
  name: 'append_audit_batch',
  parameterTypes: [...AUDIT_BATCH_COLUMNS.map(([, type]) => type), TypeId.bytea],
  text: `INSERT INTO audit_batch (${AUDIT_BATCH_NAMES}) VALUES (${AUDIT_BATCH_VALUES})
    ON CONFLICT (id) DO NOTHING RETURNING 0::int4`,
};

/** Adds a row that is no record, to be taken back: of a size that goes into no gap that the records so far have left. */
export const TRIAL_BATCH = `INSERT INTO audit_batch (${AUDIT_BATCH_NAMES})
  VALUES (0, gen_random_uuid(), 0, decode(repeat('00', 1800), 'hex'), 0, '')`;

export function writeAuditBatch(writer: BinaryWriter, { columns, mac }: AuthenticatedColumns): void {
  writer.raw(columns.bytes);
  writer.bytesValue(mac);
}
