import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type AuditLog,
  type AuditRecord,
  type Keyring,
  type StoredObject,
} from '@holdfast/core';
import { LossWatch } from '../chain/loss-watch';
import type { KeptObjects } from '../objects/kept-objects';
import { StoredRow, type AuthenticatedColumns } from '../objects/row';
import { appendAuditBatchIf, findChanged, writeVersions, type KeptVersion } from '../objects/statements';
import { Batcher } from '../postgres/batcher';
import type { RowReader } from '../postgres/binary';
import type { Database, StoreLog } from '../postgres/database';
import { recordNotTaken } from '../postgres/errors';
import { repeatable } from '../postgres/transaction';
import { appendAuditBatch, encodeAuditBatch, writeAuditBatch, type WaitingRecord } from './audit-batch';
import { encodeWho } from './entry';

/** What one request leaves, and who waits for it. */
interface Waiting {
  readonly records: readonly WaitingRecord[];
  readonly presumed: readonly StoredObject[];
  resolve(holds: boolean): void;
  reject(error: unknown): void;
}

/** What a statement that adds a row gives, in the place of the number of an object that has changed. */
const ADDED = 0;

/** An object that is presumed to be what it was, and who waits for it. */
interface Presumed extends KeptVersion {
  readonly waiting: Waiting;
}

/** One at a time: this process works on what comes in while the database writes, and larger batches cost less. */
const BATCHES = { concurrency: 4, maxItems: 1024 };

/** The AuditLog port over PostgreSQL: records that arrive together are packed into one row and flushed together. */
export class PostgresAuditLog implements AuditLog {
  readonly #batches: Batcher<Waiting>;
  readonly losses: LossWatch;
  /** Actors as they were encoded last: those of open connections come again and again. */
  readonly #actors = new WeakMap<Actor, { readonly domainId: string | undefined; readonly who: Buffer }>();

  /** @param position of the newest checkpoint */
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
    private readonly kept: KeptObjects,
    log: StoreLog,
    position: number,
  ) {
    this.#batches = new Batcher((items) => this.#runBatch(items), BATCHES);
    this.losses = new LossWatch(database, keyring, log, position, (record) => this.append(record));
  }

  async append(...records: readonly AuditRecord[]): Promise<void> {
    if (records.length > 0) await this.appendIf([], records);
  }

  appendIf(presumed: readonly StoredObject[], records: readonly AuditRecord[]): Promise<boolean> {
    const recordedAtUs = this.nowMs() * 1000;
    const waiting = records.map((record) => ({ record, who: this.#who(record), recordedAtUs }));
    return new Promise((resolve, reject) => {
      this.#batches.add({ records: waiting, presumed, resolve, reject });
    });
  }

  #who({ actor, domainId }: AuditRecord): Buffer {
    const known = this.#actors.get(actor);
    if (known !== undefined && known.domainId === domainId) return known.who;
    const who = encodeWho(actor, domainId);
    this.#actors.set(actor, { domainId, who });
    return who;
  }

  async #runBatch(items: readonly Waiting[]): Promise<void> {
    let waiting = items;
    try {
      await this.keyring.ensure(SYSTEM_DOMAIN_ID);
      while (waiting.length > 0) {
        const refused = await this.#write(waiting);
        if (refused.size === 0) break;
        // Nothing was written, also for the others.
        for (const item of refused) item.resolve(false);
        waiting = waiting.filter((item) => !refused.has(item));
      }
      for (const item of waiting) item.resolve(true);
    } catch (error) {
      for (const item of waiting) item.reject(error);
    }
  }

  /** @returns those who presumed what is not so; where there are any, nothing was written */
  async #write(items: readonly Waiting[]): Promise<ReadonlySet<Waiting>> {
    const records: WaitingRecord[] = [];
    const presumed: Presumed[] = [];
    for (const waiting of items) {
      for (const record of waiting.records) records.push(record);
      for (const row of waiting.presumed) {
        if (row instanceof StoredRow) presumed.push({ row, waiting });
        else throw new HoldfastError('InternalServerError', 'what is presumed comes from another store');
      }
    }
    const refused = new Set<Waiting>();
    let isAdded = false as boolean;
    const take = (row: RowReader): void => {
      const number = row.int4();
      if (number === ADDED) {
        isAdded = true;
        return;
      }
      const wrong = presumed[number - 1] as Presumed;
      this.kept.drop(wrong.row);
      refused.add(wrong.waiting);
    };
    if (records.length === 0) {
      await this.#run(undefined, presumed, take);
      return refused;
    }
    const { batches } = this.losses;
    const { id, number } = batches.begin();
    let isWritten = false;
    try {
      await this.#run(encodeAuditBatch(this.keyring, id, records), presumed, take);
      if (!isAdded && refused.size === 0) await this.#requireThere(id);
      isWritten = refused.size === 0;
    } finally {
      batches.end(number, isWritten);
    }
    if (isWritten) this.losses.rouse();
    return refused;
  }

  async #run(
    batch: AuthenticatedColumns | undefined,
    presumed: readonly Presumed[],
    take: (row: RowReader) => void,
  ): Promise<void> {
    // A row that was written before a connection broke is not written twice.
    await repeatable(
      (run) => this.database.hot(run),
      (session) => {
        if (batch === undefined)
          return session.run(findChanged, (writer) => writeVersions(writer, presumed), take);
        if (presumed.length === 0)
          return session.run(appendAuditBatch, (writer) => writeAuditBatch(writer, batch), take);
        return session.run(
          appendAuditBatchIf,
          (writer) => {
            writeAuditBatch(writer, batch);
            writeVersions(writer, presumed);
          },
          take,
        );
      },
    );
  }

  /** Where a row was not added: an attempt whose connection broke may have added it; else something in the database did away with it. */
  async #requireThere(id: string): Promise<void> {
    const found = await repeatable(
      (run) => this.database.general(run),
      (session) => session.query('SELECT FROM audit_batch WHERE id = $1', [id]),
    );
    if (found.length === 0) throw recordNotTaken();
  }
}
