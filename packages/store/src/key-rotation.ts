import { SYSTEM_DOMAIN_ID, type Actor, type Keyring } from '@holdfast/core';
import { resealDirectory } from './directory/reseal';
import { DirectoryTransactions, SYSTEM_ACTOR, type DirectoryTransaction } from './directory/transaction';
import type { DomainKeyStatus } from './domain-keys';
import type { PostgresKeyStore } from './objects/key-store';
import type { Database } from './postgres/database';
import { repeatable } from './postgres/transaction';
import { DIRECTORY_TABLES } from './verify/directory';

/** One version of a domain's key, and how many rows need it. */
export interface KeyVersionUse {
  readonly domainId: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly createdAtSeconds: number;
  /** Objects that are sealed or authenticated under it. */
  readonly objects: number;
  /** Asynchronous requests whose content is sealed under it: they expire. */
  readonly requests: number;
  /** Rows of the directory: of the system domain's key alone. */
  readonly directoryRows: number;
  /** Change and audit records that are authenticated under it: they stay. */
  readonly records: number;
}

/** Versions of domain keys on their way: announced, current, no longer current. */
export interface KeyRotationStore {
  use(): Promise<readonly KeyVersionUse[]>;
  /** Adds a version that nothing is sealed under yet, so that every process can load it. The first one wins. */
  announce(domainId: string, version: number, wrapped: Buffer, actor: Actor): Promise<void>;
  /** Makes an announced version the current one; one that is so already stays it. */
  activate(domainId: string, version: number, actor: Actor): Promise<void>;
  /**
   * Seals all objects of a domain under its current key that are under another one, page by page, until there are none
   * but such as are not what was written; of the system domain, the rows of the directory. Where another node is about it, nothing is done here.
   * @param goesOn asked before each page
   * @returns how many were sealed anew
   */
  reseal(domainId: string, goesOn: () => boolean): Promise<number>;
}

const PAGE_ITEMS = 64;
const DIRECTORY_ROWS = DIRECTORY_TABLES.map(({ name }) => `SELECT key_version FROM ${name}`).join(
  ' UNION ALL ',
);
const USE = `SELECT k.domain_id, k.version, k.status, k.created_at::float8 AS created_at,
    (SELECT count(*) FROM object AS o WHERE o.domain_id = k.domain_id AND o.key_version = k.version)::int4 AS objects,
    (SELECT count(*) FROM asynchronous_request AS r
      WHERE r.domain_id = k.domain_id AND r.content_key_version = k.version)::int4 AS requests,
    CASE WHEN k.domain_id = $1 THEN
      (SELECT count(*) FROM (${DIRECTORY_ROWS}) AS d WHERE d.key_version = k.version)::int4 ELSE 0 END AS directory_rows,
    ((SELECT count(*) FROM change_record AS c WHERE c.domain_id = k.domain_id AND c.key_version = k.version)
      + CASE WHEN k.domain_id = $1 THEN (SELECT count(*) FROM audit_record AS a WHERE a.key_version = k.version)
        + (SELECT count(*) FROM audit_batch AS b WHERE b.key_version = k.version) ELSE 0 END)::int4 AS records
  FROM domain_key AS k ORDER BY k.domain_id, k.version`;

interface UseColumns {
  readonly domain_id: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly created_at: number;
  readonly objects: number;
  readonly requests: number;
  readonly directory_rows: number;
  readonly records: number;
}

export class PostgresKeyRotation implements KeyRotationStore {
  readonly #transactions: DirectoryTransactions;
  readonly #directory: Parameters<typeof resealDirectory>[0];

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly keyStore: PostgresKeyStore,
    nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
    this.#directory = { database, keyring, transactions: this.#transactions };
  }

  async use(): Promise<readonly KeyVersionUse[]> {
    const rows = await repeatable(
      (run) => this.database.general(run),
      (session) => session.query<UseColumns>(USE, [SYSTEM_DOMAIN_ID]),
    );
    return rows.map(({ domain_id, created_at, directory_rows, ...counts }) => ({
      ...counts,
      domainId: domain_id,
      createdAtSeconds: created_at,
      directoryRows: directory_rows,
    }));
  }

  announce(domainId: string, version: number, wrapped: Buffer, actor: Actor): Promise<void> {
    return this.#change('announce', { domainId, version, actor }, ({ session }) =>
      session.query(
        `INSERT INTO domain_key (domain_id, version, wrapped, status, created_at)
          VALUES ($1, $2, $3, 'announced', extract(epoch FROM now())::bigint) ON CONFLICT DO NOTHING RETURNING 1`,
        [domainId, version, wrapped],
      ),
    );
  }

  activate(domainId: string, version: number, actor: Actor): Promise<void> {
    return this.#change('activate', { domainId, version, actor }, ({ session }) =>
      session.query(
        `UPDATE domain_key SET status = CASE version WHEN $2 THEN 'current' ELSE 'retired' END
          WHERE domain_id = $1 AND status IN ('announced', 'current')
            AND EXISTS (SELECT FROM domain_key WHERE domain_id = $1 AND version = $2 AND status = 'announced')
          RETURNING 1`,
        [domainId, version],
      ),
    );
  }

  async reseal(domainId: string, goesOn: () => boolean): Promise<number> {
    return this.database.general(async (session) => {
      const [lock] = await session.query<{ mine: boolean }>(
        `SELECT pg_try_advisory_lock(hashtextextended('holdfast reseal ' || $1, 0)) AS mine`,
        [domainId],
      );
      if (lock?.mine !== true) return 0;
      try {
        return await (domainId === SYSTEM_DOMAIN_ID
          ? resealDirectory(this.#directory, goesOn)
          : this.#reseal(domainId, goesOn));
      } finally {
        await session.query(`SELECT pg_advisory_unlock(hashtextextended('holdfast reseal ' || $1, 0))`, [
          domainId,
        ]);
      }
    });
  }

  /** Clients change objects meanwhile: walks are repeated until one finds nothing that it can do. */
  async #reseal(domainId: string, goesOn: () => boolean): Promise<number> {
    let total = 0;
    for (;;) {
      let walked = 0;
      for (let after: string | undefined = ''; after !== undefined;) {
        if (!goesOn()) return total + walked;
        const { last, resealed } = await this.keyStore.reseal(domainId, after, PAGE_ITEMS, SYSTEM_ACTOR);
        walked += resealed;
        after = last;
      }
      total += walked;
      if (walked === 0) return total;
    }
  }

  /** One step with its audit record; every node is told of it. Where nothing had to be changed, there is neither. */
  async #change(
    step: string,
    {
      domainId,
      version,
      actor,
    }: { readonly domainId: string; readonly version: number; readonly actor: Actor },
    change: (transaction: DirectoryTransaction) => Promise<readonly unknown[]>,
  ): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.#transactions.run(actor, async (transaction) => {
      if ((await change(transaction)).length === 0) return;
      await transaction.record(`domain-key.${step}`, undefined, `version ${version}`, domainId);
      await transaction.notify({ kind: 'domain-key', id: domainId });
    });
  }
}
