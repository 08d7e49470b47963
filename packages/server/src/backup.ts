import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError, type RootOfTrust, type SecretBytes } from '@holdfast/core';
import { openEnvelope, sealEnvelope, type EnvelopeHolders, type EnvelopeOpener } from '@holdfast/crypto';
import {
  contentsOfBackup,
  isEmptyStore,
  loadStore,
  type BackupFacts,
  type Store,
  type StoreOptions,
} from '@holdfast/store';
import type { NodeConfig } from './config';
import { takeDataFolder } from './data-folder';
import { makeFolder } from './folder';
import { unwrapDomainKey, wrappingContext } from './domain-keys';
import { EmbeddedDatabase } from './embedded-database';
import { createLogger } from './log';
import { openRoot } from './root';
import type { KeyWrapper } from './root-keys';
import { createSharedRoot, SharedRoot, type Ceremony } from './shared-root';

const CONTENT = 'backup';

/** A backup of the store as it is now, sealed to its holders: a stream that holds little at a time. */
export function createBackup(
  store: Pick<Store, 'dump'>,
  root: KeyWrapper,
  holders: EnvelopeHolders,
): AsyncGenerator<Buffer> {
  return sealEnvelope(
    CONTENT,
    holders,
    store.dump((key) => unwrapDomainKey(root, key)),
  );
}

/**
 * Reads a backup to its end without restoring it.
 * @throws HoldfastError InvalidField (no backup), PermissionDenied (not a recipient's key, or too few
 * custodians'), IntegrityViolation
 */
export async function verifyBackup(path: string, opener: EnvelopeOpener): Promise<BackupFacts> {
  return (await contentsOfBackup(backupContent(path, opener))).facts;
}

/** What is sealed in a backup. @throws HoldfastError as verifyBackup, while it is read */
export function backupContent(path: string, opener: EnvelopeOpener): AsyncGenerator<Buffer> {
  return openEnvelope(createReadStream(path), CONTENT, opener);
}

/** Loads what a backup holds into an empty database, under a root of trust. @throws HoldfastError as loadStore */
export function loadBackup(
  connection: StoreOptions['connection'],
  root: Pick<RootOfTrust, 'keyCheckValue' | 'wrap'>,
  content: AsyncIterable<Buffer>,
): Promise<BackupFacts> {
  return loadStore(connection, content, {
    keyCheckValue: () => root.keyCheckValue(),
    split: root instanceof SharedRoot ? root.split : undefined,
    wrap: (row, key) => root.wrap(key, wrappingContext(row)),
  });
}

/**
 * Restores a backup into an empty database under a root of trust of its own, the old one or another. The whole file is
 * verified before anything is written.
 * @param ceremony makes a new root key that custodians hold together
 * @throws HoldfastError as verifyBackup; ObjectAlreadyExists where the database is not empty; as Node.open
 */
export async function restoreBackup(
  config: Pick<NodeConfig, 'dataDir' | 'root' | 'databaseUrl' | 'logLevel'>,
  secret: SecretBytes | undefined,
  path: string,
  opener: EnvelopeOpener,
  ceremony?: Ceremony,
): Promise<BackupFacts> {
  await verifyBackup(path, opener);
  const dataDir = resolve(config.dataDir);
  const log = createLogger(config.logLevel);
  await makeFolder(dataDir, 'the data folder');
  const postgres = config.databaseUrl === undefined ? await EmbeddedDatabase.start(dataDir, log) : undefined;
  try {
    const connection: StoreOptions['connection'] = postgres?.connection ?? config.databaseUrl ?? '';
    if (!(await isEmptyStore(connection))) {
      throw new HoldfastError('ObjectAlreadyExists', 'the database is not empty: nothing was restored');
    }
    const folder = await takeDataFolder(dataDir);
    try {
      const root =
        ceremony === undefined
          ? await openRoot({ ...config, dataDir }, secret, [], log)
          : await createSharedRoot(ceremony);
      try {
        return await loadBackup(connection, root, backupContent(path, opener));
      } finally {
        await root.close();
      }
    } finally {
      await folder.release();
    }
  } finally {
    await postgres?.stop();
  }
}
