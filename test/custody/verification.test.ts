import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { activate, addAttribute, create, destroy, get, revoke } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { LinkType, RevocationReasonCode } from '@holdfast/kmip';
import type { AdminClient, FindingAnswer } from '@holdfast/server/admin';
import { asFirstOfficer, holdfastResult, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { hasTerminal, onTerminal } from '../support/terminal';
import { verified } from '../support/verified';
import { columnsOf, dropConstraints, named, newClient, newKey, otherValues, whileTampered } from './site';

jest.setTimeout(600_000);

/** `holdfast verify` finds whatever a database administrator changed, in any column of any table. */

const isRequired = process.env['CI'] === 'true';
const PLACE = 'puts the record in its place: another number that leaves it there changes nothing';
const LEFT_OUT: Readonly<Record<string, string>> = {
  schema_migration: 'says which steps of the schema were taken: a wrong one stops the next start',
  setting: 'holds the check value of the root key: a wrong one stops the next start',
  'change_record.transaction_number': PLACE,
  'audit_record.transaction_number': PLACE,
  'audit_batch.transaction_number': PLACE,
  audit_chain: 'says which node links the audit log now: it is made anew where it is gone',
};

/** Where the oldest row is changed: a new one that does not verify is never linked, also after it was put back. */
const AGE: Readonly<Record<string, string>> = {
  audit_batch: 'transaction_number',
  audit_checkpoint: 'position',
  audit_record: 'transaction_number',
  change_record: 'transaction_number',
};

let server: ServerProcess;
let database: Database;
let client: KmipClient;
let officer: AdminClient;
let victim: string;

async function faults(): Promise<readonly FindingAnswer[]> {
  return (await verified(officer)).findings.filter(({ severity }) => severity === 'fault');
}

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'fatal' });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
  officer = await asFirstOfficer(server);
  const other = await newKey(client, named('other'));
  victim = await newKey(client, named('victim'), {
    key: 'Link',
    value: { linkType: LinkType.ReplacementObjectLink, linkedObjectIdentifier: other },
  });
  await client.call(get, { uniqueIdentifier: victim });
  await client.call(addAttribute, {
    uniqueIdentifier: victim,
    newAttribute: { key: 'Comment', value: 'changed once' },
  });
  const gone = await newKey(client, named('gone'));
  await client.call(activate, { uniqueIdentifier: gone });
  await client.call(revoke, {
    uniqueIdentifier: gone,
    revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
  });
  await client.call(destroy, { uniqueIdentifier: gone });
  const elsewhere = await newClient(server, 'elsewhere');
  const connection = await elsewhere.connect();
  await newKey(connection, named('victim'));
  await connection.close();
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
});

test('finds nothing where nothing was changed, and says how much it looked at', async () => {
  const { findings, progress } = await verified(officer);
  expect(findings).toEqual([]);
  expect(progress.done).toBe(progress.total);
  const { code, stdout, stderr } = await holdfastResult(['verify', '--data-dir', server.dataDir]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/all are as they were written/)]);
  expect(stderr).toBe('');
});

