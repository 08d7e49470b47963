import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type Keyring,
  type RootOfTrustKind,
} from '@holdfast/core';
import { ROOT_SPLIT } from './custody';
import { DirectoryTransactions, type DirectoryTransaction } from './directory/transaction';
import { ROOT_CHECK_VALUE, selectDomainKeys, type StoredDomainKey, type Wrapping } from './domain-keys';
import type { Database, Session } from './postgres/database';
import { COUNT_KEPT_LOCKS, KeptLock } from './postgres/kept-lock';
import { repeatable } from './postgres/transaction';

const INCOMING = 'incoming-root-key-check-value';
const OUTGOING = 'outgoing-root-key-check-value';
const RETIRED = 'retired-root-key ';
/** There while domain keys leave an HSM, and until another one holds the current root key. */
const HSM_LEFT = 'hsm-left';

/**
 * The root keys that wrap domain keys, by their check values. One is current. While another one comes in, both wrap ever more
 * domain keys; once it wraps all of them it becomes the current one, and the one before is outgoing until it is retired.
 */
export interface RootKeyState {
  readonly current: string | undefined;
  readonly incoming: string | undefined;
  readonly outgoing: string | undefined;
  /** How many versions of domain keys there are, and how many of them the incoming root key wraps. */
  readonly domainKeys: number;
  readonly wrapped: number;
}

export interface RootKeyStore {
  state(): Promise<RootKeyState>;
  /** When a root key was retired, or given up before it was current; undefined where it was not. */
  retiredAt(root: string): Promise<string | undefined>;
  /**
   * Announces the root key to which all domain keys go. Again for the same one: nothing is done.
   * @param leavesHsm whether it is not in the HSM that holds the current one: no keys of objects are made there from now on
   * @throws HoldfastError ObjectAlreadyExists while another one comes in or goes out, and for an HSM that is left while it
   * holds, or may hold, keys of objects
   */
  begin(incoming: string, leavesHsm: boolean, actor: Actor): Promise<void>;
  /** Domain keys that a root key does not wrap, a few at a time. Unchecked. */
  lacking(root: string): Promise<readonly StoredDomainKey[]>;
  /**
   * Adds a wrapping by the incoming root key, unless the key's row has changed since it was read.
   * @throws HoldfastError ItemNotFound where that root key is neither incoming nor current any more
   */
  addWrapping(key: StoredDomainKey, wrapping: Wrapping): Promise<void>;
  /**
   * Makes the incoming root key the current one; again, once it is: nothing is done.
   * @param split facts of its splitting, where custodians hold it
   * @returns false where it does not wrap all domain keys yet
   * @throws HoldfastError ItemNotFound where that root key is neither incoming nor current any more
   */
  complete(incoming: string, actor: Actor, split?: string): Promise<boolean>;
  /**
   * Removes all that the outgoing root key wraps.
   * @param kind who holds the current one: without custodians no splitting is known any more
   * @returns its check value
   * @throws HoldfastError ItemNotFound where there is none; ObjectAlreadyExists while nodes use it
   */
  retire(actor: Actor, kind: RootOfTrustKind): Promise<string>;
  /** @throws HoldfastError as `retire` would now */
  requireRetirable(): Promise<void>;
  /** Removes all that the incoming root key wraps. @returns its check value @throws HoldfastError ItemNotFound */
  cancel(actor: Actor): Promise<string>;
  /**
   * Records that a root key is about to be destroyed for good.
   * @throws HoldfastError PermissionDenied unless it was retired or given up here, and wraps no domain key
   */
  recordDestruction(root: string, actor: Actor): Promise<void>;
  /** @throws HoldfastError as `recordDestruction` would now */
  requireDestroyable(root: string): Promise<void>;
  /** Shows, until it is ended, that this node uses a root key. */
  use(root: string): Promise<{ end(): Promise<void> }>;
  /** How many nodes use it. */
  users(root: string): Promise<number>;
}

const PAGE_ITEMS = 64;
const NOT_WRAPPED = `NOT EXISTS (SELECT FROM domain_key_wrapping AS w
  WHERE w.domain_id = k.domain_id AND w.version = k.version AND w.root = $1)`;

