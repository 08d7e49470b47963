import { discoverVersions, operations, query, rngRetrieve } from '@holdfast/core';
import {
  DIALECTS,
  ObjectType,
  Operation,
  QueryFunction,
  Tag,
  dialectNamed,
  tagName,
  type VersionName,
} from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { refusal } from '../refusal';
import { Harness } from './harness';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const ALL_FUNCTIONS = Object.values(QueryFunction);

/** A Query answer as it goes out in a version: its items by the name of their tag. */
async function answerIn(version: VersionName, queryFunctions: readonly number[] = ALL_FUNCTIONS) {
  const response = await harness.run(query, { queryFunctions }, version);
  const item = query.response.encode(Tag.ResponsePayload, response, dialectNamed(version));
  if (item?.type !== ItemType.Structure) throw new Error('no answer');
  const byName = new Map<string, Item[]>();
  for (const child of item.value) {
    const name = tagName(child.tag);
    byName.set(name, [...(byName.get(name) ?? []), child]);
  }
  return byName;
}

function valuesOf(items: readonly Item[] | undefined): readonly unknown[] {
  return (items ?? []).map(({ value }) => value);
}

describe('Query', () => {
  test.each(DIALECTS.map(({ name }) => name))(
    'tells the operations of KMIP %s that there are',
    async (version) => {
      const listed = valuesOf((await answerIn(version)).get('Operation'));
      const expected = operations.filter(({ window }) => dialectNamed(version).knows(window));
      expect(listed).toEqual(expected.map(({ code }) => code));
      expect(listed.includes(Operation.DiscoverVersions)).toBe(version !== '1.0');
      expect(listed.includes(Operation.SetAttribute)).toBe(version.startsWith('2'));
    },
  );

  test('says nothing newer than the version, whatever is asked', async () => {
    expect([...(await answerIn('1.0')).keys()]).toEqual([
      'Operation',
      'Object Type',
      'Vendor Identification',
      'Server Information',
      'Application Namespace',
    ]);
    expect([...(await answerIn('1.4')).keys()]).toEqual([
      'Operation',
      'Object Type',
      'Vendor Identification',
      'Server Information',
      'Application Namespace',
      'RNG Parameters',
      'Profile Information',
      'Capability Information',
    ]);
    expect([...(await answerIn('2.1')).keys()]).toEqual([
      'Operation',
      'Object Type',
      'Vendor Identification',
      'Server Information',
      'Application Namespace',
      'RNG Parameters',
      'Profile Information',
      'Capability Information',
      'Defaults Information',
      'Protection Storage Masks',
    ]);
  });

  test('tells Templates in 1.x alone', async () => {
    expect(valuesOf((await answerIn('1.4')).get('Object Type'))).toContain(ObjectType.Template);
    expect(valuesOf((await answerIn('2.0')).get('Object Type'))).not.toContain(ObjectType.Template);
  });

  test('answers what is asked and no more', async () => {
    expect([...(await answerIn('1.4', [QueryFunction.QueryObjects])).keys()]).toEqual(['Object Type']);
    const nothing = [QueryFunction.QueryExtensionMap, QueryFunction.QueryValidations];
    const namespaces = await answerIn('1.4', [QueryFunction.QueryApplicationNamespaces]);
    expect(valuesOf(namespaces.get('Application Namespace'))).toEqual(['Holdfast']);
    expect((await answerIn('1.4', nothing)).size).toBe(0);
    expect((await answerIn('2.0', [])).size).toBe(0);
  });

  test('understands functions of later versions and refuses those of none', () => {
    const ask = (value: number) =>
      refusal(() =>
        query.request.decode(
          {
            tag: Tag.RequestPayload,
            type: ItemType.Structure,
            value: [{ tag: Tag.QueryFunction, type: ItemType.Enumeration, value }],
          },
          dialectNamed('1.0'),
        ),
      );
    for (const value of ALL_FUNCTIONS) expect(ask(value)).toBeUndefined();
    expect(ask(0x7f)).toBe('InvalidField');
  });

  test('names product and version in the fields of 2.x', async () => {
    expect(valuesOf((await answerIn('1.4')).get('Server Information'))).toEqual([[]]);
    const [item] = (await answerIn('2.0')).get('Server Information') ?? [];
    expect(item?.value).toContainEqual({ tag: Tag.ServerVersion, type: ItemType.TextString, value: '1.2.3' });
  });
});

describe('Discover Versions', () => {
  const version = (major: number, minor: number) => ({
    protocolVersionMajor: major,
    protocolVersionMinor: minor,
  });
  const discover = async (...offered: ReturnType<typeof version>[]) => {
    const { protocolVersions } = await harness.run(discoverVersions, { protocolVersions: offered });
    return protocolVersions.map(
      ({ protocolVersionMajor, protocolVersionMinor }) => `${protocolVersionMajor}.${protocolVersionMinor}`,
    );
  };

  test('tells all versions, highest first, where none is offered', async () => {
    expect(await discover()).toEqual(['2.1', '2.0', '1.4', '1.3', '1.2', '1.1', '1.0']);
  });

  test('tells what both sides speak, highest first', async () => {
    expect(await discover(version(1, 4))).toEqual(['1.4']);
    expect(await discover(version(1, 2), version(3, 0), version(1, 4), version(1, 3))).toEqual([
      '1.4',
      '1.3',
      '1.2',
    ]);
    expect(await discover(version(3, 0), version(0, 9))).toEqual([]);
  });
});

describe('RNG Retrieve', () => {
  test('gives as many bytes as are asked for, others each time', async () => {
    const retrieve = async () => (await harness.run(rngRetrieve, { dataLengthBytes: 32 })).data;
    const [one, other] = [await retrieve(), await retrieve()];
    expect(one).toHaveLength(32);
    expect(one.equals(other)).toBe(false);
  });

  test.each([0, -1, 1_048_577, 0x7fffffff])('refuses %d bytes', async (dataLengthBytes) => {
    await expect(harness.run(rngRetrieve, { dataLengthBytes })).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });
});
