import { activate, addAttribute, destroy, get, getAttributes, locate, login, query } from '@holdfast/core';
import { KmipClient } from '@holdfast/client';
import {
  AsynchronousIndicator,
  Operation,
  ResultStatus,
  State,
  Tag,
  type Attribute,
  type Credential,
} from '@holdfast/kmip';
import { AdminClient } from '@holdfast/server/admin';
import {
  Peer,
  asFirstOfficer,
  bytes,
  enumeration,
  integer,
  startServerProcess,
  tlsOptions,
  type ServerProcess,
} from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { password, ticket } from '../server/credentials';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import {
  columnsOf,
  dropConstraints,
  named,
  newClient,
  newKey,
  otherValues,
  outcomeOf,
  whileTampered,
} from './site';

jest.setTimeout(300_000);

/**
 * Plays a database administrator against a running server: whatever column of an object's row is changed, or of a row
 * that decides access, the next use of exactly that object or client fails loudly, and all others go on. Columns for which
 * that does not hold are listed below; docs/SECURITY.md says what follows from them.
 */
const PROJECTION =
  'leads to objects but says nothing of them: what Locate finds is compared with the object itself; can withhold';
const RECORD_OF_THE_PAST =
  'tells of a change that was made; its own MAC shows it when the record is read, but using the object does not read it';
const SEEN_AT_START = 'is read when the server starts: tried in tampering-at-start.test.ts';

const EXCEPTIONS: Readonly<Record<string, string>> = {
  object_name: PROJECTION,
  object_projection: PROJECTION,
  'change_record.internal_id': RECORD_OF_THE_PAST,
  'change_record.generation': RECORD_OF_THE_PAST,
  'change_record.recorded_at_us': RECORD_OF_THE_PAST,
  'change_record.operation': RECORD_OF_THE_PAST,
  'change_record.actor_kind': RECORD_OF_THE_PAST,
  'change_record.actor_id': RECORD_OF_THE_PAST,
  'change_record.actor_name': RECORD_OF_THE_PAST,
  'change_record.credential_id': RECORD_OF_THE_PAST,
  'change_record.peer': RECORD_OF_THE_PAST,
  'change_record.format': RECORD_OF_THE_PAST,
  'change_record.key_version': RECORD_OF_THE_PAST,
  'change_record.mac': RECORD_OF_THE_PAST,
  'change_record.transaction_number': RECORD_OF_THE_PAST,
  audit_record: RECORD_OF_THE_PAST,
  audit_batch: RECORD_OF_THE_PAST,
  hsm_key:
    'tells what may be destroyed inside the HSM: a row that is not what was written changes nothing there, and `verify` names it',
  audit_checkpoint: RECORD_OF_THE_PAST,
  audit_archive: 'what was archived: test/custody/audit-archive.test.ts tries every column of it',
  audit_chain: 'says which node links the audit log now, and decides nothing',
  announcement:
    'what clients are still to be told: packages/store/test/integrity.test.ts tries every column of it',
  approval: 'what officers approved: test/custody/approvals.test.ts tries every column of it',
  custody_copy: 'what copies were made: test/backup/escrow.test.ts tries every column of it',
  server_secret: SEEN_AT_START,
  domain_key: SEEN_AT_START,
  domain_key_wrapping: SEEN_AT_START,
  setting: SEEN_AT_START,
  schema_migration:
    'says which steps of the schema were taken: a wrong one fails the next start, or the next statement',
};

/** What a client is told of a row that is not what was written; the server's log says more. */
const LOUD = 'GeneralFailure';

let server: ServerProcess;
let database: Database;
/** A client that nothing is done to. */
let client: KmipClient;

beforeAll(async () => {
  server = await startServerProcess({ logLevel: 'fatal' });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
  await dropConstraints(database);
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
});

interface Subject {
  readonly table: string;
  /** The row, as SQL. */
  readonly where: string;
  /** What to do in the database so that what the server keeps in memory is read anew. */
  readonly forget?: string;
  /** Ways to use what the row stands for; each is to fail, and says how. */
  readonly uses: Readonly<Record<string, () => Promise<string>>>;
  /** Uses of others of its kind; each is to go on. */
  readonly neighbours: readonly (() => Promise<string>)[];
}