(hasTerminal || isRequired ? test : test.skip)(
  'a terminal is shown how far it is (skipped where there is no Python)',
  async () => {
    const holdfast = join(__dirname, '../../packages/cli/bin/holdfast.js');
    const { code, shown } = await onTerminal([
      ...[process.execPath, holdfast, 'verify', '--data-dir', server.dataDir],
    ]);
    expect(code).toBe(0);
    // The bar is drawn over itself, and gone before the answer.
    expect(shown).toMatch(/\r\[[#.]{30}\] \d+ % of \d+ rows\x1b\[K(?:\r.*)*\r\x1b\[K\d+ rows were looked at/);
  },
);

test('tells of a link to nothing, which a client may have set', async () => {
  const lone = await newKey(client, named('lone'), {
    key: 'Link',
    value: { linkType: LinkType.ParentLink, linkedObjectIdentifier: 'nowhere' },
  });
  const { findings } = await verified(officer);
  expect(findings).toMatchObject([
    { row: lone, severity: 'notice', problem: expect.stringContaining('nowhere') as string },
  ]);
});

test('finds a changed value in any column of any table', async () => {
  await dropConstraints(database);
  const tables = await database.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`,
  );
  const missed: string[] = [];
  const empty: string[] = [];
  let tried = 0;
  for (const { name: table } of tables) {
    if (LEFT_OUT[table] !== undefined) continue;
    if ((await database.sql(`SELECT FROM ${table} LIMIT 1`)).length === 0) {
      empty.push(table);
      continue;
    }
    for (const column of await columnsOf(database, table)) {
      if (LEFT_OUT[`${table}.${column.name}`] !== undefined) continue;
      const [higher = '', lower = ''] = otherValues(column);
      // The number above that of the oldest may be the next one's.
      const value = AGE[table] === column.name ? lower : higher;
      const oneRow = `ctid = (SELECT ctid FROM ${table} ORDER BY ${AGE[table] ?? 'ctid'} LIMIT 1)`;
      const change = `UPDATE ${table} SET ${column.name} = ${value} WHERE ${oneRow}`;
      tried++;
      // Where the officer's own row was changed, the call itself is refused.
      const found = await whileTampered(database, table, change, () => faults().catch(() => undefined));
      if (found?.length === 0) missed.push(`${table}.${column.name}`);
    }
  }
  expect(missed).toEqual([]);
  // Their rows are checked by the same code as those of the other tables of the directory; archives: see audit-archive.test.ts.
  expect(empty).toEqual([
    'announcement',
    'approval',
    'asynchronous_request',
    'audit_archive',
    'custody_copy',
    'hsm_key',
    'kmip_user',
    'ticket',
  ]);
  expect(tried).toBeGreaterThan(80);
  expect(await faults()).toEqual([]);
});

const ofVictim = (): string =>
  `unique_identifier = '${victim}' AND domain_id = (SELECT id FROM domain WHERE name = 'default')`;

test.each([
  ['a deleted object', 'object', () => `DELETE FROM object WHERE ${ofVictim()}`],
  [
    'deleted change records',
    'change_record',
    () => `DELETE FROM change_record WHERE ${ofVictim()} AND revision = 1`,
  ],
  ['a deleted projection', 'object_projection', () => `DELETE FROM object_projection WHERE ${ofVictim()}`],
  ['a deleted name', 'object_name', () => `DELETE FROM object_name WHERE ${ofVictim()}`],
  ['a deleted client', 'client', () => `DELETE FROM client WHERE name = 'elsewhere'`],
  [
    'swapped sealed values',
    'object',
    () => `UPDATE object AS o SET sealed = p.sealed, salt = p.salt FROM object AS p
      WHERE o.${ofVictim().replace(' AND domain_id', ' AND o.domain_id')} AND p.unique_identifier <> o.unique_identifier AND p.sealed IS NOT NULL`,
  ],
  [
    'an object moved to another domain',
    'object',
    () =>
      `UPDATE object SET domain_id = (SELECT id FROM domain WHERE name = 'elsewhere') WHERE ${ofVictim()}`,
  ],
  [
    'a forged object',
    'object',
    () => `INSERT INTO object SELECT domain_id, 'forged', '${randomUUID()}', owner_id, generation, revision, format,
      key_version, attributes, salt, sealed, mac FROM object WHERE ${ofVictim()}`,
  ],
  [
    'a domain key of another domain',
    'domain_key_wrapping',
    () =>
      `UPDATE domain_key_wrapping AS d SET wrapped = (SELECT wrapped FROM domain_key_wrapping AS k WHERE k.domain_id <> d.domain_id LIMIT 1)
      WHERE domain_id = (SELECT id FROM domain WHERE name = 'default')`,
  ],
])('finds %s, and says where', async (_what, table, change) => {
  const found = await whileTampered(database, table, change(), faults);
  expect(found).not.toEqual([]);
  expect(await faults()).toEqual([]);
});

test('finds the old row of an object that was changed since, and of one that was destroyed', async () => {
  const { uniqueIdentifier } = await client.call(create, {
    objectType: 2,
    newAttributes: {
      templateNames: [],
      attributes: [
        { key: 'CryptographicAlgorithm', value: 3 },
        { key: 'CryptographicLength', value: 128 },
        { key: 'CryptographicUsageMask', value: 12 },
      ],
    },
  });
  await database.sql(
    `CREATE TABLE pg_temp.before AS SELECT * FROM object WHERE unique_identifier = '${uniqueIdentifier}'`,
  );
  await client.call(destroy, { uniqueIdentifier });
  const windBack = `DELETE FROM object WHERE unique_identifier = '${uniqueIdentifier}'; INSERT INTO object SELECT * FROM pg_temp.before`;
  const found = await whileTampered(database, 'object', windBack, faults);
  expect(found).toMatchObject([
    { row: uniqueIdentifier, problem: expect.stringContaining('recorded last') as string },
  ]);
});

test('reindex mends projections and names', async () => {
  await database.sql(`DELETE FROM object_projection; DELETE FROM object_name`);
  expect(await faults()).not.toEqual([]);
  expect((await holdfastResult(['reindex', '--data-dir', server.dataDir])).code).toBe(0);
  expect(await faults()).toEqual([]);
});
