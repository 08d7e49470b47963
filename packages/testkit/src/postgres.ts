import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { layCluster } from './cluster';

/** Databases for tests, each of its own. */
export interface TestPostgres {
  /** Makes an empty database. */
  createDatabase(): Promise<ClientConfig>;
  /** Makes one for a store, with its tables where there is one to copy: for what is not about making them. */
  createStoreDatabase(): Promise<ClientConfig>;
  stop(): Promise<void>;
}

/**
 * A PostgreSQL server for the tests of one file: the one that HOLDFAST_TEST_DATABASE_URL names (its role may create
 * databases), else a throwaway cluster of the embedded binaries.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  const url = process.env['HOLDFAST_TEST_DATABASE_URL'];
  if (url !== undefined) return databasesOf({ connectionString: url });
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  await layCluster(dataDir);
  const { startEmbeddedPostgres } = await import('@holdfast/store');
  const server = await startEmbeddedPostgres({ dataDir, log: () => undefined });
  const { database, ...connection } = server.connection;
  return {
    // The database of a fresh cluster is copied, so nobody is to be connected to it.
    ...databasesOf({ ...connection, database: 'postgres' }, database),
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** @param original a database of a store that nobody uses */
function databasesOf(server: ClientConfig, original?: string): TestPostgres {
  const made: string[] = [];
  const run = async (text: string): Promise<void> => {
    const client = new Client(server);
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  const create = async (template = ''): Promise<ClientConfig> => {
    const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
    await run(`CREATE DATABASE ${name} ${template}`);
    made.push(name);
    const { connectionString } = server;
    if (connectionString === undefined) return { ...server, database: name };
    const url = new URL(connectionString);
    url.pathname = `/${name}`;
    return { connectionString: url.href };
  };
  return {
    createDatabase: () => create(),
    createStoreDatabase: () => create(original === undefined ? '' : `TEMPLATE ${original}`),
    async stop() {
      for (const name of made) await run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** The connection string of a database that is reached through a Unix socket. */
export function urlOf({ host = '', user = '', password, database = '' }: ClientConfig): string {
  const url = new URL('postgresql://localhost');
  url.username = user;
  url.password = typeof password === 'string' ? password : '';
  url.pathname = database;
  url.searchParams.set('host', host);
  return url.href;
}
