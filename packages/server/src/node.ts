import { mkdir, chmod } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import { certificates } from '@holdfast/pki';
import { SOFTWARE_ROOT_WARNING } from '@holdfast/hsm';
import {
  openStore,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type Store,
  type StoreOptions,
} from '@holdfast/store';
import { Administration } from './administration';
import type { StatusAnswer } from './admin-protocol';
import { AdminServer } from './admin-server';
import { bootstrap } from './bootstrap';
import type { NodeConfig } from './config';
import { bindRoot, keyringSource } from './domain-keys';
import { createLogger, describeError, type Logger } from './log';
import { openRoot } from './root';
import { Service } from './service';
import { VERSION } from './version';
import { WorkerPool } from './worker-pool';

/** A database that went away is started again this often before the node gives up. */
const MAX_DATABASE_RESTARTS = 50;

/** What serves KMIP: this process itself, or a pool of workers. */
export interface Serving {
  listen(host: string, port: number): Promise<AddressInfo>;
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** One node of Holdfast: the keeper of root of trust, domain keys and, in the default set-up, the database. */
export class Node {
  #address: AddressInfo | undefined;
  #stopping: Promise<void> | undefined;
  #draining = false;
  readonly #startedAt = new Date();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;
  #databaseRestarts = 0;

  private constructor(
    private readonly config: NodeConfig,
    private readonly log: Logger,
    private postgres: EmbeddedPostgres | undefined,
    private readonly store: Store,
    private readonly root: RootOfTrust,
    private readonly keyring: ManagedKeyring,
    private readonly serving: Serving,
    private readonly admin: { server: AdminServer | undefined },
  ) {
    this.#ended = new Promise((resolveEnded) => {
      this.#resolveEnded = resolveEnded;
    });
  }

  /**
   * Brings a data folder and its database to the state in which they can serve, and opens both.
   * @throws HoldfastError Configuration, RootOfTrustMismatch, StoreUnavailable
   */
  static async open(config: NodeConfig, passphrase: SecretBytes | undefined): Promise<Node> {
    const dataDir = resolve(config.dataDir);
    const log = createLogger(config.logLevel);
    await prepareDataDir(dataDir);
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const postgres = config.databaseUrl === undefined ? await startDatabase(dataDir, log) : undefined;
      if (postgres !== undefined) undo.push(() => postgres.stop());
      const connection: StoreOptions['connection'] = postgres?.connection ?? config.databaseUrl ?? '';
      const opened = { store: undefined as Store | undefined, root: undefined as RootOfTrust | undefined };
      const keyring = createKeyring(
        keyringSource(
          () => present(opened.store).domainKeys,
          () => present(opened.root),
        ),
      );
      undo.push(() => {
        keyring.close();
        return Promise.resolve();
      });
      const store = (opened.store = await openStore({
        connection,
        keyring,
        log,
      }));
      undo.push(() => store.close());
      const isNew = (await store.domainKeys.rootCheckValue()) === undefined;
      const root = (opened.root = await openRoot(dataDir, passphrase, isNew));
      undo.push(() => root.close());
      if (root.kind.startsWith('software')) log.warn({ root: root.kind }, SOFTWARE_ROOT_WARNING);
      await bindRoot(store.domainKeys, root);
      const { directory, clock } = store;
      await bootstrap(dataDir, { directory, keyring, certificates, clock });
      const serving: Serving =
        config.workers === 1
          ? await Service.create(config, { store, keyring }, log)
          : new WorkerPool(config, connection, root, log);
      const node = new Node({ ...config, dataDir }, log, postgres, store, root, keyring, serving, {
        server: undefined,
      });
      if (postgres !== undefined) void node.#keepDatabase(postgres);
      return node;
    } catch (error) {
      for (const step of undo.reverse()) await step().catch(() => undefined);
      throw error;
    }
  }

  /** Resolves when the node has stopped. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Starts to serve KMIP and the administration socket. @throws HoldfastError Configuration (address in use, ...) */
  async serve(): Promise<AddressInfo> {
    const { directory, auditLog, clock } = this.store;
    this.#address = await this.serving.listen(this.config.listen.host, this.config.listen.port);
    this.admin.server = new AdminServer(
      new Administration(directory, certificates, clock),
      { status: () => this.#status(), drain: () => void this.stop() },
      directory,
      auditLog,
      this.log,
    );
    await this.admin.server.listen(this.config.dataDir);
    this.log.info(
      { host: this.#address.address, port: this.#address.port, version: VERSION },
      'serving KMIP',
    );
    return this.#address;
  }

  /** Drains and stops everything in order; may be called more than once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    this.log.info('draining');
    const steps: readonly (() => unknown)[] = [
      () => this.serving.close(),
      () => this.admin.server?.close(),
      () => this.store.close(),
      () => {
        this.keyring.close();
      },
      () => this.root.close(),
      () => this.postgres?.stop(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.log.error({ error: describeError(error) }, 'stopping was not clean');
      }
    }
    this.log.info('stopped');
    this.#resolveEnded();
  }

  async #status(): Promise<StatusAnswer> {
    return {
      version: VERSION,
      state: this.#draining ? 'draining' : 'serving',
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      kmip: { host: this.#address?.address ?? '', port: this.#address?.port ?? 0 },
      workers: this.config.workers,
      connections: await this.serving.connections(),
      database: {
        kind: this.config.databaseUrl === undefined ? 'embedded' : 'external',
        version: this.store.databaseVersion,
      },
      root: { kind: this.root.kind, forEvaluation: this.root.kind.startsWith('software') },
    };
  }

  /** Starts the embedded database again when it ended by itself; the store connects to it again on its own. */
  async #keepDatabase(running: EmbeddedPostgres): Promise<void> {
    const { reason } = await running.exited;
    if (this.#stopping !== undefined) return;
    this.log.error({ reason }, 'the embedded PostgreSQL ended; it is started again');
    try {
      if (++this.#databaseRestarts > MAX_DATABASE_RESTARTS) {
        throw new HoldfastError('StoreUnavailable', 'the embedded PostgreSQL ends again and again');
      }
      this.postgres = await startDatabase(this.config.dataDir, this.log);
      void this.#keepDatabase(this.postgres);
    } catch (error) {
      this.log.fatal({ error: describeError(error) }, 'the embedded PostgreSQL cannot be started');
      process.exitCode = 1;
      await this.stop();
    }
  }
}

function startDatabase(dataDir: string, log: Logger): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir,
    log: (level, message) => log[level]({ component: 'postgresql' }, message),
  });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new HoldfastError('RootOfTrustUnavailable', 'the server is still starting');
  return value;
}

async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    const made = await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if (made !== undefined) await chmod(dataDir, 0o700);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new HoldfastError(
      'Configuration',
      `the data folder ${dataDir} cannot be made (${code ?? 'unknown'})`,
      { cause },
    );
  }
}
