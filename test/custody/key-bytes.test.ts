import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { create, destroy, get, getAttributes, reKey, register } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  ObjectType,
  Tag,
  dialectNamed,
  encodeRequest,
} from '@holdfast/kmip';
import {
  asFirstOfficer,
  holdfastResult,
  keyBytesOf,
  startServerProcess,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv, type StructureItem } from '@holdfast/ttlv';
import { decodeRootKey } from '../../packages/hsm/src/root-key-format';
import { wrappingContext } from '../../packages/server/src/domain-keys';
import { RootKeys } from '../../packages/server/src/root-keys';
import { openSoftwareRoot } from '@holdfast/hsm';
import { connectFirstClient } from '../support/client';
import { openDatabase, postmasterPid, type Database } from '../support/database';
import { filesBelow } from '../support/files';
import { until } from '../support/until';
import { knownKeys, symmetricKey, type KnownKey } from './known-keys';
import { Needles } from './needles';

/**
 * Key bytes exist sealed or in memory: neither the database with its write-ahead log, nor the data folder, nor the log at
 * its most talkative level holds any of them in any form.
 */
let server: ServerProcess;
let client: KmipClient;
let database: Database;
const needles = new Needles();
const PASSING_KEYS = 66;

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'trace' });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
});

async function tables(): Promise<readonly string[]> {
  const rows = await database.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  return rows.map(({ name }) => name);
}

/** Every place that was written to, by name; `except` names files of the data folder whose purpose is to hold a secret. */
async function findings(sought: Needles, except: readonly string[] = []): Promise<readonly string[]> {
  const found: string[] = [];
  const look = (where: string, content: Buffer | string): void => {
    for (const what of sought.foundIn(content)) found.push(`${where}: ${what}`);
  };
  look('the log', server.log());
  for (const table of await tables()) {
    const rows = await database.sql<{ row: string }>(`SELECT t::text AS row FROM ${table} AS t`);
    look(`table ${table}`, rows.map(({ row }) => row).join('\n'));
  }
  await database.sql('CHECKPOINT').catch(() => undefined);
  for (const { path, content } of filesBelow(server.dataDir)) {
    const name = relative(server.dataDir, path);
    if (!except.includes(name)) look(name, content);
  }
  return found;
}

function addKnown(key: KnownKey): void {
  for (const secret of key.secrets) needles.add(secret, key.name);
}

function registerCall(key: KnownKey) {
  const { object, newAttributes } = key;
  return { objectType: object.objectType, object, newAttributes };
}

test('what is sought is found in whatever form it stands', () => {
  const secret = randomBytes(32);
  const sought = new Needles();
  sought.add(secret, 'a secret');
  const hex = secret.toString('hex');
  for (let before = 0; before < 3; before++) {
    const around = Buffer.concat([randomBytes(before), secret, randomBytes(2)]);
    for (const text of [around.toString('base64'), around.toString('base64url'), JSON.stringify(around)]) {
      expect(sought.foundIn(`x${text}y`)).not.toEqual([]);
    }
    expect(sought.foundIn(around)).not.toEqual([]);
  }
  for (const text of [hex, hex.toUpperCase(), `<Buffer ${(hex.match(/../g) ?? []).join(' ')}>`]) {
    expect(sought.foundIn(`x${text}y`)).not.toEqual([]);
  }
  // Half of it, cut at a page's end.
  expect(sought.foundIn(Buffer.concat([randomBytes(100), secret.subarray(0, 16)]))).not.toEqual([]);
  expect(sought.foundIn(randomBytes(100_000))).toEqual([]);
});