export class PostgresRootKeys implements RootKeyStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  state(): Promise<RootKeyState> {
    return this.#read(stateIn);
  }

  retiredAt(root: string): Promise<string | undefined> {
    return this.#read((session) => retiredAtIn(session, root));
  }

  begin(incoming: string, leavesHsm: boolean, actor: Actor): Promise<void> {
    return this.#change(actor, async (transaction, state) => {
      const { session } = transaction;
      if (state.incoming === incoming) return;
      if (state.outgoing !== undefined) throw underWay('the root key before is not retired yet');
      if (state.incoming !== undefined) {
        throw underWay('another root key is coming in: holdfast root cancel gives that up');
      }
      if (state.current === incoming) throw underWay('it is the current root key');
      if (leavesHsm) {
        await requireNoKeysInHsm(session);
        await set(session, HSM_LEFT, incoming);
      } else await unset(session, HSM_LEFT);
      await set(session, INCOMING, incoming);
      await transaction.record('root-key.begin', undefined, incoming);
    });
  }

  lacking(root: string): Promise<readonly StoredDomainKey[]> {
    return this.#read(async (session) =>
      (await selectDomainKeys(session, NOT_WRAPPED, [root])).slice(0, PAGE_ITEMS),
    );
  }

  async addWrapping({ id, revision }: StoredDomainKey, { root, wrapped }: Wrapping): Promise<void> {
    // While it is being added nobody gives the incoming root key up.
    const coming = await this.#read((session) =>
      session.query(
        `WITH coming AS (SELECT FROM setting WHERE name = '${INCOMING}' AND value = $3 FOR SHARE),
          k AS (SELECT domain_id, version FROM domain_key WHERE id = $1 AND revision = $2 AND EXISTS (SELECT FROM coming) FOR SHARE),
          added AS (INSERT INTO domain_key_wrapping (domain_id, version, root, wrapped)
            SELECT domain_id, version, $3, $4 FROM k ON CONFLICT DO NOTHING)
          SELECT FROM coming`,
        [id, revision, root, wrapped],
      ),
    );
    if (coming.length === 0 && (await this.state()).current !== root) throw givenUp();
  }

  complete(incoming: string, actor: Actor, split?: string): Promise<boolean> {
    return this.#change(actor, async (transaction, { current = '', domainKeys, wrapped, ...state }) => {
      if (current === incoming) return true;
      if (state.incoming !== incoming) throw givenUp();
      if (wrapped < domainKeys) return false;
      const { session } = transaction;
      await set(session, ROOT_CHECK_VALUE, incoming);
      await set(session, OUTGOING, current);
      if (split !== undefined) await set(session, ROOT_SPLIT, split);
      await unset(session, INCOMING);
      // One that comes back is no longer gone.
      await unset(session, RETIRED + incoming);
      await transaction.record('root-key.complete', undefined, `${current} to ${incoming}`);
      await transaction.notify({ kind: 'root-key', id: incoming });
      return true;
    });
  }

  retire(actor: Actor, kind: RootOfTrustKind): Promise<string> {
    return this.#change(actor, async (transaction, state) => {
      const { session } = transaction;
      const outgoing = await retirableIn(session, state);
      await this.#remove(transaction, outgoing, OUTGOING);
      if (kind !== 'shares') await unset(session, ROOT_SPLIT);
      if (kind === 'pkcs11') await unset(session, HSM_LEFT);
      await set(session, RETIRED + outgoing, new Date().toISOString());
      await transaction.record('root-key.retire', undefined, outgoing);
      return outgoing;
    });
  }

  async requireRetirable(): Promise<void> {
    await this.#read(async (session) => retirableIn(session, await stateIn(session)));
  }

  cancel(actor: Actor): Promise<string> {
    return this.#change(actor, async (transaction, { incoming }) => {
      if (incoming === undefined)
        throw new HoldfastError('ItemNotFound', 'no root key is coming in: see holdfast root status');
      await this.#remove(transaction, incoming, INCOMING);
      await unset(transaction.session, HSM_LEFT);
      // One that was made in an HSM for this can be destroyed there.
      await set(transaction.session, RETIRED + incoming, new Date().toISOString());
      await transaction.record('root-key.cancel', undefined, incoming);
      return incoming;
    });
  }

  recordDestruction(root: string, actor: Actor): Promise<void> {
    return this.#change(actor, async (transaction, state) => {
      await requireDestroyableIn(transaction.session, state, root);
      await transaction.record('root-key.destroy', undefined, root);
    });
  }

  async requireDestroyable(root: string): Promise<void> {
    await this.#read(async (session) => requireDestroyableIn(session, await stateIn(session), root));
  }

  async use(root: string): Promise<{ end(): Promise<void> }> {
    const lock = await KeptLock.take(this.database.clientConfig(), lockName(root));
    return { end: () => lock.release() };
  }

  users(root: string): Promise<number> {
    return this.#read((session) => usersIn(session, root));
  }

  async #remove({ session }: DirectoryTransaction, root: string, place: string): Promise<void> {
    // First its place: who adds a wrapping meanwhile is waited for.
    await unset(session, place);
    await session.query('DELETE FROM domain_key_wrapping WHERE root = $1', [root]);
  }

  #read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return repeatable((run) => this.database.general(run), work);
  }

  /** One step, while nobody else takes one, and neither a domain key nor a key inside the HSM is added. */
  async #change<T>(
    actor: Actor,
    step: (transaction: DirectoryTransaction, state: RootKeyState) => Promise<T>,
  ): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, async (transaction) => {
      await transaction.session.query('SELECT FROM setting WHERE name = $1 FOR UPDATE', [ROOT_CHECK_VALUE]);
      return step(transaction, await stateIn(transaction.session));
    });
  }
}

