import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/core';
import type {
  AuditLine,
  AuditQuery,
  AuditVerificationAnswer,
  FindingAnswer,
  LineFormatName,
} from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { mustBeReadable, mustNotExist, readPem, wholeNumber, writeWhole } from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const FOLLOW_EVERY_MS = 1000;
const FOLLOWED_AT_ONCE = 1000;
/** So many are compared with the log of the running server. */
const MAX_CHECKPOINTS = 1000;

const COLUMNS = {
  Position: ({ position }: AuditLine) => String(position),
  Time: ({ time }: AuditLine) => time,
  Actor: ({ actor }: AuditLine) => actor.name || actor.id,
  Peer: ({ actor }: AuditLine) => actor.peer,
  Operation: ({ action }: AuditLine) => action,
  Objects: ({ objects }: AuditLine) => objects.join(' '),
  Outcome: ({ outcome, reason }: AuditLine) => (reason === undefined ? outcome : `${outcome}: ${reason}`),
};
const FINDINGS = {
  Table: ({ table }: FindingAnswer) => table,
  Row: ({ row }: FindingAnswer) => row,
  Problem: ({ problem }: FindingAnswer) => problem,
};

interface SearchOptions extends OfficerOptions {
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly operation?: string;
  readonly object?: string;
  readonly outcome?: string;
  readonly limit?: number;
}
interface TailOptions extends OfficerOptions {
  readonly lines: number;
  readonly follow?: boolean;
}
interface ExportOptions extends OfficerOptions {
  readonly out: string;
  readonly from?: number;
  readonly format: LineFormatName;
}
interface VerifyOptions extends OfficerOptions {
  readonly publicKey?: string;
  readonly since?: string;
}

