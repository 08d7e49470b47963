import { HoldfastError, SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import { RESEALED_TABLES } from '../directory/reseal';
import type { Session } from '../postgres/database';
import type { Walk } from './finding';
import { problemOf } from './objects';

/** The tables whose rows are authenticated one by one. */
export const DIRECTORY_TABLES = RESEALED_TABLES.map(({ table }) => table);

const PRESENT = ['domain_key', ...DIRECTORY_TABLES.map(({ name }) => name)]
  .map((name) => `SELECT id FROM ${name}`)
  .join(' UNION ALL ');
/** Rows that the records say are there, and are not. (NOT IN would be compared one by one once there are many.) */
export const SELECT_GONE = `SELECT row_id, action FROM (
    SELECT DISTINCT ON (row_id) row_id, action FROM audit_record
    WHERE row_id IS NOT NULL ORDER BY row_id, row_revision DESC) AS newest
  WHERE action NOT LIKE '%.remove' AND action NOT LIKE 'ticket.%' AND action <> 'asynchronous-request'
    AND NOT EXISTS (SELECT FROM (${PRESENT}) AS present WHERE present.id = newest.row_id)`;

/** Checks every row that decides access, and that none is gone which the records say is there (tickets and
 * requests that have expired may go). */
export async function verifyDirectory(session: Session, keyring: Keyring, walk: Walk): Promise<void> {
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  for (const table of DIRECTORY_TABLES) {
    const { rows, bad } = await table.check(session, keyring);
    for (const { id, error } of bad) {
      walk.find({ table: table.name, row: id, problem: problemOf(error), severity: 'fault' });
    }
    walk.advance(rows);
  }
  const gone = await session.query<{ row_id: string; action: string }>(SELECT_GONE);
  for (const { row_id: row, action } of gone) {
    const table = action.split('.', 1)[0] ?? '';
    walk.find({ table, row, problem: 'the row is gone, its records are not', severity: 'fault' });
  }
}

/**
 * Opens the keys of every domain: a wrapped key that was changed or exchanged does not open.
 * @throws HoldfastError RootOfTrustUnavailable: that says nothing of what is stored
 */
export async function verifyDomainKeys(session: Session, keyring: Keyring, walk: Walk): Promise<void> {
  const rows = await session.query<{ domain_id: string; count: number; current: number }>(
    `SELECT domain_id, count(*)::int4 AS count, (count(*) FILTER (WHERE status = 'current'))::int4 AS current
      FROM domain_key GROUP BY domain_id`,
  );
  for (const { domain_id: domainId, count, current } of rows) {
    const fault = (problem: string): void => {
      walk.find({ table: 'domain_key', row: '', domainId, problem, severity: 'fault' });
    };
    if (current !== 1) fault(`${current} versions are current`);
    await keyring.ensure(domainId).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'RootOfTrustUnavailable') throw error;
      fault(problemOf(error));
    });
    walk.advance(count);
  }
}
