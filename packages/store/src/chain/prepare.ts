import type { Database } from '../postgres/database';
import { inTransaction } from '../postgres/transaction';

/** Names what numbers transactions: another cluster begins anew. */
const CLUSTER = `(SELECT system_identifier FROM pg_control_system()) || '/' || current_database() || '/' || current_schema()`;

/**
 * Sees to it that the numbers of transactions go on where they ended, also where the database was restored into another
 * cluster. Called before anything is written.
 * @returns position of the newest checkpoint
 * @throws HoldfastError StoreUnavailable
 */
export async function prepareChain(database: Database): Promise<number> {
  return inTransaction(
    (run) => database.general(run),
    async (session) => {
      await session.query('INSERT INTO audit_chain DEFAULT VALUES ON CONFLICT DO NOTHING');
      const [chain] = await session.query<{ known: boolean }>(
        `SELECT cluster = ${CLUSTER} AS known FROM audit_chain FOR UPDATE`,
      );
      const [newest] = await session.query<{ position: string }>(
        'SELECT coalesce(max(position), 0)::text AS position FROM audit_checkpoint',
      );
      const position = Number(newest?.position ?? 0);
      if (chain?.known === true) return position;
      const [row] = await session.query<{ shift: string }>(
        `SELECT greatest(0, 1 - pg_current_xact_id()::text::bigint + (SELECT max(number) FROM (
            SELECT max(transaction_number) AS number FROM change_record
            UNION ALL SELECT max(transaction_number) FROM audit_record
            UNION ALL SELECT max(transaction_number) FROM audit_batch
            UNION ALL SELECT max(to_transaction) FROM audit_checkpoint) AS numbers))::text AS shift`,
      );
      const shift = BigInt(row?.shift ?? 0);
      await session.query(
        `CREATE OR REPLACE FUNCTION record_offset() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT ${shift}::bigint'`,
      );
      await session.query(`UPDATE audit_chain SET cluster = ${CLUSTER}, epoch = epoch + 1`);
      return position;
    },
    // Run again at the next start, it finds what is to be done.
    () => Promise.resolve(false),
  );
}
