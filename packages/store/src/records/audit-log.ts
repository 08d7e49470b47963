import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type AuditLog,
  type AuditRecord,
  type Keyring,
  type StoredObject,
} from '@holdfast/core';
import { InternalIds } from '../objects/internal-id';
import type { KeptObjects } from '../objects/kept-objects';
import { StoredRow } from '../objects/row';
import { appendAuditBatchIf, findChanged, writeVersions, type KeptVersion } from '../objects/statements';
import { Batcher } from '../postgres/batcher';
import type { RowReader } from '../postgres/binary';
import type { Database } from '../postgres/database';
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

/** An object that is presumed to be what it was, and who waits for it. */
interface Presumed extends KeptVersion {
  readonly waiting: Waiting;
}

/** One at a time: this process works on what comes in while the database writes, and larger batches cost less. */
const BATCHES = { concurrency: 4, maxItems: 1024 };

/** The AuditLog port over PostgreSQL: records that arrive together are packed into one row and flushed together. */
export class PostgresAuditLog implements AuditLog {
  readonly #batches: Batcher<Waiting>;
  readonly #ids: InternalIds;
  /** Actors as they were encoded last: those of open connections come again and again. */
  readonly #actors = new WeakMap<Actor, { readonly domainId: string | undefined; readonly who: Buffer }>();

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
    private readonly kept: KeptObjects,
  ) {
    this.#batches = new Batcher((items) => this.#runBatch(items), BATCHES);
    this.#ids = new InternalIds(nowMs);
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
    const refuse = (row: RowReader): void => {
      const wrong = presumed[row.int4() - 1] as Presumed;
      this.kept.drop(wrong.row);
      refused.add(wrong.waiting);
    };
    const batch =
      records.length === 0 ? undefined : encodeAuditBatch(this.keyring, this.#ids.next(), records);
    // A row that was written before a connection broke is not written twice.
    await repeatable(
      (run) => this.database.hot(run),
      (session) => {
        if (batch === undefined)
          return session.run(findChanged, (writer) => writeVersions(writer, presumed), refuse);
        if (presumed.length === 0)
          return session.run(appendAuditBatch, (writer) => writeAuditBatch(writer, batch));
        return session.run(
          appendAuditBatchIf,
          (writer) => {
            writeAuditBatch(writer, batch);
            writeVersions(writer, presumed);
          },
          refuse,
        );
      },
    );
    return refused;
  }
}
