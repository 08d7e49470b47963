import { randomUUID } from 'node:crypto';
import { AttributeSet, type LocateFilter, type LocateQuery, type NewObject } from '@holdfast/core';
import { CryptographicUsageMask, State, type Attribute } from '@holdfast/kmip';
import { TEST_ACTOR, TEST_CAUSE, nameAttribute, newAesKey } from '@holdfast/testkit';
import { Client } from 'pg';
import { until } from '../../../test/support/until';
import { Hash64 } from '../src/objects/hash64';
import { InternalIds } from '../src/objects/internal-id';
import { reindex } from '../src/objects/reindex';
import { Database } from '../src/postgres/database';
import { TERM_BYTES, formerTermsOf } from '../src/objects/terms';
import { openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';
import { SELECTIVE, keyWithDigest } from './support/selective';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

const group = (value: string): LocateFilter => ({ kind: 'equals', attribute: { key: 'ObjectGroup', value } });
const named = (name: string): LocateFilter => ({ kind: 'equals', attribute: nameAttribute(name) });

async function locate(
  domainId: string,
  filters: readonly LocateFilter[],
  storage: LocateQuery['storage'] = { online: true, archived: false, destroyed: false },
): Promise<readonly string[]> {
  const { uniqueIdentifiers } = await fixture.store.keyStore.locate({
    domainId,
    filters,
    storage,
    order: 'oldest-first',
    offsetItems: 0,
    maximumItems: undefined,
    isCounted: false,
    nowSeconds: 1_700_000_000,
  });
  return uniqueIdentifiers;
}

async function create(...objects: readonly NewObject[]): Promise<void> {
  for (const object of objects) await fixture.store.keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
}

function twoObjects(domainId: string): readonly [NewObject, NewObject] {
  return [
    newAesKey({ domainId, name: 'one', attributes: [{ key: 'ObjectGroup', value: 'a' }] }),
    newAesKey({ domainId, name: 'other', attributes: [{ key: 'ObjectGroup', value: 'b' }] }),
  ];
}

test('whatever a projection says, nothing is found that does not match', async () => {
  const domainId = randomUUID();
  const [one, other] = twoObjects(domainId);
  await create(one, other);
  await fixture.sql(
    `UPDATE object_projection AS p SET
      terms = (SELECT terms FROM object_projection WHERE unique_identifier = $1),
      state = $3, usage_mask = -1, storage = 0, activation_date = 5, deactivation_date = 5, initial_date = 5
      WHERE unique_identifier = $2`,
    [one.uniqueIdentifier, other.uniqueIdentifier, State.Compromised],
  );
  await fixture.sql(`UPDATE object_name SET unique_identifier = $1 WHERE unique_identifier = $2`, [
    other.uniqueIdentifier,
    one.uniqueIdentifier,
  ]);
  expect(await locate(domainId, [group('a')])).toEqual([one.uniqueIdentifier]);
  expect(await locate(domainId, [{ kind: 'state', state: State.Compromised }])).toEqual([]);
  expect(
    await locate(domainId, [
      { kind: 'bits', key: 'CryptographicUsageMask', bits: CryptographicUsageMask.Sign },
    ]),
  ).toEqual([]);
  expect(await locate(domainId, [{ kind: 'range', key: 'InitialDate', from: 0, to: 9 }])).toEqual([]);
  expect(await locate(domainId, [named('one')])).toEqual([]);
});

test('an object that was tampered with is not passed over in silence', async () => {
  const domainId = randomUUID();
  const [one, other] = twoObjects(domainId);
  await create(one, other);
  await fixture.sql('UPDATE object SET owner_id = $2 WHERE unique_identifier = $1', [
    one.uniqueIdentifier,
    randomUUID(),
  ]);
  for (const filters of [[named('one')], [group('a')], []]) {
    await expect(locate(domainId, filters)).rejects.toMatchObject({ code: 'IntegrityViolation' });
  }
  expect(await locate(domainId, [named('other')])).toEqual([other.uniqueIdentifier]);
  expect(await locate(domainId, [group('b')])).toEqual([other.uniqueIdentifier]);
});

test.each(SELECTIVE)('one object found by %s: no other is looked at', async (_, attribute, filter) => {
  const domainId = randomUUID();
  const others = [1, 2, 3].map((n) => keyWithDigest(domainId, `other ${n}`));
  const sought = newAesKey({ domainId, attributes: [attribute] });
  await create(...others, sought);
  // Whoever reads one of them finds that it is not what was written.
  await fixture.sql(`UPDATE object SET owner_id = $2 WHERE unique_identifier = ANY ($1)`, [
    others.map(({ uniqueIdentifier }) => uniqueIdentifier),
    randomUUID(),
  ]);
  expect(await locate(domainId, [filter])).toEqual([sought.uniqueIdentifier]);
  // What an older program wrote is found as well.
  const former = formerTermsOf(domainId, sought.attributes.toBytes());
  await fixture.sql(`UPDATE object_projection SET terms = $2 WHERE unique_identifier = $1`, [
    sought.uniqueIdentifier,
    Array.from({ length: former.length / TERM_BYTES }, (_, n) => former.readBigInt64BE(n * TERM_BYTES + 4)),
  ]);
  expect(await locate(domainId, [filter])).toEqual([sought.uniqueIdentifier]);
  expect(await fixture.store.rotations.adopt(domainId)).toBe(1);
  expect(await locate(domainId, [filter])).toEqual([sought.uniqueIdentifier]);
});

test('projections and names are rebuilt from the objects', async () => {
  const [domainId, elsewhere] = [randomUUID(), randomUUID()];
  const [one, other] = twoObjects(domainId);
  const destroyed = newAesKey({ domainId, name: 'gone', state: State.Destroyed });
  await create(one, other, destroyed, ...twoObjects(elsewhere));
  const tables = ['object_name', 'object_projection'];
  const dump = async (): Promise<unknown> =>
    Promise.all(
      tables.map((table) => fixture.sql(`SELECT * FROM ${table} ORDER BY domain_id, unique_identifier`)),
    );
  // What the other tests damaged is of no interest here.
  await fixture.sql('DELETE FROM object WHERE domain_id NOT IN ($1, $2)', [domainId, elsewhere]);
  for (const table of tables) {
    await fixture.sql(`DELETE FROM ${table} WHERE domain_id NOT IN ($1, $2)`, [domainId, elsewhere]);
  }
  const before = await dump();
  for (const table of tables) await fixture.sql(`TRUNCATE ${table}`);
  expect(await locate(domainId, [group('a')])).toEqual([]);
  expect(await fixture.store.reindex()).toBe(5);
  expect(await dump()).toEqual(before);
  expect(await locate(domainId, [named('one')])).toEqual([one.uniqueIdentifier]);
});

test('names that may repeat are listed nowhere, before and after rebuilding', async () => {
  const { directory, keyStore } = fixture.store;
  const domain = await directory.addDomain('repeated names', TEST_ACTOR, { namesMayRepeat: true });
  const alike = [1, 2, 3].map(() => newAesKey({ domainId: domain.id, name: 'Symmetric Key' }));
  await keyStore.commit(
    alike.map((object) => ({ kind: 'create', object }) as const),
    { ...TEST_CAUSE, namesMayRepeat: true },
  );
  const identifiers = alike.map(({ uniqueIdentifier }) => uniqueIdentifier).toSorted();
  const found = async () =>
    (
      await keyStore.locate({
        domainId: domain.id,
        filters: [named('Symmetric Key')],
        storage: { online: true, archived: false, destroyed: false },
        order: 'newest-first',
        offsetItems: 0,
        maximumItems: undefined,
        isCounted: false,
        nowSeconds: 0,
        namesMayRepeat: true,
      })
    ).uniqueIdentifiers.toSorted();
  expect(await found()).toEqual(identifiers);
  await fixture.store.reindex();
  expect(await found()).toEqual(identifiers);
  expect(await fixture.sql('SELECT FROM object_name WHERE domain_id = $1', [domain.id])).toEqual([]);
});

test('rebuilding takes as long as it takes', async () => {
  const hurried = { connection: fixture.connection, log: quietLog, poolSize: 1, statementTimeoutMs: 200 };
  const database = new Database(hurried);
  await fixture.sql('BEGIN');
  await fixture.sql('LOCK TABLE object IN SHARE MODE');
  const work = reindex(database, testKeyring());
  const other = database.general((session) => session.query('SELECT pg_sleep(60)'));
  await expect(other).rejects.toThrow();
  await fixture.sql('COMMIT');
  expect(await work).toBeGreaterThanOrEqual(0);
  await database.close();
});

test('rebuilding stops at an object that was tampered with, and changes nothing', async () => {
  const domainId = randomUUID();
  const [one] = twoObjects(domainId);
  await create(one);
  await fixture.sql('UPDATE object SET generation = 7 WHERE unique_identifier = $1', [one.uniqueIdentifier]);
  await expect(fixture.store.reindex()).rejects.toMatchObject({ code: 'IntegrityViolation' });
  const names = await fixture.sql('SELECT FROM object_name WHERE domain_id = $1', [domainId]);
  expect(names).toHaveLength(1);
});

test('internal identifiers are UUIDs of version 7 in the order of their making, whatever the clock does', () => {
  const times = [1000, 1000, 999, 5000, 1];
  let calls = 0;
  const ids = new InternalIds(() => times[Math.min(calls++, times.length - 1)] ?? 0);
  const made = Array.from({ length: 10_000 }, () => ids.next());
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
  for (const id of made)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(made[0]?.slice(0, 13)).toBe('00000000-03e8');
});

test('search terms spread over their range', () => {
  const count = 50_000;
  const hash = (n: number): string => {
    const { high, low } = new Hash64().update(Buffer.from(`value ${n}`)).finish();
    return `${high} ${low}`;
  };
  const seen = new Set(Array.from({ length: count }, (_, n) => hash(n)));
  expect(seen.size).toBe(count);
  const halves = Array.from({ length: count }, (_, n) =>
    new Hash64().update(Buffer.of(n & 255, n >> 8)).finish(),
  );
  for (const bit of [0, 7, 15, 31]) {
    for (const half of ['high', 'low'] as const) {
      const ones = halves.filter((each) => ((each[half] >>> bit) & 1) === 1).length;
      expect(Math.abs(ones / count - 0.5)).toBeLessThan(0.02);
    }
  }
});

describe('what the server is to rotate by itself', () => {
  const rotated = (domainId: string, initialDate: number, ...further: readonly Attribute[]) => {
    const usual: readonly Attribute[] = [
      { key: 'InitialDate', value: initialDate },
      { key: 'RotateAutomatic', value: true },
      { key: 'RotateInterval', value: 100 },
    ];
    const kept = usual.filter(({ key }) => further.every((other) => other.key !== key));
    return newAesKey({ domainId, attributes: [...kept, ...further] });
  };
  const due = async (nowSeconds: number) => {
    const found = await fixture.store.rotations.due(nowSeconds, undefined, 10);
    return found.map(({ uniqueIdentifier }) => uniqueIdentifier);
  };

  test('is found when its time has come, in that order', async () => {
    const domainId = randomUUID();
    const [late, early] = [rotated(domainId, 2000), rotated(domainId, 1000)];
    const ancient = rotated(domainId, -1000);
    const others = [
      rotated(domainId, 1, { key: 'RotateAutomatic', value: false }),
      rotated(domainId, 1, { key: 'RotateInterval', value: 0 }),
      rotated(domainId, 1, { key: 'ArchiveDate', value: 2 }),
      rotated(domainId, 1, { key: 'State', value: State.Compromised }),
      rotated(domainId, 1, { key: 'State', value: State.Destroyed }),
    ];
    await create(late, early, ...others);
    expect(await due(1099)).toEqual([]);
    expect(await due(1100)).toEqual([early.uniqueIdentifier]);
    expect(await due(2100)).toEqual([early.uniqueIdentifier, late.uniqueIdentifier]);
    const [first] = await fixture.store.rotations.due(2100, undefined, 1);
    expect(await fixture.store.rotations.due(2100, first, 10)).toMatchObject([
      { domainId, uniqueIdentifier: late.uniqueIdentifier, rotationDate: 2100 },
    ]);
    await create(ancient);
    expect(await due(1100)).toEqual([ancient.uniqueIdentifier, early.uniqueIdentifier]);
    await fixture.sql('DELETE FROM object WHERE domain_id = $1', [domainId]);
    await fixture.sql('DELETE FROM object_projection WHERE domain_id = $1', [domainId]);
  });

  test('is found after it was written by a program that rotates nothing', async () => {
    const domainId = randomUUID();
    const keys = [rotated(domainId, 1000), rotated(domainId, 1, { key: 'ArchiveDate', value: 2 })] as const;
    await create(...keys, newAesKey({ domainId }));
    await fixture.sql(
      `UPDATE object_projection SET rotation_date = NULL, terms = '{7}' WHERE domain_id = $1`,
      [domainId],
    );
    expect(await due(5000)).toEqual([]);
    expect(await fixture.store.rotations.adopt(domainId)).toBe(3);
    expect(await due(5000)).toEqual([keys[0].uniqueIdentifier]);
    expect(await fixture.store.rotations.adopt(domainId)).toBe(0);
  });

  test('and is found as it is where it changed while it was made to be found', async () => {
    const domainId = randomUUID();
    const key = rotated(domainId, 1000, { key: 'State', value: State.PreActive });
    await create(key);
    const object = await fixture.store.keyStore.fetch(domainId, key.uniqueIdentifier);
    if (object === undefined) throw new Error('the key was created');
    const attributes = AttributeSet.fromBytes(object.attributes.toBytes());
    attributes.set('State', State.Active);
    const adopting = new Client(fixture.connection);
    await adopting.connect();
    await adopting.query('BEGIN');
    await adopting.query('UPDATE object_projection SET rotation_date = 1 WHERE domain_id = $1', [domainId]);
    const change = { kind: 'update', object, attributes, value: 'keep' } as const;
    const changed = fixture.store.keyStore.commit([change], TEST_CAUSE);
    const isWaiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await until(async () => (await fixture.sql(isWaiting)).length > 0, 'the change waits');
    await adopting.query('COMMIT');
    await adopting.end();
    await changed;
    expect(await locate(domainId, [{ kind: 'state', state: State.Active }])).toEqual([key.uniqueIdentifier]);
    expect(await due(1)).toEqual([]);
  });
});
