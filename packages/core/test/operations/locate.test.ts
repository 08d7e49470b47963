import { addAttribute, destroy, get, locate, revoke } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  LinkType,
  ObjectGroupMember,
  ObjectType,
  RevocationReasonCode,
  State,
  StorageStatusMask,
  type Attribute,
} from '@holdfast/kmip';
import { Harness } from './harness';
import { createKey, custom, named, text } from './samples';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

type Options = Partial<Parameters<typeof locate.execute>[0]>;

async function find(attributes: readonly Attribute[], options: Options = {}): Promise<readonly string[]> {
  const { uniqueIdentifiers } = await harness.run(locate, { ...options, attributes });
  return uniqueIdentifiers;
}

function group(value: string): Attribute {
  return { key: 'ObjectGroup', value };
}

describe('Locate', () => {
  test('finds by exact name', async () => {
    const uniqueIdentifier = await createKey(harness, named('tunnel-1'));
    await createKey(harness, named('tunnel-11'));
    expect(await find([named('tunnel-1')])).toEqual([uniqueIdentifier]);
    for (const other of ['tunnel', 'tunnel-1 ', 'TUNNEL-1', 'tunnel-%', 'tunnel-?', '']) {
      expect(await find([named(other)])).toEqual([]);
    }
  });

  test('answers the newest first, in pages, with the count where a page is asked for', async () => {
    const made: string[] = [];
    for (let count = 0; count < 5; count++) made.unshift(await createKey(harness, group('pages')));
    const page = (options: Options) => harness.run(locate, { attributes: [group('pages')], ...options });
    expect(await page({})).toEqual({ locatedItems: undefined, uniqueIdentifiers: made });
    expect(await page({ maximumItems: 1 })).toEqual({
      locatedItems: undefined,
      uniqueIdentifiers: made.slice(0, 1),
    });
    expect(await page({ maximumItems: 2, offsetItems: 3 })).toEqual({
      locatedItems: 5,
      uniqueIdentifiers: made.slice(3),
    });
    expect((await page({ offsetItems: 7 })).uniqueIdentifiers).toEqual([]);
    expect((await page({ maximumItems: 0 })).uniqueIdentifiers).toEqual([]);
    for (const options of [{ maximumItems: -1 }, { offsetItems: -1 }]) {
      await expect(page(options)).rejects.toMatchObject({ code: 'InvalidField' });
    }
  });

  test('leaves the ID Placeholder to a single object', async () => {
    await createKey(harness, group('placeholder'));
    await createKey(harness, group('placeholder'));
    await find([group('placeholder')]);
    expect([harness.produced.length, harness.emptied]).toEqual([2, true]);
    await find([group('placeholder')], { maximumItems: 1 });
    expect([harness.produced.length, harness.emptied]).toEqual([1, false]);
    await find([group('nobody')]);
    expect([harness.produced.length, harness.emptied]).toEqual([0, true]);
  });

  test('wants all conditions to be met', async () => {
    const uniqueIdentifier = await createKey(
      harness,
      group('all'),
      group('second'),
      custom('Bucket', text('one')),
    );
    await createKey(harness, group('all'), custom('Bucket', text('two')));
    expect(await find([group('all'), custom('Bucket', text('one'))])).toEqual([uniqueIdentifier]);
    expect(await find([group('all'), group('second')])).toEqual([uniqueIdentifier]);
    expect(await find([group('all'), { key: 'ObjectType', value: ObjectType.SecretData }])).toEqual([]);
    expect(await find([custom('Bucket', text('one'), 'vendor')])).toEqual([]);
    expect(await find([custom('Bucket', text('three'))])).toEqual([]);
  });

  test('takes as many conditions as anybody needs, and no more', async () => {
    const conditions = (count: number) => Array.from({ length: count }, (_, n) => group(`many ${n}`));
    expect(await find(conditions(256))).toEqual([]);
    await expect(find(conditions(257))).rejects.toMatchObject({ code: 'InvalidField' });
  });

  test('compares algorithms, lengths, masks and identifiers', async () => {
    const uniqueIdentifier = await createKey(harness, group('facts'));
    const meets = async (condition: Attribute) => (await find([group('facts'), condition])).length === 1;
    const { Encrypt, Decrypt, Sign } = CryptographicUsageMask;
    for (const [condition, isMet] of [
      [{ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES }, true],
      [{ key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.DES3 }, false],
      [{ key: 'CryptographicLength', value: 256 }, true],
      [{ key: 'CryptographicLength', value: 128 }, false],
      [{ key: 'CryptographicUsageMask', value: Encrypt }, true],
      [{ key: 'CryptographicUsageMask', value: Encrypt | Decrypt }, true],
      [{ key: 'CryptographicUsageMask', value: Encrypt | Sign }, false],
      [{ key: 'UniqueIdentifier', value: uniqueIdentifier }, true],
      [{ key: 'UniqueIdentifier', value: 'another' }, false],
      [{ key: 'LeaseTime', value: 3600 }, true],
      [{ key: 'Comment', value: 'none' }, false],
    ] as const) {
      expect([condition, await meets(condition)]).toEqual([condition, isMet]);
    }
  });

  test('finds by dates and by the state that they make', async () => {
    const { nowSeconds } = harness;
    const early = await createKey(harness, group('dates'), {
      key: 'ActivationDate',
      value: nowSeconds - 100,
    });
    const late = await createKey(harness, group('dates'), { key: 'ActivationDate', value: nowSeconds + 100 });
    const activation = (value: number): Attribute => ({ key: 'ActivationDate', value });
    const state = (value: State): Attribute => ({ key: 'State', value });
    expect(await find([group('dates'), activation(nowSeconds - 100)])).toEqual([early]);
    expect(await find([group('dates'), activation(nowSeconds)])).toEqual([]);
    expect(await find([group('dates'), activation(nowSeconds - 100), activation(nowSeconds + 99)])).toEqual([
      early,
    ]);
    expect(await find([group('dates'), activation(nowSeconds + 100), activation(nowSeconds - 100)])).toEqual([
      late,
      early,
    ]);
    expect(await find([group('dates'), state(State.Active)])).toEqual([early]);
    expect(await find([group('dates'), state(State.PreActive)])).toEqual([late]);
    harness.nowSeconds += 100;
    expect(await find([group('dates'), state(State.Active)])).toEqual([late, early]);
    harness.nowSeconds -= 100;
  });

  test('compares only the members of a structure that are given', async () => {
    const newest: Attribute = {
      key: 'Link',
      value: { linkType: LinkType.NextLink, linkedObjectIdentifier: 'the other' },
    };
    const uniqueIdentifier = await createKey(harness);
    await harness.run(addAttribute, { uniqueIdentifier, newAttribute: newest });
    expect(await find([newest])).toEqual([uniqueIdentifier]);
    const byTarget = { key: 'Link', value: { linkedObjectIdentifier: 'the other' } } as Attribute;
    expect(await find([byTarget])).toEqual([uniqueIdentifier]);
    const byType = { key: 'Link', value: { linkType: LinkType.PreviousLink } } as Attribute;
    expect(await find([byType])).toEqual([]);
    const limited = await createKey(harness, {
      key: 'ApplicationSpecificInformation',
      value: { applicationNamespace: 'ssl', applicationData: 'www.example.com' },
    });
    const byNamespace: Attribute = {
      key: 'ApplicationSpecificInformation',
      value: { applicationNamespace: 'ssl' },
    };
    expect(await find([byNamespace], { offsetItems: 0 })).toEqual([limited]);
  });

  test('finds fresh members of a group, and its newest as the default', async () => {
    const used = await createKey(harness, group('members'));
    const fresh = await createKey(harness, group('members'));
    const newest = await createKey(harness, group('members'));
    await harness.run(get, { uniqueIdentifier: used });
    const { GroupMemberFresh, GroupMemberDefault } = ObjectGroupMember;
    expect(await find([group('members')], { objectGroupMember: GroupMemberFresh })).toEqual([newest, fresh]);
    expect(await find([group('members')], { objectGroupMember: GroupMemberDefault })).toEqual([newest]);
  });

  test('finds what is destroyed only where it is asked to', async () => {
    const uniqueIdentifier = await createKey(harness, named('destroyed'), {
      key: 'ActivationDate',
      value: harness.nowSeconds - 1,
    });
    await harness.run(revoke, {
      uniqueIdentifier,
      revocationReason: { revocationReasonCode: RevocationReasonCode.Unspecified },
    });
    await harness.run(destroy, { uniqueIdentifier });
    const { OnLineStorage, ArchivalStorage, DestroyedStorage } = StorageStatusMask;
    expect(await find([named('destroyed')])).toEqual([]);
    for (const [storageStatusMask, found] of [
      [OnLineStorage | ArchivalStorage, []],
      [DestroyedStorage, [uniqueIdentifier]],
      [OnLineStorage | DestroyedStorage, [uniqueIdentifier]],
      [0, []],
    ] as const) {
      expect(await find([named('destroyed')], { storageStatusMask })).toEqual(found);
    }
  });

  test('sees the domain of the client, all of it and nothing else', async () => {
    const stranger = harness.as('user', '2b0f6b3e-8f0f-4d6e-9d54-3a2a1c6b7e10');
    const theirs = await createKey(stranger, named('shared name'));
    const ours = await createKey(harness, named('shared name'));
    expect(await find([named('shared name')])).toEqual([ours]);
    expect((await stranger.run(locate, { attributes: [] })).uniqueIdentifiers).toEqual([theirs]);
    const colleague = harness.as('reader');
    expect((await colleague.run(locate, { attributes: [] })).uniqueIdentifiers).toContain(ours);
  });
});
