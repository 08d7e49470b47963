/// <reference types="jest" />
import { randomUUID } from 'node:crypto';
import type { KeyStore } from '@holdfast/core';
import { State } from '@holdfast/kmip';
import { KeyStoreProbe, named } from './key-store-probe';
import { locateContract } from './locate-contract';
import { TEST_CAUSE, TEST_KEY, aesKey, keyBytesOf, nameAttribute, newAesKey } from './managed-objects';

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
    const probe = new KeyStoreProbe(open);
    const { newKey, creation, create, createEach, get, updateOf, codeOf, located } = probe;
    beforeAll(probe.open, 60_000);
    afterAll(probe.close);
    beforeEach(probe.useNewDomain);

    locateContract(probe);

    describe('creates and fetches', () => {
      test('gives back what was created', async () => {
        const object = newKey({ name: 'a key' });
        await create(object);
        const stored = await get(object);
        expect(stored).toMatchObject({
          domainId: probe.domainId,
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
        const object = newKey({ value: undefined });
        await create(object);
        const stored = await get(object);
        expect(stored.hasValue).toBe(false);
        expect(await codeOf(Promise.resolve().then(() => stored.openValue()))).toBe('KeyValueNotPresent');
      });

      test('finds nothing under other identifiers, in other domains, or under what cannot be an identifier', async () => {
        const { uniqueIdentifier } = newKey();
        const object = newKey({ uniqueIdentifier });
        await create(object);
        expect(await probe.store.fetch(probe.domainId, `${uniqueIdentifier}0`)).toBeUndefined();
        expect(await probe.store.fetch(randomUUID(), uniqueIdentifier)).toBeUndefined();
        expect(await probe.store.fetch('no domain', uniqueIdentifier)).toBeUndefined();
        for (const odd of ['', '\0', `${uniqueIdentifier}\0`, '\ud800', 'x'.repeat(100_000), "'; --"]) {
          expect(await probe.store.fetch(probe.domainId, odd)).toBeUndefined();
        }
      });

      test('answers many at once, each with its own', async () => {
        const objects = Array.from({ length: 300 }, (_, n) => newKey({ name: `key ${n}` }));
        await Promise.all(objects.map((object) => create(object)));
        const stored = await Promise.all(objects.map((object) => get(object)));
        expect(stored.map((each) => each.attributes.get('Name')?.nameValue)).toEqual(
          objects.map((_, n) => `key ${n}`),
        );
        const [twice, again, none] = await Promise.all([
          get(objects[0]!),
          get(objects[0]!),
          probe.store.fetch(probe.domainId, 'none'),
        ]);
        expect([twice.uniqueIdentifier, again.uniqueIdentifier, none]).toEqual([
          objects[0]!.uniqueIdentifier,
          objects[0]!.uniqueIdentifier,
          undefined,
        ]);
      });

      test('keeps values of 1 MB', async () => {
        const material = Buffer.alloc(1024 * 1024, 7);
        const object = newKey({ value: aesKey(material) });
        await create(object);
        expect(keyBytesOf((await get(object)).openValue()).equals(material)).toBe(true);
      });
    });

    describe('names and identifiers', () => {
      test('are unique within a domain alone', async () => {
        const object = newKey({ name: 'taken' });
        await create(object);
        expect(await codeOf(create(newKey({ name: 'taken' })))).toBe('NonUniqueNameAttribute');
        expect(await codeOf(create(newKey({ uniqueIdentifier: object.uniqueIdentifier })))).toBe(
          'ObjectAlreadyExists',
        );
        const elsewhere = randomUUID();
        await create(
          newAesKey({ domainId: elsewhere, name: 'taken', uniqueIdentifier: object.uniqueIdentifier }),
        );
      });

      test('of one of many creates at once disturb that one alone', async () => {
        const taken = newKey({ name: 'taken' });
        await create(taken);
        const codes = await Promise.all([
          codeOf(create(newKey({ name: 'one' }))),
          codeOf(create(newKey({ name: 'taken' }))),
          codeOf(create(newKey())),
          codeOf(create(newKey({ uniqueIdentifier: taken.uniqueIdentifier }))),
          codeOf(create(newKey({ name: 'two' }))),
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
            [1, 2].map(() => codeOf(create(newKey({ name: `contested ${round}` })))),
          );
          expect(codes.sort()).toEqual(['NonUniqueNameAttribute', undefined]);
        }
      });

      test('that an object gives up are free, also within the commit that takes them', async () => {
        const object = newKey({ name: 'moving' });
        await create(object);
        const stored = await get(object);
        const attributes = stored.attributes.clone();
        attributes.clear('Name');
        const heir = newKey({ name: 'moving' });
        await probe.store.commit(
          [creation(heir), { kind: 'update', object: stored, attributes, value: 'keep' }],
          TEST_CAUSE,
        );
        expect(await codeOf(create(newKey({ name: 'moving' })))).toBe('NonUniqueNameAttribute');
      });

      test('that an object gets later are checked', async () => {
        const [one, other] = [newKey({ name: 'one' }), newKey()];
        await createEach(one, other);
        const stored = await get(other);
        expect(await codeOf(probe.store.commit([updateOf(stored, [nameAttribute('one')])], TEST_CAUSE))).toBe(
          'NonUniqueNameAttribute',
        );
        expect((await get(other)).revision).toBe(1);
        await probe.store.commit([updateOf(stored, [nameAttribute('other')])], TEST_CAUSE);
        expect(await codeOf(create(newKey({ name: 'other' })))).toBe('NonUniqueNameAttribute');
      });

      test('of destroyed objects are free', async () => {
        const object = newKey({ name: 'again' });
        await create(object);
        const destruction = updateOf(await get(object), [{ key: 'State', value: State.Destroyed }], 'erase');
        await probe.store.commit([destruction], TEST_CAUSE);
        await create(newKey({ name: 'again' }));
        expect((await get(object)).attributes.get('Name')?.nameValue).toBe('again');
      });

      test('may be many, and long', async () => {
        const attributes = Array.from({ length: 40 }, (_, n) => nameAttribute(`${n}`.repeat(3000)));
        await create(newKey({ attributes }));
        const copy = newKey({ attributes: attributes.slice(39) });
        expect(await codeOf(create(copy))).toBe('NonUniqueNameAttribute');
      });
    });

    describe('updates', () => {
      test('keep, erase or replace the value', async () => {
        const object = newKey();
        await create(object);
        await probe.store.commit([updateOf(await get(object), [{ key: 'LeaseTime', value: 7 }])], TEST_CAUSE);
        const kept = await get(object);
        expect(kept).toMatchObject({ revision: 2, generation: 1 });
        expect(kept.attributes.get('LeaseTime')).toBe(7);
        expect(keyBytesOf(kept.openValue())).toEqual(TEST_KEY);

        const other = Buffer.alloc(32, 9);
        await probe.store.commit([updateOf(kept, [], { replace: aesKey(other) })], TEST_CAUSE);
        const replaced = await get(object);
        expect(replaced).toMatchObject({ revision: 3, generation: 2 });
        expect(keyBytesOf(replaced.openValue())).toEqual(other);

        await probe.store.commit([updateOf(replaced, [], 'erase')], TEST_CAUSE);
        expect(await get(object)).toMatchObject({ revision: 4, generation: 2, hasValue: false });
      });

      test('of what was changed meanwhile are refused', async () => {
        const object = newKey();
        await create(object);
        const stale = await get(object);
        await probe.store.commit([updateOf(stale)], TEST_CAUSE);
        expect(await codeOf(probe.store.commit([updateOf(stale)], TEST_CAUSE))).toBe('RevisionConflict');
        expect((await get(object)).revision).toBe(2);
      });

      test('of one object that 50 writers make and make again lose none', async () => {
        const object = newKey({ attributes: [{ key: 'LeaseTime', value: 0 }] });
        await create(object);
        const increment = async (): Promise<void> => {
          for (;;) {
            const stored = await get(object);
            const next = (stored.attributes.get('LeaseTime') ?? 0) + 1;
            const commit = probe.store.commit(
              [updateOf(stored, [{ key: 'LeaseTime', value: next }])],
              TEST_CAUSE,
            );
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
        const [one, other] = [newKey({ name: 'one' }), newKey({ name: 'other' })];
        await create(one, other);
        expect([(await get(one)).revision, (await get(other)).revision]).toEqual([1, 1]);
      });

      test('or none', async () => {
        const [one, other] = [newKey({ name: 'one' }), newKey({ name: 'one' })];
        expect(await codeOf(create(one, other))).toBe('NonUniqueNameAttribute');
        expect(await probe.store.fetch(probe.domainId, one.uniqueIdentifier)).toBeUndefined();
        await create(one);
        const stored = await get(one);
        await probe.store.commit([updateOf(stored)], TEST_CAUSE);
        expect(
          await codeOf(probe.store.commit([creation(newKey({ name: 'two' })), updateOf(stored)], TEST_CAUSE)),
        ).toBe('RevisionConflict');
        await create(newKey({ name: 'two' }));
      });
    });

    describe('transactions', () => {
      test('happen when the work is done, and show it their own changes before', async () => {
        const object = newKey({ name: 'mine' });
        const result = await probe.store.transaction(probe.domainId, async (session) => {
          await session.commit([creation(object)], TEST_CAUSE);
          expect(await probe.store.fetch(probe.domainId, object.uniqueIdentifier)).toBeUndefined();
          await session.commit(
            [updateOf(await get(object, session), [{ key: 'LeaseTime', value: 1 }])],
            TEST_CAUSE,
          );
          expect(await located([named('mine')], {}, session)).toEqual([object.uniqueIdentifier]);
          expect(
            await located([{ kind: 'equals', attribute: { key: 'LeaseTime', value: 1 } }], {}, session),
          ).toEqual([object.uniqueIdentifier]);
          return 'done';
        });
        expect(result).toBe('done');
        expect((await get(object)).revision).toBe(2);
      });

      test('leave nothing where the work throws', async () => {
        const object = newKey({ name: 'undone' });
        const failure = new Error('changed my mind');
        const work = probe.store.transaction(probe.domainId, async (session) => {
          await session.commit([creation(object)], TEST_CAUSE);
          throw failure;
        });
        await expect(work).rejects.toBe(failure);
        expect(await probe.store.fetch(probe.domainId, object.uniqueIdentifier)).toBeUndefined();
        await create(object);
      });

      test('go on after a commit in them was refused, of which nothing remains', async () => {
        await create(newKey({ name: 'taken' }));
        const [half, whole] = [newKey({ name: 'half' }), newKey({ name: 'whole' })];
        await probe.store.transaction(probe.domainId, async (session) => {
          const refused = session.commit([creation(half), creation(newKey({ name: 'taken' }))], TEST_CAUSE);
          expect(await codeOf(refused)).toBe('NonUniqueNameAttribute');
          const twice = session.commit([creation(whole), creation(whole)], TEST_CAUSE);
          expect(await codeOf(twice)).toBe('ObjectAlreadyExists');
          await session.commit([creation(whole)], TEST_CAUSE);
        });
        expect(await probe.store.fetch(probe.domainId, half.uniqueIdentifier)).toBeUndefined();
        expect((await get(whole)).revision).toBe(1);
      });

      test('meet a revision check among each other', async () => {
        const object = newKey();
        await create(object);
        const stale = await get(object);
        const codes = await Promise.all(
          [1, 2].map(() =>
            codeOf(
              probe.store.transaction(probe.domainId, (session) =>
                session.commit([updateOf(stale)], TEST_CAUSE),
              ),
            ),
          ),
        );
        expect(codes.sort()).toEqual(['RevisionConflict', undefined]);
      });
    });
  });
}
