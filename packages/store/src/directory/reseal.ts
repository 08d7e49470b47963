import { SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import type { Database } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { openColumns, sealColumns } from './sealed-columns';
import type { AuthenticatedTable, DirectoryRow } from './table';
import { authorities, clients, credentials, domains, officers, serverSecrets } from './tables';
import { SYSTEM_ACTOR, type DirectoryTransaction, type DirectoryTransactions } from './transaction';
import { users } from './users';

type SealedRow = DirectoryRow<'salt' | 'sealed' | 'epoch'>;

interface LastingTable {
  /** What records call a row of it. */
  readonly what: string;
  readonly table: AuthenticatedTable<'salt' | 'sealed' | 'epoch'>;
  /** Of the sealed value of a row, before and after: absent where rows have none. */
  readonly generations?: (row: SealedRow) => readonly [number, number];
}

function lasting<Column extends string>(
  what: string,
  table: AuthenticatedTable<Column>,
  generations?: LastingTable['generations'],
): LastingTable {
  return {
    what,
    table: table as unknown as LastingTable['table'],
    ...(generations === undefined ? {} : { generations }),
  };
}

/** Tables whose rows stay: tickets and asynchronous requests expire. */
const LASTING_TABLES: readonly LastingTable[] = [
  lasting('domain', domains),
  lasting('client', clients),
  lasting('credential', credentials),
  lasting('officer', officers),
  lasting('authority', authorities, () => [1, 1]),
  lasting('server-secret', serverSecrets, ({ revision }) => [revision, revision + 1]),
  lasting('user', users, ({ epoch }) => [Number(epoch), Number(epoch)]),
];

/**
 * Puts all lasting rows of the directory under the system domain's current key, each in a transaction of its own with
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
  for (const each of LASTING_TABLES) {
    const rows = await repeatable(
      (run) => database.general(run),
      (session) =>
        session.query<{ id: string }>(`SELECT id FROM ${each.table.name} WHERE key_version <> $1`, [current]),
    );
    for (const { id } of rows) {
      if (!goesOn()) return resealed;
      const isWritten = await transactions.run(SYSTEM_ACTOR, (transaction) =>
        resealRow(transaction, keyring, each, id, current),
      );
      if (isWritten) resealed++;
    }
  }
  return resealed;
}

async function resealRow(
  transaction: DirectoryTransaction,
  keyring: Keyring,
  { what, table, generations }: LastingTable,
  id: string,
  current: number,
): Promise<boolean> {
  const condition = 't.id = $1 AND t.key_version <> $2';
  const [row] = await table.select(transaction.session, keyring, condition, [id, current]);
  if (row === undefined) return false;
  const changes = generations === undefined ? {} : resealedColumns(keyring, row, generations(row));
  const written = await transaction.update(table, row, changes);
  await transaction.record(`${what}.reseal`, written, id);
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
