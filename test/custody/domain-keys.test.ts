import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { addAttribute, destroy, get, getAttributes, modifyAttribute } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import type { AdminClient, DomainKeyAnswer } from '@holdfast/server/admin';
import { asFirstOfficer, holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { until } from '../support/until';
import { verified } from '../support/verified';
import { named, newKey } from './site';

/** Domain keys are rotated while clients read and write, and a rotation goes on where a killed server left it. */

const OBJECTS = 300;
const CONNECTIONS = 4;
/** What a connection makes at most, then it changes and reads: all that there is is rotated and looked through again later. */
const MOST_MADE = 200;
/** Between two turns of a connection: somebody asks at every moment, and what is tested has processors, too. */
const PAUSE_MS = 10;

let dataDir: string;
let server: ServerProcess;
let client: KmipClient;
let officer: AdminClient;
const identifiers: string[] = [];
let before: ReadonlyMap<string, unknown>;

async function start(): Promise<void> {
  server = await startServerProcess({ dataDir, logLevel: 'fatal', arguments: ['--workers', '2'] });
  client = await connectFirstClient(server);
  officer = await asFirstOfficer(server);
}

/** What a client sees of each object: its value and all attributes. */
async function seen(): Promise<ReadonlyMap<string, unknown>> {
  const objects = new Map<string, unknown>();
  for (const uniqueIdentifier of identifiers) {
    const value = await client.call(get, { uniqueIdentifier });
    objects.set(uniqueIdentifier, [
      value.object,
      (await client.call(getAttributes, { uniqueIdentifier, attributeReferences: [] })).attributes,
    ]);
  }
  return objects;
}

async function versionsOf(domain: string): Promise<readonly DomainKeyAnswer[]> {
  return (await officer.call('GET /domain-keys')).filter((each) => each.domain === domain);
}

async function stateOf(version: number): Promise<string | undefined> {
  return (await versionsOf('default')).find((each) => each.version === version)?.state;
}

async function faults(): Promise<readonly unknown[]> {
  return (await verified(officer)).findings;
}

/** Reads, changes and makes objects until it is told to stop. @returns what it was refused, and how much it did */
function load(): { stop(): Promise<{ readonly refused: readonly unknown[]; readonly calls: number }> } {
  let goesOn = true;
  let calls = 0;
  const refused: unknown[] = [];
  const work = Array.from({ length: CONNECTIONS }, async () => {
    const connection = await connectFirstClient(server);
    let mine = '';
    for (let turn = 0; goesOn; turn++) {
      try {
        const newAttribute = { key: 'Comment', value: `turn ${turn}` } as const;
        if (turn < MOST_MADE) {
          mine = await newKey(connection, named(randomUUID()));
          await connection.call(addAttribute, { uniqueIdentifier: mine, newAttribute });
        } else await connection.call(modifyAttribute, { uniqueIdentifier: mine, newAttribute });
        await connection.call(get, { uniqueIdentifier: mine });
        await connection.call(get, { uniqueIdentifier: identifiers[turn % OBJECTS] });
        calls += 4;
      } catch (error) {
        refused.push(error);
      }
      await delay(PAUSE_MS);
    }
    await connection.close();
  });
  return {
    async stop() {
      goesOn = false;
      await Promise.all(work);
      return { refused, calls };
    },
  };
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  await start();
  for (let index = 0; index < OBJECTS; index++) identifiers.push(await newKey(client, named(`key-${index}`)));
  before = await seen();
});
afterAll(async () => {
  await client.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Makes objects and destroys them: copies of the database may hold their values, and what opens them. */
async function destroyed(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await client.call(destroy, { uniqueIdentifier: await newKey(client) });
  }
}

test('a domain key is rotated while clients read and write, and none of them sees it', async () => {
  await destroyed(3);
  const clients = load();
  const { code, stdout } = await holdfastResult([
    'domain-key',
    'rotate',
    ...['--domain', 'default', '--data-dir', dataDir],
  ]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/default +2 +current/)]);
  await until(async () => (await stateOf(1)) === 'retired', 'the first version is retired');
  const { refused, calls } = await clients.stop();
  expect(refused).toEqual([]);
  expect(calls).toBeGreaterThan(0);
  const [first, second] = await versionsOf('default');
  expect(first).toMatchObject({ version: 1, objects: 0, requests: 0, destroyed: 3 });
  expect(second).toMatchObject({ version: 2, state: 'current', destroyed: 0 });
  await destroyed(2);
  expect((await versionsOf('default'))[1]).toMatchObject({ destroyed: 2 });
  const status = (await holdfastResult(['domain-key', 'status', '--data-dir', dataDir])).stdout;
  const column = (line: string | undefined): number => (line ?? '').split(/ {2,}/).indexOf('Destroyed');
  const [heading, ...lines] = status.split('\n');
  const counts = lines
    .filter((line) => line.startsWith('default'))
    .map((line) => line.split(/ {2,}/)[column(heading)]);
  expect(counts).toEqual(['3', '2']);
  expect(second?.objects).toBeGreaterThan(OBJECTS);
  expect(await seen()).toEqual(before);
  expect(await faults()).toEqual([]);
});

test('a server that is killed goes on with it when it starts again', async () => {
  const database = await openDatabase(dataDir);
  await database.sql('BEGIN');
  await database.sql('SELECT FROM object WHERE unique_identifier = $1 FOR UPDATE', [
    [...identifiers].sort().at(-1),
  ]);
  await officer.call('POST /domain-keys/rotate', { domain: 'default' });
  await until(
    async () => ((await versionsOf('default'))[2]?.objects ?? 0) > 0,
    'the first objects are through',
  );
  expect(await stateOf(2)).toBe('resealing');
  await client.close();
  await server.kill();
  await database.close();
  await start();
  await until(async () => (await stateOf(2)) === 'retired', 'the rotation is finished');
  expect(await seen()).toEqual(before);
  expect(await faults()).toEqual([]);
});

test('all keys are rotated at once, that of the system too', async () => {
  await officer.call('POST /users', { name: 'somebody', password: 'battery staple' });
  const clients = load();
  await officer.call('POST /domain-keys/rotate', {});
  await until(async () => (await stateOf(3)) === 'retired', 'the version before is retired');
  await until(
    async () => (await versionsOf('(system)'))[0]?.state === 'retired',
    'the directory is under the new key',
  );
  expect((await clients.stop()).refused).toEqual([]);
  expect((await versionsOf('(system)'))[1]).toMatchObject({ version: 2, state: 'current' });
  const password = 'correct horse';
  await officer.call('POST /users/:name/password', { password }, { name: 'somebody' });
  await officer.call('POST /clients', { name: 'late', credential: {} });
  const pem = (await officer.call('GET /crl')).pem;
  expect(pem).toContain('X509 CRL');
  await client.close();
  await server.stop();
  await start();
  expect(await seen()).toEqual(before);
  expect(await faults()).toEqual([]);
});

test('says whose key there is none of, and asks for one', async () => {
  const rotate = (...args: string[]) =>
    holdfastResult(['domain-key', 'rotate', '--data-dir', dataDir, ...args]);
  expect(await rotate('--domain', 'nowhere')).toMatchObject({
    code: expect.not.stringMatching('0') as unknown,
    stderr: expect.stringContaining('nowhere') as string,
  });
  expect((await rotate()).stderr).toContain('--domain');
});
