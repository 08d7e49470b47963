import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { destroy, get } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import type { RootAnswer } from '@holdfast/server/admin';
import {
  asFirstOfficer,
  holdfastResult,
  SOFT_HSM_MODULE,
  SoftHsm,
  startServerProcess,
  startTestPostgres,
  type ServerProcess,
  type TestPostgres,
} from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, urlOf } from '../support/database';
import { until } from '../support/until';
import { connectAs, named, newClient, newKey, outcomeOf } from './site';

/** Root keys are replaced, and domain keys moved from one root of trust to another, while clients are served. */

const SOFTWARE = ['--root', 'software'];

interface Site {
  readonly dataDir: string;
  readonly server: ServerProcess;
  readonly client: KmipClient;
  readonly identifier: string;
  readonly value: unknown;
}

async function begin(options: Partial<Parameters<typeof startServerProcess>[0]> = {}): Promise<Site> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const server = await startServerProcess({ dataDir, logLevel: 'fatal', arguments: SOFTWARE, ...options });
  const client = await connectFirstClient(server);
  const identifier = await newKey(client, named('kept'));
  const value = await client.call(get, { uniqueIdentifier: identifier });
  return { dataDir, server, client, identifier, value };
}

async function statusOf(server: ServerProcess): Promise<RootAnswer> {
  return (await asFirstOfficer(server)).call('GET /root');
}

