import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/ttlv';
import type { Client, ClientConfig } from 'pg';
import { MIGRATIONS, type Migration } from './migrations';
import type { StoreLog } from './postgres/database';
import { SqlState, sqlStateOf } from './postgres/errors';
import { SELECT_REQUIRED_SETTINGS, requireSettings } from './postgres/required-settings';
import { withClient } from './postgres/single-client';

/** Key of the advisory lock under which nodes that start at once take turns. */
const START_LOCK = '7525350155786187636';

/** Who holds it; the processes are those of the database's server. */
const SELECT_START_LOCK_HOLDER = `SELECT a.pid AS "processId", coalesce(host(a.client_addr), 'local') AS address,
    a.application_name AS application, a.backend_start AS since
  FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
  WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((l.classid::int8 << 32) | l.objid::int8) = ${START_LOCK}`;

/** The transaction that is open for longest: what it has used is locked until its end. */
const SELECT_LONGEST_TRANSACTION = `SELECT pid AS "processId", coalesce(host(client_addr), 'local') AS address,
    application_name AS application, xact_start AS since
  FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
  ORDER BY xact_start LIMIT 1`;

const MIN_SERVER_VERSION = 140000;

/** All who come after a step that waits for a table wait behind it: it does not wait for longer, and leaves them as long in between. */
const LOCK_TIMEOUT_MS = 500;
const PAUSE_MS = 1_000;

export interface MigrationResult {
  /** Steps that were taken now. */
  readonly applied: readonly string[];
  /** PostgreSQL's own version, e.g. "15.13". */
  readonly databaseVersion: string;
}

/**
 * Runs `work` on a connection of its own under the lock that all nodes share.
 * @throws HoldfastError StoreUnavailable where the database cannot be reached
 */
function underStartLock<T>(
  config: string | ClientConfig,
  log: Pick<StoreLog, 'warn'> | undefined,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  // The lock goes with the session.
  return withClient(config, async (client) => {
    const { rows } = await client.query<{ taken: boolean }>(
      `SELECT pg_try_advisory_lock(${START_LOCK}) AS taken`,
    );
    if (rows[0]?.taken !== true) {
      const [holder] = (await client.query<object>(SELECT_START_LOCK_HOLDER)).rows;
      log?.warn({ holder }, 'waiting for another node that starts, or brings the schema up to date');
      await client.query(`SELECT pg_advisory_lock(${START_LOCK})`);
    }
    return work(client);
  });
}

/**
 * Checks that the database keeps what it acknowledges and brings its schema up to this program's version, forward
 * only. Nodes that start at once take turns.
 * @param log is told for whom it waits: another node that starts, or one that uses a table that is to change
 * @throws HoldfastError Configuration where the database is too old, unsafely configured, newer than the program, or not its own;
 * StoreUnavailable
 */
export function migrate(
  config: string | ClientConfig,
  migrations: readonly Migration[] = MIGRATIONS,
  log?: Pick<StoreLog, 'warn'>,
): Promise<MigrationResult> {
  return underStartLock(config, log, async (client) => {
    const databaseVersion = await checkServer(client);
    const applied = await takeSteps(client, migrations, log).catch((error: unknown) => {
      throw notOurs(error) ?? error;
    });
    return { applied, databaseVersion };
  });
}

/** Where tables of somebody else stand in the way, or the role may make none: what to tell the operator. */
function notOurs(error: unknown): HoldfastError | undefined {
  const state = sqlStateOf(error);
  if (state !== SqlState.duplicateTable && state !== SqlState.insufficientPrivilege) return undefined;
  return new HoldfastError(
    'Configuration',
    `the schema cannot be made (${(error as Error).message}): Holdfast needs a database of its own, which its role owns`,
    { cause: error },
  );
}

async function checkServer(client: Client): Promise<string> {
  const { rows } = await client.query<{ version: string; number: number }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int4 AS number`,
  );
  const { version = '', number = 0 } = rows[0] ?? {};
  if (number < MIN_SERVER_VERSION) {
    throw new HoldfastError('Configuration', `PostgreSQL ${version} is too old: 14 or newer is needed`);
  }
  requireSettings((await client.query<{ name: string; setting: string }>(SELECT_REQUIRED_SETTINGS)).rows);
  return version;
}

async function takeSteps(
  client: Client,
  migrations: readonly Migration[],
  log: Pick<StoreLog, 'warn'> | undefined,
): Promise<readonly string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows } = await client.query<{ version: number; sha256: string }>(
    'SELECT version, sha256 FROM schema_migration ORDER BY version DESC',
  );
  const recorded = new Map(rows.map(({ version, sha256 }) => [version, sha256]));
  const known = new Set(migrations.map(({ version }) => version));
  for (const version of recorded.keys()) {
    if (!known.has(version)) {
      throw new HoldfastError(
        'Configuration',
        `the database has schema version ${version}, which is newer than this program`,
      );
    }
  }
  const applied: string[] = [];
  for (const migration of migrations) {
    const checksum = createHash('sha256').update(migration.sql).digest('hex');
    const before = recorded.get(migration.version);
    if (before === undefined) {
      await takeStep(client, migration, checksum, log);
      applied.push(`${migration.version} ${migration.name}`);
    } else if (before !== checksum) {
      throw new HoldfastError(
        'Configuration',
        `schema version ${migration.version} of the database is not the one of this program`,
      );
    }
  }
  return applied;
}

/** Takes a step while others use the tables, as soon as nobody has one of them that is to change: a backup has all. */
async function takeStep(
  client: Client,
  migration: Migration,
  checksum: string,
  log: Pick<StoreLog, 'warn'> | undefined,
): Promise<void> {
  for (let attempt = 1; !(await isTaken(client, migration, checksum)); attempt++) {
    if (attempt === 1) {
      const [holder] = (await client.query<object>(SELECT_LONGEST_TRANSACTION)).rows;
      log?.warn(
        { step: migration.name, holder },
        'the schema is brought up to date once its tables are free',
      );
    }
    await delay(PAUSE_MS);
  }
}

/** @returns false where somebody else uses a table that the step changes: nothing was done then */
async function isTaken(
  client: Client,
  { version, name, sql }: Migration,
  checksum: string,
): Promise<boolean> {
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(sql);
    await client.query('INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3)', [
      version,
      name,
      checksum,
    ]);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    if (sqlStateOf(error) !== SqlState.lockNotAvailable) throw error;
    await client.query('ROLLBACK');
    return false;
  }
}
