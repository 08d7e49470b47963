import { randomUUID } from 'node:crypto';
import type {
  HoldfastError,
  KeyStore,
  KeyStoreSession,
  LocateFilter,
  LocateQuery,
  NewObject,
  ObjectChange,
  StoredObject,
} from '@holdfast/core';
import type { Attribute } from '@holdfast/kmip';
import { TEST_CAUSE, nameAttribute, newAesKey, type ObjectOptions } from './managed-objects';

/** The time at which Locate is asked. */
export const NOW_SECONDS = 1_700_000_100;
export const EVERYWHERE = { online: true, archived: true, destroyed: true };
export const NOWHERE = { online: false, archived: false, destroyed: false };

/** A key store under test, and what the contract does with it over and over. */
export class KeyStoreProbe {
  #opened: { readonly keyStore: KeyStore; close(): Promise<void> } | undefined;
  /** A domain that the test at hand has for itself. */
  domainId = '';

  constructor(
    private readonly openStore: () => Promise<{ readonly keyStore: KeyStore; close(): Promise<void> }>,
  ) {}

  get store(): KeyStore {
    if (this.#opened === undefined) throw new Error('the store is not open');
    return this.#opened.keyStore;
  }

  readonly open = async (): Promise<void> => {
    this.#opened = await this.openStore();
  };
  readonly close = async (): Promise<void> => this.#opened?.close();
  readonly useNewDomain = (): void => {
    this.domainId = randomUUID();
  };

  readonly newKey = (options: Omit<ObjectOptions, 'domainId'> = {}): NewObject =>
    newAesKey({ domainId: this.domainId, ...options });

  readonly creation = (object: NewObject): ObjectChange => ({ kind: 'create', object });

  /** In one commit. */
  readonly create = (...objects: readonly NewObject[]): Promise<void> =>
    this.store.commit(objects.map(this.creation), TEST_CAUSE);

  /** One after the other. */
  readonly createEach = async (...objects: readonly NewObject[]): Promise<void> => {
    for (const object of objects) await this.create(object);
  };

  readonly get = async (
    object: Pick<NewObject, 'domainId' | 'uniqueIdentifier'>,
    session: KeyStoreSession = this.store,
  ): Promise<StoredObject> => {
    const stored = await session.fetch(object.domainId, object.uniqueIdentifier);
    if (stored === undefined) throw new Error('the object is not there');
    return stored;
  };

  /** The change that sets these attributes. */
  readonly updateOf = (
    object: StoredObject,
    attributes: readonly Attribute[] = [],
    value: (ObjectChange & { kind: 'update' })['value'] = 'keep',
  ): ObjectChange => {
    const changed = object.attributes.clone();
    for (const attribute of attributes) changed.set(attribute.key, attribute.value);
    return { kind: 'update', object, attributes: changed, value };
  };

  /** The code of the error with which something fails; undefined where it does not. */
  readonly codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
    work.then(
      () => undefined,
      (error: unknown) => (error as HoldfastError).code,
    );

  readonly query = (filters: readonly LocateFilter[], overrides: Partial<LocateQuery> = {}): LocateQuery => ({
    domainId: this.domainId,
    filters,
    storage: { ...NOWHERE, online: true },
    order: 'oldest-first',
    offsetItems: 0,
    maximumItems: undefined,
    isCounted: false,
    nowSeconds: NOW_SECONDS,
    ...overrides,
  });

  readonly located = async (
    filters: readonly LocateFilter[],
    overrides: Partial<LocateQuery> = {},
    session: KeyStoreSession = this.store,
  ): Promise<readonly string[]> => {
    const { uniqueIdentifiers } = await session.locate(this.query(filters, overrides));
    return uniqueIdentifiers;
  };
}

/** The condition that an object has this name. */
export function named(nameValue: string): LocateFilter {
  return { kind: 'equals', attribute: nameAttribute(nameValue) };
}

export function identifiers(...objects: readonly NewObject[]): readonly string[] {
  return objects.map(({ uniqueIdentifier }) => uniqueIdentifier);
}
