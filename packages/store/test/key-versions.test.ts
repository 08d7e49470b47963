import { randomUUID } from 'node:crypto';
import { SYSTEM_DOMAIN_ID, type LocateQuery } from '@holdfast/core';
import { createKeyring, type DomainKeyVersion } from '@holdfast/crypto';
import { SecretBytes } from '@holdfast/ttlv';
import { NameType, type Attribute } from '@holdfast/kmip';
import { TEST_ACTOR, TEST_CAUSE, newAesKey } from '@holdfast/testkit';
import { openStore } from '../src';
import { openFixture, quietLog, type Fixture } from './support/fixture';

/** A process that has not heard of a new key version finds it when it reads what was written under it. */

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

/** Where keyrings get a domain's keys from: versions 1 to the newest, which is the current one. */
class Versions {
  newest = 1;
  load(): Promise<readonly DomainKeyVersion[]> {
    return Promise.resolve(
      Array.from({ length: this.newest }, (_, index) => ({
        version: index + 1,
        key: SecretBytes.copyOf(Buffer.alloc(32, index + 1)),
        current: index + 1 === this.newest,
      })),
    );
  }
}

test('what is not what was written keeps nothing else from being sealed anew', async () => {
  const versions = new Versions();
  const keyring = createKeyring(versions);
  const store = await openStore({ connection: fixture.connection, keyring, log: quietLog });
  const names = [1, 2, 3].map(() => randomUUID());
  for (const each of names) await store.directory.addDomain(each, TEST_ACTOR);
  await fixture.sql('UPDATE domain SET created_at = 0 WHERE name = $1', [names[1]]);
  versions.newest = 2;
  await keyring.refresh(SYSTEM_DOMAIN_ID);
  expect(await store.keyRotation.reseal(SYSTEM_DOMAIN_ID, () => true)).toBe(2);
  const rows = await fixture.sql('SELECT key_version FROM domain WHERE name = ANY ($1) ORDER BY created_at', [
    names,
  ]);
  expect(rows.map((row) => row['key_version'])).toEqual([1, 2, 2]);
  await store.close();
});

test.each([
  ['fetched', []],
  ['located', []],
  ['located by name', [name('key')]],
] as const)('an object under a version that is not loaded yet is %s', async (how, filtered) => {
  const versions = new Versions();
  const domainId = randomUUID();
  const { connection } = fixture;
  const keyring = createKeyring(versions);
  const lagging = createKeyring(versions);
  const writer = await openStore({ connection, keyring, log: quietLog });
  const reader = await openStore({ connection, keyring: lagging, log: quietLog });
  try {
    await lagging.ensure(domainId);
    versions.newest = 2;
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

test.each([
  ['a new object', 'its domain', []],
  ['what clients are told of it', 'the system', [{ clientId: randomUUID(), content: Buffer.of(1) }]],
] as const)(
  '%s is not written under a retired key of %s, but at the next attempt',
  async (_what, whose, news) => {
    const versions = new Versions();
    const keyring = createKeyring(versions);
    const store = await openStore({ connection: fixture.connection, keyring, log: quietLog });
    const domainId = randomUUID();
    const retired = whose === 'the system' ? SYSTEM_DOMAIN_ID : domainId;
    try {
      for (const each of [domainId, SYSTEM_DOMAIN_ID]) await keyring.ensure(each);
      versions.newest = 2;
      await fixture.sql(
        `INSERT INTO domain_key (domain_id, version, status, created_at) VALUES ($1, 1, 'retired', 0)`,
        [retired],
      );
      const object = newAesKey({ domainId, name: 'key' });
      const { uniqueIdentifier } = object;
      const commit = () =>
        store.keyStore.commit(
          [{ kind: 'create', object }],
          TEST_CAUSE,
          news.map((each) => ({ ...each, domainId, uniqueIdentifier })),
        );
      await expect(commit()).rejects.toMatchObject({ code: 'RevisionConflict', retryable: true });
      await commit();
      expect(keyring.currentVersion(retired)).toBe(2);
    } finally {
      await fixture.sql('DELETE FROM domain_key WHERE domain_id = $1', [retired]);
      await store.close();
    }
  },
);

function name(nameValue: string): Attribute {
  return { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } };
}
