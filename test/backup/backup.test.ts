import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError, activate, destroy, get, getAttributes, register } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { CryptographicAlgorithm, KeyFormatType, ObjectType } from '@holdfast/kmip';
import {
  holdfastResult,
  startServerProcess,
  type CommandResult,
  type ServerProcess,
} from '@holdfast/testkit';
import { openerFrom, verifyBackup } from '@holdfast/server';
import { SecretBytes } from '@holdfast/ttlv';
import { BACKED_UP_TABLES } from '@holdfast/store';
import { connectFirstClient } from '../support/client';
import { openDatabase, urlOf } from '../support/database';
import { until } from '../support/until';
import { named, newKey } from '../custody/site';

/** Backups: what comes back is what was there, to the byte; who is no recipient gets nothing. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-backup-'));
const path = (name: string): string => join(folder, name);

function keyPair(name: string, pair: { publicKey: KeyObject; privateKey: KeyObject }): void {
  writeFileSync(path(`${name}.pub`), pair.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(path(`${name}.key`), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

let server: ServerProcess;
let client: KmipClient;
const materials: Buffer[] = [];
const identifiers: string[] = [];
let destroyed: string;

/** All that a client can see of the objects. */
async function seen(by: KmipClient): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (const uniqueIdentifier of [...identifiers, destroyed]) {
    const attributes = await by.call(getAttributes, {
      uniqueIdentifier,
      attributeReferences: [],
    });
    all.push(attributes);
    if (uniqueIdentifier !== destroyed) {
      const { object } = await by.call(get, { uniqueIdentifier });
      const keyBlock = (object as { keyBlock: { keyValue: { keyMaterial: SecretBytes } } }).keyBlock;
      all.push(keyBlock.keyValue.keyMaterial.reveal().toString('hex'));
    }
  }
  return all;
}

function backup(...args: readonly string[]): Promise<CommandResult> {
  return holdfastResult(['backup', ...args], { HOLDFAST_LOG_LEVEL: 'silent' });
}

/** Starts a restored server, and has a client of the one before use it. */
async function serve(dataDir: string, use: (client: KmipClient) => Promise<void>): Promise<void> {
  for (const name of ['client', 'officer.json']) {
    cpSync(join(server.dataDir, name), join(dataDir, name), { recursive: true });
  }
  const restored = await startServerProcess({ dataDir, root: 'software' });
  try {
    const same = await connectFirstClient(restored);
    await use(same);
    await same.close();
  } finally {
    await restored.stop();
  }
}

beforeAll(async () => {
  keyPair('first', generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  keyPair('second', generateKeyPairSync('rsa', { modulusLength: 2048 }));
  keyPair('third', generateKeyPairSync('x25519'));
  keyPair('stranger', generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  server = await startServerProcess();
  client = await connectFirstClient(server);
  for (let index = 0; index < 20; index++) {
    const material = randomBytes(32);
    const { uniqueIdentifier } = await client.call(register, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: {
        templateNames: [],
        attributes: [named(`key ${index}`), { key: 'CryptographicUsageMask', value: 12 }],
      },
      object: {
        objectType: ObjectType.SymmetricKey,
        keyBlock: {
          keyFormatType: KeyFormatType.Raw,
          keyValue: { keyMaterial: SecretBytes.copyOf(material), attributes: [] },
          cryptographicAlgorithm: CryptographicAlgorithm.AES,
          cryptographicLengthBits: 256,
        },
      },
    });
    materials.push(material);
    identifiers.push(uniqueIdentifier);
  }
  await client.call(activate, { uniqueIdentifier: identifiers[0] });
  destroyed = await newKey(client, named('destroyed'));
  await client.call(destroy, { uniqueIdentifier: destroyed });
  // A key's first Get changes it: Fresh turns false.
  await seen(client);
  const to = ['first', 'second', 'third'].flatMap((name) => ['--to', path(`${name}.pub`)]);
  const made = await backup('create', '--data-dir', server.dataDir, '--out', path('backup'), ...to);
  expect(made).toMatchObject({ code: 0, stderr: '' });
});
afterAll(async () => {
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test.each(['first', 'second', 'third'])('the %s recipient can read it to its end', async (name) => {
  const { code, stdout } = await backup(
    'verify',
    path('backup'),
    '--identity',
    path(`${name}.key`),
    '--json',
  );
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ objects: 21 })]);
});

