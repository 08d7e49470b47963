import { constants } from 'node:os';
import { CommanderError, type Command } from 'commander';
import { printable } from './table';

/** What the exit code of a command says. */
export const ExitCode = {
  /** It was done. */
  Done: 0,
  /** The other side understood it and said no. */
  Refused: 1,
  /** The command line, a file that it names or the set-up is wrong: nothing was sent. */
  WrongUse: 2,
  /** Nobody to talk to, or the connection broke. */
  NoConnection: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What ends a command from outside: Ctrl-C, a service manager or timeout(1), a terminal that goes. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** As a shell counts a command that a signal ended. */
const FIRST_SIGNAL_CODE = 128;

/** Ctrl-C where it is a key and no signal: at a prompt. The command ends as by the signal, whoever listens for that. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** What is told of a command that did not succeed. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** What went wrong; one line for each entry of a longer story. */
  readonly message: string;
  /** What to try next. */
  readonly hint?: string | undefined;
  /** For standard output, where there is something to be had all the same. */
  readonly output?: string | undefined;
}

/** A failure that the command itself found. */
export class CommandFailure extends Error implements Failure {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly output: string | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    options: { readonly hint?: string; readonly output?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
    this.hint = options.hint;
    this.output = options.output;
  }
}

/** The command was used wrongly: exit code 2. */
export function wrongUse(message: string, hint?: string): CommandFailure {
  return new CommandFailure(ExitCode.WrongUse, message, hint === undefined ? {} : { hint });
}

/** The lines for standard error. */
export function failureText(program: string, failure: Failure): string {
  const lines = failure.message.split('\n').map(printable);
  const hint = failure.hint?.split('\n').map(printable) ?? [];
  return [
    `${program}: ${lines[0] ?? ''}`,
    ...[...lines.slice(1), ...hint].map((line) => `  ${line}`),
    '',
  ].join('\n');
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(throwInsteadOfExit);
}

/** Commander has said already what was wrong; help and version that were asked for are no failure. */
function exitCodeOf(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? ExitCode.Done : ExitCode.WrongUse;
}

/**
 * Node.js has U+FFFD in the place of bytes that are no UTF-8, so that another name would be meant than the one typed.
 * @throws CommandFailure wrong use
 */
function refuseOtherEncodings(argv: readonly string[]): void {
  const at = argv.findIndex((text) => text.includes('\ufffd'));
  if (at >= 0) throw wrongUse(`${JSON.stringify(argv[at])} is not in UTF-8`);
}

async function outcome(
  program: Command,
  argv: readonly string[],
  explain: (error: unknown) => Failure,
): Promise<ExitCode> {
  try {
    refuseOtherEncodings(argv);
    await program.parseAsync(argv);
    return ExitCode.Done;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    if (error instanceof Interrupted) endBySignal('SIGINT', 0);
    const failure: Failure = error instanceof CommandFailure ? error : explain(error);
    if (failure.output !== undefined) process.stdout.write(failure.output);
    process.stderr.write(failureText(program.name(), failure));
    return failure.exitCode;
  }
}

const passOver = (): void => undefined;

/**
 * Ends the process by the signal itself, once what was begun is taken back: at SIGINT the shell that waits for it ends the
 * loop or script that it is in only then.
 * @param whom a process; 0 for all of this one's group, as a terminal sends SIGINT
 */
function endBySignal(signal: EndingSignal, whom: number): never {
  process.once('exit', () => {
    process.removeAllListeners(signal);
    process.kill(whom, signal);
  });
  process.exit(FIRST_SIGNAL_CODE + constants.signals[signal]);
}

/**
 * Runs a command line and sets the exit code of the process. Errors are told on standard error in a line or two, never
 * as a stack. Ctrl-C and the like end it at once unless the command listens for the signal itself. A reader that closes our standard output
 * early (`| head`) ends the process quietly.
 * @param argv as in process.argv
 * @param explain what to say of an error that is no CommandFailure
 */
export async function runCommandLine(
  program: Command,
  argv: readonly string[],
  explain: (error: unknown) => Failure,
): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    const message = `standard output cannot be written (${error.code ?? error.message})`;
    const hint = 'What was asked for may have been done: look before you repeat it.';
    process.stderr.write(failureText(program.name(), { exitCode: ExitCode.WrongUse, message, hint }));
    process.exit(ExitCode.WrongUse);
  });
  // Where nobody reads what goes wrong, the exit code still tells.
  if (!process.stderr.listeners('error').includes(passOver)) process.stderr.on('error', passOver);
  const ended = (signal: NodeJS.Signals) => {
    // A command that has a handler of its own ends in its own way.
    if (process.listenerCount(signal) === 1) endBySignal(signal as EndingSignal, process.pid);
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, ended);
  throwInsteadOfExit(program);
  const code = await outcome(program, argv, explain);
  // A command that came to its end may have said itself that not all was well.
  if (code !== ExitCode.Done || process.exitCode === undefined) process.exitCode = code;
  for (const signal of ENDING_SIGNALS) process.off(signal, ended);
}
