import type { Lead } from '@holdfast/core';
import type { ClientConfig } from 'pg';
import { storeError } from './errors';
import { LeanClient } from './lean-client';
import { answered, probe } from './liveness';
import { SESSION_SETTINGS } from './session-settings';

/**
 * Becomes the one process of all that does the work of that name; undefined while another one does.
 * @throws HoldfastError StoreUnavailable
 */
export async function takeLead(config: ClientConfig, work: string): Promise<Lead | undefined> {
  const client = new LeanClient(config);
  let isHeld = false;
  client.on('error', () => undefined).on('end', () => (isHeld = false));
  try {
    await client.connect();
    await answered(client, SESSION_SETTINGS);
    const { rows } = await answered<{ is_held: boolean }>(
      client,
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
  probe(client);
  return {
    get isHeld() {
      return isHeld;
    },
    end: () => client.end().catch(() => undefined),
  };
}
