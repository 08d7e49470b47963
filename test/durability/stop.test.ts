import { mkdtemp, rename, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  holdfast,
  startServerProcess,
  type ServerProcess,
  type ServerProcessOptions,
} from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, postmasterPid } from '../support/database';
import { ON_DISK } from '../support/disk';
import { until } from '../support/until';
import { KeyStream } from './key-stream';
import { verifyRows, verifyStream, type Faults } from './verify';

/** What a server is asked to do when it is told to stop is done and answered, or was never begun. */

let dataDir: string;
let servers: ServerProcess[];
beforeEach(async () => {
  dataDir = await mkdtemp(ON_DISK);
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.kill();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(options: ServerProcessOptions): Promise<ServerProcess> {
  const server = await startServerProcess({ ...options, dataDir });
  servers.push(server);
  return server;
}

const STOPPING: readonly (readonly [string, (pid: number) => unknown])[] = [
  ['SIGTERM, as from a service manager', (pid) => process.kill(pid, 'SIGTERM')],
  ['SIGINT to its process group, as from Ctrl-C', (pid) => process.kill(-pid, 'SIGINT')],
  ['holdfast drain', () => holdfast('drain', '--data-dir', dataDir)],
];

test.each(STOPPING)('%s, under load', async (name, stop) => {
  const server = await start({ logLevel: 'error', ownProcessGroup: true });
  const stream = new KeyStream(server, 'stopped');
  await until(() => stream.acknowledged.length > 20, 'keys are created');
  await delay(Math.random() * 50);
  const asked = stream.stop();
  await stop(server.pid);
  expect(await server.exited).toBe(0);
  await asked;
  expect(server.log()).toBe('');

  const again = await start({});
  const search = ['audit', 'search', '--operation', 'POST /drain', '--data-dir', dataDir];
  expect((await holdfast(...search)).includes('POST /drain')).toBe(name === 'holdfast drain');
  const faults: Faults = [];
  const client = await connectFirstClient(again);
  const there = await verifyStream(client, stream, faults);
  await client.close();
  const database = await openDatabase(dataDir);
  await verifyRows(database, there.length, faults);
  await database.close();
  await again.stop();
  expect(faults).toEqual([]);
  // Nothing was done without being answered.
  expect(there.length).toBe(stream.acknowledged.length);
});

test('SIGTERM while the embedded database cannot be started again', async () => {
  const server = await start({ logLevel: 'error' });
  const elsewhere = `${dataDir}-elsewhere`;
  const postmaster = await postmasterPid(dataDir);
  await rename(dataDir, elsewhere);
  process.kill(postmaster, 'SIGKILL');
  await until(() => server.log().includes('cannot be started'), 'the database fails to start');
  process.kill(server.pid, 'SIGTERM');
  expect(await server.exited).toBe(0);
  await rename(elsewhere, dataDir);
});