async function stateIn(session: Session): Promise<RootKeyState> {
  const rows = await session.query<{ name: string; value: string }>('SELECT name, value FROM setting');
  const settings = new Map(rows.map(({ name, value }) => [name, value]));
  const incoming = settings.get(INCOMING);
  const [counts] = await session.query<{ keys: number; wrapped: number }>(
    `SELECT count(*)::int4 AS keys, (SELECT count(*)::int4 FROM domain_key_wrapping WHERE root = $1) AS wrapped
      FROM domain_key`,
    [incoming ?? ''],
  );
  return {
    current: settings.get(ROOT_CHECK_VALUE),
    incoming,
    outgoing: settings.get(OUTGOING),
    domainKeys: counts?.keys ?? 0,
    wrapped: counts?.wrapped ?? 0,
  };
}

/** @throws HoldfastError PermissionDenied for a root key that wraps domain keys, or was never retired here */
async function requireDestroyableIn(session: Session, state: RootKeyState, root: string): Promise<void> {
  const wrapped = await session.query('SELECT FROM domain_key_wrapping WHERE root = $1 LIMIT 1', [root]);
  if (wrapped.length > 0 || [state.current, state.incoming, state.outgoing].includes(root)) {
    throw new HoldfastError('PermissionDenied', `domain keys of this database are wrapped by ${root}`);
  }
  if ((await retiredAtIn(session, root)) === undefined) {
    throw new HoldfastError('PermissionDenied', `${root} is no root key that was retired or given up here`);
  }
}

/** The root key that is going out and that no node uses any more. @throws HoldfastError ItemNotFound, ObjectAlreadyExists */
async function retirableIn(session: Session, { outgoing }: RootKeyState): Promise<string> {
  if (outgoing === undefined)
    throw new HoldfastError('ItemNotFound', 'no root key is going out: see holdfast root status');
  const users = await usersIn(session, outgoing);
  if (users === 0) return outgoing;
  throw underWay(`${users} of the nodes use the outgoing root key: restart them with the new one`);
}

async function requireNoKeysInHsm(session: Session): Promise<void> {
  const [row] = await session.query<{ keys: number }>('SELECT count(*)::int4 AS keys FROM hsm_key');
  const keys = row?.keys ?? 0;
  if (keys === 0) return;
  throw underWay(
    `keys of objects (${keys}) are inside this HSM, which they cannot leave: destroy them first`,
  );
}

/**
 * Within a transaction that adds a key inside the HSM which holds the current root key: no move away from there begins meanwhile.
 * @throws HoldfastError RootOfTrustUnavailable where it is being left
 */
export async function requireHsmStays(session: Session): Promise<void> {
  await session.query('SELECT FROM setting WHERE name = $1 FOR KEY SHARE', [ROOT_CHECK_VALUE]);
  // Only now: what was committed while that was waited for counts.
  const left = await session.query('SELECT FROM setting WHERE name = $1', [HSM_LEFT]);
  if (left.length === 0) return;
  throw new HoldfastError(
    'RootOfTrustUnavailable',
    'domain keys leave the HSM for another root of trust: no more keys are made inside it',
  );
}

async function retiredAtIn(session: Session, root: string): Promise<string | undefined> {
  const [row] = await session.query<{ value: string }>('SELECT value FROM setting WHERE name = $1', [
    RETIRED + root,
  ]);
  return row?.value;
}

async function usersIn(session: Session, root: string): Promise<number> {
  const [row] = await session.query<{ holders: number }>(COUNT_KEPT_LOCKS, [lockName(root)]);
  return row?.holders ?? 0;
}

async function set(session: Session, name: string, value: string): Promise<void> {
  await session.query(
    'INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2',
    [name, value],
  );
}

async function unset(session: Session, name: string): Promise<void> {
  await session.query('DELETE FROM setting WHERE name = $1', [name]);
}

function lockName(root: string): string {
  return `holdfast root ${root}`;
}

function givenUp(): HoldfastError {
  return new HoldfastError(
    'ItemNotFound',
    'the move to this root key was given up: see holdfast root status',
  );
}

function underWay(message: string): HoldfastError {
  return new HoldfastError('ObjectAlreadyExists', message);
}
