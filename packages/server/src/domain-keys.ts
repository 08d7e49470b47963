import { randomBytes, timingSafeEqual } from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/core';
import { domainKeyMac, type DomainKeyVersion, type KeyringSource } from '@holdfast/crypto';
import {
  requireAuthentic,
  type DomainKeyStatus,
  type DomainKeyStore,
  type RootKeyStore,
  type StatementMac,
  type StoredDomainKey,
  type Wrapping,
} from '@holdfast/store';
import type { Logger } from './log';
import type { KeyWrapper, RootKeys } from './root-keys';

const DOMAIN_KEY_BYTES = 32;

/** Of which domain key, in which form. */
interface WrappedKind {
  readonly domainId: string;
  readonly version: number;
  readonly status: DomainKeyStatus;
}

/** Binds a wrapped key to domain, version and form: what a retired version is left with is none that seals. */
export function wrappingContext({ domainId, version, status }: WrappedKind): Buffer {
  const form = status === 'retired' ? 'record keys' : 'domain key';
  return Buffer.from(`holdfast ${form}|${domainId}|${version}`, 'utf8');
}

/** Opens the wrapped key of a row; the result is the caller's. */
export function unwrapDomainKey(by: KeyWrapper, key: StoredDomainKey): Promise<SecretBytes> {
  return by.unwrap(key.wrappings, wrappingContext(key));
}

/** Makes a domain key. @returns it, wrapped, and what computes its MAC over its row */
export async function newDomainKey(
  by: KeyWrapper,
  domainId: string,
  version: number,
): Promise<{
  readonly wrappings: readonly Wrapping[];
  readonly mac: StatementMac;
  readonly forget: () => void;
}> {
  const key = new SecretBytes(randomBytes(DOMAIN_KEY_BYTES));
  const wrappings = await by.wrap(key, wrappingContext({ domainId, version, status: 'current' }));
  return {
    wrappings,
    mac: (content) => domainKeyMac({ key }, content),
    forget: () => key.destroy(),
  };
}

/**
 * Where a process gets its domain keys from: wrapped rows of the database, unwrapped by the root of trust. A domain that
 * has no key yet gets its first one; two nodes that do so at once agree on the row that came first.
 */
export function keyringSource(domainKeys: () => DomainKeyStore, by: () => KeyWrapper): KeyringSource {
  return {
    async load(domainId): Promise<readonly DomainKeyVersion[]> {
      let rows = await domainKeys().listDomainKeys(domainId);
      if (rows.length === 0) {
        await addFirstKey(domainKeys(), by(), domainId);
        rows = await domainKeys().listDomainKeys(domainId);
        if (rows.length === 0) {
          throw new HoldfastError('IntegrityViolation', 'the key of a domain is gone, its records are not');
        }
      }
      return openAll(by(), rows);
    },
  };
}

async function addFirstKey(domainKeys: DomainKeyStore, by: KeyWrapper, domainId: string): Promise<void> {
  const { wrappings, mac, forget } = await newDomainKey(by, domainId, 1);
  try {
    if (await domainKeys.addFirstKey(domainId, wrappings, mac)) return;
  } finally {
    forget();
  }
  const current = await domainKeys.rootCheckValue();
  if (!wrappings.some(({ root }) => root === current)) {
    throw new HoldfastError(
      'RootOfTrustMismatch',
      'this node runs with the outgoing root key, by which no new domain key is wrapped: restart it with the current one',
    );
  }
}

/** Where one cannot be opened, none is left in memory. */
async function openAll(
  by: KeyWrapper,
  rows: readonly StoredDomainKey[],
): Promise<readonly DomainKeyVersion[]> {
  const opened = await Promise.allSettled(rows.map((row) => openDomainKey(by, row)));
  const failed = opened.find((outcome) => outcome.status === 'rejected');
  const keys = opened.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failed === undefined) return keys;
  for (const { key } of keys) key.destroy();
  throw failed.reason;
}

/** Opens the key of a row and checks by it what the row says. @throws HoldfastError IntegrityViolation */
async function openDomainKey(by: KeyWrapper, row: StoredDomainKey): Promise<DomainKeyVersion> {
  const key = await unwrapDomainKey(by, row);
  const retired = row.status === 'retired';
  try {
    requireAuthentic(row, (content, mac) => {
      const expected = domainKeyMac({ key, retired }, content);
      return mac.length === expected.length && timingSafeEqual(mac, expected);
    });
  } catch (error) {
    key.destroy();
    throw error;
  }
  return { version: row.version, current: row.status === 'current', key, retired };
}

/**
 * Makes sure that a node's root key is one of those that wrap the database's domain keys; on the first start it becomes so.
 * @throws HoldfastError RootOfTrustMismatch
 */
export async function bindRoot(
  { domainKeys, rootKeys }: { readonly domainKeys: DomainKeyStore; readonly rootKeys: RootKeyStore },
  keys: RootKeys,
  log: Logger,
): Promise<void> {
  const own = await keys.own();
  const stored = (await domainKeys.rootCheckValue()) ?? (await domainKeys.setRootCheckValue(own));
  if (stored === own) return;
  const { incoming, outgoing } = await rootKeys.state();
  if (own === outgoing) {
    log.warn(
      'this root key is going out: restart the node with the new one, then run "holdfast root retire"',
    );
    return;
  }
  throw mismatch(own === incoming, await rootKeys.retiredAt(own));
}

function mismatch(isIncoming: boolean, retiredAt: string | undefined): HoldfastError {
  const message = isIncoming
    ? 'this root key does not wrap all domain keys yet: start with the one before, and finish what moves them'
    : retiredAt !== undefined
      ? `this root key was retired on ${retiredAt}: start with the root of trust that took its place`
      : 'this database was set up under another root key: start with the root of trust that belongs to it';
  return new HoldfastError('RootOfTrustMismatch', message);
}
