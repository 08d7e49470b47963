import { decodeEntry, unpackRecords, type RecordEntry } from '@holdfast/store';
import type { Database } from './database';

/** The records of what changed no row, in the order in which they were written. */
export async function batchedRecords(database: Database): Promise<readonly RecordEntry[]> {
  const rows = await database.sql<{ content: Buffer; record_count: number }>(
    'SELECT content, record_count FROM audit_batch ORDER BY transaction_number',
  );
  return rows
    .flatMap(({ content, record_count: count }) => [...unpackRecords(content, count)])
    .map(({ who, what }) => decodeEntry(who, what));
}
