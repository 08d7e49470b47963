import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';

export { urlOf } from '@holdfast/testkit';

/** A running server's database, as its administrator sees it. */
export interface Database {
  sql<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  close(): Promise<void>;
}

/** Connects to the embedded PostgreSQL of a data folder. */
export async function openDatabase(dataDir: string): Promise<Database> {
  const folder = join(dataDir, 'postgres');
  return connectTo({
    host: join(folder, 'data'),
    user: 'holdfast',
    database: 'holdfast',
    password: await readFile(join(folder, 'password'), 'utf8'),
  });
}

export async function connectTo(config: ClientConfig): Promise<Database> {
  const client = new Client(config);
  // A server that is killed takes the connection with it; the next statement says so.
  client.on('error', () => undefined);
  await client.connect();
  return {
    sql: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await client.query<Row>(text, [...values])).rows,
    close: () => client.end(),
  };
}

/** The process id of the embedded PostgreSQL's main process. */
export async function postmasterPid(dataDir: string): Promise<number> {
  const [pid] = (await readFile(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n');
  return Number(pid);
}
