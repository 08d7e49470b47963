import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';

/** The address of a Unix socket holds 108 bytes on Linux and 104 on macOS, the closing zero included. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

export interface ShortPath {
  readonly path: string;
  /** The path is of no use afterwards. Idempotent. */
  close(): void;
}

/**
 * A path to `folder` that leaves room for a socket called `socketName` in it: the folder's own where that is short enough,
 * else (Linux) the one that /proc gives to an open folder, which other processes of the same user can use as well.
 *
 * @throws HoldfastError Configuration where the system knows no shorter path
 */
export function shortPathTo(folder: string, socketName: string): ShortPath {
  if (Buffer.byteLength(join(folder, socketName)) <= MAX_SOCKET_PATH_BYTES) {
    return { path: folder, close: () => undefined };
  }
  if (process.platform !== 'linux') {
    throw new HoldfastError(
      'Configuration',
      'The path of the data folder is too long for a Unix socket in it: choose a shorter one.',
    );
  }
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  let open = true;
  return {
    path: `/proc/${String(process.pid)}/fd/${String(fd)}`,
    close: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

const lasting = new Map<string, string>();

/**
 * Like shortPathTo, but good for as long as this process lives, and the same each time: what connects through it also
 * finds a server that was started again.
 */
export function lastingPathTo(folder: string, socketName: string): string {
  const known = lasting.get(folder);
  if (known !== undefined) return known;
  const { path } = shortPathTo(folder, socketName);
  lasting.set(folder, path);
  return path;
}
