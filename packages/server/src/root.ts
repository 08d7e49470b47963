import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import {
  createSoftwareRoot,
  NEXT_SOFTWARE_ROOT_FILE,
  openPkcs11Root,
  openSoftwareRoot,
  promoteRootKeyFile,
  removeUnfinishedRootKeys,
  SOFTWARE_ROOT_FILE,
  type SoftwareRootOptions,
} from '@holdfast/hsm';
import type { NodeConfig } from './config';
import { describeError, type Logger } from './log';
import { SharedRoot } from './shared-root';

/**
 * Opens the root of trust of a node (sealed, where custodians hold it), or makes the software root where this is the first
 * start of all: a database that was set up before is never given a new one.
 * @param secret the passphrase of the software root, or the PIN of the HSM's user
 * @param accepted check values of the root keys that wrap the database's domain keys: the current one, and one that is
 *   going out; none for a new database
 * @throws HoldfastError RootOfTrustMismatch, RootOfTrustUnavailable, Configuration
 */
export async function openRoot(
  { dataDir, root }: Pick<NodeConfig, 'dataDir' | 'root'>,
  secret: SecretBytes | undefined,
  accepted: readonly string[],
  log: Logger,
): Promise<RootOfTrust> {
  await removeUnfinishedRootKeys(dataDir);
  if (root.kind === 'shares') return new SharedRoot();
  if (root.kind === 'pkcs11') {
    if (secret === undefined) {
      throw new HoldfastError('Configuration', 'the HSM wants a PIN: give it in HOLDFAST_HSM_PIN_FILE');
    }
    return openPkcs11Root({ ...root, pin: secret, log }, accepted);
  }
  const software = { dataDir, passphrase: secret };
  const [current, outgoing] = accepted;
  let fault: unknown;
  if (current !== undefined && existsSync(join(dataDir, NEXT_SOFTWARE_ROOT_FILE))) {
    const next = await openNext(software, current).catch((error: unknown) => {
      fault = error;
      return undefined;
    });
    if (next !== undefined) {
      await promoteRootKeyFile(dataDir, keptRootFile(outgoing));
      return next;
    }
  }
  if (existsSync(join(dataDir, SOFTWARE_ROOT_FILE))) {
    const opened = await openSoftwareRoot(software);
    if (fault !== undefined && (await opened.keyCheckValue()) !== current) {
      log.warn(
        { error: describeError(fault) },
        `${NEXT_SOFTWARE_ROOT_FILE} does not open: the root key that is in force now may be in it`,
      );
    }
    return opened;
  }
  if (fault !== undefined) throw fault as HoldfastError;
  if (current !== undefined) {
    throw new HoldfastError(
      'RootOfTrustMismatch',
      `the database was set up under a root key that is not in ${dataDir}: restore ${SOFTWARE_ROOT_FILE} there, or give the --root that has it`,
    );
  }
  return createSoftwareRoot(software);
}

/**
 * The next root key, where a rotation that made it the current one was cut off before its file had its name.
 * @throws HoldfastError as openSoftwareRoot
 */
async function openNext(software: SoftwareRootOptions, current: string): Promise<RootOfTrust | undefined> {
  const next = await openSoftwareRoot({ ...software, file: NEXT_SOFTWARE_ROOT_FILE });
  if ((await next.keyCheckValue()) === current) return next;
  await next.close();
  return undefined;
}

/** Name under which the file of a root key that goes out is kept. */
export function keptRootFile(checkValue: string | undefined): string {
  return `${SOFTWARE_ROOT_FILE}.${(checkValue ?? 'before').slice(0, 8)}`;
}
