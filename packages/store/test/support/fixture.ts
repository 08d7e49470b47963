import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AttributeSet, type Actor, type NewObject } from '@holdfast/core';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  State,
  type Attribute,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { startTestPostgres, type TestPostgres } from '@holdfast/testkit';
import { Client, type ClientConfig } from 'pg';
import { openStore, type Store } from '../../src';

export const ACTOR: Actor = { kind: 'client', id: randomUUID(), name: 'tester', peer: '127.0.0.1:1' };
export const CAUSE = { actor: ACTOR, operation: 'Test' };

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
  open(): Promise<Store>;
  close(): Promise<void>;
}

export const quietLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A server, an empty database and an open store. */
export async function openFixture(): Promise<Fixture> {
  const postgres = await startTestPostgres();
  const connection = await postgres.createDatabase();
  const stores: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = await openStore({ connection, keyring: testKeyring(), log: quietLog });
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
      for (const each of stores) await each.close();
      await postgres.stop();
    },
  };
}

export interface ObjectOptions {
  readonly domainId: string;
  readonly name?: string;
  readonly attributes?: readonly Attribute[];
  readonly uniqueIdentifier?: string;
  readonly state?: State;
  readonly initialDate?: number;
}

export const KEY_BYTES = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** An AES key as Create makes it. */
export function symmetricKey(keyMaterial: Buffer = KEY_BYTES): ManagedObjectValue {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: SecretBytes.copyOf(keyMaterial), attributes: [] },
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLengthBits: keyMaterial.length * 8,
    },
  };
}

export function newObject(options: ObjectOptions): NewObject {
  const { domainId, name, uniqueIdentifier = randomUUID(), state = State.PreActive } = options;
  const attributes = new AttributeSet([
    { key: 'UniqueIdentifier', value: uniqueIdentifier },
    { key: 'ObjectType', value: ObjectType.SymmetricKey },
    { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
    { key: 'CryptographicLength', value: 128 },
    { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt },
    { key: 'State', value: state },
    { key: 'InitialDate', value: options.initialDate ?? 1_700_000_000 },
    { key: 'LastChangeDate', value: 1_700_000_000 },
    { key: 'LeaseTime', value: 3600 },
    { key: 'Sensitive', value: false },
    { key: 'Extractable', value: true },
    ...(options.attributes ?? []),
  ]);
  if (name !== undefined) {
    attributes.add({
      key: 'Name',
      value: { nameValue: name, nameType: NameType.UninterpretedTextString },
    });
  }
  return { domainId, ownerId: ACTOR.id, uniqueIdentifier, attributes, value: symmetricKey() };
}

/** The key bytes of a stored object's value. */
export function keyBytesOf(value: ManagedObjectValue): Buffer {
  if (!('keyBlock' in value)) throw new Error('the value has no key block');
  const { keyValue } = value.keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes)) {
    throw new Error('the value has no key material in clear');
  }
  return keyValue.keyMaterial.reveal();
}

/** Resolves once `condition` holds; rejects when that takes too long. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come to hold');
    await delay(10);
  }
}
