import { randomUUID } from 'node:crypto';
import type { LocateQuery } from '@holdfast/core';
import { createKeyring, type DomainKeyVersion } from '@holdfast/crypto';
import { SecretBytes } from '@holdfast/ttlv';
import { NameType, type Attribute } from '@holdfast/kmip';
import { TEST_CAUSE, newAesKey } from '@holdfast/testkit';
import { openStore } from '../src';
import { openFixture, quietLog, type Fixture } from './support/fixture';

/** A process that has not heard of a new key version finds it when it reads what was written under it. */

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
}, 60_000);
afterAll(() => fixture.close());

test.each([
  ['fetched', []],
  ['located', []],
  ['located by name', [name('key')]],
] as const)('an object under a version that is not loaded yet is %s', async (how, filtered) => {
  let newest = 1;
  const load = (): Promise<readonly DomainKeyVersion[]> =>
    Promise.resolve(
      Array.from({ length: newest }, (_, index) => ({
        version: index + 1,
        key: SecretBytes.copyOf(Buffer.alloc(32, index + 1)),
        current: index + 1 === newest,
      })),
    );
  const domainId = randomUUID();
  const { connection } = fixture;
  const keyring = createKeyring({ load });
  const lagging = createKeyring({ load });
  const writer = await openStore({ connection, keyring, log: quietLog });
  const reader = await openStore({ connection, keyring: lagging, log: quietLog });
  try {
    await lagging.ensure(domainId);
    newest = 2;
    const object = newAesKey({ domainId, name: 'key' });
    await writer.keyStore.commit([{ kind: 'create', object }], TEST_CAUSE);
    expect(lagging.currentVersion(domainId)).toBe(1);
    const { uniqueIdentifier } = object;
    if (how === 'fetched') {
      expect((await reader.keyStore.fetch(domainId, uniqueIdentifier))?.hasValue).toBe(true);
    } else {
      const filters = filtered.map((attribute) => ({ kind: 'equals', attribute }) as const);
      const query: LocateQuery = {
        domainId,
        filters,
        storage: { online: true, archived: true, destroyed: true },
        order: 'newest-first',
        offsetItems: 0,
        maximumItems: undefined,
        isCounted: false,
        nowSeconds: 1_700_000_000,
      };
      expect((await reader.keyStore.locate(query)).uniqueIdentifiers).toEqual([uniqueIdentifier]);
    }
    expect(lagging.currentVersion(domainId)).toBe(2);
  } finally {
    await writer.close();
    await reader.close();
  }
});

function name(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}