test('nobody else can, and no key stands in it', async () => {
  const { code, stderr } = await backup('verify', path('backup'), '--identity', path('stranger.key'));
  expect([code, stderr]).toEqual([1, expect.stringContaining('none of the recipients')]);
  const bytes = readFileSync(path('backup'));
  for (const material of materials) {
    for (const form of [
      material,
      Buffer.from(material.toString('hex')),
      Buffer.from(material.toString('base64').slice(0, 40)),
    ]) {
      expect(bytes.includes(form)).toBe(false);
    }
  }
});

test('a file that is not there is wrong use', async () => {
  expect(await backup('verify', path('none'), '--identity', path('first.key'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot read') as string,
  });
});

test('a file that is altered, cut off or lengthened anywhere is refused, and nothing is written', async () => {
  const whole = readFileSync(path('backup'));
  const places = Array.from({ length: 6 }, (_, index) => Math.floor((index * whole.length) / 6));
  const identity = ['--identity', path('first.key')];
  // What `holdfast backup verify` does, in this process.
  const opener = openerFrom([createPrivateKey(readFileSync(path('first.key')))], []);
  const verdict = () =>
    verifyBackup(path('altered'), opener).then(
      () => 'whole',
      (error: unknown) => (error instanceof HoldfastError ? 'refused' : error),
    );
  writeFileSync(path('altered'), whole);
  expect(await verdict()).toBe('whole');
  for (const place of [...places, whole.length - 1]) {
    const altered = Buffer.from(whole);
    altered[place] = (altered[place] ?? 0) ^ 1;
    writeFileSync(path('altered'), altered);
    expect([place, await verdict()]).toEqual([place, 'refused']);
    writeFileSync(path('altered'), whole);
    truncateSync(path('altered'), place);
    expect([place, await verdict()]).toEqual([place, 'refused']);
  }
  expect((await backup('verify', path('altered'), ...identity)).code).toBe(1);
  writeFileSync(path('altered'), Buffer.concat([whole, Buffer.of(0)]));
  expect((await backup('restore', path('altered'), ...identity, '--data-dir', path('nowhere'))).code).toBe(1);
  expect(existsSync(path('nowhere'))).toBe(false);
});

test('a restore to what is no database URL is refused by what it is', async () => {
  const to = ['--identity', path('first.key'), '--data-dir', path('unmade'), '--database-url', 'nonsense'];
  expect(await backup('restore', path('backup'), ...to)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('the database URL cannot be used') as string,
  });
});

test('a restored server under a new root of trust has everything as it was', async () => {
  const before = await seen(client);
  const dataDir = path('restored');
  const restored = await backup(
    'restore',
    path('backup'),
    '--identity',
    path('third.key'),
    '--data-dir',
    dataDir,
  );
  expect(restored).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('21 objects') as string,
  });
  await serve(dataDir, async (same) => {
    expect(await seen(same)).toEqual(before);
    expect(await newKey(same, named('made after'))).toMatch(/./);
    const verified = await holdfastResult(['verify', '--data-dir', dataDir]);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('all are as they were')]);
  });
  const again = await backup(
    'restore',
    path('backup'),
    '--identity',
    path('third.key'),
    '--data-dir',
    dataDir,
  );
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('not empty')]);
});

test('under the root of trust that it had, on a certificate of the recipient', async () => {
  const { cert, key } = server.clientFiles;
  const at = ['--data-dir', server.dataDir, '--out', path('certified'), '--to', cert];
  expect(await backup('create', ...at)).toMatchObject({ code: 0, stderr: '' });
  const before = await seen(client);
  const dataDir = path('same-root');
  const first = await startServerProcess({ dataDir, root: 'software' });
  await first.stop();
  const rootKey = readFileSync(join(dataDir, 'root.key'));
  rmSync(join(dataDir, 'postgres'), { recursive: true });
  const restored = await backup('restore', path('certified'), '--identity', key, '--data-dir', dataDir);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(dataDir, 'root.key')).equals(rootKey)).toBe(true);
  rmSync(join(dataDir, 'client'), { recursive: true });
  await serve(dataDir, async (same) => {
    expect(await seen(same)).toEqual(before);
  });
});

/** Made anew by a restore: wrapped domain keys, the root key's check value, the record of migrations; announcements are left out. */
const NOT_IN_BACKUPS = [
  'announcement',
  'audit_chain',
  'domain_key',
  'domain_key_wrapping',
  'schema_migration',
  'setting',
];

test('every table is in it, or is made anew', async () => {
  const database = await openDatabase(server.dataDir);
  const rows = await database.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  await database.close();
  expect(rows.map(({ name }) => name).sort()).toEqual([...BACKED_UP_TABLES, ...NOT_IN_BACKUPS].sort());
});

