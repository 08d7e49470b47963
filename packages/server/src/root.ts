import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { createSoftwareRoot, openSoftwareRoot, SOFTWARE_ROOT_FILE } from '@holdfast/hsm';

/**
 * Opens the root of trust of a data folder, or makes the software root where this is the first start of all: a database
 * that was set up before is never given a new one.
 * @throws HoldfastError RootOfTrustMismatch, Configuration
 */
export async function openRoot(
  dataDir: string,
  passphrase: SecretBytes | undefined,
  databaseIsNew: boolean,
): Promise<RootOfTrust> {
  if (existsSync(join(dataDir, SOFTWARE_ROOT_FILE))) return openSoftwareRoot({ dataDir, passphrase });
  if (!databaseIsNew) {
    throw new HoldfastError(
      'RootOfTrustMismatch',
      `the database was set up under a root key that is not in ${dataDir}: restore ${SOFTWARE_ROOT_FILE} there`,
    );
  }
  return createSoftwareRoot({ dataDir, passphrase });
}
