import { HoldfastError, storageStatusOf, type Keyring } from '@holdfast/core';
import type { Name } from '@holdfast/kmip';
import { Batcher } from '../postgres/batcher';
import { RowReader, TypeId, isUuid, type BinaryWriter } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import type { Statement } from '../postgres/statement';
import { isStorable } from './change';
import type { KeptObjects, NamedObject } from './kept-objects';
import type { Sole } from './locate';
import { nameDigest } from './projection';
import { readObject, type StoredRow } from './row';
import { fetchNamed, fetchObjects, findChanged, findRecorded, writeVersions } from './statements';

/** How an object is asked for: by its identifier, or by its name. */
interface Lookup {
  readonly domainId: string;
  readonly key: string;
}

interface PendingLookup extends Lookup {
  resolve(row: StoredRow | undefined): void;
  reject(error: unknown): void;
}

/** A lookup of something that was read before: it is only asked whether it is still the same. */
interface PendingCheck extends PendingLookup {
  readonly row: StoredRow;
  readonly isByName: boolean;
}

type Outcome = { readonly row: StoredRow | undefined } | { readonly error: unknown };

const BATCHES = { concurrency: 3, atOnce: 2, minShare: 4, maxItems: 256 };

/** Reads objects by key. What is asked for within one turn of the event loop goes in one statement. */
export class ObjectReader {
  readonly #byIdentifier: Batcher<PendingLookup>;
  readonly #byName: Batcher<PendingLookup>;
  readonly #checks: Batcher<PendingCheck>;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly kept: KeptObjects,
  ) {
    this.#byIdentifier = new Batcher((items) => this.#runBatch(items, lookUpIdentifiers, onlyName), BATCHES);
    this.#byName = new Batcher((items) => this.#runBatch(items, lookUpNames, nameAsked), BATCHES);
    this.#checks = new Batcher((items) => this.#runChecks(items), BATCHES);
  }

  /** The object as it was read last, where it is kept: whether it still is so is left open. */
  findKept(domainId: string, uniqueIdentifier: string): StoredRow | undefined {
    const kept = this.kept.find(domainId, uniqueIdentifier);
    return kept !== undefined && this.#isUsable(kept) ? kept : undefined;
  }

  /**
   * The on-line object that held a name when it was read. As long as it is the same it still does, and where names are
   * unique no other can.
   */
  findKeptNamed(domainId: string, nameValue: string): NamedObject | undefined {
    const kept = this.kept.findNamed(domainId, nameValue);
    return kept !== undefined && this.#isUsable(kept.row) ? kept : undefined;
  }

  /** @throws HoldfastError IntegrityViolation, StoreUnavailable */
  fetch(domainId: string, uniqueIdentifier: string): Promise<StoredRow | undefined> {
    const kept = this.findKept(domainId, uniqueIdentifier);
    if (kept === undefined && !canBeKey(domainId, uniqueIdentifier)) return Promise.resolve(undefined);
    const key = uniqueIdentifier;
    return new Promise((resolve, reject) => {
      if (kept === undefined) this.#byIdentifier.add({ domainId, key, resolve, reject });
      else this.#checks.add({ domainId, key, resolve, reject, row: kept, isByName: false });
    });
  }

  /** The object that holds a name, in a domain where names are unique. */
  fetchNamed(domainId: string, nameValue: string): Promise<StoredRow | undefined> {
    const kept = this.findKeptNamed(domainId, nameValue)?.row;
    const key = nameValue;
    return new Promise((resolve, reject) => {
      if (kept === undefined) this.#byName.add({ domainId, key, resolve, reject });
      else this.#checks.add({ domainId, key, resolve, reject, row: kept, isByName: true });
    });
  }

  /** The object that is the only one to have what is asked for. */
  fetchSole(domainId: string, { name, uniqueIdentifier }: Sole): Promise<StoredRow | undefined> {
    return name === undefined ? this.fetch(domainId, uniqueIdentifier) : this.fetchNamed(domainId, name);
  }

  /** Like findKept and findKeptNamed. */
  findKeptSole(domainId: string, { name, uniqueIdentifier }: Sole): NamedObject | undefined {
    if (name !== undefined) return this.findKeptNamed(domainId, name);
    const row = this.findKept(domainId, uniqueIdentifier);
    return row && { row, nameType: undefined };
  }

  /** What is kept is as good as the keys of its domain: where they are not there, it is read anew. */
  #isUsable({ domainId }: StoredRow): boolean {
    try {
      this.keyring.currentVersion(domainId);
      return true;
    } catch {
      return false;
    }
  }

  /** Like fetch, on a connection of the caller's. */
  async fetchIn(
    session: Session,
    domainId: string,
    uniqueIdentifier: string,
  ): Promise<StoredRow | undefined> {
    if (!canBeKey(domainId, uniqueIdentifier)) return undefined;
    return this.#single(
      await lookUpIdentifiers(session, this.keyring, [{ domainId, key: uniqueIdentifier }]),
    );
  }

  /** Like fetchSole, on a connection of the caller's. */
  async fetchSoleIn(
    session: Session,
    domainId: string,
    { name, uniqueIdentifier }: Sole,
  ): Promise<StoredRow | undefined> {
    if (name === undefined) return this.fetchIn(session, domainId, uniqueIdentifier);
    return this.#single(await lookUpNames(session, this.keyring, [{ domainId, key: name }]));
  }

  #single([outcome]: readonly Outcome[]): StoredRow | undefined {
    if (outcome === undefined) return undefined;
    if ('error' in outcome) throw outcome.error;
    return outcome.row;
  }

  /** @param nameOf under which name what was found is kept */
  async #runBatch(
    items: PendingLookup[],
    lookUp: typeof lookUpIdentifiers,
    nameOf: (row: StoredRow, lookup: Lookup) => Name | undefined,
  ): Promise<void> {
    try {
      const outcomes = await repeatable(
        (run) => this.database.hot(run),
        (session) => lookUp(session, this.keyring, items),
      );
      items.forEach((item, index) => {
        const outcome = outcomes[index] as Outcome;
        if ('error' in outcome) item.reject(outcome.error);
        else {
          const { row } = outcome;
          if (row !== undefined) this.kept.keep(row, nameOf(row, item));
          item.resolve(row);
        }
      });
    } catch (error) {
      for (const item of items) item.reject(error);
    }
  }

  /** What is no longer the same is read as if it had not been kept. */
  async #runChecks(items: PendingCheck[]): Promise<void> {
    const changed = new Set<PendingCheck>();
    try {
      await repeatable(
        (run) => this.database.hot(run),
        (session) =>
          session.run(
            findChanged,
            (writer) => writeVersions(writer, items),
            (row) => void changed.add(items[row.int4() - 1] as PendingCheck),
          ),
      );
    } catch (error) {
      for (const item of items) item.reject(error);
      return;
    }
    for (const item of items) {
      if (!changed.has(item)) item.resolve(item.row);
      else {
        this.kept.drop(item.row);
        (item.isByName ? this.#byName : this.#byIdentifier).add(item);
      }
    }
  }
}

