import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KmipClient } from '@holdfast/client';
import { get } from '@holdfast/core';
import type { RootAnswer } from '@holdfast/server/admin';
import {
  SOFT_HSM_MODULE,
  SoftHsm,
  asFirstOfficer,
  holdfastResult,
  startTestPostgres,
  type TestPostgres,
} from '@holdfast/testkit';
import { connectTo, urlOf, type Database } from '../support/database';
import { until } from '../support/until';
import { keyHolder, newFolder, passphraseHolder, SharedNode, type TestCustodian } from './sealed-node';
import { newKey } from './site';

/** A root key that custodians hold takes the place of another one, is replaced, and gives way to another one. */

const site = newFolder();
const alice = keyHolder(site, 'alice', generateKeyPairSync('x25519'));
const bob = passphraseHolder(site, 'bob', 'correct horse battery staple');
const carol = keyHolder(site, 'carol', generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const [dataDir, second] = [join(site, 'first'), join(site, 'second')];

let postgres: TestPostgres;
let database: Database;
let url: string;
let node: SharedNode;
let other: SharedNode | undefined;
let identifier: string;
let value: unknown;

const start = (
  kind: 'software' | 'shares',
  folder = dataDir,
  environment: Readonly<Record<string, string>> = {},
): Promise<SharedNode> =>
  SharedNode.start(folder, ['--database-url', url, '--listen', '127.0.0.1:0', '--root', kind], environment);

async function client(of = node): Promise<KmipClient> {
  const { kmip } = await of.status();
  const file = (name: string) => readFileSync(join(dataDir, 'client', name));
  const files = { cert: file('cert.pem'), key: file('key.pem'), ca: file('ca.pem') };
  return KmipClient.connect({ host: '127.0.0.1', port: kmip?.port ?? 0, ...files, version: '2.1' });
}
async function expectServed(of = node): Promise<void> {
  const connection = await client(of);
  expect(await connection.call(get, { uniqueIdentifier: identifier })).toEqual(value);
  await connection.close();
}
async function root(...args: readonly string[]): Promise<RootAnswer> {
  const { code, stdout, stderr } = await holdfastResult(['root', ...args, '--data-dir', dataDir, '--json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as RootAnswer;
}
const status = async (): Promise<RootAnswer> => (await asFirstOfficer({ dataDir })).call('GET /root');
const among = (out: string, ...custodians: readonly TestCustodian[]) => [
  ...['--threshold', '2', '--shares-out', join(site, out)],
  ...custodians.flatMap(({ options }) => options),
];
/** Has custodians give their shares. */
async function unseal(
  of: SharedNode,
  folder: string,
  ...custodians: readonly TestCustodian[]
): Promise<void> {
  for (const custodian of custodians) await of.give(shareIn(folder, custodian), custodian);
}
function shareIn(folder: string, { name }: TestCustodian): Buffer {
  const file = readdirSync(join(site, folder)).find((each) => each.endsWith(`-${name}.json`));
  return readFileSync(join(site, folder, file ?? ''));
}
/** What is said where the server or the command was started in vain. */
async function refusalOf(kind: string): Promise<string> {
  const args = ['serve', '--data-dir', dataDir, '--database-url', url, '--root', kind];
  const { code, stderr } = await holdfastResult([...args, '--listen', '127.0.0.1:0']);
  expect(code).not.toBe(0);
  return stderr;
}

beforeAll(async () => {
  postgres = await startTestPostgres();
  const config = await postgres.createDatabase();
  url = config.connectionString ?? urlOf(config);
  database = await connectTo({ connectionString: url });
  node = await start('software');
  const connection = await client();
  identifier = await newKey(connection);
  value = await connection.call(get, { uniqueIdentifier: identifier });
  await connection.close();
});
afterAll(async () => {
  await node.stop();
  await other?.stop();
  await database.close();
  await postgres.stop();
  rmSync(site, { recursive: true, force: true });
});

test('what does not fit is refused, and leaves no shares behind', async () => {
  const migrate = ['migrate', '--to', 'shares'];
  await expect(root(...migrate)).rejects.toThrow('--threshold NUMBER');
  await expect(root('rotate', ...among('none', alice, bob))).rejects.toThrow('belong to --root shares');
  await expect(root(...migrate, '--threshold', '3', ...alice.options, ...bob.options)).rejects.toThrow(
    'can never be reached',
  );
  await database.sql(
    `INSERT INTO setting (name, value) VALUES ('incoming-root-key-check-value', '${'0'.repeat(32)}')`,
  );
  await expect(root(...migrate, ...among('none', alice, bob))).rejects.toThrow('holdfast root cancel');
  await root('cancel');
  expect(existsSync(join(site, 'none'))).toBe(false);
});

test('a software root key gives way to one that custodians hold, without a restart', async () => {
  const before = await status();
  const moved = await root('migrate', '--to', 'shares', ...among('shares', alice, bob, carol));
  expect(moved).toMatchObject({ state: 'moved', kind: 'shares', outgoing: before.current });
  await expectServed();
  expect(await root('retire', '--destroy-file')).toMatchObject({ state: 'settled' });
  expect((await holdfastResult(['seal', '--data-dir', dataDir])).code).toBe(0);
  expect(await node.status()).toMatchObject({ state: 'sealed', custody: { threshold: 2, shares: 3 } });
  await unseal(node, 'shares', carol, bob);
  await expectServed();
  expect(await status()).toMatchObject({ state: 'settled', own: moved.current, kind: 'shares' });
  await node.stop();
  expect(await refusalOf('software')).toContain('root.key there');
  node = await start('shares');
  await unseal(node, 'shares', alice, bob);
  await expectServed();
});

test('it is replaced by another one, and the shares so far are void; a second node takes it once it is unsealed anew', async () => {
  other = await start('shares', second);
  await unseal(other, 'shares', alice, carol);
  const before = await status();
  const moved = await root('rotate', ...among('rotated', bob, carol));
  expect(moved).toMatchObject({ state: 'moved', kind: 'shares', outgoing: before.current });
  expect(moved.current).not.toBe(before.current);
  await expectServed(other);
  await until(() => other?.log.includes('restart this one') === true, 'the other node says what to do');
  expect(node.log).not.toContain('restart this one');
  await expect(root('retire')).rejects.toThrow(/1 of the nodes use the outgoing root key/);
  const officer = ['--officer', join(dataDir, 'officer.json')];
  const told = await holdfastResult(['root', 'status', '--data-dir', second, ...officer]);
  expect(told.stderr).toContain('restart it with the new one');
  await other.stop();
  other = await start('shares', second);
  await expect(other.give(shareIn('shares', alice), alice)).rejects.toThrow('of another root-key');
  await unseal(other, 'rotated', bob, carol);
  await expectServed(other);
  expect(await root('retire')).toMatchObject({ state: 'settled', nodes: { current: 2 } });
  await other.stop();
  other = undefined;
  await node.admin.call('POST /seal');
  await unseal(node, 'rotated', bob, carol);
  await expectServed();
});

test('an order to seal ends a move that is under way', async () => {
  const before = await status();
  await database.sql('BEGIN');
  await database.sql('LOCK TABLE domain_key_wrapping IN SHARE MODE');
  const officer = await asFirstOfficer({ dataDir });
  const moving = await officer.call('POST /root/move', { to: { kind: 'software' } });
  expect(moving).toMatchObject({ state: 'moving', current: before.current });
  const sealing = node.admin.call('POST /seal');
  await until(async () => (await node.status()).state === 'sealed', 'the order is obeyed');
  await database.sql('COMMIT');
  await sealing;
  expect(await node.status()).toMatchObject({ state: 'sealed' });
  await unseal(node, 'rotated', bob, carol);
  expect(await status()).toMatchObject({ state: 'interrupted', own: before.current });
  await expectServed();
});

test('it gives way to a software root key; sealed in between, all root keys are closed', async () => {
  const before = await status();
  await root('cancel');
  expect(await root('migrate', '--to', 'software')).toMatchObject({ state: 'moved', kind: 'software-file' });
  await expectServed();
  await node.admin.call('POST /seal');
  expect(await node.status()).toMatchObject({ state: 'sealed' });
  // Until it is retired, custodians open it: the node is not started with the other one yet.
  await unseal(node, 'rotated', bob, carol);
  expect(await status()).toMatchObject({ own: before.current, state: 'moved' });
  await expectServed();
  await expect(root('retire')).rejects.toThrow(/1 of the nodes use the outgoing root key/);
  await node.stop();
  node = await start('software');
  expect(await root('retire')).toMatchObject({ state: 'settled', kind: 'software-file' });
  await expectServed();
  const { code, stderr } = await holdfastResult(['seal', '--data-dir', dataDir]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('not held by custodians')]);
  await node.stop();
  expect(await refusalOf('shares')).toContain('no root key was split among custodians');
  node = await start('software');
});

test('a node that handed over to a software root key cannot be sealed any more once that is over', async () => {
  await root('migrate', '--to', 'shares', ...among('again', alice, bob));
  await root('retire', '--destroy-file');
  await root('migrate', '--to', 'software');
  await root('retire');
  expect((await holdfastResult(['seal', '--data-dir', dataDir])).code).toBe(2);
  await expectServed();
});

const onHsm = SOFT_HSM_MODULE === undefined && process.env['CI'] !== 'true' ? test.skip : test;

onHsm('custodians hand over to an HSM, and it to custodians (skipped without softhsm2)', async () => {
  const hsm = new SoftHsm();
  await hsm.initToken('holdfast');
  const at = (of = '') => [`--${of}module`, hsm.modulePath, `--${of}token`, 'holdfast'];
  const environment = { ...hsm.environment, HOLDFAST_HSM_PIN: hsm.pin, HOLDFAST_NEW_HSM_PIN: hsm.pin };
  const command = (...args: readonly string[]) => holdfastResult(args, environment);
  expect((await command('hsm', 'init', ...at())).code).toBe(0);
  await node.stop();
  node = await start('software', dataDir, hsm.environment);
  await root('migrate', '--to', 'shares', ...among('before-the-hsm', alice, bob));
  await root('retire', '--destroy-file');
  const migrate = ['root', 'migrate', '--to', 'pkcs11', ...at('pkcs11-'), '--data-dir', dataDir];
  expect(await command(...migrate)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('What is left to do') as string,
  });
  expect(await root('retire')).toMatchObject({ state: 'settled', kind: 'pkcs11' });
  await expectServed();
  expect((await holdfastResult(['seal', '--data-dir', dataDir])).code).toBe(2);
  await root('migrate', '--to', 'shares', ...among('after-the-hsm', bob, carol));
  expect(await root('retire')).toMatchObject({ state: 'settled', kind: 'shares' });
  await node.admin.call('POST /seal');
  await expect(node.give(shareIn('before-the-hsm', alice), alice)).rejects.toThrow('of another root-key');
  await unseal(node, 'after-the-hsm', carol, bob);
  await expectServed();
  hsm.remove();
});
