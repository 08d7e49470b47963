import { HoldfastError, SYSTEM_DOMAIN_ID, type Actor, type Keyring } from '@holdfast/core';
import { resealRequests } from './asynchronous/reseal';
import { resealDirectory } from './directory/reseal';
import { DirectoryTransactions, SYSTEM_ACTOR, type DirectoryTransaction } from './directory/transaction';
import {
  insertDomainKey,
  requireAuthentic,
  selectDomainKeys,
  statementOf,
  type DomainKeyStatus,
  type StatementMac,
  type StoredDomainKey,
  type Wrapping,
} from './domain-keys';
import type { PostgresKeyStore } from './objects/key-store';
import { WALK_TIMEOUT_MS, type Database, type Session } from './postgres/database';
import { repeatable } from './postgres/transaction';
import { DIRECTORY_TABLES } from './verify/directory';

/** One version of a domain's key, and how many rows need it. */
export interface KeyVersionUse {
  readonly domainId: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly createdAtSeconds: number;
  readonly changedAtSeconds: number;
  /** Objects that are sealed or authenticated under it. */
  readonly objects: number;
  /** Asynchronous requests whose content is sealed under it. */
  readonly requests: number;
  /** Rows of the directory: of the system domain's key alone. */
  readonly directoryRows: number;
  /** Change and audit records that are authenticated under it: they stay. */
  readonly records: number;
  /** Values that were destroyed while it was the current one: copies of them may be sealed under it or an earlier one. */
  readonly destroyed: number;
}

/** Versions of domain keys on their way: announced, current, superseded, retiring, retired. */
export interface KeyRotationStore {
  use(): Promise<readonly KeyVersionUse[]>;
  /** Versions that are neither announced nor current nor retired, in their order. Unchecked. */
  superseded(): Promise<readonly StoredDomainKey[]>;
  /** Records keys of which there is no record yet: the first one of all, and those older than such records. */
  adopt(): Promise<void>;
  /** Adds a version that nothing is sealed under yet, so that every process can load it. The first one wins. */
  announce(
    key: { readonly domainId: string; readonly version: number; readonly wrappings: readonly Wrapping[] },
    mac: StatementMac,
    actor: Actor,
  ): Promise<void>;
  /** Makes an announced version the current one; one that is so already stays it. */
  activate(domainId: string, version: number, actor: Actor): Promise<void>;
  /**
   * Runs `work` unless another node is about the earlier versions of that domain's key.
   * @returns whether it ran
   */
  alone(domainId: string, work: () => Promise<void>): Promise<boolean>;
  /**
   * Seals everything of a domain under its current key that is under another one, page by page, until there is nothing
   * but what is not what was written, or in use: objects and pending requests; of the system domain, the directory.
   * @param goesOn asked before each page
   * @param onProgress told how many were sealed anew
   * @returns how many were sealed anew
   */
  reseal(domainId: string, goesOn: () => boolean, onProgress?: (resealed: number) => void): Promise<number>;
  /** How many objects are under another key than the current one. */
  waitingObjects(domainId: string): Promise<number>;
  /** Whether anything is sealed under a version, or any row but records is authenticated under it. */
  isInUse(domainId: string, version: number): Promise<boolean>;
  /** From now on nothing can be written under a superseded version. */
  beginRetirement(domainId: string, version: number): Promise<void>;
  /** Whether somebody may still write, or read, by what was there before `beginRetirement`. */
  mayBeWritten(horizon: string): Promise<boolean>;
  /** What `mayBeWritten` asks for: the transactions that there are now, none of which begins later. */
  horizon(): Promise<string>;
  /** Replaces all wrappings of a version by those of what verifies records. Its sealing key is then gone. */
  finishRetirement(domainId: string, version: number, recordKeys: readonly Wrapping[]): Promise<void>;
}