function onLineNames({ attributes }: StoredRow): readonly Name[] {
  if (storageStatusOf(attributes) !== 'online') return [];
  return attributes.instances('Name').map(({ value }) => value);
}

/** The name of an object that has just one: it may be asked for by it next. */
function onlyName(row: StoredRow): Name | undefined {
  const [name, ...others] = onLineNames(row);
  return others.length > 0 ? undefined : name;
}

/** The name by which an object was found, where it really holds it. */
function nameAsked(row: StoredRow, { key }: Lookup): Name | undefined {
  return onLineNames(row).find(({ nameValue }) => nameValue === key);
}

function canBeKey(domainId: string, uniqueIdentifier: string): boolean {
  return isUuid(domainId) && isStorable(uniqueIdentifier);
}

function writeIdentifiers(writer: BinaryWriter, lookups: readonly Lookup[]): void {
  writeDomains(writer, lookups);
  writer.arrayValue(TypeId.textArray, lookups.length, (index) => writer.textValue(lookups[index]?.key));
}

function writeNames(writer: BinaryWriter, lookups: readonly Lookup[]): void {
  writeDomains(writer, lookups);
  writer.arrayValue(TypeId.byteaArray, lookups.length, (index) =>
    writer.bytesValue(nameDigest(lookups[index]?.key ?? '')),
  );
}

