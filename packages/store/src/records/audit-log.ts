import { SYSTEM_DOMAIN_ID, type Actor, type AuditLog, type AuditRecord, type Keyring } from '@holdfast/core';
import { InternalIds } from '../objects/internal-id';
import { Batcher } from '../postgres/batcher';
import type { Database } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { appendAuditBatch, encodeAuditBatch, writeAuditBatch, type WaitingRecord } from './audit-batch';
import { encodeWho } from './entry';

/** What one request leaves, and who waits for it. */
interface Waiting {
  readonly records: readonly WaitingRecord[];
  resolve(): void;
  reject(error: unknown): void;
}

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
  ) {
    this.#batches = new Batcher((items) => this.#runBatch(items), { concurrency: 4, maxItems: 1024 });
    this.#ids = new InternalIds(nowMs);
  }

  append(...records: readonly AuditRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    const recordedAtUs = this.nowMs() * 1000;
    const waiting = records.map((record) => ({ record, who: this.#who(record), recordedAtUs }));
    return new Promise((resolve, reject) => {
      this.#batches.add({ records: waiting, resolve, reject });
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
    try {
      await this.keyring.ensure(SYSTEM_DOMAIN_ID);
      const batch = encodeAuditBatch(
        this.keyring,
        this.#ids.next(),
        items.flatMap(({ records }) => records),
      );
      // A row that was written before a connection broke is not written twice.
      await repeatable(
        (run) => this.database.hot(run),
        (session) => session.run(appendAuditBatch, (writer) => writeAuditBatch(writer, batch)),
      );
      for (const item of items) item.resolve();
    } catch (error) {
      for (const item of items) item.reject(error);
    }
  }
}
