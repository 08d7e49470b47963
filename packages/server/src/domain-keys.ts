import { randomBytes } from 'node:crypto';
import { HoldfastError, SecretBytes, type RootOfTrust } from '@holdfast/core';
import type { DomainKeyVersion, KeyringSource } from '@holdfast/crypto';
import type { DomainKeyStore } from '@holdfast/store';

const DOMAIN_KEY_BYTES = 32;

function wrappingContext(domainId: string, version: number): Buffer {
  return Buffer.from(`holdfast domain key|${domainId}|${version}`, 'utf8');
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
        const key = new SecretBytes(randomBytes(DOMAIN_KEY_BYTES));
        const wrapped = await root().wrap(key, wrappingContext(domainId, 1));
        key.destroy();
        await domainKeys().addDomainKey({ domainId, version: 1, wrapped, current: true });
        rows = await domainKeys().listDomainKeys(domainId);
        if (rows.length === 0) {
          throw new HoldfastError('IntegrityViolation', 'the key of a domain is gone, its records are not');
        }
      }
      return Promise.all(
        rows.map(async ({ version, wrapped, current }) => ({
          version,
          current,
          key: await root().unwrap(wrapped, wrappingContext(domainId, version)),
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
