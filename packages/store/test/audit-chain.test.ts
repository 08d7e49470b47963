import { randomUUID } from 'node:crypto';
import { SecretBytes } from '@holdfast/core';
import { TEST_ACTOR, TEST_CAUSE, newAesKey } from '@holdfast/testkit';
import { Client } from 'pg';
import { newSigningKey, signerOf, statementOf, type Checkpoint, type Store } from '../src';
import { createKeyring, type DomainKeyVersion } from '@holdfast/crypto';
import { PostgresAuditChain } from '../src/chain/audit-chain';
import { Database } from '../src/postgres/database';
import { until } from '../../../test/support/until';
import { openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';

/** The audit chain: one sequencer, every record once, in one order. */

let fixture: Fixture;
let store: Store;

beforeAll(async () => {
  fixture = await openFixture();
  ({ store } = fixture);
  await store.directory.serverSecret('audit-signing-key', () => Promise.resolve(KEY));
});
afterAll(() => fixture.close());
const KEY = newSigningKey();
const signs = signerOf(SecretBytes.copyOf(KEY));

const note = (): Promise<void> =>
  store.auditLog.append({ actor: TEST_ACTOR, action: 'test', outcome: 'success', subject: randomUUID() });
const change = (): Promise<void> =>
  store.keyStore.commit([{ kind: 'create', object: newAesKey({ domainId: randomUUID() }) }], TEST_CAUSE);

/** The place is free at once, as if the last sequencer had not been heard of for long. */
const expire = (): Promise<unknown> => fixture.sql(`UPDATE audit_chain SET leased_until = '-infinity'`);

async function claimed(by: Store = store): Promise<number> {
  await expire();
  return (await by.auditChain.claim()) ?? Promise.reject(new Error('the place was not free'));
}

/** Once all transactions are over that began before, those of autovacuum too: whatever was recorded by now can be linked. */
async function settled(): Promise<void> {
  const [now] = await fixture.sql<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
  const over = 'SELECT WHERE pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8';
  await until(async () => (await fixture.sql(over, [now?.id])).length > 0, 'earlier transactions are over');
}

async function linkAll(epoch: number, by: Store = store): Promise<void> {
  await settled();
  await linkWhatCanBe(epoch, by);
}

async function linkWhatCanBe(epoch: number, by: Store = store): Promise<void> {
  for (let isMore = true; isMore;) ({ isMore } = await by.auditChain.link(epoch, undefined, signs, true));
}

async function records(): Promise<number> {
  const [row] = await fixture.sql<{ count: number }>(
    `SELECT ((SELECT count(*) FROM change_record) + (SELECT count(*) FROM audit_record)
      + (SELECT coalesce(sum(record_count), 0) FROM audit_batch))::int4 AS count`,
  );
  return row?.count ?? 0;
}

async function linked(): Promise<number> {
  const newest = await store.auditChain.newest();
  return newest === undefined ? 0 : statementOf(newest).position;
}

async function pending(): Promise<readonly unknown[]> {
  return store.auditChain.recordsSince(await store.auditChain.newest());
}

async function allFaults(outside: readonly Checkpoint[] = []): Promise<readonly string[]> {
  return (await store.verifyAuditChain(testKeyring(), outside)).map(({ problem }) => problem);
}

const LOSS = 'altered or taken away before they were linked: ';

/** Other ones than that rows were lost: that stays in the log, where each process tells it once in a while. */
async function faults(outside: readonly Checkpoint[] = []): Promise<readonly string[]> {
  return (await allFaults(outside)).filter((problem) => !problem.includes(LOSS));
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('gives the records of many checkpoints as those of each, in either order', async () => {
  const epoch = await claimed();
  await linkAll(epoch);
  const before = await linked();
  for (const count of [1, 2, 1200, 1, 1]) {
    const record = { actor: TEST_ACTOR, action: 'test', outcome: 'success' } as const;
    const subjects = Array.from({ length: count }, () => ({ ...record, subject: randomUUID() }));
    await store.auditLog.append(...subjects);
    await linkAll(epoch);
  }
  const { auditChain } = store;
  const checkpoints = await collected(auditChain.checkpoints(before + 1));
  const each = [];
  for (const checkpoint of checkpoints) {
    each.push({ checkpoint, entries: await auditChain.recordsOf(checkpoint) });
  }
  expect(each.map(({ entries }) => entries.length)).toEqual([1, 2, 1200, 1, 1]);
  expect(await collected(auditChain.withRecords(auditChain.checkpoints(before + 1)))).toEqual(each);
  const [last] = await collected(auditChain.checkpointsBack(await linked()));
  expect(last).toEqual(checkpoints.at(-1));
  const without = each.filter((_, index) => index !== 3).reverse();
  async function* some() {
    for (const { checkpoint } of without) yield await Promise.resolve(checkpoint);
  }
  expect(await collected(auditChain.withRecords(some()))).toEqual(without);
});

test('links every record of every table once', async () => {
  await Promise.all([note(), note(), change(), store.directory.addDomain(randomUUID(), TEST_ACTOR)]);
  const epoch = await claimed();
  await linkAll(epoch);
  expect(await linked()).toBe(await records());
  await linkAll(epoch);
  await Promise.all([change(), note()]);
  await linkAll(epoch);
  expect(await linked()).toBe(await records());
  expect(await faults()).toEqual([]);
  expect(await pending()).toEqual([]);
});

test('waits for transactions that began earlier, and misses none that commits late', async () => {
  const epoch = await claimed();
  await linkAll(epoch);
  const before = await linked();
  const late = new Client(fixture.connection);
  await late.connect();
  await late.query('BEGIN');
  await late.query('SELECT pg_current_xact_id()');
  await Promise.all([note(), change()]);
  await linkWhatCanBe(epoch);
  expect(await linked()).toBe(before);
  expect(await pending()).toHaveLength(2);
  await late.query('COMMIT');
  await late.end();
  await linkAll(epoch);
  expect(await linked()).toBe(before + 2);
  expect(await faults()).toEqual([]);
});

test('of two sequencers only the one with the newer epoch links', async () => {
  const other = await fixture.open();
  const first = await claimed();
  expect(await other.auditChain.claim()).toBeUndefined();
  const second = await claimed(other);
  expect(second).toBeGreaterThan(first);
  await note();
  await expect(linkAll(first)).rejects.toMatchObject({ code: 'PermissionDenied' });
  await linkAll(second, other);
  expect(await linked()).toBe(await records());
});

test('a process that stands still while it links keeps the others from it for a moment only', async () => {
  await linkAll(await claimed());
  await note();
  const database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  let goOn: (keys: readonly DomainKeyVersion[]) => void = () => undefined;
  const keys = new Promise<readonly DomainKeyVersion[]>((resolve) => (goOn = resolve));
  let stand: () => void = () => undefined;
  const stands = new Promise<void>((resolve) => (stand = resolve));
  const load = () => {
    stand();
    return keys;
  };
  const still = new PostgresAuditChain(database, createKeyring({ load }), 100);
  await settled();
  const work = still.link(await claimed(), undefined, signs, true).catch((error: unknown) => error);
  // On a busy machine it may stand still before it comes to that.
  await Promise.race([stands, work]);
  await linkAll(await claimed());
  expect(await linked()).toBe(await records());
  goOn([{ version: 1, key: SecretBytes.copyOf(Buffer.alloc(32)), current: true }]);
  expect(await work).toMatchObject({ code: 'StoreUnavailable' });
  await database.close();
});

test('two sequencers that take the place from each other under load link each record once', async () => {
  const stores = [store, await fixture.open()];
  let isOver = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!isOver) await Promise.all([note(), change()]);
  });
  const links = [0, 0];
  const sequence = async (by: Store, index: number): Promise<void> => {
    while (!isOver) {
      await expire();
      const epoch = await by.auditChain.claim();
      if (epoch === undefined) continue;
      for (let round = 0; round < 3; round++) {
        await by.auditChain.link(epoch, undefined, signs, true).then(
          () => links[index]!++,
          (error: unknown) => {
            if ((error as { code?: string }).code !== 'PermissionDenied') throw error;
          },
        );
      }
    }
  };
  const sequencers = stores.map(sequence);
  const enough = (): boolean => links.every((count) => count > 20);
  const deadline = Date.now() + 100_000;
  while (!enough() && Date.now() < deadline) await note();
  isOver = true;
  await Promise.all([...load, ...sequencers]);
  expect(enough()).toBe(true);
  await linkAll(await claimed());
  expect(await linked()).toBe(await records());
  expect(await faults()).toEqual([]);
});

