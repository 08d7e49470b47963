import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { IssuedAnswer, OfficerCredential } from './admin-protocol';
import { makeFolder, syncFolder } from './folder';

/**
 * Writes cert.pem, key.pem (mode 0600, where a key was made) and ca.pem into a folder, which is made if need be.
 * @throws HoldfastError Configuration where one of them is there already; nothing is overwritten
 */
export async function writeClientFiles(folder: string, issued: Omit<IssuedAnswer, 'client'>): Promise<void> {
  await makeFolder(folder);
  const files: readonly (readonly [string, string | undefined, number])[] = [
    ['key.pem', issued.privateKeyPem, 0o600],
    ['cert.pem', issued.certificatePem, 0o644],
    ['ca.pem', issued.caPem, 0o644],
  ];
  for (const [name, text, mode] of files) {
    if (text !== undefined) await writeNew(join(folder, name), text, mode);
  }
  await syncFolder(folder);
}

/**
 * An officer's credential from its file, or from standard input where the path is "-".
 * @returns undefined where there is no such file
 */
export async function readOfficerFile(path: string): Promise<OfficerCredential | undefined> {
  try {
    const text = path === '-' ? readFileSync(0, 'utf8') : await readFile(path, 'utf8');
    return JSON.parse(text) as OfficerCredential;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HoldfastError('Configuration', `the officer credential ${path} cannot be read`, {
      cause: error,
    });
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { mode, flag: 'wx', flush: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new HoldfastError('Configuration', `${path} exists already: choose another folder`, { cause });
  }
}
