import { link, readFile, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { get } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { AdminClient } from '@holdfast/server/admin';
import { holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { named, newKey, outcomeOf } from './site';

/** A serving node links its records, and does not go on for long where that is not possible. */

let server: ServerProcess;
let database: Database;
let client: KmipClient;

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'error', arguments: ['--audit-grace', '15'] });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
});

async function linked(): Promise<number> {
  const [row] = await database.sql<{ position: string }>(
    'SELECT coalesce(max(position), 0) AS position FROM audit_checkpoint',
  );
  return Number(row?.position);
}

async function records(): Promise<number> {
  const [row] = await database.sql<{ count: string }>(
    `SELECT (SELECT count(*) FROM change_record) + (SELECT count(*) FROM audit_record)
      + (SELECT sum(record_count) FROM audit_batch) AS count`,
  );
  return Number(row?.count);
}

/** Position of the newest checkpoint in the data folder. */
async function kept(): Promise<number> {
  const text = await readFile(join(server.dataDir, 'audit', 'checkpoints.jsonl'), 'utf8');
  const { checkpoint } = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { checkpoint: string };
  return (JSON.parse(checkpoint) as { position: number }).position;
}

test('whatever is recorded is linked soon, and the checkpoint is in the data folder', async () => {
  const key = await newKey(client, named('key'));
  for (let reads = 0; reads < 5; reads++) await client.call(get, { uniqueIdentifier: key });
  await until(async () => (await linked()) === (await records()), 'every record is linked');
  await until(async () => (await kept()) === (await linked()), 'the newest checkpoint is in the data folder');
});

test('checkpoints that the data folder does not take are told of, and the newest is there once it does', async () => {
  const file = join(server.dataDir, 'audit', 'checkpoints.jsonl');
  const warning = async () => (await new AdminClient(server.dataDir).call('GET /status')).warning;
  expect(await warning()).toBeUndefined();
  // Each in one step: checkpoints are written all the time.
  await link(file, `${file}.away`);
  await symlink(join(server.dataDir, 'absent', 'file'), `${file}.nowhere`);
  await rename(`${file}.nowhere`, file);
  await newKey(client, named('unkept'));
  await until(async () => (await warning())?.includes('cannot be kept') === true, 'status tells');
  await until(async () => (await linked()) === (await records()), 'every record is linked all the same');
  await rename(`${file}.away`, file);
  await until(async () => (await kept()) === (await linked()), 'the newest checkpoint is in the data folder');
  await until(async () => (await warning()) === undefined, 'status tells nothing');
});

const APART_AT_MOST_MS = 1000;
const LOAD_MS = 3000;

/** Times of the checkpoints, as an export of the log has them, that were signed while clients read without pause. */
async function checkpointsUnderLoad(key: string): Promise<readonly number[]> {
  const clients = await Promise.all(Array.from({ length: 4 }, () => connectFirstClient(server)));
  const from = Date.now();
  const reading = clients.map(async (each) => {
    while (Date.now() < from + LOAD_MS) await each.call(get, { uniqueIdentifier: key });
    await each.close();
  });
  await Promise.all(reading);
  const options = ['audit', 'export', '--out', '-', '--data-dir', server.dataDir];
  const { stdout } = await holdfastResult(options);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{"checkpoint"'))
    .map((line) => JSON.parse(line) as { readonly checkpoint: string })
    .map(({ checkpoint }) => JSON.parse(checkpoint) as { readonly time: string })
    .map(({ time }) => Date.parse(time))
    .filter((timeMs) => timeMs >= from && timeMs < from + LOAD_MS);
}

test('under load, checkpoints are at most a second apart', async () => {
  const key = await newKey(client, named('loaded'));
  // A machine that has other things to do as well may stand still for a while: then once more.
  await until(async () => {
    const times = await checkpointsUnderLoad(key);
    const apartMs = times.slice(1).map((timeMs, index) => timeMs - (times[index] ?? 0));
    return times.length > 2 && Math.max(...apartMs) <= APART_AT_MOST_MS;
  }, 'they are no further apart');
});

test('while nothing is signed, requests are served for the time of grace alone', async () => {
  const key = await newKey(client, named('another'));
  // Another node has the place, and has not been heard of for longer than the time of grace.
  await database.sql(
    `UPDATE audit_chain SET epoch = epoch + 1, leased_until = 'infinity', confirmed_at = now() - interval '16 s'`,
  );
  const outcome = (): Promise<string> => outcomeOf(client.call(get, { uniqueIdentifier: key }));
  await until(async () => (await outcome()) === 'GeneralFailure', 'nothing is served');
  // Which is no error of this one.
  expect(server.log()).not.toContain('another sequencer');
  await database.sql(`UPDATE audit_chain SET leased_until = '-infinity'`);
  await until(async () => (await outcome()) === 'done', 'everything is served again');
  await until(async () => (await linked()) === (await records()), 'every record is linked');
});

test('a record that is taken away before it is linked is told of: by status, log and verification', async () => {
  const key = await newKey(client, named('unrecorded'));
  // The first one changes the object (Fresh), and goes with a record of the change.
  await client.call(get, { uniqueIdentifier: key });
  await database.sql(`CREATE FUNCTION drop_record() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN DELETE FROM audit_batch WHERE id = NEW.id; RETURN NULL; END $$`);
  await database.sql(
    'CREATE TRIGGER drop_record AFTER INSERT ON audit_batch FOR EACH ROW EXECUTE FUNCTION drop_record()',
  );
  await client.call(get, { uniqueIdentifier: key });
  await database.sql('DROP FUNCTION drop_record CASCADE');
  const status = () => new AdminClient(server.dataDir).call('GET /status');
  await until(async () => (await status()).warning?.includes('were acknowledged') === true, 'status tells');
  await until(
    () => server.log().includes('records that were acknowledged are not in the audit log'),
    'the log',
  );
  await until(async () => (await linked()) === (await records()), 'what tells of it is linked');
  const { code, stdout } = await holdfastResult(['audit', 'verify', '--data-dir', server.dataDir]);
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining('taken away before they were linked: 1 rows of'),
  ]);
});
