import { readFile, rm, writeFile } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/ttlv';

/** A text file that the command line names. @throws HoldfastError InvalidField */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('InvalidField', `cannot read ${path}`, { cause });
  }
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
  try {
    await writeFile(path, await make());
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
