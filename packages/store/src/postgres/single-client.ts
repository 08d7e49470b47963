import { Client, type ClientConfig } from 'pg';
import { checkConnectionString } from './connection-string';
import { storeError } from './errors';
import { SESSION_SETTINGS } from './session-settings';

/**
 * Runs `work` on a connection of its own.
 * @throws HoldfastError Configuration for a connection string that is none, StoreUnavailable, and what `work` throws
 */
export async function withClient<T>(
  config: string | ClientConfig,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  if (typeof config === 'string') checkConnectionString(config);
  const client = new Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(SESSION_SETTINGS);
    return await work(client);
  } catch (error) {
    throw storeError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
