import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv/basics';

const PRIVATE = 0o700;

/**
 * Makes a folder, and those above it, where there is none; mode 0700, whatever the umask.
 * @param called what messages call it
 * @returns whether there was none
 * @throws HoldfastError Configuration
 */
export async function makeFolder(path: string, called = 'the folder'): Promise<boolean> {
  try {
    return await makeWithParents(resolve(path));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === 'EEXIST' ? 'is no folder' : `cannot be made (${code ?? 'unknown'})`;
    throw new HoldfastError('Configuration', `${called} ${path} ${what}`, { cause });
  }
}

/** Makes the names in a folder survive a loss of power, where its file system can do that. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  } finally {
    await folder.close();
  }
}

/** Node's own recursive mkdir never ends below /proc, which makes no folders and says ENOENT. */
async function makeWithParents(path: string): Promise<boolean> {
  try {
    return await makeOne(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await makeWithParents(dirname(path));
  return makeOne(path);
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: PRIVATE });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory();
    if (isThere) return false;
    throw error;
  }
  await chmod(path, PRIVATE);
  return true;
}
