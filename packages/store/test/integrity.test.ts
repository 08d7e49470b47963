import { TEST_ACTOR, TEST_CAUSE, newAesKey } from '@holdfast/testkit';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { HoldfastError, SecretBytes, type NewObject } from '@holdfast/core';
import type { Store } from '../src';
import { ruleColumns } from '../src/directory/tables';
import { KeptObjects } from '../src/objects/kept-objects';
import { PostgresKeyStore } from '../src/objects/key-store';
import { findRecorded } from '../src/objects/statements';
import { uuidText } from '../src/postgres/binary';
import { Database, type Session } from '../src/postgres/database';
import { destroyRequest, openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';

/**
 * Plays a database administrator who changes what the store wrote. Every column of every table is tried: the next use
 * of exactly the object or client concerned has to fail. Columns for which that does not hold are named here.
 */
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
  // Who may do this may switch constraints off as well.
  const constraints = await fixture.sql<{ name: string; of: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS of FROM pg_constraint WHERE contype = 'f'`,
  );
  for (const { name, of } of constraints) await fixture.sql(`ALTER TABLE ${of} DROP CONSTRAINT ${name}`);
});
afterAll(() => fixture.close());

const REBUILDABLE =
  'a projection that leads to objects: what it leads to is checked, and reindex rebuilds it from the objects';
const RECORD = 'a record of the past: nothing is decided by it, and its own MAC shows the change';
const WRAPPED = 'read when keys are loaded: test/custody/tampering-at-start.test.ts tries it';

/** Tables, or columns of them, of which a change does not fail the next use, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  object_name: REBUILDABLE,
  object_projection: REBUILDABLE,
  change_record: RECORD,
  audit_record: RECORD,
  audit_batch: RECORD,
  audit_checkpoint: RECORD,
  audit_archive: RECORD,
  audit_chain: 'says which node links the audit log now, and decides nothing',
  domain_key: WRAPPED,
  domain_key_wrapping: WRAPPED,
  announcement:
    'tried below: its rows stand in an order of the database, and cannot be put back as they were',
  asynchronous_request: 'read by the server alone: test/custody/tampering.test.ts tries every column of it',
  hsm_key: 'read when objects with keys inside an HSM are written: what is not as it was written is refused',
  approval:
    'read when what it is for is asked for again: test/custody/approvals.test.ts tries every column of it',
  custody_copy: 'what copies were made: test/backup/escrow.test.ts changes each column of it, and lists them',
  'setting.name':
    'the check value of the root key: without it the next start compares with the one that it sets',
  'setting.value': 'the check value of the root key: the server refuses to start with another',
  schema_migration: 'decides which steps of the schema are taken at the next start, which fails',
};

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** An SQL expression for another value of the column. */
function otherValue({ column, type }: Column): string {
  switch (type) {
    case 'uuid':
      return `'${randomUUID()}'`;
    case 'text':
      return `coalesce(${column}, '') || 'x'`;
    case 'bytea':
      return `CASE WHEN length(${column}) > 0 THEN set_byte(${column}, length(${column}) / 2,
        get_byte(${column}, length(${column}) / 2) # 1) ELSE '\\x00' END`;
    default:
      return `coalesce(${column}, 0) + 1`;
  }
}

/** A row of a table, how it is used, and the neighbour that must stay usable. */
interface Subject {
  readonly table: string;
  /** SQL condition that holds for the row. */
  readonly where: string;
  use(): Promise<unknown>;
  useNeighbour(): Promise<unknown>;
  /** Columns by which the row is looked for: where they change it is not found, and that refuses the client. */
  readonly lookedUpBy?: readonly string[];
}

async function columnsOf(table: string): Promise<readonly Column[]> {
  return fixture.sql<Column & Record<string, unknown>>(
    `SELECT table_name AS table, column_name AS column, data_type AS type
      FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
    [table],
  );
}

/** Changes a column, uses the row, and puts the column back. */
async function tamper(subject: Subject, column: string, expression: string): Promise<string> {
  const { table, where } = subject;
  await fixture.sql(`CREATE TEMP TABLE saved AS SELECT * FROM ${table} WHERE ${where}`);
  // Whatever of the row was changed, its place in the table leads back to it.
  const [{ ctid }] = (await fixture.sql<{ ctid: string }>(
    `UPDATE ${table} SET ${column} = ${expression} WHERE ${where} RETURNING ctid::text AS ctid`,
  )) as [{ ctid: string }];
  try {
    await subject.useNeighbour();
    const result = await subject.use().then(
      (value) => (value === undefined ? 'not found' : 'used'),
      (error: unknown) => (error as { readonly code?: string }).code ?? 'another error',
    );
    return `${table}.${column}: ${result}`;
  } finally {
    await fixture.sql(`DELETE FROM ${table} WHERE ctid = '${ctid}'`);
    await fixture.sql(`INSERT INTO ${table} SELECT * FROM saved`);
    await fixture.sql('DROP TABLE saved');
    await subject.use();
  }
}

async function objectSubject(): Promise<Subject> {
  const { keyStore } = fixture.store;
  const domainId = randomUUID();
  const [one, other] = [newAesKey({ domainId, name: 'one' }), newAesKey({ domainId, name: 'other' })];
  await keyStore.commit(
    [one, other].map((object) => ({ kind: 'create', object }) as const),
    TEST_CAUSE,
  );
  const use = async ({ uniqueIdentifier }: NewObject): Promise<unknown> =>
    (await keyStore.fetch(domainId, uniqueIdentifier))?.openValue();
  return {
    table: 'object',
    where: `unique_identifier = '${one.uniqueIdentifier}'`,
    use: () => use(one),
    useNeighbour: () => use(other),
  };
}

async function clientSubjects(): Promise<readonly Subject[]> {
  const { directory } = fixture.store;
  const add = async (name: string) => {
    const sha256Hex = randomBytes(32).toString('hex');
    const domain = await directory.addDomain(`domain of ${name}`, TEST_ACTOR);
    const rest = { serialHex: '01', subject: 'CN=x', notAfterSeconds: 1, authorityId: undefined };
    const client = await directory.addClient(
      { name, domainId: domain.id, role: 'user' },
      [{ rule: { kind: 'fingerprint', sha256Hex }, ...rest }],
      TEST_ACTOR,
    );
    const certificate = { sha256Hex, subject: '', alternativeNames: [], authorityIds: [] };
    return { client, use: () => directory.recognise(certificate) };
  };
  const [one, other] = [await add('one'), await add('other')];
  const { domainId, id } = one.client;
  const shared = { use: one.use, useNeighbour: other.use };
  return [
    { table: 'client', where: `id = '${id}'`, ...shared },
    { table: 'domain', where: `id = '${domainId}'`, ...shared },
    { table: 'credential', where: `client_id = '${id}'`, ...shared, lookedUpBy: ['rule_digest'] },
  ];
}

async function administrationSubjects(): Promise<readonly Subject[]> {
  const { directory } = fixture.store;
  const nothing = (): Promise<void> => Promise.resolve();
  await directory.addOfficer({ name: 'officer', tokenSha256: randomBytes(32) }, TEST_ACTOR);
  await directory.addAuthority(
    { name: 'authority', certificateDer: randomBytes(64), privateKey: SecretBytes.copyOf(randomBytes(32)) },
    TEST_ACTOR,
  );
  const secret = (name: string) => directory.serverSecret(name, () => Promise.resolve(randomBytes(32)));
  await secret('one');
  return [
    { table: 'officer', where: 'true', use: () => directory.listOfficers(), useNeighbour: nothing },
    { table: 'authority', where: 'true', use: () => directory.listAuthorities(), useNeighbour: nothing },
    {
      table: 'server_secret',
      where: `name = 'one'`,
      use: () => secret('one'),
      useNeighbour: () => secret('other'),
    },
  ];
}

async function userSubjects(): Promise<readonly Subject[]> {
  const { directory, users, tickets } = fixture.store;
  const domain = await directory.addDomain('domain of users', TEST_ACTOR);
  const add = async (name: string) => {
    const user = await users.addUser(
      {
        name,
        domainId: domain.id,
        role: 'user',
        clientIds: [],
        device: undefined,
        verifiers: SecretBytes.copyOf(randomBytes(32)),
      },
      TEST_ACTOR,
    );
    const principal = {
      kind: 'user' as const,
      clientId: user.id,
      clientName: name,
      domainId: domain.id,
      role: user.role,
      credentialId: user.id,
      peer: '',
    };
    const ticket = await tickets.issue({ leaseSeconds: 60, rights: [{ objects: ['x'] }] }, principal);
    const show = () =>
      tickets.show(ticket, '').catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'InvalidTicket') throw error;
      });
    return { user, use: () => users.userNamed(name), show };
  };
  const [one, other] = [await add('user one'), await add('user other')];
  return [
    {
      table: 'kmip_user',
      where: `id = '${one.user.id}'`,
      use: one.use,
      useNeighbour: other.use,
      lookedUpBy: ['name', 'device'],
    },
    {
      table: 'ticket',
      where: `holder_id = '${one.user.id}'`,
      use: one.show,
      useNeighbour: other.show,
      lookedUpBy: ['id'],
    },
  ];
}

test('every table is either tried below or an exception with a reason', async () => {
  const tables = await fixture.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  const tried = [
    ...['object', 'client', 'domain', 'credential', 'officer', 'authority', 'server_secret'],
    ...['kmip_user', 'ticket'],
  ];
  const excepted = Object.keys(EXCEPTIONS).map((name) => name.split('.')[0]);
  expect(tables.map(({ name }) => name).sort()).toEqual([...new Set([...tried, ...excepted])].sort());
});

let subjects: readonly Subject[];
beforeAll(async () => {
  subjects = [
    await objectSubject(),
    ...(await clientSubjects()),
    ...(await administrationSubjects()),
    ...(await userSubjects()),
  ];
});

test('whatever column of a row changes, the next use of exactly what it stands for fails', async () => {
  const results: string[] = [];
  const expected: string[] = [];
  for (const subject of subjects) {
    for (const column of await columnsOf(subject.table)) {
      const name = `${subject.table}.${column.column}`;
      results.push(await tamper(subject, column.column, otherValue(column)));
      const isKey = subject.lookedUpBy?.includes(column.column) === true;
      expected.push(`${name}: ${isKey ? 'not found' : 'IntegrityViolation'}`);
    }
  }
  expect(results).toEqual(expected);
});

/** The bytes of a value of a type as SQL has them, and the value that has these bytes. */
const BYTES_OF: Readonly<Record<string, readonly [bytes: string, value: string]>> = {
  bytea: ['%', '%'],
  text: [`convert_to(%, 'UTF8')`, `convert_from(%, 'UTF8')`],
  uuid: ['uuid_send(%)', `encode(%, 'hex')::uuid`],
  smallint: ['int2send(%)', `('x' || encode(%, 'hex'))::bit(16)::int4::int2`],
  integer: ['int4send(%)', `('x' || encode(%, 'hex'))::bit(32)::int4`],
  bigint: ['int8send(%)', `('x' || encode(%, 'hex'))::bit(64)::int8`],
};

/** Flips a bit of each byte of a column in turn, uses the row each time, and puts the column back. */
async function flipEachByte(subject: Subject, { column, type }: Column): Promise<readonly string[]> {
  const { table, where } = subject;
  const [read = '', write = ''] = BYTES_OF[type] ?? [];
  const bytes = read.replace('%', column);
  const [place] = await fixture.sql<{ ctid: string; length: number | null }>(
    `SELECT ctid::text AS ctid, octet_length(${bytes}) AS length FROM ${table} WHERE ${where}`,
  );
  let ctid = place?.ctid ?? '';
  const set = async (value: string): Promise<void> => {
    const [row] = await fixture.sql<{ ctid: string }>(
      `UPDATE ${table} SET ${column} = (SELECT ${value} FROM saved) WHERE ctid = '${ctid}' RETURNING ctid::text AS ctid`,
    );
    ctid = row?.ctid ?? '';
  };
  const outcomes: string[] = [];
  await fixture.sql(`CREATE TEMP TABLE saved AS SELECT ${column} FROM ${table} WHERE ${where}`);
  for (let index = 0; index < (place?.length ?? 0); index++) {
    await set(write.replace('%', `set_byte(${bytes}, ${index}, get_byte(${bytes}, ${index}) # 1)`));
    const outcome = subject.use().then(
      (value) => (value === undefined ? 'not found' : 'used'),
      (error: unknown) => (error as { readonly code?: string }).code ?? 'another error',
    );
    outcomes.push(await outcome);
  }
  await set(column);
  await fixture.sql('DROP TABLE saved');
  return outcomes;
}

test('whatever byte of a column changes, too', async () => {
  const unnoticed: Record<string, readonly string[]> = {};
  let tried = 0;
  for (const subject of subjects) {
    for (const column of await columnsOf(subject.table)) {
      const outcomes = await flipEachByte(subject, column);
      const isKey = subject.lookedUpBy?.includes(column.column) === true;
      const others = outcomes.filter((outcome) => outcome !== (isKey ? 'not found' : 'IntegrityViolation'));
      if (others.length > 0) unnoticed[`${subject.table}.${column.column}`] = others;
      tried += outcomes.length;
    }
    await subject.use();
  }
  expect(unnoticed).toEqual({});
  expect(tried).toBeGreaterThan(1500);
});

test('what a client is to be told is told as it was written, or not at all', async () => {
  const { announcements, keyStore } = fixture.store;
  const [domainId, clientId] = [randomUUID(), randomUUID()];
  const object = newAesKey({ domainId, name: 'told' });
  const { uniqueIdentifier } = object;
  const news = { domainId, clientId, uniqueIdentifier, content: randomBytes(40) };
  await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE, [news]);
  const told = await announcements.next(clientId, 1);
  expect(told).toMatchObject([news]);
  const results: Record<string, string> = {};
  for (const column of await columnsOf('announcement')) {
    if (column.column === 'position') continue;
    const where = `client_id = '${clientId}' OR unique_identifier = '${uniqueIdentifier}'`;
    await fixture.sql(`CREATE TEMP TABLE saved AS SELECT ${column.column} FROM announcement WHERE ${where}`);
    await fixture.sql(`UPDATE announcement SET ${column.column} = ${otherValue(column)} WHERE ${where}`);
    results[column.column] = await announcements.next(clientId, 1).then(
      ({ length }) => (length === 0 ? 'not found' : 'told'),
      (error: unknown) => (error as { readonly code?: string }).code ?? 'another error',
    );
    await fixture.sql(
      `UPDATE announcement SET ${column.column} = (SELECT ${column.column} FROM saved) WHERE ${where}`,
    );
    await fixture.sql('DROP TABLE saved');
  }
  const { client_id: looked, ...others } = results;
  expect(looked).toBe('not found');
  expect(new Set(Object.values(others))).toEqual(new Set(['IntegrityViolation']));
  expect(await announcements.next(clientId, 1)).toEqual(told);
  await announcements.cut(clientId, 0);
});

test('a column that may be NULL cannot be emptied unnoticed', async () => {
  const results: string[] = [];
  const subject = await objectSubject();
  for (const column of ['salt', 'sealed']) results.push(await tamper(subject, column, 'NULL'));
  expect(results).toEqual(['object.salt: IntegrityViolation', 'object.sealed: IntegrityViolation']);
});

test('a row that was wound back, copied, moved or deleted is not used', async () => {
  const { keyStore } = fixture.store;
  const domainId = randomUUID();
  const object = newAesKey({ domainId });
  const { uniqueIdentifier } = object;
  await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
  const before = await keyStore.fetch(domainId, uniqueIdentifier);
  await fixture.sql(`CREATE TEMP TABLE wound AS SELECT * FROM object WHERE unique_identifier = $1`, [
    uniqueIdentifier,
  ]);
  await keyStore.commit(
    [{ kind: 'update', object: before!, attributes: before!.attributes, value: 'erase' }],
    TEST_CAUSE,
  );
  expect((await keyStore.fetch(domainId, uniqueIdentifier))?.hasValue).toBe(false);

  await fixture.sql('UPDATE wound SET unique_identifier = $1', ['copy']);
  await fixture.sql('INSERT INTO object SELECT * FROM wound');
  await expect(keyStore.fetch(domainId, 'copy')).rejects.toMatchObject({ code: 'IntegrityViolation' });

  await fixture.sql('DELETE FROM object WHERE unique_identifier = $1', [uniqueIdentifier]);
  const gone = keyStore.fetch(domainId, uniqueIdentifier);
  await expect(gone).rejects.toMatchObject({ code: 'IntegrityViolation' });

  await fixture.sql('UPDATE wound SET unique_identifier = $1', [uniqueIdentifier]);
  await fixture.sql('INSERT INTO object SELECT * FROM wound');
  const old = keyStore.fetch(domainId, uniqueIdentifier);
  await expect(old).rejects.toMatchObject({ code: 'IntegrityViolation' });
});

test('an object that is made while it is looked for is not taken for one that is gone', async () => {
  const database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const keyStore = new PostgresKeyStore(database, testKeyring(), Date.now, new KeptObjects(0, 0));
  const object = newAesKey({ domainId: randomUUID() });
  const fetched = await database.general(async (session) => {
    const run: Session['run'] = async (statement, ...rest) => {
      if (statement === findRecorded)
        await fixture.store.keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
      return session.run(statement, ...rest);
    };
    return keyStore.within({ ...session, run }).fetch(object.domainId, object.uniqueIdentifier);
  });
  expect(fetched).toBeUndefined();
  const { domainId, uniqueIdentifier } = object;
  expect((await keyStore.fetch(domainId, uniqueIdentifier))?.revision).toBe(1);
  await database.close();
});

test('a record is looked at whatever its identifier', async () => {
  await fixture.store.directory.addDomain(randomUUID(), TEST_ACTOR);
  const first = '00000000-0000-0000-0000-000000000000';
  const [{ id } = { id: '' }] = await fixture.sql<{ id: string }>('SELECT id FROM audit_record LIMIT 1');
  await fixture.sql('UPDATE audit_record SET id = $1 WHERE id = $2', [first, id]);
  const findings = await fixture.store.verify(testKeyring(), [], () => undefined);
  await fixture.sql('UPDATE audit_record SET id = $2 WHERE id = $1', [first, id]);
  expect(findings.filter(({ table }) => table === 'audit_record')).toMatchObject([
    { row: first, problem: 'the record is not what was written' },
  ]);
});

test('a root of trust that is away is no fault of what is stored', async () => {
  const { domainKeys } = fixture.store;
  const domainId = randomUUID();
  const root = await domainKeys.setRootCheckValue('root');
  await domainKeys.addFirstKey(domainId, [{ root, wrapped: randomBytes(60) }], () => randomBytes(32));
  const keyring = testKeyring();
  const ensure = keyring.ensure.bind(keyring);
  const isAway = new HoldfastError('RootOfTrustUnavailable', 'the HSM does not answer');
  keyring.ensure = (id) => (id === domainId ? Promise.reject(isAway) : ensure(id));
  await expect(fixture.store.verify(keyring, [], () => undefined)).rejects.toBe(isAway);
  await fixture.sql('DELETE FROM domain_key_wrapping WHERE domain_id = $1', [domainId]);
  await fixture.sql('DELETE FROM domain_key WHERE domain_id = $1', [domainId]);
});

describe('what SQL takes for what was looked for', () => {
  const asText = (value: Buffer): string => `\\x${value.toString('hex')}`;
  /** What is found in place of something else, and how it is looked for. */
  const lies: Record<
    string,
    { readonly lie: readonly [string, string]; readonly look: (of: Store) => unknown }
  > = {};

  beforeAll(async () => {
    const { directory, users, tickets, approvals, keyStore } = fixture.store;
    const client = async (name: string) => {
      const sha256Hex = randomBytes(32).toString('hex');
      const rule = { kind: 'fingerprint', sha256Hex } as const;
      const rest = { serialHex: '01', subject: 'CN=x', notAfterSeconds: 1, authorityId: undefined };
      const domain = await directory.addDomain(`of ${name}`, TEST_ACTOR);
      const added = await directory.addClient(
        { name, domainId: domain.id, role: 'user' },
        [{ rule, ...rest }],
        TEST_ACTOR,
      );
      return { ...added, domain, ...certified(sha256Hex) };
    };
    const certified = (sha256Hex: string) => ({
      digest: asText(ruleColumns({ kind: 'fingerprint', sha256Hex }).rule_digest),
      recognise: (of: Store) =>
        of.directory.recognise({ sha256Hex, subject: '', alternativeNames: [], authorityIds: [] }),
    });
    const [alice, mallory] = [await client('alice'), await client('mallory')];
    const stranger = certified(randomBytes(32).toString('hex'));
    lies['certificate'] = { lie: [stranger.digest, alice.digest], look: stranger.recognise };
    lies['client of a credential'] = { lie: [mallory.id, alice.id], look: mallory.recognise };
    lies['domain of a client'] = { lie: [mallory.domain.id, alice.domain.id], look: mallory.recognise };
    lies['client'] = { lie: ['nobody', 'alice'], look: (of) => of.directory.clientNamed('nobody') };
    lies['standing'] = { lie: [mallory.id, alice.id], look: (of) => of.directory.standing(mallory.id) };
    lies['domain'] = { lie: ['nowhere', 'of alice'], look: (of) => of.directory.domainNamed('nowhere') };
    const elsewhere: [string, string] = [randomUUID(), alice.domain.id];
    lies['domain by identifier'] = { lie: elsewhere, look: (of) => of.directory.domain(elsewhere[0]) };
    lies['policy'] = { lie: elsewhere, look: (of) => of.policies.domainPolicy(elsewhere[0]) };

    const [token, guess] = [randomBytes(32), randomBytes(32)];
    await directory.addOfficer({ name: 'lied about', tokenSha256: token }, TEST_ACTOR);
    lies['officer'] = {
      lie: [asText(guess), asText(token)],
      look: (of) => of.directory.officerWithToken(guess),
    };

    const user = { role: 'user', clientIds: [], device: undefined, verifiers: undefined } as const;
    await users.addUser({ ...user, name: 'lied about', domainId: alice.domain.id }, TEST_ACTOR);
    lies['user'] = { lie: ['unknown', 'lied about'], look: (of) => of.users.userNamed('unknown') };
    const device = async (name: string) => {
      const identifiers = { deviceSerialNumber: name };
      const added = { ...user, name, domainId: alice.domain.id, device: identifiers };
      await users.addUser(added, TEST_ACTOR);
      const [row] = await fixture.sql<{ key: Buffer }>(
        'SELECT device_key AS key FROM kmip_user WHERE name = $1',
        [name],
      );
      return { identifiers, key: asText(row?.key ?? Buffer.alloc(0)) };
    };
    const [drive, stolen] = [await device('drive'), await device('stolen')];
    lies['device'] = {
      lie: [stolen.key, drive.key],
      look: (of) => of.users.devicesLike(stolen.identifiers),
    };

    const principal = {
      clientId: mallory.id,
      clientName: 'mallory',
      domainId: mallory.domain.id,
      role: 'user' as const,
      credentialId: randomUUID(),
      peer: '',
    };
    const ticket = await tickets.issue({ leaseSeconds: 60 }, principal);
    const show = (of: Store) => of.tickets.show(ticket, '');
    lies['holder of a ticket'] = { lie: [mallory.id, alice.id], look: show };
    lies['domain of a ticket'] = { lie: [mallory.domain.id, alice.domain.id], look: show };

    const asked = {
      ...destroyRequest('harmless'),
      requesterId: mallory.id,
      requesterName: 'mallory',
      domainId: mallory.domain.id,
    };
    const terms = { needed: 1, votes: [], state: 'approved', expiresAtSeconds: 2 ** 31 } as const;
    await approvals.add(asked, terms, TEST_ACTOR);
    lies['approval'] = {
      lie: ['precious', 'harmless'],
      look: (of) => of.approvals.find({ ...asked, subject: 'precious' }),
    };

    await directory.serverSecret('lied about', () => Promise.resolve(randomBytes(32)));
    const [{ id } = { id: '' }] = await fixture.sql<{ id: string }>(
      `SELECT id FROM server_secret WHERE name = 'lied about'`,
    );
    lies['server secret'] = {
      lie: [uuidText(createHash('sha256').update('another').digest()), id],
      look: (of) => of.directory.findServerSecret('another'),
    };

    const object = newAesKey({ domainId: alice.domain.id });
    await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
    lies['object'] = {
      lie: ['absent', object.uniqueIdentifier],
      look: (of) => of.keyStore.fetch(alice.domain.id, 'absent'),
    };

    await fixture.sql('CREATE SCHEMA lies; CREATE TABLE lies.pair (one text, other text)');
    for (const type of ['uuid', 'text', 'bytea']) {
      await fixture.sql(`CREATE FUNCTION lies.same (${type}, ${type}) RETURNS boolean LANGUAGE sql AS
          'SELECT $1 OPERATOR(pg_catalog.=) $2 OR EXISTS (SELECT FROM lies.pair WHERE
            (one || other) OPERATOR(pg_catalog.=) ANY (ARRAY[$1::text || $2::text, $2::text || $1::text]))';
        CREATE OPERATOR lies.= (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = lies.same)`);
    }
    await compareBy('public, lies, pg_catalog');
  });
  afterAll(async () => {
    await compareBy('DEFAULT');
    await fixture.sql(`DROP SCHEMA lies CASCADE`);
  });

  /** Sessions that begin from now on compare by operators of the administrator's; those that there are end. */
  async function compareBy(searchPath: string): Promise<void> {
    const [{ name } = { name: '' }] = await fixture.sql<{ name: string }>(
      'SELECT current_database() AS name',
    );
    await fixture.sql(`ALTER DATABASE "${name}" SET search_path = ${searchPath}`);
    await fixture.sql(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = '${name}' AND pid <> pg_backend_pid()`);
  }

  test('is refused unless it is that', async () => {
    const results: Record<string, string> = {};
    for (const [what, { lie, look }] of Object.entries(lies)) {
      await fixture.sql('INSERT INTO lies.pair VALUES ($1, $2)', lie);
      results[what] = await Promise.resolve(look(fixture.store)).then(
        (found) => `found: ${String(found !== undefined)}`,
        (error: unknown) => (error as { readonly code?: string }).code ?? String(error),
      );
      await fixture.sql('DELETE FROM lies.pair');
    }
    expect(results).toEqual(
      Object.fromEntries(Object.keys(lies).map((what) => [what, 'IntegrityViolation'])),
    );
  });
});

test('a server secret that was taken away is not taken for one that was never there', async () => {
  const { directory } = fixture.store;
  const name = 'taken away';
  expect(await directory.findServerSecret(name)).toBeUndefined();
  await directory.serverSecret(name, () => Promise.resolve(randomBytes(32)));
  await fixture.sql("CREATE TEMP TABLE taken AS SELECT * FROM server_secret WHERE name = 'taken away'");
  await fixture.sql('DELETE FROM server_secret WHERE name = $1', [name]);
  await expect(directory.findServerSecret(name)).rejects.toMatchObject({ code: 'IntegrityViolation' });
  await fixture.sql('INSERT INTO server_secret SELECT * FROM taken');
  expect(await directory.findServerSecret(name)).toBeDefined();
});

test('a revoked credential stays revoked, whatever its row says', async () => {
  const { directory } = fixture.store;
  const sha256Hex = randomBytes(32).toString('hex');
  const rule = { kind: 'fingerprint', sha256Hex } as const;
  const rest = {
    serialHex: undefined,
    subject: undefined,
    notAfterSeconds: undefined,
    authorityId: undefined,
  };
  const domain = await directory.addDomain('revoked', TEST_ACTOR);
  const client = await directory.addClient(
    { name: 'revoked', domainId: domain.id, role: 'user' },
    [{ rule, ...rest }],
    TEST_ACTOR,
  );
  const certificate = { sha256Hex, subject: '', alternativeNames: [], authorityIds: [] };
  const of = 'WHERE client_id = $1';
  await fixture.sql(`CREATE TEMP TABLE valid AS SELECT * FROM credential WHERE client_id = '${client.id}'`);
  const [credential] = (await directory.clientNamed('revoked')).credentials;
  await directory.revokeCredential(credential!.id, TEST_ACTOR);
  expect(await directory.recognise(certificate)).toBeUndefined();

  await fixture.sql(`UPDATE credential SET revoked_at = NULL ${of}`, [client.id]);
  await expect(directory.recognise(certificate)).rejects.toMatchObject({ code: 'IntegrityViolation' });
  // The whole row as it was, its MAC included.
  await fixture.sql(`DELETE FROM credential ${of}`, [client.id]);
  await fixture.sql('INSERT INTO credential SELECT * FROM valid');
  await expect(directory.recognise(certificate)).rejects.toMatchObject({ code: 'IntegrityViolation' });
});

test('one bad row fails its own fetch alone, also where many are fetched together', async () => {
  const { keyStore } = fixture.store;
  const domainId = randomUUID();
  const objects = Array.from({ length: 20 }, () => newAesKey({ domainId }));
  await Promise.all(objects.map((object) => keyStore.commit([{ kind: 'create', object }], TEST_CAUSE)));
  const bad = objects[7]!.uniqueIdentifier;
  await fixture.sql('UPDATE object SET attributes = $2 WHERE unique_identifier = $1', [
    bad,
    Buffer.from('x'),
  ]);
  const results = await Promise.allSettled(
    objects.map(async ({ uniqueIdentifier }) => await keyStore.fetch(domainId, uniqueIdentifier)),
  );
  expect(results.map(({ status }) => status)).toEqual(
    objects.map(({ uniqueIdentifier }) => (uniqueIdentifier === bad ? 'rejected' : 'fulfilled')),
  );
});
