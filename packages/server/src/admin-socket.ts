import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { ADMIN_SOCKET_NAME } from './admin-protocol';

/** The system takes socket paths of this many bytes at most (sun_path), less the closing zero. */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * A path by which the administration socket of a data folder can be bound or reached, however deep the folder lies: a
 * path too long for the system is taken through an open handle on the folder.
 */
export function adminSocketPath(dataDir: string): { readonly path: string; release(): void } {
  const direct = join(dataDir, ADMIN_SOCKET_NAME);
  if (Buffer.byteLength(direct) <= MAX_SOCKET_PATH_BYTES) return { path: direct, release: () => undefined };
  if (process.platform !== 'linux') {
    throw new HoldfastError(
      'Configuration',
      `the path of the data folder is too long for a socket: ${dataDir}`,
    );
  }
  const handle = openSync(dataDir, 'r');
  return { path: `/proc/self/fd/${handle}/${ADMIN_SOCKET_NAME}`, release: () => closeSync(handle) };
}