test('registered and created keys are nowhere in clear', async () => {
  const identifiers: string[] = [];
  for (const key of knownKeys()) {
    addKnown(key);
    const { uniqueIdentifier } = await client.call(register, registerCall(key));
    identifiers.push(uniqueIdentifier);
  }
  for (let number = 0; number < PASSING_KEYS; number++) {
    const { uniqueIdentifier } = await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: {
        templateNames: [],
        attributes: [
          { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
          { key: 'CryptographicLength', value: 256 },
          { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
        ],
      },
    });
    const created = await client.call(get, { uniqueIdentifier });
    needles.add(Buffer.from(keyBytesOf(created.object)), `created ${number}`);
    const again = await client.call(reKey, {
      uniqueIdentifier,
      newAttributes: { templateNames: [], attributes: [] },
    });
    const replacement = await client.call(get, { uniqueIdentifier: again.uniqueIdentifier });
    needles.add(Buffer.from(keyBytesOf(replacement.object)), `replacement ${number}`);
    await client.call(destroy, { uniqueIdentifier });
  }
  for (const uniqueIdentifier of identifiers) {
    await client.call(get, { uniqueIdentifier });
    await client.call(getAttributes, { uniqueIdentifier, attributeReferences: [] });
  }
  expect(needles.count).toBeGreaterThan(200);
  expect(await findings(needles)).toEqual([]);
});

