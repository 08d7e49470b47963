import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretBytes, type KeyStore, type NewObject, type ObjectChange } from '@holdfast/core';
import { TEST_ACTOR, TEST_CAUSE, newAesKey } from '@holdfast/testkit';
import { newSigningKey, openStore, signerOf, statementOf, type Store } from '../src';
import { Database } from '../src/postgres/database';
import { askAfterLoss } from '../src/postgres/outcome';
import { until } from '../../../test/support/until';
import { openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';
import { startProxy, type Proxy } from './support/proxy';

/** A store whose connections to the database break at the worst moments. */
let fixture: Fixture;
let proxy: Proxy;
let store: Store;
let keyStore: KeyStore;
beforeAll(async () => {
  fixture = await openFixture();
  proxy = await startProxy(fixture.connection);
  store = await openStore({ connection: proxy.connection, keyring: testKeyring(), log: quietLog });
  keyStore = store.keyStore;
});
afterAll(async () => {
  await store.close();
  await proxy.close();
  await fixture.close();
});

const domainId = randomUUID();
const creation = (object: NewObject): ObjectChange => ({ kind: 'create', object });
const create = (object: NewObject): Promise<void> => keyStore.commit([creation(object)], TEST_CAUSE);
const isThere = async ({ uniqueIdentifier }: NewObject): Promise<boolean> =>
  (await fixture.sql('SELECT FROM change_record WHERE unique_identifier = $1', [uniqueIdentifier])).length >
  0;

/** Settles what is under way once the database has done it and its answer was lost. */
async function loseAnswer<T>(start: () => Promise<T>, isDone: () => Promise<boolean>): Promise<T> {
  proxy.muteAnswers();
  const work = start();
  await until(isDone, 'it is done');
  proxy.cut();
  return work;
}

test('a commit whose answer was lost is found to have happened', async () => {
  const object = newAesKey({ domainId });
  await keyStore.fetch(domainId, 'connects');
  await loseAnswer(
    () => create(object),
    () => isThere(object),
  );
  const stored = await keyStore.fetch(domainId, object.uniqueIdentifier);
  expect(stored?.revision).toBe(1);

  const update = { kind: 'update', object: stored!, attributes: stored!.attributes, value: 'erase' } as const;
  await loseAnswer(
    () => keyStore.commit([update], TEST_CAUSE),
    async () => {
      const rows = await fixture.sql('SELECT FROM change_record WHERE unique_identifier = $1', [
        object.uniqueIdentifier,
      ]);
      return rows.length === 2;
    },
  );
  expect((await keyStore.fetch(domainId, object.uniqueIdentifier))?.hasValue).toBe(false);
});

test('a commit that never arrived is said not to have happened, and may be tried again', async () => {
  const object = newAesKey({ domainId });
  await keyStore.fetch(domainId, 'connects');
  const swallowed = proxy.swallowRequests();
  const work = create(object);
  void swallowed.then(() => proxy.cut());
  await expect(work).rejects.toMatchObject({
    code: 'StoreUnavailable',
    outcomeKnown: true,
    retryable: true,
  });
  expect(await isThere(object)).toBe(false);
  await create(object);
});

test('a transaction whose COMMIT lost its answer is found to have happened', async () => {
  const object = newAesKey({ domainId });
  const result = await keyStore.transaction(domainId, async (session) => {
    await session.commit([creation(object)], TEST_CAUSE);
    proxy.muteAnswersFrom('COMMIT');
    void until(() => isThere(object), 'the object is there').then(() => proxy.cut());
    return 'done';
  });
  expect(result).toBe('done');
});

test('a transaction that breaks before its COMMIT has not happened', async () => {
  const object = newAesKey({ domainId });
  const work = keyStore.transaction(domainId, async (session) => {
    await session.commit([creation(object)], TEST_CAUSE);
    proxy.cut();
    await session.fetch(domainId, object.uniqueIdentifier);
  });
  await expect(work).rejects.toMatchObject({ code: 'StoreUnavailable', outcomeKnown: true });
  expect(await isThere(object)).toBe(false);
});

test('a change of the directory whose answer was lost is found to have happened', async () => {
  const { directory } = store;
  const name = randomUUID();
  proxy.muteAnswersFrom('COMMIT');
  const isAdded = async () => (await fixture.sql('SELECT FROM domain WHERE name = $1', [name])).length > 0;
  void until(isAdded, 'the domain is there').then(() => proxy.cut());
  const domain = await directory.addDomain(name, TEST_ACTOR);
  expect(await directory.domainNamed(name)).toEqual(domain);
});

test('an archive whose answer was lost is found to have been made', async () => {
  const { auditChain, auditLog } = store;
  const pkcs8 = newSigningKey();
  await store.directory.serverSecret('audit-signing-key', () => Promise.resolve(Buffer.from(pkcs8)));
  const signer = signerOf(SecretBytes.copyOf(pkcs8));
  const epoch = (await auditChain.claim())!;
  for (const subject of ['archived', 'newest']) {
    await auditLog.append({ actor: TEST_ACTOR, action: 'test', outcome: 'success', subject });
    for (let isMore = true; isMore;) ({ isMore } = await auditChain.link(epoch, undefined, signer, true));
  }
  const checkpoints = [];
  for await (const each of auditChain.checkpoints(1)) checkpoints.push(each);
  const { position: last, recorded } = statementOf(checkpoints[0]!);
  const file = { file: randomUUID(), sha256: '', first: 1, last, recorded };
  const isMade = async (): Promise<boolean> => (await fixture.sql('SELECT FROM audit_archive')).length > 0;
  proxy.muteAnswersFrom('COMMIT');
  void until(isMade, 'it is made').then(() => proxy.cut());
  await auditChain.archive(file, signer, () => true);
  expect(await auditChain.archives()).toHaveLength(1);
});

test('audit records are written once, also where the answer was lost', async () => {
  const action = randomUUID();
  const count = async (): Promise<number> =>
    (
      await fixture.sql(`SELECT FROM audit_batch WHERE position($1::bytea IN content) > 0`, [
        Buffer.from(action),
      ])
    ).length;
  await keyStore.fetch(domainId, 'connects');
  await loseAnswer(
    () =>
      store.auditLog.append({ actor: TEST_ACTOR, action, outcome: 'failure', reason: 'PermissionDenied' }),
    async () => (await count()) === 1,
  );
  expect(await count()).toBe(1);
});

test('reads survive one broken connection, and idle connections may break at any time', async () => {
  const object = newAesKey({ domainId });
  await create(object);
  await fixture.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'holdfast%'`,
  );
  expect((await keyStore.fetch(domainId, object.uniqueIdentifier))?.revision).toBe(1);
});

test('while the database is away everything says so, and works again once it is back', async () => {
  const object = newAesKey({ domainId });
  await create(object);
  await proxy.refuse();
  const unavailable = { code: 'StoreUnavailable', outcomeKnown: true, retryable: true };
  await expect(keyStore.fetch(domainId, object.uniqueIdentifier)).rejects.toMatchObject(unavailable);
  await expect(create(newAesKey({ domainId }))).rejects.toMatchObject(unavailable);
  await expect(store.directory.listClients()).rejects.toMatchObject(unavailable);
  await expect(
    store.auditLog.append({ actor: TEST_ACTOR, action: 'x', outcome: 'failure' }),
  ).rejects.toMatchObject(unavailable);
  proxy.cut();
  const fetched = async () => keyStore.fetch(domainId, object.uniqueIdentifier);
  await until(async () => (await fetched().catch(() => undefined)) !== undefined, 'it is fetched');
  await create(newAesKey({ domainId }));
});

/** Names the standbys without which nothing is committed; the server is our own, whose folder its socket lies in. */
async function waitForStandbys(names: string): Promise<void> {
  const folder = fixture.connection.host ?? '';
  await writeFile(join(folder, 'postgresql.auto.conf'), `synchronous_standby_names = '${names}'\n`);
  process.kill(Number((await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]), 'SIGHUP');
}

const hasOwnServer = process.env['HOLDFAST_TEST_DATABASE_URL'] === undefined;
(hasOwnServer ? test : test.skip)(
  'a commit that no standby has yet is not said to have happened',
  async () => {
    const waiting = async (query: string): Promise<boolean> =>
      (
        await fixture.sql(
          `SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND position($1 IN query) > 0`,
          [query],
        )
      ).length > 0;
    // The role's limit would end the waiting, but not the commit.
    const [{ name } = { name: '' }] = await fixture.sql<{ name: string }>(
      'SELECT current_database() AS name',
    );
    await fixture.sql(`ALTER DATABASE ${name} SET statement_timeout = '1s'`);
    const limited = await openStore({ connection: proxy.connection, keyring: testKeyring(), log: quietLog });
    await limited.keyStore.fetch(domainId, 'connects');
    await waitForStandbys('nobody');
    try {
      let object = newAesKey({ domainId });
      let work = Promise.resolve();
      let isAnswered = true;
      // What comes before the server has read its settings anew is answered.
      await until(async () => {
        if (isAnswered) {
          isAnswered = false;
          object = newAesKey({ domainId });
          work = limited.keyStore.commit([creation(object)], TEST_CAUSE).finally(() => (isAnswered = true));
        }
        return waiting('WITH input');
      }, 'a commit waits');
      proxy.cut();
      await until(
        async () => isAnswered || (await waiting('pg_logical_emit_message')),
        'the look at its outcome waits',
      );
      expect(isAnswered).toBe(false);
      await waitForStandbys('');
      await work;
      expect(await isThere(object)).toBe(true);
    } finally {
      await waitForStandbys('');
      await fixture.sql(`ALTER DATABASE ${name} RESET statement_timeout`);
      await limited.close();
    }
  },
);

test('what cannot be found out is said to be unknown', async () => {
  const database = new Database({
    connection: { host: '/nonexistent', password: randomBytes(4).toString('hex') },
    log: quietLog,
    poolSize: 1,
  });
  const backend = { processId: 1, startedAt: '2020-01-01' };
  // However far the clock of the machine is set back meanwhile.
  const clock = jest.spyOn(Date, 'now').mockReturnValue(0);
  await expect(askAfterLoss(database, backend, () => Promise.resolve(true), 50)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    outcomeKnown: false,
    retryable: false,
  });
  clock.mockRestore();
  await database.close();
});

test('what is not found out by the time all connections are closed is not waited for any longer', async () => {
  const database = new Database({ connection: { host: '/nonexistent' }, log: quietLog, poolSize: 1 });
  const asked = askAfterLoss(
    database,
    { processId: 1, startedAt: '2020-01-01' },
    () => Promise.resolve(true),
    3600_000,
  );
  await Promise.all([
    expect(asked).rejects.toMatchObject({ code: 'StoreUnavailable', outcomeKnown: false }),
    database.close(),
  ]);
});
