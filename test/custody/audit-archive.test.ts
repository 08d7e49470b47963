import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAttribute, destroy, get } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import type { ArchiveAnswer } from '@holdfast/server/admin';
import {
  asFirstOfficer,
  holdfastResult,
  startServerProcess,
  type CommandResult,
  type ServerProcess,
} from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { verified } from '../support/verified';
import { columnsOf, named, newKey, otherValues, whileTampered } from './site';

/** Old records move to sealed files; what is left, and the files, are found to be whole or not. */

const FUTURE = '2999-01-01';
const folder = mkdtempSync(join(tmpdir(), 'holdfast-archive-'));
const dataDir = join(folder, 'data');
mkdirSync(dataDir, { mode: 0o700 });
const archives = join(folder, 'archives');
let server: ServerProcess;
let database: Database;
let client: KmipClient;
let changed: string;
let untouched: string;
let destroyed: string;

const audit = (...args: readonly string[]): Promise<CommandResult> =>
  holdfastResult(['audit', ...args, '--data-dir', dataDir]);

async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await audit(...args);
  expect({ code, stderr, stdout: code === 0 ? '' : stdout }).toEqual({ code: 0, stderr: '', stdout: '' });
  return stdout;
}

async function start(): Promise<void> {
  server = await startServerProcess({ dataDir, logLevel: 'fatal' });
  client = await connectFirstClient(server);
  database = await openDatabase(dataDir);
}

const comment = (uniqueIdentifier: string, value: string) =>
  client.call(addAttribute, { uniqueIdentifier, newAttribute: named(value) });

async function count(what: string): Promise<number> {
  const [row] = await database.sql<{ count: string }>(`SELECT count(*) AS count FROM ${what}`);
  return Number(row?.count);
}

/** A checkpoint over all records of before, and one more, which stays. */
async function checkpoints(): Promise<void> {
  for (let made = 0; made < 2; made++) {
    await client.call(get, { uniqueIdentifier: untouched });
    await until(async () => (await unlinked()) === 0, 'all records are linked');
  }
}

async function unlinked(): Promise<number> {
  const last = '(SELECT max(to_transaction) FROM audit_checkpoint)';
  let rows = 0;
  for (const table of ['change_record', 'audit_record', 'audit_batch']) {
    rows += await count(`${table} WHERE transaction_number >= ${last}`);
  }
  return rows;
}

const list = async (): Promise<readonly ArchiveAnswer[]> =>
  JSON.parse(await done('archives', '--json')) as readonly ArchiveAnswer[];

/** Faults that the whole store has, by `holdfast verify` and `audit verify`. */
async function faults(): Promise<readonly string[]> {
  const { findings } = await verified(await asFirstOfficer(server));
  return findings.map(({ table, problem }) => `${table}: ${problem}`);
}

beforeAll(async () => {
  await start();
  changed = await newKey(client, named('changed often'));
  untouched = await newKey(client, named('untouched'));
  destroyed = await newKey(client, named('destroyed'));
  await comment(changed, 'first');
  await client.call(destroy, { uniqueIdentifier: destroyed });
  const officer = await asFirstOfficer(server);
  await officer.call('POST /clients', { name: 'short-lived', credential: {} });
  await officer.call('POST /clients/:name/revoke', {}, { name: 'short-lived' });
  await client.call(get, { uniqueIdentifier: untouched });
  await checkpoints();
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('without a folder nothing is archived', async () => {
  const refused = await audit('archive', '--before', FUTURE);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('name a folder first') as string,
  ]);
  expect(await done('retention', 'show')).toContain('until they are archived by hand');
  expect((await audit('retention', 'set', '--days', '0', '--archive-dir', archives)).code).toBe(2);
});

test.each([
  ['that no one can make', '/proc/none/archives'],
  ['that is a file', __filename],
])('a folder %s is refused at once', async (_what, path) => {
  const refused = await audit('retention', 'set', '--archive-dir', path);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(path) as string]);
  expect(await done('retention', 'show')).toContain('until they are archived by hand');
});

