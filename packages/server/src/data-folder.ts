import { HoldfastError } from '@holdfast/core';
import { lockFolder, type OwnerLock } from '@holdfast/store';

/**
 * Takes a data folder until that is released, or this process ends, however it does: what is in it half-made is being made by
 * its owner, or nobody.
 * @throws HoldfastError Configuration where another server runs on it, or nothing can be written there
 */
export async function takeDataFolder(dataDir: string): Promise<OwnerLock> {
  try {
    return await lockFolder(dataDir);
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new HoldfastError(
      'Configuration',
      `nothing can be made in the data folder ${dataDir} (${code ?? 'unknown'})`,
      { cause },
    );
  }
}
