import { createHash } from 'node:crypto';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  SecretBytes,
  type Actor,
  type Keyring,
  type ServerSecret,
} from '@holdfast/core';
import { uuidText } from '../postgres/binary';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { openColumns, sealColumns } from './sealed-columns';
import { serverSecrets } from './tables';
import { SYSTEM_ACTOR, type DirectoryTransaction, type DirectoryTransactions } from './transaction';

/** The secrets that all nodes share, by name. */
export class ServerSecrets {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly transactions: DirectoryTransactions,
    private readonly nowMs: () => number,
  ) {}

  /** The secret of that name; made by `create` and stored where there is none yet (once, whoever comes first). */
  async obtain(name: string, create: () => Promise<Buffer>): Promise<ServerSecret> {
    const existing = await this.find(name);
    if (existing !== undefined) return existing;
    const value = new SecretBytes(await create());
    try {
      await this.transactions.run(SYSTEM_ACTOR, (transaction) => this.#insert(transaction, name, value));
    } catch (error) {
      // Another node came first: its secret is the one.
      if (!(error instanceof HoldfastError) || error.code !== 'ObjectAlreadyExists') throw error;
    } finally {
      value.destroy();
    }
    const made = await this.find(name);
    if (made === undefined) throw new HoldfastError('ItemNotFound', 'the server secret was removed');
    return made;
  }

  replace({ name, value }: ServerSecret, actor: Actor): Promise<void> {
    return this.change(name, () => value, actor);
  }

  async change(
    name: string,
    next: (before: SecretBytes | undefined) => SecretBytes,
    actor: Actor,
  ): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.transactions.run(actor, async (transaction) => {
      const row = await rowOf(transaction.session, this.keyring, name);
      if (row === undefined) return this.#insert(transaction, name, next(undefined));
      const value = next(openColumns(this.keyring, row, row.revision));
      const { salt, sealed } = sealColumns(this.keyring, row.id, row.revision + 1, value);
      const replaced = await transaction.update(serverSecrets, row, { salt, sealed });
      await transaction.record('server-secret.replace', replaced, name);
      await transaction.notify({ kind: 'secret', id: name });
    });
  }

  async find(name: string): Promise<ServerSecret | undefined> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const row = await repeatable(
      (run) => this.database.general(run),
      (session) => rowOf(session, this.keyring, name),
    );
    const value = row === undefined ? undefined : openColumns(this.keyring, row, row.revision);
    return value === undefined ? undefined : { name, value };
  }

  /** The value of a secret, read within a session. */
  static async read(session: Session, keyring: Keyring, name: string): Promise<SecretBytes | undefined> {
    const row = await rowOf(session, keyring, name);
    return row === undefined ? undefined : openColumns(keyring, row, row.revision);
  }

  async #insert(transaction: DirectoryTransaction, name: string, value: SecretBytes): Promise<void> {
    const id = rowId(name);
    const { salt, sealed } = sealColumns(this.keyring, id, 1, value);
    const row = await transaction.insert(serverSecrets, {
      id,
      name,
      salt,
      sealed,
      created_at: Math.floor(this.nowMs() / 1000),
    });
    await transaction.record('server-secret.create', row, name);
    await transaction.notify({ kind: 'secret', id: name });
  }
}

/** The row of a secret. @throws HoldfastError IntegrityViolation, also where it is missing although there is a record of it */
async function rowOf(session: Session, keyring: Keyring, name: string) {
  const id = rowId(name);
  const [row] = await serverSecrets.find(session, keyring, { id });
  if (row !== undefined) return row;
  const [gone] = await session.query(
    `SELECT 1 FROM audit_record WHERE row_id = $1
      AND NOT EXISTS (SELECT FROM server_secret WHERE id = $1) LIMIT 1`,
    [id],
  );
  if (gone === undefined) return undefined;
  throw new HoldfastError('IntegrityViolation', 'the stored server_secret is gone, its records are not');
}

/** A secret's row has an identifier that follows from its name, by which its records are found without it. */
function rowId(name: string): string {
  return uuidText(createHash('sha256').update(name, 'utf8').digest());
}
