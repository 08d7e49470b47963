import { randomBytes, randomUUID } from 'node:crypto';
import {
  SYSTEM_DOMAIN_ID,
  SecretBytes,
  type Chain,
  type NewAsynchronousRequest,
  type Principal,
} from '@holdfast/core';
import { createKeyring } from '@holdfast/crypto';
import { CancellationResult, Operation, dialectNamed } from '@holdfast/kmip';
import { Client } from 'pg';
import { TEST_ACTOR, TEST_CAUSE, TEST_KEY, aesKey, keyBytesOf, newAesKey } from '@holdfast/testkit';
import {
  contentsOfBackup,
  decodeEntry,
  loadStore,
  openStore,
  unpackRecords,
  type RestoringRoot,
} from '../src';
import { PostgresAsynchronousRequests } from '../src/asynchronous/requests';
import { encodeFrame, type Frame } from '../src/backup/frames';
import { MIGRATIONS } from '../src/migrations';
import { KeptObjects } from '../src/objects/kept-objects';
import { PostgresKeyStore } from '../src/objects/key-store';
import { Database } from '../src/postgres/database';
import { until } from '../../../test/support/until';
import { destroyRequest, openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

test('the first check value of a root key stays', async () => {
  const { domainKeys } = fixture.store;
  expect(await domainKeys.rootCheckValue()).toBeUndefined();
  const values = await Promise.all(
    ['one', 'two', 'three'].map((value) => domainKeys.setRootCheckValue(value)),
  );
  expect(new Set(values).size).toBe(1);
  expect(await domainKeys.setRootCheckValue('four')).toBe(values[0]);
  expect(await domainKeys.rootCheckValue()).toBe(values[0]);
});

test('of the first key of a domain the first one written is kept', async () => {
  const { domainKeys } = fixture.store;
  const domainId = randomUUID();
  const root = (await domainKeys.rootCheckValue())!;
  const wrapped = [1, 2, 3].map(() => randomBytes(60));
  const mac = (): Buffer => Buffer.alloc(32, 7);
  const added = await Promise.all(
    wrapped.map((each) => domainKeys.addFirstKey(domainId, [{ root, wrapped: each }], mac)),
  );
  expect(added.filter(Boolean)).toHaveLength(1);
  expect(await domainKeys.listDomainKeys(domainId)).toMatchObject([
    {
      domainId,
      version: 1,
      status: 'current',
      mac: mac(),
      revision: 1,
      newestRevision: 1,
      wrappings: [{ root, wrapped: wrapped[added.indexOf(true)] }],
    },
  ]);
  const other = randomUUID();
  expect(await domainKeys.addFirstKey(other, [{ root: 'another', wrapped: wrapped[0]! }], mac)).toBe(false);
  expect(await domainKeys.listDomainKeys(other)).toEqual([]);
  expect(await domainKeys.listDomainKeys(SYSTEM_DOMAIN_ID)).toEqual([]);
});

test('a move to another root key goes no further once it was given up', async () => {
  const { domainKeys, rootKeys } = fixture.store;
  const current = await domainKeys.setRootCheckValue('one');
  const wrapped = randomBytes(60);
  await domainKeys.addFirstKey(randomUUID(), [{ root: current, wrapped }], () => Buffer.alloc(32));
  await rootKeys.begin('next', false, TEST_ACTOR);
  const [key] = await rootKeys.lacking('next');
  await rootKeys.cancel(TEST_ACTOR);
  const givenUp = { code: 'ItemNotFound', message: expect.stringContaining('was given up') as string };
  const goOn = async (): Promise<void> => {
    await expect(rootKeys.addWrapping(key!, { root: 'next', wrapped })).rejects.toMatchObject(givenUp);
    await expect(rootKeys.complete('next', TEST_ACTOR)).rejects.toMatchObject(givenUp);
  };
  await goOn();
  await rootKeys.begin('another', false, TEST_ACTOR);
  await goOn();
  await rootKeys.cancel(TEST_ACTOR);
  expect(await rootKeys.state()).toMatchObject({ current, incoming: undefined, outgoing: undefined });
  expect(await fixture.sql(`SELECT FROM domain_key_wrapping WHERE root <> $1`, [current])).toEqual([]);
});

async function* bytesOf(...frames: readonly (Frame | Buffer)[]): AsyncGenerator<Buffer> {
  for (const frame of frames)
    yield await Promise.resolve(Buffer.isBuffer(frame) ? Buffer.from(frame) : encodeFrame(frame));
}

/** A frame of a kind that says what it should not. */
function frameOf(kind: number, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes[0] = kind;
  bytes.writeUInt32BE(body.length, 1);
  bytes.write(body, 5);
  return bytes;
}

const about = {
  createdAt: '',
  schemaVersion: MIGRATIONS.length,
  rootCheckValue: '',
  objects: 0,
};
const begin: Frame = { kind: 'about', about };
const domainTable: Frame = { kind: 'table', table: { name: 'domain', columns: ['id'] } };
const notABackup = { code: 'IntegrityViolation', message: 'the backup does not hold what a backup holds' };

test.each([
  ['text that is none', frameOf(0, '{')],
  ['nothing of itself', frameOf(0, 'null')],
  ['no schema version', frameOf(0, '{}')],
  ['a table without columns', frameOf(2, '{"name":"domain"}')],
  ['a table that is a statement', frameOf(2, '{"name":"domain; SELECT 1","columns":[]}')],
  ['a column that is a statement', frameOf(2, '{"name":"domain","columns":["id) TO STDOUT; SELECT 1"]}')],
  ['a domain key without a length', frameOf(5, 'no')],
  ['a domain key that is longer than itself', frameOf(5, '~~~~{}')],
  ['an unknown kind', frameOf(9, '')],
])('a backup that holds %s is refused', async (_, frame) => {
  await expect(contentsOfBackup(bytesOf(begin, frame, { kind: 'end' }))).rejects.toMatchObject(notABackup);
});

const restoringRoot: RestoringRoot = {
  keyCheckValue: () => Promise.resolve('root'),
  wrap: () => Promise.resolve(randomBytes(60)),
};

test('a backup whose domain keys come among the rows is refused', async () => {
  const row = {
    id: randomUUID(),
    domainId: randomUUID(),
    version: 1,
    status: 'current',
    createdAtSeconds: 0,
    changedAtSeconds: 0,
    revision: 1,
    mac: undefined,
  } as const;
  const frames = bytesOf(begin, domainTable, { kind: 'domain-key', key: { row, key: randomBytes(32) } });
  const empty = await fixture.postgres.createDatabase();
  await expect(loadStore(empty, frames, restoringRoot)).rejects.toMatchObject(notABackup);
});

test('rows that the database refuses while more are being read fail the restore', async () => {
  const empty = await fixture.postgres.createDatabase();
  async function* content(): AsyncGenerator<Buffer> {
    yield* bytesOf(begin, domainTable, { kind: 'rows', bytes: Buffer.from('no rows at all') });
    const refused = `SELECT FROM pg_stat_activity WHERE datname = $1 AND state = 'idle in transaction (aborted)'`;
    const { database = new URL(empty.connectionString ?? '').pathname.slice(1) } = empty;
    await until(async () => (await fixture.sql(refused, [database])).length > 0, 'it is refused');
    yield* bytesOf({ kind: 'rows', bytes: Buffer.from('more') }, { kind: 'end' });
  }
  await expect(loadStore(empty, content(), restoringRoot)).rejects.toMatchObject({
    code: 'InternalServerError',
    message: 'the key store refused a statement',
  });
});

test('audit records keep what they were given, and are written together', async () => {
  const { auditLog } = fixture.store;
  const action = randomUUID();
  const record = {
    actor: { ...TEST_ACTOR, credentialId: 'c', peer: '[::1]:7' },
    action,
    domainId: randomUUID(),
    subject: 'odd \0 text \ud800',
    outcome: 'failure',
    reason: 'PermissionDenied',
  } as const;
  await Promise.all(Array.from({ length: 40 }, () => auditLog.append(record)));
  const rows = await fixture.sql<{ content: Buffer; record_count: number }>(
    'SELECT content, record_count FROM audit_batch ORDER BY transaction_number',
  );
  const records = rows
    .flatMap(({ content, record_count: count }) => [...unpackRecords(content, count)])
    .map(({ who, what }) => decodeEntry(who, what))
    .filter((entry) => entry.action === action);
  expect(records).toHaveLength(40);
  expect(rows.length).toBeLessThan(40);
  expect(records[0]).toEqual({
    recordedAtUs: expect.any(Number) as number,
    actor: record.actor,
    domainId: record.domainId,
    action,
    subjects: ['odd \u{fffd} text \u{fffd}'],
    outcome: 'failure',
    reason: 'PermissionDenied',
    rowId: undefined,
    revision: undefined,
  });
});

test('each change of an object leaves a record that names its actor', async () => {
  const { keyStore } = fixture.store;
  const object = newAesKey({ domainId: randomUUID() });
  await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
  const stored = await keyStore.fetch(object.domainId, object.uniqueIdentifier);
  const { attributes } = stored!;
  await keyStore.commit([{ kind: 'update', object: stored!, attributes, value: 'erase' }], {
    ...TEST_CAUSE,
    operation: 'Destroy',
  });
  const rows = await fixture.sql(
    `SELECT revision, generation, internal_id, operation, actor_kind, actor_id, actor_name, peer
      FROM change_record WHERE unique_identifier = $1 ORDER BY revision`,
    [object.uniqueIdentifier],
  );
  const actor = {
    actor_kind: 'client',
    actor_id: TEST_ACTOR.id,
    actor_name: TEST_ACTOR.name,
    peer: TEST_ACTOR.peer,
  };
  const same = { generation: 1, internal_id: stored?.internalId, ...actor };
  expect(rows).toEqual([
    { revision: 1, operation: 'Test', ...same },
    { revision: 2, operation: 'Destroy', ...same },
  ]);
});

test('nothing of a key, in any form, is in the database', async () => {
  const { keyStore } = fixture.store;
  const object = newAesKey({ domainId: randomUUID() });
  await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
  const [{ sealed }] = (await fixture.sql('SELECT sealed FROM object WHERE unique_identifier = $1', [
    object.uniqueIdentifier,
  ])) as [{ sealed: Buffer }];
  expect(sealed.includes(Buffer.from('0001020304', 'hex'))).toBe(false);
});

test('what was sealed under an older key opens, also after its row was changed under a newer one', async () => {
  const secret = randomBytes(32);
  const versions = [{ version: 1, key: randomBytes(32) }];
  const keyring = createKeyring({
    load: () =>
      Promise.resolve(
        versions.map(({ version, key }) => ({
          version,
          key: SecretBytes.copyOf(key),
          current: version === versions.length,
        })),
      ),
  });
  const connection = await fixture.postgres.createDatabase();
  const store = await openStore({ connection, keyring, log: quietLog });
  const { directory, keyStore } = store;
  const name = 'authority';
  await directory.addAuthority(
    { name, certificateDer: randomBytes(9), privateKey: SecretBytes.copyOf(secret) },
    TEST_ACTOR,
  );
  await directory.serverSecret('shared', () => Promise.resolve(Buffer.from(secret)));
  const object = newAesKey({ domainId: randomUUID() });
  await keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);

  versions.push({ version: 2, key: randomBytes(32) });
  keyring.forget(SYSTEM_DOMAIN_ID);
  keyring.forget(object.domainId);
  await directory.revokeAuthority(name, TEST_ACTOR);
  const [authority] = await directory.listAuthorities();
  expect(authority?.privateKey?.reveal()).toEqual(secret);
  const shared = await directory.serverSecret('shared', () => Promise.reject(new Error('not called')));
  expect(shared.value.reveal()).toEqual(secret);

  const fetched = async () => (await keyStore.fetch(object.domainId, object.uniqueIdentifier))!;
  for (const value of ['keep', { replace: aesKey() }] as const) {
    const before = await fetched();
    await keyStore.commit(
      [{ kind: 'update', object: before, attributes: before.attributes, value }],
      TEST_CAUSE,
    );
    expect(keyBytesOf((await fetched()).openValue())).toEqual(TEST_KEY);
  }
  await store.close();
});

