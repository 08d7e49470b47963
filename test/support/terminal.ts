import { spawn, spawnSync } from 'node:child_process';

const PYTHON = '/usr/bin/python3';
const ON_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Whether commands can be run on a terminal here: by Python, since Node has no pseudo-terminals. */
export const hasTerminal = spawnSync(PYTHON, ['-c', 'import pty']).status === 0;

/** What is typed, and the question before which nothing is typed. */
export interface Answer {
  readonly to: string;
  readonly typed: string;
}

/**
 * Runs a command on a pseudo-terminal.
 * @param answers to its questions, in their order
 * @returns how it ended, and all that the terminal showed
 */
export function onTerminal(
  command: readonly string[],
  answers: readonly Answer[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const child = spawn(PYTHON, ['-c', ON_TERMINAL, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  let shown = '';
  const left = [...answers];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [answer] = left;
    if (answer === undefined || !shown.includes(answer.to)) return;
    left.shift();
    child.stdin.write(`${answer.typed}\r`);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, shown })));
}
