import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { printable } from '../table';
import { readBytes } from './files';

/** Takes what the operator is to be warned of: a sentence without its full stop. */
export type Warn = (message: string) => void;

/** As commands warn, whose standard error is for people. */
const onStandardError: Warn = (message) => {
  process.stderr.write(`Warning: ${printable(message)}.\n`);
};

/**
 * A secret from a file that an environment variable names, as containers and systemd hand secrets over: the file's
 * content without the line end that editors leave. The buffer is the caller's, who zeroes it.
 * @param warn is told where others can read it
 * @returns undefined where the variable is not set
 * @throws HoldfastError Configuration
 */
export async function readSecretFile(variable: string, warn?: Warn): Promise<Buffer | undefined> {
  const path = givenIn(variable);
  return path === undefined ? undefined : secretIn(path, variable, warn);
}

/**
 * The value of an environment variable. One that is empty was meant to have one, as where `$(cat FILE)` found no file: to go
 * on without would make another store, or leave a root key open.
 * @throws HoldfastError Configuration
 */
export function givenIn(variable: string): string | undefined {
  const value = process.env[variable];
  if (value !== '') return value;
  throw new HoldfastError('Configuration', `${variable} is empty: set or unset it`);
}

/**
 * The secret in a file, as readSecretFile has it.
 * @param named what named the file
 * @throws HoldfastError Configuration
 */
export async function secretIn(path: string, named: string, warn = onStandardError): Promise<Buffer> {
  const content = await readBytes(path, `${named}: `);
  if (await isOpenToAll(path)) {
    warn(
      `${named}: every user of this machine can read ${path}: find out who did, and run "chmod o= ${path}"`,
    );
  }
  let end = content.length;
  if (content[end - 1] === 0x0a) end--;
  if (content[end - 1] === 0x0d) end--;
  if (end === 0) throw new HoldfastError('Configuration', `${named}: ${path} is empty`);
  return content.subarray(0, end);
}

/**
 * Whether every user of the machine can read a file: its mode says so, and no folder above is closed to them. Those of its
 * group may: systemd lets the service read a credential by an access control list, which shows as rights of the group.
 */
async function isOpenToAll(path: string): Promise<boolean> {
  const status = await stat(path);
  if (!status.isFile() || (status.mode & OTHERS_READ) === 0) return false;
  for (let folder = dirname(await realpath(path)); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & OTHERS_ENTER) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
const OTHERS_READ = 0o004;
const OTHERS_ENTER = 0o001;
