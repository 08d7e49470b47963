import { TEST_CAUSE, TEST_KEY, aesKey, keyBytesOf, nameAttribute, newAesKey } from '@holdfast/testkit';
import { randomUUID } from 'node:crypto';
import type { Keyring, LocateQuery, NewObject, ObjectChange, StoredObject } from '@holdfast/core';
import { NameType, State } from '@holdfast/kmip';
import { openStore, type Store } from '../src';
import { KeptObjects } from '../src/objects/kept-objects';
import { nameDigest } from '../src/objects/projection';
import { StoredRow, bindingOf, encodeObject } from '../src/objects/row';
import { sealValue } from '../src/objects/value-codec';
import { openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';

/** Objects that a store has read before: it asks the database whether they still hold, and reads them no second time. */
const PLENTY = 1 << 20;

let fixture: Fixture;
const domainId = randomUUID();
const stores: Store[] = [];
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  for (const store of stores) await store.close();
  await fixture.close();
});

/** A store, and how often it has checked a row's MAC and opened a value. */
async function open(
  maxKeptBytes: number,
  maxKeptSeconds = 600,
): Promise<{ store: Store; counts: Record<string, number> }> {
  const keyring = testKeyring();
  const counts = { macs: 0, opened: 0 };
  const counting: Keyring = {
    ensure: (id) => keyring.ensure(id),
    refresh: (id) => keyring.refresh(id),
    currentVersion: (id) => keyring.currentVersion(id),
    seal: (binding, plaintext) => keyring.seal(binding, plaintext),
    open: (binding, sealed) => {
      counts.opened++;
      return keyring.open(binding, sealed);
    },
    mac: (...given) => keyring.mac(...given),
    verifyMac: (...given) => {
      counts.macs++;
      return keyring.verifyMac(...given);
    },
  };
  const { connection } = fixture;
  const store = await openStore({
    connection,
    keyring: counting,
    log: quietLog,
    maxKeptBytes,
    maxKeptSeconds,
  });
  await keyring.ensure(domainId);
  stores.push(store);
  return { store, counts };
}

async function create(store: Store, name: string): Promise<NewObject> {
  const object = newAesKey({ domainId, name });
  await store.keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
  return object;
}

async function fetched(store: Store, { uniqueIdentifier }: NewObject): Promise<StoredObject> {
  const stored = await store.keyStore.fetch(domainId, uniqueIdentifier);
  if (stored === undefined) throw new Error('not there');
  return stored;
}

async function keyOf(store: Store, object: NewObject): Promise<Buffer> {
  return keyBytesOf((await fetched(store, object)).openValue());
}

function updateOf(
  object: StoredObject | undefined,
  value: 'keep' | 'erase' = 'keep',
): readonly ObjectChange[] {
  if (object === undefined) throw new Error('not there');
  const attributes = object.attributes.clone();
  attributes.set('State', State.Active);
  return [{ kind: 'update', object, attributes, value }];
}

async function activate(store: Store, object: NewObject, value: 'keep' | 'erase' = 'keep'): Promise<void> {
  await store.keyStore.commit(updateOf(await fetched(store, object), value), TEST_CAUSE);
}

/** What is presumed by who uses the object without asking the database. */
async function presumed(store: Store, object: NewObject, name?: string): Promise<readonly StoredObject[]> {
  await keyOf(store, object);
  if (name !== undefined) await store.keyStore.locate(named(name));
  const session = store.keyStore.presuming();
  if (name === undefined) await session.fetch(domainId, object.uniqueIdentifier);
  else await session.locate(named(name));
  expect(session.presumed).toHaveLength(1);
  return session.presumed;
}

let attempts = 0;

/** Who is told that an audit record was written while these objects are presumed; it has to be there for those, and no other. */
async function areRecorded(
  store: Store,
  ...attempted: readonly (readonly StoredObject[])[]
): Promise<readonly boolean[]> {
  const { actor } = TEST_CAUSE;
  const actions = attempted.map(() => `attempt ${++attempts}.`);
  const told = await Promise.all(
    attempted.map((objects, index) =>
      store.auditLog.appendIf(objects, [{ actor, action: actions[index] ?? '', outcome: 'success' }]),
    ),
  );
  for (const [index, holds] of told.entries()) {
    const rows = await fixture.sql('SELECT FROM audit_batch WHERE position($1::bytea IN content) > 0', [
      Buffer.from(actions[index] ?? ''),
    ]);
    expect(rows).toHaveLength(holds ? 1 : 0);
  }
  return told;
}