/** Tries each column of the subject's table with several values. @returns what did not fail, or failed too much */
async function walk(subject: Subject): Promise<readonly string[]> {
  const { table, where, forget, uses, neighbours } = subject;
  const faults: string[] = [];
  let columns = 0;
  for (const column of await columnsOf(database, table)) {
    if (EXCEPTIONS[`${table}.${column.name}`] !== undefined) continue;
    columns++;
    for (const value of otherValues(column)) {
      const isSame = `${column.name} IS NOT DISTINCT FROM ${value}`;
      if ((await database.sql(`SELECT FROM ${table} WHERE (${where}) AND ${isSame}`)).length > 0) continue;
      const change = `UPDATE ${table} SET ${column.name} = ${value} WHERE ${where}`;
      await whileTampered(database, table, change, async () => {
        if (forget !== undefined) await database.sql(forget);
        for (const [name, use] of Object.entries(uses)) {
          const outcome = await use();
          if (outcome === 'done') faults.push(`${table}.${column.name} = ${value}: ${name} goes on`);
        }
        for (const neighbour of neighbours) {
          const outcome = await neighbour();
          if (outcome !== 'done')
            faults.push(`${table}.${column.name} = ${value}: a neighbour gets ${outcome}`);
        }
      });
      for (const [name, use] of Object.entries(uses)) {
        if (name !== 'change' && (await use()) !== 'done')
          faults.push(`${table}: ${name} fails although all is as it was`);
      }
    }
  }
  process.stderr.write(`${table}: ${columns} columns tried\n`);
  return faults;
}

const getKey = (by: KmipClient, uniqueIdentifier: string) => () =>
  outcomeOf(by.call(get, { uniqueIdentifier }));

test('every table and column is tried, or an exception with a reason', async () => {
  const tried = [
    ...['object', 'change_record', 'client', 'credential', 'domain', 'officer', 'authority'],
    ...['kmip_user', 'ticket', 'asynchronous_request'],
  ];
  const rows = await database.sql<{ table: string; column: string }>(
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const known = rows.filter(
    ({ table, column }) =>
      tried.includes(table) ||
      EXCEPTIONS[table] !== undefined ||
      EXCEPTIONS[`${table}.${column}`] !== undefined,
  );
  expect(rows).toEqual(known);
  const names = new Set(rows.flatMap(({ table, column }) => [table, `${table}.${column}`]));
  expect(Object.keys(EXCEPTIONS).filter((name) => !names.has(name))).toEqual([]);
});

test("any column of an object's row, and what its newest change record says of it", async () => {
  const [uniqueIdentifier, other] = [
    await newKey(client, named('victim')),
    await newKey(client, named('other')),
  ];
  const uses = {
    get: getKey(client, uniqueIdentifier),
    'get attributes': () =>
      outcomeOf(client.call(getAttributes, { uniqueIdentifier, attributeReferences: [] })),
    change: () =>
      outcomeOf(
        client.call(addAttribute, { uniqueIdentifier, newAttribute: { key: 'Comment', value: 'x' } }),
      ),
  };
  const where = `unique_identifier = '${uniqueIdentifier}'`;
  const newest = `revision = (SELECT max(revision) FROM change_record WHERE ${where})`;
  const neighbours = [getKey(client, other)];
  // A key's first Get is a change.
  for (const use of [uses.get, ...neighbours]) await use();
  const faults = [
    ...(await walk({ table: 'object', where, uses, neighbours })),
    // It is looked at with the object's row: where that is another version than the one that was read.
    ...(await walk({
      table: 'change_record',
      where: `${where} AND ${newest}`,
      forget: `UPDATE object SET revision = revision WHERE ${where}`,
      uses,
      neighbours,
    })),
  ];
  expect(faults).toEqual([]);
});

test('any column of the rows that decide who a client is and what it may do', async () => {
  const victim = await newClient(server, 'victim');
  const other = await newClient(server, 'other');
  const connects = (who: typeof victim) => async (): Promise<string> => {
    const connection = await who.connect();
    try {
      return await outcomeOf(connection.call(query, { queryFunctions: [] }));
    } finally {
      await connection.close();
    }
  };
  const rest = { uses: { connection: connects(victim) }, neighbours: [connects(other)] };
  const client = `SELECT id FROM client WHERE name = 'victim'`;
  const faults = [
    ...(await walk({ table: 'client', where: `name = 'victim'`, ...rest })),
    ...(await walk({ table: 'domain', where: `name = 'victim'`, ...rest })),
    ...(await walk({ table: 'credential', where: `client_id = (${client})`, ...rest })),
  ];
  expect(faults).toEqual([]);
});

test('any column of a pending request, of which no other is affected', async () => {
  const peer = await Peer.connect(tlsOptions(server), '2.1');
  const submit = async (): Promise<Item> => {
    const header = [enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory)];
    const payload = [integer(Tag.DataLength, 16)];
    const { items } = await peer.batch([{ operation: Operation.RNGRetrieve, payload }], { header });
    return bytes(Tag.AsynchronousCorrelationValue, items[0]?.correlationValue ?? Buffer.alloc(0));
  };
  const polls = (correlationValue: Item) => async (): Promise<string> => {
    const { items } = await peer.batch([{ operation: Operation.Poll, payload: [correlationValue] }]);
    const [item] = items;
    if (item?.status === ResultStatus.OperationPending) return 'pending';
    return item?.status === ResultStatus.Success ? 'done' : (item?.reason ?? 'refused');
  };
  const [victim, other] = [await submit(), await submit()];
  // The first answer is a change: it is obtained from then on.
  for (const each of [victim, other])
    await until(async () => (await polls(each)()) === 'done', 'it is completed');
  const faults = await walk({
    table: 'asynchronous_request',
    where: `id = '${(victim.value as Buffer).toString('hex')}'`,
    uses: { poll: polls(victim) },
    neighbours: [polls(other)],
  });
  expect(faults).toEqual([]);
  await peer.close();
});

