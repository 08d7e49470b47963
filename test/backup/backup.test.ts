import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activate, destroy, get, getAttributes, register } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { CryptographicAlgorithm, KeyFormatType, ObjectType } from '@holdfast/kmip';
import {
  holdfastResult,
  startServerProcess,
  type CommandResult,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { BACKED_UP_TABLES } from '@holdfast/store';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { named, newKey } from '../custody/site';

jest.setTimeout(120_000);

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
  const places = Array.from({ length: 12 }, (_, index) => Math.floor((index * whole.length) / 12));
  const identity = ['--identity', path('first.key')];
  for (const place of [...places, whole.length - 1]) {
    const altered = Buffer.from(whole);
    altered[place] = (altered[place] ?? 0) ^ 1;
    writeFileSync(path('altered'), altered);
    expect([place, (await backup('verify', path('altered'), ...identity)).code]).not.toEqual([place, 0]);
    writeFileSync(path('altered'), whole);
    truncateSync(path('altered'), place);
    expect([place, (await backup('verify', path('altered'), ...identity)).code]).not.toEqual([place, 0]);
  }
  writeFileSync(path('altered'), Buffer.concat([whole, Buffer.of(0)]));
  expect((await backup('restore', path('altered'), ...identity, '--data-dir', path('nowhere'))).code).toBe(1);
  expect(existsSync(path('nowhere'))).toBe(false);
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
  for (const name of ['client', 'officer.json']) {
    cpSync(join(server.dataDir, name), join(dataDir, name), { recursive: true });
  }
  const other = await startServerProcess({ dataDir });
  try {
    const same = await connectFirstClient(other);
    expect(await seen(same)).toEqual(before);
    expect(await newKey(same, named('made after'))).toMatch(/./);
    await same.close();
    const verified = await holdfastResult(['verify', '--data-dir', dataDir]);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('all are as they were')]);
  } finally {
    await other.stop();
  }
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

/** Made anew by a restore: wrapped domain keys, the root key's check value, the record of migrations. */
const NOT_IN_BACKUPS = ['domain_key', 'schema_migration', 'setting'];

test('every table is in it, or is made anew', async () => {
  const database = await openDatabase(server.dataDir);
  const rows = await database.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  await database.close();
  expect(rows.map(({ name }) => name).sort()).toEqual([...BACKED_UP_TABLES, ...NOT_IN_BACKUPS].sort());
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