function named(name: string): LocateQuery {
  return {
    domainId,
    filters: [{ kind: 'equals', attribute: nameAttribute(name) }],
    storage: { online: true, archived: false, destroyed: false },
    order: 'newest-first',
    offsetItems: 0,
    maximumItems: undefined,
    isCounted: false,
    nowSeconds: 1_700_000_100,
  };
}

test('what was read is checked and opened once, by identifier and by name', async () => {
  const { store, counts } = await open(PLENTY);
  const object = await create(store, 'read');
  const key = await keyOf(store, object);
  for (let time = 0; time < 3; time++) expect(await keyOf(store, object)).toEqual(key);
  expect(counts).toEqual({ macs: 1, opened: 1 });
  for (let time = 0; time < 3; time++) {
    const { uniqueIdentifiers } = await store.keyStore.locate(named('read'));
    expect(uniqueIdentifiers).toEqual([object.uniqueIdentifier]);
    await keyOf(store, object);
  }
  expect(counts).toEqual({ macs: 1, opened: 1 });
});

test('what another node changed is seen at once', async () => {
  const { store } = await open(PLENTY);
  const object = await create(store, 'changed elsewhere');
  await keyOf(store, object);
  await activate(fixture.store, object, 'erase');
  const after = await fetched(store, object);
  expect(after.attributes.get('State')).toBe(State.Active);
  expect(after.hasValue).toBe(false);
});

test('a name that another node gave to another object leads there', async () => {
  const { store } = await open(PLENTY);
  const one = await create(store, 'handed over');
  const byName = await presumed(store, one, 'handed over');
  const before = await fetched(fixture.store, one);
  const attributes = before.attributes.clone();
  attributes.clear('Name');
  const release: ObjectChange = { kind: 'update', object: before, attributes, value: 'keep' };
  await fixture.store.keyStore.commit([release], TEST_CAUSE);
  const other = await create(fixture.store, 'handed over');
  expect(await areRecorded(store, byName)).toEqual([false]);
  const { uniqueIdentifiers } = await store.keyStore.locate(named('handed over'));
  expect(uniqueIdentifiers).toEqual([other.uniqueIdentifier]);
});

test('what only seems to hold a name is never found by it', async () => {
  const { store } = await open(PLENTY);
  const [one, other] = [await create(store, 'mine'), await create(store, 'theirs')];
  const lead = (from: NewObject, to: NewObject): Promise<unknown> =>
    fixture.sql(`UPDATE object_name SET unique_identifier = $1 WHERE unique_identifier = $2`, [
      to.uniqueIdentifier,
      from.uniqueIdentifier,
    ]);
  const found = async (): Promise<readonly string[]> =>
    (await store.keyStore.locate(named('mine'))).uniqueIdentifiers;
  await lead(one, other);
  expect(await found()).toEqual([]);
  await fixture.sql('DELETE FROM object_name WHERE name_digest = $1', [nameDigest('theirs')]);
  await lead(other, one);
  expect(await found()).toEqual([one.uniqueIdentifier]);
  // What was found by its name is what it was, and so holds it: whatever the list of names says by then.
  await lead(one, other);
  expect(await found()).toEqual([one.uniqueIdentifier]);
});

test('a query that asks for more than a name is answered by the attributes', async () => {
  const { store } = await open(PLENTY);
  const object = await create(store, 'asked for more');
  const query = named('asked for more');
  const other = { nameValue: 'asked for more', nameType: NameType.URI };
  const answers: [LocateQuery, boolean][] = [
    [query, true],
    [{ ...query, filters: [...query.filters, { kind: 'state', state: State.PreActive }] }, true],
    [{ ...query, filters: [...query.filters, { kind: 'state', state: State.Active }] }, false],
    [{ ...query, filters: [{ kind: 'equals', attribute: { key: 'Name', value: other } }] }, false],
    [{ ...query, storage: { online: false, archived: true, destroyed: false } }, false],
  ];
  await presumed(store, object, 'asked for more');
  for (const [asked, isFound] of answers) {
    const session = store.keyStore.presuming();
    const { uniqueIdentifiers } = await session.locate(asked);
    expect(uniqueIdentifiers).toEqual(isFound ? [object.uniqueIdentifier] : []);
    expect(session.presumed).toHaveLength(1);
  }
});