describe('any column of the rows', () => {
  interface Uses {
    readonly password: () => Promise<string>;
    readonly ticket: () => Promise<string>;
  }
  let one: Uses;
  let other: Uses;

  beforeAll(async () => {
    const officer = await asFirstOfficer(server);
    const { cert, key, ca } = await newClient(server, 'of-users');
    const connect = (...credentials: readonly Credential[]): Promise<KmipClient> => {
      const { host, port } = server;
      return KmipClient.connect({ host, port, cert, key, ca, version: '2.1', credentials });
    };
    const asks = async (credential: Credential): Promise<string> => {
      const connection = await connect(credential);
      try {
        return await outcomeOf(connection.call(query, { queryFunctions: [] }));
      } finally {
        await connection.close();
      }
    };
    const addUser = async (name: string): Promise<Uses> => {
      await officer.call('POST /users', { name, password: 'password of both', domain: 'of-users' });
      const credential = password(name, 'password of both');
      const connection = await connect(credential);
      const { ticketValue } = (await connection.call(login, {})).ticket;
      await connection.close();
      return { password: () => asks(credential), ticket: () => asks(ticket(ticketValue)) };
    };
    // A user whose row is not found is then refused, not passed over.
    const settings = { authentication: 'certificate-or-credential' } as const;
    await officer.call('POST /clients/:name/settings', settings, { name: 'of-users' });
    [one, other] = [await addUser('one'), await addUser('other')];
  });

  test('that say who a user is', async () => {
    const where = `name = 'one'`;
    expect(await walk({ table: 'kmip_user', where, uses: { ...one }, neighbours: [other.ticket] })).toEqual(
      [],
    );
  });

  test('that say what a ticket allows', async () => {
    const where = `holder_name = 'one'`;
    const uses = { ticket: one.ticket };
    expect(await walk({ table: 'ticket', where, uses, neighbours: [other.ticket] })).toEqual([]);
  });
});

