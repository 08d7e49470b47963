import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { KmipClient } from '@holdfast/client';
import { get } from '@holdfast/core';
import { ObjectType } from '@holdfast/kmip';
import {
  decodeShare,
  encodeShare,
  openShare,
  recipientFrom,
  sealShare,
  ShareCollection,
  type OpenedShare,
} from '@holdfast/crypto';
import {
  asFirstOfficer,
  holdfast,
  holdfastResult,
  startTestPostgres,
  type TestPostgres,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { batchedRecords } from '../support/audit';
import { connectTo, urlOf, type Database } from '../support/database';
import { filesBelow } from '../support/files';
import { freePort } from '../support/port';
import { signalAll } from '../support/processes';
import { until } from '../support/until';
import { Needles } from './needles';
import { keyHolder, newFolder, passphraseHolder, SharedNode, type TestCustodian } from './sealed-node';
import { newKey } from './site';

/** A root key that five custodians hold, any three of whom unseal a node: two nodes on one database. */

const site = newFolder();
const custodians: readonly TestCustodian[] = [
  keyHolder(site, 'alice', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  keyHolder(site, 'bob', generateKeyPairSync('x25519')),
  keyHolder(site, 'carol', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'the key of carol'),
  keyHolder(site, 'dave', generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  passphraseHolder(site, 'erin', 'correct horse battery staple'),
];
const nobody: Pick<TestCustodian, 'unsealing'> = { unsealing: { options: [], environment: {} } };
const [alice, bob, carol] = custodians as [TestCustodian, TestCustodian, TestCustodian];
const first = join(site, 'first');
const second = join(site, 'second');

let postgres: TestPostgres;
let database: Database;
let url: string;
let port: number;
let one: SharedNode;
let two: SharedNode;
let uniqueIdentifier: string;

/** The share of a custodian, counted from 1. */
function shareOf(index: number): Buffer {
  return readFileSync(pathOf(index));
}

function pathOf(index: number): string {
  return join(first, 'shares', `share-${index}-${(custodians[index - 1] as TestCustodian).name}.json`);
}

function startOne(): Promise<SharedNode> {
  return SharedNode.start(first, ['--database-url', url, '--listen', `127.0.0.1:${port}`]);
}

/** Gives shares until the node serves. */
async function unsealBy(node: SharedNode, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes) await node.give(shareOf(index), custodians[index - 1] as TestCustodian);
  expect(await node.status()).toMatchObject({ state: 'serving' });
}

async function given(node: SharedNode): Promise<number | undefined> {
  return (await node.status()).custody?.given;
}

async function client(node: SharedNode): Promise<KmipClient> {
  const { kmip } = await node.status();
  const file = (name: string) => readFileSync(join(first, 'client', name));
  const files = { cert: file('cert.pem'), key: file('key.pem'), ca: file('ca.pem') };
  return KmipClient.connect({ host: '127.0.0.1', port: kmip?.port ?? 0, ...files, version: '2.1' });
}

function isListening(): Promise<boolean> {
  return new Promise((resolveListening) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolveListening(true)).once('error', () => resolveListening(false));
    socket.unref();
  });
}

beforeAll(async () => {
  postgres = await startTestPostgres();
  const config = await postgres.createDatabase();
  url = config.connectionString ?? urlOf(config);
  database = await connectTo({ connectionString: url });
  port = await freePort();
});
afterAll(async () => {
  await one.stop();
  await two.stop();
  await database.close();
  await postgres.stop();
  rmSync(site, { recursive: true, force: true });
});