describe('once old records are archived', () => {
  let before: readonly number[];
  /** How many changes there are records of, and which batch of other records is the oldest. */
  const recorded = async (): Promise<readonly number[]> => {
    const [row] = await database.sql<{ changes: string; batch: string }>(
      `SELECT (SELECT count(*) FROM change_record) AS changes, (SELECT min(transaction_number) FROM audit_batch) AS batch`,
    );
    return [Number(row?.changes), Number(row?.batch)];
  };

  beforeAll(async () => {
    expect(await done('retention', 'set', '--archive-dir', archives)).toContain(archives);
    before = await recorded();
    expect(await done('archive', '--before', '2001-01-01')).toContain('No record is so old');
    expect(await done('archive', '--before', FUTURE)).toContain('holdfast-audit-');
  });

  test('what guards rows is left, and the log that goes on is whole', async () => {
    const perObject = `change_record WHERE unique_identifier IN ('${changed}', '${untouched}', '${destroyed}')`;
    expect(await count(perObject)).toBe(3);
    const [changes, batch] = await recorded();
    expect(changes).toBeLessThan(before[0] ?? 0);
    expect(batch).toBeGreaterThan(before[1] ?? Infinity);
    expect(await faults()).toEqual([]);
    expect(await done('verify')).toContain('as they were linked');
  });

  test('objects, clients and officers are used and changed as before', async () => {
    await client.call(get, { uniqueIdentifier: changed });
    await comment(changed, 'second');
    await client.call(get, { uniqueIdentifier: changed });
    const officer = await asFirstOfficer(server);
    await officer.call('POST /clients', { name: 'later', credential: {} });
    expect(await faults()).toEqual([]);
    expect(await done('search', '--operation', 'audit.archive', '--json')).toContain('holdfast-audit-');
  });

  test('the file shows nothing, opens to the server, and is checked by the public key', async () => {
    const [archive] = await list();
    const path = join(archives, archive?.file ?? '');
    const bytes = readFileSync(path);
    for (const text of [changed, 'first-client', 'Create', 'actor']) expect(bytes.includes(text)).toBe(false);
    expect(await done('verify', path)).toContain(`GENUINE: ${archive?.last} records, 1 to ${archive?.last}`);
    // Where links were made meanwhile, there are several.
    const paths = (await list()).map(({ file }) => join(archives, file));
    const old = paths.map((_, index) => join(folder, `old-${index}.jsonl`));
    const [live, pem] = [join(folder, 'live.jsonl'), join(folder, 'audit.pem')];
    await done('public-key', '--out', pem);
    for (const [index, each] of paths.entries())
      await done('export', '--archive', each, '--out', old[index] ?? '');
    expect(await done('search', '--operation', 'audit.export', '--json')).toContain('audit.export');
    const [out = ''] = old;
    expect(readFileSync(out, 'utf8')).toContain(changed);
    const found = await done('search', path, '--object', destroyed, '--operation', 'Destroy', '--json');
    expect(JSON.parse(found)).toMatchObject({ objects: [destroyed], outcome: 'success' });
    // An export is searched anywhere.
    const anywhere = await holdfastResult(['audit', 'search', out, '--object', destroyed]);
    expect([anywhere.code, anywhere.stdout]).toEqual([0, expect.stringContaining('Destroy')]);
    expect((await holdfastResult(['audit', 'search', pem])).stderr).toContain(
      'neither an archive nor an export',
    );
    await done('export', '--out', live);
    const verify = (...files: readonly string[]) =>
      holdfastResult(['audit', 'verify', ...files, '--public-key', pem]);
    expect(await verify(...old, live)).toMatchObject({ code: 0 });
    const swapped = await verify(live, ...old);
    expect([swapped.code, swapped.stdout]).toEqual([1, expect.stringContaining('does not go on') as string]);
    expect((await audit('verify', ...paths, live, '--public-key', pem)).code).toBe(0);
    for (const key of [[], ['--public-key', pem]]) {
      const elsewhere = await holdfastResult(['audit', 'verify', path, ...key, '--data-dir', archives]);
      const instead = expect.stringContaining(`holdfast audit export --archive ${path}`) as string;
      expect(elsewhere).toMatchObject({ code: 3, stdout: '', stderr: instead });
    }
  });

  test('an altered file, or one that was cut, is refused', async () => {
    const [archive] = await list();
    const bytes = readFileSync(join(archives, archive?.file ?? ''));
    const path = join(folder, 'altered');
    const altered = Buffer.from(bytes);
    altered[altered.length - 100]! ^= 1;
    for (const content of [altered, bytes.subarray(0, -1), bytes.subarray(0, 100)]) {
      writeFileSync(path, content);
      const { code, stderr } = await audit('verify', path);
      expect([code, stderr]).toEqual([1, expect.stringContaining('damaged') as string]);
    }
    writeFileSync(path, 'no archive');
    expect((await audit('export', '--archive', path, '--out', join(folder, 'none'))).stderr).toContain(
      'none that Holdfast sealed',
    );
  });

  test('more archives follow; what guards nothing any more goes, too', async () => {
    await comment(changed, 'third');
    await checkpoints();
    await done('archive', '--before', FUTURE);
    await checkpoints();
    await done('archive', '--before', FUTURE);
    const made = await list();
    // None of them is of nothing but that something was archived.
    expect(made).toHaveLength(3);
    expect(made.map(({ file }) => file).sort()).toEqual(readdirSync(archives).sort());
    for (const [index, { first }] of made.entries()) expect(first).toBe((made[index - 1]?.last ?? 0) + 1);
    expect(await count(`change_record WHERE unique_identifier = '${changed}'`)).toBe(1);
    const paths = made.map(({ file }) => join(archives, file));
    await done('verify', ...paths);
    expect((await audit('verify', ...paths.toReversed())).code).toBe(1);
    expect(await faults()).toEqual([]);
  });
});

