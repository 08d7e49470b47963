/// <reference types="jest" />
import { randomUUID } from 'node:crypto';
import {
  type HoldfastError,
  type KeyStore,
  type KeyStoreSession,
  type LocateFilter,
  type LocateQuery,
  type NewObject,
  type ObjectChange,
  type StoredObject,
} from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  State,
  type Attribute,
} from '@holdfast/kmip';
import { TEST_CAUSE, TEST_KEY, aesKey, keyBytesOf, nameAttribute, newAesKey } from './managed-objects';

const NOW_SECONDS = 1_700_000_100;

/**
 * The suite that every adapter of the KeyStore port passes.
 * @param name shown as the title
 * @param open opens the store; each test uses domains of its own
 */
export function keyStoreContract(
  name: string,
  open: () => Promise<{ readonly keyStore: KeyStore; close(): Promise<void> }>,
): void {
  describe(name, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: KeyStore;
    let domainId: string;
    beforeAll(async () => {
      opened = await open();
      store = opened.keyStore;
    }, 60_000);
    afterAll(() => opened.close());
    beforeEach(() => {
      domainId = randomUUID();
    });

    const creation = (object: NewObject): ObjectChange => ({ kind: 'create', object });
    const create = async (...objects: readonly NewObject[]): Promise<void> =>
      store.commit(objects.map(creation), TEST_CAUSE);
    const createEach = async (...objects: readonly NewObject[]): Promise<void> => {
      for (const object of objects) await create(object);
    };
    const get = async (
      object: Pick<NewObject, 'domainId' | 'uniqueIdentifier'>,
      session: KeyStoreSession = store,
    ): Promise<StoredObject> => {
      const stored = await session.fetch(object.domainId, object.uniqueIdentifier);
      if (stored === undefined) throw new Error('the object is not there');
      return stored;
    };
    const updateOf = (
      object: StoredObject,
      attributes: readonly Attribute[] = [],
      value: (ObjectChange & { kind: 'update' })['value'] = 'keep',
    ): ObjectChange => {
      const changed = object.attributes.clone();
      for (const attribute of attributes) changed.set(attribute.key, attribute.value);
      return { kind: 'update', object, attributes: changed, value };
    };
    const codeOf = async (work: Promise<unknown>): Promise<string | undefined> =>
      work.then(
        () => undefined,
        (error: unknown) => (error as HoldfastError).code,
      );

    describe('creates and fetches', () => {
      test('gives back what was created', async () => {
        const object = newAesKey({ domainId, name: 'a key' });
        await create(object);
        const stored = await get(object);
        expect(stored).toMatchObject({
          domainId,
          uniqueIdentifier: object.uniqueIdentifier,
          ownerId: object.ownerId,
          generation: 1,
          revision: 1,
          hasValue: true,
        });
        expect(stored.attributes.toBytes()).toEqual(object.attributes.toBytes());
        expect(keyBytesOf(stored.openValue())).toEqual(TEST_KEY);
        expect(keyBytesOf(stored.openValue())).toEqual(TEST_KEY);
      });

      test('keeps objects without a value', async () => {
        const object = newAesKey({ domainId, value: undefined });
        await create(object);
        const stored = await get(object);
        expect(stored.hasValue).toBe(false);
        expect(await codeOf(Promise.resolve().then(() => stored.openValue()))).toBe('KeyValueNotPresent');
      });

      test('finds nothing under other identifiers, in other domains, or under what cannot be an identifier', async () => {
        const { uniqueIdentifier } = newAesKey({ domainId });
        const object = newAesKey({ domainId, uniqueIdentifier });
        await create(object);
        expect(await store.fetch(domainId, `${uniqueIdentifier}0`)).toBeUndefined();
        expect(await store.fetch(randomUUID(), uniqueIdentifier)).toBeUndefined();
        expect(await store.fetch('no domain', uniqueIdentifier)).toBeUndefined();
        for (const odd of ['', '\0', `${uniqueIdentifier}\0`, '\ud800', 'x'.repeat(100_000), "'; --"]) {
          expect(await store.fetch(domainId, odd)).toBeUndefined();
        }
      });

      test('answers many at once, each with its own', async () => {
        const objects = Array.from({ length: 300 }, (_, n) => newAesKey({ domainId, name: `key ${n}` }));
        await Promise.all(objects.map((object) => create(object)));
        const stored = await Promise.all(objects.map((object) => get(object)));
        expect(stored.map((each) => each.attributes.get('Name')?.nameValue)).toEqual(
          objects.map((_, n) => `key ${n}`),
        );
        const [twice, again, none] = await Promise.all([
          get(objects[0]!),
          get(objects[0]!),
          store.fetch(domainId, 'none'),
        ]);
        expect([twice.uniqueIdentifier, again.uniqueIdentifier, none]).toEqual([
          objects[0]!.uniqueIdentifier,
          objects[0]!.uniqueIdentifier,
          undefined,
        ]);
      });

      test('keeps values of 1 MB', async () => {
        const material = Buffer.alloc(1024 * 1024, 7);
        const object = newAesKey({ domainId, value: aesKey(material) });
        await create(object);
        expect(keyBytesOf((await get(object)).openValue()).equals(material)).toBe(true);
      });
    });

    describe('names and identifiers', () => {
      test('are unique within a domain alone', async () => {
        const object = newAesKey({ domainId, name: 'taken' });
        await create(object);
        expect(await codeOf(create(newAesKey({ domainId, name: 'taken' })))).toBe('NonUniqueNameAttribute');
        expect(await codeOf(create(newAesKey({ domainId, uniqueIdentifier: object.uniqueIdentifier })))).toBe(
          'ObjectAlreadyExists',
        );
        const elsewhere = randomUUID();
        await create(
          newAesKey({ domainId: elsewhere, name: 'taken', uniqueIdentifier: object.uniqueIdentifier }),
        );
      });

      test('of one of many creates at once disturb that one alone', async () => {
        const taken = newAesKey({ domainId, name: 'taken' });
        await create(taken);
        const codes = await Promise.all([
          codeOf(create(newAesKey({ domainId, name: 'one' }))),
          codeOf(create(newAesKey({ domainId, name: 'taken' }))),
          codeOf(create(newAesKey({ domainId }))),
          codeOf(create(newAesKey({ domainId, uniqueIdentifier: taken.uniqueIdentifier }))),
          codeOf(create(newAesKey({ domainId, name: 'two' }))),
        ]);
        expect(codes).toEqual([
          undefined,
          'NonUniqueNameAttribute',
          undefined,
          'ObjectAlreadyExists',
          undefined,
        ]);
      });

      test('of two creates with one name at once, exactly one wins', async () => {
        for (let round = 0; round < 10; round++) {
          const codes = await Promise.all(
            [1, 2].map(() => codeOf(create(newAesKey({ domainId, name: `contested ${round}` })))),
          );
          expect(codes.sort()).toEqual(['NonUniqueNameAttribute', undefined]);
        }
      });

      test('that an object gives up are free, also within the commit that takes them', async () => {
        const object = newAesKey({ domainId, name: 'moving' });
        await create(object);
        const stored = await get(object);
        const attributes = stored.attributes.clone();
        attributes.clear('Name');
        const heir = newAesKey({ domainId, name: 'moving' });
        await store.commit(
          [creation(heir), { kind: 'update', object: stored, attributes, value: 'keep' }],
          TEST_CAUSE,
        );
        expect(await codeOf(create(newAesKey({ domainId, name: 'moving' })))).toBe('NonUniqueNameAttribute');
      });

      test('that an object gets later are checked', async () => {
        const [one, other] = [newAesKey({ domainId, name: 'one' }), newAesKey({ domainId })];
        await createEach(one, other);
        const stored = await get(other);
        expect(await codeOf(store.commit([updateOf(stored, [nameAttribute('one')])], TEST_CAUSE))).toBe(
          'NonUniqueNameAttribute',
        );
        expect((await get(other)).revision).toBe(1);
        await store.commit([updateOf(stored, [nameAttribute('other')])], TEST_CAUSE);
        expect(await codeOf(create(newAesKey({ domainId, name: 'other' })))).toBe('NonUniqueNameAttribute');
      });

      test('of destroyed objects are free', async () => {
        const object = newAesKey({ domainId, name: 'again' });
        await create(object);
        const destruction = updateOf(await get(object), [{ key: 'State', value: State.Destroyed }], 'erase');
        await store.commit([destruction], TEST_CAUSE);
        await create(newAesKey({ domainId, name: 'again' }));
        expect((await get(object)).attributes.get('Name')?.nameValue).toBe('again');
      });

      test('may be many, and long', async () => {
        const attributes = Array.from({ length: 40 }, (_, n) => nameAttribute(`${n}`.repeat(3000)));
        await create(newAesKey({ domainId, attributes }));
        const copy = newAesKey({ domainId, attributes: attributes.slice(39) });
        expect(await codeOf(create(copy))).toBe('NonUniqueNameAttribute');
      });
    });

    describe('updates', () => {
      test('keep, erase or replace the value', async () => {
        const object = newAesKey({ domainId });
        await create(object);
        await store.commit([updateOf(await get(object), [{ key: 'LeaseTime', value: 7 }])], TEST_CAUSE);
        const kept = await get(object);
        expect(kept).toMatchObject({ revision: 2, generation: 1 });
        expect(kept.attributes.get('LeaseTime')).toBe(7);
        expect(keyBytesOf(kept.openValue())).toEqual(TEST_KEY);

        const other = Buffer.alloc(32, 9);
        await store.commit([updateOf(kept, [], { replace: aesKey(other) })], TEST_CAUSE);
        const replaced = await get(object);
        expect(replaced).toMatchObject({ revision: 3, generation: 2 });
        expect(keyBytesOf(replaced.openValue())).toEqual(other);

        await store.commit([updateOf(replaced, [], 'erase')], TEST_CAUSE);
        expect(await get(object)).toMatchObject({ revision: 4, generation: 2, hasValue: false });
      });

      test('of what was changed meanwhile are refused', async () => {
        const object = newAesKey({ domainId });
        await create(object);
        const stale = await get(object);
        await store.commit([updateOf(stale)], TEST_CAUSE);
        expect(await codeOf(store.commit([updateOf(stale)], TEST_CAUSE))).toBe('RevisionConflict');
        expect((await get(object)).revision).toBe(2);
      });

      test('of one object that 50 writers make and make again lose none', async () => {
        const object = newAesKey({ domainId, attributes: [{ key: 'LeaseTime', value: 0 }] });
        await create(object);
        const increment = async (): Promise<void> => {
          for (;;) {
            const stored = await get(object);
            const next = (stored.attributes.get('LeaseTime') ?? 0) + 1;
            const commit = store.commit([updateOf(stored, [{ key: 'LeaseTime', value: next }])], TEST_CAUSE);
            const code = await codeOf(commit);
            if (code === undefined) return;
            expect(code).toBe('RevisionConflict');
          }
        };
        await Promise.all(Array.from({ length: 50 }, increment));
        const stored = await get(object);
        expect([stored.revision, stored.attributes.get('LeaseTime')]).toEqual([51, 50]);
      });
    });

    describe('several changes in one commit', () => {
      test('happen all', async () => {
        const [one, other] = [newAesKey({ domainId, name: 'one' }), newAesKey({ domainId, name: 'other' })];
        await create(one, other);
        expect([(await get(one)).revision, (await get(other)).revision]).toEqual([1, 1]);
      });

      test('or none', async () => {
        const [one, other] = [newAesKey({ domainId, name: 'one' }), newAesKey({ domainId, name: 'one' })];
        expect(await codeOf(create(one, other))).toBe('NonUniqueNameAttribute');
        expect(await store.fetch(domainId, one.uniqueIdentifier)).toBeUndefined();
        await create(one);
        const stored = await get(one);
        await store.commit([updateOf(stored)], TEST_CAUSE);
        expect(
          await codeOf(
            store.commit([creation(newAesKey({ domainId, name: 'two' })), updateOf(stored)], TEST_CAUSE),
          ),
        ).toBe('RevisionConflict');
        await create(newAesKey({ domainId, name: 'two' }));
      });
    });

    describe('transactions', () => {
      test('happen when the work is done, and show it their own changes before', async () => {
        const object = newAesKey({ domainId, name: 'mine' });
        const result = await store.transaction(async (session) => {
          await session.commit([creation(object)], TEST_CAUSE);
          expect(await store.fetch(domainId, object.uniqueIdentifier)).toBeUndefined();
          await session.commit(
            [updateOf(await get(object, session), [{ key: 'LeaseTime', value: 1 }])],
            TEST_CAUSE,
          );
          expect(await located([named('mine')], {}, session)).toEqual([object.uniqueIdentifier]);
          expect(await located([leaseFilter], {}, session)).toEqual([object.uniqueIdentifier]);
          return 'done';
        });
        expect(result).toBe('done');
        expect((await get(object)).revision).toBe(2);
      });

      test('leave nothing where the work throws', async () => {
        const object = newAesKey({ domainId, name: 'undone' });
        const failure = new Error('changed my mind');
        const work = store.transaction(async (session) => {
          await session.commit([creation(object)], TEST_CAUSE);
          throw failure;
        });
        await expect(work).rejects.toBe(failure);
        expect(await store.fetch(domainId, object.uniqueIdentifier)).toBeUndefined();
        await create(object);
      });

      test('go on after a commit in them was refused, of which nothing remains', async () => {
        await create(newAesKey({ domainId, name: 'taken' }));
        const [half, whole] = [newAesKey({ domainId, name: 'half' }), newAesKey({ domainId, name: 'whole' })];
        await store.transaction(async (session) => {
          const refused = session.commit(
            [creation(half), creation(newAesKey({ domainId, name: 'taken' }))],
            TEST_CAUSE,
          );
          expect(await codeOf(refused)).toBe('NonUniqueNameAttribute');
          const twice = session.commit([creation(whole), creation(whole)], TEST_CAUSE);
          expect(await codeOf(twice)).toBe('ObjectAlreadyExists');
          await session.commit([creation(whole)], TEST_CAUSE);
        });
        expect(await store.fetch(domainId, half.uniqueIdentifier)).toBeUndefined();
        expect((await get(whole)).revision).toBe(1);
      });

      test('meet a revision check among each other', async () => {
        const object = newAesKey({ domainId });
        await create(object);
        const stale = await get(object);
        const codes = await Promise.all(
          [1, 2].map(() =>
            codeOf(store.transaction((session) => session.commit([updateOf(stale)], TEST_CAUSE))),
          ),
        );
        expect(codes.sort()).toEqual(['RevisionConflict', undefined]);
      });
    });

    const everywhere = { online: true, archived: true, destroyed: true };
    const named = (nameValue: string): LocateFilter => ({
      kind: 'equals',
      attribute: nameAttribute(nameValue),
    });
    const leaseFilter: LocateFilter = { kind: 'equals', attribute: { key: 'LeaseTime', value: 1 } };
    const query = (filters: readonly LocateFilter[], overrides: Partial<LocateQuery> = {}): LocateQuery => ({
      domainId,
      filters,
      storage: { online: true, archived: false, destroyed: false },
      order: 'oldest-first',
      offsetItems: 0,
      maximumItems: undefined,
      nowSeconds: NOW_SECONDS,
      ...overrides,
    });
    const located = async (
      filters: readonly LocateFilter[],
      overrides: Partial<LocateQuery> = {},
      session: KeyStoreSession = store,
    ): Promise<readonly string[]> => {
      const { objects } = await session.locate(query(filters, overrides));
      return objects.map(({ uniqueIdentifier }) => uniqueIdentifier);
    };
    const identifiers = (...objects: readonly NewObject[]): readonly string[] =>
      objects.map(({ uniqueIdentifier }) => uniqueIdentifier);

    describe('locates', () => {
      test('by name, within the domain', async () => {
        const object = newAesKey({ domainId, name: 'sought' });
        await createEach(object, newAesKey({ domainId, name: 'other' }));
        await create(newAesKey({ domainId: randomUUID(), name: 'sought' }));
        expect(await located([named('sought')])).toEqual(identifiers(object));
        expect(await located([named('sought')], { storage: everywhere })).toEqual(identifiers(object));
        expect(await located([named('absent')])).toEqual([]);
        const partly = { nameValue: 'sought' } as (Attribute & { key: 'Name' })['value'];
        expect(await located([{ kind: 'includes', attribute: { key: 'Name', value: partly } }])).toEqual(
          identifiers(object),
        );
        const aes: LocateFilter = { kind: 'equals', attribute: { key: 'CryptographicLength', value: 128 } };
        const longer: LocateFilter = {
          kind: 'equals',
          attribute: { key: 'CryptographicLength', value: 256 },
        };
        expect(await located([aes, named('sought')])).toEqual(identifiers(object));
        expect(await located([longer, named('sought')])).toEqual([]);
        expect(await located([named('sought')], { offsetItems: 1 })).toEqual([]);
        expect(await located([named('sought')], { maximumItems: 0 })).toEqual([]);
      });

      test('by any attribute, and by all conditions together', async () => {
        const link: Attribute = {
          key: 'Link',
          value: { linkType: LinkType.PreviousLink, linkedObjectIdentifier: 'x' },
        };
        const [one, two, three] = [
          newAesKey({ domainId, attributes: [{ key: 'ObjectGroup', value: 'a' }] }),
          newAesKey({
            domainId,
            attributes: [{ key: 'ObjectGroup', value: 'a' }, { key: 'ObjectGroup', value: 'b' }, link],
          }),
          newAesKey({
            domainId,
            attributes: [{ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.DES3 }],
          }),
        ];
        await createEach(one, two, three);
        const equals = (attribute: Attribute): LocateFilter => ({ kind: 'equals', attribute });
        const inA = equals({ key: 'ObjectGroup', value: 'a' });
        expect(await located([])).toEqual(identifiers(one, two, three));
        expect(await located([inA])).toEqual(identifiers(one, two));
        expect(await located([inA, equals({ key: 'ObjectGroup', value: 'b' })])).toEqual(identifiers(two));
        expect(await located([equals(link)])).toEqual(identifiers(two));
        const linkType = { linkType: LinkType.PreviousLink } as (Attribute & { key: 'Link' })['value'];
        expect(await located([{ kind: 'includes', attribute: { key: 'Link', value: linkType } }])).toEqual(
          identifiers(two),
        );
        expect(await located([equals({ key: 'UniqueIdentifier', value: three.uniqueIdentifier })])).toEqual(
          identifiers(three),
        );
        expect(await located([equals({ key: 'LastChangeDate', value: 1_700_000_000 }), inA])).toEqual(
          identifiers(one, two),
        );
      });

      test('by what attributes have become', async () => {
        const object = newAesKey({ domainId, attributes: [{ key: 'ObjectGroup', value: 'before' }] });
        await create(object);
        await store.commit(
          [updateOf(await get(object), [{ key: 'ObjectGroup', value: 'after' }])],
          TEST_CAUSE,
        );
        const inGroup = (value: string): LocateFilter => ({
          kind: 'equals',
          attribute: { key: 'ObjectGroup', value },
        });
        expect(await located([inGroup('before')])).toEqual([]);
        expect(await located([inGroup('after')])).toEqual(identifiers(object));
      });

      test('by dates, within a range with both its ends', async () => {
        const objects = [10, 20, 30].map((date) =>
          newAesKey({
            domainId,
            attributes: [
              { key: 'ActivationDate', value: date },
              { key: 'ProcessStartDate', value: date },
            ],
          }),
        );
        await createEach(...objects);
        for (const key of ['ActivationDate', 'ProcessStartDate'] as const) {
          const between = (from: number, to: number) => located([{ kind: 'range', key, from, to }]);
          expect(await between(10, 20)).toEqual(identifiers(objects[0]!, objects[1]!));
          expect(await between(20, 20)).toEqual(identifiers(objects[1]!));
          expect(await between(21, 29)).toEqual([]);
        }
      });

      test('by bits of masks', async () => {
        const { Encrypt, Decrypt, Sign } = CryptographicUsageMask;
        const object = newAesKey({ domainId });
        await create(object);
        const withBits = (bits: number) => located([{ kind: 'bits', key: 'CryptographicUsageMask', bits }]);
        expect(await withBits(Encrypt)).toEqual(identifiers(object));
        expect(await withBits(Encrypt | Decrypt)).toEqual(identifiers(object));
        expect(await withBits(Encrypt | Sign)).toEqual([]);
        expect(await located([{ kind: 'bits', key: 'ProtectionStorageMask', bits: 1 }])).toEqual([]);
      });

      test('by the state that dates have brought about', async () => {
        const past = NOW_SECONDS - 10;
        const future = NOW_SECONDS + 10;
        const make = (state: State, activationDate?: number, deactivationDate?: number): NewObject =>
          newAesKey({
            domainId,
            state,
            attributes: [
              ...(activationDate === undefined
                ? []
                : [{ key: 'ActivationDate', value: activationDate } as const]),
              ...(deactivationDate === undefined
                ? []
                : [{ key: 'DeactivationDate', value: deactivationDate } as const]),
            ],
          });
        const preActive = [
          make(State.PreActive),
          make(State.PreActive, future),
          make(State.PreActive, future, past),
        ];
        const active = [
          make(State.Active),
          make(State.PreActive, past),
          make(State.PreActive, NOW_SECONDS),
          make(State.PreActive, past, future),
          make(State.Active, undefined, future),
        ];
        const deactivated = [
          make(State.Deactivated),
          make(State.Active, past, NOW_SECONDS),
          make(State.PreActive, past, past),
        ];
        const compromised = [make(State.Compromised, past, past)];
        await createEach(...preActive, ...active, ...deactivated, ...compromised);
        const inState = (state: State) => located([{ kind: 'state', state }]);
        expect(await inState(State.PreActive)).toEqual(identifiers(...preActive));
        expect(await inState(State.Active)).toEqual(identifiers(...active));
        expect(await inState(State.Deactivated)).toEqual(identifiers(...deactivated));
        expect(await inState(State.Compromised)).toEqual(identifiers(...compromised));
        expect(await inState(State.Destroyed)).toEqual([]);
      });

      test('where the storage asked for has them', async () => {
        const online = newAesKey({ domainId });
        const archived = newAesKey({
          domainId,
          attributes: [{ key: 'ArchiveDate', value: 1 }],
          name: 'archived',
        });
        const destroyed = newAesKey({ domainId, state: State.Destroyed, name: 'destroyed' });
        await createEach(online, archived, destroyed);
        const in_ = (storage: Partial<LocateQuery['storage']>, filters: readonly LocateFilter[] = []) =>
          located(filters, { storage: { online: false, archived: false, destroyed: false, ...storage } });
        expect(await in_({ online: true })).toEqual(identifiers(online));
        expect(await in_({ archived: true })).toEqual(identifiers(archived));
        expect(await in_({ destroyed: true })).toEqual(identifiers(destroyed));
        expect(await in_({})).toEqual([]);
        expect(await in_(everywhere)).toEqual(identifiers(online, archived, destroyed));
        expect(await in_({ online: true }, [named('archived')])).toEqual([]);
        expect(await in_({ archived: true }, [named('archived')])).toEqual(identifiers(archived));
        expect(await in_({ destroyed: true }, [named('destroyed')])).toEqual(identifiers(destroyed));
      });

      test('in the order of creation, with offset and maximum, and counts', async () => {
        const objects = Array.from({ length: 7 }, () => newAesKey({ domainId }));
        await createEach(...objects);
        const oldest = identifiers(...objects);
        const newest = [...oldest].reverse();
        expect(await located([], { order: 'newest-first' })).toEqual(newest);
        expect(await located([], { order: 'newest-first', offsetItems: 2, maximumItems: 3 })).toEqual(
          newest.slice(2, 5),
        );
        expect(await located([], { offsetItems: 5, maximumItems: 9 })).toEqual(oldest.slice(5));
        const unindexed: LocateFilter = { kind: 'range', key: 'LastChangeDate', from: 0, to: 2_000_000_000 };
        for (const filters of [[], [unindexed]]) {
          const result = await store.locate(query(filters, { offsetItems: 1, maximumItems: 2 }));
          expect(result.objects.map(({ uniqueIdentifier }) => uniqueIdentifier)).toEqual(oldest.slice(1, 3));
          expect(result.totalItems).toBe(7);
        }
      });

      test('more objects than fit in a page', async () => {
        const objects = Array.from({ length: 1203 }, () => newAesKey({ domainId, value: undefined }));
        await Promise.all(objects.map((object) => create(object)));
        const found = await located([], { order: 'newest-first' });
        expect(found).toHaveLength(1203);
        expect(new Set(found)).toEqual(new Set(identifiers(...objects)));
        expect(await located([], { order: 'newest-first', offsetItems: 1199 })).toEqual(found.slice(1199));
      }, 30_000);
    });
  });
}