test('before init a node says what to do first; init refuses what cannot be', async () => {
  const serve = ['serve', '--root', 'shares', '--data-dir', first, '--database-url', url];
  expect(await holdfastResult(serve)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('run holdfast init --root shares first') as string,
  });
  const init = ['init', '--root', 'shares', '--data-dir', first, '--database-url', url];
  const refused: readonly (readonly [string, readonly string[]])[] = [
    ['--threshold NUMBER', alice.options],
    ['can never be reached', ['--threshold', '3', ...alice.options, ...bob.options]],
    ['a whole number from 2', ['--threshold', '1', ...alice.options, ...bob.options]],
    ['2 custodians are named', ['--threshold', '2', '--shares', '1', ...alice.options, ...bob.options]],
    ['no terminal to ask custodian-1', ['--threshold', '3', '--shares', '5']],
    ['named twice', ['--threshold', '2', ...alice.options, ...alice.options]],
    [
      'is too short',
      ['--threshold', '2', ...passphraseHolder(site, 'zoe', 'short').options, ...alice.options],
    ],
  ];
  for (const [message, options] of refused) {
    const result = await holdfastResult([...init, ...options]);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
  }
  expect(await holdfastResult(['init', '--data-dir', first, '--threshold', '2'])).toMatchObject({ code: 2 });
});

test('init writes each share for its custodian alone, and nothing twice', async () => {
  const init = ['init', '--root', 'shares', '--data-dir', first, '--database-url', url, '--threshold', '3'];
  const { code, stdout, stderr } = await holdfastResult([
    ...init,
    ...custodians.flatMap(({ options }) => options),
  ]);
  expect([code, stderr.includes('error')]).toEqual([0, false]);
  const files = readdirSync(join(first, 'shares')).sort();
  expect(files.map((name) => decodeShare(readFileSync(join(first, 'shares', name))).index)).toEqual([
    1, 2, 3, 4, 5,
  ]);
  for (const name of files) {
    expect(stdout).toContain(join(first, 'shares', name));
    expect(statSync(join(first, 'shares', name)).mode & 0o777).toBe(0o600);
  }
  expect(await holdfastResult([...init, ...alice.options, ...bob.options, ...carol.options])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('was set up before') as string,
  });
});

test('a sealed node answers its status, names no custodian there, and nothing else', async () => {
  one = await startOne();
  expect(await one.status()).toMatchObject({
    state: 'sealed',
    custody: { threshold: 3, shares: 5, given: 0 },
    root: { kind: 'shares', forEvaluation: false },
  });
  expect(JSON.stringify(await one.status())).not.toContain('alice');
  expect(await isListening()).toBe(false);
  const officer = await asFirstOfficer(one);
  for (const call of ['GET /clients', 'GET /domains', 'POST /reindex', 'POST /verification'] as const) {
    await expect(officer.call(call)).rejects.toMatchObject({ code: 'RootOfTrustUnavailable' });
  }
  const status = ['status', '--data-dir', first];
  expect(await holdfastResult(status)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('0 of 3 shares given') as string,
  });
});

test('what is wrong with a share is said, by the name of its custodian, and the others count all the same', async () => {
  await one.give(shareOf(4), custodians[3] as TestCustodian);
  const share = decodeShare(shareOf(2));
  const altered = join(site, 'altered.json');
  writeFileSync(altered, encodeShare({ ...share, sealed: `AAAA${share.sealed.slice(4)}` }));
  const publicKey = createPublicKey(readFileSync(join(site, 'bob.key')));
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const forged = join(site, 'forged.json');
  const { split } = share;
  const forgery = { split, index: 2, share: SecretBytes.copyOf(randomBytes(32)) };
  writeFileSync(forged, encodeShare(await sealShare(forgery, recipientFrom('bob', pem))));
  const junk = join(site, 'junk.json');
  writeFileSync(junk, 'no share');
  const cases: readonly (readonly [string, TestCustodian, string, number])[] = [
    [altered, bob, 'share 2 (bob) was altered', 1],
    [forged, bob, 'share 2 (bob) is wrong', 1],
    [pathOf(2), alice, 'this private key does not open share 2 (bob)', 1],
    [pathOf(5), passphraseHolder(site, 'wrong', 'incorrect horse'), 'share 5 (erin) does not open', 1],
    [pathOf(5), alice, 'share 5 (erin) is sealed with a passphrase', 2],
    [pathOf(1), passphraseHolder(site, 'none', 'incorrect horse'), '--identity FILE', 2],
    [junk, bob, 'is no share', 2],
    [join(site, 'nowhere.json'), bob, 'cannot read', 2],
  ];
  for (const [path, custodian, message, code] of cases) {
    const result = await one.unseal(path, custodian);
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(message) as string });
    expect(await given(one)).toBe(1);
  }
  expect(one.log).toContain('share 2 (bob) is wrong');
});

