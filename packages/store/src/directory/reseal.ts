import { SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import { ProcessingStage } from '@holdfast/kmip';
import { announcements } from '../announcements';
import { asynchronousRequests } from '../asynchronous/table';
import { approvals } from '../approvals';
import { custodyCopies } from '../custody-copies';
import type { Database } from '../postgres/database';
import { concernsOneRow } from '../postgres/errors';
import { repeatable } from '../postgres/transaction';
import { hsmKeyTable } from '../hsm-keys';
import { openColumns, sealColumns } from './sealed-columns';
import type { AuthenticatedTable, DirectoryRow } from './table';
import { authorities, clients, credentials, domains, officers, serverSecrets } from './tables';
import { tickets } from './tickets';
import { SYSTEM_ACTOR, type DirectoryTransaction, type DirectoryTransactions } from './transaction';
import { users } from './users';

type SealedRow = DirectoryRow<'salt' | 'sealed' | 'epoch'>;

interface ResealedTable {
  /** The action of the records. */
  readonly action: string;
  readonly table: AuthenticatedTable<'salt' | 'sealed' | 'epoch'>;
  /** Of the rows that may be written; the alias is "t". */
  readonly condition: string;
  /** Of the sealed value of a row, before and after: absent where rows have none. */
  readonly generations?: (row: SealedRow) => readonly [number, number];
}

function resealed<Column extends string>(
  action: string,
  table: AuthenticatedTable<Column>,
  generations?: ResealedTable['generations'],
  condition = 'true',
): ResealedTable {
  return {
    action,
    table: table as unknown as ResealedTable['table'],
    condition,
    ...(generations === undefined ? {} : { generations }),
  };
}

/** All tables whose rows are authenticated one by one: one that was left out would lose the key of its MACs. */
export const RESEALED_TABLES: readonly ResealedTable[] = [
  resealed('domain.reseal', domains),
  resealed('client.reseal', clients),
  resealed('credential.reseal', credentials),
  resealed('officer.reseal', officers),
  resealed('authority.reseal', authorities, () => [1, 1]),
  resealed('server-secret.reseal', serverSecrets, ({ revision }) => [revision, revision + 1]),
  resealed('user.reseal', users, ({ epoch }) => [Number(epoch), Number(epoch)]),
  resealed('ticket.reseal', tickets, () => [1, 1]),
  // A change would take a request away from whoever carries it out, and writes it under the current key anyway.
  resealed(
    'asynchronous-request',
    asynchronousRequests,
    undefined,
    `t.stage <> ${ProcessingStage.InProcess}`,
  ),
  resealed('hsm-key.reseal', hsmKeyTable),
  resealed('custody_copy.reseal', custodyCopies),
  resealed('approval.reseal', approvals),
  resealed('announcement.reseal', announcements),
];

/**
 * Seals one row anew, in a transaction of its own. One that is not what was written stays as it is: the others do not wait for it.
 * @param write tells whether there was anything to do
 */
export async function resealedRow(
  transactions: DirectoryTransactions,
  write: (transaction: DirectoryTransaction) => Promise<boolean>,
): Promise<boolean> {
  return transactions.run(SYSTEM_ACTOR, write).catch((error: unknown) => {
    if (!concernsOneRow(error)) throw error;
    return false;
  });
}

/**
 * Puts all rows of the directory under the system domain's current key, each in a transaction of its own with
 * its record.
 * @param goesOn asked before each row
 * @returns how many there were
 */
export async function resealDirectory(
  {
    database,
    keyring,
    transactions,
  }: {
    readonly database: Database;
    readonly keyring: Keyring;
    readonly transactions: DirectoryTransactions;
  },
  goesOn: () => boolean,
): Promise<number> {
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  const current = keyring.currentVersion(SYSTEM_DOMAIN_ID);
  let resealed = 0;
  for (const each of RESEALED_TABLES) {
    const rows = await repeatable(
      (run) => database.general(run),
      (session) =>
        session.query<{ id: string }>(
          `SELECT id FROM ${each.table.name} AS t WHERE key_version <> $1 AND ${each.condition}`,
          [current],
        ),
    );
    for (const { id } of rows) {
      if (!goesOn()) return resealed;
      if (
        await resealedRow(transactions, (transaction) => resealRow(transaction, keyring, each, id, current))
      )
        resealed++;
    }
  }
  return resealed;
}

async function resealRow(
  transaction: DirectoryTransaction,
  keyring: Keyring,
  { action, table, condition: writable, generations }: ResealedTable,
  id: string,
  current: number,
): Promise<boolean> {
  const condition = `AND t.key_version <> $2 AND ${writable}`;
  const [row] = await table.find(transaction.session, keyring, { id }, condition, [current]);
  if (row === undefined) return false;
  const changes = generations === undefined ? {} : resealedColumns(keyring, row, generations(row));
  const written = await transaction.update(table, row, changes);
  if (table.isRecorded) await transaction.record(action, written, id);
  return true;
}

function resealedColumns(keyring: Keyring, row: SealedRow, [before, after]: readonly [number, number]) {
  const secret = openColumns(keyring, row, before);
  if (secret === undefined) return { salt: null, sealed: null };
  try {
    return { ...sealColumns(keyring, row.id, after, secret) };
  } finally {
    secret.destroy();
  }
}
