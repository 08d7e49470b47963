import type {
  AnnouncementStore,
  SecretBytes,
  AsynchronousRequestStore,
  AuditLog,
  Clock,
  Directory,
  KeyStore,
  Keyring,
  Policies,
  Tickets,
  Users,
} from '@holdfast/core';
import type { ClientConfig } from 'pg';
import { PostgresAnnouncements } from './announcements';
import { PostgresAsynchronousRequests } from './asynchronous/requests';
import { objectDigestLines } from './backup/contents';
import { PostgresAuditChain, type AuditChainStore } from './chain/audit-chain';
import { prepareChain } from './chain/prepare';
import type { Checkpoint } from './chain/checkpoint';
import { dumpStore } from './backup/dump';
import { transportOf, type Transport } from './postgres/connection-string';
import { DatabaseClock } from './clock';
import { PostgresCustody, type CustodyStore } from './custody';
import { PostgresApprovals, type ApprovalStore } from './approvals';
import { PostgresCustodyCopies, type CustodyCopyStore } from './custody-copies';
import { PostgresDirectory } from './directory/directory';
import { PostgresPolicies } from './directory/policy';
import { PostgresTickets } from './directory/tickets';
import { PostgresUsers } from './directory/users';
import { PostgresDomainKeys, type DomainKeyStore, type StoredDomainKey } from './domain-keys';
import { PostgresKeyRotation, type KeyRotationStore } from './key-rotation';
import { PostgresHsmKeys, type HsmKeyStore } from './hsm-keys';
import { migrate } from './migrate';
import { MIGRATIONS } from './migrations';
import { KeptObjects } from './objects/kept-objects';
import { PostgresLostObjects, type LostObjectStore } from './objects/lost-objects';
import { PostgresKeyStore } from './objects/key-store';
import { reindex } from './objects/reindex';
import { PostgresRotations, type RotationStore } from './objects/rotations';
import type { AuditLosses } from './chain/loss-watch';
import { Database, type StoreLog } from './postgres/database';
import { PostgresAuditLog } from './records/audit-log';
import { PostgresRootKeys, type RootKeyStore } from './root-keys';
import { verifyAuditChain, verifyStore } from './verify';
import type { Finding, Progress } from './verify/finding';

export interface StoreOptions {
  /**
   * A PostgreSQL connection string or pg's own configuration (a Unix socket's folder as `host`). It names one host: pg
   * knows no lists of hosts, so of several servers the one that is primary stands behind one name or address (a virtual
   * address, a proxy, the endpoint of a managed database). Sessions keep prepared statements, advisory locks and LISTEN:
   * a pooler between has to pool sessions, not transactions.
   */
  readonly connection: string | ClientConfig;
  /** Used from the first object on, not while the store opens. */
  readonly keyring: Keyring;
  readonly log: StoreLog;
  /** Connections for transactions, and as many again for Locate and administration. Default 8. */
  readonly poolSize?: number;
  /** What the objects that are kept in memory may take, bytes; 0: none are kept. Default DEFAULT_MAX_KEPT_BYTES. */
  readonly maxKeptBytes?: number;
  /** How long such an object is used before it is read and checked anew. Default 600. */
  readonly maxKeptSeconds?: number;
}

export interface Store {
  readonly keyStore: KeyStore;
  readonly lostObjects: LostObjectStore;
  readonly directory: Directory;
  readonly users: Users;
  readonly tickets: Tickets;
  readonly policies: Policies;
  readonly auditLog: AuditLog;
  readonly auditLosses: AuditLosses;
  readonly auditChain: AuditChainStore;
  readonly announcements: AnnouncementStore;
  readonly asynchronousRequests: AsynchronousRequestStore;
  readonly clock: Clock;
  readonly domainKeys: DomainKeyStore;
  readonly hsmKeys: HsmKeyStore;
  readonly keyRotation: KeyRotationStore;
  readonly rotations: RotationStore;
  readonly custody: CustodyStore;
  readonly rootKeys: RootKeyStore;
  readonly custodyCopies: CustodyCopyStore;
  readonly approvals: ApprovalStore;
  /** PostgreSQL's version, e.g. "15.13". */
  readonly databaseVersion: string;
  /** How what goes to PostgreSQL is protected; undefined where that does not leave the machine. */
  readonly transport: Transport | undefined;
  /** Rebuilds names and projections of all objects from their rows. @returns how many objects there are */
  reindex(): Promise<number>;
  /**
   * Walks everything that is stored and tells what is not as this program left it; see verifyStore.
   * @param fresh a keyring that has loaded nothing yet
   * @param outside checkpoints of the audit chain that were kept outside the database
   */
  verify(
    fresh: Keyring,
    outside: readonly Checkpoint[],
    onProgress: (progress: Progress) => void,
  ): Promise<readonly Finding[]>;
  /** Walks the audit chain alone. */
  verifyAuditChain(fresh: Keyring, outside: readonly Checkpoint[]): Promise<readonly Finding[]>;
  /** All that a restore needs; see dumpStore. */
  dump(unwrap: (key: StoredDomainKey) => Promise<SecretBytes>): AsyncGenerator<Buffer>;
  /** Which objects there are and what they are like; see objectDigestLines. */
  objectDigests(): AsyncGenerator<Buffer>;
  /** Forgets the objects that are kept in memory and zeroes their values. */
  forgetObjects(): void;
  close(): Promise<void>;
}

