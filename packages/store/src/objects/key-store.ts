import {
  SYSTEM_DOMAIN_ID,
  type Actor,
  type ChangeCause,
  type KeyStore,
  type KeyStoreTransaction,
  type Keyring,
  type LocateQuery,
  type LocateResult,
  type NewAnnouncement,
  type ObjectChange,
  type PresumingSession,
  type StoredObject,
  type TicketChanges,
} from '@holdfast/core';
import { writeAnnouncements } from '../announcements';
import { WALK_TIMEOUT_MS, type Database, type Session } from '../postgres/database';
import { useApproval } from '../approvals';
import { PostgresTicketChanges } from '../directory/tickets';
import { DirectoryTransaction } from '../directory/transaction';
import { concernsHsmKeys, settleHsmKeys } from '../hsm-keys';
import { concernsOneRow, storeError } from '../postgres/errors';
import { refreshRetired } from '../postgres/retired-keys';
import { repeatable } from '../postgres/transaction';
import {
  appendAuditRecords,
  encodeAuditRecord,
  writeAuditRecords,
  type EncodedAuditRecord,
} from '../records/audit-record';
import { prepareReseal, type PreparedChange } from './change';
import { InternalIds } from './internal-id';
import type { KeptObjects } from './kept-objects';
import { locateAmong, locateObjects, soleOf } from './locate';
import { KeptObjectsSession } from './presuming-session';
import { ObjectReader, lacksKeys } from './reader';
import { ObjectWriter } from './writer';

/** The KeyStore port over PostgreSQL. */
export class PostgresKeyStore implements KeyStore {
  readonly #reader: ObjectReader;
  readonly #writer: ObjectWriter;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
    kept: KeptObjects,
  ) {
    this.#reader = new ObjectReader(database, keyring, kept);
    this.#writer = new ObjectWriter(database, keyring, new InternalIds(nowMs), nowMs);
  }

  presuming(): PresumingSession {
    return new KeptObjectsSession(this, this.#reader);
  }

  fetch(domainId: string, uniqueIdentifier: string): Promise<StoredObject | undefined> {
    return this.#reader.fetch(domainId, uniqueIdentifier);
  }

  async locate(query: LocateQuery): Promise<LocateResult> {
    const sole = soleOf(query);
    if (sole !== undefined) return locateAmong(await this.#reader.fetchSole(query.domainId, sole), query);
    const locate = (): Promise<LocateResult> =>
      repeatable(
        (run) => this.database.general(run),
        (session) => locateObjects(session, this.keyring, query),
      );
    // A row may be under a key version that this process has not heard of: the next one loads it.
    return locate().catch((error: unknown) => {
      if (!lacksKeys(error)) throw error;
      return locate();
    });
  }

  /**
   * Seals up to `maximumItems` of a domain's objects anew, those that are under another than the current key.
   * An object that cannot be (it is not what was written, or somebody was faster) stays as it is.
   * @param after the identifier of the last object before them; '' for the first ones
   * @returns the last object that was looked at (undefined: there are none left), and how many were sealed anew
   */
  async reseal(
    domainId: string,
    after: string,
    maximumItems: number,
    actor: Actor,
  ): Promise<{ readonly last: string | undefined; readonly resealed: number }> {
    await this.keyring.ensure(domainId);
    const current = this.keyring.currentVersion(domainId);
    const old = await repeatable(
      (run) => this.database.general(run, WALK_TIMEOUT_MS),
      (session) =>
        session.query<{ unique_identifier: string }>(
          `SELECT unique_identifier FROM object WHERE domain_id = $1 AND unique_identifier > $2 AND key_version <> $3
            ORDER BY unique_identifier LIMIT $4`,
          [domainId, after, current, maximumItems],
        ),
    );
    const cause = { actor, operation: 'domain-key.reseal' };
    const outcomes = await Promise.allSettled(
      old.map(async ({ unique_identifier: id }) => {
        const before = await this.#reader.fetch(domainId, id);
        if (before === undefined || before.keyVersion === this.keyring.currentVersion(domainId)) return;
        const context = { keyring: this.keyring, nowMs: this.nowMs() };
        await this.#writer.commitAlone(prepareReseal(before, cause, context));
      }),
    );
    const refused = outcomes.find(
      (outcome) => outcome.status === 'rejected' && !concernsOneRow(outcome.reason),
    );
    if (refused?.status === 'rejected') throw refused.reason;
    return {
      last: old.at(-1)?.unique_identifier,
      resealed: outcomes.filter(({ status }) => status === 'fulfilled').length,
    };
  }

  commit(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
    announcements: readonly NewAnnouncement[] = [],
  ): Promise<void> {
    const [first] = changes;
    if (first !== undefined && (announcements.length > 0 || changes.some(concernsHsmKeys))) {
      return this.transaction(first.object.domainId, (session) =>
        session.commit(changes, cause, announcements),
      );
    }
    return this.#writer.commit(changes, cause);
  }

  transaction<T>(domainId: string, work: (session: KeyStoreTransaction) => Promise<T>): Promise<T> {
    return this.#writer.transaction(domainId, (session, ...written) =>
      work(this.within(session, ...written)),
    );
  }

  /** The key store within a transaction that somebody else begins and ends; the lists take what was written. */
  within(session: Session, written: PreparedChange[] = [], recordIds: string[] = []): KeyStoreTransaction {
    return new TransactionSession(
      session,
      written,
      recordIds,
      this.keyring,
      this.#reader,
      this.#writer,
      this.nowMs,
      (actor, domainId) => this.#removal(actor, domainId),
    );
  }

  async removeAll(domainId: string, actor: Actor): Promise<void> {
    const record = await this.#removal(actor, domainId);
    await repeatable(
      (run) => this.database.transactional(run, WALK_TIMEOUT_MS),
      (session) => removeObjects(session, domainId, record),
    );
  }

  async #removal(actor: Actor, domainId: string): Promise<EncodedAuditRecord> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const record = { actor, action: 'removal of all objects', domainId, outcome: 'success' } as const;
    return encodeAuditRecord(this.keyring, record, this.nowMs());
  }
}

