import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HoldfastError,
  activate,
  destroy,
  encrypt,
  get,
  getAttributes,
  locate,
  register,
} from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { ObjectType } from '@holdfast/kmip';
import { openPackage, openerFrom, readPackage } from '@holdfast/server';
import {
  asFirstOfficer,
  holdfastResult,
  keyBytesOf,
  startServerProcess,
  type CommandResult,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { columnsOf, named, newClient, newKey, otherValues, outcomeOf, whileTampered } from '../custody/site';
import { symmetricKey } from '../custody/known-keys';
import { Needles } from '../custody/needles';

/** Escrow: chosen objects for several custodians, who alone give them back, together. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-escrow-'));
const path = (name: string): string => join(folder, name);

let server: ServerProcess;
let client: KmipClient;
let database: Database;
const needles = new Needles();
const identifiers: string[] = [];

function holdfast(...args: readonly string[]): Promise<CommandResult> {
  return holdfastResult([...args, '--data-dir', server.dataDir], { HOLDFAST_LOG_LEVEL: 'silent' });
}
const identities = (...names: readonly string[]) =>
  names.flatMap((name) => ['--identity', path(`${name}.key`)]);
const CUSTODIANS = ['alice', 'bob', 'carol'];
const custodians = (threshold: number) => [
  ...['--threshold', String(threshold)],
  ...CUSTODIANS.flatMap((name) => ['--to', path(`${name}.pub`)]),
];
const escrow = (out: string, ...args: readonly string[]) =>
  holdfast('escrow', 'create', ...custodians(2), '--out', path(out), ...args);
/** As `holdfast escrow recover`, which the commands of other files are tried with too. */
const recover = (file: string, ...args: readonly string[]) =>
  holdfast('escrow', 'recover', path(file), ...args);

async function seen(uniqueIdentifier: string, by = client): Promise<unknown> {
  const attributes = await by.call(getAttributes, { uniqueIdentifier, attributeReferences: [] });
  const { object } = await by.call(get, { uniqueIdentifier });
  return { attributes, bytes: keyBytesOf(object).toString('hex') };
}

/** What a database administrator can do, and nobody else: all of an object is gone. */
async function lose(uniqueIdentifier: string): Promise<void> {
  for (const table of ['object_name', 'object_projection', 'change_record', 'object']) {
    await database.sql(`DELETE FROM ${table} WHERE unique_identifier = $1`, [uniqueIdentifier]);
  }
}

beforeAll(async () => {
  for (const name of [...CUSTODIANS, 'stranger', 'successor']) {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    writeFileSync(path(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(path(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  writeFileSync(path('config.json'), JSON.stringify({ limits: { maxRequestBytes: 8 * 1024 * 1024 } }));
  server = await startServerProcess({ arguments: ['--config', path('config.json')] });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
  for (let number = 0; number < 6; number++) {
    const key = symmetricKey(`key ${number}`, 256);
    for (const secret of key.secrets) needles.add(secret, key.name);
    const { objectType } = key.object;
    const { uniqueIdentifier } = await client.call(register, {
      objectType,
      newAttributes: key.newAttributes,
      object: key.object,
    });
    identifiers.push(uniqueIdentifier);
    await client.call(get, { uniqueIdentifier });
  }
  await client.call(activate, { uniqueIdentifier: identifiers[0] });
  expect(await escrow('two', '--name', 'key 0', '--object', identifiers[1] as string)).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('2 objects, for any 2 of') as string,
  });
  expect(await escrow('all', '--all')).toMatchObject({ code: 0, stderr: '' });
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('a package tells without recovery what it is, and the server that it is as it was', async () => {
  const { code, stdout } = await holdfast('escrow', 'verify', path('all'), '--live', '--json');
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    expect.objectContaining({
      objects: 6,
      threshold: 2,
      custodians: CUSTODIANS.map((name) => `${name}.pub`),
      isOpened: false,
      isListed: true,
      compared: { same: 6, changedSince: 0, valueReplaced: 0, destroyed: 0, gone: 0, different: 0 },
    }),
  ]);
  const opened = await holdfast('escrow', 'verify', path('all'), ...identities('bob', 'carol'));
  expect([opened.code, opened.stdout]).toEqual([0, expect.stringContaining('every tag is right')]);
  const listed = await holdfast('escrow', 'list');
  expect(listed.stdout).toContain('any 2 of alice.pub, bob.pub, carol.pub');
});

test('no key stands in it, and one custodian, or a stranger, gets nothing', async () => {
  for (const file of ['two', 'all']) expect(needles.foundIn(readFileSync(path(file)))).toEqual([]);
  const out = ['--clear', '--out', path('nothing')];
  for (const who of [['alice'], ['bob', 'bob'], ['alice', 'stranger']]) {
    expect([who, (await recover('all', ...identities(...who), ...out)).code]).toEqual([who, 1]);
  }
  expect(existsSync(path('nothing'))).toBe(false);
});

/** Whether a package opens to two custodians and can be read to its end: what `holdfast escrow recover` begins with. */
async function opens(file: string): Promise<boolean> {
  const keys = ['alice', 'bob'].map((name) => createPrivateKey(readFileSync(path(`${name}.key`))));
  try {
    const entries = openPackage(await readPackage(path(file)), openerFrom(keys, []));
    while ((await entries.next()).done !== true);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError) return false;
    throw error;
  }
}

test('one that was altered or cut off anywhere is refused', async () => {
  const whole = readFileSync(path('two'));
  expect(await opens('two')).toBe(true);
  for (let step = 0; step < 8; step++) {
    const place = Math.floor((step * whole.length) / 8);
    const altered = Buffer.from(whole);
    altered[place] = (altered[place] ?? 0) ^ 1;
    writeFileSync(path('altered'), step % 2 === 0 ? altered : whole.subarray(0, place));
    expect([place, await opens('altered')]).toEqual([place, false]);
    const { code, stdout } = await holdfast('escrow', 'verify', path('altered'), '--live');
    expect([place, code === 0 && !stdout.includes('NO SUCH')]).toEqual([place, false]);
  }
  // Each byte of the manifest, of which nothing else holds all.
  for (let place = whole.lastIndexOf('{"format"'); place < whole.length; place++) {
    const altered = Buffer.from(whole);
    altered[place] = (altered[place] ?? 0) ^ 1;
    writeFileSync(path('altered'), altered);
    const outcome = await readPackage(path('altered')).catch((error: unknown) => error);
    expect([place, outcome instanceof HoldfastError]).toEqual([place, true]);
  }
  const args = [...identities('alice', 'bob'), '--clear', '--offline', '--out', path('nothing')];
  expect((await recover('altered', ...args)).code).not.toBe(0);
  expect(existsSync(path('nothing'))).toBe(false);
});

test('what was lost comes back as it was, with a record of who opened the package', async () => {
  const [first = '', second = ''] = identifiers;
  const before = [await seen(first), await seen(second)];
  await lose(first);
  expect((await holdfast('escrow', 'verify', path('two'), '--live')).stdout).toContain('1 gone');
  expect(await outcomeOf(client.call(get, { uniqueIdentifier: first }))).not.toBe('done');
  const { code, stdout } = await recover('two', ...identities('carol', 'alice'));
  expect([code, stdout]).toEqual([0, 'Of 2 objects: 1 restored, 1 there already.\n']);
  expect([await seen(first), await seen(second)]).toEqual(before);
  const { uniqueIdentifiers } = await client.call(locate, { attributes: [named('key 0')] });
  expect(uniqueIdentifiers).toEqual([first]);
  const records = await holdfast('audit', 'search', '--operation', 'escrow.recover', '--json');
  // By the names that the package has for them.
  expect([records.code, records.stdout]).toEqual([
    0,
    expect.stringContaining('opened by carol.pub, alice.pub'),
  ]);
  const restored = await holdfast('audit', 'search', '--operation', 'EscrowRecover', '--json');
  expect([restored.code, restored.stdout]).toEqual([0, expect.stringContaining(first)]);
});

test('one whose row is gone comes back as the next revision of what was recorded', async () => {
  const uniqueIdentifier = identifiers[0] as string;
  const before = await seen(uniqueIdentifier);
  const old = await database.sql(`DELETE FROM object WHERE unique_identifier = $1 RETURNING *`, [
    uniqueIdentifier,
  ]);
  expect(old).toHaveLength(1);
  expect((await holdfast('escrow', 'verify', path('two'), '--live')).stdout).toContain('1 gone');
  expect((await recover('two', ...identities('alice', 'bob'))).stdout).toContain(
    '1 restored, 1 there already',
  );
  expect(await seen(uniqueIdentifier)).toEqual(before);
  const { uniqueIdentifiers } = await client.call(locate, { attributes: [named('key 0')] });
  expect(uniqueIdentifiers).toEqual([uniqueIdentifier]);
  const revisions = await database.sql<{ revision: number }>(
    'SELECT revision FROM change_record WHERE unique_identifier = $1 ORDER BY revision',
    [uniqueIdentifier],
  );
  expect(revisions.map(({ revision }) => revision)).toEqual(revisions.map((_, place) => place + 1));
});

test('custodians whose private keys are under a passphrase give it by file or environment', async () => {
  const protect = (name: string, passphrase: string): string => {
    const pem = createPrivateKey(readFileSync(path(`${name}.key`))).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
    });
    writeFileSync(path(`${name}.protected`), pem);
    return path(`${name}.protected`);
  };
  const secret = 'of all custodians';
  const keys = ['alice', 'bob'].flatMap((name) => ['--identity', protect(name, secret)]);
  const verify = (environment: Record<string, string>) =>
    holdfastResult(['escrow', 'verify', path('two'), ...keys], environment);
  writeFileSync(path('passphrase'), `${secret}\n`, { mode: 0o600 });
  for (const environment of [
    { HOLDFAST_SHARE_PASSPHRASE: secret },
    { HOLDFAST_SHARE_PASSPHRASE_FILE: path('passphrase') },
  ]) {
    expect((await verify(environment)).stdout).toContain('every tag is right');
  }
  const wrong = await verify({ HOLDFAST_SHARE_PASSPHRASE: 'another' });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('alice.protected: the passphrase')]);
  const none = await verify({});
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('HOLDFAST_SHARE_PASSPHRASE')]);
  const out = path('handed-on');
  const share = ['escrow', 'share', path('two'), '--identity', path('bob.protected')];
  const handed = await holdfastResult([...share, '--for', path('successor.pub'), '--out', out], {
    HOLDFAST_SHARE_PASSPHRASE: secret,
  });
  expect(handed.code).toBe(0);
});

