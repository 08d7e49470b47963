import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get } from '@holdfast/core';
import { holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { until } from '../support/until';
import { newKey, outcomeOf } from './site';

/** The whole database is put back to what it was: nothing in it is wrong, but the data folder knows better. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-wound-back-'));
const dataDir = join(folder, 'data');
mkdirSync(dataDir, { mode: 0o700 });
const cluster = join(dataDir, 'postgres');
let server: ServerProcess;

/** With owners and modes: the cluster may belong to another user than the one who runs this. */
const copy = (from: string, to: string): void => {
  execFileSync('cp', ['-a', from, to]);
};
const start = async (): Promise<void> => {
  server = await startServerProcess({ dataDir, logLevel: 'error' });
};
const verify = (...args: readonly string[]) =>
  holdfastResult([...args, 'verify', '--data-dir', dataDir], { HOLDFAST_LOG_LEVEL: 'silent' });

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('holdfast verify finds it, and so do audit verify and the log of the start', async () => {
  await start();
  const client = await connectFirstClient(server);
  const kept = await newKey(client);
  await client.close();
  await server.stop();
  copy(cluster, join(folder, 'before'));

  await start();
  const again = await connectFirstClient(server);
  for (let count = 0; count < 20; count++) await newKey(again);
  await again.close();
  await until(async () => (await verify('audit')).stdout.includes('as they were linked'), 'all is linked');
  expect((await verify()).code).toBe(0);
  await server.stop();

  rmSync(cluster, { recursive: true });
  copy(join(folder, 'before'), cluster);
  await start();
  const back = await connectFirstClient(server);
  expect(await outcomeOf(back.call(get, { uniqueIdentifier: kept }))).toBe('done');
  await back.close();
  await until(() => server.log().includes('cut or wound back'), 'the log tells of it');
  for (const which of [[], ['audit']]) {
    const { code, stdout } = await verify(...which);
    expect([which, code, stdout]).toEqual([which, 1, expect.stringContaining('cut or wound back')]);
  }
});