test('any column of an officer, of whom no other is affected', async () => {
  const first = await asFirstOfficer(server);
  const added = await first.call('POST /officers', { name: 'second' });
  const second = new AdminClient(server.dataDir, added.token);
  const calls = (officer: AdminClient) => () =>
    officer.call('GET /domains').then(
      () => 'done',
      (error: unknown) => (error as { readonly code?: string }).code ?? 'another error',
    );
  const faults = await walk({
    table: 'officer',
    where: `name = 'second'`,
    uses: { call: calls(second) },
    neighbours: [calls(first)],
  });
  expect(faults).toEqual([]);
});

test('any column of an authority: nothing is issued while one of them is not what was written', async () => {
  let number = 0;
  const issues = async (): Promise<string> => {
    const officer = await asFirstOfficer(server);
    return officer.call('POST /clients', { name: `issued-${number++}`, credential: {} }).then(
      () => 'done',
      (error: unknown) => (error as { readonly code?: string }).code ?? 'another error',
    );
  };
  const where = 'sealed IS NOT NULL';
  const faults = await walk({ table: 'authority', where, uses: { issue: issues }, neighbours: [] });
  expect(faults).toEqual([]);
});

describe('an object', () => {
  /** The object's row as it is, to be put back later. */
  async function keep(uniqueIdentifier: string): Promise<() => Promise<void>> {
    const table = `kept_${uniqueIdentifier.replaceAll('-', '')}`;
    await database.sql(
      `CREATE TEMP TABLE ${table} AS SELECT * FROM object WHERE unique_identifier = '${uniqueIdentifier}'`,
    );
    return async () => {
      await database.sql(`DELETE FROM object WHERE unique_identifier = '${uniqueIdentifier}'`);
      await database.sql(`INSERT INTO object SELECT * FROM ${table}`);
    };
  }

  test('that was wound back to an older state', async () => {
    const uniqueIdentifier = await newKey(client);
    const windBack = await keep(uniqueIdentifier);
    await client.call(activate, { uniqueIdentifier });
    expect(await getKey(client, uniqueIdentifier)()).toBe('done');
    await windBack();
    expect(await getKey(client, uniqueIdentifier)()).toBe(LOUD);
  });

  test('that was destroyed, and whose row came back', async () => {
    const uniqueIdentifier = await newKey(client);
    const bringBack = await keep(uniqueIdentifier);
    await client.call(destroy, { uniqueIdentifier });
    await bringBack();
    expect(await getKey(client, uniqueIdentifier)()).toBe(LOUD);
  });

  test('whose row is gone', async () => {
    const uniqueIdentifier = await newKey(client);
    await database.sql('DELETE FROM object WHERE unique_identifier = $1', [uniqueIdentifier]);
    expect(await getKey(client, uniqueIdentifier)()).toBe(LOUD);
  });

  test('that was moved or copied to another domain', async () => {
    const other = await newClient(server, 'thief');
    const connection = await other.connect();
    const uniqueIdentifier = await newKey(client);
    const thief = `(SELECT id FROM domain WHERE name = 'thief')`;
    const columns = (await columnsOf(database, 'object')).map(({ name }) => name);
    const values = columns.map((name) => (name === 'domain_id' ? thief : name));
    await database.sql(
      `INSERT INTO object (${columns.join()}) SELECT ${values.join()} FROM object WHERE unique_identifier = $1`,
      [uniqueIdentifier],
    );
    expect(await getKey(connection, uniqueIdentifier)()).toBe(LOUD);
    expect(await getKey(client, uniqueIdentifier)()).toBe('done');
    // With a change record as well, and with everything that belongs to it.
    for (const table of ['change_record', 'object_projection']) {
      await database.sql(`UPDATE ${table} SET domain_id = ${thief} WHERE unique_identifier = $1`, [
        uniqueIdentifier,
      ]);
    }
    expect(await getKey(connection, uniqueIdentifier)()).toBe(LOUD);
    await connection.close();
  });

  test.each(['sealed', 'salt, sealed', 'salt, sealed, mac', 'internal_id, salt, sealed'])(
    'that got %s of another',
    async (columns) => {
      const [one, other] = [await newKey(client), await newKey(client)];
      await database.sql(
        `UPDATE object AS o SET (${columns}) = (SELECT ${columns} FROM object WHERE unique_identifier =
          CASE o.unique_identifier WHEN $1 THEN $2 ELSE $1 END) WHERE unique_identifier IN ($1, $2)`,
        [one, other],
      );
      expect(await getKey(client, one)()).toBe(LOUD);
      expect(await getKey(client, other)()).toBe(LOUD);
    },
  );

  test('is not found in the place of another, whatever names and projections say', async () => {
    const owner = await (await newClient(server, 'owner')).connect();
    const located = async (...attributes: readonly Attribute[]): Promise<readonly string[]> =>
      (await owner.call(locate, { attributes })).uniqueIdentifiers;
    const [one, other] = [await newKey(owner, named('one')), await newKey(owner, named('another'))];
    const before = new Set([one, other]);
    await database.sql(
      `UPDATE object_name AS n SET unique_identifier = CASE n.unique_identifier WHEN $1 THEN $2 ELSE $1 END
        WHERE unique_identifier IN ($1, $2)`,
      [one, other],
    );
    expect(await located(named('one'))).toEqual([]);
    expect(await located(named('another'))).toEqual([]);
    await database.sql(
      `UPDATE object_projection AS p SET (terms, state, usage_mask, initial_date) =
          (SELECT terms, state, usage_mask, initial_date FROM object_projection WHERE unique_identifier =
            CASE p.unique_identifier WHEN $1 THEN $2 ELSE $1 END)
        WHERE unique_identifier IN ($1, $2)`,
      [one, other],
    );
    expect(await located(named('one'))).toEqual([]);
    expect(new Set(await located())).toEqual(before);
    // Found by neither where both conditions have to hold.
    expect(await located(named('one'), { key: 'State', value: State.Active })).toEqual([]);
    await owner.close();
  });
});

