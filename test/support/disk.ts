import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Begins the name of each folder that is to be on a disk, wherever others are (folder.ts). */
export const ON_DISK = join(process.env['HOLDFAST_TEST_DISK'] ?? tmpdir(), 'holdfast-test-');
