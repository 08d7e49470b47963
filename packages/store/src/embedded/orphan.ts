import { execFile } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const POLL_MS = 10;
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
  const name = await clusterName(cluster);
  const pid = await recordedPid(cluster);
  if (pid === undefined || !(await isRunning(pid))) return false;
  if (!(await commandLine(pid)).includes(`cluster_name=${name}`)) {
    if ((await recordedPid(cluster)) === pid) {
      await rm(join(cluster, 'postmaster.pid'), { force: true });
      await rm(join(cluster, '.s.PGSQL.5432.lock'), { force: true });
    }
    return false;
  }
  for (const { signal, timeoutMs } of SHUTDOWNS) {
    if (!sendSignal(pid, signal)) return true;
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (!(await isRunning(pid))) return true;
      await delay(POLL_MS);
    }
  }
  throw new Error(`process ${String(pid)} does not end`);
}

async function recordedPid(cluster: string): Promise<number | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
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
