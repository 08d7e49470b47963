import { randomBytes } from 'node:crypto';
import type { ClientConfig } from 'pg';
import { withClient } from '../postgres/single-client';

/** A schema of its own in somebody's database: its name is on the search path of all who connect with `connection`. */
export interface ScratchSchema {
  readonly connection: ClientConfig;
  /** Removes it with all that was put there. */
  remove(): Promise<void>;
}

/** @throws HoldfastError Configuration for a URL that is none; StoreUnavailable, also where the user may not make schemas */
export async function createScratchSchema(databaseUrl: string): Promise<ScratchSchema> {
  const name = `holdfast_scratch_${randomBytes(6).toString('hex')}`;
  await withClient(databaseUrl, (client) => client.query(`CREATE SCHEMA ${name}`));
  return {
    connection: { connectionString: databaseUrl, options: `-c search_path=${name}` },
    remove: async () => {
      await withClient(databaseUrl, (client) => client.query(`DROP SCHEMA ${name} CASCADE`));
    },
  };
}
