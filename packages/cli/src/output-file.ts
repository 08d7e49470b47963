import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './error-code';
import { wrongUse, type CommandFailure } from './exit';

/**
 * Writes a file that is not there yet, and sees it to the disk; nothing of it stays where that fails.
 * @throws CommandFailure wrong use, where something is there or it cannot be written
 */
export async function writeNewFile(path: string, content: string | Buffer, mode: number): Promise<void> {
  try {
    await write(path, content, mode);
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') throw wrongUse(`${path} exists already`, 'Choose another file.');
    throw notWritable(path, cause);
  }
}

/**
 * Puts a new file, of a mode of its own, in the place of one that may be there: whole, or not at all.
 * @throws CommandFailure wrong use, where what is there is no file (a device, a pipe) or it cannot be written
 */
export async function replaceFile(path: string, content: string | Buffer, mode: number): Promise<void> {
  await refuseOther(path);
  const begun = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await write(begun, content, mode);
    await rename(begun, path).catch(async (error: unknown) => {
      await rm(begun, { force: true });
      throw error;
    });
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

/** Whether anything has this name: a link that leads nowhere, too, which a new file does not take the place of. */
export function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Judges, before anything is done that brings what is to be written, whether a file can come to be there.
 * @param instead what to say of another way, where there is one
 * @throws CommandFailure wrong use
 */
export async function requireWritable(path: string, instead?: string): Promise<void> {
  await refuseOther(path, instead);
  if (path.endsWith('/')) throw wrongUse(`${path} is the name of a folder`, 'Choose the path of a file.');
  await access(dirname(path), constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw notWritable(path, cause);
  });
}

async function refuseOther(path: string, instead?: string): Promise<void> {
  const isOther = await stat(path).then(
    (there) => !there.isFile(),
    () => false,
  );
  const hint = ['Choose the path of a file.', ...(instead === undefined ? [] : [instead])].join('\n');
  if (isOther) throw wrongUse(`${path} is there, and is no file`, hint);
}

/**
 * A file that is being written goes where the command ends before it is whole: a signal that ends it leaves nothing of it.
 * @returns to be called once it is whole, or gone
 */
export function removeOnExit(path: string): () => void {
  const remove = (): void => rmSync(path, { force: true });
  process.once('exit', remove);
  return () => process.off('exit', remove);
}

function notWritable(path: string, cause: unknown): CommandFailure {
  return wrongUse(`${path} cannot be written: ${whyNotWritable(cause)}`);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'what should be its folder is a file',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'nothing can be written there',
  ENAMETOOLONG: 'its name is too long',
};

/** Why no file could be made. */
export function whyNotWritable(cause: unknown): string {
  const code = errorCode(cause) ?? 'unknown reason';
  return REASONS[code] ?? code;
}

async function write(path: string, content: string | Buffer, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  const keep = removeOnExit(path);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    keep();
    await file.close();
  }
}