test('what was destroyed comes back only where that is asked for', async () => {
  const uniqueIdentifier = identifiers[2] as string;
  const { bytes } = (await seen(uniqueIdentifier)) as { bytes: string };
  await client.call(destroy, { uniqueIdentifier });
  const args = identities('alice', 'bob');
  expect((await recover('all', ...args)).stdout).toContain('1 destroyed');
  await database.sql('DELETE FROM object WHERE unique_identifier = $1', [uniqueIdentifier]);
  expect((await recover('all', ...args)).stdout).toContain('1 destroyed');
  // Its name is another object's by now: all others come back all the same.
  const other = await newKey(client, named('key 2'));
  const taken = await recover('all', ...args, '--replace-destroyed');
  expect(taken).toMatchObject({ code: 1, stdout: 'Of 6 objects: 5 there already, 1 refused.\n' });
  expect(taken.stderr).toContain(`${uniqueIdentifier}: another object has this name`);
  const again = await recover('all', ...args, '--replace-destroyed', '--json');
  expect(JSON.parse(again.stdout)).toEqual({ 'there already': 5, refused: 1 });
  await client.call(destroy, { uniqueIdentifier: other });
  expect((await recover('all', ...args, '--replace-destroyed')).stdout).toContain('1 replaced');
  expect(await seen(uniqueIdentifier)).toMatchObject({ bytes });
  const { stdout } = await holdfast('escrow', 'verify', path('all'), '--live');
  expect(stdout).toContain('2 whose value was replaced (by Import or a recovery)');
});