test('shares of another root key are named as such', async () => {
  const other = join(site, 'other');
  const made = await postgres.createDatabase();
  const options = [...alice.options, ...bob.options, '--threshold', '2', '--database-url'];
  const init = [
    'init',
    '--root',
    'shares',
    '--data-dir',
    other,
    '--shares-out',
    join(other, 'out'),
    ...options,
  ];
  const { code } = await holdfastResult([...init, made.connectionString ?? urlOf(made)]);
  expect(code).toBe(0);
  await expect(one.give(readFileSync(join(other, 'out', 'share-1-alice.json')), alice)).rejects.toThrow(
    /^the share of .* is one of another root-key$/,
  );
  expect(await given(one)).toBe(1);
});

test('two of three never unseal, however often they are given, and a restart begins again', async () => {
  expect(await one.give(shareOf(1), alice)).toEqual({ state: 'sealed', isNew: true, given: 2, threshold: 3 });
  for (const index of [1, 4, 1]) {
    const answer = await one.give(shareOf(index), custodians[index - 1] as TestCustodian);
    expect(answer).toEqual({ state: 'sealed', isNew: false, given: 2, threshold: 3 });
  }
  expect(await isListening()).toBe(false);
  await one.stop('SIGKILL');
  one = await startOne();
  expect(await given(one)).toBe(0);
  // It takes no custodian to stop it.
  expect((await holdfastResult(['drain', '--data-dir', first])).code).toBe(0);
  expect(await one.ended).toBe(0);
  one = await startOne();
});

test('three unseal it, by holdfast unseal, in any order; it serves and says so', async () => {
  expect(await one.unseal(pathOf(5), custodians[4] as TestCustodian)).toMatchObject({
    code: 0,
    stdout: 'Share 5 (erin) was taken: 1 of 3 are given.\n',
  });
  expect((await one.unseal(pathOf(3), carol)).stdout).toBe('Share 3 (carol) was taken: 2 of 3 are given.\n');
  expect((await one.unseal(pathOf(3), carol)).stdout).toContain('was given before and counts once');
  // Alice is elsewhere: the share comes sealed to this node, her key does not.
  const [node, passed] = [join(site, 'node.pem'), join(site, 'passed.json')];
  writeFileSync(node, (await one.status()).custody?.publicKeyPem ?? '');
  await holdfast(
    ...['root', 'share', pathOf(1), '--identity', join(site, 'alice.key'), '--for', node, '--out', passed],
  );
  expect(statSync(passed).mode & 0o777).toBe(0o600);
  expect(await one.unseal(passed, nobody)).toMatchObject({
    code: 0,
    stdout: 'Share 1 (alice) was taken. The node is unsealed.\n',
  });
  expect((await one.unseal(pathOf(2), bob)).stdout).toBe('Nothing to unseal: the node is serving.\n');
  expect(await one.status()).toMatchObject({ state: 'serving', kmip: { port } });
  const connection = await client(one);
  uniqueIdentifier = await newKey(connection);
  await connection.close();
});

test('a second node with workers is unsealed by others; a worker that dies is replaced without them', async () => {
  const config = join(site, 'config.json');
  writeFileSync(config, JSON.stringify({ limits: { drainTimeoutMs: 1000 } }));
  two = await SharedNode.start(second, [
    ...[
      '--database-url',
      url,
      '--listen',
      `127.0.0.1:${await freePort()}`,
      '--workers',
      '2',
      '--config',
      config,
    ],
  ]);
  expect(two.workers).toHaveLength(0);
  await unsealBy(two, 2, 5, 4);
  const before = two.workers;
  expect(before).toHaveLength(2);
  signalAll(before, 'SIGKILL');
  await until(
    () => two.workers.length === 2 && !two.workers.some((pid) => before.includes(pid)),
    'they are replaced',
  );
  await until(async () => {
    try {
      const connection = await client(two);
      const { object } = await connection.call(get, { uniqueIdentifier });
      await connection.close();
      return object.objectType === ObjectType.SymmetricKey;
    } catch {
      return false;
    }
  }, 'the new workers serve');
});

