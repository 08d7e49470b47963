import { HoldfastError, type ChangeCause, type Keyring, type ObjectChange } from '@holdfast/core';
import { Batcher } from '../postgres/batcher';
import type { Backend, Database, Session } from '../postgres/database';
import { Deadlines } from '../postgres/deadlines';
import { SqlState, isStalePreparation, leavesOutcomeOpen, sqlStateOf, storeError } from '../postgres/errors';
import { askAfterLoss } from '../postgres/outcome';
import { refreshRetired } from '../postgres/retired-keys';
import { inTransaction } from '../postgres/transaction';
import { areRecorded } from '../records/audit-record';
import { prepareChange, type PreparedChange } from './change';
import type { InternalIds } from './internal-id';
import { claimNames } from './names';
import { createObjects, insertObjects, updateObjects, writeCreates, writeUpdates } from './statements';

interface PendingChange {
  readonly change: PreparedChange;
  resolve(): void;
  reject(error: unknown): void;
}

/** A transaction of its own costs PostgreSQL as much as seven objects do. */
const BATCHES = { concurrency: 3, atOnce: 2, minShare: 8, maxItems: 64 };
const MAX_REPETITIONS = 3;
/** What takes so long waits for a lock that somebody else of the same domain holds. */
const HELD_UP_AFTER_MS = 1000;
/** For so long the changes of the domain are kept apart from others. */
const KEPT_APART_MS = 60_000;
const APART = { concurrency: 1, maxItems: 64 };
/** Where a name was taken, others are likely to be: for so many batches names are looked for before they are taken. */
const CAREFUL_BATCHES = 32;

/** Writes changes; answers the numbers of those that were stored. */
type Write = (session: Session, changes: readonly PreparedChange[]) => Promise<ReadonlySet<number>>;

/**
 * Writes changes with their change records. Single changes that arrive within one turn of the event loop and are
 * commits of their own share one statement, in which they do not affect each other.
 */