/** May be run again where its outcome is unknown. */
async function removeObjects(session: Session, domainId: string, record: EncodedAuditRecord): Promise<void> {
  await session.run(appendAuditRecords, (writer) => writeAuditRecords(writer, [record]));
  await session.query(
    `WITH objects AS (DELETE FROM object WHERE domain_id = $1),
      names AS (DELETE FROM object_name WHERE domain_id = $1),
      projections AS (DELETE FROM object_projection WHERE domain_id = $1),
      announcements AS (DELETE FROM announcement WHERE domain_id = $1)
      DELETE FROM change_record WHERE domain_id = $1`,
    [domainId],
  );
}

/** The key store as one transaction sees it. */
class TransactionSession implements KeyStoreTransaction {
  constructor(
    private readonly session: Session,
    private readonly written: PreparedChange[],
    private readonly recordIds: string[],
    private readonly keyring: Keyring,
    private readonly reader: ObjectReader,
    private readonly writer: ObjectWriter,
    private readonly nowMs: () => number,
    private readonly removal: (actor: Actor, domainId: string) => Promise<EncodedAuditRecord>,
  ) {}

  async lock({ domainId, uniqueIdentifier }: StoredObject): Promise<void> {
    await this.session
      .query('SELECT FROM object WHERE domain_id = $1 AND unique_identifier = $2 FOR NO KEY UPDATE', [
        domainId,
        uniqueIdentifier,
      ])
      .catch((error: unknown) => {
        throw storeError(error);
      });
  }

  useApproval(number: number, actor: Actor): Promise<void> {
    return this.#changeDirectory(actor, (transaction) =>
      useApproval(transaction, this.keyring, number, Math.floor(this.nowMs() / 1000)),
    );
  }

  get tickets(): TicketChanges {
    return new PostgresTicketChanges(
      (actor, work) => this.#changeDirectory(actor, work),
      this.keyring,
      this.nowMs,
    );
  }

  async #changeDirectory<T>(
    actor: Actor,
    work: (transaction: DirectoryTransaction) => Promise<T>,
  ): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const transaction = new DirectoryTransaction(this.session, this.keyring, actor, this.nowMs);
    try {
      const result = await work(transaction);
      this.recordIds.push(...transaction.recordIds);
      return result;
    } catch (error) {
      throw storeError(error);
    }
  }

  async removeAll(domainId: string, actor: Actor): Promise<void> {
    const record = await this.removal(actor, domainId);
    await removeObjects(this.session, domainId, record);
    this.recordIds.push(record.id);
  }

  async fetch(domainId: string, uniqueIdentifier: string): Promise<StoredObject | undefined> {
    try {
      return await this.reader.fetchIn(this.session, domainId, uniqueIdentifier);
    } catch (error) {
      throw storeError(error);
    }
  }

  async locate(query: LocateQuery): Promise<LocateResult> {
    const sole = soleOf(query);
    try {
      if (sole !== undefined) {
        return locateAmong(await this.reader.fetchSoleIn(this.session, query.domainId, sole), query);
      }
      await this.session.query(
        `SET LOCAL enable_bitmapscan = on; SET LOCAL plan_cache_mode = force_custom_plan`,
      );
      return await locateObjects(this.session, this.keyring, query);
    } catch (error) {
      throw storeError(error);
    }
  }

  /** What fails leaves the transaction as it was before the call. */
  async commit(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
    announcements: readonly NewAnnouncement[] = [],
  ): Promise<void> {
    const prepared = await this.writer.prepare(changes, cause);
    try {
      await this.session.query('SAVEPOINT change');
      await this.writer.write(this.session, prepared);
      await settleHsmKeys(this.session, this.keyring, changes, cause, this.nowMs);
      await writeAnnouncements(this.session, this.keyring, announcements);
    } catch (error) {
      await this.session.query('ROLLBACK TO SAVEPOINT change').catch(() => undefined);
      const domainIds = changes.map(({ object }) => object.domainId);
      await refreshRetired(error, this.keyring, [SYSTEM_DOMAIN_ID, ...domainIds]);
      throw storeError(error);
    }
    this.written.push(...prepared);
  }
}
