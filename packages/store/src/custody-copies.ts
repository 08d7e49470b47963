import { randomUUID } from 'node:crypto';
import { SYSTEM_DOMAIN_ID, type Actor, type Keyring } from '@holdfast/core';
import { AuthenticatedTable, type DirectoryRow } from './directory/table';
import { DirectoryTransactions } from './directory/transaction';
import type { Database } from './postgres/database';
import { repeatable } from './postgres/transaction';

/** A backup or an escrow package that was made and came to its file whole. */
export interface CustodyCopy {
  readonly id: string;
  readonly kind: 'backup' | 'escrow';
  /** Names of those who can open it; with a threshold, so many of them together. */
  readonly custodians: readonly string[];
  readonly threshold: number | undefined;
  /** Of an escrow package; undefined for a backup, which has them all. */
  readonly domainId: string | undefined;
  readonly objects: number;
  /** Of the whole file. */
  readonly sha256: Buffer;
  readonly createdAtSeconds: number;
}

export const custodyCopies = new AuthenticatedTable('custody_copy', {
  kind: 'text',
  custodians: 'text',
  threshold: 'int4',
  domain_id: 'uuid',
  objects: 'int4',
  sha256: 'bytea',
  created_at: 'int8',
});

/** What copies were made: rows with a MAC and a record each. */
export interface CustodyCopyStore {
  add(copy: Omit<CustodyCopy, 'id' | 'createdAtSeconds'>, actor: Actor): Promise<CustodyCopy>;
  /** Newest first. */
  list(): Promise<readonly CustodyCopy[]>;
}

export class PostgresCustodyCopies implements CustodyCopyStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  async add(copy: Omit<CustodyCopy, 'id' | 'createdAtSeconds'>, actor: Actor): Promise<CustodyCopy> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, async (transaction) => {
      const row = await transaction.insert(custodyCopies, {
        id: randomUUID(),
        kind: copy.kind,
        custodians: JSON.stringify(copy.custodians),
        threshold: copy.threshold ?? null,
        domain_id: copy.domainId ?? null,
        objects: copy.objects,
        sha256: copy.sha256,
        created_at: Math.floor(this.nowMs() / 1000),
      });
      await transaction.record(
        'custody_copy.add',
        row,
        `${copy.kind} ${copy.sha256.toString('hex')}`,
        copy.domainId,
      );
      return copyOf(row);
    });
  }

  async list(): Promise<readonly CustodyCopy[]> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const rows = await repeatable(
      (run) => this.database.general(run),
      (session) =>
        custodyCopies.select(session, this.keyring, 'true ORDER BY t.created_at DESC, t.id LIMIT 1000'),
    );
    return rows.map(copyOf);
  }
}

type Row = typeof custodyCopies extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

// What was authenticated was written above.
function copyOf(row: Row): CustodyCopy {
  return {
    id: row.id,
    kind: row.kind as CustodyCopy['kind'],
    custodians: JSON.parse(row.custodians as string) as string[],
    threshold: (row.threshold ?? undefined) as number | undefined,
    domainId: (row.domain_id ?? undefined) as string | undefined,
    objects: row.objects as number,
    sha256: row.sha256 as Buffer,
    createdAtSeconds: row.created_at as number,
  };
}
