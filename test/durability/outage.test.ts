import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KmipRefusal } from '@holdfast/client';
import { locate } from '@holdfast/core';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@holdfast/store';
import { holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { connectTo, urlOf } from '../support/database';
import { ON_DISK } from '../support/disk';
import { until } from '../support/until';
import { KeyStream } from './key-stream';
import { verifyRows, verifyStream, type Faults } from './verify';

/** An external database that stops and comes back. */

/** Longer than any answer may take while the database is away; those of a client would be minutes. */
const ANSWER_MS = 30_000;

let folder: string;
let server: ServerProcess | undefined;
let postgres: EmbeddedPostgres | undefined;
beforeEach(async () => {
  folder = await mkdtemp(ON_DISK);
});
afterEach(async () => {
  await server?.kill();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const startDatabase = () => startEmbeddedPostgres({ dataDir: folder, log: () => undefined });

/** What a request on a connection of its own gets. */
async function ask(server: ServerProcess): Promise<'answer' | 'refusal'> {
  const client = await connectFirstClient(server);
  try {
    await client.call(locate, { attributes: [] });
    return 'answer';
  } catch (error) {
    if (error instanceof KmipRefusal) return 'refusal';
    throw error;
  } finally {
    await client.close();
  }
}

test('requests are refused while the database is away, and answered once it is back', async () => {
  postgres = await startDatabase();
  const { connection } = postgres;
  const started = (server = await startServerProcess({
    dataDir: join(folder, 'node'),
    logLevel: 'error',
    arguments: ['--database-url', urlOf(connection)],
  }));
  const stream = new KeyStream(started, 'outage');
  await until(() => stream.acknowledged.length > 20, 'keys are created');

  await postgres.stop();
  await until(() => stream.refusals.length > 5, 'requests are refused', ANSWER_MS);
  expect(await ask(started)).toBe('refusal');
  const { length: lost } = stream.acknowledged;
  // The operator learns what the client does not.
  expect(started.log()).toContain('StoreUnavailable');
  expect(stream.refusals.map(({ message }) => message).join()).not.toMatch(/sql|postgres|socket|database/i);
  const status = ['status', '--data-dir', started.dataDir];
  const away = await holdfastResult(status);
  expect([away.code, away.stdout]).toEqual([1, expect.stringContaining('refusing')]);
  expect(away.stdout).toContain('the database does not answer');
  const unable = await holdfastResult(['client', 'list', '--data-dir', started.dataDir]);
  expect([unable.code, unable.stderr]).toEqual([3, expect.stringContaining('once it is back')]);
  expect(unable.stderr).not.toContain(connection.host);

  postgres = await startDatabase();
  const back = await holdfastResult([...status, '--wait', '60']);
  expect([back.code, back.stdout]).toEqual([0, expect.stringContaining('serving since')]);
  await until(() => stream.acknowledged.length > lost + 20, 'keys are created again');
  await stream.stop();
  await until(async () => (await ask(started)) === 'answer', 'requests are answered');

  const faults: Faults = [];
  const client = await connectFirstClient(started);
  const there = await verifyStream(client, stream, faults);
  await client.close();
  const database = await connectTo(connection);
  await verifyRows(database, there.length, faults);
  expect(faults).toEqual([]);

  // A disk on which records find no room, though the sequencer has nothing to add.
  await database.sql(
    `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON audit_batch EXECUTE FUNCTION full_disk()`,
  );
  expect(await ask(started)).toBe('refusal');
  const full = await holdfastResult(status);
  expect([full.code, full.stdout]).toEqual([1, expect.stringContaining('refusing')]);
  expect(full.stdout).toContain('the disk of its PostgreSQL is full');
  await database.sql('DROP TRIGGER full_disk ON audit_batch');
  expect((await holdfastResult(status)).stdout).toContain('serving since');

  const name = connection.database;
  await database.sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await database.sql(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await database.close();
  const readOnly = await holdfastResult(status);
  expect([readOnly.code, readOnly.stdout]).toEqual([1, expect.stringContaining('takes no changes')]);
  // A node is stopped all the same, though that cannot be recorded.
  const drained = await holdfastResult(['drain', '--data-dir', started.dataDir]);
  expect([drained.code, drained.stderr, await started.exited]).toEqual([0, '', 0]);
});
