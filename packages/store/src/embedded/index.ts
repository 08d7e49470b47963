import { mkdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';
import { serverAccount } from './account';
import { findBinaries } from './binaries';
import { DATABASE, layoutIn, openCluster, ROLE, type Layout } from './cluster';
import { type Log } from './log';
import { lockFolder } from './owner-lock';
import { type Launched } from './processes';
import { PORT, SOCKET_NAME, startServer, summaryOf, type Connection } from './server';
import { lastingPathTo } from './short-path';

export { lockFolder, type OwnerLock } from './owner-lock';

/** A PostgreSQL server that belongs to this process. */
export interface EmbeddedPostgres {
  /** What `pg` needs to connect. The role owns the database and is no superuser. */
  readonly connection: Connection;
  /** For example "18.4". */
  readonly version: string;
  /** Resolves when the server has ended although nobody called `stop`: the owner then starts again, or ends. */
  readonly exited: Promise<{ readonly reason: string }>;
  /** Shuts the server down cleanly and resolves when it is gone. Idempotent; harmless after `exited`. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Holdfast's data folder: exists, belongs to the user that runs Holdfast, mode 0700. */
  readonly dataDir: string;
  readonly log: Log;
}

/**
 * Starts the embedded PostgreSQL in `<dataDir>/postgres`, making its cluster at the first start. The server shuts down
 * when this process ends, however it ends; one that outlived a former owner is stopped first.
 *
 * @returns once the server answers
 * @throws HoldfastError Configuration for what the operator can put right (no binaries, no rights, another server on
 *   the folder, another major version), StoreUnavailable otherwise; the cause holds the details and the server's last words
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await startLocked(resolve(options.dataDir), options.log);
  } catch (error) {
    throw explain(error);
  }
}

async function startLocked(dataDir: string, log: Log): Promise<EmbeddedPostgres> {
  const layout = layoutIn(dataDir);
  await stat(dataDir); // never made here: a mistyped folder is not to become a database
  // Not with its parents: below /proc that never ends.
  await mkdir(layout.folder, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  const lock = await lockFolder(layout.folder);
  try {
    return await startOwned(layout, log, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startOwned(
  layout: Layout,
  log: Log,
  releaseLock: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  const account = await serverAccount(layout.cluster);
  const binaries = await findBinaries(account, layout.folder);
  log('debug', `PostgreSQL ${binaries.version} runs from ${binaries.postgres}`);
  const password = await openCluster(layout, binaries, account, log);
  const host = lastingPathTo(layout.cluster, SOCKET_NAME);
  const connection = { host, port: PORT, user: ROLE, database: DATABASE, password };
  const server = await startServer({ layout, binaries, account, connection, log });
  log('info', `Embedded PostgreSQL ${binaries.version} is ready`);
  return ownedServer(server, connection, binaries.version, releaseLock);
}

function ownedServer(
  server: Launched,
  connection: Connection,
  version: string,
  cleanUp: () => Promise<void>,
): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  const gone = server.ended.then(async (reason) => {
    await cleanUp();
    return { reason };
  });
  const stop = async (): Promise<void> => {
    await server.shutDown();
    await gone;
  };
  return {
    connection,
    version,
    exited: new Promise((done) => {
      void gone.then((end) => {
        if (stopping === undefined) done(end);
      });
    }),
    stop: () => (stopping ??= stop()),
  };
}

function explain(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const options = { cause: error };
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HoldfastError(
        'Configuration',
        'The data folder, or something that belongs in it, does not exist.',
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EINVAL': // a user namespace that lacks the account
      return new HoldfastError(
        'Configuration',
        'The user that runs Holdfast lacks a right that the embedded database needs: to write to the data folder and, as root, to give a folder and a process to another user.',
        options,
      );
    default:
      return new HoldfastError('StoreUnavailable', summaryOf(String(error)), options);
  }
}