test('an order to seal reaches every node: connections end, nothing is served, and custodians open them again', async () => {
  const connections = await Promise.all([client(one), client(two)]);
  const { code, stdout } = await holdfastResult(['seal', '--data-dir', second]);
  expect([code, stdout]).toEqual([0, 'The node is sealed, and all others on its database are told to.\n']);
  expect(two.workers).toEqual([]);
  await until(async () => (await one.status()).state === 'sealed', 'the other node is sealed');
  expect(await one.status()).toMatchObject({ connections: 0, custody: { given: 0 } });
  expect(await isListening()).toBe(false);
  for (const connection of connections) {
    await expect(connection.call(get, { uniqueIdentifier })).rejects.toThrow();
    await connection.close();
  }
  // An order also ends an unsealing that is under way, whichever node it comes from.
  await one.give(shareOf(1), alice);
  await two.admin.call('POST /seal');
  await until(async () => (await given(one)) === 0, 'the share is forgotten');
  await unsealBy(one, 3, 2, 1);
  await unsealBy(two, 1, 2, 3);
  for (const node of [one, two]) {
    const connection = await client(node);
    await connection.call(get, { uniqueIdentifier });
    await connection.close();
  }
});

test('who unsealed and what sealed is in the audit log', async () => {
  const records = (await batchedRecords(database)).filter(({ action }) => action.startsWith('node.'));
  const said = records.map(({ action, subjects, actor }) => [action, subjects, actor.kind] as const);
  // Both nodes seal at once: either may be the first to say so.
  const seals = said.splice(2, 2).sort(([, , one], [, , other]) => one.localeCompare(other));
  expect(seals).toEqual([
    ['node.seal', [], 'operator'],
    ['node.seal', [], 'system'],
  ]);
  expect(said).toEqual([
    ['node.unseal', ['erin', 'carol', 'alice'], 'operator'],
    ['node.unseal', ['bob', 'erin', 'dave'], 'operator'],
    ['node.unseal', ['carol', 'bob', 'alice'], 'operator'],
    ['node.unseal', ['alice', 'bob', 'carol'], 'operator'],
  ]);
});

test('the root key and its shares are in no file, no row and no log', async () => {
  const collection = new ShareCollection(decodeShare(shareOf(1)).split);
  const needles = new Needles();
  const opened: OpenedShare[] = [];
  for (const [place, custodian] of custodians.entries()) {
    opened.push(await openShare(decodeShare(shareOf(place + 1)), await custodian.open()));
  }
  for (const each of opened) {
    needles.add(each.share.reveal(), `share ${each.index}`);
    collection.add(each);
  }
  needles.add(collection.join().reveal(), 'the root key');
  await database.sql('CHECKPOINT').catch(() => undefined);
  const found: string[] = [];
  const look = (where: string, content: Buffer | string): void => {
    for (const what of needles.foundIn(content)) found.push(`${where}: ${what}`);
  };
  for (const folder of [first, second]) {
    for (const { path, content } of filesBelow(folder)) look(path, content);
  }
  for (const { log } of [one, two]) look('log', log);
  for (const table of ['setting', 'domain_key', 'audit_record', 'server_secret']) {
    const rows = await database.sql<{ row: string }>(`SELECT t::text AS row FROM ${table} AS t`);
    look(table, rows.map(({ row }) => row).join('\n'));
  }
  expect(found).toEqual([]);
});

test('where the database’s word of the shares was altered, no share is taken, and nothing is served', async () => {
  const [row] = await database.sql<{ value: string }>(
    `SELECT value FROM setting WHERE name = 'root-key-split'`,
  );
  const value = row?.value ?? '';
  await one.admin.call('POST /seal');
  const change = `UPDATE setting SET value = $1 WHERE name = 'root-key-split'`;
  try {
    await database.sql(change, [value.replace('"threshold":3', '"threshold":2')]);
    await expect(one.give(shareOf(1), alice)).rejects.toMatchObject({ code: 'IntegrityViolation' });
    await database.sql(change, ['{}']);
    await expect(one.give(shareOf(1), alice)).rejects.toMatchObject({ code: 'IntegrityViolation' });
  } finally {
    await database.sql(change, [value]);
  }
  await unsealBy(one, 4, 5, 1);
});

