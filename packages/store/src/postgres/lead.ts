import type { Lead } from '@holdfast/core';
import { Client, type ClientConfig } from 'pg';
import { storeError } from './errors';

/**
 * Becomes the one process of all that does the work of that name; undefined while another one does.
 * @throws HoldfastError StoreUnavailable
 */
export async function takeLead(config: ClientConfig, work: string): Promise<Lead | undefined> {
  const client = new Client(config);
  let isHeld = false;
  client.on('error', () => undefined).on('end', () => (isHeld = false));
  try {
    await client.connect();
    const { rows } = await client.query<{ is_held: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS is_held',
      [work],
    );
    isHeld = rows[0]?.is_held === true;
  } catch (error) {
    throw storeError(error);
  } finally {
    if (!isHeld) await client.end().catch(() => undefined);
  }
  if (!isHeld) return undefined;
  return {
    get isHeld() {
      return isHeld;
    },
    end: () => client.end().catch(() => undefined),
  };
}
