import type { ChangeCause, Keyring } from '@holdfast/core';
import type { AuthenticatedColumns, ObjectRow } from '../objects/row';
import { TypeId } from '../postgres/binary';
import { ColumnsWriter } from '../postgres/columns';

/** What stands in change_record before its MAC, in the order over which the MAC is computed. */
export const CHANGE_RECORD_COLUMNS = [
  ['format', TypeId.int2],
  ['domain_id', TypeId.uuid],
  ['unique_identifier', TypeId.text],
  ['revision', TypeId.int4],
  ['internal_id', TypeId.uuid],
  ['generation', TypeId.int4],
  ['recorded_at_us', TypeId.int8],
  ['operation', TypeId.text],
  ['actor_kind', TypeId.text],
  ['actor_id', TypeId.text],
  ['actor_name', TypeId.text],
  ['credential_id', TypeId.text],
  ['peer', TypeId.text],
  ['key_version', TypeId.int4],
] as const;

const FORMAT = 1;

/** The record of a change: `row` is the object's row as it becomes. */
export function encodeChangeRecord(
  keyring: Keyring,
  row: ObjectRow,
  { actor, operation }: ChangeCause,
  recordedAtMs: number,
): AuthenticatedColumns {
  const keyVersion = keyring.currentVersion(row.domainId);
  const writer = new ColumnsWriter(512);
  writer.next().int2Value(FORMAT);
  writer.next().uuidValue(row.domainId);
  writer.next().textValue(row.uniqueIdentifier);
  writer.next().int4Value(row.revision);
  writer.next().uuidValue(row.internalId);
  writer.next().int4Value(row.generation);
  writer.next().int8Value(recordedAtMs * 1000);
  writer.next().textValue(operation);
  writer.next().textValue(actor.kind);
  writer.next().textValue(actor.id);
  writer.next().textValue(actor.name);
  writer.next().textValue(actor.credentialId);
  writer.next().textValue(actor.peer);
  writer.next().int4Value(keyVersion);
  const columns = writer.columns();
  return { columns, mac: keyring.mac(row.domainId, keyVersion, 'change-record', columns.bytes) };
}
