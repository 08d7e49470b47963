import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where the embedded PostgreSQL lies in a data folder. */
const POSTGRES = 'postgres';

/**
 * Lays a fresh cluster of the embedded PostgreSQL into an empty data folder: a copy of the one in the folder that
 * HOLDFAST_TEST_CLUSTER names, where that is set. Making a cluster, and the tables in it, takes longer than all else that
 * a first start does.
 */
export async function layCluster(dataDir: string): Promise<void> {
  const original = process.env['HOLDFAST_TEST_CLUSTER'];
  if (original === undefined || readdirSync(dataDir).length > 0) return;
  if (!existsSync(original)) await makeOriginal(original);
  // It keeps the owner, which is not the one of these tests where root runs them.
  await promisify(execFile)('cp', ['-a', join(original, POSTGRES), dataDir]);
}

/** Under another name first: several test files may need it at once, and what bears the name is complete. */
async function makeOriginal(original: string): Promise<void> {
  const unfinished = `${original}.${randomBytes(6).toString('hex')}`;
  mkdirSync(unfinished, { mode: 0o700 });
  // Loaded by those alone who need it: most test files start servers, and have no store of their own.
  const { migrate, startEmbeddedPostgres } = await import('@holdfast/store');
  const postgres = await startEmbeddedPostgres({ dataDir: unfinished, log: () => undefined });
  await migrate(postgres.connection);
  await postgres.stop();
  try {
    renameSync(unfinished, original);
  } catch (error) {
    if (!existsSync(original)) throw error;
    rmSync(unfinished, { recursive: true });
  }
}
