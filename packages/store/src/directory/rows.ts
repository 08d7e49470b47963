import { HoldfastError, SYSTEM_DOMAIN_ID, type Actor, type Keyring } from '@holdfast/core';
import { isUuid } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { requireKey } from './names';
import type { AuthenticatedTable, DirectoryRow, Wanted } from './table';
import type { DirectoryTransaction, DirectoryTransactions } from './transaction';

/** Reads and changes rows of the directory, under the keys that guard them. */
export class DirectoryRows {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly transactions: DirectoryTransactions,
  ) {}

  /** @throws HoldfastError ItemNotFound */
  async row<Column extends string>(
    session: Session,
    table: AuthenticatedTable<Column>,
    id: string,
  ): Promise<DirectoryRow<Column>> {
    const [row] = isUuid(id) ? await table.find(session, this.keyring, { id } as Wanted<Column>) : [];
    return row ?? notFound(`there is no such ${table.name}`);
  }

  /** @throws HoldfastError ItemNotFound */
  async named<Column extends string>(
    session: Session,
    table: AuthenticatedTable<Column>,
    name: string,
  ): Promise<DirectoryRow<Column>> {
    const wanted = { name: requireKey(name) } as Wanted<Column>;
    const [row] = await table.find(session, this.keyring, wanted);
    return row ?? notFound(`no ${table.name} is called ${JSON.stringify(name)}`);
  }

  list<Column extends string, T>(
    table: AuthenticatedTable<Column>,
    condition: string,
    take: (row: DirectoryRow<Column>) => T,
    values: readonly unknown[] = [],
  ): Promise<readonly T[]> {
    return this.read(async (session) =>
      (await table.select(session, this.keyring, condition, values)).map(take),
    );
  }

  async read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return repeatable((run) => this.database.general(run), work);
  }

  async change<T>(actor: Actor, work: (transaction: DirectoryTransaction) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.transactions.run(actor, work);
  }
}

export function notFound(message: string): never {
  throw new HoldfastError('ItemNotFound', message);
}