test('objects go to one recipient sealed, or to a file in clear only where that is asked for', async () => {
  expect((await recover('two', ...identities('alice', 'bob'), '--out', path('out'))).code).toBe(2);
  const sealed = ['--out', path('sealed'), '--for', path('successor.pub')];
  expect(await recover('two', ...identities('alice', 'bob'), ...sealed)).toMatchObject({ code: 0 });
  expect(needles.foundIn(readFileSync(path('sealed')))).toEqual([]);
  const clear = ['--out', path('clear'), '--clear', '--offline'];
  expect(await recover('sealed', ...identities('successor'), ...clear)).toMatchObject({ code: 0 });
  expect(statSync(path('clear')).mode & 0o777).toBe(0o600);
  const lines = readFileSync(path('clear'), 'utf8').trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { uniqueIdentifier: string }).uniqueIdentifier)).toEqual([
    identifiers[1],
    identifiers[0],
  ]);
  expect(needles.foundIn(lines.join('\n').toLowerCase())).toHaveLength(2);
});

test('an object that is as long as a client may send one comes back', async () => {
  const { uniqueIdentifier } = await client.call(register, {
    objectType: ObjectType.OpaqueObject,
    newAttributes: { templateNames: [], attributes: [named('long')] },
    object: {
      objectType: ObjectType.OpaqueObject,
      opaqueDataType: 0x80000001,
      opaqueDataValue: SecretBytes.copyOf(Buffer.alloc(4_000_000, 1)),
    },
  });
  expect(await escrow('long', '--name', 'long')).toMatchObject({ code: 0 });
  await lose(uniqueIdentifier);
  expect((await recover('long', ...identities('alice', 'bob'))).stdout).toContain('1 restored');
  await client.call(destroy, { uniqueIdentifier });
});

