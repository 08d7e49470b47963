/// <reference types="jest" />
import { randomUUID } from 'node:crypto';
import type { LocateFilter, LocateQuery, NewObject } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  State,
  type Attribute,
} from '@holdfast/kmip';
import { EVERYWHERE, NOWHERE, NOW_SECONDS, identifiers, named, type KeyStoreProbe } from './key-store-probe';
import { TEST_CAUSE, newAesKey } from './managed-objects';

/** The part of the KeyStore contract that is about Locate. */
export function locateContract(probe: KeyStoreProbe): void {
  const { newKey, create, createEach, get, updateOf, located } = probe;

  describe('locates', () => {
    test('by name, within the domain', async () => {
      const object = newKey({ name: 'sought' });
      await createEach(object, newKey({ name: 'other' }));
      await create(newAesKey({ domainId: randomUUID(), name: 'sought' }));
      expect(await located([named('sought')])).toEqual(identifiers(object));
      expect(await located([named('sought')], { storage: EVERYWHERE })).toEqual(identifiers(object));
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
        newKey({ attributes: [{ key: 'ObjectGroup', value: 'a' }] }),
        newKey({
          attributes: [{ key: 'ObjectGroup', value: 'a' }, { key: 'ObjectGroup', value: 'b' }, link],
        }),
        newKey({ attributes: [{ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.DES3 }] }),
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
      const object = newKey({ attributes: [{ key: 'ObjectGroup', value: 'before' }] });
      await create(object);
      await probe.store.commit(
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

    test('by dates, within a range with both its ends, and by having none', async () => {
      const objects = [10, 20, 30].map((date) =>
        newKey({
          attributes: [
            { key: 'ActivationDate', value: date },
            { key: 'ProcessStartDate', value: date },
          ],
        }),
      );
      const none = newKey();
      await createEach(...objects, none);
      const NO_DATE = Number.POSITIVE_INFINITY;
      for (const key of ['ActivationDate', 'ProcessStartDate'] as const) {
        const between = (from: number, to: number) => located([{ kind: 'range', key, from, to }]);
        expect(await between(10, 20)).toEqual(identifiers(objects[0]!, objects[1]!));
        expect(await between(20, 20)).toEqual(identifiers(objects[1]!));
        expect(await between(21, 29)).toEqual([]);
        expect(await between(NO_DATE, NO_DATE)).toEqual(identifiers(none));
        expect(await between(30, NO_DATE)).toEqual(identifiers(objects[2]!, none));
      }
    });

    test('by bits of masks', async () => {
      const { Encrypt, Decrypt, Sign } = CryptographicUsageMask;
      const object = newKey();
      await create(object);
      const withBits = (bits: number) => located([{ kind: 'bits', key: 'CryptographicUsageMask', bits }]);
      expect(await withBits(Encrypt)).toEqual(identifiers(object));
      expect(await withBits(Encrypt | Decrypt)).toEqual(identifiers(object));
      expect(await withBits(Encrypt | Sign)).toEqual([]);
      expect(await located([{ kind: 'bits', key: 'ProtectionStorageMask', bits: 1 }])).toEqual([]);
      const having = (kind: 'someBits' | 'noBits', bits: number) =>
        located([{ kind, key: 'CryptographicUsageMask', bits }]);
      expect(await having('someBits', Sign | Decrypt)).toEqual(identifiers(object));
      expect(await having('someBits', Sign)).toEqual([]);
      expect(await having('noBits', Sign)).toEqual(identifiers(object));
      expect(await having('noBits', Sign | Decrypt)).toEqual([]);
      for (const [kind, expected] of [
        ['someBits', []],
        ['noBits', identifiers(object)],
      ] as const) {
        expect(await located([{ kind, key: 'ProtectionStorageMask', bits: 1 }])).toEqual(expected);
      }
    });

    test('by one of several values, and by what is not there', async () => {
      const [one, two] = [
        newKey({ name: 'one of several', attributes: [{ key: 'ObjectGroup', value: 'a' }] }),
        newKey({ attributes: [{ key: 'ObjectGroup', value: 'b' }] }),
      ];
      await createEach(one, two);
      const groups = (...values: readonly string[]) =>
        located([
          { kind: 'anyOf', attributes: values.map((value) => ({ key: 'ObjectGroup', value }) as const) },
        ]);
      expect(await groups('a', 'b', 'c')).toEqual(identifiers(one, two));
      expect(await groups('b', 'c')).toEqual(identifiers(two));
      expect(await groups()).toEqual([]);
      const lacks = (attribute: Attribute) => located([{ kind: 'lacks', attribute }]);
      expect(await lacks({ key: 'Name', value: {} } as Attribute)).toEqual(identifiers(two));
      expect(await lacks({ key: 'ObjectGroup', value: 'b' })).toEqual(identifiers(one));
    });

    test('by the state that dates have brought about', async () => {
      const past = NOW_SECONDS - 10;
      const future = NOW_SECONDS + 10;
      const make = (state: State, activationDate?: number, deactivationDate?: number): NewObject =>
        newKey({
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
      const online = newKey();
      const archived = newKey({ attributes: [{ key: 'ArchiveDate', value: 1 }], name: 'archived' });
      const destroyed = newKey({ state: State.Destroyed, name: 'destroyed' });
      await createEach(online, archived, destroyed);
      const in_ = (storage: Partial<LocateQuery['storage']>, filters: readonly LocateFilter[] = []) =>
        located(filters, { storage: { ...NOWHERE, ...storage } });
      expect(await in_({ online: true })).toEqual(identifiers(online));
      expect(await in_({ archived: true })).toEqual(identifiers(archived));
      expect(await in_({ destroyed: true })).toEqual(identifiers(destroyed));
      expect(await in_({})).toEqual([]);
      expect(await in_(EVERYWHERE)).toEqual(identifiers(online, archived, destroyed));
      expect(await in_({ online: true }, [named('archived')])).toEqual([]);
      expect(await in_({ archived: true }, [named('archived')])).toEqual(identifiers(archived));
      expect(await in_({ destroyed: true }, [named('destroyed')])).toEqual(identifiers(destroyed));
    });

    test('in the order of creation, with offset and maximum, and counts', async () => {
      const objects = Array.from({ length: 7 }, () => newKey());
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
        const page = { offsetItems: 1, maximumItems: 2 };
        const counted = await probe.store.locate(probe.query(filters, { ...page, isCounted: true }));
        expect(counted).toEqual({ uniqueIdentifiers: oldest.slice(1, 3), totalItems: 7 });
        expect(await located(filters, page)).toEqual(oldest.slice(1, 3));
        const beyond = await probe.store.locate(probe.query(filters, { offsetItems: 9, isCounted: true }));
        expect(beyond).toEqual({ uniqueIdentifiers: [], totalItems: 7 });
        const none = await probe.store.locate(probe.query(filters, { maximumItems: 0, isCounted: true }));
        expect(none).toEqual({ uniqueIdentifiers: [], totalItems: 7 });
      }
    });

    test('more objects than fit in a page', async () => {
      const objects = Array.from({ length: 1203 }, () => newKey({ value: undefined }));
      await Promise.all(objects.map((object) => create(object)));
      const found = await located([], { order: 'newest-first' });
      expect(found).toHaveLength(1203);
      expect(new Set(found)).toEqual(new Set(identifiers(...objects)));
      expect(await located([], { order: 'newest-first', offsetItems: 1199 })).toEqual(found.slice(1199));
    }, 30_000);
  });
}
