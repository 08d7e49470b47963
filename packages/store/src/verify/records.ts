import { SYSTEM_DOMAIN_ID, type Keyring, type MacPurpose } from '@holdfast/core';
import { CHANGE_RECORD_COLUMNS } from '../records/change-record';
import { AUDIT_BATCH_COLUMNS } from '../records/audit-batch';
import { AUDIT_RECORD_COLUMNS } from '../records/audit-record';
import { RowReader, TypeId } from '../postgres/binary';
import type { Session } from '../postgres/database';
import { PAGE_ROWS, type Walk } from './finding';
import { problemOf } from './objects';

/** A table of MACed records, whose columns stand in the order over which the MAC is computed. */
interface RecordTable {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: number])[];
  /** What orders the table: columns that are unique together. */
  readonly key: readonly string[];
  readonly keyCasts: readonly string[];
  readonly purpose: MacPurpose;
  /** Where a row names the domain whose key made its MAC. */
  readonly hasDomain: boolean;
}

export const CHANGE_RECORDS: RecordTable = {
  name: 'change_record',
  columns: CHANGE_RECORD_COLUMNS,
  key: ['domain_id', 'unique_identifier', 'revision'],
  keyCasts: ['uuid', 'text', 'int4'],
  purpose: 'change-record',
  hasDomain: true,
};

export const AUDIT_RECORDS: RecordTable = {
  name: 'audit_record',
  columns: AUDIT_RECORD_COLUMNS,
  key: ['id'],
  keyCasts: ['uuid'],
  purpose: 'audit-record',
  hasDomain: false,
};

export const AUDIT_BATCHES: RecordTable = {
  ...AUDIT_RECORDS,
  name: 'audit_batch',
  columns: AUDIT_BATCH_COLUMNS,
  purpose: 'audit-batch',
};

interface ReadRecord {
  readonly key: readonly string[];
  readonly content: Buffer;
  readonly keyVersion: number;
  readonly mac: Buffer;
}

/** Walks a table of records and checks each MAC. */
export async function verifyRecords(
  session: Session,
  keyring: Keyring,
  table: RecordTable,
  walk: Walk,
): Promise<void> {
  let after: readonly string[] | undefined;
  do {
    const page: readonly ReadRecord[] = await readPage(session, table, after);
    for (const record of page) await verifyRecord(keyring, table, record, walk);
    walk.advance(page.length);
    after = page.length < PAGE_ROWS ? undefined : page.at(-1)?.key;
  } while (after !== undefined);
}

async function readPage(
  session: Session,
  { name, columns, key, keyCasts }: RecordTable,
  after: readonly string[] = [],
): Promise<readonly ReadRecord[]> {
  const page: ReadRecord[] = [];
  const ordered = key.map((column) => `r.${column}`).join(', ');
  const parameters = keyCasts.map((cast, index) => `$${index + 1}::text::${cast}`).join(', ');
  const condition = after.length === 0 ? '' : `WHERE (${ordered}) > (${parameters})`;
  await session.run(
    {
      name: '',
      parameterTypes: after.map(() => TypeId.text),
      text: `SELECT ${key.map((column) => `r.${column}::text`).join(', ')},
          ${columns.map(([column]) => `r.${column}`).join(', ')}, r.mac
        FROM ${name} AS r ${condition} ORDER BY ${ordered} LIMIT ${PAGE_ROWS}`,
    },
    (writer) => {
      for (const text of after) writer.textValue(text);
    },
    (row) => {
      const keyTexts = key.map(() => row.text());
      page.push({ key: keyTexts, ...recordFrom(row, columns) });
    },
  );
  return page;
}

function recordFrom(row: RowReader, columns: RecordTable['columns']): Omit<ReadRecord, 'key'> {
  const start = row.offset;
  let keyVersion = 0;
  for (const [column] of columns) {
    if (column === 'key_version') keyVersion = row.int4();
    else row.skip();
  }
  const content = row.bytes.subarray(start, row.offset);
  return { content, keyVersion, mac: row.bytea() };
}

async function verifyRecord(
  keyring: Keyring,
  { name, purpose, hasDomain }: RecordTable,
  { key, content, keyVersion, mac }: ReadRecord,
  walk: Walk,
): Promise<void> {
  const domainId = (hasDomain ? key[0] : undefined) ?? SYSTEM_DOMAIN_ID;
  const fault = (problem: string): void => {
    walk.find({
      table: name,
      row: key.slice(hasDomain ? 1 : 0).join(' '),
      domainId,
      problem,
      severity: 'fault',
    });
  };
  try {
    await keyring.ensure(domainId);
    if (!keyring.verifyMac(domainId, keyVersion, purpose, content, mac))
      fault('the record is not what was written');
  } catch (error) {
    fault(problemOf(error));
  }
}

/** Rows of one table that lead to none of another. */
interface Orphans {
  readonly table: string;
  readonly problem: string;
  /** Selects `domain_id` and `row`. */
  readonly text: string;
}

const ORPHANS: readonly Orphans[] = [
  {
    table: 'object',
    problem: 'the object is gone, its change records are not',
    text: `SELECT DISTINCT c.domain_id, c.unique_identifier AS row FROM change_record AS c
      WHERE NOT EXISTS (SELECT FROM object AS o
        WHERE o.domain_id = c.domain_id AND o.unique_identifier = c.unique_identifier)`,
  },
  {
    table: 'object_projection',
    problem: 'the projection is of no object',
    text: `SELECT p.domain_id, p.unique_identifier AS row FROM object_projection AS p
      WHERE NOT EXISTS (SELECT FROM object AS o WHERE o.domain_id = p.domain_id
        AND o.unique_identifier = p.unique_identifier AND o.internal_id = p.internal_id)`,
  },
  {
    table: 'object_name',
    problem: 'a name is listed for no object',
    text: `SELECT n.domain_id, n.unique_identifier AS row FROM object_name AS n
      WHERE NOT EXISTS (SELECT FROM object AS o
        WHERE o.domain_id = n.domain_id AND o.unique_identifier = n.unique_identifier)`,
  },
];

/** Finds what is left over of rows that are gone. */
export async function verifyReferences(session: Session, walk: Walk): Promise<void> {
  for (const { table, problem, text } of ORPHANS) {
    for (const { domain_id: domainId, row } of await session.query<{ domain_id: string; row: string }>(
      text,
    )) {
      walk.find({ table, row, domainId, problem, severity: 'fault' });
    }
  }
}