test('the time is that of the database', async () => {
  const [{ now }] = (await fixture.sql(`SELECT extract(epoch FROM clock_timestamp())::float8 AS now`)) as [
    { now: number },
  ];
  expect(Math.abs(fixture.store.clock.nowSeconds() - now)).toBeLessThan(10);
  expect(Number.isInteger(fixture.store.clock.nowSeconds())).toBe(true);
  expect(fixture.store.databaseVersion).toMatch(/^\d+/);
});

test('the time goes on where the clock of the machine is set', async () => {
  const { clock } = await fixture.open();
  const before = clock.nowSeconds();
  const set = jest.spyOn(Date, 'now').mockReturnValue(0);
  try {
    expect(clock.nowSeconds()).toBeGreaterThanOrEqual(before);
    expect(clock.nowSeconds()).toBeLessThan(before + 1000);
  } finally {
    set.mockRestore();
  }
});

describe('what one domain keeps to itself for long', () => {
  const creationIn = (domainId: string) => {
    const object = newAesKey({ domainId });
    return { object, changes: [{ kind: 'create', object }] as const };
  };

  test('are not all connections for transactions: others begin theirs', async () => {
    const { keyStore } = fixture.store;
    const [holding, other] = [randomUUID(), randomUUID()];
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const long = Array.from({ length: 16 }, () => keyStore.transaction(holding, () => held));
    const [one, two] = [creationIn(other), creationIn(other)];
    await keyStore.commit([...one.changes, ...two.changes], TEST_CAUSE);
    end();
    await Promise.all(long);
  });

  test('are not all connections for the rest: of those who wait for a ticket one has one', async () => {
    const { directory, tickets } = fixture.store;
    const [name, peer] = [`holder-${randomUUID()}`, '127.0.0.1:1'];
    const { id: domainId } = await directory.addDomain(name, TEST_ACTOR);
    const { id } = await directory.addClient({ name, domainId, role: 'user' }, [], TEST_ACTOR);
    const principal = {
      clientId: id,
      clientName: name,
      domainId,
      role: 'user',
      credentialId: id,
      peer,
    } as const;
    const ticket = await tickets.issue({ leaseSeconds: 600, requestCount: 100 }, principal);
    await fixture.sql('BEGIN');
    await fixture.sql('SELECT FROM ticket WHERE holder_id = $1 FOR UPDATE', [id]);
    const waiting = Promise.all(Array.from({ length: 16 }, () => tickets.show(ticket, peer)));
    const waits = () => fixture.sql('SELECT FROM pg_locks WHERE NOT granted');
    await until(async () => (await waits()).length > 0, 'it waits for the lock');
    await directory.domainNamed(name);
    await fixture.sql('ROLLBACK');
    await waiting;
  });

  test('are not all changes: those of others wait for no lock in it', async () => {
    const { keyStore } = fixture.store;
    const [holding, other] = [randomUUID(), randomUUID()];
    const made = [...Array.from({ length: 4 }, () => creationIn(holding)), creationIn(other)];
    for (const { changes } of made) await keyStore.commit(changes, TEST_CAUSE);
    const change = async ({ object: { domainId, uniqueIdentifier } }: (typeof made)[number]) => {
      const object = await keyStore.fetch(domainId, uniqueIdentifier);
      if (object === undefined) throw new Error('it is there');
      const { attributes } = object;
      await keyStore.commit([{ kind: 'update', object, attributes, value: 'erase' }], TEST_CAUSE);
    };
    const free = made.pop();
    await fixture.sql('BEGIN');
    await fixture.sql('SELECT FROM object WHERE domain_id = $1 FOR UPDATE', [holding]);
    const waiting: Promise<void>[] = [];
    for (const each of made) {
      waiting.push(change(each));
      // As many batches as there may be at once.
      const batches = Math.min(waiting.length, 3);
      const waits = () => fixture.sql('SELECT FROM pg_locks WHERE NOT granted');
      await until(async () => (await waits()).length >= batches, 'it waits for the lock');
    }
    if (free !== undefined) await change(free);
    await fixture.sql('ROLLBACK');
    await Promise.all(waiting);
  });
});

