import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { KmipRefusal } from '@holdfast/client';
import { query } from '@holdfast/core';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { until } from '../support/until';
import { KeyStream } from './key-stream';
import { verifyRows, verifyStream, type Faults } from './verify';

/** A disk that fills up: needs root, to mount a small file system for the data folder. */

const DISK_MIB = 256;
/** Less than a segment of the write-ahead log, which soon cannot be made. */
const LEFT_MIB = 4;

function mount(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=700`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

const disk = mount();
let server: ServerProcess | undefined;
afterAll(async () => {
  if (disk === undefined) return;
  await server?.stop();
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

/** Takes up the room of the disk but for a rest; where the stream needs more than that meanwhile, all of it. */
function fillDisk(folder: string, ballast: string): void {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - LEFT_MIB * 1024 * 1024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** Uses up the segments that are there already, sooner than the stream alone would. */
async function fillWriteAheadLog(dataDir: string): Promise<void> {
  const database = await openDatabase(dataDir);
  const write = (): Promise<unknown> =>
    database.sql(`SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))`);
  await expect(
    (async () => {
      for (;;) await write();
    })(),
  ).rejects.toThrow();
}

(disk === undefined ? test.skip : test)(
  'a full disk loses nothing that was acknowledged, and the server recovers (skipped without the right to mount)',
  async () => {
    const dataDir = join(disk ?? '', 'data');
    const started = (server = await startServerProcess({ dataDir, logLevel: 'error' }));
    const stream = new KeyStream(started, 'full');
    const faults: Faults = [];
    const ballast = join(disk ?? '', 'ballast');
    await until(() => stream.acknowledged.length > 0, 'a key is created');
    fillDisk(disk ?? '', ballast);
    await fillWriteAheadLog(dataDir);
    await until(() => stream.refusals.length > 0, 'requests are refused');
    await until(() => started.log().includes('cannot be started'), 'the database fails to start');
    await connectFirstClient(started).then(async (client) => {
      await expect(client.call(query, { queryFunctions: [] })).rejects.toBeInstanceOf(KmipRefusal);
      await client.close();
    });
    rmSync(ballast);
    const { length } = stream.acknowledged;
    await until(() => stream.acknowledged.length > length + 10, 'keys are created again');
    await stream.stop();
    const client = await connectFirstClient(started);
    const there = await verifyStream(client, stream, faults);
    await client.close();
    const database = await openDatabase(dataDir);
    await verifyRows(database, there.length, faults);
    await database.close();
    expect(faults).toEqual([]);
  },
);