function show(lines: readonly AuditLine[], json: boolean | undefined, empty: string): void {
  if (json !== true) print(lines, false, COLUMNS, empty);
  else for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function search({ since, until, actor, operation, object, outcome, limit, ...options }: SearchOptions) {
  const query = Object.fromEntries(
    Object.entries({ since, until, actor, operation, object, outcome, limit }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as AuditQuery;
  const lines = await (await asOfficer(options)).call('POST /audit/search', query);
  show(lines, options.json, 'No record is like that.');
}

async function tail(options: TailOptions): Promise<void> {
  const client = await asOfficer(options);
  let lines = await client.call('POST /audit/search', { limit: options.lines });
  show(lines, options.json, 'Nothing is recorded yet.');
  let after = lines.at(-1)?.position ?? 0;
  while (options.follow === true) {
    if (lines.length < FOLLOWED_AT_ONCE) await delay(FOLLOW_EVERY_MS);
    lines = await client.call('POST /audit/search', { after, limit: FOLLOWED_AT_ONCE });
    if (lines.length > 0) show(lines, options.json, '');
    after = lines.at(-1)?.position ?? after;
  }
}

async function exportTo({ out, from, format, ...options }: ExportOptions): Promise<void> {
  const client = await asOfficer(options);
  const request = { format, ...(from === undefined ? {} : { from }) };
  if (out === '-') {
    for await (const bytes of await client.stream('POST /audit/export', request)) {
      if (!process.stdout.write(bytes)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    return;
  }
  mustNotExist(out);
  await writeWhole(out, 'export', await client.stream('POST /audit/export', request));
  process.stdout.write(
    `${out} holds the log. Check it anywhere: holdfast audit verify ${out} --public-key FILE\n`,
  );
}

async function verify(file: string | undefined, options: VerifyOptions): Promise<void> {
  if (file === undefined) return verifyLive(options);
  if (options.publicKey === undefined) {
    throw new CommandFailure(ExitCode.WrongUse, 'a file is checked with a public key: give --public-key', {
      hint: 'holdfast audit public-key prints that of the running server.',
    });
  }
  await mustBeReadable(file);
  const { verifyExport } = await import('@holdfast/server');
  const since = options.since === undefined ? undefined : await readCheckpoint(options.since);
  const content = createReadStream(file) as AsyncIterable<Buffer>;
  const verdict = await verifyExport(content, await readPem(options.publicKey), since);
  if (options.json === true) process.stdout.write(`${JSON.stringify(verdict, undefined, 2)}\n`);
  else {
    const { isGenuine, records, first, last, checkpointed, problem } = verdict;
    if (problem !== undefined) process.stdout.write(`${file}, line ${problem.line}: ${problem.text}\n`);
    process.stdout.write(
      `${isGenuine ? 'GENUINE' : 'NOT GENUINE'}: ${records} records${records === 0 ? '' : `, ${first} to ${last}`}` +
        `${isGenuine ? '' : ', before what is wrong'}\n`,
    );
    if (last > checkpointed) {
      process.stdout.write(`Records ${checkpointed + 1} to ${last} are covered by no checkpoint yet.\n`);
    }
  }
  if (!verdict.isGenuine) process.exitCode = ExitCode.Refused;
}

/** The last checkpoint in a file of them. */
async function readCheckpoint(path: string) {
  return (await readCheckpoints(path)).at(-1);
}

/** The checkpoints in a file of lines, some of which have one: the last ones. */
async function readCheckpoints(path: string) {
  await mustBeReadable(path);
  const { checkpointIn } = await import('@holdfast/server');
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const found = lines.flatMap((line) => checkpointIn(line) ?? []).slice(-MAX_CHECKPOINTS);
  if (found.length === 0) throw new HoldfastError('Configuration', `there is no checkpoint in ${path}`);
  return found;
}

async function verifyLive(options: VerifyOptions): Promise<void> {
  const given = options.since === undefined ? [] : await readCheckpoints(options.since);
  const { lineOf } = await import('@holdfast/server');
  const checkpoints = given.map(lineOf);
  const client = await asOfficer(options);
  const chunks: Buffer[] = [];
  for await (const bytes of await client.stream('POST /audit/verification', { checkpoints })) {
    chunks.push(bytes);
  }
  const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as AuditVerificationAnswer;
  const { findings, position, kept } = answer;
  if (options.json === true) process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  else {
    const good = `All of ${position} records are as they were linked, and agree with ${kept} checkpoints that were kept outside the database.`;
    print(findings, false, FINDINGS, good);
  }
  if (findings.length > 0) process.exitCode = ExitCode.Refused;
}

async function publicKey({ out, ...options }: OfficerOptions & { readonly out?: string }): Promise<void> {
  const answer = await (await asOfficer(options)).call('GET /audit/key');
  if (out !== undefined) await writeFile(out, answer.publicKeyPem, { flag: 'wx' });
  else process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : answer.publicKeyPem);
}

export function auditCommand(): Command {
  const command = new Command('audit').description('read, export and verify the audit log');
  withOfficer(command.command('tail'))
    .description('show the last records')
    .option('-n, --lines <number>', 'how many', wholeNumber, 20)
    .option('-f, --follow', 'go on as records are added')
    .action(tail);
  withOfficer(command.command('search'))
    .description('find records; all conditions hold, texts are compared whole')
    .option('--since <time>', 'not before, e.g. 2026-11-22T10:00Z')
    .option('--until <time>', 'not after')
    .option('--actor <name>', 'name or identifier of the client, user or officer')
    .option('--operation <name>', 'e.g. Get, Destroy, client.add, connection')
    .option('--object <identifier>', 'what it was about')
    .option('--outcome <outcome>', 'success, failure, undone or pending')
    .option('--limit <number>', 'the last so many (default: 100)', wholeNumber)
    .addHelpText(
      'after',
      '\nExample:\n  holdfast audit search --operation Get --outcome failure --since 2026-11-22\n',
    )
    .action(search);
  withOfficer(command.command('export'))
    .description('write the log as lines that end in a signed statement')
    .requiredOption('--out <file>', 'where to; - for standard output')
    .option('--from <position>', 'begin with the checkpoint that covers this record', wholeNumber)
    .addOption(new Option('--format <format>', 'of the records').choices(['json', 'cef']).default('json'))
    .action(exportTo);
  withOfficer(command.command('verify [file]'))
    .description(
      'check an exported log with the public key alone, or without a file the log of the running server',
    )
    .option('--public-key <file>', 'public key of the log, PEM')
    .option(
      '--since <file>',
      'checkpoints that were kept (lines as in audit/checkpoints.jsonl, or of a syslog receiver): the log has them, or goes on from the last',
    )
    .addHelpText(
      'after',
      '\nExits with 1 where something is wrong, and names the first bad record.\n\nExample:\n  holdfast audit verify log.jsonl --public-key audit.pem\n',
    )
    .action(verify);
  withOfficer(command.command('public-key'))
    .description('print the public key that exports are checked with')
    .option('--out <file>', 'write it to a file instead')
    .action(publicKey);
  return command;
}
