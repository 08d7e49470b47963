import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system in memory, which most Linux systems have. */
const MEMORY = '/dev/shm';
/** What all data folders of tests together stay far below. */
const ENOUGH_BYTES = 4 * 2 ** 30;

/**
 * Before the first test: a folder for all that the tests write, and in it the one of what they copy, made by the first that
 * needs it. It is in memory where there is room: most tests would wait for the disk most of the time. Those about
 * durability write to the disk (disk.ts).
 */
export default function nameFolder(): void {
  const disk = tmpdir();
  const parent = hasRoom() ? MEMORY : disk;
  removeLeftovers(parent);
  const folder = mkdtempSync(join(parent, `holdfast-tests-${process.pid}-`));
  // The account that runs PostgreSQL passes through.
  chmodSync(folder, 0o711);
  Object.assign(process.env, {
    TMPDIR: folder,
    HOLDFAST_TEST_FOLDER: folder,
    HOLDFAST_TEST_DISK: disk,
    HOLDFAST_TEST_CLUSTER: join(folder, 'cluster'),
  });
  // Tests trust their own authorities alone; these, Node reads whenever a process starts, for longer than all else that it does then.
  delete process.env['NODE_EXTRA_CA_CERTS'];
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return Math.min(bavail * bsize, process.availableMemory()) > ENOUGH_BYTES;
  } catch {
    return false;
  }
}

/** A run that was killed could not tidy up; in memory that costs more than on a disk. */
function removeLeftovers(parent: string): void {
  const isOwn = (path: string): boolean =>
    statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
  for (const name of readdirSync(parent)) {
    const processId = Number(/^holdfast-tests-(\d+)-/.exec(name)?.[1]);
    const path = join(parent, name);
    if (processId > 0 && isOwn(path) && !isAlive(processId)) rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