test('every column of a row that was read before is looked at again', async () => {
  const { store } = await open(PLENTY);
  const { store: presuming } = await open(PLENTY);
  const object = await create(store, 'tampered');
  const columns = await fixture.sql<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name = 'object'`,
  );
  for (const { name, type } of columns) {
    const other = {
      bytea: `set_byte(${name}, 0, get_byte(${name}, 0) # 1)`,
      uuid: 'gen_random_uuid()',
      text: `${name} || 'x'`,
    }[type];
    const key = await keyOf(store, object);
    expect((await store.keyStore.locate(named('tampered'))).uniqueIdentifiers).toHaveLength(1);
    const objects = await presumed(presuming, object);
    await fixture.sql('CREATE TEMP TABLE saved AS SELECT * FROM object WHERE unique_identifier = $1', [
      object.uniqueIdentifier,
    ]);
    const [{ place }] = (await fixture.sql<{ place: string }>(
      `UPDATE object SET ${name} = ${other ?? `${name} + 1`} WHERE unique_identifier = $1 RETURNING ctid::text AS place`,
      [object.uniqueIdentifier],
    )) as [{ place: string }];
    expect(await areRecorded(presuming, objects)).toEqual([false]);
    await expect(keyOf(store, object)).rejects.toMatchObject({ code: 'IntegrityViolation' });
    await expect(keyOf(presuming, object)).rejects.toMatchObject({ code: 'IntegrityViolation' });
    await fixture.sql(`DELETE FROM object WHERE ctid = '${place}'`);
    await fixture.sql('INSERT INTO object SELECT * FROM saved');
    await fixture.sql('DROP TABLE saved');
    expect(await keyOf(store, object)).toEqual(key);
  }
});

test('a row that was read before is refused where it is put back over a newer one', async () => {
  const { store } = await open(PLENTY);
  const object = await create(store, 'wound back');
  const objects = await presumed(store, object);
  const { uniqueIdentifier } = object;
  await fixture.sql('CREATE TEMP TABLE saved AS SELECT * FROM object WHERE unique_identifier = $1', [
    uniqueIdentifier,
  ]);
  await activate(fixture.store, object);
  await fixture.sql('DELETE FROM object WHERE unique_identifier = $1', [uniqueIdentifier]);
  await fixture.sql('INSERT INTO object SELECT * FROM saved');
  await fixture.sql('DROP TABLE saved');
  expect(await areRecorded(store, objects)).toEqual([false]);
  await expect(keyOf(store, object)).rejects.toMatchObject({ code: 'IntegrityViolation' });
});

test('what was read is read and checked anew after a time', async () => {
  const { store, counts } = await open(PLENTY, 0);
  const object = await create(store, 'read again');
  const key = await keyOf(store, object);
  for (let time = 0; time < 3; time++) expect(await keyOf(store, object)).toEqual(key);
  expect(counts).toEqual({ macs: 4, opened: 4 });
});

test('what is presumed and holds is recorded; what does not is not, and keeps nobody else from it', async () => {
  const { store } = await open(PLENTY);
  const [still, changed] = [await create(store, 'still'), await create(store, 'changed')];
  const [certain, wrong] = [await presumed(store, still), await presumed(store, changed, 'changed')];
  await activate(fixture.store, changed);
  expect(await areRecorded(store, certain, wrong, [], certain)).toEqual([true, false, true, true]);
  expect(await areRecorded(store, await presumed(store, changed, 'changed'))).toEqual([true]);
});

