import { open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { errorCode } from '../error-code';
import { removeOnExit, whyNotWritable } from '../output-file';

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

/** More than a secret takes. */
const ROOM_BYTES = 16 * 1024;

/**
 * Writes a secret to a new file (mode 0600). The file comes first, with room on the disk, so that no secret is made that could
 * not be written; where making it fails, the file goes again.
 * @throws HoldfastError Configuration (something is there, or there is no room), InvalidField, and what `make` throws
 */
export async function writeNewSecret(path: string, make: () => Promise<string>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    if (errorCode(cause) === 'EEXIST') {
      throw new HoldfastError('Configuration', `${path} exists already: choose another file`, { cause });
    }
    throw new HoldfastError('InvalidField', `cannot write ${path}: ${whyNotWritable(cause)}`, { cause });
  });
  const keep = removeOnExit(path);
  try {
    await takeRoom(file, path);
    const secret = Buffer.from(await make());
    await file.write(secret, 0, secret.length, 0);
    await file.truncate(secret.length);
    await file.sync();
    secret.fill(0);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    keep();
    await file.close();
  }
}

async function takeRoom(file: FileHandle, path: string): Promise<void> {
  try {
    await file.writeFile(Buffer.alloc(ROOM_BYTES));
    await file.sync();
  } catch (cause) {
    const reason = noRoomReason(cause) ?? errorCode(cause) ?? 'unknown reason';
    throw new HoldfastError('Configuration', `cannot write ${path}: ${reason}`, { cause });
  }
}

const NO_ROOM: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'its owner may have no more room',
  EFBIG: 'no file may be so large there',
};

/** Why there is no room for a file, where that is what an error says. */
export function noRoomReason(error: unknown): string | undefined {
  return NO_ROOM[errorCode(error) ?? ''];
}