test('a recovery takes as many objects as it was begun for, and no more', async () => {
  const officer = await asFirstOfficer(server);
  const begin = (objects: number) =>
    officer.call('POST /escrow/recover', {
      sha256: '0'.repeat(64),
      objects,
      custodians: ['alice.pub'],
      into: 'store',
    });
  await expect(begin(0)).rejects.toThrow('no recovery is described');
  const { recovery } = await begin(1);
  const outcomes: string[] = [];
  const opener = openerFrom(
    ['alice', 'bob'].map((name) => createPrivateKey(readFileSync(path(`${name}.key`)))),
    [],
  );
  for await (const { record, object } of openPackage(await readPackage(path('two')), opener)) {
    const { keyVersion, mac } = object;
    const request = { recovery, record: record.toString('base64'), keyVersion, mac };
    for (const again of [request, request]) {
      const outcome = await officer.call('POST /escrow/import', again).then(
        (answer) => answer.outcome,
        (error: unknown) => (error as Error).message,
      );
      outcomes.push(outcome);
    }
  }
  const beyond = 'the recovery is of 1 objects, and no more';
  expect(outcomes).toEqual(['there already', 'there already', beyond, beyond]);
});

test('custodians can hand their shares on instead of their keys', async () => {
  for (const name of ['bob', 'carol']) {
    const args = [...identities(name), '--for', path('successor.pub'), '--out', path(`${name}.share`)];
    const { code } = await holdfastResult(['escrow', 'share', path('two'), ...args]);
    expect([name, code]).toEqual([name, 0]);
  }
  const shares = ['--share', path('bob.share'), '--share', path('carol.share')];
  expect((await recover('two', ...identities('successor'), ...shares)).stdout).toContain('2 there already');
  const { stdout } = await holdfast('audit', 'search', '--operation', 'escrow.recover', '--limit', '1');
  expect(stdout).toContain('opened by bob.pub, carol.pub');
});

test('a custodian may be named by a certificate', async () => {
  const { cert, key } = server.clientFiles;
  const to = ['--to', cert, '--to', path('alice.pub'), '--threshold', '2'];
  const made = await holdfast('escrow', 'create', ...to, '--all', '--out', path('certified'));
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const verified = await holdfast(
    'escrow',
    'verify',
    path('certified'),
    ...identities('alice'),
    '--identity',
    key,
  );
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('every tag is right')]);
});

