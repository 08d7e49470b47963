import { randomUUID } from 'node:crypto';
import { startTestPostgres, type TestPostgres } from '@holdfast/testkit';
import { Client, DatabaseError, type ClientConfig } from 'pg';
import { migrate } from '../src';
import { MIGRATIONS } from '../src/migrations';
import { storeError } from '../src/postgres/errors';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

async function sql(connection: ClientConfig, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client(connection);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const next = MIGRATIONS.length + 1;
const further = { version: next, name: 'further', sql: 'CREATE TABLE further (id integer)' };
const refused = { code: 'Configuration' };

test('of nodes that start at once, each finds the schema made, and made once', async () => {
  const connection = await postgres.createDatabase();
  const results = await Promise.all([1, 2, 3, 4].map(() => migrate(connection)));
  expect(results.flatMap(({ applied }) => applied)).toEqual(
    MIGRATIONS.map(({ version, name }) => `${version} ${name}`),
  );
  expect(results[0]?.databaseVersion).toMatch(/^\d+\./);
});

test('a node that waits for another one to start says so, and for whom', async () => {
  const connection = await postgres.createDatabase();
  const other = new Client({ ...connection, application_name: 'a node that stands still' });
  await other.connect();
  await other.query('SELECT pg_advisory_lock(7525350155786187636)');
  const warn = jest.fn();
  const waits = new Promise<void>((resolve) => {
    warn.mockImplementation(() => resolve());
  });
  const started = migrate(connection, MIGRATIONS, { warn });
  await waits;
  await other.end();
  expect((await started).applied).toHaveLength(MIGRATIONS.length);
  const holder = {
    processId: expect.any(Number) as number,
    address: expect.any(String) as string,
    application: 'a node that stands still',
    since: expect.any(Date) as Date,
  };
  expect(warn.mock.calls).toEqual([
    [{ holder }, expect.stringMatching(/^waiting for another node/) as string],
  ]);
});

test('later steps follow, and a step that fails leaves nothing', async () => {
  const connection = await postgres.createDatabase();
  await migrate(connection);
  const broken = {
    version: next,
    name: 'broken',
    sql: 'CREATE TABLE half (id integer); SELECT no_such_function()',
  };
  await expect(migrate(connection, [...MIGRATIONS, broken])).rejects.toMatchObject({
    code: 'InternalServerError',
  });
  expect(await sql(connection, `SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
  expect((await migrate(connection, [...MIGRATIONS, further])).applied).toEqual([`${next} further`]);
});

test('while a step waits for a table that somebody has, others use it', async () => {
  const connection = await postgres.createDatabase();
  await migrate(connection, [...MIGRATIONS, further]);
  const backup = new Client({ ...connection, application_name: 'a backup' });
  await backup.connect();
  await backup.query('BEGIN; TABLE further');
  const warn = jest.fn();
  const waits = new Promise<void>((resolve) => {
    warn.mockImplementation(() => resolve());
  });
  const change = { version: next + 1, name: 'wider', sql: 'ALTER TABLE further ADD COLUMN more integer' };
  const migrated = migrate(connection, [...MIGRATIONS, further, change], { warn });
  await waits;
  await sql(connection, 'INSERT INTO further VALUES (1)');
  await backup.end();
  expect((await migrated).applied).toEqual([`${next + 1} wider`]);
  expect(await sql(connection, 'TABLE further')).toEqual([{ id: 1, more: null }]);
  expect(warn.mock.calls).toMatchObject([
    [{ step: 'wider', holder: { application: 'a backup' } }, expect.stringMatching(/^the schema is/)],
  ]);
});

test('a database newer than the program is refused', async () => {
  const connection = await postgres.createDatabase();
  await migrate(connection, [...MIGRATIONS, further]);
  // Also where it is newer by several steps.
  for (const migrations of [MIGRATIONS, MIGRATIONS.slice(0, 3)]) {
    await expect(migrate(connection, migrations)).rejects.toMatchObject({
      ...refused,
      message: `the database has schema version ${next}, which is newer than this program`,
    });
  }
});

test('a step that was made otherwise is refused', async () => {
  const connection = await postgres.createDatabase();
  await migrate(connection, [...MIGRATIONS, further]);
  const changed = { ...further, sql: `${further.sql} ` };
  await expect(migrate(connection, [...MIGRATIONS, changed])).rejects.toMatchObject(refused);
});

test('a database with tables of another program is refused', async () => {
  const connection = await postgres.createDatabase();
  await sql(connection, 'CREATE TABLE client (id integer)');
  await expect(migrate(connection)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('relation "client" already exists') as string,
  });
  expect(await sql(connection, `SELECT to_regclass('object') AS object`)).toEqual([{ object: null }]);
});

test('a database that may lose what it acknowledged is refused', async () => {
  const connection = await postgres.createDatabase();
  const [{ name }] = (await sql(connection, 'SELECT current_database() AS name')) as [{ name: string }];
  await sql(connection, `ALTER DATABASE ${name} SET synchronous_commit = off`);
  await expect(migrate(connection)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('synchronous_commit = off') as string,
  });
});

test('a database that takes no changes is said to be a standby, or read-only', async () => {
  const connection = await postgres.createDatabase();
  const [{ name }] = (await sql(connection, 'SELECT current_database() AS name')) as [{ name: string }];
  await sql(connection, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await expect(migrate(connection)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: 'the key store takes no changes: its PostgreSQL is a standby, or read-only',
  });
});

test.each([
  ['53300', 'takes no more connections: its PostgreSQL, or a limit there, allows too few'],
  ['53100', 'takes no changes: the disk of its PostgreSQL is full'],
  ['53200', 'cannot be reached'],
])('what a database that says %s lacks is told', (sqlState, lacks) => {
  const cause = Object.assign(new DatabaseError('refused', 0, 'error'), { code: sqlState });
  expect(storeError(cause)).toMatchObject({ code: 'StoreUnavailable', message: `the key store ${lacks}` });
});

test('a database with another encoding than UTF-8 is refused', async () => {
  const connection = await postgres.createDatabase();
  const name = `holdfast_test_${randomUUID().slice(0, 8)}`;
  await sql(connection, `CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
  const url = connection.connectionString === undefined ? undefined : new URL(connection.connectionString);
  if (url !== undefined) url.pathname = `/${name}`;
  const other = url === undefined ? { ...connection, database: name } : { connectionString: url.href };
  await expect(migrate(other)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('server_encoding = LATIN1') as string,
  });
  await sql(connection, `DROP DATABASE ${name}`);
});

test('a database that cannot be reached is said to be so', async () => {
  const connection = { host: '/nonexistent' };
  await expect(migrate(connection)).rejects.toMatchObject({ code: 'StoreUnavailable', retryable: true });
});
