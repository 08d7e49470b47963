import { readFile, rm, writeFile } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/ttlv';
import { removeOnExit } from '../output-file';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'this user may not',
  EISDIR: 'it is a folder',
};

/** What to say of a file that cannot be read; `namedBy` says what names it, where that is not the command line. */
export function unreadable(what: string, cause: unknown, namedBy = ''): HoldfastError {
  const { code = '' } = cause as NodeJS.ErrnoException;
  const message = `${namedBy}cannot read ${what}: ${REASONS[code] ?? code}`;
  return new HoldfastError('Configuration', message, { cause });
}

/** A file that the command line or a setting names. @throws HoldfastError Configuration */
export async function readBytes(path: string, namedBy?: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause, namedBy);
  }
}

/** A text file that the command line names. @throws HoldfastError Configuration */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path)).toString('utf8');
}

/**
 * Writes a secret to a new file (mode 0600). The file comes first, so that no secret is made that could not be written;
 * where making it fails, the file goes again.
 * @throws HoldfastError ObjectAlreadyExists, InvalidField, and what `make` throws
 */
export async function writeNewSecret(path: string, make: () => Promise<string>): Promise<void> {
  try {
    await writeFile(path, '', { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new HoldfastError('ObjectAlreadyExists', `${path} exists already: choose another file`, {
        cause,
      });
    }
    throw new HoldfastError('InvalidField', `cannot write ${path}`, { cause });
  }
  const keep = removeOnExit(path);
  try {
    await writeFile(path, await make());
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    keep();
  }
}