test('another installation takes them only where it is told that they are foreign', async () => {
  const other = await startServerProcess();
  try {
    const there = (...args: readonly string[]) =>
      holdfastResult(['escrow', 'recover', path('two'), ...args, '--data-dir', other.dataDir]);
    const refused = await there(...identities('alice', 'bob'));
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--foreign')]);
    expect((await there(...identities('alice', 'bob'), '--foreign')).stdout).toContain('2 restored');
    const same = await connectFirstClient(other);
    expect(await seen(identifiers[1] as string, same)).toEqual(await seen(identifiers[1] as string));
    await same.close();
  } finally {
    await other.stop();
  }
});

test('nothing is made for too few custodians, nothing that is not there, and over no file', async () => {
  const one = ['--to', path('alice.pub'), '--all', '--out', path('new')];
  expect((await holdfast('escrow', 'create', '--threshold', '2', ...one)).code).toBe(2);
  expect((await holdfast('escrow', 'create', '--threshold', '1', ...one)).code).toBe(2);
  expect((await escrow('new', '--name', 'nobody')).stderr).toContain('nothing named nobody');
  expect((await escrow('new')).stderr).toContain('name objects');
  expect((await holdfast('domain', 'add', 'empty')).code).toBe(0);
  expect((await escrow('new', '--all', '--domain', 'empty')).stderr).toContain('empty has no object');
  expect((await escrow('all', '--all')).stderr).toContain('there already');
  expect(existsSync(path('new'))).toBe(false);
});

describe('a client that needs an escrow before use', () => {
  test.each(['backup', 'escrow'] as const)('gets no use of a key before a %s covers it', async (kind) => {
    const careful = await newClient(server, `careful-${kind}`);
    expect((await holdfast('client', 'set', `careful-${kind}`, '--require-escrow')).code).toBe(0);
    const connection = await careful.connect();
    const uniqueIdentifier = await newKey(connection, named('precious'));
    await connection.call(activate, { uniqueIdentifier });
    const uses = async () => [
      await outcomeOf(connection.call(get, { uniqueIdentifier })),
      await outcomeOf(
        connection.call(encrypt, { uniqueIdentifier, data: SecretBytes.copyOf(Buffer.alloc(16)) }),
      ),
    ];
    expect(await uses()).toEqual(['PermissionDenied', 'PermissionDenied']);
    const out = ['--out', path(`for-${kind}`)];
    const made =
      kind === 'backup'
        ? await holdfast('backup', 'create', '--to', path('alice.pub'), ...out)
        : await escrow(`for-${kind}`, '--domain', `careful-${kind}`, '--name', 'precious');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(await uses()).toEqual(['done', expect.not.stringMatching('PermissionDenied')]);
    // The next one waits for the next.
    const next = await newKey(connection, named('next'));
    expect(await outcomeOf(connection.call(get, { uniqueIdentifier: next }))).toBe('PermissionDenied');
    await connection.close();
  });

  test('is one of many where its domain asks for it', async () => {
    const any = await newClient(server, 'any');
    expect((await holdfast('domain', 'set', 'any', '--require-escrow')).code).toBe(0);
    const connection = await any.connect();
    const uniqueIdentifier = await newKey(connection);
    expect(await outcomeOf(connection.call(get, { uniqueIdentifier }))).toBe('PermissionDenied');
    expect((await holdfast('domain', 'set', 'any', '--no-require-escrow')).code).toBe(0);
    const free = await newKey(connection);
    expect(await outcomeOf(connection.call(get, { uniqueIdentifier: free }))).toBe('done');
    await connection.close();
  });
});

test('a row of the copies that was changed is not told as it stands', async () => {
  for (const column of await columnsOf(database, 'custody_copy')) {
    for (const value of otherValues(column).slice(0, 1)) {
      const oneRow = 'ctid = (SELECT min(ctid) FROM custody_copy)';
      const change = `UPDATE custody_copy SET ${column.name} = ${value} WHERE ${oneRow}`;
      const listed = await whileTampered(database, 'custody_copy', change, () => holdfast('escrow', 'list'));
      expect([column.name, value, listed.code]).toEqual([column.name, value, 1]);
    }
  }
});

test('the store is in order after all that, but for the records that were taken away', async () => {
  const { findings } = JSON.parse((await holdfast('verify', '--json')).stdout) as {
    findings: readonly { table: string }[];
  };
  expect(findings.filter(({ table }) => !/^(audit|change)_/.test(table))).toEqual([]);
});
