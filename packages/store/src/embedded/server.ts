import { closeSync, openSync } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/ttlv';
import { Client } from 'pg';
import { type Account } from './account';
import { type Binaries } from './binaries';
import { clusterArgument, type Layout } from './cluster';
import { clusterName, stopOrphan } from './orphan';
import { type Log } from './log';
import { launch, type Launched } from './processes';

export interface Connection {
  /** The folder of the server's Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string;
}

export interface ServerOptions {
  readonly layout: Layout;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly connection: Connection;
  readonly log: Log;
}

export const PORT = 5432;
export const SOCKET_NAME = `.s.PGSQL.${String(PORT)}`;

/** Between two attempts to connect; each that comes too early is a line in the server's log. */
const MIN_POLL_MS = 5;
const MAX_POLL_MS = 100;
/** Recovery after a crash may replay much; a server that ended is noticed at once. */
const READY_TIMEOUT_MS = 180_000;
const NOTICE_INTERVAL_MS = 5_000;
/** How long what is left of a killed server may hold on to the cluster. */
const LEFTOVER_TIMEOUT_MS = 30_000;
const MAX_LOG_BYTES = 1024 * 1024;
const LOG_TAIL_BYTES = 4096;

/** What no file in the cluster may change: durability, and that the socket in the cluster's folder is the only way in. */
const FIXED_SETTINGS = {
  listen_addresses: '',
  unix_socket_directories: '.',
  unix_socket_permissions: '0700',
  port: String(PORT),
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_checkpoints: 'off',
  log_min_error_statement: 'panic',
};

/**
 * Starts the server and resolves when it answers. What is left of a killed predecessor is stopped, or waited for.
 *
 * @throws HoldfastError StoreUnavailable with the server's last words as its cause; Configuration for a wrong password
 */
export async function startServer(options: ServerOptions): Promise<Launched> {
  const { layout, log } = options;
  const deadline = Date.now() + LEFTOVER_TIMEOUT_MS;
  await rotateLog(layout.logFile);
  for (;;) {
    if (await stopOrphan(layout.cluster))
      log('warn', 'Stopped an embedded PostgreSQL that had lost its Holdfast server');
    const logOffset = await sizeOf(layout.logFile);
    const server = await launchServer(options);
    try {
      await untilReady(server, options);
      return server;
    } catch (error) {
      await server.shutDown();
      const lastWords = await readFrom(layout.logFile, logOffset);
      if (!isHeldByLeftover(lastWords) || Date.now() > deadline) throw withLastWords(error, lastWords);
      await delay(MAX_POLL_MS);
    }
  }
}

async function launchServer({ layout, binaries, account }: ServerOptions): Promise<Launched> {
  const settings = { ...FIXED_SETTINGS, cluster_name: await clusterName(layout.cluster) };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logFd = openSync(layout.logFile, 'a', 0o600);
  try {
    const where = { account, cwd: layout.cluster };
    return launch(binaries.postgres, ['-D', clusterArgument(layout.cluster, account), ...args], where, logFd);
  } finally {
    closeSync(logFd);
  }
}

async function untilReady(server: Launched, { connection, log }: ServerOptions): Promise<void> {
  const start = Date.now();
  let nextNotice = start + NOTICE_INTERVAL_MS;
  for (let pollMs = MIN_POLL_MS; ; pollMs = Math.min(pollMs * 1.2, MAX_POLL_MS)) {
    const refusal = await knock(connection);
    if (refusal === undefined) return;
    const reason = server.endReason();
    if (reason !== undefined) throw new Error(`PostgreSQL did not start: ${reason}`);
    if (refusal.code === '28P01') {
      throw new HoldfastError(
        'Configuration',
        'The embedded database refuses the password that the data folder holds.',
        {
          cause: refusal,
        },
      );
    }
    if (Date.now() > start + READY_TIMEOUT_MS)
      throw new Error('PostgreSQL did not become ready in time', { cause: refusal });
    if (Date.now() > nextNotice) {
      log('info', 'Waiting for the embedded PostgreSQL, which may be recovering from a crash');
      nextNotice += NOTICE_INTERVAL_MS;
    }
    await delay(pollMs);
  }
}

/** Resolves to undefined when the server admits the role, else to its refusal. */
async function knock(connection: Connection): Promise<(Error & { code?: string }) | undefined> {
  const client = new Client({ ...connection, ssl: false, connectionTimeoutMillis: NOTICE_INTERVAL_MS });
  client.on('error', () => undefined); // connect() tells
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The words of LC_ALL=C, which the launcher and the cluster are set to. */
function isHeldByLeftover(serverLog: string): boolean {
  return /pre-existing shared memory block|lock file "[^"]+" already exists/.test(serverLog);
}

function withLastWords(error: unknown, lastWords: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const cause = new Error(`${error instanceof Error ? error.message : String(error)}\n${lastWords}`, {
    cause: error,
  });
  return new HoldfastError('StoreUnavailable', summaryOf(lastWords), { cause });
}

/** What to tell the operator of a failure, given the words of PostgreSQL's programs or of the system about it. */
export function summaryOf(words: string): string {
  if (/ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/.test(words))
    return 'The disk of the data folder is full.';
  return 'The embedded PostgreSQL could not be started; the log has the details.';
}

async function rotateLog(path: string): Promise<void> {
  if ((await sizeOf(path)) > MAX_LOG_BYTES) await rename(path, `${path}.1`);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
}

async function readFrom(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(offset, size - LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
