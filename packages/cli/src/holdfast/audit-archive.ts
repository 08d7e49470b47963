import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { ArchiveAnswer } from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { mustBeReadable, wholeNumber } from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const SEALED = 'holdfast-envelope';

const COLUMNS = {
  Number: ({ number }: ArchiveAnswer) => String(number),
  First: ({ first }: ArchiveAnswer) => String(first),
  Last: ({ last }: ArchiveAnswer) => String(last),
  From: ({ earliest }: ArchiveAnswer) => earliest,
  To: ({ latest }: ArchiveAnswer) => latest,
  File: ({ file }: ArchiveAnswer) => file,
};

/** A log as it lies in a file, or comes through a pipe. */
export interface LogFile {
  readonly file: string;
  /** Whether it is an archive, rather than an export. */
  readonly isArchive: boolean;
  readonly content: AsyncIterable<Buffer>;
}

/** @throws HoldfastError Configuration */
export async function openLog(file: string): Promise<LogFile> {
  await mustBeReadable(file);
  const rest = (createReadStream(file) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < SEALED.length) {
    const next = await rest.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const isArchive = head.subarray(0, SEALED.length).toString('latin1') === SEALED;
  return { file, isArchive, content: joined(head, rest) };
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * The export in an archive, which the running server opens.
 * @throws HoldfastError as the call; CommandFailure where no server runs here
 */
export async function exportInArchive(
  { file, content }: LogFile,
  options: OfficerOptions,
): Promise<AsyncIterable<Buffer>> {
  const officer = await asOfficer(options);
  return opened(file, await officer.stream('POST /audit/archives/open', content).catch(orElsewhere(file)));
}

/**
 * An archive is brought to where no server runs, since exports can be checked there: says what to do with it instead.
 * @throws CommandFailure where no server answers, and what else is caught
 */
export function orElsewhere(file: string): (error: unknown) => never {
  return (cause) => {
    if (!(cause instanceof HoldfastError) || cause.code !== 'StoreUnavailable') throw cause;
    throw new CommandFailure(ExitCode.NoConnection, `${file} is sealed, and ${cause.message}`, {
      hint:
        'Only a server of the installation that wrote an archive opens it. For elsewhere take what is in it out on a node:\n' +
        `holdfast audit export --archive ${file} --out FILE`,
      cause,
    });
  };
}

/** What is in an export, or in an archive. */
export async function exportIn(log: LogFile, options: OfficerOptions): Promise<AsyncIterable<Buffer>> {
  return log.isArchive ? exportInArchive(log, options) : log.content;
}

async function* opened(file: string, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* content;
  } catch (cause) {
    const message = `${file} is damaged: it was altered or cut off; the server's log says where`;
    throw new HoldfastError('IntegrityViolation', message, { cause });
  }
}

async function setRetention(options: OfficerOptions & { days?: number; archiveDir: string }): Promise<void> {
  const { days } = options;
  const archiveDir = resolve(options.archiveDir);
  const request = { archiveDir, ...(days === undefined ? {} : { days }) };
  await (await asOfficer(options)).call('POST /audit/retention', request);
  await showRetention(options);
}

async function showRetention(options: OfficerOptions): Promise<void> {
  const retention = await (await asOfficer(options)).call('GET /audit/retention');
  const { days, archiveDir, notAwaited } = retention;
  if (options.json === true) process.stdout.write(`${JSON.stringify(retention)}\n`);
  else {
    const stay = days === undefined ? 'until they are archived by hand' : `for ${days} days`;
    const where = archiveDir === undefined ? '' : `; archives go into ${archiveDir}`;
    process.stdout.write(`Records stay in the database ${stay}${where}.\n`);
    for (const receiver of notAwaited) {
      process.stderr.write(
        `This node does not forward to ${receiver}: what it archives does not wait until that has got it.\n`,
      );
    }
  }
}

async function archive({ before, ...options }: OfficerOptions & { readonly before?: string }): Promise<void> {
  const chunks: Buffer[] = [];
  const request = before === undefined ? {} : { before };
  const client = await asOfficer(options);
  for await (const bytes of await client.stream('POST /audit/archive', request)) chunks.push(bytes);
  const made = JSON.parse(Buffer.concat(chunks).toString('utf8')) as readonly ArchiveAnswer[];
  print(made, options.json, COLUMNS, 'No record is so old.');
}

/** Retention and archives, as subcommands of `holdfast audit`. */
export function addArchiveCommands(audit: Command): void {
  const retention = audit.command('retention').description('how long records stay in the database');
  withOfficer(retention.command('set'))
    .description('have records that are older moved to sealed files in a folder of the node')
    .option('--days <number>', 'how long they stay (default: until holdfast audit archive)', wholeNumber)
    .requiredOption('--archive-dir <dir>', 'where archives go')
    .action(setRetention);
  withOfficer(retention.command('show')).description('tell how long they stay').action(showRetention);
  withOfficer(audit.command('archive'))
    .description('move old records to sealed files now')
    .option('--before <time>', 'older than this, e.g. 2026-11-01 (default: as retention says)')
    .action(archive);
  withOfficer(audit.command('archives'))
    .description('list the archives')
    .action(async (options: OfficerOptions) => {
      const rows = await (await asOfficer(options)).call('GET /audit/archives');
      print(rows, options.json, COLUMNS, 'Nothing is archived.');
    });
}
