import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { openEnvelope, sealEnvelope, type Recipient } from '@holdfast/crypto';
import {
  contentsOfBackup,
  isEmptyStore,
  loadStore,
  type BackupFacts,
  type Store,
  type StoreOptions,
} from '@holdfast/store';
import type { NodeConfig } from './config';
import { prepareDataDir } from './data-dir';
import { unwrapDomainKey, wrapDomainKey } from './domain-keys';
import { EmbeddedDatabase } from './embedded-database';
import { createLogger } from './log';
import { openRoot } from './root';

const CONTENT = 'backup';

/** A backup of the store as it is now, sealed to its recipients: a stream that holds little at a time. */
export function createBackup(
  store: Pick<Store, 'dump'>,
  root: Pick<RootOfTrust, 'unwrap'>,
  recipients: readonly Recipient[],
): AsyncGenerator<Buffer> {
  return sealEnvelope(
    CONTENT,
    recipients,
    store.dump((key) => unwrapDomainKey(root, key)),
  );
}

/** A recipient's private key from PEM. @throws HoldfastError InvalidField */
export function identityFrom(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new HoldfastError('InvalidField', 'the identity is no private key (PEM, without a passphrase)', {
      cause,
    });
  }
}

/**
 * Reads a backup to its end without restoring it.
 * @throws HoldfastError InvalidField (no backup), PermissionDenied (not a recipient's key), IntegrityViolation
 */
export async function verifyBackup(path: string, identity: KeyObject): Promise<BackupFacts> {
  return (await contentsOfBackup(openEnvelope(createReadStream(path), identity))).facts;
}

/** Loads what a backup holds into an empty database, under a root of trust. @throws HoldfastError as loadStore */
export function loadBackup(
  connection: StoreOptions['connection'],
  root: RootOfTrust,
  content: AsyncIterable<Buffer>,
): Promise<BackupFacts> {
  return loadStore(connection, content, {
    keyCheckValue: () => root.keyCheckValue(),
    wrap: (domainId, version, key) => wrapDomainKey(root, domainId, version, key),
  });
}

/**
 * Restores a backup into an empty database under a root of trust of its own, the old one or another. The whole file is
 * verified before anything is written.
 * @throws HoldfastError as verifyBackup; ObjectAlreadyExists where the database is not empty; as Node.open
 */
export async function restoreBackup(
  config: Pick<NodeConfig, 'dataDir' | 'root' | 'databaseUrl' | 'logLevel'>,
  secret: SecretBytes | undefined,
  path: string,
  identity: KeyObject,
): Promise<BackupFacts> {
  await verifyBackup(path, identity);
  const dataDir = resolve(config.dataDir);
  const log = createLogger(config.logLevel);
  await prepareDataDir(dataDir);
  const postgres = config.databaseUrl === undefined ? await EmbeddedDatabase.start(dataDir, log) : undefined;
  try {
    const connection: StoreOptions['connection'] = postgres?.connection ?? config.databaseUrl ?? '';
    if (!(await isEmptyStore(connection))) {
      throw new HoldfastError('ObjectAlreadyExists', 'the database is not empty: nothing was restored');
    }
    const root = await openRoot({ ...config, dataDir }, secret, undefined, log);
    try {
      return await loadBackup(connection, root, openEnvelope(createReadStream(path), identity));
    } finally {
      await root.close();
    }
  } finally {
    await postgres?.stop();
  }
}
