import { randomBytes } from 'node:crypto';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import { SecretBytes } from '@holdfast/ttlv';
import { TEST_ACTOR, startTestPostgres, type TestPostgres } from '@holdfast/testkit';
import { Client, type ClientConfig } from 'pg';
import { openStore, type ApprovedRequest, type Store, type StoreOptions } from '../../src';

/** A keyring whose domains have one key each, the same for every keyring of this process. */
const keys = new Map<string, Buffer>();
export function testKeyring(): ManagedKeyring {
  return createKeyring({
    load(domainId) {
      let key = keys.get(domainId);
      if (key === undefined) keys.set(domainId, (key = randomBytes(32)));
      return Promise.resolve([{ version: 1, key: SecretBytes.copyOf(key), current: true }]);
    },
  });
}

export interface Fixture {
  readonly postgres: TestPostgres;
  readonly connection: ClientConfig;
  readonly store: Store;
  /** Runs SQL as a database administrator would. */
  sql<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** Another store over the same database. */
  open(log?: StoreOptions['log']): Promise<Store>;
  close(): Promise<void>;
}

export const quietLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A server, a database and an open store. */
export async function openFixture(): Promise<Fixture> {
  const postgres = await startTestPostgres();
  const connection = await postgres.createStoreDatabase();
  const stores: Store[] = [];
  const open = async (log: StoreOptions['log'] = quietLog): Promise<Store> => {
    const store = await openStore({ connection, keyring: testKeyring(), log });
    stores.push(store);
    return store;
  };
  const store = await open();
  const administrator = new Client(connection);
  administrator.on('error', () => undefined);
  await administrator.connect();
  return {
    postgres,
    connection,
    store,
    open,
    sql: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await administrator.query<Row>(text, [...values])).rows,
    async close() {
      await administrator.end();
      for (const each of stores) await each.close().catch(() => undefined);
      await postgres.stop();
    },
  };
}

/** Asks the officers for the destruction of an object. */
export function destroyRequest(subject: string): ApprovedRequest {
  return {
    action: 'destroy',
    requesterKind: 'client',
    requesterId: TEST_ACTOR.id,
    requesterName: TEST_ACTOR.name,
    domainId: undefined,
    operation: 'Destroy',
    subject,
    sha256: randomBytes(32),
  };
}