export class ObjectWriter {
  readonly #creates: Batcher<PendingChange>;
  readonly #updates: Batcher<PendingChange>;
  /** By domain, where changes were held up lately: nobody else waits with them. */
  readonly #apart = new Map<string, { readonly untilMs: number; readonly changes: Batcher<PendingChange> }>();
  readonly #late = new Deadlines<{ heldUp(): void }>((batch) => batch.heldUp());
  #carefulBatches = 0;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly internalIds: InternalIds,
    private readonly nowMs: () => number,
  ) {
    this.#creates = new Batcher((items) => {
      if (this.#carefulBatches === 0) return this.#unlessHeldUp(items, insertAll);
      this.#carefulBatches--;
      return this.#unlessHeldUp(items, insertPossible);
    }, BATCHES);
    this.#updates = new Batcher((items) => this.#unlessHeldUp(inOrder(items), changeObjects), BATCHES);
  }

  /** Commits the changes, all or none. @throws as KeyStoreSession.commit */
  async commit(changes: readonly ObjectChange[], cause: ChangeCause): Promise<void> {
    const made = this.prepare(changes, cause);
    const prepared = made instanceof Promise ? await made : made;
    const [only] = prepared;
    if (only === undefined) return;
    if (prepared.length > 1 || !isSimple(only)) return this.commitTogether(prepared);
    return this.commitAlone(only);
  }

  /** Commits a prepared change that takes at most one name. @throws HoldfastError RevisionConflict, StoreUnavailable */
  commitAlone(only: PreparedChange): Promise<void> {
    return new Promise((resolve, reject) => {
      const usual = only.kind === 'create' ? this.#creates : this.#updates;
      (this.#keptApart(only.row.domainId) ?? usual).add({ change: only, resolve, reject });
    });
  }

  /** Runs a batch. Where it is held up the next ones begin beside it, without changes of the domains in it. */
  #unlessHeldUp(all: readonly PendingChange[], write: Write): Promise<void> {
    const items = this.#apart.size === 0 ? all : all.filter((item) => !this.#isDiverted(item));
    if (items.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const batch = {
        heldUp: () => {
          for (const { change } of items) this.#keepApart(change.row.domainId);
          resolve();
        },
      };
      this.#late.set(batch, HELD_UP_AFTER_MS);
      void this.#runBatch(items, write).finally(() => {
        this.#late.met(batch);
        resolve();
      });
    });
  }

  /** Whether a change waits with those that are kept apart, and no longer with the others. */
  #isDiverted(item: PendingChange): boolean {
    const changes = this.#keptApart(item.change.row.domainId);
    changes?.add(item);
    return changes !== undefined;
  }

  #keepApart(domainId: string): Batcher<PendingChange> {
    const untilMs = performance.now() + KEPT_APART_MS;
    const changes =
      this.#apart.get(domainId)?.changes ?? new Batcher((items) => this.#runApartFromOthers(items), APART);
    this.#apart.set(domainId, { untilMs, changes });
    return changes;
  }

  #keptApart(domainId: string): Batcher<PendingChange> | undefined {
    const kept = this.#apart.get(domainId);
    if (kept === undefined || kept.untilMs > performance.now()) return kept?.changes;
    this.#apart.delete(domainId);
    return undefined;
  }

  async #runApartFromOthers(items: readonly PendingChange[]): Promise<void> {
    const [creates, updates] = [items.filter(isCreation), items.filter((item) => !isCreation(item))];
    if (creates.length > 0) await this.#runBatch(creates, insertPossible);
    if (updates.length > 0) await this.#runBatch(inOrder(updates), changeObjects);
  }

  /** Encodes and seals changes, loading the keys of their domains where that has not been done. */
  prepare(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
  ): readonly PreparedChange[] | Promise<readonly PreparedChange[]> {
    const context = { keyring: this.keyring, internalIds: this.internalIds, nowMs: this.nowMs() };
    const prepare = (): readonly PreparedChange[] =>
      changes.map((change) => prepareChange(change, cause, context));
    try {
      return prepare();
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'RootOfTrustUnavailable') throw error;
      return this.#ensureAll(changes).then(prepare);
    }
  }

  async #ensureAll(changes: readonly ObjectChange[]): Promise<void> {
    for (const { object } of changes) await this.keyring.ensure(object.domainId);
  }

  /** Commits prepared changes in one transaction. */
  async commitTogether(changes: readonly PreparedChange[]): Promise<void> {
    const [first] = changes;
    if (first === undefined) return;
    await this.transaction(first.row.domainId, async (session, written) => {
      await this.write(session, changes);
      written.push(...changes);
    });
  }

  /**
   * Runs `work` in a transaction; it names what it wrote, objects and audit records, by which a lost answer to COMMIT is
   * resolved.
   * @param domainId of the objects: transactions may last, and those of one domain leave connections for the others
   * @throws what `work` throws, after everything was undone; HoldfastError StoreUnavailable, ServerLimitExceeded
   */
  async transaction<T>(
    domainId: string,
    work: (session: Session, written: PreparedChange[], recordIds: string[]) => Promise<T>,
  ): Promise<T> {
    const written: PreparedChange[] = [];
    const recordIds: string[] = [];
    return inTransaction(
      (run) => this.database.shared(domainId, run),
      (session) => work(session, written, recordIds),
      async (backend) =>
        (await this.#committed(backend, written)).length === written.length &&
        areRecorded(this.database, backend, recordIds),
    );
  }

  /** Writes changes within the caller's transaction; where it throws, what it wrote has to be undone. */
  async write(session: Session, changes: readonly PreparedChange[]): Promise<void> {
    try {
      await this.#write(session, changes);
    } catch (error) {
      if (sqlStateOf(error) === SqlState.uniqueViolation) throw alreadyExists(error);
      throw storeError(error);
    }
  }

  async #write(session: Session, changes: readonly PreparedChange[]): Promise<void> {
    const updates = changes.filter(({ kind }) => kind === 'update');
    const creates = changes.filter(({ kind }) => kind === 'create');
    // Names that updates give up are free before others claim them.
    for (const change of updates) {
      if (!(await changeObjects(session, [change])).has(0)) throw revisionConflict();
    }
    const names = [...updates.map(({ row, addedNames }) => ({ row, addedNames }))];
    names.push(...creates.map(({ row, addedNames }) => ({ row, addedNames: addedNames.slice(1) })));
    const added = names.flatMap(({ row, addedNames }) => addedNames.map((digest) => ({ row, digest })));
    if (!(await claimNames(session, added))) throw nameTaken();
    if (creates.length === 0) return;
    const created = await insertPossible(session, creates);
    if (created.size < creates.length) throw nameTaken();
  }

  async #runBatch(items: readonly PendingChange[], write: Write, repetitions = 0): Promise<void> {
    const changes = items.map(({ change }) => change);
    let backend: Backend | undefined;
    try {
      const stored = await this.database.hot((session) => {
        backend = session.backend;
        return write(session, changes);
      });
      items.forEach((item, index) => {
        if (stored.has(index)) item.resolve();
        else item.reject(item.change.kind === 'create' ? nameTaken() : revisionConflict());
      });
    } catch (error) {
      const state = sqlStateOf(error);
      const isUndone = state === SqlState.deadlockDetected || isStalePreparation(error);
      if (isUndone && repetitions < MAX_REPETITIONS) {
        await this.#runBatch(items, write, repetitions + 1);
      } else if (state === SqlState.uniqueViolation && write === insertAll) {
        this.#carefulBatches = CAREFUL_BATCHES;
        await this.#runBatch(items, insertPossible);
      } else if (state === SqlState.uniqueViolation) {
        await this.#runApart(items, write, error);
      } else if (backend !== undefined && leavesOutcomeOpen(error)) {
        await this.#settleAfterLoss(items, backend, error);
      } else {
        await refreshRetired(
          error,
          this.keyring,
          changes.map(({ row }) => row.domainId),
        );
        for (const item of items) item.reject(storeError(error));
      }
    }
  }

  /** One of the items has an identifier that exists: each is tried by itself. */
  async #runApart(items: readonly PendingChange[], write: Write, cause: unknown): Promise<void> {
    const [only] = items;
    if (items.length === 1) {
      only?.reject(only.change.kind === 'create' ? alreadyExists(cause) : revisionConflict());
      return;
    }
    for (const item of items) await this.#runBatch([item], write);
  }

  async #settleAfterLoss(items: readonly PendingChange[], backend: Backend, cause: unknown): Promise<void> {
    try {
      const changes = items.map(({ change }) => change);
      const committed = new Set(await this.#committed(backend, changes));
      const domains = new Set(changes.map(({ row }) => row.domainId));
      for (const item of items) {
        if (committed.has(item.change)) item.resolve();
        // Perhaps it waited for what another domain holds.
        else if (domains.size > 1) this.#keepApart(item.change.row.domainId).add(item);
        else item.reject(storeError(cause));
      }
    } catch (error) {
      for (const item of items) item.reject(error);
    }
  }

  /** Which of the changes have their record in the database, once nothing of the lost connection can follow. */
  #committed(backend: Backend, changes: readonly PreparedChange[]): Promise<readonly PreparedChange[]> {
    return askAfterLoss(this.database, backend, async (session) => {
      const rows = await session.query<{ n: number; mac: Buffer }>(
        `SELECT q.n::int4 AS n, c.mac FROM unnest($1::uuid[], $2::text[], $3::int4[])
          WITH ORDINALITY AS q (domain_id, unique_identifier, revision, n)
          JOIN change_record AS c USING (domain_id, unique_identifier, revision)`,
        [
          changes.map(({ row }) => row.domainId),
          changes.map(({ row }) => row.uniqueIdentifier),
          changes.map(({ row }) => row.revision),
        ],
      );
      return rows.flatMap(({ n, mac }) => {
        const change = changes[n - 1];
        return change?.record.mac.equals(mac) === true ? [change] : [];
      });
    });
  }
}