const PAGE_ITEMS = 64;
const DIRECTORY_ROWS = DIRECTORY_TABLES.map(({ name }) => `SELECT key_version FROM ${name}`).join(
  ' UNION ALL ',
);
const USE = `SELECT k.domain_id, k.version, k.status, k.created_at::float8 AS created_at,
    k.changed_at::float8 AS changed_at,
    (SELECT count(*) FROM object AS o WHERE o.domain_id = k.domain_id AND o.key_version = k.version)::int4 AS objects,
    (SELECT count(*) FROM asynchronous_request AS r
      WHERE r.domain_id = k.domain_id AND r.content_key_version = k.version)::int4 AS requests,
    CASE WHEN k.domain_id = $1 THEN
      (SELECT count(*) FROM (${DIRECTORY_ROWS}) AS d WHERE d.key_version = k.version)::int4 ELSE 0 END AS directory_rows,
    coalesce(c.records, 0)::int4 + CASE WHEN k.domain_id = $1 THEN
      ((SELECT count(*) FROM audit_record AS a WHERE a.key_version = k.version)
        + (SELECT count(*) FROM audit_batch AS b WHERE b.key_version = k.version))::int4 ELSE 0 END AS records,
    coalesce(c.destroyed, 0)::int4 AS destroyed
  FROM domain_key AS k
  LEFT JOIN (SELECT domain_id, key_version, count(*) AS records, count(*) FILTER (WHERE operation = 'Destroy') AS destroyed
    FROM change_record GROUP BY domain_id, key_version) AS c ON c.domain_id = k.domain_id AND c.key_version = k.version
  ORDER BY k.domain_id, k.version`;
const IN_USE = `SELECT EXISTS (SELECT FROM object WHERE domain_id = $1 AND key_version = $2)
  OR EXISTS (SELECT FROM asynchronous_request WHERE domain_id = $1 AND content_key_version = $2)
  OR ($1::uuid = '${SYSTEM_DOMAIN_ID}' AND EXISTS (SELECT FROM (${DIRECTORY_ROWS}) AS d WHERE d.key_version = $2)) AS found`;