test('a backup is restored under a root key that other custodians hold', async () => {
  const [file, dataDir] = [join(site, 'backup'), join(site, 'restored')];
  await holdfast('backup', 'create', '--to', join(site, 'alice.pem'), '--out', file, '--data-dir', first);
  const made = await postgres.createDatabase();
  const at = ['--data-dir', dataDir, '--database-url', made.connectionString ?? urlOf(made)];
  const restore = [
    'backup',
    'restore',
    file,
    '--identity',
    join(site, 'alice.key'),
    '--root',
    'shares',
    ...at,
  ];
  expect(await holdfastResult(restore)).toMatchObject({ code: 2 });
  await holdfast(...restore, '--threshold', '2', ...alice.options, ...bob.options);
  const node = await SharedNode.start(dataDir, [...at.slice(2), '--listen', '127.0.0.1:0']);
  await expect(node.give(shareOf(1), alice)).rejects.toThrow('is one of another root-key');
  await node.give(readFileSync(join(dataDir, 'shares', 'share-1-alice.json')), alice);
  await node.give(readFileSync(join(dataDir, 'shares', 'share-2-bob.json')), bob);
  const connection = await client(node);
  await connection.call(get, { uniqueIdentifier });
  await connection.close();
  await node.stop();
});

test('when a custodian leaves, others split the same root key anew; shares so far unseal nothing any more', async () => {
  const out = join(site, 'new-shares');
  const zoe = keyHolder(site, 'zoe', generateKeyPairSync('x25519'));
  const reshare = (...indexes: readonly number[]) => [
    ...['root', 'reshare', '--data-dir', first, '--shares-out', out, '--threshold', '2'],
    ...[alice, bob, zoe].flatMap(({ options }) => options),
    ...indexes.flatMap((index) => ['--share', pathOf(index)]),
    ...['alice', 'carol', 'dave'].flatMap((name) => ['--identity', join(site, `${name}.key`)]),
  ];
  const environment = { HOLDFAST_SHARE_PASSPHRASE: 'the key of carol' };
  const refused: readonly (readonly [readonly string[], string, number])[] = [
    [reshare(1, 3), '2 of 3 shares were given', 1],
    [reshare(1, 3, 2), 'no --identity opens share 2 (bob)', 2],
    [[...reshare(1, 3, 4), '--officer', join(site, 'alice.key')], 'officer', 2],
  ];
  for (const [command, message, code] of refused) {
    const result = await holdfastResult(command, environment);
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(message) as string });
    expect(existsSync(out)).toBe(false);
  }
  expect(await holdfastResult(reshare(1, 3, 4), environment)).toMatchObject({ code: 0 });
  expect((await one.status()).custody).toMatchObject({ threshold: 2, shares: 3 });
  expect(await database.sql('SELECT FROM audit_record WHERE action = $1', ['root.reshare'])).toHaveLength(1);
  await one.admin.call('POST /seal');
  await until(async () => (await two.status()).state === 'sealed', 'the other node is sealed');
  for (const node of [one, two]) {
    await expect(node.give(shareOf(1), alice)).rejects.toThrow('another splitting of the same key');
    await node.give(readFileSync(join(out, 'share-3-zoe.json')), zoe);
    await node.give(readFileSync(join(out, 'share-2-bob.json')), bob);
    const connection = await client(node);
    await connection.call(get, { uniqueIdentifier });
    await connection.close();
  }
  // A worker that hangs holds keys, too.
  process.kill(two.workers[0] as number, 'SIGSTOP');
  await two.admin.call('POST /seal');
  expect(two.workers).toEqual([]);
});

test('nodes whose root key nobody shares are neither sealed nor unsealed', async () => {
  const plain = join(site, 'plain');
  const made = await postgres.createDatabase();
  const at = ['--data-dir', plain, '--database-url', made.connectionString ?? urlOf(made)];
  const node = await SharedNode.start(plain, [...at, '--listen', '127.0.0.1:0', '--root', 'software']);
  expect(await holdfastResult(['seal', '--data-dir', plain])).toMatchObject({ code: 2 });
  expect(await node.status()).toMatchObject({ state: 'serving' });
  await node.stop();
});
