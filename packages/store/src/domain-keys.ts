import { randomUUID } from 'node:crypto';
import { HoldfastError, SYSTEM_DOMAIN_ID, type Keyring } from '@holdfast/core';
import { DirectoryTransactions, SYSTEM_ACTOR } from './directory/transaction';
import type { Database, Session } from './postgres/database';
import { repeatable } from './postgres/transaction';

/**
 * `announced`: to be loaded by every process, before it becomes `current`, under which alone is written; `superseded`: what
 * is under it is sealed anew; `retiring`: nothing may be written under it any more; `retired`: its sealing key is
 * destroyed, what verifies records is left.
 */
export type DomainKeyStatus = 'announced' | 'current' | 'superseded' | 'retiring' | 'retired';

/** Name of the setting that holds the check value of the current root key. */
export const ROOT_CHECK_VALUE = 'root-key-check-value';

/** A domain key wrapped by one root key, which binds it to domain and version. */
export interface Wrapping {
  /** The check value of the root key. */
  readonly root: string;
  readonly wrapped: Buffer;
}

/** What the row of a domain key version says of it, vouched for by the key itself. */
export interface DomainKeyStatement {
  /** The row, as audit records name it. */
  readonly id: string;
  readonly domainId: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly createdAtSeconds: number;
  /** Since when it has this status. */
  readonly changedAtSeconds: number;
  readonly revision: number;
}

/** A domain key as it lies in the database. */
export interface StoredDomainKey extends DomainKeyStatement {
  /** Over the statement; undefined in a row of revision 0, which is older than MACs here. */
  readonly mac: Buffer | undefined;
  /** The newest revision of which there is a record. */
  readonly newestRevision: number | undefined;
  readonly wrappings: readonly Wrapping[];
}

/** Computes the MAC of a domain key over what is said of it. */
export type StatementMac = (content: Buffer) => Buffer;

/** The wrapped domain keys and the check value of the root key that wraps them. */
export interface DomainKeyStore {
  /** The check value of the root key under which this database was set up; undefined before that. */
  rootCheckValue(): Promise<string | undefined>;
  /** Sets the check value where there is none. @returns the one that is in force: the first writer's */
  setRootCheckValue(value: string): Promise<string>;
  /** All versions of a domain's key, the oldest first. @throws HoldfastError IntegrityViolation */
  listDomainKeys(domainId: string): Promise<readonly StoredDomainKey[]>;
  /**
   * Adds a domain's first key, as the current one. The first writer wins. A domain of which there are records has had a
   * key: it gets no other first one; nor does any from a node whose root key is not the current one.
   * @returns whether it was this call
   */
  addFirstKey(domainId: string, wrappings: readonly Wrapping[], mac: StatementMac): Promise<boolean>;
}

/** The bytes over which the MAC of a row is computed. */
export function statementOf(key: DomainKeyStatement): Buffer {
  const { id, domainId, version, status, createdAtSeconds, changedAtSeconds, revision } = key;
  const said = ['domain_key', id, domainId, version, status, createdAtSeconds, changedAtSeconds, revision];
  return Buffer.from(JSON.stringify(said), 'utf8');
}

/**
 * Checks what a row says of its key.
 * @throws HoldfastError IntegrityViolation where that is not what was written, or not what was recorded last
 */
export function requireAuthentic(
  key: StoredDomainKey,
  isRight: (content: Buffer, mac: Buffer) => boolean,
): void {
  const { mac, revision, newestRevision, version } = key;
  const row = `the stored domain_key (version ${version})`;
  if (mac === undefined ? revision !== 0 : !isRight(statementOf(key), mac)) {
    throw new HoldfastError('IntegrityViolation', `${row} is not what was written`);
  }
  // The system's first key is there before records can be.
  if (newestRevision === undefined ? revision > 1 : newestRevision !== revision) {
    throw new HoldfastError('IntegrityViolation', `${row} is not the one that was recorded last`);
  }
}

const SELECT = `SELECT k.id, k.domain_id, k.version, k.status, k.created_at::float8 AS created_at,
    k.changed_at::float8 AS changed_at, k.revision, k.mac,
    (SELECT a.row_revision FROM audit_record AS a WHERE a.row_id = k.id ORDER BY a.row_revision DESC LIMIT 1) AS newest,
    ARRAY(SELECT w.root FROM domain_key_wrapping AS w
      WHERE w.domain_id = k.domain_id AND w.version = k.version ORDER BY w.root) AS roots,
    ARRAY(SELECT w.wrapped FROM domain_key_wrapping AS w
      WHERE w.domain_id = k.domain_id AND w.version = k.version ORDER BY w.root) AS wrapped
  FROM domain_key AS k`;

