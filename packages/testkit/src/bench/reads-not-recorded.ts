import * as store from '@holdfast/store';
import type { AuditLog, AuditRecord, StoredObject } from '@holdfast/core';

/**
 * Loaded into the bench's server before all else (--require), so that successes of reads leave no record: what was in memory
 * is still confirmed by the database. No server does this otherwise; it shows what the records of reads cost.
 */
class ChangesAlone implements AuditLog {
  constructor(private readonly log: AuditLog) {}

  async append(...records: readonly AuditRecord[]): Promise<void> {
    await this.log.append(...records.filter(isToBeRecorded));
  }

  appendIf(presumed: readonly StoredObject[], records: readonly AuditRecord[]): Promise<boolean> {
    return this.log.appendIf(presumed, records.filter(isToBeRecorded));
  }
}

/** Changes of objects are recorded by the store itself, in their commit. */
function isToBeRecorded({ actor, outcome }: AuditRecord): boolean {
  return actor.kind !== 'client' || outcome !== 'success';
}

const loaded = require.cache[require.resolve('@holdfast/store')];
if (loaded === undefined) throw new Error('the store has not been loaded');
loaded.exports = {
  ...store,
  openStore: async (options: store.StoreOptions): Promise<store.Store> => {
    const opened = await store.openStore(options);
    return { ...opened, auditLog: new ChangesAlone(opened.auditLog) };
  },
};
