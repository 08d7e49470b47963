import { spawn, type ChildProcess } from 'node:child_process';
import { type Writable } from 'node:stream';
import { type Account } from './account';

export interface Surroundings {
  readonly account: Account | undefined;
  /** Entered before the account changes, so the folders above it may be closed to that account. */
  readonly cwd: string;
}

export interface Outcome {
  /** undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  /** What it wrote on standard output and standard error, in order. */
  readonly output: string;
}

/** No PG*, LD_* or locale of ours reaches PostgreSQL; PATH is for the launcher's `sleep`. */
function environment(): NodeJS.ProcessEnv {
  return { LC_ALL: 'C', PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
}

/** Runs a program to its end, `input` on its standard input. Rejects with the system's error when it cannot be started. */
export async function run(
  command: string,
  args: readonly string[],
  where: Surroundings,
  input = '',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...where.account, cwd: where.cwd, env: environment() });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.stdin.on('error', () => undefined); // it ended before it read everything: the exit code says so
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ exitCode: code ?? undefined, output });
    });
  });
}

/** Seconds that a fast shutdown may take, with its checkpoint, before the guard asks for an immediate one; then before it kills. */
const FAST_SHUTDOWN_SECONDS = 30;
const IMMEDIATE_SHUTDOWN_SECONDS = 10;

/**
 * Starts the server as its child and ends with its exit code. Its guard reads descriptor 3, of which only Holdfast holds
 * the other end: when that closes, because Holdfast stops the server or was killed, the guard shuts the server down.
 * Signals meant for Holdfast (a service manager's SIGTERM to every process) end neither of the two.
 */
const LAUNCHER = `
trap '' HUP INT TERM
"$@" 3<&- &
server=$!
(
  cd /
  read -r _ <&3
  kill -INT "$server"
  seconds=0
  while [ "$seconds" -lt ${String(FAST_SHUTDOWN_SECONDS)} ] && kill -0 "$server"; do sleep 1; seconds=$((seconds + 1)); done
  kill -QUIT "$server"
  sleep ${String(IMMEDIATE_SHUTDOWN_SECONDS)}
  kill -KILL "$server"
) >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$server"
status=$?
kill -KILL "$guard" 2>/dev/null
exit "$status"
`;

/** A server under the launcher. */
export interface Launched {
  /** What ended the server, in words, as soon as it is gone. */
  readonly ended: Promise<string>;
  /** The same, undefined while the server runs. */
  readonly endReason: () => string | undefined;
  /** Shuts the server down (fast, then immediate, then killed) and resolves when it is gone. */
  readonly shutDown: () => Promise<void>;
}

/**
 * Starts a server in a session of its own (neither Ctrl-C nor a kill of Holdfast's process group reaches it), tied to the
 * life of this process.
 *
 * @param logFd an open file for what the server writes
 */
export function launch(
  command: string,
  args: readonly string[],
  where: Surroundings,
  logFd: number,
): Launched {
  const child = spawn('/bin/sh', ['-c', LAUNCHER, 'holdfast-postgres', command, ...args], {
    ...where.account,
    cwd: where.cwd,
    env: environment(),
    detached: true,
    stdio: ['ignore', logFd, logFd, 'pipe'],
  });
  const lifeline = child.stdio[3] as Writable;
  lifeline.on('error', () => undefined); // the other end is gone: the exit tells
  let reason: string | undefined;
  const ended = endOf(child).then((text) => {
    reason = text;
    lifeline.destroy(); // should only the launcher have been killed, its guard now ends the server
    return text;
  });
  const shutDown = async (): Promise<void> => {
    lifeline.end();
    const giveUp = setTimeout(
      () => {
        killGroup(child);
      },
      (FAST_SHUTDOWN_SECONDS + IMMEDIATE_SHUTDOWN_SECONDS + 5) * 1000,
    );
    await ended;
    clearTimeout(giveUp);
  };
  return { ended, endReason: () => reason, shutDown };
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(`it could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      if (code === null) resolve(`its launcher was ended by ${String(signal)}`);
      else
        resolve(
          code > 128
            ? `it was ended by signal ${String(code - 128)}`
            : `it ended with exit code ${String(code)}`,
        );
    });
  });
}

/** For a guard that was killed itself and thus cannot shut the server down. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // already gone
  }
}