interface Columns {
  readonly id: string;
  readonly domain_id: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
  readonly created_at: number;
  readonly changed_at: number;
  readonly revision: number;
  readonly mac: Buffer | null;
  readonly newest: number | null;
  readonly roots: readonly string[];
  readonly wrapped: readonly Buffer[];
}

/** All domain keys that a condition holds for; the table's alias is "k". Unchecked: that needs the keys themselves. */
export async function selectDomainKeys(
  session: Pick<Session, 'query'>,
  condition: string,
  values: readonly unknown[] = [],
): Promise<readonly StoredDomainKey[]> {
  const text = `${SELECT} WHERE ${condition} ORDER BY k.domain_id, k.version`;
  return (await session.query<Columns>(text, values)).map((row) => ({
    id: row.id,
    domainId: row.domain_id,
    version: row.version,
    status: row.status,
    createdAtSeconds: row.created_at,
    changedAtSeconds: row.changed_at,
    revision: row.revision,
    mac: row.mac ?? undefined,
    newestRevision: row.newest ?? undefined,
    wrappings: row.roots.map((root, index) => ({ root, wrapped: row.wrapped[index] ?? Buffer.alloc(0) })),
  }));
}

/** Statement that writes a new row with its wrappings, if the current root key is among theirs and `condition` holds. */
const INSERT = (condition: string): string => `WITH root AS (
    SELECT FROM setting WHERE name = '${ROOT_CHECK_VALUE}' AND value = ANY ($9::text[]) FOR SHARE),
  added AS (
    INSERT INTO domain_key (id, domain_id, version, status, created_at, changed_at, revision, mac)
    SELECT $1::uuid, $2::uuid, $3::int4, $4, $5::int8, $6::int8, $7::int4, $8::bytea
    WHERE EXISTS (SELECT FROM root) AND ${condition}
    ON CONFLICT DO NOTHING RETURNING domain_id, version),
  wrapped AS (
    INSERT INTO domain_key_wrapping (domain_id, version, root, wrapped)
    SELECT added.domain_id, added.version, w.* FROM added, unnest($9::text[], $10::bytea[]) AS w)
  SELECT FROM added`;

/** A domain of which there are records has had a key. */
const NEVER_RECORDED = `NOT EXISTS (SELECT FROM change_record WHERE domain_id = $2)
  AND ($2 <> '${SYSTEM_DOMAIN_ID}'::uuid OR NOT EXISTS (SELECT FROM audit_record))`;

/** Writes a new row of revision 1. @returns what is said of it; undefined where it was not written */
export async function insertDomainKey(
  session: Pick<Session, 'query'>,
  key: Pick<StoredDomainKey, 'domainId' | 'version' | 'status' | 'wrappings'>,
  nowSeconds: number,
  mac: StatementMac,
): Promise<DomainKeyStatement | undefined> {
  const { domainId, version, status, wrappings } = key;
  const times = { createdAtSeconds: nowSeconds, changedAtSeconds: nowSeconds };
  const said: DomainKeyStatement = { id: randomUUID(), domainId, version, status, ...times, revision: 1 };
  const added = await session.query(INSERT(version === 1 ? NEVER_RECORDED : 'true'), [
    said.id,
    domainId,
    version,
    status,
    nowSeconds,
    nowSeconds,
    said.revision,
    mac(statementOf(said)),
    wrappings.map(({ root }) => root),
    wrappings.map(({ wrapped }) => wrapped),
  ]);
  return added.length > 0 ? said : undefined;
}

export class PostgresDomainKeys implements DomainKeyStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

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

  async listDomainKeys(domainId: string): Promise<readonly StoredDomainKey[]> {
    const keys = await repeatable(
      (run) => this.database.general(run),
      (session) => selectDomainKeys(session, 'k.domain_id = $1', [domainId]),
    );
    if (keys.every((key) => key.domainId === domainId)) return keys;
    throw new HoldfastError('IntegrityViolation', 'the stored domain_key is that of another domain');
  }

  async addFirstKey(domainId: string, wrappings: readonly Wrapping[], mac: StatementMac): Promise<boolean> {
    const nowSeconds = Math.floor(this.nowMs() / 1000);
    const key = { domainId, version: 1, status: 'current', wrappings } as const;
    if (domainId === SYSTEM_DOMAIN_ID) {
      // May be run twice: what it adds, it adds once. Its record follows once there are keys to make one with.
      const added = await repeatable(
        (run) => this.database.general(run),
        (session) => insertDomainKey(session, key, nowSeconds, mac),
      );
      return added !== undefined;
    }
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const added = await insertDomainKey(transaction.session, key, nowSeconds, mac);
      if (added === undefined) return false;
      await transaction.record('domain-key.create', added, 'version 1', domainId);
      return true;
    });
  }

  #query<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    // Every statement here may be run twice: what it adds, it adds once.
    return repeatable(
      (run) => this.database.general(run),
      (session) => session.query<Row>(text, values),
    );
  }
}
