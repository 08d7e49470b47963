import { chmod, mkdir } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/core';

/** Makes the data folder (mode 0700) where there is none. @throws HoldfastError Configuration */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    const made = await mkdir(dataDir, { recursive: true, mode: 0o700 });
    if (made !== undefined) await chmod(dataDir, 0o700);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = code === 'EEXIST' ? 'is no folder' : `cannot be made (${code ?? 'unknown'})`;
    throw new HoldfastError('Configuration', `the data folder ${dataDir} ${what}`, { cause });
  }
}