test('closing leaves no connection behind', async () => {
  const connections = async (): Promise<readonly number[]> => {
    const rows = await fixture.sql<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'holdfast%'`,
    );
    return rows.map(({ pid }) => pid);
  };
  const before = await connections();
  const store = await fixture.open();
  const end = await store.directory.watch(() => undefined);
  await store.keyStore.fetch(randomUUID(), 'x');
  await store.keyStore.transaction(randomUUID(), () => Promise.resolve());
  const own = (await connections()).filter((pid) => !before.includes(pid));
  expect(own.length).toBeGreaterThanOrEqual(3);
  await end();
  await store.close();
  await until(async () => !(await connections()).some((pid) => own.includes(pid)), 'all of them are closed');
});

/** Pending requests, over a connection of their own and by a clock that is set. */
function pendingRequests() {
  const database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 2 });
  const clock = { ms: Date.now() };
  const now = (): number => clock.ms;
  const keyStore = new PostgresKeyStore(database, testKeyring(), now, new KeptObjects(0, 1));
  const requests = new PostgresAsynchronousRequests(database, testKeyring(), keyStore, quietLog, now);
  return { database, clock, requests };
}

function asker(clientId: string, domainId: string): Principal {
  const { name, peer = '' } = TEST_ACTOR;
  return { clientId, clientName: name, credentialId: randomUUID(), domainId, role: 'user', peer };
}

function destruction(principal: Principal, chain?: Chain): NewAsynchronousRequest {
  return {
    principal,
    operation: Operation.Destroy,
    operationName: 'Destroy',
    dialect: dialectNamed('2.1'),
    isEphemeral: false,
    payload: new SecretBytes(Buffer.from('payload')),
    chain,
    approval: undefined,
  };
}

test('pending requests of domains are taken up in turn, and within one those of its clients', async () => {
  const { database, clock, requests } = pendingRequests();
  const [one, other] = [randomUUID(), randomUUID()];
  const [busy, colleague, stranger] = [
    asker(randomUUID(), one),
    asker(randomUUID(), one),
    asker(randomUUID(), other),
  ];
  for (const each of [busy, busy, busy, busy, colleague, stranger]) {
    clock.ms++;
    await requests.submit(destruction(each), 9);
  }
  const taken: (string | undefined)[] = [];
  for (let count = 0; count < 6; count++) taken.push((await requests.claim())?.clientId);
  const order = [busy, stranger, colleague, busy, busy, busy];
  expect(taken).toEqual(order.map(({ clientId }) => clientId));
  expect(await requests.claim()).toBeUndefined();
  clock.ms += 30 * 24 * 3600_000;
  expect(await requests.removeExpired()).toBe(6);
  await database.close();
});

test('an item that failed stops those behind it in its batch, however long these wait', async () => {
  const { database, clock, requests } = pendingRequests();
  const { id } = TEST_ACTOR;
  const principal = asker(id, randomUUID());
  const chainId = randomUUID();
  const [first] = await Promise.all(
    [0, 1].map((position) =>
      requests.submit(destruction(principal, { id: chainId, position, stopsAtFailure: true }), 9),
    ),
  );
  expect(await requests.cancel(principal, first!)).toBe(CancellationResult.Canceled);
  clock.ms += 3600_000;
  expect(await requests.removeExpired()).toBe(0);
  expect(await requests.find(id, first!)).toBeUndefined();
  const second = await requests.claim();
  expect(second).toMatchObject({ isStopped: true });
  const failure = { failure: 'GeneralFailure', content: new SecretBytes(Buffer.from('stopped')) } as const;
  expect(await requests.complete(second!, () => Promise.resolve(failure))).toBe(true);
  expect(await requests.removeExpired()).toBe(1);
  await database.close();
});

test('approvals that are open are listed, however many newer ones are done', async () => {
  const { approvals } = fixture.store;
  const expiresAtSeconds = Math.floor(fixture.store.clock.nowSeconds()) + 3600;
  const terms = { needed: 1, votes: [], expiresAtSeconds } as const;
  for (const state of ['open', 'used', 'denied', 'open', 'used'] as const) {
    await approvals.add(destroyRequest(state), { ...terms, state }, TEST_ACTOR);
  }
  expect((await approvals.list(3)).map(({ state }) => state)).toEqual(['used', 'open', 'open']);
});

test('nodes that start at once record the first key of the system once, and none of them fails', async () => {
  const fresh = await openFixture();
  const { domainKeys } = fresh.store;
  const root = await domainKeys.setRootCheckValue('root');
  const mac = () => randomBytes(32);
  expect(await domainKeys.addFirstKey(SYSTEM_DOMAIN_ID, [{ root, wrapped: randomBytes(60) }], mac)).toBe(
    true,
  );
  const nodes = [fresh.store, await fresh.open()];
  const blocker = new Client(fresh.connection);
  await blocker.connect();
  // Each finds that there is no record before any can write one.
  await blocker.query('BEGIN; LOCK TABLE audit_record IN SHARE MODE');
  const adopting = Promise.all(nodes.map(({ keyRotation }) => keyRotation.adopt()));
  const waiting = `SELECT count(*)::int4 AS nodes FROM pg_locks WHERE relation = 'audit_record'::regclass AND NOT granted`;
  await until(
    async () => (await blocker.query<{ nodes: number }>(waiting)).rows[0]?.nodes === nodes.length,
    'both are about to record it',
  );
  await blocker.query('COMMIT');
  await adopting;
  await blocker.end();
  expect(await domainKeys.listDomainKeys(SYSTEM_DOMAIN_ID)).toMatchObject([{ newestRevision: 1 }]);
  await fresh.close();
});
