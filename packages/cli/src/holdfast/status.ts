import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { listenText, type StatusAnswer } from '@holdfast/server/admin';
import { ExitCode } from '../exit';
import { asOperator, withDataDir, type CommonOptions } from './options';

interface StatusOptions extends CommonOptions {
  readonly wait?: number;
}

const POLL_INTERVAL_MS = 50;

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 3600)) throw new InvalidArgumentError('give seconds, up to 3600.');
  return value;
}

/** States that pass by themselves, or once custodians come. */
const isWaitedOut = ({ state }: StatusAnswer): boolean => state === 'sealed' || state === 'refusing';

/** Asks until the server serves or the time is up. */
async function statusWithin(options: StatusOptions): Promise<StatusAnswer> {
  const untilMs = Date.now() + (options.wait ?? 0) * 1000;
  for (;;) {
    try {
      const answer = await asOperator(options).call('GET /status');
      if (!isWaitedOut(answer) || Date.now() >= untilMs) return answer;
    } catch (error) {
      const absent = error instanceof HoldfastError && error.code === 'StoreUnavailable';
      if (!absent || Date.now() >= untilMs) throw error;
    }
    await delay(POLL_INTERVAL_MS);
  }
}

async function status(options: StatusOptions): Promise<void> {
  const answer = await statusWithin(options);
  if (answer.state !== 'serving') process.exitCode = ExitCode.Refused;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
    return;
  }
  const { database, problem, warning, root } = answer;
  process.stdout
    .write(`Holdfast ${answer.version}, ${answer.state}${answer.state === 'serving' ? ' since' : ', started'} ${answer.startedAt}
${noteLine('Problem', problem)}${noteLine('Warning', warning)}${servingLines(answer)}Database     ${database.kind}, PostgreSQL ${database.version}${databaseNotes(database)}
Root         ${root.kind}${rootNote(answer)}
${syslogLine(answer)}${answer.approvedOnly ? 'Cryptography approved alone (NIST SP 800-131A)\n' : ''}${answer.testMode ? 'TEST MODE    any client can remove all objects of its domain (Interop)\n' : ''}`);
}

function noteLine(title: string, note: string | undefined): string {
  return note === undefined ? '' : `${title.padEnd(13)}${note}; the log of the server says more\n`;
}

function databaseNotes({ isReachable, transport }: StatusAnswer['database']): string {
  const notes = [
    ...(isReachable ? [] : ['does not answer']),
    ...(transport === 'unencrypted' ? ['over the network NOT ENCRYPTED'] : []),
    ...(transport === 'unverified' ? ['its certificate is NOT CHECKED'] : []),
  ];
  return notes.length === 0 ? '' : ` (${notes.join(', ')})`;
}

function syslogLine({ syslog }: StatusAnswer): string {
  if (syslog === undefined) return '';
  const { destination, state, forwarded, behind, problem } = syslog;
  const why = problem === undefined ? '' : ` (${problem})`;
  return `Syslog       ${destination}, ${state}${why}: sent up to record ${forwarded}, ${behind} behind\n`;
}

function servingLines({ state, kmip, https, connections, workers, pid, custody }: StatusAnswer): string {
  if (state === 'sealed' && custody !== undefined) {
    const { given, threshold, shares } = custody;
    return `Unsealing    ${given} of ${threshold} shares given (there are ${shares}): holdfast unseal\n`;
  }
  const lines = [
    ...(kmip === undefined ? [] : [`KMIP         ${listenText(kmip)}`]),
    ...(https === undefined ? [] : [`HTTPS        ${listenText(https)}`]),
    `Connections  ${connections}`,
    `Processes    ${workers} serving, keeper ${pid}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

export function statusCommand(): Command {
  return withDataDir(new Command('status'))
    .description('show the running node; exits 0 where it serves')
    .option('--wait <seconds>', 'wait until it serves', seconds)
    .option('--json', 'print JSON')
    .action((options: StatusOptions) => status(options));
}

export function drainCommand(): Command {
  return withDataDir(new Command('drain'))
    .description('let requests in hand finish, then stop the node')
    .action(async (options: CommonOptions) => {
      await asOperator(options).call('POST /drain');
      process.stdout.write('The node is draining and will stop.\n');
    });
}

function rootNote({ root: { kind, forEvaluation, processIds }, custody }: StatusAnswer): string {
  if (custody !== undefined) return ` (${custody.threshold} of ${custody.shares} custodians unseal it)`;
  if (forEvaluation) return ' (for evaluation)';
  if (kind !== 'pkcs11') return '';
  return processIds.length === 0 ? ' (the HSM does not answer)' : ` (${processIds.length} processes ready)`;
}
