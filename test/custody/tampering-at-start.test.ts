import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_DOMAIN_ID, get } from '@holdfast/core';
import {
  asFirstOfficer,
  startServerProcess,
  startTestPostgres,
  type AddedClient,
  type ServerProcess,
  type TestPostgres,
} from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { connectTo, urlOf, type Database } from '../support/database';
import { connectAs, dropConstraints, newClient, newKey, outcomeOf, whileTampered } from './site';

/**
 * A database administrator who changes, while the server is down, what it reads when it starts: it refuses to start, or
 * where a row concerns one domain or client alone, it starts and serves all others.
 *
 * What is not noticed, and why: `setting` holds the root key's check value, which is set anew where it is missing: another root key then fails at the first domain key that it is to
 * unwrap; `schema_migration` says which steps of the schema were taken.
 */
let postgres: TestPostgres;
let database: Database;
let databaseUrl: string;
let dataDir: string;
/** A client in a domain of its own, with a key. */
interface Other {
  readonly identity: AddedClient;
  readonly identifier: string;
}
/** A key of the first client. */
let identifier: string;
/** As many as one table is changed in ways, and one more. */
let others: readonly Other[];

function start(): Promise<ServerProcess> {
  return startServerProcess({ dataDir, logLevel: 'fatal', arguments: ['--database-url', databaseUrl] });
}

/** Ways to change a row of a domain's key, each tried on a domain of its own. */
const CHANGES: readonly (readonly [table: string, changes: readonly string[]])[] = [
  [
    'domain_key',
    [
      'domain_id = gen_random_uuid()',
      'version = version + 1',
      `status = 'superseded'`,
      'created_at = created_at + 1',
      'changed_at = changed_at + 1',
      'id = gen_random_uuid()',
      'revision = revision + 1',
      'revision = 0, mac = NULL',
      'mac = set_byte(mac, 20, get_byte(mac, 20) # 1)',
    ],
  ],
  [
    'domain_key_wrapping',
    [
      'domain_id = gen_random_uuid()',
      'version = version + 1',
      `root = root || 'x'`,
      'wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)',
    ],
  ],
];

beforeAll(async () => {
  postgres = await startTestPostgres();
  const connection = await postgres.createDatabase();
  databaseUrl = urlOf(connection);
  database = await connectTo(connection);
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const server = await start();
  const client = await connectFirstClient(server);
  identifier = await newKey(client);
  await client.call(get, { uniqueIdentifier: identifier });
  await client.close();
  const most = Math.max(...CHANGES.map(([, changes]) => changes.length));
  others = await Promise.all(
    Array.from({ length: most + 1 }, (_, index) => newOther(server, `other-${index}`)),
  );
  await server.stop();
  await dropConstraints(database);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
  await rm(dataDir, { recursive: true });
});

/** What a server says that does not start on what it finds. */
const REFUSES =
  /not what was written|recorded last|is gone|does not open under the root|under another root key|is the one under which the database was set up/;

async function newOther(server: ServerProcess, name: string): Promise<Other> {
  const { connect, ...identity } = await newClient(server, name);
  const client = await connect();
  const key = await newKey(client);
  await client.call(get, { uniqueIdentifier: key });
  await client.close();
  return { identity, identifier: key };
}

/** Starts the server on a changed table. @returns what the first client and each other one get, or why it did not start */
async function startsOn(table: string, change: string): Promise<readonly string[] | string> {
  return whileTampered(database, table, change, async () => {
    let server: ServerProcess;
    try {
      server = await start();
    } catch (error) {
      return String(error);
    }
    try {
      const client = await connectFirstClient(server);
      const outcomes = [await outcomeOf(client.call(get, { uniqueIdentifier: identifier }))];
      await client.close();
      for (const { identity, identifier: uniqueIdentifier } of others) {
        const connected = await connectAs(server, identity);
        outcomes.push(await outcomeOf(connected.call(get, { uniqueIdentifier })));
        await connected.close();
      }
      return outcomes;
    } finally {
      await server.stop();
    }
  });
}

test.each([
  ['server_secret', 'sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)', 'true'],
  ['server_secret', `name = name || 'x'`, 'true'],
  ['server_secret', `id = gen_random_uuid()`, `name = 'tls-ticket-keys'`],
  ['authority', 'certificate_der = set_byte(certificate_der, 50, get_byte(certificate_der, 50) # 1)', 'true'],
  ['setting', `value = value || '00'`, `name = 'root-key-check-value'`],
  [
    'domain_key_wrapping',
    'wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)',
    `domain_id = '${SYSTEM_DOMAIN_ID}'`,
  ],
  ['domain_key', 'domain_id = gen_random_uuid()', `domain_id = '${SYSTEM_DOMAIN_ID}'`],
  ['domain_key', 'created_at = created_at - 1', `domain_id = '${SYSTEM_DOMAIN_ID}'`],
  ['domain_key', 'revision = 0, mac = NULL', `domain_id = '${SYSTEM_DOMAIN_ID}'`],
])('a changed %s: %s', async (table, change, where) => {
  expect(await startsOn(table, `UPDATE ${table} SET ${change} WHERE ${where}`)).toMatch(REFUSES);
});

test.each(CHANGES)('a changed %s stops the domain that it is of, and no other', async (table, changes) => {
  const statements = changes.map(
    (change, index) =>
      `UPDATE ${table} SET ${change} WHERE domain_id = (SELECT id FROM domain WHERE name = 'other-${index}')`,
  );
  const outcome = await startsOn(table, statements.join('; '));
  if (typeof outcome === 'string') throw new Error(outcome);
  const [first, ...rest] = outcome;
  expect(first).toBe('done');
  expect(others.map((_, index) => [changes[index] ?? 'nothing', rest[index]])).toEqual(
    others.map((_, index) => [
      changes[index] ?? 'nothing',
      index < changes.length ? 'GeneralFailure' : 'done',
    ]),
  );
});

test('a changed client stops no other from being served, nor the server from starting', async () => {
  const outcome = await startsOn('client', `UPDATE client SET role = 'reader' WHERE name = 'other-0'`);
  expect(outcome).toEqual(['done', 'GeneralFailure', ...others.slice(1).map(() => 'done')]);
});

test('officers that were taken away are not replaced by one that the operator gets', async () => {
  await whileTampered(database, 'officer', 'DELETE FROM officer', async () => {
    const before = await readFile(join(dataDir, 'officer.json'), 'utf8');
    const server = await start();
    expect(await readFile(join(dataDir, 'officer.json'), 'utf8')).toBe(before);
    const officer = await asFirstOfficer(server);
    await expect(officer.call('GET /clients')).rejects.toMatchObject({ code: 'AuthenticationNotSuccessful' });
    await server.stop();
  });
});