describe('a backup to two of three custodians', () => {
  const names = ['first', 'second', 'third'];
  const identities = (...of: readonly string[]) => of.flatMap((name) => ['--identity', path(`${name}.key`)]);
  const verify = (...args: readonly string[]) => backup('verify', path('split'), '--json', ...args);
  const share = (name: string, out: string) =>
    backup('share', path('split'), ...identities(name), '--for', path('ceremony.pub'), '--out', path(out));

  beforeAll(async () => {
    keyPair('ceremony', generateKeyPairSync('x25519'));
    const to = names.flatMap((name) => ['--to', path(`${name}.pub`)]);
    const out = ['--data-dir', server.dataDir, '--out', path('split')];
    const made = await backup('create', '--threshold', '2', ...to, ...out);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('any 2 of')]);
  });

  test('opens to any two of them, in any order, and to all', async () => {
    for (const who of [['first', 'second'], ['third', 'first'], ['second', 'third'], names]) {
      expect([who, (await verify(...identities(...who))).code]).toEqual([who, 0]);
    }
  });

  test('gives nothing to one of them, to one who comes twice, and to a stranger', async () => {
    const told = '1 of 2 shares were given';
    for (const who of [['first'], ['third', 'third']]) {
      const { code, stdout, stderr } = await verify(...identities(...who));
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(told)]);
    }
    const { code, stderr } = await verify(...identities('first', 'stranger'));
    expect([code, stderr]).toEqual([1, expect.stringContaining('none of the custodians')]);
    const restored = await backup(
      'restore',
      path('split'),
      ...identities('first'),
      '--data-dir',
      path('none'),
    );
    expect([restored.code, existsSync(path('none'))]).toEqual([1, false]);
  });

  test('opens with shares that custodians took out on machines of their own', async () => {
    expect((await share('first', 'first.share')).code).toBe(0);
    expect((await share('third', 'third.share')).code).toBe(0);
    expect((await share('stranger', 'none.share')).code).toBe(1);
    const given = (...of: readonly string[]) => of.flatMap((name) => ['--share', path(`${name}.share`)]);
    expect((await verify(...identities('ceremony'), ...given('first', 'third'))).code).toBe(0);
    expect((await verify(...identities('ceremony'), ...given('first'))).code).toBe(1);
    // Whoever has both of them, but not the key of the ceremony, has nothing.
    expect((await verify(...identities('stranger'), ...given('first', 'third'))).code).toBe(1);
    const altered = JSON.parse(readFileSync(path('first.share'), 'utf8')) as { sealed: string };
    const sealed = Buffer.from(altered.sealed, 'base64');
    sealed[3] = (sealed[3] ?? 0) ^ 1;
    writeFileSync(path('bad.share'), JSON.stringify({ ...altered, sealed: sealed.toString('base64') }));
    const { code, stderr } = await verify(...identities('ceremony'), ...given('bad', 'third'));
    expect([code, stderr]).toEqual([1, expect.stringContaining('share 1 (first.pub) was altered')]);
  });

  test('can be drilled and restored by two, and says so before where the threshold cannot be', async () => {
    const drilled = await backup('drill', path('split'), ...identities('second', 'first'), '--json');
    expect([drilled.code, JSON.parse(drilled.stdout)]).toEqual([
      0,
      expect.objectContaining({ hasPassed: true }),
    ]);
    const to = ['--to', path('first.pub'), '--data-dir', server.dataDir, '--out', path('new')];
    expect((await backup('create', '--threshold', '2', ...to)).stderr).toContain('can never be reached');
    expect(existsSync(path('new'))).toBe(false);
  });
});