test('files open also after the keys of all domains were replaced', async () => {
  const rotated = await holdfastResult(['domain-key', 'rotate', '--all', '--data-dir', dataDir]);
  expect(rotated.code).toBe(0);
  await done('verify', ...(await list()).map(({ file }) => join(archives, file)));
  expect(await faults()).toEqual([]);
});

test('an object that is wound back to a state from before is found, although its later records are archived', async () => {
  const victim = await newKey(client, named('victim'));
  const of = `WHERE unique_identifier = '${victim}'`;
  await database.sql(`CREATE TEMP TABLE old_object AS SELECT * FROM object ${of};
    CREATE TEMP TABLE old_record AS SELECT * FROM change_record ${of}`);
  await comment(victim, 'later');
  await checkpoints();
  await done('archive', '--before', FUTURE);
  await database.sql(`CREATE TEMP TABLE new_object AS SELECT * FROM object ${of};
    CREATE TEMP TABLE new_record AS SELECT * FROM change_record ${of}`);
  const put = (age: string) =>
    database.sql(`DELETE FROM object ${of}; DELETE FROM change_record ${of};
      INSERT INTO object SELECT * FROM ${age}_object; INSERT INTO change_record SELECT * FROM ${age}_record`);
  await put('old');
  expect(await faults()).toContainEqual(expect.stringContaining('records of before that stayed'));
  await checkpoints();
  const refused = await audit('archive', '--before', FUTURE);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('not genuine') as string]);
  await put('new');
  expect(await faults()).toEqual([]);
});

test('any change of what was signed of archives is found', async () => {
  const missed: string[] = [];
  const one = 'number = 2';
  const changes = [
    ...(await columnsOf(database, 'audit_archive')).flatMap((column) =>
      otherValues(column)
        .map((value) => (column.name === 'number' ? `${value} + 1000` : value))
        .map((value) => `UPDATE audit_archive SET ${column.name} = ${value} WHERE ${one}`),
    ),
    `DELETE FROM audit_archive WHERE ${one}`,
    'DELETE FROM audit_archive',
    'DELETE FROM audit_archive WHERE number = (SELECT max(number) FROM audit_archive)',
    `INSERT INTO audit_archive SELECT 1000, statement, signature FROM audit_archive WHERE ${one}`,
  ];
  for (const change of changes) {
    await whileTampered(database, 'audit_archive', change, async () => {
      if ((await faults()).length === 0) missed.push(change);
    });
  }
  expect(missed).toEqual([]);
  expect(await faults()).toEqual([]);
});

test('a node that ends between the file and the rows leaves both, and the next attempt tidies', async () => {
  await checkpoints();
  const [made, rows] = [(await list()).length, await count('audit_batch')];
  await database.sql('BEGIN; LOCK TABLE audit_archive IN SHARE MODE');
  const attempt = audit('archive', '--before', FUTURE);
  await until(
    () => readdirSync(archives).filter((name) => name.endsWith('.sealed')).length > made,
    'the file is there',
  );
  await client.close();
  await server.kill();
  expect((await attempt).code).not.toBe(0);
  await database.close().catch(() => undefined);
  await start();
  expect((await list()).length).toBe(made);
  expect(await count('audit_batch')).toBeGreaterThanOrEqual(rows);
  writeFileSync(join(archives, `${readdirSync(archives)[0] ?? ''}.part`), 'half of a file');
  await checkpoints();
  await done('archive', '--before', FUTURE);
  expect((await list()).map(({ file }) => file).sort()).toEqual(readdirSync(archives).sort());
  await done('verify', ...(await list()).map(({ file }) => join(archives, file)));
  expect(await faults()).toEqual([]);
});