function writeDomains(writer: BinaryWriter, lookups: readonly Lookup[]): void {
  writer.arrayValue(TypeId.uuidArray, lookups.length, (index) => writer.uuidValue(lookups[index]?.domainId));
}

async function lookUpIdentifiers(
  session: Session,
  keyring: Keyring,
  lookups: readonly Lookup[],
): Promise<readonly Outcome[]> {
  const found = await readRows(session, keyring, lookups, fetchObjects, (writer) =>
    writeIdentifiers(writer, lookups),
  );
  const outcomes = found.map((outcome, index) => outcome && asLookedFor(outcome, lookups[index] as Lookup));
  const missing = lookups.flatMap((lookup, index) =>
    outcomes[index] === undefined ? [{ lookup, index }] : [],
  );
  if (missing.length > 0) {
    const wanted = missing.map(({ lookup }) => lookup);
    await session.run(
      findRecorded,
      (writer) => writeIdentifiers(writer, wanted),
      (row) => {
        const found = missing[row.int4() - 1];
        if (found !== undefined) {
          outcomes[found.index] = {
            error: new HoldfastError('IntegrityViolation', 'the stored object is gone, its records are not'),
          };
        }
      },
    );
  }
  return outcomes.map((outcome) => outcome ?? { row: undefined });
}

/** What SQL takes for equal is the database administrator's to change. */
function asLookedFor(outcome: Outcome, { key }: Lookup): Outcome {
  if ('error' in outcome || outcome.row === undefined || outcome.row.uniqueIdentifier === key) return outcome;
  return { error: new HoldfastError('IntegrityViolation', 'the stored object is not what was looked for') };
}

async function lookUpNames(
  session: Session,
  keyring: Keyring,
  lookups: readonly Lookup[],
): Promise<readonly Outcome[]> {
  const outcomes = await readRows(session, keyring, lookups, fetchNamed, (writer) =>
    writeNames(writer, lookups),
  );
  return outcomes.map((outcome) => outcome ?? { row: undefined });
}

/** Runs a statement that answers with the item's number and the object; one bad row fails its item alone. */
async function readRows(
  session: Session,
  keyring: Keyring,
  lookups: readonly Lookup[],
  statement: Statement,
  writeParameters: (writer: BinaryWriter) => void,
): Promise<(Outcome | undefined)[]> {
  const outcomes = new Array<Outcome | undefined>(lookups.length).fill(undefined);
  const withoutKeys: { readonly index: number; readonly row: RowReader }[] = [];
  await session.run(statement, writeParameters, (row) => {
    const index = row.int4() - 1;
    row.skip(); // ctid
    row.skip(); // xmin
    const again = row.offset;
    const { domainId } = lookups[index] as Lookup;
    const outcome = outcomeOf(() => readObject(keyring, row, domainId));
    outcomes[index] = outcome;
    if ('error' in outcome && lacksKeys(outcome.error))
      withoutKeys.push({ index, row: new RowReader(row.bytes, again) });
  });
  for (const { index, row } of withoutKeys) {
    const { domainId } = lookups[index] as Lookup;
    try {
      await keyring.ensure(domainId);
      outcomes[index] = outcomeOf(() => readObject(keyring, row, domainId));
    } catch (error) {
      outcomes[index] = { error };
    }
  }
  return outcomes;
}

function outcomeOf(read: () => StoredRow): Outcome {
  try {
    return { row: read() };
  } catch (error) {
    return { error };
  }
}

/** Whether it may go away once `ensure` has loaded the keys, or a version of them that is new. */
export function lacksKeys(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false;
  return error.code === 'RootOfTrustUnavailable' || (error.code === 'IntegrityViolation' && error.retryable);
}
