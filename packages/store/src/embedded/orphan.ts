import { execFile } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const POLL_MS = 10;
/** Both begin with the number of the main process. */
const LOCK_FILES = ['postmaster.pid', '.s.PGSQL.5432.lock'];
/** What an orphan gets for each kind of shutdown, mildest first. */
const SHUTDOWNS = [
  { signal: 'SIGINT', timeoutMs: 30_000 },
  { signal: 'SIGQUIT', timeoutMs: 10_000 },
  { signal: 'SIGKILL', timeoutMs: 10_000 },
] as const;

/** A name on the server's command line that no other cluster of this machine has, a copy of this one included. */
export async function clusterName(cluster: string): Promise<string> {
  const { dev, ino } = await stat(cluster, { bigint: true });
  return `holdfast-${dev.toString(16)}-${ino.toString(16)}`;
}

/**
 * Stops a server that outlived its Holdfast (only when the guard was killed as well, or has not finished yet), so that
 * the next one has an owner from its first moment. Removes a lock file whose process number now belongs to something else,
 * over which PostgreSQL would stumble. For the folder's owner only.
 *
 * @returns whether there was such a server
 */
export async function stopOrphan(cluster: string): Promise<boolean> {
  const mark = `cluster_name=${await clusterName(cluster)}`;
  let found = false;
  for (const lockFile of LOCK_FILES.map((name) => join(cluster, name))) {
    const pid = await recordedPid(lockFile);
    if (pid === undefined || !(await isRunning(pid))) continue;
    if ((await commandLine(pid)).includes(mark)) {
      await shutDown(pid);
      found = true;
    } else if ((await recordedPid(lockFile)) === pid) {
      await rm(lockFile, { force: true });
    }
  }
  return found;
}

async function shutDown(pid: number): Promise<void> {
  for (const { signal, timeoutMs } of SHUTDOWNS) {
    sendSignal(pid, signal);
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (!(await isRunning(pid))) return;
      await delay(POLL_MS);
    }
  }
  throw new Error(`process ${String(pid)} does not end`);
}

async function recordedPid(lockFile: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(lockFile, 'utf8').catch(() => ''), 10);
  return pid > 0 ? pid : undefined;
}

function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A process that has ended but was not waited for (its adoptive parent does not care) does not run. */
async function isRunning(pid: number): Promise<boolean> {
  if (!sendSignal(pid, 0)) return false;
  return process.platform !== 'linux' || (await commandLine(pid)) !== '';
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
  const answer = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return answer.stdout;
}
