import type { KeyObject } from 'node:crypto';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { readText } from './files';
import { sharePassphrase } from './secret';

/**
 * A custodian's private key (PEM); where it is under a passphrase, that is asked for.
 * @throws HoldfastError InvalidField, PermissionDenied where the passphrase is another, Configuration
 */
export async function privateKeyIn(path: string): Promise<KeyObject> {
  const { privateKeyFrom } = await import('@holdfast/server');
  const pem = await readText(path);
  try {
    return await privateKeyFrom(pem, () => sharePassphrase(path));
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === 'Configuration') throw error;
    throw new HoldfastError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
