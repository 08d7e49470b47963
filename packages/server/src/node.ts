import { resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import { HoldfastError, type PublishedAddresses, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import { certificates } from '@holdfast/pki';
import { SOFTWARE_ROOT_WARNING } from '@holdfast/hsm';
import { openStore, type Store, type StoreOptions } from '@holdfast/store';
import { Administration } from './administration';
import type { StatusAnswer } from './admin-protocol';
import { AdminServer } from './admin-server';
import { bootstrap } from './bootstrap';
import { TEST_MODE_WARNING, type ListenAddress, type NodeConfig } from './config';
import { bindRoot, keyringSource } from './domain-keys';
import { prepareDataDir } from './data-dir';
import { EmbeddedDatabase } from './embedded-database';
import { KeyRotation } from './key-rotation';
import { createLogger, describeError, type Logger } from './log';
import { openRoot } from './root';
import { Service } from './service';
import { Upkeep } from './upkeep';
import { UserAdministration } from './user-administration';
import { VERSION } from './version';
import { WorkerPool } from './worker-pool';

/** Where KMIP is served: over TLS, and over HTTPS where that is configured. */
export interface ServingAddresses {
  readonly kmip: AddressInfo;
  readonly https: AddressInfo | undefined;
}

/** What serves KMIP: this process itself, or a pool of workers. */
export interface Serving {
  listen(): Promise<ServingAddresses>;
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** One node of Holdfast: the keeper of root of trust, domain keys and, in the default set-up, the database. */
export class Node {
  #addresses: ServingAddresses | undefined;
  #stopping: Promise<void> | undefined;
  #draining = false;
  readonly #keyRotation: KeyRotation;
  readonly #startedAt = new Date();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;

  private constructor(
    private readonly config: NodeConfig,
    private readonly log: Logger,
    private readonly postgres: EmbeddedDatabase | undefined,
    private readonly store: Store,
    private readonly root: RootOfTrust,
    private readonly keyring: ManagedKeyring,
    private readonly serving: Serving,
    private readonly admin: { server: AdminServer | undefined },
  ) {
    this.#keyRotation = new KeyRotation(store, store.directory, keyring, root, log);
    this.#ended = new Promise((resolveEnded) => {
      this.#resolveEnded = resolveEnded;
    });
  }

  /**
   * Brings a data folder and its database to the state in which they can serve, and opens both.
   * @throws HoldfastError Configuration, RootOfTrustMismatch, StoreUnavailable
   */
  static async open(config: NodeConfig, secret: SecretBytes | undefined): Promise<Node> {
    const dataDir = resolve(config.dataDir);
    const log = createLogger(config.logLevel);
    await prepareDataDir(dataDir);
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const postgres =
        config.databaseUrl === undefined ? await EmbeddedDatabase.start(dataDir, log) : undefined;
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
      const checkValue = await store.domainKeys.rootCheckValue();
      const root = (opened.root = await openRoot({ ...config, dataDir }, secret, checkValue, log));
      undo.push(() => root.close());
      if (root.kind.startsWith('software')) log.warn({ root: root.kind }, SOFTWARE_ROOT_WARNING);
      if (config.testMode) log.warn(TEST_MODE_WARNING);
      if (config.approvedOnly) log.info('approved cryptography alone (NIST SP 800-131A)');
      await bindRoot(store.domainKeys, root);
      const { directory, clock } = store;
      await bootstrap(dataDir, { directory, keyring, certificates, clock, addresses: addressesOf(config) });
      const serving: Serving =
        config.workers === 1
          ? await Service.create(config, { store, keyring }, log)
          : new WorkerPool(config, connection, root, log);
      return new Node({ ...config, dataDir }, log, postgres, store, root, keyring, serving, {
        server: undefined,
      });
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
  async serve(): Promise<ServingAddresses> {
    const { directory, auditLog, clock, users } = this.store;
    await this.#keyRotation.start();
    const addresses = (this.#addresses = await this.serving.listen());
    this.admin.server = new AdminServer(
      new Administration(directory, certificates, clock, addressesOf(this.config)),
      new UserAdministration(users, directory),
      new Upkeep(this.store, this.root, auditLog, () => this.#newKeyring(), this.log),
      this.#keyRotation,
      { status: () => this.#status(), drain: () => void this.stop() },
      directory,
      auditLog,
      this.log,
    );
    await this.admin.server.listen(this.config.dataDir);
    const { kmip, https } = addresses;
    this.log.info(
      {
        host: kmip.address,
        port: kmip.port,
        ...(https === undefined ? {} : { https: addressOf(https) }),
        version: VERSION,
      },
      'serving KMIP',
    );
    return addresses;
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
      () => this.#keyRotation.close(),
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

  /** A keyring that takes all keys from the database anew. */
  #newKeyring(): ManagedKeyring {
    return createKeyring(
      keyringSource(
        () => this.store.domainKeys,
        () => this.root,
      ),
    );
  }

  async #status(): Promise<StatusAnswer> {
    const { kmip, https } = this.#addresses ?? {};
    return {
      version: VERSION,
      state: this.#draining ? 'draining' : 'serving',
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      kmip: addressOf(kmip),
      ...(https === undefined ? {} : { https: addressOf(https) }),
      workers: this.config.workers,
      connections: await this.serving.connections(),
      database: {
        kind: this.config.databaseUrl === undefined ? 'embedded' : 'external',
        version: this.store.databaseVersion,
      },
      testMode: this.config.testMode,
      approvedOnly: this.config.approvedOnly,
      root: {
        kind: this.root.kind,
        forEvaluation: this.root.kind.startsWith('software'),
        processIds: this.root.processIds,
      },
    };
  }
}

function addressOf(address: AddressInfo | undefined): ListenAddress {
  return { host: address?.address ?? '', port: address?.port ?? 0 };
}

/** Where what is issued says that the CRL and the CA are published. */
function addressesOf({ crlUrls, caIssuerUrls }: NodeConfig): PublishedAddresses {
  return { crlUrls, caIssuerUrls };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new HoldfastError('RootOfTrustUnavailable', 'the server is still starting');
  return value;
}