test('what is presumed is confirmed without a record where there is nothing to record', async () => {
  const { store } = await open(PLENTY);
  const [still, changed] = [await create(store, 'confirmed'), await create(store, 'not confirmed')];
  const [certain, wrong] = [await presumed(store, still), await presumed(store, changed)];
  await activate(fixture.store, changed);
  const rows = (): Promise<unknown> => fixture.sql('SELECT count(*) FROM audit_batch');
  const before = await rows();
  const told = [certain, wrong].map((objects) => store.auditLog.appendIf(objects, []));
  expect(await Promise.all(told)).toEqual([true, false]);
  expect(await rows()).toEqual(before);
});

test('a change of what was presumed is written where it held, and else not', async () => {
  const { store } = await open(PLENTY);
  const object = await create(store, 'changed on presumption');
  await keyOf(store, object);
  const stale = store.keyStore.presuming();
  const before = await stale.fetch(domainId, object.uniqueIdentifier);
  await activate(fixture.store, object);
  await expect(stale.commit(updateOf(before), TEST_CAUSE)).rejects.toMatchObject({
    code: 'RevisionConflict',
  });
  await keyOf(store, object);
  const fresh = store.keyStore.presuming();
  const now = await fresh.fetch(domainId, object.uniqueIdentifier);
  await fresh.commit(updateOf(now), TEST_CAUSE);
  expect(fresh.presumed).toEqual([]);
  expect((await fetched(fixture.store, object)).revision).toBe(3);
});

test('room for few objects, or for none, changes no answer', async () => {
  for (const maxKeptBytes of [0, 5000]) {
    const { store, counts } = await open(maxKeptBytes);
    const objects: NewObject[] = [];
    for (let number = 0; number < 12; number++)
      objects.push(await create(store, `${maxKeptBytes} ${number}`));
    const held = await fetched(store, objects[0] as NewObject);
    const key = keyBytesOf(held.openValue());
    for (let round = 0; round < 2; round++) {
      const keys = await Promise.all(objects.map((object) => keyOf(store, object)));
      expect(keys[0]).toEqual(key);
    }
    // It has made room for others meanwhile.
    expect(keyBytesOf(held.openValue())).toEqual(key);
    expect(counts['opened']).toBeGreaterThan(objects.length);
  }
});

test('what is used again and again does not keep the memory of what came with it and went', async () => {
  const keyring = testKeyring();
  await keyring.ensure(domainId);
  const maxBytes = 1 << 20;
  const kept = new KeptObjects(maxBytes, 600);
  const newRow = (uniqueIdentifier: string, value: ReturnType<typeof aesKey> | undefined): StoredRow => {
    const identity = { domainId, uniqueIdentifier, internalId: randomUUID(), ownerId: randomUUID() };
    const binding = { ...identity, generation: 1, revision: 1, keyVersion: keyring.currentVersion(domainId) };
    const sealedValue = value && sealValue(keyring, bindingOf(binding), value);
    const { columns, mac } = encodeObject(keyring, {
      ...binding,
      attributeBytes: Buffer.alloc(1000),
      sealedValue,
    });
    const place = Buffer.alloc(18);
    const length = Buffer.from([0, 0, 0, mac.length]);
    return new StoredRow(keyring, domainId, Buffer.concat([place, columns.bytes, length, mac]), place.length);
  };
  const used: StoredRow[] = [];
  for (let number = 0; number < 200; number++) {
    const row = newRow(`used ${number}`, aesKey());
    kept.keep(row);
    row.openValue();
    used.push(row);
    for (let other = 0; other < 50; other++) kept.keep(newRow(`${number} ${other}`, undefined));
    for (const { uniqueIdentifier } of used) kept.find(domainId, uniqueIdentifier);
  }
  const memory = new Set(used.map(({ mac }) => mac.buffer));
  const lengthBytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(lengthBytes).toBeLessThan(2 * maxBytes);
  const opened = jest.spyOn(keyring, 'open');
  for (const row of used) {
    expect(kept.find(domainId, row.uniqueIdentifier)).toBe(row);
    expect(keyBytesOf(row.openValue())).toEqual(TEST_KEY);
  }
  expect(opened).not.toHaveBeenCalled();
  kept.clear();
  expect(keyBytesOf(used[0]!.openValue())).toEqual(TEST_KEY);
});
