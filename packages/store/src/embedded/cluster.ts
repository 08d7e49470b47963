import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';
import { type Account } from './account';
import { type Binaries } from './binaries';
import { syncFolder, writePrivateFile } from './durable';
import { run, type Surroundings } from './processes';
import { type Log } from './log';

/** The role that Holdfast connects as, which is no superuser, and its database. The superuser `postgres` cannot log in. */
export const ROLE = 'holdfast';
export const DATABASE = 'holdfast';

/** Where things lie in `<data folder>/postgres`, which only the user that runs Holdfast may enter. */
export interface Layout {
  readonly folder: string;
  /** The cluster ("PGDATA"), owned by the account that the server runs under; holds the server's Unix socket too. */
  readonly cluster: string;
  readonly passwordFile: string;
  readonly logFile: string;
}

export function layoutIn(dataDir: string): Layout {
  const folder = join(dataDir, 'postgres');
  return {
    folder,
    cluster: join(folder, 'data'),
    passwordFile: join(folder, 'password'),
    logFile: join(folder, 'server.log'),
  };
}

/**
 * How the server names its cluster. Root starts it inside the folder and changes to an account to which the folders above
 * are closed; /proc/self/cwd leads such a process to where it stands.
 */
export function clusterArgument(cluster: string, account: Account | undefined): string {
  return account === undefined ? cluster : '/proc/self/cwd';
}

const UNFINISHED = 'new-cluster-';

/** Settings that an operator may change in postgresql.conf: few connections, little memory, point queries. */
const INITIAL_SETTINGS = [
  'max_connections=100',
  'shared_buffers=128MB',
  'max_parallel_workers_per_gather=0',
  'jit=off',
  'timezone=UTC',
  'log_timezone=UTC',
];

const INITDB_OPTIONS = [
  '--username=postgres',
  '--auth=reject',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--no-instructions',
  ...INITIAL_SETTINGS.flatMap((setting) => ['-c', setting]),
];

/**
 * Makes the cluster unless it exists. It is made under another name and renamed when complete: an interrupted first start
 * leaves nothing that a later one would take for a cluster.
 *
 * @returns the password of {@link ROLE}
 * @throws HoldfastError Configuration when the cluster was made by another major version of PostgreSQL
 */
export async function openCluster(
  layout: Layout,
  binaries: Binaries,
  account: Account | undefined,
  log: Log,
): Promise<string> {
  await removeUnfinished(layout.folder);
  const clusterVersion = await readFile(join(layout.cluster, 'PG_VERSION'), 'utf8').catch(absent);
  if (clusterVersion === undefined) {
    log('info', 'Creating the embedded database');
    return createCluster(layout, binaries, account);
  }
  const [major] = binaries.version.split('.');
  if (clusterVersion.trim() !== major) {
    throw new HoldfastError(
      'Configuration',
      `The embedded database was made by PostgreSQL ${clusterVersion.trim()}, this release of Holdfast brings ${String(major)}: dump it with the release that made it and restore the dump (docs/embedded-postgresql.md).`,
    );
  }
  const password = await readFile(layout.passwordFile, 'utf8').catch(absent);
  if (password === undefined) {
    throw new HoldfastError(
      'Configuration',
      'The embedded database is there, but the file with its password is missing: restore it.',
    );
  }
  return password;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    // Retries: an initdb whose parent was killed may still be writing.
    if (name.startsWith(UNFINISHED))
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 50 });
  }
}

async function createCluster(
  layout: Layout,
  binaries: Binaries,
  account: Account | undefined,
): Promise<string> {
  const unfinished = await mkdtemp(join(layout.folder, UNFINISHED));
  try {
    await chmod(unfinished, 0o700);
    if (account !== undefined) await chown(unfinished, account.uid, account.gid);
    const password = randomBytes(32).toString('hex');
    await writePrivateFile(layout.passwordFile, password);
    await fillCluster(unfinished, binaries, account, password);
    await rename(unfinished, layout.cluster);
    await syncFolder(layout.folder);
    return password;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function fillCluster(
  cluster: string,
  binaries: Binaries,
  account: Account | undefined,
  password: string,
): Promise<void> {
  const where = { account, cwd: cluster };
  const argument = clusterArgument(cluster, account);
  await succeed(binaries.initdb, ['-D', argument, ...INITDB_OPTIONS], where);
  const singleUser = ['--single', '-D', argument, '-c', 'exit_on_error=on', 'postgres'];
  await succeed(binaries.postgres, singleUser, where, firstStatements(password));
  await admitRoleOnly(cluster);
}

/** One statement a line, as single-user mode wants it. A refused statement is for its client, not for the server's log. */
function firstStatements(password: string): string {
  return [
    `CREATE ROLE ${ROLE} LOGIN CREATEDB PASSWORD '${password}';`,
    `ALTER ROLE ${ROLE} SET log_min_messages = 'log';`,
    `CREATE DATABASE ${DATABASE} OWNER ${ROLE};`,
    '',
  ].join('\n');
}

async function admitRoleOnly(cluster: string): Promise<void> {
  const file = await open(join(cluster, 'pg_hba.conf'), 'r+');
  try {
    await file.truncate();
    await file.writeFile(`local all ${ROLE} scram-sha-256\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function succeed(
  program: string,
  args: readonly string[],
  where: Surroundings,
  input?: string,
): Promise<void> {
  const { exitCode, output } = await run(program, args, where, input);
  if (exitCode !== 0) throw new Error(output);
}
