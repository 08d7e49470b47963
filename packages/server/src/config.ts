import { AUTHENTICATION_POLICIES, HoldfastError, type AuthenticationPolicy } from '@holdfast/core';
import type { Pkcs11Target } from '@holdfast/hsm';
import { DEFAULT_MAX_KEPT_BYTES } from '@holdfast/store';
import type { SyslogConfig } from './audit/syslog-connection';
import { DEFAULT_LIMITS as TTLV_LIMITS } from '@holdfast/ttlv';
import type { ListenAddress } from './address';

/** Bounds on what one peer, or all of them together, may cost. Times in milliseconds, sizes in bytes. */
export interface ServerLimits {
  /** Longest request, refused from its header. */
  readonly maxRequestBytes: number;
  /** Longest response, where the request names no smaller Maximum Response Size. */
  readonly maxResponseBytes: number;
  readonly maxBatchItems: number;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** Silence between requests. */
  readonly idleTimeoutMs: number;
  /** How long a peer may leave a response unread. */
  readonly writeTimeoutMs: number;
  /** How long a stopping server waits for requests in hand. */
  readonly drainTimeoutMs: number;
  /** Requests of one connection that wait for their turn before reading pauses. */
  readonly maxQueuedRequests: number;
  /** Operations of one client that are pending, or whose results it has not obtained. */
  readonly maxPendingRequests: number;
  /** What the objects that a process keeps in memory may take. */
  readonly maxKeptBytes: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  maxRequestBytes: 1024 * 1024,
  maxResponseBytes: 64 * 1024 * 1024,
  maxBatchItems: 1000,
  maxConnections: 8192,
  handshakeTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 30 * 60_000,
  writeTimeoutMs: 60_000,
  drainTimeoutMs: 10_000,
  maxQueuedRequests: 64,
  maxPendingRequests: 256,
  maxKeptBytes: DEFAULT_MAX_KEPT_BYTES,
};

/** The longest time that a timer of Node counts, in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const MAX_COUNT = 1_000_000;
const MAX_KEPT_BYTES = 16 * 1024 ** 3;

/** What each limit may be set to, from least to most. */
const LIMIT_RANGES: Readonly<Record<keyof ServerLimits, readonly [least: number, most: number]>> = {
  maxRequestBytes: [1024, TTLV_LIMITS.maxMessageBytes],
  maxResponseBytes: [1024, 1024 * 1024 * 1024],
  maxBatchItems: [1, MAX_COUNT],
  maxConnections: [1, MAX_COUNT],
  handshakeTimeoutMs: [1, MAX_TIMEOUT_MS],
  requestTimeoutMs: [1, MAX_TIMEOUT_MS],
  idleTimeoutMs: [1, MAX_TIMEOUT_MS],
  writeTimeoutMs: [1, MAX_TIMEOUT_MS],
  drainTimeoutMs: [1, MAX_TIMEOUT_MS],
  maxQueuedRequests: [1, MAX_COUNT],
  maxPendingRequests: [1, MAX_COUNT],
  maxKeptBytes: [0, MAX_KEPT_BYTES],
};

/**
 * The limits that an operator gives; those that are not named keep their defaults.
 * @throws HoldfastError Configuration for an unknown name or a value out of range
 */
export function readLimits(given: Readonly<Record<string, unknown>>): ServerLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(LIMIT_RANGES, name)) {
      const known = Object.keys(LIMIT_RANGES).join(', ');
      throw new HoldfastError('Configuration', `there is no limit named ${name}; there are ${known}`);
    }
    const [least, most] = LIMIT_RANGES[name as keyof ServerLimits];
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw new HoldfastError(
        'Configuration',
        `the limit ${name} is a whole number from ${least} to ${most}`,
      );
    }
  }
  return { ...DEFAULT_LIMITS, ...given };
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where the root key is. */
export type RootConfig =
  /** In the data folder, sealed where there is a passphrase. */
  | { readonly kind: 'software' }
  /** With custodians, who unseal each node after its start. */
  | { readonly kind: 'shares' }
  | { readonly kind: 'pkcs11'; readonly targets: readonly Pkcs11Target[]; readonly keyLabel: string };

/** What one node is told at its start. Policy is in the database and the same on every node. */
export interface NodeConfig {
  /** Folder for what must not be shared: the software root, the administration socket, the embedded database. */
  readonly dataDir: string;
  readonly root: RootConfig;
  readonly listen: ListenAddress;
  /** Where KMIP over HTTPS is served too. */
  readonly httpsListen?: ListenAddress | undefined;
  /** PostgreSQL connection string; undefined: the embedded default. */
  readonly databaseUrl: string | undefined;
  /** Processes that serve; with 1 the keeper serves itself. */
  readonly workers: number;
  readonly logLevel: LogLevel;
  /** Further DNS names and addresses for the server certificate. */
  readonly tlsHosts: readonly string[];
  /** URLs that go into issued certificates (CRL Distribution Points, Authority Information Access). */
  readonly crlUrls: readonly string[];
  readonly caIssuerUrls: readonly string[];
  readonly limits: ServerLimits;
  /** How long requests are served while the audit log is not linked, or the root of trust is away. */
  readonly auditGraceSeconds: number;
  /** Where the audit log is forwarded to. */
  readonly syslog?: SyslogConfig | undefined;
  /** How requests prove who makes them, where a client's own settings do not say. */
  readonly authentication: AuthenticationPolicy;
  /** The same for HTTPS. */
  readonly httpsAuthentication: AuthenticationPolicy;
  /** Whether there is Interop, by which any client can empty its domain. */
  readonly testMode: boolean;
  /** Whether cryptography that NIST SP 800-131A disallows is refused. */
  readonly approvedOnly: boolean;
  /** Whether random bytes of the HSM are mixed into those of keys. */
  readonly hsmRandom: boolean;
}

export const DEFAULT_AUDIT_GRACE_SECONDS = 3600;

export const TEST_MODE_WARNING =
  'TEST MODE: any client can remove all objects of its domain at once (Interop); never run it with keys that matter';

export const TRANSPORT_WARNING =
  'who is on the way to PostgreSQL can read what goes there, or answer in its place: end the database URL in sslmode=verify-full';

/** @throws HoldfastError Configuration where there is no such policy */
export function parsePolicy(text: string): AuthenticationPolicy {
  const policy = AUTHENTICATION_POLICIES.find((each) => each === text);
  if (policy !== undefined) return policy;
  const known = AUTHENTICATION_POLICIES.join(', ');
  throw new HoldfastError('Configuration', `there is no authentication policy "${text}"; there are ${known}`);
}