async function root(
  dataDir: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<RootAnswer> {
  const { code, stdout, stderr } = await holdfastResult(
    ['root', ...args, '--data-dir', dataDir, '--json'],
    environment,
  );
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as RootAnswer;
}

/** What the log has of an action. */
async function recorded({ dataDir }: Site, action: string): Promise<string> {
  const search = ['audit', 'search', '--operation', action, '--data-dir', dataDir, '--json'];
  return (await holdfastResult(search)).stdout;
}

/** What was there before is there, in the same words; new domains get keys. */
async function expectServed(
  { identifier, value }: Site,
  server: ServerProcess,
  domain: string,
): Promise<void> {
  const client = await connectFirstClient(server);
  expect(await client.call(get, { uniqueIdentifier: identifier })).toEqual(value);
  await client.close();
  const connection = await (await newClient(server, domain)).connect();
  await newKey(connection);
  await connection.close();
}

describe('a software root key', () => {
  let site: Site;
  let server: ServerProcess;
  const start = async (options: object = {}): Promise<void> => {
    server = await startServerProcess({
      dataDir: site.dataDir,
      logLevel: 'fatal',
      arguments: SOFTWARE,
      ...options,
    });
  };
  beforeAll(async () => {
    site = await begin();
    server = site.server;
  });
  afterAll(async () => {
    await server.stop();
    rmSync(site.dataDir, { recursive: true });
  });
  const path = (name: string): string => join(site.dataDir, name);

  test('keeps no keys of objects inside: a domain that wants that is refused at once', async () => {
    const domain = (...args: readonly string[]) =>
      holdfastResult(['domain', ...args, '--keys-in-hsm', '--data-dir', site.dataDir]);
    const refused = { code: 2, stderr: expect.stringContaining('--root pkcs11') as string };
    expect(await domain('add', 'inside')).toMatchObject(refused);
    expect((await holdfastResult(['domain', 'add', 'sealed', '--data-dir', site.dataDir])).code).toBe(0);
    expect(await domain('set', 'sealed')).toMatchObject(refused);
  });

  test('is rotated while clients go on, on their connections', async () => {
    const { client, identifier, value, dataDir } = site;
    const before = await statusOf(server);
    expect(before).toMatchObject({ state: 'settled', own: before.current, nodes: { current: 1 } });
    let isDone = false;
    const reading = (async () => {
      while (!isDone) expect(await client.call(get, { uniqueIdentifier: identifier })).toEqual(value);
    })();
    const rotated = await holdfastResult(['root', 'rotate', '--data-dir', dataDir, '--json']);
    const moved = JSON.parse(rotated.stdout) as RootAnswer;
    isDone = true;
    await reading;
    const steps = /Copy root\.key to the other nodes[^]*Then end the root key before: holdfast root retire\./;
    expect(rotated.stderr).toMatch(steps);
    await client.close();
    expect(moved).toMatchObject({ state: 'moved', outgoing: before.current, own: moved.current });
    expect(moved.current).not.toBe(before.current);
    expect(statSync(path('root.key')).mode & 0o777).toBe(0o600);
    copyFileSync(path(`root.key.${before.current.slice(0, 8)}`), path('kept'));
    await expectServed(site, server, 'after-rotation');
  });

  test('the one before starts until it is retired, and is refused from then on', async () => {
    await server.stop();
    const { outgoing = '' } = await (async () => {
      await start();
      return statusOf(server);
    })();
    await server.stop();
    renameSync(path('root.key'), path('new'));
    copyFileSync(path('kept'), path('root.key'));
    await start();
    expect(await statusOf(server)).toMatchObject({ own: outgoing, state: 'moved' });
    await expect(root(site.dataDir, ['retire'])).rejects.toThrow(/1 of the nodes use the outgoing root key/);
    await server.stop();
    renameSync(path('new'), path('root.key'));
    await start();
    expect(await root(site.dataDir, ['retire', '--destroy-file'])).toMatchObject({ state: 'settled' });
    expect(existsSync(path(`root.key.${outgoing.slice(0, 8)}`))).toBe(false);
    await server.stop();
    renameSync(path('root.key'), path('new'));
    renameSync(path('kept'), path('root.key'));
    await expect(start()).rejects.toThrow(/this root key was retired on 20/);
    renameSync(path('new'), path('root.key'));
    await start();
    await expectServed(site, server, 'after-retirement');
  });

  test('a node that is killed in between starts, and goes on when it is told to', async () => {
    const before = await statusOf(server);
    const database = await openDatabase(site.dataDir);
    await database.sql('BEGIN');
    await database.sql('LOCK TABLE domain_key_wrapping IN SHARE MODE');
    const officer = await asFirstOfficer(server);
    const moving = await officer.call('POST /root/move', {});
    expect(moving).toMatchObject({ state: 'moving', current: before.current });
    const made = readFileSync(path('root.key.next'));
    await server.kill();
    await database.close();
    await start();
    expect(await statusOf(server)).toMatchObject({
      state: 'interrupted',
      own: before.current,
      incoming: moving.incoming,
    });
    await expectServed(site, server, 'in-between');
    const moved = await root(site.dataDir, ['rotate']);
    expect(moved).toMatchObject({ state: 'moved', current: moving.incoming, outgoing: before.current });
    expect(readFileSync(path('root.key')).equals(made)).toBe(true);
  });

  test('one that is killed before the new file has its name finds it', async () => {
    const { current, outgoing = '' } = await statusOf(server);
    await server.kill();
    renameSync(path('root.key'), path('root.key.next'));
    renameSync(path(`root.key.${outgoing.slice(0, 8)}`), path('root.key'));
    await start();
    expect(await statusOf(server)).toMatchObject({ own: current, state: 'moved' });
    expect(existsSync(path('root.key.next'))).toBe(false);
    await root(site.dataDir, ['retire', '--destroy-file']);
    await expectServed(site, server, 'after-killing');
  });

  test('gets another passphrase, without which nothing starts', async () => {
    await root(site.dataDir, ['migrate', '--to', 'software'], { HOLDFAST_NEW_PASSPHRASE: 'battery staple' });
    await root(site.dataDir, ['retire', '--destroy-file']);
    await server.stop();
    await expect(start()).rejects.toThrow(/sealed with a passphrase/);
    await start({ environment: { HOLDFAST_PASSPHRASE: 'battery staple' } });
    expect(await statusOf(server)).toMatchObject({ kind: 'software-passphrase', state: 'settled' });
    await expectServed(site, server, 'after-passphrase');
  });

  test('what a move that never began has left is no hindrance to the next', async () => {
    const { current } = await statusOf(server);
    copyFileSync(path('root.key'), path('root.key.next'));
    expect(await statusOf(server)).toMatchObject({ state: 'settled', unusedFile: 'root.key.next' });
    const { stderr } = await holdfastResult(['root', 'status', '--data-dir', site.dataDir]);
    expect(stderr).toContain('root.key.next in the data folder is of a move that never began');
    const moved = await root(site.dataDir, ['migrate', '--to', 'software'], {
      HOLDFAST_NEW_PASSPHRASE: 'correct horse',
    });
    expect(moved).toMatchObject({ state: 'moved', outgoing: current });
    await root(site.dataDir, ['retire', '--destroy-file']);
  });

  test('a move that was begun can be given up, and only one is made at a time', async () => {
    const database = await openDatabase(site.dataDir);
    const settled = await statusOf(server);
    await database.sql(
      `INSERT INTO setting (name, value) VALUES ('incoming-root-key-check-value', '${'0'.repeat(32)}')`,
    );
    await database.close();
    const secret = { HOLDFAST_PASSPHRASE: 'battery staple' };
    await expect(root(site.dataDir, ['rotate'], secret)).rejects.toThrow(
      /another root key is coming in, which is not in this data folder/,
    );
    expect(existsSync(join(site.dataDir, 'root.key.next'))).toBe(false);
    expect(await root(site.dataDir, ['cancel'])).toEqual(settled);
    expect(await recorded(site, 'root-key.cancel')).toContain('root-key.cancel');
    await expect(root(site.dataDir, ['cancel'])).rejects.toThrow(/no root key is coming in/);
    await expect(root(site.dataDir, ['retire'])).rejects.toThrow(/no root key is going out/);
    await expect(root(site.dataDir, ['rotate'])).rejects.toThrow(/give one for the new root key/);
  });
});

describe('several nodes', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  test('serve while one of them moves the domain keys, and are restarted one by one', async () => {
    const database = ['--database-url', urlOf(await postgres.createDatabase()), ...SOFTWARE];
    const site = await begin({ arguments: database });
    const other = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    const bring = (): void => {
      copyFileSync(join(site.dataDir, 'root.key'), join(other, 'root.key'));
    };
    bring();
    const startOther = () => startServerProcess({ dataDir: other, logLevel: 'fatal', arguments: database });
    let second = await startOther();
    const client = await connectFirstClient({ ...second, clientFiles: site.server.clientFiles });
    const read = () => client.call(get, { uniqueIdentifier: site.identifier });
    await root(site.dataDir, ['rotate']);
    expect(await read()).toEqual(site.value);
    expect(await statusOf(site.server)).toMatchObject({ nodes: { current: 1, outgoing: 1 } });
    await expect(root(site.dataDir, ['retire'])).rejects.toThrow(/1 of the nodes/);
    bring();
    await client.close();
    await second.stop();
    second = await startOther();
    expect(await statusOf(site.server)).toMatchObject({ nodes: { current: 2, outgoing: 0 } });
    expect(await root(site.dataDir, ['retire'])).toMatchObject({ state: 'settled' });
    await second.stop();
    await site.client.close();
    await site.server.stop();
    for (const folder of [other, site.dataDir]) rmSync(folder, { recursive: true });
  });
});

