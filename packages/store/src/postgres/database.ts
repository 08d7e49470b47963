import { randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/ttlv';
import {
  Pool,
  type ClientBase,
  type ClientConfig,
  type PoolClient,
  type PoolConfig,
  type QueryResult,
} from 'pg';
import type { BinaryWriter, RowReader } from './binary';
import { checkConnectionString } from './connection-string';
import { KeptConnections } from './kept-connections';
import { isStalePreparation, isUnavailable, leavesOutcomeOpen, storeError } from './errors';
import { LeanClient } from './lean-client';
import { answered } from './liveness';
import { Shares } from './shares';
import { SELECT_REQUIRED_SETTINGS, requireSettings } from './required-settings';
import { SESSION_SETTINGS } from './session-settings';
import { execute, type Paging, type Statement } from './statement';

/** What the store tells its owner's log; structurally a pino logger. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface DatabaseOptions {
  readonly connection: string | ClientConfig;
  readonly log: StoreLog;
  /** Connections for transactions, Locate and administration; reading and writing single objects have their own. */
  readonly poolSize: number;
  /** How long the answer to a statement may take, unless it walks tables. Default 15 s. */
  readonly statementTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
/** How long a statement may take that walks whole tables, which are as large as they are. */
export const WALK_TIMEOUT_MS = 3_600_000;
/** After so long without a word the system asks whether the server is there. */
const KEEP_ALIVE_AFTER_MS = 10_000;
const HOT_CONNECTIONS = 8;
const MAX_WAITING_OF_A_DOMAIN = 1024;

/**
 * The hot statements reach rows by their keys alone. Their plan is made once, perhaps while the tables are nearly empty,
 * where a sequential scan looks cheapest and stays so for good: these settings leave the index as the only plan.
 */
export const HOT_SETTINGS = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
  SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off`;
const GENERAL_SETTINGS = 'SET jit = off';

/** One connection, while it is ours. */
export interface Session {
  /** Runs a prepared statement; rows are handed over as they arrive. Errors are those of pg. */
  run(
    statement: Statement,
    writeParameters: (writer: BinaryWriter) => void,
    onRow?: (row: RowReader) => void,
    paging?: Paging,
  ): Promise<void>;
  /** Runs any other statement; columns arrive as pg's defaults have them. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Like query, but parsed and planned once per connection, under a name that belongs to this text alone. */
  prepared<Row extends object>(name: string, text: string, values: readonly unknown[]): Promise<Row[]>;
  /**
   * Commits the transaction that is open.
   * @returns false where a statement in it had failed: PostgreSQL then undoes it, which is no error to it
   */
  commit(): Promise<boolean>;
  /** The server process that serves this connection. */
  readonly backend: Backend;
}

/** Identifies one server process, to be sure that it has ended. */
export interface Backend {
  readonly processId: number;
  readonly startedAt: string;
}

/** The pool waits for `onConnect`, and does not hand out a client for which it fails; its published type omits that. */
interface PreparingPoolConfig extends Omit<PoolConfig, 'onConnect'> {
  readonly onConnect: (client: ClientBase) => Promise<void>;
}

/** The connections of this process to its database. */
export class Database {
  /** Names the sessions of this process in pg_stat_activity. */
  readonly applicationName = `holdfast ${randomBytes(4).toString('hex')}`;
  readonly #hot: ClosingPool;
  readonly #transactions: ClosingPool;
  readonly #general: ClosingPool;
  readonly #backends = new WeakMap<LeanClient, Backend>();
  readonly #hotConnections: KeptConnections;
  readonly #hotSessions = new WeakMap<PoolClient, Session>();
  readonly #statementTimeoutMs: number;
  readonly #shares: Shares;

  /** @throws HoldfastError Configuration for a connection string that is none */
  constructor(private readonly options: DatabaseOptions) {
    if (typeof options.connection === 'string') checkConnectionString(options.connection);
    this.#statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
    this.#hot = this.#pool(HOT_CONNECTIONS, HOT_SETTINGS);
    this.#hotConnections = new KeptConnections(this.#hot, (error) => this.#lostIdle(this.#hot, error));
    this.#transactions = this.#pool(options.poolSize, HOT_SETTINGS);
    this.#general = this.#pool(options.poolSize, GENERAL_SETTINGS);
    this.#shares = new Shares(Math.max(1, Math.floor(options.poolSize / 2)), MAX_WAITING_OF_A_DOMAIN);
  }

  /** What a client needs to connect outside the pools. */
  clientConfig(): ClientConfig {
    const { connection } = this.options;
    return {
      ...(typeof connection === 'string' ? { connectionString: connection } : connection),
      application_name: this.applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    };
  }

  /**
   * Runs `work` on a connection for the statements that reach rows by key.
   * @throws what `work` throws; HoldfastError StoreUnavailable where there is no connection
   */
  async hot<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const connections = this.#hotConnections;
    let client = connections.take();
    if (client === undefined) {
      try {
        client = await connections.connect();
      } catch (error) {
        throw storeError(error);
      }
    }
    let session = this.#hotSessions.get(client);
    if (session === undefined) {
      session = this.#session(client as unknown as LeanClient, this.#statementTimeoutMs);
      this.#hotSessions.set(client, session);
    }
    try {
      const result = await work(session);
      connections.give(client, false);
      return result;
    } catch (error) {
      connections.give(client, isBroken(error, client));
      throw error;
    }
  }

  /** Runs `work` on a connection for a transaction; `work` begins and ends it. */
  transactional<T>(work: (session: Session) => Promise<T>, timeoutMs = this.#statementTimeoutMs): Promise<T> {
    return this.#with(this.#transactions, work, timeoutMs);
  }

  /**
   * Like `transactional`, for work of a domain's clients, which may last: one domain has half of the connections at most.
   * @throws HoldfastError ServerLimitExceeded where too much of the domain waits already
   */
  shared<T>(domainId: string, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#shares.run(domainId, () => this.transactional(work));
  }

  /** Runs `work` on a connection for statements that are planned for their parameters. */
  general<T>(work: (session: Session) => Promise<T>, timeoutMs = this.#statementTimeoutMs): Promise<T> {
    return this.#with(this.#general, work, timeoutMs);
  }

  /** Whether there will be no connection any more. */
  get isClosed(): boolean {
    return this.#general.ending;
  }

  /** Waits for what is under way and closes all connections. */
  async close(): Promise<void> {
    this.#hotConnections.close();
    await Promise.all([this.#hot, this.#transactions, this.#general].map((pool) => pool.close()));
  }

  #pool(max: number, settings: string): ClosingPool {
    const config: PreparingPoolConfig = {
      ...this.clientConfig(),
      max,
      idleTimeoutMillis: 0,
      Client: LeanClient,
      onConnect: async (client) => {
        if (client instanceof LeanClient) await this.#prepare(client, settings);
      },
    };
    const pool = new ClosingPool(config);
    pool.on('error', (error) => this.#lostIdle(pool, error));
    return pool;
  }

  /** The error carries the client with all it knows: only its message is for the log. */
  #lostIdle(pool: Pool, { message }: Error): void {
    if (!pool.ending) this.options.log.warn({ reason: message }, 'an idle database connection was lost');
  }

  /** @throws HoldfastError StoreUnavailable where the server, which may be another one by now, would not keep what it acknowledges */
  async #prepare(client: LeanClient, settings: string): Promise<void> {
    await answered(client, `${SESSION_SETTINGS}; ${settings}`);
    const required = await answered<{ name: string; setting: string }>(client, SELECT_REQUIRED_SETTINGS);
    try {
      requireSettings(required.rows);
    } catch (cause) {
      throw new HoldfastError('StoreUnavailable', 'the key store cannot be used', { cause, retryable: true });
    }
    const { rows } = await answered<{ pid: number; started: string }>(
      client,
      'SELECT pid, backend_start::text AS started FROM pg_stat_activity WHERE pid = pg_backend_pid()',
    );
    const [row] = rows;
    this.#backends.set(client, { processId: row?.pid ?? 0, startedAt: row?.started ?? '' });
  }

  async #with<T>(pool: Pool, work: (session: Session) => Promise<T>, timeoutMs: number): Promise<T> {
    let client: PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw storeError(error);
    }
    // pg reports a lost connection both to the statement under way and as an event that must have a listener.
    const onError = (): void => undefined;
    client.on('error', onError);
    let failure: unknown;
    try {
      return await work(this.#session(client as unknown as LeanClient, timeoutMs));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.removeListener('error', onError);
      client.release(failure !== undefined && isBroken(failure, client));
    }
  }

  #session(client: LeanClient, timeoutMs: number): Session {
    const query = async <Row extends object>(
      text: string,
      values: readonly unknown[] = [],
      name?: string,
    ): Promise<QueryResult<Row>> => {
      const timer = setTimeout(() => client.abort(), timeoutMs);
      try {
        return await client.query<Row>({
          text,
          values: [...values],
          ...(name === undefined ? {} : { name }),
        });
      } finally {
        clearTimeout(timer);
      }
    };
    return {
      run: (statement, writeParameters, onRow, paging) =>
        execute(client, statement, writeParameters, onRow, timeoutMs, paging),
      query: async <Row extends object>(text: string, values?: readonly unknown[]) =>
        (await query<Row>(text, values)).rows,
      prepared: async <Row extends object>(name: string, text: string, values: readonly unknown[]) =>
        (await query<Row>(text, values, name)).rows,
      commit: async () => (await query('COMMIT')).command === 'COMMIT',
      backend: this.#backends.get(client) ?? { processId: 0, startedAt: '' },
    };
  }
}

/** A pool that knows which of its connections are open: its own `end` does not wait until they are closed. */
class ClosingPool extends Pool {
  readonly #open = new Set<PoolClient>();
  #onClosed: (() => void) | undefined;

  constructor(config: PoolConfig) {
    super(config);
    this.on('connect', (client) => this.#open.add(client));
    this.on('remove', (client) => {
      this.#open.delete(client);
      if (this.#open.size === 0) this.#onClosed?.();
    });
  }

  /** Waits for what is under way and closes all connections; nothing can be asked of it any more. */
  async close(): Promise<void> {
    await this.end();
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#onClosed = resolve));
  }
}

/** Whether the connection cannot be used again: it is gone, or stands in a transaction that nobody ended. */
function isBroken(failure: unknown, client: PoolClient): boolean {
  if (client.getTransactionStatus() !== 'I') return true;
  if (failure instanceof HoldfastError) return false;
  // A server that has become a replica (25006) keeps its connections, on which nothing can be written any more.
  return leavesOutcomeOpen(failure) || isUnavailable(failure) || isStalePreparation(failure);
}
