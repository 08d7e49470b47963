import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { createSoftwareRoot, openPkcs11Root, openSoftwareRoot, SOFTWARE_ROOT_FILE } from '@holdfast/hsm';
import type { NodeConfig } from './config';
import type { Logger } from './log';
import { SharedRoot } from './shared-root';

/**
 * Opens the root of trust of a node (sealed, where custodians hold it), or makes the software root where this is the first start of all: a database that
 * was set up before is never given a new one.
 * @param secret the passphrase of the software root, or the PIN of the HSM's user
 * @param expectedCheckValue that of the root key under which the database was set up; undefined for a new database
 * @throws HoldfastError RootOfTrustMismatch, RootOfTrustUnavailable, Configuration
 */
export async function openRoot(
  { dataDir, root }: Pick<NodeConfig, 'dataDir' | 'root'>,
  secret: SecretBytes | undefined,
  expectedCheckValue: string | undefined,
  log: Logger,
): Promise<RootOfTrust> {
  if (root.kind === 'shares') return new SharedRoot();
  if (root.kind === 'pkcs11') {
    if (secret === undefined) {
      throw new HoldfastError('Configuration', 'the HSM wants a PIN: give it in HOLDFAST_HSM_PIN_FILE');
    }
    return openPkcs11Root({ ...root, pin: secret, log }, expectedCheckValue);
  }
  if (existsSync(join(dataDir, SOFTWARE_ROOT_FILE))) return openSoftwareRoot({ dataDir, passphrase: secret });
  if (expectedCheckValue !== undefined) {
    throw new HoldfastError(
      'RootOfTrustMismatch',
      `the database was set up under a root key that is not in ${dataDir}: restore ${SOFTWARE_ROOT_FILE} there`,
    );
  }
  return createSoftwareRoot({ dataDir, passphrase: secret });
}
