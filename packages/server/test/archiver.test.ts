import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretBytes } from '@holdfast/core';
import { createKeyring } from '@holdfast/crypto';
import {
  AUDIT_SIGNING_KEY,
  newSigningKey,
  openStore,
  signerOf,
  type ArchiveStatement,
  type Store,
} from '@holdfast/store';
import { TEST_ACTOR, startTestPostgres, type TestPostgres } from '@holdfast/testkit';
import { Archiver } from '../src/audit/archiver';
import { readRetention, writeRetention } from '../src/audit/retention';
import { createLogger } from '../src/log';

/** Retention, with a clock that runs ahead. */

const DAY_SECONDS = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-retention-'));
const signer = signerOf(new SecretBytes(newSigningKey()));
let postgres: TestPostgres;
let store: Store;
let daysAhead = 0;
let limit = Infinity;
let isInCharge = true;
let archiver: Archiver;

beforeAll(async () => {
  const key = randomBytes(32);
  const keyring = createKeyring({
    load: () => Promise.resolve([{ version: 1, key: SecretBytes.copyOf(key), current: true }]),
  });
  postgres = await startTestPostgres();
  const log = createLogger('silent');
  store = await openStore({ connection: await postgres.createStoreDatabase(), keyring, log });
  await store.directory.serverSecret(AUDIT_SIGNING_KEY, () => Promise.resolve(newSigningKey()));
  const clock = { nowSeconds: () => store.clock.nowSeconds() + daysAhead * DAY_SECONDS };
  archiver = new Archiver(
    { ...store, clock },
    signer,
    () => isInCharge,
    () => limit,
    log,
  );
  await writeRetention(store.directory, { days: 30, archiveDir: folder }, TEST_ACTOR);
});
afterAll(async () => {
  await archiver.close();
  await store.close();
  await postgres.stop();
  rmSync(folder, { recursive: true });
});

/** Makes a checkpoint over a new record. */
async function checkpoint(): Promise<number> {
  await store.auditLog.append({ actor: TEST_ACTOR, action: 'test', outcome: 'success' });
  const epoch = (await store.auditChain.claim()) ?? 0;
  await store.auditChain.link(epoch, undefined, signer, true);
  await store.auditChain.release(epoch);
  const newest = await store.auditChain.newest();
  return (JSON.parse(newest?.statement ?? '{}') as { position: number }).position;
}

/** What is archived when it is looked at so many days later. */
async function archivedAfter(days: number): Promise<readonly ArchiveStatement[]> {
  daysAhead = days;
  await archiver.look();
  return archiver.list();
}

test('records are archived once they are older than they are to stay, about once a day', async () => {
  const first = await checkpoint();
  await checkpoint();
  expect(await readRetention(store.directory)).toEqual({ days: 30, archiveDir: folder });
  expect(await archivedAfter(0)).toEqual([]);
  expect(await archivedAfter(30.5)).toEqual([]);
  isInCharge = false;
  expect(await archivedAfter(32)).toEqual([]);
  isInCharge = true;
  const [archive, ...others] = await archivedAfter(32);
  expect(others).toEqual([]);
  expect(archive).toMatchObject({ number: 1, first: 1, last: first });
  expect(readdirSync(folder)).toEqual([archive?.file]);
});

test('what is not forwarded yet stays', async () => {
  limit = await checkpoint();
  await checkpoint();
  await checkpoint();
  const [, second] = await archivedAfter(64);
  expect(second?.last).toBe(limit);
  limit = Infinity;
  expect(await archivedAfter(64)).toHaveLength(3);
});

test('records stay where no time is set', async () => {
  await writeRetention(store.directory, { archiveDir: folder }, TEST_ACTOR);
  await checkpoint();
  await checkpoint();
  expect(await archivedAfter(1000)).toHaveLength(3);
  await expect(writeRetention(store.directory, { days: 1 }, TEST_ACTOR)).rejects.toMatchObject({
    code: 'InvalidField',
  });
  const relative = writeRetention(store.directory, { days: 1, archiveDir: 'here' }, TEST_ACTOR);
  await expect(relative).rejects.toMatchObject({ code: 'InvalidField' });
});