function isCreation({ change }: PendingChange): boolean {
  return change.kind === 'create';
}

/** Whether a change can share a statement with others. */
function isSimple({ kind, addedNames }: PreparedChange): boolean {
  return kind === 'create' ? addedNames.length <= 1 : addedNames.length === 0;
}

/** The same order on every node, so that no two batches wait for each other. */
function inOrder(items: readonly PendingChange[]): readonly PendingChange[] {
  const key = ({ change: { row } }: PendingChange): string => row.domainId + row.uniqueIdentifier;
  return [...items].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Fails where an identifier exists or a name is taken. */
async function insertAll(session: Session, changes: readonly PreparedChange[]): Promise<ReadonlySet<number>> {
  await session.run(insertObjects, (writer) => writeCreates(writer, changes));
  return new Set(changes.keys());
}

/** Fails where an identifier exists. */
async function insertPossible(
  session: Session,
  changes: readonly PreparedChange[],
): Promise<ReadonlySet<number>> {
  const stored = new Set<number>();
  await session.run(
    createObjects,
    (writer) => writeCreates(writer, changes),
    (row) => stored.add(row.int4() - 1),
  );
  return stored;
}

async function changeObjects(
  session: Session,
  changes: readonly PreparedChange[],
): Promise<ReadonlySet<number>> {
  const stored = new Set<number>();
  await session.run(
    updateObjects,
    (writer) => writeUpdates(writer, changes),
    (row) => stored.add(row.int4() - 1),
  );
  return stored;
}

function nameTaken(): HoldfastError {
  return new HoldfastError('NonUniqueNameAttribute', 'another object has this name');
}

function revisionConflict(): HoldfastError {
  return new HoldfastError('RevisionConflict', 'the object was changed in between', { retryable: true });
}

function alreadyExists(cause: unknown): HoldfastError {
  return new HoldfastError('ObjectAlreadyExists', 'an object of this identifier exists', { cause });
}
