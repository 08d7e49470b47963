import { createWriteStream, existsSync } from 'node:fs';
import { access, constants, link, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/core';
import { State } from '@holdfast/kmip';
import type { DrillReport } from '@holdfast/server';
import { ExitCode } from '../exit';
import { table } from '../table';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';
import { readRoot } from './root-options';
import { databaseUrl, withNodeOptions, type NodeOptions } from './serve';

interface CreateOptions extends OfficerOptions {
  readonly out: string;
  readonly to: readonly string[];
}
interface IdentityOptions {
  readonly identity: string;
  readonly json?: boolean;
}
type Facts = Awaited<ReturnType<typeof import('@holdfast/server').verifyBackup>>;

const COLUMNS = {
  Created: ({ createdAt }: Facts) => createdAt,
  Objects: ({ objects }: Facts) => String(objects),
  Schema: ({ schemaVersion }: Facts) => String(schemaVersion),
};

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('Configuration', `cannot read ${path}`, { cause });
  }
}

const NOT_WRITABLE: readonly (string | undefined)[] = ['EACCES', 'ENOENT', 'ENOTDIR', 'EROFS'];

async function mustBeReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new HoldfastError('Configuration', `cannot read ${path}`, { cause });
  }
}

/** Written under another name until it is whole; never over a file that is there. */
async function create(options: CreateOptions): Promise<void> {
  if (existsSync(options.out)) {
    throw new HoldfastError('ObjectAlreadyExists', `${options.out} is there already`);
  }
  const recipients = await Promise.all(
    options.to.map(async (path) => ({ name: basename(path), pem: await readPem(path) })),
  );
  const content = await (await asOfficer(options)).stream('POST /backup', { recipients });
  const begun = `${options.out}.part`;
  try {
    await pipeline(
      Readable.from(content),
      createWriteStream(begun, { mode: 0o600, flags: 'wx', flush: true }),
    );
    // Fails where somebody has put a file there meanwhile.
    await link(begun, options.out);
    await rm(begun);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new HoldfastError('ObjectAlreadyExists', `${begun} is there: another backup is being written`);
    }
    if (NOT_WRITABLE.includes(code)) {
      throw new HoldfastError('Configuration', `cannot write ${options.out}`, { cause });
    }
    await rm(begun, { force: true });
    throw new HoldfastError('StoreUnavailable', 'the backup was not finished; nothing was kept of it', {
      cause,
    });
  }
  process.stdout.write(`${options.out} holds the backup, for ${options.to.join(', ')}.\n`);
}

async function verify(file: string, options: IdentityOptions): Promise<void> {
  await mustBeReadable(file);
  const { identityFrom, verifyBackup } = await import('@holdfast/server');
  print(await verifyBackup(file, identityFrom(await readPem(options.identity))), options.json, COLUMNS, '');
}

async function restore(file: string, options: IdentityOptions & NodeOptions): Promise<void> {
  await mustBeReadable(file);
  const { LOG_LEVELS, identityFrom, restoreBackup } = await import('@holdfast/server');
  const identity = identityFrom(await readPem(options.identity));
  const { root, secret } = await readRoot(options);
  const logLevel = LOG_LEVELS.find((level) => level === options.logLevel) ?? 'info';
  const facts = await restoreBackup(
    { dataDir: options.dataDir, root, databaseUrl: await databaseUrl(options), logLevel },
    secret,
    file,
    identity,
  );
  process.stdout.write(
    `${facts.objects} objects of ${facts.createdAt} were restored. Start the server and run: holdfast verify\n`,
  );
}

interface DrillOptions extends OfficerOptions {
  readonly identity: string;
  readonly scratch: string;
  readonly databaseUrl?: string;
  readonly live?: boolean;
}

async function drill(file: string, options: DrillOptions): Promise<void> {
  await mustBeReadable(file);
  const { drillBackup, identityFrom } = await import('@holdfast/server');
  const identity = identityFrom(await readPem(options.identity));
  const officer = options.live === true ? await asOfficer(options) : undefined;
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  const report = await drillBackup({
    path: file,
    identity,
    scratchFolder: options.scratch,
    databaseUrl: options.databaseUrl,
    live: officer === undefined ? undefined : () => officer.stream('GET /objects/digests', undefined),
    signal: stopped.signal,
  });
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : drillText(file, report),
  );
  if (!report.hasPassed) process.exitCode = ExitCode.Refused;
}