/** Sessions that look at the database as it was before `$1`, or have written since. */
const OLDER = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND (age(backend_xmin) > age($1::text::xid8::xid) OR age(backend_xid) > age($1::text::xid8::xid))
  LIMIT 1`;

interface UseColumns {
  readonly domain_id: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly created_at: number;
  readonly changed_at: number;
  readonly objects: number;
  readonly requests: number;
  readonly directory_rows: number;
  readonly records: number;
  readonly destroyed: number;
}

export class PostgresKeyRotation implements KeyRotationStore {
  readonly #transactions: DirectoryTransactions;
  readonly #resealing: Parameters<typeof resealDirectory>[0];

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly keyStore: PostgresKeyStore,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
    this.#resealing = { database, keyring, transactions: this.#transactions };
  }

  async use(): Promise<readonly KeyVersionUse[]> {
    const rows = await this.#read((session) => session.query<UseColumns>(USE, [SYSTEM_DOMAIN_ID]));
    return rows.map(({ domain_id, created_at, changed_at, directory_rows, ...counts }) => ({
      ...counts,
      domainId: domain_id,
      createdAtSeconds: created_at,
      changedAtSeconds: changed_at,
      directoryRows: directory_rows,
    }));
  }

  superseded(): Promise<readonly StoredDomainKey[]> {
    return this.#read((session) => selectDomainKeys(session, `k.status IN ('superseded', 'retiring')`));
  }

  async adopt(): Promise<void> {
    const unrecorded = 'NOT EXISTS (SELECT FROM audit_record AS a WHERE a.row_id = k.id)';
    const keys = await this.#read((session) => selectDomainKeys(session, unrecorded));
    for (const key of keys) {
      await this.#adopt(key).catch((error: unknown) => {
        // Of a fault whoever uses the domain is told; the record is there where another node wrote it meanwhile.
        const isPassedOver =
          error instanceof HoldfastError &&
          ['IntegrityViolation', 'ObjectAlreadyExists'].includes(error.code);
        if (!isPassedOver) throw error;
      });
    }
  }

  async #adopt({ id, domainId }: StoredDomainKey): Promise<void> {
    await this.keyring.ensure(domainId);
    await this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const [key] = await selectDomainKeys(transaction.session, 'k.id = $1', [id]);
      // Another node was faster.
      if (key === undefined || key.newestRevision !== undefined) return;
      if (key.revision === 0) await this.#changeStatus(transaction, key, key.status, 'adopt');
      else await transaction.record('domain-key.create', key, `version ${key.version}`, domainId);
    });
  }

  announce(
    { domainId, version, wrappings }: Parameters<KeyRotationStore['announce']>[0],
    mac: StatementMac,
    actor: Actor,
  ): Promise<void> {
    return this.#change(domainId, actor, async (transaction) => {
      const key = { domainId, version, status: 'announced', wrappings } as const;
      const added = await insertDomainKey(transaction.session, key, this.#nowSeconds(), mac);
      if (added === undefined) return;
      await transaction.record('domain-key.announce', added, `version ${version}`, domainId);
    });
  }

  activate(domainId: string, version: number, actor: Actor): Promise<void> {
    return this.#change(domainId, actor, async (transaction) => {
      const keys = await selectDomainKeys(
        transaction.session,
        `k.domain_id = $1 AND k.status IN ('announced', 'current')`,
        [domainId],
      );
      if (!keys.some((key) => key.version === version && key.status === 'announced')) return;
      for (const key of keys) {
        const isNew = key.version === version;
        await this.#changeStatus(
          transaction,
          key,
          isNew ? 'current' : 'superseded',
          isNew ? 'activate' : 'supersede',
        );
      }
    });
  }

  alone(domainId: string, work: () => Promise<void>): Promise<boolean> {
    return this.database.general(async (session) => {
      const name = `holdfast reseal ${domainId}`;
      const [lock] = await session.query<{ mine: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine',
        [name],
      );
      if (lock?.mine !== true) return false;
      try {
        await work();
        return true;
      } finally {
        await session.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
      }
    });
  }

  async reseal(
    domainId: string,
    goesOn: () => boolean,
    onProgress: (resealed: number) => void = () => undefined,
  ): Promise<number> {
    const requests = await resealRequests(this.#resealing, domainId, goesOn);
    const rows =
      domainId === SYSTEM_DOMAIN_ID
        ? await resealDirectory(this.#resealing, goesOn)
        : await this.#resealObjects(domainId, goesOn, onProgress);
    return requests + rows;
  }

  /** Clients change objects meanwhile: walks are repeated until one finds nothing that it can do. */
  async #resealObjects(
    domainId: string,
    goesOn: () => boolean,
    onProgress: (resealed: number) => void,
  ): Promise<number> {
    let total = 0;
    for (;;) {
      let walked = 0;
      for (let after: string | undefined = ''; after !== undefined;) {
        if (!goesOn()) return total + walked;
        const { last, resealed } = await this.keyStore.reseal(domainId, after, PAGE_ITEMS, SYSTEM_ACTOR);
        walked += resealed;
        onProgress(total + walked);
        after = last;
      }
      total += walked;
      if (walked === 0) return total;
    }
  }

  async waitingObjects(domainId: string): Promise<number> {
    const [row] = await this.#read((session) =>
      session.query<{ objects: number }>(
        `SELECT count(*)::int4 AS objects FROM object WHERE domain_id = $1 AND key_version NOT IN (
          SELECT version FROM domain_key WHERE domain_id = $1 AND status = 'current')`,
        [domainId],
      ),
    );
    return row?.objects ?? 0;
  }

  async isInUse(domainId: string, version: number): Promise<boolean> {
    const [row] = await this.#read((session) =>
      session.query<{ found: boolean }>(IN_USE, [domainId, version]),
    );
    return row?.found !== false;
  }

  beginRetirement(domainId: string, version: number): Promise<void> {
    return this.#change(domainId, SYSTEM_ACTOR, async (transaction) => {
      const key = await this.#one(transaction.session, domainId, version);
      if (key?.status === 'superseded') await this.#changeStatus(transaction, key, 'retiring', 'retiring');
    });
  }

  async horizon(): Promise<string> {
    const [row] = await this.#read((session) =>
      session.query<{ horizon: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS horizon'),
    );
    return row?.horizon ?? '';
  }

  async mayBeWritten(horizon: string): Promise<boolean> {
    return (await this.#read((session) => session.query(OLDER, [horizon]))).length > 0;
  }

  finishRetirement(domainId: string, version: number, recordKeys: readonly Wrapping[]): Promise<void> {
    return this.#change(domainId, SYSTEM_ACTOR, async (transaction) => {
      const { session } = transaction;
      const key = await this.#one(session, domainId, version);
      if (key?.status !== 'retiring') return;
      await this.#changeStatus(transaction, key, 'retired', 'retire');
      const removed = await session.query<{ root: string }>(
        'DELETE FROM domain_key_wrapping WHERE domain_id = $1 AND version = $2 RETURNING root',
        [domainId, version],
      );
      // Another node has begun to move domain keys to a root key that this one does not hold.
      if (!removed.every(({ root }) => recordKeys.some((each) => each.root === root))) throw conflict();
      await session.query(
        `INSERT INTO domain_key_wrapping (domain_id, version, root, wrapped)
          SELECT $1::uuid, $2::int4, w.* FROM unnest($3::text[], $4::bytea[]) AS w`,
        [domainId, version, recordKeys.map(({ root }) => root), recordKeys.map(({ wrapped }) => wrapped)],
      );
    });
  }

  async #one(session: Session, domainId: string, version: number): Promise<StoredDomainKey | undefined> {
    const [key] = await selectDomainKeys(session, 'k.domain_id = $1 AND k.version = $2', [domainId, version]);
    return key;
  }

  /**
   * Writes another status over a row as it was read and found right, with its record.
   * @throws HoldfastError IntegrityViolation, RevisionConflict
   */
  async #changeStatus(
    transaction: DirectoryTransaction,
    before: StoredDomainKey,
    status: DomainKeyStatus,
    step: string,
  ): Promise<void> {
    const { domainId, version } = before;
    requireAuthentic(before, (content, mac) =>
      this.keyring.verifyMac(domainId, version, 'domain-key', content, mac),
    );
    const changedAtSeconds = this.#nowSeconds();
    const said = { ...before, status, changedAtSeconds, revision: before.revision + 1 };
    const mac = this.keyring.mac(domainId, version, 'domain-key', statementOf(said));
    const written = await transaction.session.query(
      `UPDATE domain_key SET status = $1, changed_at = $2, revision = $3, mac = $4
        WHERE id = $5 AND revision = $6 RETURNING 1`,
      [status, changedAtSeconds, said.revision, mac, before.id, before.revision],
    );
    if (written.length === 0) throw conflict();
    await transaction.record(`domain-key.${step}`, said, `version ${version}`, domainId);
  }

  /** One step with its audit record; every node is told of it. */
  async #change(
    domainId: string,
    actor: Actor,
    change: (transaction: DirectoryTransaction) => Promise<void>,
  ): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.keyring.ensure(domainId);
    await this.#transactions.run(actor, async (transaction) => {
      await change(transaction);
      await transaction.notify({ kind: 'domain-key', id: domainId });
    });
  }

  #read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return repeatable((run) => this.database.general(run, WALK_TIMEOUT_MS), work);
  }

  #nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }
}

function conflict(): HoldfastError {
  return new HoldfastError('RevisionConflict', 'the domain key was changed in between', { retryable: true });
}
