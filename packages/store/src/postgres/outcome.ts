import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/ttlv';
import type { Backend, Database, Session } from './database';

const DEADLINE_MS = 10_000;
const PAUSE_MS = 100;
/**
 * A commit of its own, that changes nothing and returns once it is as durable as any: what was committed before it is then so
 * too. A process that is ended while its commit waits for a standby makes that visible, though no standby may have it; and
 * what a standby shows itself, to which this is refused, says nothing.
 */
const SETTLE = `WITH refused_where_read_only AS (DELETE FROM setting WHERE false)
  SELECT pg_logical_emit_message(true, 'holdfast', '')`;

/**
 * Answers a question about what a broken connection may have committed: ends the server process that served it, waits
 * until it is gone (after that nothing of it can still happen) and what it left is durable, and asks.
 * @throws HoldfastError StoreUnavailable with outcomeKnown = false where that cannot be done in time, or before the database is closed
 */
export async function askAfterLoss<T>(
  database: Database,
  backend: Backend,
  ask: (session: Session) => Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  // Of a clock that is never set.
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const answer = await database.general(async (session) => {
        if (!(await isGone(session, backend))) return undefined;
        await session.query(SETTLE);
        return { is: await ask(session) };
      });
      if (answer !== undefined) return answer.is;
    } catch (error) {
      cause = error;
    }
    await delay(PAUSE_MS);
  } while (performance.now() < deadline && !database.isClosed);
  throw new HoldfastError('StoreUnavailable', 'the key store was lost while a change was being written', {
    cause,
    outcomeKnown: false,
  });
}

async function isGone(session: Session, { processId, startedAt }: Backend): Promise<boolean> {
  const rows = await session.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid = $1 AND backend_start = $2::timestamptz`,
    [processId, startedAt],
  );
  return rows.length === 0;
}