function drillText(file: string, { backup, tables, states, verified, live, hasPassed }: DrillReport): string {
  const rows = tables.map(({ name, rowsInFile, rowsRestored, isSame }) => [
    name,
    String(rowsInFile),
    String(rowsRestored),
    isSame ? 'same' : 'DIFFERENT',
  ]);
  const stateText = ({ state, objects }: (typeof states)[number]): string =>
    `${objects} ${state === undefined ? 'without state' : (nameOfState(state) ?? `in state ${state}`)}`;
  const faults = verified.findings.map(
    ({ severity, table: name, row, problem }) => `${severity}: ${name} ${row}: ${problem}\n`,
  );
  return [
    `${file}: backup of ${backup.createdAt}, ${backup.objects} objects, restored into a scratch database\n\n`,
    table(['Table', 'In the file', 'Restored', 'Every row'], rows),
    `\nObjects: ${states.map(stateText).join(', ')}\n`,
    `Verified: ${verified.rows} rows; every MAC, sealed value, record, projection, name and link\n`,
    ...faults,
    live === undefined
      ? ''
      : `The running server: ${live.same} the same, ${live.changedSince} changed since, ${live.madeSince} made since, ` +
        `${live.gone} gone, ${live.different} different though no change was recorded\n`,
    hasPassed
      ? '\nThe drill has passed: this backup restores. '
      : '\nTHE DRILL HAS FAILED: this backup does not restore as it should. ',
    'Nothing of the scratch database is left.\n',
  ].join('');
}

function nameOfState(state: number): string | undefined {
  return Object.entries(State).find(([, value]) => value === state)?.[0];
}

export function backupCommand(): Command {
  const command = new Command('backup').description('backups that only their recipients can open');
  withOfficer(command.command('create'))
    .description('write a backup of the running server: objects, clients, users, CA, policies, audit')
    .requiredOption('--out <file>', 'where to; the folder is on this machine')
    .requiredOption('--to <file>', 'certificate or public key (PEM) of a recipient (repeatable)', collect)
    .addHelpText(
      'after',
      '\nExample:\n  holdfast backup create --to custodian.pub --to another.pem --out holdfast.backup\n',
    )
    .action(create);
  command
    .command('verify <file>')
    .description('read a backup to its end without restoring it')
    .requiredOption('--identity <file>', "a recipient's private key (PEM)")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  holdfast backup verify holdfast.backup --identity custodian.key\n')
    .action(verify);
  withNodeOptions(command.command('restore <file>'))
    .description('restore a backup into an empty database, under its own or a new root of trust')
    .requiredOption('--identity <file>', "a recipient's private key (PEM)")
    .addHelpText(
      'after',
      '\nThe server must not be running. The whole file is verified before anything is written.\n\nExample:\n  holdfast backup restore holdfast.backup --identity custodian.key --data-dir NEW\n',
    )
    .action(restore);
  withOfficer(command.command('drill <file>'))
    .description(
      'restore a backup into a scratch database, compare and verify all of it, and remove it again',
    )
    .requiredOption('--identity <file>', "a recipient's private key (PEM)")
    .addOption(
      new Option(
        '--database-url <url>',
        'PostgreSQL in which a scratch schema is made, instead of an embedded one',
      ).env('HOLDFAST_DRILL_DATABASE_URL'),
    )
    .option('--scratch <dir>', 'folder with room for the scratch database', tmpdir())
    .option('--live', 'compare with the objects of the running server too (needs an officer)')
    .addHelpText(
      'after',
      '\nNeeds neither the server nor its root of trust. Exits with 1 where anything is not as it was.\n\nExample:\n  holdfast backup drill holdfast.backup --identity custodian.key --live --data-dir DIR\n',
    )
    .action(drill);
  return command;
}
