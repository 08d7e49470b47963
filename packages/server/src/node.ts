import { resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import { HoldfastError, type PublishedAddresses, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { createKeyring, type ManagedKeyring } from '@holdfast/crypto';
import { certificates } from '@holdfast/pki';
import { SOFTWARE_ROOT_WARNING } from '@holdfast/hsm';
import { openStore, type OwnerLock, type Store, type StoreOptions } from '@holdfast/store';
import { ApprovalAdministration, ApprovalRules } from './approval-rules';
import { Approvals } from './approvals';
import { Administration } from './administration';
import type { StatusAnswer } from './admin-protocol';
import type { NodeControl } from './admin-handlers';
import { AdminServer } from './admin-server';
import { AuditAdministration } from './audit/administration';
import { AuditKeeper } from './audit/audit-keeper';
import { readSyslogFiles } from './audit/syslog-connection';
import { bootstrap } from './bootstrap';
import type { ListenAddress } from './address';
import { TEST_MODE_WARNING, TRANSPORT_WARNING, type NodeConfig } from './config';
import { Custody } from './custody';
import { takeDataFolder } from './data-folder';
import { bindRoot, keyringSource } from './domain-keys';
import { Recovery } from './escrow/recovery';
import { Safekeeping } from './escrow/safekeeping';
import { EmbeddedDatabase } from './embedded-database';
import { makeFolder } from './folder';
import { HsmKeyCleaner } from './hsm-keys';
import { KeyRotation } from './key-rotation';
import { createLogger, describeError, type Logger } from './log';
import { NodeKey } from './node-key';
import { readinessOf } from './readiness';
import { openRoot } from './root';
import { RootKeys } from './root-keys';
import { RootMigration } from './root-migration';
import { Service } from './service';
import { initSharedRoot, SharedRoot, type Ceremony } from './shared-root';
import { Upkeep } from './upkeep';
import { UserAdministration } from './user-administration';
import { VERSION } from './version';
import { WorkerPool } from './worker-pool';

/** How long sealing waits for what hangs, beside the time that requests in hand have. */
const SHUT_TIMEOUT_MS = 10_000;

const AUDIT_WARNING = 'the audit log is not linked, or its checkpoints cannot be kept in the data folder';
const LOSS_WARNING =
  'records that were acknowledged are not in the audit log: they were altered or taken away before they were linked';
const WORKERS_WARNING = 'some workers have ended, and others do not serve in their place yet';

/** Where KMIP is served: over TLS, and over HTTPS where that is configured. */
export interface ServingAddresses {
  readonly kmip: AddressInfo;
  readonly https: AddressInfo | undefined;
}

/** What serves KMIP: this process itself, or a pool of workers. */
export interface Serving {
  listen(): Promise<ServingAddresses>;
  /** How many processes serve now. */
  readonly processes: number;
  /** How many rows of the audit log were lost that other processes than this one wrote, as was told with `connections`. */
  readonly lostRows: number;
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** One node of Holdfast: the keeper of root of trust, domain keys and, in the default set-up, the database. */
export class Node {
  #addresses: ServingAddresses | undefined;
  #serving: Serving | undefined;
  #keyRotation: KeyRotation | undefined;
  readonly #hsmKeyCleaner: HsmKeyCleaner | undefined;
  #rootMigration: RootMigration | undefined;
  #custody: Custody | undefined;
  readonly #nodeKey = new NodeKey();
  #stopping: Promise<void> | undefined;
  #draining = false;
  #admin: AdminServer | undefined;
  #upkeep: Upkeep | undefined;
  readonly #audit: AuditKeeper;
  readonly #startedAt = new Date();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;

  private constructor(
    private readonly config: NodeConfig,
    private readonly log: Logger,
    private readonly database: {
      readonly folder: OwnerLock;
      readonly postgres: EmbeddedDatabase | undefined;
      readonly connection: StoreOptions['connection'];
    },
    private readonly store: Store,
    private readonly rootKeys: RootKeys,
    private readonly keyring: ManagedKeyring,
  ) {
    const { root } = rootKeys;
    this.#audit = new AuditKeeper(store, rootKeys, config.dataDir, config.syslog, log);
    if (root instanceof SharedRoot) this.#custody = this.#custodyOf(root);
    const { hsmKeys } = rootKeys;
    this.#hsmKeyCleaner = hsmKeys && new HsmKeyCleaner(store.hsmKeys, hsmKeys, store.directory, log);
    this.#ended = new Promise((resolveEnded) => {
      this.#resolveEnded = resolveEnded;
    });
  }

  /**
   * Brings a data folder and its database to the state in which they can serve, and opens both. Where custodians hold the
   * root key, that is left to do until they have unsealed the node.
   * @param ceremony sets a new database up under a root key that custodians hold together
   * @throws HoldfastError Configuration, RootOfTrustMismatch, StoreUnavailable
   */
  static async open(config: NodeConfig, secret: SecretBytes | undefined, ceremony?: Ceremony): Promise<Node> {
    const dataDir = resolve(config.dataDir);
    const log = createLogger(config.logLevel);
    if (config.syslog !== undefined) await readSyslogFiles(config.syslog);
    await makeFolder(dataDir, 'the data folder');
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const postgres =
        config.databaseUrl === undefined ? await EmbeddedDatabase.start(dataDir, log) : undefined;
      if (postgres !== undefined) undo.push(() => postgres.stop());
      const folder = await takeDataFolder(dataDir);
      undo.push(() => folder.release());
      const connection: StoreOptions['connection'] = postgres?.connection ?? config.databaseUrl ?? '';
      const opened = { store: undefined as Store | undefined, keys: undefined as RootKeys | undefined };
      const keyring = createKeyring(
        keyringSource(
          () => present(opened.store).domainKeys,
          () => present(opened.keys),
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
        maxKeptBytes: config.limits.maxKeptBytes,
      }));
      undo.push(() => store.close());
      const { current, outgoing } = await store.rootKeys.state();
      const accepted = [current, outgoing].flatMap((checkValue) => checkValue ?? []);
      const root =
        ceremony === undefined
          ? await openRoot({ ...config, dataDir }, secret, accepted, log)
          : await initSharedRoot(store, ceremony);
      undo.push(() => root.close());
      const keys = (opened.keys = new RootKeys(root));
      if (root.kind.startsWith('software')) log.warn({ root: root.kind }, SOFTWARE_ROOT_WARNING);
      const { transport } = store;
      if (transport !== undefined && transport !== 'verified') log.warn({ transport }, TRANSPORT_WARNING);
      if (config.testMode) log.warn(TEST_MODE_WARNING);
      if (config.approvedOnly) log.info('approved cryptography alone (NIST SP 800-131A)');
      const database = { folder, postgres, connection };
      const node = new Node({ ...config, dataDir }, log, database, store, keys, keyring);
      if (node.#custody?.isSealed !== true) await node.#prepare();
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

  /**
   * Starts to serve KMIP and the administration socket; a sealed node starts with the latter alone.
   * @returns where KMIP is served, unless it is sealed
   * @throws HoldfastError Configuration (address in use, ...)
   */
  async serve(): Promise<ServingAddresses | undefined> {
    const { directory, auditLog, clock, users } = this.store;
    if (this.#custody?.isSealed === true) await this.#custody.start();
    else await this.#listen();
    this.#upkeep = new Upkeep(
      this.store,
      auditLog,
      this.#audit.outside,
      () => this.#newKeyring(),
      () => this.rootKeys.hsmKeys,
      this.log,
    );
    const services = {
      administration: new Administration(
        directory,
        certificates,
        clock,
        addressesOf(this.config),
        () => this.rootKeys.hsmKeys !== undefined,
      ),
      users: new UserAdministration(users, directory),
      upkeep: this.#upkeep,
      safekeeping: new Safekeeping(this.store, this.rootKeys, this.keyring, auditLog),
      recovery: new Recovery(this.store, this.keyring, auditLog),
      approvals: new Approvals(new ApprovalRules(directory), this.store.approvals, () => clock.nowSeconds()),
      rules: new ApprovalAdministration(new ApprovalRules(directory), directory, this.store.approvals),
      keyRotation: () => present(this.#keyRotation),
      rootMigration: () => present(this.#rootMigration),
      control: this.#control(),
      audit: new AuditAdministration(this.store, this.#audit, () => this.#newKeyring()),
    };
    this.#admin = new AdminServer(services, directory, auditLog, this.log);
    await this.#admin.listen(this.config.dataDir);
    return this.#addresses;
  }

  get #isSealed(): boolean {
    return this.#custody !== undefined && this.#addresses === undefined;
  }

  #control(): NodeControl {
    return {
      status: () => this.#status(),
      drain: () => void this.stop(),
      isSealed: () => this.#isSealed,
      unseal: (share) => (this.#custody ?? notShared()).unseal(share),
      seal: (actor) => (this.#custody ?? notShared()).seal(actor),
      requireResharable: (request) => (this.#custody ?? notShared()).requireResharable(request),
      reshare: (request, actor) => (this.#custody ?? notShared()).reshare(request, actor),
    };
  }

  #custodyOf(root: SharedRoot): Custody {
    const doors = { open: () => this.#open(), shut: () => this.#shut() };
    return new Custody(this.store, root, this.rootKeys, this.#nodeKey, doors, this.log);
  }

  /** A node whose root key custodians hold can be sealed, until it has been retired for one that they do not hold. */
  async #rootMoved(root: RootOfTrust): Promise<void> {
    const { state } = await present(this.#rootMigration).status();
    if (root instanceof SharedRoot) {
      if (this.#custody !== undefined) return;
      this.#custody = this.#custodyOf(root);
      await this.#custody.start();
    } else if (state === 'settled') {
      const custody = this.#custody;
      this.#custody = undefined;
      await custody?.close();
    }
  }

  /** Everything that needs the root of trust before anybody is served. */
  async #prepare(): Promise<void> {
    const { store, keyring, rootKeys, config, log } = this;
    const { directory, clock } = store;
    await bindRoot(store, rootKeys, log);
    await bootstrap(config.dataDir, {
      directory,
      keyring,
      certificates,
      clock,
      addresses: addressesOf(config),
    });
    this.#serving =
      config.workers === 1
        ? await Service.create(config, { store, keyring, hsmKeys: rootKeys.hsmKeys }, log)
        : new WorkerPool(config, this.database.connection, rootKeys, log, rootKeys.hsmKeys);
  }

  async #listen(): Promise<void> {
    this.#keyRotation = new KeyRotation(
      this.store,
      this.store.directory,
      this.keyring,
      this.rootKeys,
      this.log,
    );
    await this.#keyRotation.start();
    await this.#hsmKeyCleaner?.start();
    await this.#audit.start();
    this.#rootMigration = new RootMigration(
      this.store.rootKeys,
      this.store.directory,
      this.rootKeys,
      this.config,
      this.#nodeKey,
      (root) => this.#rootMoved(root),
      this.log,
    );
    await this.#rootMigration.start();
    this.#addresses = await this.#serving?.listen();
    const { kmip, https } = this.#addresses ?? {};
    this.log.info(
      {
        host: kmip?.address,
        port: kmip?.port,
        ...(https === undefined ? {} : { https: addressOf(https) }),
        version: VERSION,
      },
      'serving KMIP',
    );
  }

  /** After it was unsealed. */
  async #open(): Promise<void> {
    await this.#prepare();
    await this.#listen();
  }

  /** Ends serving, in order as far as there is time, and zeroes the keys. */
  async #shut(): Promise<void> {
    const [serving, keyRotation, rootMigration] = [this.#serving, this.#keyRotation, this.#rootMigration];
    this.#serving = this.#keyRotation = this.#rootMigration = this.#addresses = undefined;
    rootMigration?.interrupt();
    try {
      await within(this.config.limits.drainTimeoutMs + SHUT_TIMEOUT_MS, async () => {
        await serving?.close();
        await keyRotation?.close();
        await this.#audit.close();
        await rootMigration?.close();
      });
    } finally {
      this.keyring.forget();
      this.store.forgetObjects();
      this.#upkeep?.close();
    }
  }

  /** Drains and stops everything in order; may be called more than once. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    this.log.info('draining');
    const steps: readonly (() => unknown)[] = [
      () => this.#custody?.close(),
      () => this.#serving?.close(),
      () => this.#admin?.close(),
      () => this.#keyRotation?.close(),
      () => this.#hsmKeyCleaner?.close(),
      () => this.#audit.close(),
      () => this.#rootMigration?.close(),
      () => this.store.close().finally(() => this.keyring.close()),
      () => this.rootKeys.close(),
      () => this.database.postgres?.stop(),
      () => this.database.folder.release(),
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
        () => this.rootKeys,
      ),
    );
  }

  async #status(): Promise<StatusAnswer> {
    const { kmip, https } = this.#addresses ?? {};
    const custody = this.#custody?.status;
    const { root } = this.rootKeys;
    const syslog = this.#audit.forwarding;
    const [connections, { isDatabaseReachable, problem }] = await Promise.all([
      this.#serving?.connections() ?? 0,
      readinessOf(this.store.auditChain, this.config.auditGraceSeconds),
    ]);
    const whileOpen = problem === undefined ? 'serving' : 'refusing';
    const workers = this.#isSealed ? 0 : (this.#serving?.processes ?? 0);
    const isShort = !this.#isSealed && workers < this.config.workers;
    const isLossy = this.store.auditLosses.rows + (this.#serving?.lostRows ?? 0) > 0;
    const warnings: readonly (readonly [boolean, string | undefined])[] = [
      [isLossy, LOSS_WARNING],
      [this.#audit.isFailing, AUDIT_WARNING],
      [isShort, WORKERS_WARNING],
      [root.warning !== undefined, root.warning],
    ];
    const warning = warnings.find(([isSo]) => isSo)?.[1];
    return {
      version: VERSION,
      state: this.#draining ? 'draining' : this.#isSealed ? 'sealed' : whileOpen,
      ...(problem === undefined ? {} : { problem }),
      ...(problem === undefined && warning !== undefined ? { warning } : {}),
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      ...(kmip === undefined ? {} : { kmip: addressOf(kmip) }),
      ...(https === undefined ? {} : { https: addressOf(https) }),
      workers,
      connections,
      database: {
        kind: this.config.databaseUrl === undefined ? 'embedded' : 'external',
        version: this.store.databaseVersion,
        isReachable: isDatabaseReachable,
        transport: this.store.transport,
      },
      testMode: this.config.testMode,
      approvedOnly: this.config.approvedOnly,
      root: {
        kind: root.kind,
        forEvaluation: root.kind.startsWith('software'),
        processIds: root.processIds,
        ...(root.requestCounts === undefined ? {} : { requests: root.requestCounts }),
      },
      ...(custody === undefined ? {} : { custody }),
      ...(syslog === undefined ? {} : { syslog }),
    };
  }
}

function addressOf({ address, port }: AddressInfo): ListenAddress {
  return { host: address, port };
}

/** Where what is issued says that the CRL and the CA are published. */
function addressesOf({ crlUrls, caIssuerUrls }: NodeConfig): PublishedAddresses {
  return { crlUrls, caIssuerUrls };
}

function present<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new HoldfastError('RootOfTrustUnavailable', 'the server is still starting: see holdfast status');
}

function notShared(): never {
  throw new HoldfastError(
    'InvalidField',
    'the root key of this node is not held by custodians (--root shares): it is neither sealed nor unsealed',
  );
}

/** Waits for work to end, but not for ever. */
async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolveLate) => {
    timer = setTimeout(resolveLate, timeoutMs);
  });
  await Promise.race([work(), late]);
  clearTimeout(timer);
}
