import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { KmipRefusal } from '@holdfast/client';
import { Operation, ResultReason, ResultStatus } from '@holdfast/kmip';
import { Command } from 'commander';
import { ExitCode, Interrupted, failureText, runCommandLine, wrongUse } from '../src/exit';
import { buildProgram } from '../src/holdfast/program';
import { explain } from '../src/kmip/explain';
import { promptSecret } from '../src/prompt';

async function exitCodeOf(argv: readonly string[], action: () => void = () => undefined): Promise<unknown> {
  const program = new Command('kmip').configureOutput({
    writeErr: () => undefined,
    writeOut: () => undefined,
  });
  program
    .command('get <id>')
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .action(action);
  const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const before = process.exitCode;
  try {
    await runCommandLine(program, ['node', 'kmip', ...argv], (error) => ({
      exitCode: ExitCode.Refused,
      message: String(error),
    }));
    return process.exitCode;
  } finally {
    process.exitCode = before;
    stderr.mockRestore();
    process.stdout.removeAllListeners('error');
  }
}

test('exit codes tell done, refused, wrong use and no connection apart', async () => {
  const fail = (error: Error) => () => {
    throw error;
  };
  expect(await exitCodeOf(['get', 'x'])).toBe(0);
  expect(await exitCodeOf(['get', '--help'])).toBe(0);
  expect(await exitCodeOf([])).toBe(2);
  expect(await exitCodeOf(['get'])).toBe(2);
  expect(await exitCodeOf(['get', 'x', '--colour'])).toBe(2);
  expect(await exitCodeOf(['gett', 'x'])).toBe(2);
  expect(await exitCodeOf(['get', 'x'], fail(wrongUse('no')))).toBe(2);
  expect(await exitCodeOf(['get', 'x'], fail(new Error('refused')))).toBe(1);
});

test('the command of holdfast that is asked for is made alone; where none is, and for completion, all are', () => {
  const made = (asked?: string) => buildProgram(asked).commands.map((each) => each.name());
  const all = made();
  expect(all.length).toBeGreaterThan(20);
  for (const name of all) expect(made(name)).toEqual(name === 'completion' ? all : [name]);
  for (const other of ['', '--help', 'help', 'constructor']) expect(made(other)).toEqual(all);
});

const KMIP = resolve(__dirname, '../bin/kmip.js');

test('standard output that is full is told of, in a line and without a stack', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [KMIP, 'completion', 'bash'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^kmip: standard output cannot be written \(ENOSPC\)\n/),
    ]);
    expect(stderr).not.toMatch(/^\s+at /m);
  } finally {
    closeSync(full);
  }
});

test('where nobody reads standard error, the exit code tells all the same', async () => {
  const child = spawn(process.execPath, [KMIP, 'get', 'x', '--server', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.destroy();
  expect(await new Promise((done) => child.once('close', done))).toBe(2);
});

test('a failure is told in plain lines, the hint after it', () => {
  expect(failureText('kmip', { exitCode: 1, message: 'no\u001b[2J', hint: 'Try this.\nOr that.' })).toBe(
    'kmip: no\\u{1b}[2J\n  Try this.\n  Or that.\n',
  );
});

describe('what a prompt gets', () => {
  const typing = (keys: string): Promise<string | undefined> => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const output = Object.assign(new PassThrough(), { isTTY: true });
    const answer = promptSecret('Password: ', { input, output });
    input.write(keys);
    return answer.finally(() => {
      expect((output.read() as Buffer).toString()).toBe('Password: \n');
    });
  };

  test('is not shown', async () => {
    expect(await typing('correct horse\r')).toBe('correct horse');
  });

  test('is nothing after Ctrl-D', async () => {
    expect(await typing('\x04')).toBeUndefined();
  });

  test('is nothing after Ctrl-C, which ends the command', async () => {
    await expect(typing('secr\x03')).rejects.toBeInstanceOf(Interrupted);
  });
});

test('who is refused until officers approve is not sent to the owner of the object', () => {
  const hintFor = (resultMessage: string) =>
    explain(
      new KmipRefusal(Operation.Destroy, {
        resultStatus: ResultStatus.OperationFailed,
        resultReason: ResultReason.PermissionDenied,
        resultMessage,
      }),
    ).hint;
  expect(hintFor('this waits for approval 1: 0 of 2 officers have given it')).toContain('approval list');
  expect(hintFor('the role of this client may not do that')).toContain('owner');
});