test('does not link a row that is not what was written', async () => {
  await linkAll(await claimed());
  await note();
  await fixture.sql(
    `UPDATE audit_batch SET content = content || '\\x00' WHERE transaction_number = (SELECT max(transaction_number) FROM audit_batch)`,
  );
  const epoch = await claimed();
  const before = await linked();
  await settled();
  expect(await store.auditChain.link(epoch, undefined, signs, true)).toMatchObject({ refusedRows: 1 });
  expect(await linked()).toBe(before);
  await fixture.sql(
    `DELETE FROM audit_batch WHERE transaction_number = (SELECT max(transaction_number) FROM audit_batch)`,
  );
});

describe('verification finds', () => {
  const [one, other] = ['min', 'max'].map(
    (which) => `transaction_number = (SELECT ${which}(transaction_number) FROM change_record)`,
  );
  test.each([
    ['a changed record', `UPDATE change_record SET operation = 'Get' WHERE ${one}`],
    ['a deleted record', `DELETE FROM change_record WHERE ${one}`],
    [
      'a record in another place',
      `UPDATE change_record SET transaction_number = transaction_number + 1000000 WHERE ${one}`,
    ],
    [
      'a deleted checkpoint',
      `DELETE FROM audit_checkpoint WHERE position = (SELECT min(position) FROM audit_checkpoint)`,
    ],
    ['a checkpoint that was not signed', `UPDATE audit_checkpoint SET signature = '\\x00'`],
    [
      'a checkpoint over other transactions',
      `UPDATE audit_checkpoint SET to_transaction = to_transaction + 1`,
    ],
    ['a cut log', `DELETE FROM change_record WHERE ${other}`],
  ])('%s', async (_what, change_) => {
    const administrator = new Client(fixture.connection);
    await administrator.connect();
    try {
      await linkAll(await claimed());
      expect(await faults()).toEqual([]);
      const tables = ['change_record', 'audit_checkpoint'];
      for (const table of tables)
        await administrator.query(`CREATE TEMP TABLE saved_${table} AS TABLE ${table}`);
      await administrator.query(change_);
      expect(await faults()).not.toEqual([]);
      for (const table of tables) {
        await administrator.query(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM saved_${table}`);
      }
      expect(await faults()).toEqual([]);
    } finally {
      await administrator.end();
    }
  });

  /** Who may change the schema may give records other numbers as they are written. */
  test.each([
    ['of one that was linked long ago', '1'],
    ['of one before all', '-9223372036854775808'],
    ['of the last one there can be', '9223372036854775807'],
    ['of one that has yet to come', 'pg_current_xact_id()::text::bigint + 1000000'],
  ])('a record that is written under the number %s', async (_which, number) => {
    await linkAll(await claimed());
    expect(await faults()).toEqual([]);
    const [before] = await fixture.sql<{ text: string }>(
      `SELECT pg_get_functiondef('record_transaction'::regproc) AS text`,
    );
    await fixture.sql(
      `CREATE OR REPLACE FUNCTION record_transaction() RETURNS bigint LANGUAGE sql AS 'SELECT ${number}'`,
    );
    const rows = async () =>
      (await fixture.sql<{ id: string }>('SELECT id FROM audit_batch')).map(({ id }) => id);
    const there = await rows();
    let strange: readonly string[];
    try {
      await note();
      strange = (await rows()).filter((id) => !there.includes(id));
    } finally {
      await fixture.sql(before?.text ?? '');
    }
    await linkAll(await claimed());
    const found = await faults();
    await fixture.sql('DELETE FROM audit_batch WHERE id = ANY ($1::uuid[])', [strange]);
    expect(found).not.toEqual([]);
    expect(await faults()).toEqual([]);
  });

  test('a log that was cut behind a checkpoint which was kept outside', async () => {
    const epoch = await claimed();
    await change();
    await linkAll(epoch);
    const kept = await store.auditChain.newest();
    await fixture.sql(
      `DELETE FROM audit_checkpoint WHERE position = (SELECT max(position) FROM audit_checkpoint)`,
    );
    expect(await faults()).toEqual([]);
    expect(await faults(kept === undefined ? [] : [kept])).toEqual([
      expect.stringContaining('cut or wound back'),
    ]);
  });
});

/** Records that were acknowledged, and then kept from the chain. */
describe('of rows that are lost before they are linked', () => {
  let epoch: number;
  let process: Store;
  /** Of which rows the process told. */
  let told: unknown[];

  beforeEach(async () => {
    told = [];
    process = await fixture.open({
      ...quietLog,
      error: ({ lost }: { readonly lost?: unknown }) => void told.push(lost),
    });
    await linkAll((epoch = await claimed()));
  });

  const noteBy = (by: Store): Promise<void> =>
    by.auditLog.append({ actor: TEST_ACTOR, action: 'test', outcome: 'success' });

  /** Looks as often as it takes to be sure. */
  async function lostSince(work: () => Promise<unknown>, link = linkAll): Promise<number> {
    const before = process.auditLosses.rows;
    await work();
    for (let looks = 0; looks < 3; looks++) {
      await process.auditLosses.look();
      await link(epoch);
    }
    return process.auditLosses.rows - before;
  }

  async function whileThereIs(
    made: string,
    work: () => Promise<unknown>,
    when = 'AFTER INSERT ON audit_batch',
  ): Promise<void> {
    await fixture.sql(`CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${made} END $$`);
    await fixture.sql(`CREATE TRIGGER meddle ${when} FOR EACH ROW EXECUTE FUNCTION meddle()`);
    try {
      await work();
    } finally {
      await fixture.sql('DROP FUNCTION meddle CASCADE');
    }
  }

  test('none is, where nobody meddles, however many processes write', async () => {
    const other = await fixture.open();
    const write = (): Promise<unknown> =>
      Promise.all([1, 2, 3].flatMap(() => [noteBy(process), noteBy(other), change()]));
    expect(await lostSince(write)).toBe(0);
    expect(await lostSince(() => Promise.resolve())).toBe(0);
  });

  test('nor while a transaction that is under way holds the chain back', async () => {
    const late = new Client(fixture.connection);
    await late.connect();
    await late.query('BEGIN; SELECT pg_current_xact_id()');
    expect(await lostSince(() => noteBy(process), linkWhatCanBe)).toBe(0);
    await late.query('COMMIT');
    await late.end();
    expect(await lostSince(() => Promise.resolve())).toBe(0);
  });

  test('nor where the chain was wound back', async () => {
    expect(await lostSince(() => noteBy(process))).toBe(0);
    const newest = 'position = (SELECT max(position) FROM audit_checkpoint)';
    await fixture.sql(`DELETE FROM audit_checkpoint WHERE ${newest}`);
    expect(await lostSince(() => process.auditLosses.look())).toBe(0);
    expect(await lostSince(() => noteBy(process))).toBe(0);
  });

  test('nor where a batch fails, and others do not', async () => {
    await whileThereIs(`RAISE EXCEPTION 'full';`, () => expect(noteBy(process)).rejects.toThrow());
    expect(await lostSince(() => noteBy(process))).toBe(0);
  });

  test.each([
    ['one is taken away', 'DELETE FROM audit_batch WHERE id = NEW.id; RETURN NULL;'],
    ['one is altered', `UPDATE audit_batch SET content = '\\x00' WHERE id = NEW.id; RETURN NULL;`],
  ])('where %s, the process tells, and so does verification', async (_what, made) => {
    expect(await lostSince(() => whileThereIs(made, () => noteBy(process)))).toBe(1);
    expect(await lostSince(() => noteBy(process))).toBe(0);
    expect(told).toEqual([expect.stringMatching(/^1 rows of /)]);
    const ofThese = `${LOSS}${String(told[0])}`;
    expect((await allFaults()).filter((problem) => problem.endsWith(ofThese))).toHaveLength(1);
    expect(await faults()).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['audit_batch', () => noteBy(process)],
    ['audit_record', () => process.directory.addDomain(randomUUID(), TEST_ACTOR)],
  ])('what leaves no row in %s is refused, not acknowledged', async (table, work) => {
    const refused = (): Promise<unknown> =>
      expect(work()).rejects.toMatchObject({ code: 'IntegrityViolation' });
    expect(await lostSince(() => whileThereIs('RETURN NULL;', refused, `BEFORE INSERT ON ${table}`))).toBe(0);
    await expect(work()).resolves.not.toThrow();
  });
});