const DEFAULT_POOL_SIZE = 8;
export const DEFAULT_MAX_KEPT_BYTES = 256 * 1024 * 1024;
/** Bounds how long a change underneath PostgreSQL, which gives a row no new version, can stay unseen. */
const DEFAULT_MAX_KEPT_SECONDS = 600;

/**
 * Connects to PostgreSQL, brings the schema up to date and measures the clock.
 * @throws HoldfastError Configuration (see migrate), StoreUnavailable
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { connection, keyring, log, poolSize = DEFAULT_POOL_SIZE } = options;
  const kept = new KeptObjects(
    options.maxKeptBytes ?? DEFAULT_MAX_KEPT_BYTES,
    options.maxKeptSeconds ?? DEFAULT_MAX_KEPT_SECONDS,
  );
  const database = new Database({ connection, log, poolSize });
  const clock = new DatabaseClock(database, log);
  try {
    const { applied, databaseVersion } = await migrate(database.clientConfig(), MIGRATIONS, log);
    if (applied.length > 0) log.info({ applied }, 'the database schema was brought up to date');
    await clock.start();
    const position = await prepareChain(database);
    const nowMs = (): number => clock.nowMs();
    const keyStore = new PostgresKeyStore(database, keyring, nowMs, kept);
    const auditLog = new PostgresAuditLog(database, keyring, nowMs, kept, log, position);
    return {
      keyStore,
      lostObjects: new PostgresLostObjects(database, keyring, nowMs),
      directory: new PostgresDirectory(database, keyring, log, nowMs),
      users: new PostgresUsers(database, keyring, nowMs),
      tickets: new PostgresTickets(database, keyring, nowMs),
      policies: new PostgresPolicies(database, keyring, nowMs),
      auditLog,
      auditLosses: auditLog.losses,
      auditChain: new PostgresAuditChain(database, keyring),
      announcements: new PostgresAnnouncements(database, keyring),
      asynchronousRequests: new PostgresAsynchronousRequests(database, keyring, keyStore, log, nowMs),
      clock,
      domainKeys: new PostgresDomainKeys(database, keyring, nowMs),
      hsmKeys: new PostgresHsmKeys(database, keyring, nowMs),
      keyRotation: new PostgresKeyRotation(database, keyring, keyStore, nowMs),
      rotations: new PostgresRotations(database, keyring),
      custody: new PostgresCustody(database, keyring, nowMs),
      rootKeys: new PostgresRootKeys(database, keyring, nowMs),
      approvals: new PostgresApprovals(database, keyring, nowMs),
      custodyCopies: new PostgresCustodyCopies(database, keyring, nowMs),
      databaseVersion,
      transport: transportOf(connection),
      reindex: () => reindex(database, keyring),
      dump: (unwrap) => dumpStore(database.clientConfig(), unwrap),
      objectDigests: () => objectDigestLines(database.clientConfig()),
      forgetObjects: () => kept.clear(),
      verify: (fresh, outside, onProgress) => verifyStore(database, fresh, outside, onProgress),
      verifyAuditChain: (fresh, outside) => verifyAuditChain(database, fresh, outside),
      async close() {
        clock.stop();
        await auditLog.losses.close();
        await database.close();
        kept.clear();
      },
    };
  } catch (error) {
    clock.stop();
    await database.close();
    throw error;
  }
}