const isRequired = process.env['CI'] === 'true';

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'an HSM (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    let site: Site;
    let server: ServerProcess;
    beforeAll(async () => {
      site = await begin({ environment: { ...hsm.environment } });
      server = site.server;
      await site.client.close();
      await makeToken('holdfast');
    });
    afterAll(async () => {
      await server.stop();
      rmSync(site.dataDir, { recursive: true });
      hsm.remove();
    });
    const pin = { HOLDFAST_NEW_HSM_PIN: hsm.pin };
    const migrateTo = (token: string): readonly string[] => [
      ...['migrate', '--to', 'pkcs11', '--pkcs11-module', hsm.modulePath, '--pkcs11-token', token],
    ];
    const makeToken = async (token: string): Promise<void> => {
      await hsm.initToken(token);
      const environment = { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin };
      const args = ['hsm', 'init', '--module', hsm.modulePath, '--token', token];
      expect((await holdfastResult(args, environment)).code).toBe(0);
    };

    test('takes over from a software root key, which is refused afterwards', async () => {
      await expect(
        root(site.dataDir, migrateTo('holdfast'), { HOLDFAST_NEW_HSM_PIN: '000' }),
      ).rejects.toThrow(/refuses the PIN/);
      expect(await root(site.dataDir, migrateTo('holdfast'), pin)).toMatchObject({
        state: 'moved',
        kind: 'pkcs11',
      });
      await root(site.dataDir, ['retire']);
      await expectServed(site, server, 'in-the-hsm');
      await server.stop();
      const software = { dataDir: site.dataDir, logLevel: 'fatal', arguments: SOFTWARE };
      await expect(startServerProcess(software)).rejects.toThrow(/this root key was retired on 20/);
      server = await startServerProcess({ dataDir: site.dataDir, logLevel: 'fatal', softHsm: hsm });
      await expectServed(site, server, 'from-the-hsm');
    });

    test('gets a new root key beside the one before', async () => {
      const before = await statusOf(server);
      const moved = await root(site.dataDir, ['rotate'], { HOLDFAST_HSM_PIN: hsm.pin });
      expect(moved).toMatchObject({ state: 'moved', kind: 'pkcs11', outgoing: before.current });
      await root(site.dataDir, ['retire']);
      await server.stop();
      server = await startServerProcess({ dataDir: site.dataDir, logLevel: 'fatal', softHsm: hsm });
      expect(await statusOf(server)).toMatchObject({ own: moved.current, state: 'settled' });
      await expectServed(site, server, 'rotated');
    });

    test('destroys the one before once it is retired, and no other', async () => {
      const { current } = await statusOf(server);
      const at = [
        '--pkcs11-module',
        hsm.modulePath,
        '--pkcs11-token',
        'holdfast',
        '--data-dir',
        site.dataDir,
      ];
      const destroy = (checkValue: string) =>
        holdfastResult(['root', 'destroy', checkValue, ...at], { HOLDFAST_HSM_PIN: hsm.pin });
      const inToken = async (): Promise<readonly string[]> => {
        const args = ['hsm', 'status', '--module', hsm.modulePath, '--token', 'holdfast', '--json'];
        const { stdout } = await holdfastResult(args, { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin });
        return (JSON.parse(stdout) as { keys: { checkValue: string }[] }).keys.map((key) => key.checkValue);
      };
      const [old = ''] = (await inToken()).filter((checkValue) => checkValue !== current);
      expect(await destroy(current)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('are wrapped by') as string,
      });
      expect(await destroy('0'.repeat(32))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no root key that was retired or given up here') as string,
      });
      expect((await inToken()).length).toBe(2);
      expect((await destroy(old)).code).toBe(0);
      expect(await recorded(site, 'root-key.destroy')).toContain(old);
      expect(await inToken()).toEqual([current]);
      expect(await destroy(old)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('the token has no key') as string,
      });
      // Nor does one stay that a rotation made which comes to nothing.
      const database = await openDatabase(site.dataDir);
      await database.sql('BEGIN');
      await database.sql('LOCK TABLE domain_key_wrapping IN SHARE MODE');
      const rotation = root(site.dataDir, ['rotate'], { HOLDFAST_HSM_PIN: hsm.pin }).catch(String);
      const stopWaiting = `SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted`;
      await until(async () => (await database.sql(stopWaiting)).length > 0, 'the move waits');
      expect(await rotation).toMatch(/the move has stopped: (?!.*PostgreSQL runs).*root cancel/su);
      const { incoming = '', state } = await statusOf(server);
      expect(state).toBe('interrupted');
      await database.sql('ROLLBACK');
      await database.close();
      expect(await destroy(incoming)).toMatchObject({ code: 1 });
      await root(site.dataDir, ['cancel']);
      expect((await destroy(incoming)).code).toBe(0);
      expect(await inToken()).toEqual([current]);
      await expectServed(site, server, 'after-destruction');
    });

    test('hands over to another one, once it holds no keys of objects; none are made in it from then on', async () => {
      await makeToken('other');
      const officer = await asFirstOfficer(server);
      await officer.call('POST /domains', { name: 'inside', settings: { keysInHsm: true } });
      const inside = await newClient(server, 'inside');
      let connection = await inside.connect();
      const uniqueIdentifier = await newKey(connection);
      await expect(root(site.dataDir, migrateTo('other'), pin)).rejects.toThrow(/which they cannot leave/);
      await connection.call(destroy, { uniqueIdentifier });
      let database = await openDatabase(site.dataDir);
      const isEmpty = async () => (await database.sql('SELECT FROM hsm_key')).length === 0;
      await until(isEmpty, 'the key is gone');
      expect(await root(site.dataDir, migrateTo('other'), pin)).toMatchObject({
        state: 'moved',
        kind: 'pkcs11',
      });
      // Nodes that are not restarted yet would have it where the others cannot reach it.
      expect(await outcomeOf(newKey(connection))).toBe('InternalServerError');
      expect(await isEmpty()).toBe(true);
      await database.close();
      await root(site.dataDir, ['retire']);
      const made = await newKey(connection);
      await connection.close();
      await server.stop();
      const first = { dataDir: site.dataDir, logLevel: 'fatal', softHsm: hsm };
      await expect(startServerProcess(first)).rejects.toThrow(
        /is the one under which the database was set up/,
      );
      server = await startServerProcess({
        dataDir: site.dataDir,
        logLevel: 'fatal',
        arguments: ['--root', 'pkcs11', '--pkcs11-module', hsm.modulePath, '--pkcs11-token', 'other'],
        environment: { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin },
      });
      await expectServed(site, server, 'elsewhere');
      connection = await connectAs(server, inside);
      await connection.call(destroy, { uniqueIdentifier: made });
      await connection.close();
      database = await openDatabase(site.dataDir);
      await until(isEmpty, 'that key is gone, too');
      await database.close();
    });

    test('a new root key in it is taken up by other nodes without a restart', async () => {
      await makeToken('nodes');
      const postgres = await startTestPostgres();
      const second = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
      const options = {
        logLevel: 'info',
        arguments: [
          ...['--root', 'pkcs11', '--pkcs11-module', hsm.modulePath, '--pkcs11-token', 'nodes'],
          ...['--database-url', urlOf(await postgres.createDatabase())],
        ],
        environment: { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin },
      };
      const one = await begin(options);
      const other = await startServerProcess({ dataDir: second, ...options });
      const clientFiles = one.server.clientFiles;
      try {
        const moved = await root(one.dataDir, ['rotate'], { HOLDFAST_HSM_PIN: hsm.pin });
        await until(() => other.log().includes('another node has made'), 'the other node takes it up');
        await until(async () => (await statusOf(one.server)).nodes.current === 2, 'both nodes use it');
        expect(await root(one.dataDir, ['retire'])).toMatchObject({ own: moved.current, state: 'settled' });
        // A domain whose key the other node has not unwrapped yet.
        const added = await newClient(one.server, 'added');
        await (await connectFirstClient({ ...other, clientFiles })).close();
        const connection = await connectAs(other, added);
        await newKey(connection);
        await connection.close();
        expect(other.log()).not.toContain('restart this one');
      } finally {
        await one.client.close();
        await other.stop();
        await one.server.stop();
        await postgres.stop();
        for (const folder of [second, one.dataDir]) rmSync(folder, { recursive: true });
      }
    });

    test('hands over to a software root key', async () => {
      const moved = await root(site.dataDir, ['migrate', '--to', 'software']);
      expect(moved).toMatchObject({ state: 'moved', kind: 'software-file' });
      await root(site.dataDir, ['retire']);
      await server.stop();
      server = await startServerProcess({ dataDir: site.dataDir, logLevel: 'fatal', arguments: SOFTWARE });
      await expectServed(site, server, 'back');
      await until(async () => (await statusOf(server)).nodes.current === 1, 'it is in use');
    });
  },
);
