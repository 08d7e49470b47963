import { SYSTEM_DOMAIN_ID } from '@holdfast/core';
import type { Database } from './postgres/database';
import { repeatable } from './postgres/transaction';

/**
 * `announced`: to be loaded by every process, before it becomes `current`, under which alone is written; `retired`: read.
 */
export type DomainKeyStatus = 'announced' | 'current' | 'retired';

/** A domain key as it lies in the database: wrapped by the root of trust, bound to its domain and version. */
export interface WrappedDomainKey {
  readonly domainId: string;
  readonly version: number;
  readonly wrapped: Buffer;
  /** New values are sealed under this version. */
  readonly current: boolean;
  readonly status: DomainKeyStatus;
  readonly createdAtSeconds: number;
}

const ROOT_CHECK_VALUE = 'root-key-check-value';

/** The wrapped domain keys and the check value of the root key that wraps them. */
export interface DomainKeyStore {
  /** The check value of the root key under which this database was set up; undefined before that. */
  rootCheckValue(): Promise<string | undefined>;
  /** Sets the check value where there is none. @returns the one that is in force: the first writer's */
  setRootCheckValue(value: string): Promise<string>;
  /** All versions of a domain's key, the oldest first. */
  listDomainKeys(domainId: string): Promise<readonly WrappedDomainKey[]>;
  /**
   * Adds a version; as the current one it takes the place of the one before. The first writer of a version wins. A
   * domain of which there are records has had a key: it gets no other first one.
   * @returns whether it was this call
   */
  addDomainKey(key: Omit<WrappedDomainKey, 'createdAtSeconds' | 'status'>): Promise<boolean>;
}

/** A row of domain_key, as pg hands it over. */
export interface DomainKeyColumns {
  readonly domain_id: string;
  readonly version: number;
  readonly wrapped: Buffer;
  readonly status: DomainKeyStatus;
  readonly created_at: string;
}

export function wrappedDomainKeyOf(row: DomainKeyColumns): WrappedDomainKey {
  return {
    domainId: row.domain_id,
    version: row.version,
    wrapped: row.wrapped,
    current: row.status === 'current',
    status: row.status,
    createdAtSeconds: Number(row.created_at),
  };
}

export class PostgresDomainKeys implements DomainKeyStore {
  constructor(private readonly database: Database) {}

  async rootCheckValue(): Promise<string | undefined> {
    const [row] = await this.#query<{ value: string }>('SELECT value FROM setting WHERE name = $1', [
      ROOT_CHECK_VALUE,
    ]);
    return row?.value;
  }

  async setRootCheckValue(value: string): Promise<string> {
    await this.#query('INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      ROOT_CHECK_VALUE,
      value,
    ]);
    return (await this.rootCheckValue()) ?? value;
  }

  async listDomainKeys(domainId: string): Promise<readonly WrappedDomainKey[]> {
    const rows = await this.#query<DomainKeyColumns>(
      'SELECT domain_id, version, wrapped, status, created_at FROM domain_key WHERE domain_id = $1 ORDER BY version',
      [domainId],
    );
    return rows.map(wrappedDomainKeyOf);
  }

  async addDomainKey({
    domainId,
    version,
    wrapped,
    current,
  }: Omit<WrappedDomainKey, 'createdAtSeconds' | 'status'>): Promise<boolean> {
    const added = await this.#query(
      `WITH added AS (
        INSERT INTO domain_key (domain_id, version, wrapped, status, created_at)
        SELECT $1::uuid, $2::int4, $3::bytea, CASE WHEN $4 THEN 'current' ELSE 'retired' END, extract(epoch FROM now())::bigint
        WHERE $2 > 1 OR NOT EXISTS (SELECT FROM change_record WHERE domain_id = $1)
          AND ($1 <> $5::uuid OR NOT EXISTS (SELECT FROM audit_record))
        ON CONFLICT DO NOTHING RETURNING version),
      retired AS (
        UPDATE domain_key SET status = 'retired'
        WHERE domain_id = $1 AND version <> $2 AND status = 'current' AND $4 AND EXISTS (SELECT FROM added))
      SELECT version FROM added`,
      [domainId, version, wrapped, current, SYSTEM_DOMAIN_ID],
    );
    return added.length > 0;
  }

  #query<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    // Every statement here may be run twice: what it adds, it adds once.
    return repeatable(
      (run) => this.database.general(run),
      (session) => session.query<Row>(text, values),
    );
  }
}
