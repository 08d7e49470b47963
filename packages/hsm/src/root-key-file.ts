import { HoldfastError } from '@holdfast/core';
import { randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { type FileHandle, link, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Name of the file in the data folder that holds the root key of the software root. */
export const SOFTWARE_ROOT_FILE = 'root.key';
/** Name of the file that holds the one which is to take its place. */
export const NEXT_SOFTWARE_ROOT_FILE = 'root.key.next';

const MAX_FILE_BYTES = 4096;
const OWNER_ONLY = 0o600;

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function configuration(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('Configuration', message, { cause });
}

/** Makes what was renamed or linked in a folder last through a power failure. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what processes left that were killed while they made root key files: in it is a root key, whole or in part. */
export async function removeUnfinishedRootKeys(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(`.${SOFTWARE_ROOT_FILE}.`)) await removeRootKeyFile(dataDir, name);
  }
}

async function writeNewFile(path: string, contents: Buffer): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, OWNER_ONLY);
  try {
    // The umask may have taken more away than wanted.
    await handle.chmod(OWNER_ONLY);
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes the root key file whole or not at all, with mode 0600, and never over an existing one: it is written under
 * another name and then linked to its own, which fails where that name is taken.
 * @throws HoldfastError Configuration
 */
export async function createRootKeyFile(
  dataDir: string,
  contents: Buffer,
  name = SOFTWARE_ROOT_FILE,
): Promise<void> {
  const temporary = join(dataDir, `.${name}.${randomUUID()}`);
  try {
    try {
      await writeNewFile(temporary, contents);
      await link(temporary, join(dataDir, name));
    } finally {
      await rm(temporary, { force: true });
    }
    await syncFolder(dataDir);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw configuration(`${name} exists in the data folder already; it is never overwritten`, error);
    }
    throw configuration(`${name} cannot be written in the data folder (${codeOf(error)})`, error);
  }
}

/** Refuses a file that others can read, or that somebody else put there. */
async function checkOwnership(handle: FileHandle, name: string): Promise<void> {
  const status = await handle.stat();
  if (!status.isFile()) throw configuration(`${name} is not a regular file`);
  const uid = process.getuid?.();
  if (uid !== undefined && status.uid !== uid) {
    throw configuration(
      `${name} belongs to uid ${status.uid}, but the server runs as uid ${uid}: ` +
        'make it the owner (chown) once it is certain that the file is the right one',
    );
  }
  const mode = status.mode & 0o777;
  if ((mode & ~OWNER_ONLY) !== 0) {
    const shown = mode.toString(8).padStart(4, '0');
    throw configuration(`${name} has mode ${shown}: run "chmod 600" on it, only its owner may read it`);
  }
}

async function readBounded(handle: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(MAX_FILE_BYTES);
  try {
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0);
    return Buffer.from(buffer.subarray(0, bytesRead));
  } finally {
    buffer.fill(0);
  }
}

/**
 * Reads the root key file. The buffer is the caller's, who zeroes it.
 * @throws HoldfastError RootOfTrustUnavailable where there is none; Configuration where it is not a regular file of this
 * user with mode 0600
 */
export async function readRootKeyFile(dataDir: string, name = SOFTWARE_ROOT_FILE): Promise<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(join(dataDir, name), flags).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') {
      throw new HoldfastError('RootOfTrustUnavailable', `there is no ${name} in the data folder`);
    }
    throw configuration(`${name} cannot be opened (${codeOf(error)})`, error);
  });
  try {
    await checkOwnership(handle, name);
    return await readBounded(handle);
  } finally {
    await handle.close();
  }
}

/**
 * Puts the next root key file in the place of the root key file, which stays under another name. Once done, or where it is
 * done again, nothing changes.
 * @param keptAs the name under which the one before stays
 */
export async function promoteRootKeyFile(dataDir: string, keptAs: string): Promise<void> {
  if (!existsSync(join(dataDir, NEXT_SOFTWARE_ROOT_FILE))) return;
  try {
    await link(join(dataDir, SOFTWARE_ROOT_FILE), join(dataDir, keptAs)).catch(ignore('ENOENT', 'EEXIST'));
    await syncFolder(dataDir);
    await rename(join(dataDir, NEXT_SOFTWARE_ROOT_FILE), join(dataDir, SOFTWARE_ROOT_FILE));
    await syncFolder(dataDir);
  } catch (error) {
    throw configuration(`${SOFTWARE_ROOT_FILE} cannot be replaced (${codeOf(error)})`, error);
  }
}

/** Removes a root key file that is no longer wanted. */
export async function removeRootKeyFile(dataDir: string, name: string): Promise<void> {
  await rm(join(dataDir, name), { force: true });
  await syncFolder(dataDir);
}

function ignore(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
  };
}
