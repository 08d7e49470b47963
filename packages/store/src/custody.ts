import { randomUUID } from 'node:crypto';
import type { Actor, Keyring } from '@holdfast/core';
import { DirectoryTransactions } from './directory/transaction';
import { notification } from './directory/watch';
import type { Database, Session } from './postgres/database';
import { repeatable } from './postgres/transaction';

/** Names of settings. */
export const ROOT_SPLIT = 'root-key-split';
const SEAL_ORDER = 'seal-order';

/**
 * What nodes whose root key is held by custodians share: the public facts of its splitting, as text, and the last order to
 * seal. Nothing here needs a domain key but where an actor is named.
 */
export interface CustodyStore {
  /** Undefined where the root key was not split. */
  split(): Promise<string | undefined>;
  /** The first writer wins. @returns whether it was this call */
  addSplit(facts: string): Promise<boolean>;
  /** Puts another splitting of the same key in the place of one. @returns whether that was still the one in force */
  replaceSplit(before: string, facts: string, subject: string, actor: Actor): Promise<boolean>;
  /** The last order to seal: a node that was unsealed under another one seals itself. */
  sealOrder(): Promise<string>;
  /** Orders all nodes to seal; they hear of it at once (`seal` of DirectoryChange). */
  orderSeal(): Promise<void>;
}

export class PostgresCustody implements CustodyStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    keyring: Keyring,
    nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  split(): Promise<string | undefined> {
    return this.#setting(ROOT_SPLIT);
  }

  async addSplit(facts: string): Promise<boolean> {
    await this.#repeatable((session) =>
      session.query('INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
        ROOT_SPLIT,
        facts,
      ]),
    );
    return (await this.split()) === facts;
  }

  replaceSplit(before: string, facts: string, subject: string, actor: Actor): Promise<boolean> {
    return this.#transactions.run(actor, async (transaction) => {
      const replaced = await transaction.session.query(
        'UPDATE setting SET value = $3 WHERE name = $1 AND value = $2 RETURNING 1',
        [ROOT_SPLIT, before, facts],
      );
      if (replaced.length === 0) return false;
      await transaction.record('root.reshare', undefined, subject);
      return true;
    });
  }

  async sealOrder(): Promise<string> {
    return (await this.#setting(SEAL_ORDER)) ?? '';
  }

  async orderSeal(): Promise<void> {
    const order = randomUUID();
    await this.#repeatable((session) =>
      session.query(
        'INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
        [SEAL_ORDER, order],
      ),
    );
    const { text, values } = notification({ kind: 'seal', id: order });
    await this.#repeatable((session) => session.query(text, values));
  }

  async #setting(name: string): Promise<string | undefined> {
    const [row] = await this.#repeatable((session) =>
      session.query<{ value: string }>('SELECT value FROM setting WHERE name = $1', [name]),
    );
    return row?.value;
  }

  /** For statements that may run twice. */
  #repeatable<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return repeatable((run) => this.database.general(run), work);
  }
}
