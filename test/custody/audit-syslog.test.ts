import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import type { StatusAnswer } from '@holdfast/server/admin';
import { asFirstOfficer, holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { SyslogReceiver } from '../support/syslog';
import { until } from '../support/until';
import { named, newKey } from './site';

/** The log is forwarded to a receiver that comes and goes: every record and checkpoint arrives, in order. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
const dataDir = join(folder, 'data');
mkdirSync(dataDir, { mode: 0o700 });
let receiver: SyslogReceiver;
let server: ServerProcess;
let client: KmipClient;
let key: string;

const start = async (): Promise<void> => {
  server = await startServerProcess({ dataDir, logLevel: 'fatal', arguments: receiver.arguments });
  client = await connectFirstClient(server);
};

beforeAll(async () => {
  receiver = await SyslogReceiver.start();
  await start();
  key = await newKey(client, named('key'));
});
afterAll(async () => {
  await client.close();
  await server.stop();
  await receiver.stop();
  rmSync(folder, { recursive: true });
});

const MESSAGE = /^<(\d+)>1 (\S+) \S+ holdfast \d+ (record|checkpoint) - (.*)$/s;
const CEF_POSITION = /\bcn1=(\d+) /;

/** Positions of the records that came from a message on. */
function positions(from = 0): readonly number[] {
  return receiver.messages
    .slice(from)
    .flatMap((message) => CEF_POSITION.exec(message)?.[1] ?? [])
    .map(Number);
}

async function syslog(): Promise<NonNullable<StatusAnswer['syslog']>> {
  const { syslog: answer } = await (await asFirstOfficer(server)).call('GET /status');
  if (answer === undefined) throw new Error('the status tells nothing of syslog');
  return answer;
}

async function read(times: number): Promise<void> {
  for (let time = 0; time < times; time++) await client.call(get, { uniqueIdentifier: key });
}

/** Until all that was recorded so far has been received. */
async function received(): Promise<void> {
  const officer = await asFirstOfficer(server);
  const [last] = await officer.call('POST /audit/search', { limit: 1 });
  await until(() => Math.max(0, ...positions()) >= (last?.position ?? 0), 'the last record was received');
}

/** Nothing is missing, and each connection has its records in their order. */
function expectAll(): void {
  const all = positions();
  const last = Math.max(...all);
  expect([...new Set(all)].sort((one, other) => one - other)).toEqual(
    Array.from({ length: last }, (_, index) => index + 1),
  );
  for (const [index, from] of receiver.connections.entries()) {
    const own = positions(from).slice(
      0,
      positions(from).length - positions(receiver.connections[index + 1] ?? Infinity).length,
    );
    expect(own).toEqual(own.map((_, offset) => (own[0] ?? 0) + offset));
  }
}

test('records come as RFC 5424 in CEF, as an export has them, and checkpoints behind theirs', async () => {
  await read(5);
  await received();
  expectAll();
  const out = join(folder, 'log.cef');
  const exported = ['audit', 'export', '--format', 'cef', '--out', out, '--data-dir', dataDir];
  expect((await holdfastResult(exported)).code).toBe(0);
  const lines = readFileSync(out, 'utf8').split('\n');
  const matches = receiver.messages.map((message) => MESSAGE.exec(message) ?? []);
  const texts = matches.map(([, , , , text]) => text);
  // Behind the header of the export.
  expect(texts).toEqual(lines.slice(1, texts.length + 1));
  for (const [, priority, time, kind] of matches) {
    expect([kind, Number(priority) >> 3, Number.isNaN(Date.parse(time ?? ''))]).toEqual([kind, 13, false]);
  }
  expect(matches.filter(([, , , kind]) => kind === 'checkpoint').length).toBeGreaterThan(0);
  await until(async () => (await syslog()).behind === 0, 'nothing is behind');
  expect(await syslog()).toMatchObject({ state: 'connected' });
  const shown = await holdfastResult(['status', '--data-dir', dataDir]);
  expect(shown.stdout).toMatch(/Syslog +127\.0\.0\.1:\d+, connected: sent up to record \d+, \d+ behind/);
});

test('while the receiver is away everything is served, and it gets what it missed', async () => {
  await receiver.kill();
  await read(20);
  await until(async () => {
    const { state, behind } = await syslog();
    return state === 'disconnected' && behind >= 20;
  }, 'the status tells how much is behind');
  expect(await syslog()).toMatchObject({ problem: expect.any(String) as string });
  await receiver.listen();
  await read(5);
  await received();
  expectAll();
});

test('a node that was killed goes on where it was', async () => {
  const before = receiver.connections.length;
  await read(10);
  await received();
  await until(async () => {
    const database = await openDatabase(dataDir);
    const [row] = await database.sql<{ value: string }>(
      `SELECT value FROM setting WHERE name LIKE 'audit-mark:%'`,
    );
    await database.close();
    return row?.value.includes(`position\\":${(await syslog()).forwarded}`) === true;
  }, 'what was sent counts as received');
  const last = Math.max(...positions());
  await read(10);
  await client.close();
  await server.kill();
  await start();
  await read(3);
  await received();
  expectAll();
  const from = receiver.connections[before];
  expect(positions(from)[0]).toBeGreaterThan(1);
  expect(positions(from)[0]).toBeLessThanOrEqual(last + 1);
});

test('a receiver that is added later gets what is not archived, with the links that it has', async () => {
  const archives = join(folder, 'archives');
  for (const args of [
    ['retention', 'set', '--archive-dir', archives],
    ['archive', '--before', '2999-01-01'],
  ]) {
    expect((await holdfastResult(['audit', ...args, '--data-dir', dataDir])).code).toBe(0);
  }
  expect(readdirSync(archives).length).toBeGreaterThan(0);
  await client.close();
  await server.stop();
  await receiver.stop();
  const [, before] = receiver.arguments;
  receiver = await SyslogReceiver.start();
  await start();
  const shown = await holdfastResult(['audit', 'retention', 'show', '--data-dir', dataDir]);
  expect(shown.stderr).toContain(`does not forward to ${before ?? ''}:`);
  await read(2);
  await received();
  const out = join(folder, 'later.cef');
  const exported = ['audit', 'export', '--format', 'cef', '--out', out, '--data-dir', dataDir];
  expect((await holdfastResult(exported)).code).toBe(0);
  const lines = readFileSync(out, 'utf8').split('\n');
  const texts = receiver.messages.map((message) => MESSAGE.exec(message)?.[4]);
  expect(positions()[0]).toBeGreaterThan(1);
  expect(texts).toEqual(lines.slice(1, texts.length + 1));
});

test('a log that was cut is found by a checkpoint that the receiver has', async () => {
  await received();
  const since = join(folder, 'received.log');
  writeFileSync(since, `${receiver.messages.join('\n')}\n`);
  const verify = (...options: readonly string[]) =>
    holdfastResult(['audit', 'verify', ...options, '--data-dir', dataDir]);
  const good = await verify('--since', since);
  expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('as they were linked') as string]);
  const forged = join(folder, 'forged.log');
  writeFileSync(forged, receiver.messages.join('\n').replaceAll('\\"position\\":', '\\"position\\":1'));
  expect((await verify('--since', forged)).stderr).toContain('not signed with the key of this log');
  const database = await openDatabase(dataDir);
  const last = '(SELECT max(position) FROM audit_checkpoint)';
  await database.sql(`UPDATE audit_chain SET leased_until = 'infinity', epoch = epoch + 1`);
  const [newest] = await database.sql<{ position: string }>(`SELECT ${last} AS position`);
  const kept = join(dataDir, 'audit', 'checkpoints.jsonl');
  await until(
    () => readFileSync(kept, 'utf8').includes(`\\"position\\":${newest?.position ?? ''},`),
    'what was linked last is in the data folder',
  );
  const statements = Array.from(
    { length: 3 },
    () => `DELETE FROM audit_batch WHERE transaction_number >= (SELECT from_transaction FROM audit_checkpoint WHERE position = ${last});
      DELETE FROM audit_checkpoint WHERE position = ${last};`,
  );
  await database.sql(`BEGIN; ${statements.join('')} COMMIT`);
  await database.close();
  rmSync(kept);
  expect((await verify()).code).toBe(0);
  expect(existsSync(join(dataDir, 'audit', 'checkpoints.1.jsonl'))).toBe(false);
  const cut = await verify('--since', since);
  expect([cut.code, cut.stdout]).toEqual([1, expect.stringContaining('cut or wound back') as string]);
});