describe('a drill', () => {
  const drill = (file: string, ...args: readonly string[]) =>
    backup('drill', path(file), '--identity', path('second.key'), '--scratch', path('scratch'), ...args);
  const live = () => ['--live', '--data-dir', server.dataDir];
  const left = () => readdirSync(path('scratch'));
  beforeAll(() => mkdirSync(path('scratch')));

  test('restores, compares with the file and the running server, and leaves nothing', async () => {
    const { code, stdout } = await drill('backup', ...live(), '--json');
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({
        hasPassed: true,
        live: { same: 21, changedSince: 0, madeSince: 0, gone: 0, different: 0 },
        states: [
          { state: 1, objects: 19 },
          { state: 2, objects: 1 },
          { state: 5, objects: 1 },
        ],
        verified: { rows: expect.any(Number) as number, findings: [] },
      }),
    ]);
    const { tables } = JSON.parse(stdout) as { tables: readonly { name: string; isSame: boolean }[] };
    expect(tables.map(({ name, isSame }) => [name, isSame])).toEqual(
      BACKED_UP_TABLES.map((name) => [name, true]),
    );
    expect(left()).toEqual([]);
  });

  test('tells what was changed and made on the server since, and works in a schema of another database', async () => {
    await client.call(activate, { uniqueIdentifier: identifiers[1] });
    await newKey(client, named('made since the backup'));
    const folder = join(server.dataDir, 'postgres');
    const password = readFileSync(join(folder, 'password'), 'utf8');
    const url = urlOf({ host: join(folder, 'data'), user: 'holdfast', database: 'holdfast', password });
    const { code, stdout } = await drill('backup', ...live(), '--database-url', url);
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('20 the same, 1 changed since, 1 made since, 0 gone, 0 different'),
    ]);
    const database = await openDatabase(server.dataDir);
    const schemas = await database.sql(
      `SELECT FROM information_schema.schemata WHERE schema_name LIKE 'holdfast_scratch%'`,
    );
    await database.close();
    expect([schemas, left()]).toEqual([[], []]);
  });

  test('fails on a backup of a store that somebody has changed', async () => {
    const database = await openDatabase(server.dataDir);
    await database.sql(
      `UPDATE object SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE unique_identifier = $1`,
      [identifiers[3]],
    );
    await backup(
      'create',
      '--data-dir',
      server.dataDir,
      '--out',
      path('of-changed'),
      '--to',
      path('second.pub'),
    );
    await database.sql(
      `UPDATE object SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE unique_identifier = $1`,
      [identifiers[3]],
    );
    await database.close();
    const { code, stdout } = await drill('of-changed', ...live());
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining(`object ${identifiers[3]}: the stored object is`),
    ]);
    expect(stdout).toContain('1 different');
    expect(left()).toEqual([]);
  });

  test('refuses who is no recipient, and an altered file, before anything is made', async () => {
    const stranger = [
      'drill',
      path('backup'),
      '--identity',
      path('stranger.key'),
      '--scratch',
      path('scratch'),
    ];
    expect((await backup(...stranger)).code).toBe(1);
    const altered = readFileSync(path('backup'));
    altered[altered.length - 5] = (altered.at(-5) ?? 0) ^ 1;
    writeFileSync(path('altered'), altered);
    expect((await drill('altered')).code).toBe(1);
    expect(left()).toEqual([]);
    expect(await drill('backup', '--scratch', path('not there'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('(ENOENT): name another folder with --scratch') as string,
    });
  });
});

test('without recipients, with wrong ones, or over a file that is there, nothing is written', async () => {
  const create = (...args: readonly string[]) => backup('create', '--data-dir', server.dataDir, ...args);
  expect((await create('--out', path('new'))).code).toBe(2);
  writeFileSync(path('text'), 'no key');
  expect((await create('--out', path('new'), '--to', path('text'))).stderr).toContain(
    'neither a certificate',
  );
  // The key of a recipient is not to be on this machine at all.
  expect((await create('--out', path('new'), '--to', path('first.key'))).stderr).toContain('private key');
  expect(await create('--out', path('nowhere/new'), '--to', path('first.pub'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot write') as string,
  });
  expect((await create('--out', path('backup'), '--to', path('first.pub'))).stderr).toContain(
    'there already',
  );
  expect([existsSync(path('new')), existsSync(path('new.part'))]).toEqual([false, false]);
});

test('Ctrl-C ends one that is being written, and leaves nothing of it', async () => {
  const database = await openDatabase(server.dataDir);
  const [out, part] = [path('interrupted'), path('interrupted.part')];
  const holdfast = join(__dirname, '../../packages/cli/bin/holdfast.js');
  const args = ['backup', 'create', '--data-dir', server.dataDir, '--out', out, '--to', path('first.pub')];
  try {
    // The dump waits in its midst.
    await database.sql('BEGIN');
    await database.sql('LOCK TABLE ticket IN ACCESS EXCLUSIVE MODE');
    const create = spawn(process.execPath, [holdfast, ...args], { stdio: 'ignore' });
    await until(() => existsSync(part), 'it is being written');
    create.kill('SIGINT');
    expect(await once(create, 'exit')).toEqual([null, 'SIGINT']);
  } finally {
    await database.sql('ROLLBACK');
    await database.close();
  }
  expect([existsSync(out), existsSync(part)]).toEqual([false, false]);
  expect((await backup(...args.slice(1))).code).toBe(0);
});
