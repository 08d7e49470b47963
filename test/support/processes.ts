import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

async function processes(): Promise<readonly Process[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,pgid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid = 0, parent = 0, group = 0] = line.trim().split(/\s+/).map(Number);
      return { pid, parent, group };
    });
}

/** The groups of a process, which leads its own, and of all that descend from it. */
export async function groupsBelow(pid: number): Promise<readonly number[]> {
  const all = await processes();
  const family = new Set([pid]);
  for (let before = 0; before < family.size;) {
    before = family.size;
    for (const each of all) if (family.has(each.parent)) family.add(each.pid);
  }
  return [...new Set(all.filter((each) => family.has(each.pid)).map(({ group }) => group))];
}

/** Ends whole process groups at once; one that is gone already is no fault. */
export function killGroups(groups: readonly number[]): void {
  signalAll(
    groups.map((group) => -group),
    'SIGKILL',
  );
}

/**
 * Ids that another process told are older than the signal: one that is gone already is no fault.
 * @returns how many were there
 */
export function signalAll(processIds: readonly number[], signal: NodeJS.Signals): number {
  let count = 0;
  for (const processId of processIds) {
    try {
      process.kill(processId, signal);
      count++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return count;
}

/** The process ids of a server's workers; one that has ended is none. */
export function workersOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((child) => child !== '' && commandOf(child).includes('worker.js'))
    .map(Number);
}

/** The command line of a process; '' where it has ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
