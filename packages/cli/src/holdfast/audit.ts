import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { AuditLine, AuditQuery, LineFormatName } from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { writeNewFile } from '../output-file';
import { addArchiveCommands, exportInArchive, openLog } from './audit-archive';
import { searchFiles } from './audit-search';
import { verify } from './audit-verify';
import { mustNotExist, wholeNumber, writeWhole } from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';

const FOLLOW_EVERY_MS = 1000;
const FOLLOWED_AT_ONCE = 1000;

const COLUMNS = {
  Position: ({ position }: AuditLine) => String(position),
  Time: ({ time }: AuditLine) => time,
  Actor: ({ actor }: AuditLine) => actor.name || actor.id,
  Peer: ({ actor }: AuditLine) => actor.peer,
  Operation: ({ action }: AuditLine) => action,
  Objects: ({ objects }: AuditLine) => objects.join(' '),
  Outcome: ({ outcome, reason }: AuditLine) => (reason === undefined ? outcome : `${outcome}: ${reason}`),
};
type SearchOptions = OfficerOptions & Omit<AuditQuery, 'after'>;
interface TailOptions extends OfficerOptions {
  readonly lines: number;
  readonly follow?: boolean;
}
interface ExportOptions extends OfficerOptions {
  readonly out: string;
  readonly from?: number;
  readonly format: LineFormatName;
  readonly archive?: string;
}

function show(lines: readonly AuditLine[], json: boolean | undefined, empty: string): void {
  if (json !== true) print(lines, false, COLUMNS, empty);
  else for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function search(
  files: readonly string[],
  { since, until, actor, operation, object, outcome, limit, ...options }: SearchOptions,
) {
  const query = Object.fromEntries(
    Object.entries({ since, until, actor, operation, object, outcome, limit }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as AuditQuery;
  const lines =
    files.length > 0
      ? await searchFiles(files, query, options)
      : await (await asOfficer(options)).call('POST /audit/search', query);
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

async function exportTo({ out, from, format, archive, ...options }: ExportOptions): Promise<void> {
  if (archive !== undefined && (from !== undefined || format !== 'json')) {
    throw new CommandFailure(ExitCode.WrongUse, 'an archive is exported as a whole, as JSON');
  }
  const client = await asOfficer(options);
  const request = { format, ...(from === undefined ? {} : { from }) };
  const content =
    archive === undefined
      ? await client.stream('POST /audit/export', request)
      : await exportInArchive(await openLog(archive), options);
  if (out === '-') {
    for await (const bytes of content) {
      if (!process.stdout.write(bytes)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    return;
  }
  await mustNotExist(out);
  const sha256 = await writeWhole(out, 'export', content);
  printDone(
    { file: out, sha256 },
    options.json,
    `${out} holds the log. Check it anywhere: holdfast audit verify ${out} --public-key FILE\n`,
  );
}

async function publicKey({ out, ...options }: OfficerOptions & { readonly out?: string }): Promise<void> {
  const answer = await (await asOfficer(options)).call('GET /audit/key');
  if (out === undefined) {
    printDone({ ...answer }, options.json, answer.publicKeyPem);
    return;
  }
  await writeNewFile(out, answer.publicKeyPem, 0o644);
  printDone({ file: out }, options.json, '');
}

export function auditCommand(): Command {
  const command = new Command('audit').description('read, export and verify the audit log');
  withOfficer(command.command('tail'))
    .description('show the last records')
    .option('-n, --lines <number>', 'how many', wholeNumber, 20)
    .option('-f, --follow', 'go on as records are added')
    .action(tail);
  withOfficer(command.command('search [files...]'))
    .description(
      'find records in the database, or in archives and exports (JSON) instead; all conditions hold, texts are compared whole',
    )
    .option('--since <time>', 'not before, e.g. 2026-11-22T10:00Z')
    .option('--until <time>', 'not after')
    .option('--actor <name>', 'name or identifier of the client, user or officer')
    .option('--operation <name>', 'e.g. Get, Destroy, client.add, connection')
    .option('--object <identifier>', 'what it was about')
    .option('--outcome <outcome>', 'success, failure, undone or pending')
    .option('--limit <number>', 'the last so many (default: 100)', wholeNumber)
    .addHelpText(
      'after',
      '\nThe running server opens archives; exports need none, and are to be checked with holdfast audit verify.\n\nExamples:\n  holdfast audit search --operation Get --outcome failure --since 2026-11-22\n  holdfast audit search archives/*.sealed --object IDENTIFIER --limit 1000\n',
    )
    .action(search);
  withOfficer(command.command('export'))
    .description('write the log as lines that end in a signed statement')
    .requiredOption('--out <file>', 'where to; - for standard output')
    .option('--archive <file>', 'what an archive holds, instead of what is in the database')
    .option('--from <position>', 'begin with the checkpoint that covers this record', wholeNumber)
    .addOption(new Option('--format <format>', 'of the records').choices(['json', 'cef']).default('json'))
    .action(exportTo);
  withOfficer(command.command('verify [files...]'))
    .description(
      'check exported logs with the public key alone, archives, or without a file the log of the running server',
    )
    .option(
      '--public-key <file>',
      'public key of the log, PEM (archives: default that of the running server)',
    )
    .option(
      '--since <file>',
      'checkpoints that were kept (lines as in audit/checkpoints.jsonl, or of a syslog receiver): the log has them, or goes on from the last',
    )
    .addHelpText(
      'after',
      '\nExits with 1 where something is wrong, and names the first bad record. Several files have to follow each other.\n\nExample:\n  holdfast audit verify log.jsonl --public-key audit.pem\n',
    )
    .action(verify);
  addArchiveCommands(command);
  withOfficer(command.command('public-key'))
    .description('print the public key that exports are checked with')
    .option('--out <file>', 'write it to a file instead')
    .action(publicKey);
  return command;
}
