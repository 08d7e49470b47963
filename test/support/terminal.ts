import { spawn, spawnSync } from 'node:child_process';

const PYTHON = '/usr/bin/python3';
const ON_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Whether commands can be run on a terminal here: by Python, since Node has no pseudo-terminals. */
export const hasTerminal = spawnSync(PYTHON, ['-c', 'import pty']).status === 0;

/**
 * Runs a command on a pseudo-terminal.
 * @param answer what is typed, and the question before which nothing is typed
 * @returns how it ended, and all that the terminal showed
 */
export function onTerminal(
  command: readonly string[],
  answer?: { readonly to: string; readonly typed: string },
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const child = spawn(PYTHON, ['-c', ON_TERMINAL, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  let shown = '';
  let isAnswered = answer === undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (isAnswered || answer === undefined || !shown.includes(answer.to)) return;
    isAnswered = true;
    child.stdin.write(`${answer.typed}\r`);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, shown })));
}
