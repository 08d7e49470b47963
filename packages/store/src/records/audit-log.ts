import { SYSTEM_DOMAIN_ID, type AuditLog, type AuditRecord, type Keyring } from '@holdfast/core';
import { Batcher } from '../postgres/batcher';
import type { Database } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import {
  appendAuditRecords,
  encodeAuditRecord,
  writeAuditRecords,
  type EncodedAuditRecord,
} from './audit-record';

interface PendingRecord {
  readonly record: EncodedAuditRecord;
  resolve(): void;
  reject(error: unknown): void;
}

/** The AuditLog port over PostgreSQL: records that arrive together are written and flushed together. */
export class PostgresAuditLog implements AuditLog {
  readonly #batches: Batcher<PendingRecord>;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#batches = new Batcher((items) => this.#runBatch(items), { concurrency: 2, maxItems: 256 });
  }

  async append(record: AuditRecord): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const encoded = encodeAuditRecord(this.keyring, record, this.nowMs());
    return new Promise((resolve, reject) => {
      this.#batches.add({ record: encoded, resolve, reject });
    });
  }

  async #runBatch(items: readonly PendingRecord[]): Promise<void> {
    const records = items.map(({ record }) => record);
    try {
      // A record that was written before a connection broke is not written twice.
      await repeatable(
        (run) => this.database.hot(run),
        (session) => session.run(appendAuditRecords, (writer) => writeAuditRecords(writer, records)),
      );
      for (const item of items) item.resolve();
    } catch (error) {
      for (const item of items) item.reject(error);
    }
  }
}
