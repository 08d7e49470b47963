import { randomBytes } from 'node:crypto';
import { HoldfastError, SecretBytes, type RootOfTrust } from '@holdfast/core';
import type { DomainKeyVersion, KeyringSource } from '@holdfast/crypto';
import type { DomainKeyStore, WrappedDomainKey } from '@holdfast/store';

const DOMAIN_KEY_BYTES = 32;

function wrappingContext(domainId: string, version: number): Buffer {
  return Buffer.from(`holdfast domain key|${domainId}|${version}`, 'utf8');
}

/** Wraps a domain key for its row; the key stays the caller's. */
export function wrapDomainKey(
  root: Pick<RootOfTrust, 'wrap'>,
  domainId: string,
  version: number,
  key: SecretBytes,
): Promise<Buffer> {
  return root.wrap(key, wrappingContext(domainId, version));
}

/** Opens the wrapped key of a row; the result is the caller's. */
export function unwrapDomainKey(
  root: Pick<RootOfTrust, 'unwrap'>,
  { domainId, version, wrapped }: Pick<WrappedDomainKey, 'domainId' | 'version' | 'wrapped'>,
): Promise<SecretBytes> {
  return root.unwrap(wrapped, wrappingContext(domainId, version));
}

/** Makes a domain key. @returns it, wrapped by the root of trust */
export async function wrapNewDomainKey(
  root: Pick<RootOfTrust, 'wrap'>,
  domainId: string,
  version: number,
): Promise<Buffer> {
  const key = new SecretBytes(randomBytes(DOMAIN_KEY_BYTES));
  try {
    return await wrapDomainKey(root, domainId, version, key);
  } finally {
    key.destroy();
  }
}

/**
 * Where a process gets its domain keys from: wrapped rows of the database, unwrapped by the root of trust. A domain that
 * has no key yet gets its first one; two nodes that do so at once agree on the row that came first.
 */
export function keyringSource(
  domainKeys: () => DomainKeyStore,
  root: () => Pick<RootOfTrust, 'wrap' | 'unwrap'>,
): KeyringSource {
  return {
    async load(domainId): Promise<readonly DomainKeyVersion[]> {
      let rows = await domainKeys().listDomainKeys(domainId);
      if (rows.length === 0) {
        const wrapped = await wrapNewDomainKey(root(), domainId, 1);
        await domainKeys().addDomainKey({ domainId, version: 1, wrapped, current: true });
        rows = await domainKeys().listDomainKeys(domainId);
        if (rows.length === 0) {
          throw new HoldfastError('IntegrityViolation', 'the key of a domain is gone, its records are not');
        }
      }
      return Promise.all(
        rows.map(async (row) => ({
          version: row.version,
          current: row.current,
          key: await unwrapDomainKey(root(), row),
        })),
      );
    },
  };
}

/**
 * Makes sure that this root of trust is the one under which the database was set up; on the first start it becomes so.
 * @throws HoldfastError RootOfTrustMismatch
 */
export async function bindRoot(domainKeys: DomainKeyStore, root: RootOfTrust): Promise<void> {
  const own = await root.keyCheckValue();
  const stored = (await domainKeys.rootCheckValue()) ?? (await domainKeys.setRootCheckValue(own));
  if (stored !== own) {
    throw new HoldfastError(
      'RootOfTrustMismatch',
      'this database was set up under another root key: start with the root of trust that belongs to it',
    );
  }
}
