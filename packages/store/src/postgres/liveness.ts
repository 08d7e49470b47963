import type { QueryResult } from 'pg';
import type { LeanClient } from './lean-client';

/** A network can lose a connection without a word: it is asked so often whether it is still there, and has so long to answer. */
const PROBE_INTERVAL_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;

/**
 * Runs a statement that has its answer at once where anybody is there.
 * @throws what pg throws, also where there is no answer in time: the connection is then at its end
 */
export async function answered<Row extends object>(
  client: LeanClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<QueryResult<Row>> {
  const late = setTimeout(() => client.abort(), PROBE_TIMEOUT_MS);
  try {
    return await client.query<Row>(text, [...values]);
  } catch (error) {
    client.abort();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/**
 * Asks a connection that nobody else uses whether it is still there, until it ends ('end'): which it does where it does not
 * answer.
 * @param statement may be run again and again
 */
export function probe(client: LeanClient, statement = 'SELECT 1'): void {
  let isAsked = false;
  const timer = setInterval(() => {
    if (isAsked) return;
    isAsked = true;
    answered(client, statement)
      .catch(() => undefined)
      .finally(() => (isAsked = false));
  }, PROBE_INTERVAL_MS).unref();
  client.on('end', () => clearInterval(timer));
}