test('nor are they in a backup, or in an escrow package', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-copies-'));
  try {
    const custodians = ['alice', 'bob'].flatMap((name) => {
      const path = join(folder, `${name}.pub`);
      const { publicKey } = generateKeyPairSync('x25519');
      writeFileSync(path, publicKey.export({ type: 'spki', format: 'pem' }));
      return ['--to', path];
    });
    for (const [kind, ...args] of [['backup'], ['escrow', '--all']] as const) {
      const out = join(folder, kind);
      const to = [...custodians, '--threshold', '2', '--out', out, '--data-dir', server.dataDir];
      const made = await holdfastResult([kind, 'create', ...args, ...to]);
      expect([kind, made.code, made.stderr]).toEqual([kind, 0, '']);
      expect([kind, needles.foundIn(readFileSync(out))]).toEqual([kind, []]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('requests that fail leave nothing of their keys either', async () => {
  const refused = async (key: KnownKey): Promise<void> => {
    addKnown(key);
    await expect(client.call(register, registerCall(key))).rejects.toBeInstanceOf(KmipRefusal);
  };
  // A name that is taken: refused by the database.
  await refused({ ...symmetricKey('aes-256-0', 256) });
  await refused({ ...symmetricKey('aes-128-0', 128) });
  // A length that is not the key's, and bytes that are no private key.
  const wrong = symmetricKey('wrong-length', 256);
  const keyBlock = 'keyBlock' in wrong.object ? wrong.object.keyBlock : undefined;
  await refused({
    ...wrong,
    object: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: { ...keyBlock!, cryptographicLengthBits: 128 },
    },
  });
  const noKey = symmetricKey('no-private-key', 512);
  const block = 'keyBlock' in noKey.object ? noKey.object.keyBlock : undefined;
  for (const keyFormatType of [KeyFormatType.PKCS_8, KeyFormatType.PKCS_1, KeyFormatType.ECPrivateKey]) {
    await refused({
      ...noKey,
      object: {
        objectType: ObjectType.PrivateKey,
        keyBlock: { ...block!, keyFormatType, cryptographicAlgorithm: CryptographicAlgorithm.RSA },
      },
    });
  }
  // Messages broken in many places, with the key inside.
  const dialect = dialectNamed('1.4');
  for (let number = 0; number < 40; number++) {
    const key = symmetricKey(`broken-${number}`, 256);
    addKnown(key);
    const payload = register.request.encode(Tag.RequestPayload, registerCall(key), dialect) as StructureItem;
    const message = encodeTtlv(encodeRequest({ dialect, items: [{ operation: register.code, payload }] }));
    const place = 8 + Math.floor((number * (message.length - 8)) / 40);
    message[place] = (message[place] ?? 0) ^ 0x41;
    await client.exchangeBytes(message);
  }
  expect(await findings(needles)).toEqual([]);
});

test('a database that dies under its hands leaves nothing of them', async () => {
  const dying = process.kill(await postmasterPid(server.dataDir), 'SIGKILL');
  expect(dying).toBe(true);
  let stored = 0;
  for (let number = 0; stored < 5; number++) {
    const key = symmetricKey(`dying-${number}`, 256);
    addKnown(key);
    const another = client.call(register, registerCall(key));
    stored += await another.then(
      () => 1,
      () => 0,
    );
  }
  await database.close().catch(() => undefined);
  await until(
    () =>
      openDatabase(server.dataDir).then(
        (opened) => {
          database = opened;
          return true;
        },
        () => false,
      ),
    'the database is back',
  );
  expect(await findings(needles)).toEqual([]);
});

const hasRootKeyFile = process.env['HOLDFAST_TEST_ROOT'] !== 'pkcs11';

/** The bytes of the root key in a file of the data folder. */
async function rootKeyIn(name: string): Promise<Buffer> {
  return (await decodeRootKey(readFileSync(join(server.dataDir, name)), undefined, name)).rootKey.reveal();
}

async function addDomainKeys(sought: Needles): Promise<void> {
  const root = await openSoftwareRoot({ dataDir: server.dataDir });
  const rows = await database.sql<{ domain_id: string; version: number; root: string; wrapped: Buffer }>(
    'SELECT domain_id, version, root, wrapped FROM domain_key_wrapping',
  );
  const keys = new RootKeys(root);
  for (const { domain_id: domainId, version, ...wrapping } of rows) {
    const key = await keys.unwrap([wrapping], wrappingContext({ domainId, version, status: 'current' }));
    sought.add(key.reveal(), `key of ${domainId}`);
  }
}

(hasRootKeyFile ? describe : describe.skip)('root key and domain keys', () => {
  test('are in no other place than their own', async () => {
    const rootNeedles = new Needles();
    rootNeedles.add(await rootKeyIn('root.key'), 'root key');
    expect(rootNeedles.foundIn(readFileSync(join(server.dataDir, 'root.key')))).not.toEqual([]);
    expect(await findings(rootNeedles, ['root.key'])).toEqual([]);

    const domainNeedles = new Needles();
    await addDomainKeys(domainNeedles);
    // The system's own, and that of the domain "default".
    expect(domainNeedles.count).toBe(2);
    expect(await findings(domainNeedles)).toEqual([]);
  });

  test('nor are they while the root key is replaced, and afterwards', async () => {
    const sought = new Needles();
    await addDomainKeys(sought);
    sought.add(await rootKeyIn('root.key'), 'root key before');
    const officer = await asFirstOfficer(server);
    const holding = await openDatabase(server.dataDir);
    await holding.sql('BEGIN; LOCK TABLE domain_key_wrapping IN SHARE MODE');
    const { outgoing, current } = await officer.call('POST /root/move', {});
    expect(outgoing).toBe(undefined);
    sought.add(await rootKeyIn('root.key.next'), 'root key to come');
    expect(await findings(sought, ['root.key', 'root.key.next'])).toEqual([]);
    await holding.close();
    await until(async () => (await officer.call('GET /root')).state === 'moved', 'the root key is replaced');
    expect(await findings(sought, ['root.key', `root.key.${current.slice(0, 8)}`])).toEqual([]);
  });
});

test("the officer's token and the first client's key are in no other place than their own", async () => {
  const { token } = JSON.parse(readFileSync(join(server.dataDir, 'officer.json'), 'utf8')) as {
    token: string;
  };
  const sought = new Needles();
  sought.add(Buffer.from(token, 'base64url'), 'token');
  sought.add(Buffer.from(token), 'token as text');
  const { d = '' } = createPrivateKey(readFileSync(server.clientFiles.key)).export({ format: 'jwk' });
  sought.add(Buffer.from(d, 'base64url'), 'client key');
  expect(await findings(sought, ['officer.json', join('client', 'key.pem')])).toEqual([]);
});