describe('a client', () => {
  test('that was revoked stays so, whatever its rows say', async () => {
    const victim = await newClient(server, 'revoked');
    const where = `client_id = (SELECT id FROM client WHERE name = 'revoked')`;
    await database.sql(`CREATE TEMP TABLE valid_credential AS SELECT * FROM credential WHERE ${where}`);
    await database.sql(`CREATE TEMP TABLE valid_client AS SELECT * FROM client WHERE name = 'revoked'`);
    const officer = await asFirstOfficer(server);
    await officer.call('POST /clients/:name/revoke', {}, { name: 'revoked' });
    const outcomes: string[] = [];
    const refused = async (): Promise<void> => {
      const connection = await victim.connect();
      outcomes.push(await outcomeOf(connection.call(query, { queryFunctions: [] })));
      await connection.close();
    };
    await refused();
    await database.sql(`UPDATE credential SET revoked_at = NULL WHERE ${where}`);
    await database.sql(`UPDATE client SET revoked_at = NULL WHERE name = 'revoked'`);
    await refused();
    // The whole rows as they were, their MACs included.
    await database.sql(`DELETE FROM credential WHERE ${where}`);
    await database.sql(`INSERT INTO credential SELECT * FROM valid_credential`);
    await refused();
    await database.sql(`DELETE FROM client WHERE name = 'revoked'`);
    await database.sql(`INSERT INTO client SELECT * FROM valid_client`);
    await refused();
    expect(outcomes).toEqual(['AuthenticationNotSuccessful', LOUD, LOUD, LOUD]);
  });

  test('does not become another by a credential that was written in SQL', async () => {
    const intruder = await newClient(server, 'intruder');
    const columns = (await columnsOf(database, 'credential')).map(({ name }) => name);
    const first = `(SELECT id FROM client WHERE name = 'first-client')`;
    // Its own credential, copied for the first client.
    const values = columns.map((name) =>
      name === 'client_id' ? first : name === 'id' ? 'gen_random_uuid()' : name,
    );
    const own = `client_id = (SELECT id FROM client WHERE name = 'intruder')`;
    await database.sql('DROP INDEX credential_rule_in_force');
    await database.sql(
      `INSERT INTO credential (${columns.join()}) SELECT ${values.join()} FROM credential WHERE ${own}`,
    );
    const connection = await intruder.connect();
    expect(await outcomeOf(connection.call(query, { queryFunctions: [] }))).toBe(LOUD);
    await connection.close();
  });
});
