import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { locate } from '@holdfast/core';
import { asFirstOfficer, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, postmasterPid } from '../support/database';
import { groupsBelow, killGroups } from '../support/processes';
import { until } from '../support/until';
import { KeyStream, type AcknowledgedKey } from './key-stream';
import { opens, verifyRows, verifyStream, type Faults } from './verify';

/**
 * Nothing that was acknowledged is lost, and nothing half-made is left behind, whatever process is killed while keys and
 * key pairs are being created. HOLDFAST_TEST_CRASHES sets how often each is tried.
 */
const CRASHES = Number(process.env['HOLDFAST_TEST_CRASHES'] ?? 20);
const TIMEOUT_MS = 60_000 + CRASHES * 10_000;
/** A kill comes at a random moment of the stream's first so many milliseconds. */
const MAX_STREAM_MS = 400;

/** First starts that are killed, each at a random moment of its first so many milliseconds. */
const FIRST_STARTS = 8;
const MAX_FIRST_START_MS = 2_000;
const HOLDFAST = resolve(__dirname, '../../packages/cli/bin/holdfast.js');

let dataDir: string;
let faults: Faults;
let known: AcknowledgedKey[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  [faults, known] = [[], []];
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

function start(): Promise<ServerProcess> {
  return startServerProcess({ dataDir, logLevel: 'fatal', ownProcessGroup: true });
}

/**
 * Processes are killed here, not the machine: what they wrote is with the system, and recovery need not begin by syncing
 * every file of the cluster, which takes a second or more each time.
 */
async function recoverQuickly(): Promise<void> {
  if (process.platform !== 'linux') return;
  const settings = join(dataDir, 'postgres', 'data', 'postgresql.conf');
  await appendFile(settings, 'recovery_init_sync_method = syncfs\n');
}

/** A server that nobody waits for. */
function spawnServer(folder: string): ChildProcess {
  return spawn(process.execPath, [HOLDFAST, 'serve', '--data-dir', folder, '--listen', '127.0.0.1:0'], {
    stdio: 'ignore',
    detached: true,
  });
}

/** Whether a connection that comes now is answered. */
async function serves(server: ServerProcess): Promise<boolean> {
  const client = await connectFirstClient(server);
  try {
    await client.call(locate, { maximumItems: 1, attributes: [] });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

/** Checks what the stream left, and that nothing else is there. */
async function verify(server: ServerProcess, stream: KeyStream): Promise<void> {
  const client = await connectFirstClient(server);
  known.push(...(await verifyStream(client, stream, faults)));
  await client.close();
  const database = await openDatabase(dataDir);
  await verifyRows(database, known.length, faults);
  await database.close();
}

/** At the end: every key of all rounds still opens. */
async function verifyAll(server: ServerProcess): Promise<void> {
  const client = await connectFirstClient(server);
  for (const key of known) if (!(await opens(client, key))) faults.push(`${key.name} does not open any more`);
  await client.close();
}

/** Rounds of: start, create keys, kill at a random moment; each round's keys are looked for after the next start. */
async function survives(kill: (server: ServerProcess) => Promise<void>): Promise<void> {
  let before: KeyStream | undefined;
  let acknowledged = 0;
  for (let round = 0; round <= CRASHES; round++) {
    const server = await start();
    if (before === undefined) await recoverQuickly();
    else await verify(server, before);
    if (round === CRASHES) {
      await verifyAll(server);
      await server.stop();
      break;
    }
    const stream = new KeyStream(server, `round-${round}`);
    await until(() => stream.acknowledged.length > 0, 'a key is created');
    await delay(Math.random() * MAX_STREAM_MS);
    const stopped = stream.stop();
    await kill(server);
    await server.exited;
    await stopped;
    acknowledged += stream.acknowledged.length;
    before = stream;
  }
  expect(faults).toEqual([]);
  expect(known.length).toBeGreaterThanOrEqual(acknowledged);
  report(acknowledged);
}

/** The figures, for whoever watches: how many keys were promised, and how many are there. */
function report(acknowledged: number): void {
  process.stderr.write(
    `${expect.getState().currentTestName ?? ''}: ${CRASHES} times, ${acknowledged} keys acknowledged, ${known.length} found\n`,
  );
}

test('the server is killed', () => survives((server) => server.kill()), TIMEOUT_MS);

test(
  'the server and all its processes are killed at once',
  () => survives(async ({ pid }) => killGroups(await groupsBelow(pid))),
  TIMEOUT_MS,
);

test(
  'the main process of PostgreSQL is killed, and the server goes on by itself',
  async () => {
    const server = await start();
    await recoverQuickly();
    let acknowledged = 0;
    for (let round = 0; round < CRASHES; round++) {
      const stream = new KeyStream(server, `round-${round}`);
      await until(() => stream.acknowledged.length > 0, 'a key is created');
      await delay(Math.random() * MAX_STREAM_MS);
      process.kill(await postmasterPid(dataDir), 'SIGKILL');
      const { length: lost } = stream.unanswered;
      await until(() => stream.unanswered.length > lost, 'requests fail');
      // Connections to the database end one by one: some keys may still be acknowledged by what was there before.
      const atFailure = stream.acknowledged.length;
      await until(() => stream.acknowledged.length > atFailure + 8, 'keys are created again');
      await stream.stop();
      await until(() => serves(server), 'new connections are served again');
      await verify(server, stream);
      acknowledged += stream.acknowledged.length;
    }
    await verifyAll(server);
    await server.stop();
    expect(faults).toEqual([]);
    report(acknowledged);
  },
  TIMEOUT_MS,
);

test(
  'a first start that is killed, however often, is taken up by the next',
  async () => {
    for (let round = 0; round < FIRST_STARTS; round++) {
      const starting = spawnServer(dataDir);
      await delay(Math.random() * MAX_FIRST_START_MS);
      killGroups(await groupsBelow(starting.pid ?? 0));
      if (starting.exitCode === null && starting.signalCode === null) await once(starting, 'exit');
    }
    const server = await start();
    const client = await connectFirstClient(server);
    const stream = new KeyStream(server, 'first');
    await until(() => stream.acknowledged.length > 0, 'a key is created');
    await stream.stop();
    expect(await (await asFirstOfficer(server)).call('GET /clients')).toHaveLength(1);
    await client.close();
    await server.stop();
  },
  TIMEOUT_MS,
);
