import { randomUUID } from 'node:crypto';
import { SYSTEM_DOMAIN_ID, type AuditRecord, type Keyring } from '@holdfast/core';
import type { AuthenticatedColumns } from '../objects/row';
import { TypeId, type BinaryWriter } from '../postgres/binary';
import { ColumnsWriter, arrayTypes, writeColumnArrays } from '../postgres/columns';
import type { Backend, Database } from '../postgres/database';
import { askAfterLoss } from '../postgres/outcome';
import type { Statement } from '../postgres/statement';
import { storable, subjectsOf } from './entry';

/** What stands in audit_record before its MAC, in the order over which the MAC is computed. */
export const AUDIT_RECORD_COLUMNS = [
  ['format', TypeId.int2],
  ['id', TypeId.uuid],
  ['recorded_at_us', TypeId.int8],
  ['actor_kind', TypeId.text],
  ['actor_id', TypeId.text],
  ['actor_name', TypeId.text],
  ['credential_id', TypeId.text],
  ['peer', TypeId.text],
  ['action', TypeId.text],
  ['domain_id', TypeId.text],
  ['subject', TypeId.text],
  ['outcome', TypeId.text],
  ['reason', TypeId.text],
  ['row_id', TypeId.uuid],
  ['row_revision', TypeId.int4],
  ['key_version', TypeId.int4],
] as const;

const FORMAT = 1;

/** A directory row and the revision that it gets by what is recorded. */
export interface RecordedRow {
  readonly rowId: string;
  readonly rowRevision: number;
}

export interface EncodedAuditRecord extends AuthenticatedColumns {
  readonly id: string;
}

/** @throws HoldfastError RootOfTrustUnavailable where the system domain's keys are not loaded */
export function encodeAuditRecord(
  keyring: Keyring,
  record: AuditRecord,
  recordedAtMs: number,
  row?: RecordedRow,
): EncodedAuditRecord {
  const keyVersion = keyring.currentVersion(SYSTEM_DOMAIN_ID);
  const id = randomUUID();
  const writer = new ColumnsWriter(512);
  writer.next().int2Value(FORMAT);
  writer.next().uuidValue(id);
  writer.next().int8Value(recordedAtMs * 1000);
  writer.next().textValue(record.actor.kind);
  writer.next().textValue(storable(record.actor.id));
  writer.next().textValue(storable(record.actor.name));
  writer.next().textValue(storable(record.actor.credentialId));
  writer.next().textValue(storable(record.actor.peer));
  writer.next().textValue(storable(record.action));
  writer.next().textValue(storable(record.domainId));
  writer.next().textValue(storable(subjectsOf(record).join(' ') || undefined));
  writer.next().textValue(record.outcome);
  writer.next().textValue(storable(record.reason));
  writer.next().uuidValue(row?.rowId);
  if (row === undefined) writer.next().null();
  else writer.next().int4Value(row.rowRevision);
  writer.next().int4Value(keyVersion);
  const columns = writer.columns();
  return { id, columns, mac: keyring.mac(SYSTEM_DOMAIN_ID, keyVersion, 'audit-record', columns.bytes) };
}

const NAMES = AUDIT_RECORD_COLUMNS.map(([name]) => name).join(', ');
const TYPES = AUDIT_RECORD_COLUMNS.map(([, type]) => type);
const CASTS = [
  'int2',
  'uuid',
  'int8',
  ...new Array<string>(10).fill('text'),
  'uuid',
  'int4',
  'int4',
  'bytea',
];

/** Adds records, and gives a row for each; one that is there already stays as it is, so that the statement may be run again. */
export const appendAuditRecords: Statement = {
  name: 'append_audit_records',
  parameterTypes: arrayTypes([...TYPES, TypeId.bytea]),
  text: `INSERT INTO audit_record (${NAMES}, mac)
    SELECT * FROM unnest(${CASTS.map((cast, index) => `$${index + 1}::${cast}[]`).join(', ')})
    ON CONFLICT (id) DO NOTHING RETURNING 0::int4`,
};

export function writeAuditRecords(writer: BinaryWriter, records: readonly EncodedAuditRecord[]): void {
  writeColumnArrays(
    writer,
    TYPES,
    records.map(({ columns }) => columns),
  );
  writer.arrayValue(TypeId.byteaArray, records.length, (index) => writer.bytesValue(records[index]?.mac));
}

/** Whether a transaction came through whose connection broke: whether all of its records are there. */
export function areRecorded(database: Database, backend: Backend, ids: readonly string[]): Promise<boolean> {
  return askAfterLoss(database, backend, async (session) => {
    const found = await session.query('SELECT 1 FROM audit_record WHERE id = ANY ($1::uuid[])', [ids]);
    return found.length === ids.length;
  });
}
