import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type AuditOutcome,
  type DirectoryChange,
  type Keyring,
} from '@holdfast/core';
import type { Database, Session } from '../postgres/database';
import { SqlState, recordNotTaken, sqlStateOf, storeError } from '../postgres/errors';
import { refreshRetired } from '../postgres/retired-keys';
import { inTransaction } from '../postgres/transaction';
import {
  appendAuditRecords,
  areRecorded,
  encodeAuditRecord,
  writeAuditRecords,
} from '../records/audit-record';
import type { AuthenticatedTable, DirectoryRow } from './table';
import { notification } from './watch';

/** Who does what no client and no officer asked for. */
export const SYSTEM_ACTOR: Actor = { kind: 'system', id: 'system', name: 'holdfast' };

/** One change of the directory: its rows, their records and the notice of it commit together. */
export class DirectoryTransaction {
  /** Records written so far. */
  readonly recordIds: string[] = [];

  constructor(
    readonly session: Session,
    private readonly keyring: Keyring,
    private readonly actor: Actor,
    private readonly nowMs: () => number,
  ) {}

  insert<Column extends string>(
    table: AuthenticatedTable<Column>,
    values: Parameters<AuthenticatedTable<Column>['insert']>[2],
  ): Promise<DirectoryRow<Column>> {
    return table.insert(this.session, this.keyring, values);
  }

  update<Column extends string>(
    table: AuthenticatedTable<Column>,
    before: DirectoryRow<Column>,
    changes: Parameters<AuthenticatedTable<Column>['update']>[3],
  ): Promise<DirectoryRow<Column>> {
    return table.update(this.session, this.keyring, before, changes);
  }

  /** Takes a row away and leaves the record of it: the row as it was is refused from now on. */
  async remove<Column extends string>(
    table: AuthenticatedTable<Column>,
    row: DirectoryRow<Column>,
    action: string,
    subject: string,
    domainId?: string,
  ): Promise<void> {
    await table.remove(this.session, row);
    await this.record(action, { id: row.id, revision: row.revision + 1 }, subject, domainId);
  }

  /**
   * Records what happened; where that was to a row, no older revision of it is accepted from now on.
   * @throws HoldfastError IntegrityViolation where something in the database did away with the record
   */
  async record(
    action: string,
    row: { readonly id: string; readonly revision: number } | undefined,
    subject: string,
    domainId?: string,
    outcome: AuditOutcome = 'success',
  ): Promise<void> {
    const record = encodeAuditRecord(
      this.keyring,
      { actor: this.actor, action, subject, domainId, outcome },
      this.nowMs(),
      row === undefined ? undefined : { rowId: row.id, rowRevision: row.revision },
    );
    let isAdded = false as boolean;
    await this.session.run(
      appendAuditRecords,
      (writer) => writeAuditRecords(writer, [record]),
      () => (isAdded = true),
    );
    if (!isAdded) throw recordNotTaken();
    this.recordIds.push(record.id);
  }

  async notify(change: DirectoryChange): Promise<void> {
    const { text, values } = notification(change);
    await this.session.query(text, values);
  }
}

const MAX_ATTEMPTS = 5;

type Connect = <R>(run: (session: Session) => Promise<R>) => Promise<R>;

export class DirectoryTransactions {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {}

  /**
   * Runs `work` and commits; runs it again where somebody else changed the same row in between.
   * @param connect lends the connection
   * @throws HoldfastError ObjectAlreadyExists, StoreUnavailable, and what `work` throws
   */
  async run<T>(
    actor: Actor,
    work: (transaction: DirectoryTransaction) => Promise<T>,
    connect: Connect = (run) => this.database.general(run),
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(actor, work, connect);
      } catch (error) {
        const conflict = error instanceof HoldfastError && error.code === 'RevisionConflict';
        if (!conflict || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #attempt<T>(
    actor: Actor,
    work: (transaction: DirectoryTransaction) => Promise<T>,
    connect: Connect,
  ): Promise<T> {
    let transaction: DirectoryTransaction | undefined;
    try {
      return await inTransaction(
        connect,
        (session) => {
          transaction = new DirectoryTransaction(session, this.keyring, actor, this.nowMs);
          return work(transaction);
        },
        (backend) => areRecorded(this.database, backend, transaction?.recordIds ?? []),
      );
    } catch (error) {
      await refreshRetired(error, this.keyring, [SYSTEM_DOMAIN_ID]);
      if (sqlStateOf(error) === SqlState.uniqueViolation) {
        throw new HoldfastError('ObjectAlreadyExists', 'one of this name or with this certificate exists', {
          cause: error,
        });
      }
      throw storeError(error);
    }
  }
}
