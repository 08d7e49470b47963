import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Command, Option } from 'commander';
import type { DrillReport } from '@holdfast/server';
import { ENDING_SIGNALS, ExitCode } from '../exit';
import { counted, printable, table } from '../table';
import { readCeremony, sharesText, withCeremonyOptions, type CeremonyOptions } from './ceremony';
import {
  addShareCommand,
  collect,
  holdersText,
  mustBeReadable,
  mustNotExist,
  notInIt,
  readHolders,
  readOpener,
  wholeNumber,
  withOpener,
  writeWhole,
  type HolderOptions,
  type OpenerOptions,
} from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';
import { readRoot, secretsOfNode } from './root-options';
import { databaseUrl, withNodeOptions, type NodeOptions } from './serve';

interface CreateOptions extends OfficerOptions, HolderOptions {
  readonly out: string;
}
interface VerifyOptions extends OpenerOptions {
  readonly json?: boolean;
}
type Facts = Awaited<ReturnType<typeof import('@holdfast/server').verifyBackup>>;

const COLUMNS = {
  Created: ({ createdAt }: Facts) => createdAt,
  Objects: ({ objects }: Facts) => String(objects),
  Schema: ({ schemaVersion }: Facts) => String(schemaVersion),
};

async function create(options: CreateOptions): Promise<void> {
  await mustNotExist(options.out);
  const officer = await asOfficer(options);
  const id = randomUUID();
  const content = await officer.stream('POST /backup', { ...(await readHolders(options)), id });
  const sha256 = await writeWhole(options.out, 'backup', content);
  const copy = await officer.call('POST /copies/:name/confirm', { sha256 }, { name: id });
  const { out, json } = options;
  const sentence = `${out} holds the backup, for ${holdersText(options)}.\n${notInIt(copy)}`;
  printDone({ file: out, ...copy }, json, sentence);
}

async function verify(file: string, options: VerifyOptions): Promise<void> {
  await mustBeReadable(file);
  const { verifyBackup } = await import('@holdfast/server');
  print(await verifyBackup(file, await readOpener(options)), options.json, COLUMNS, '');
}

async function restore(file: string, options: OpenerOptions & NodeOptions & CeremonyOptions): Promise<void> {
  await mustBeReadable(file);
  const { LOG_LEVELS, restoreBackup } = await import('@holdfast/server');
  const opener = await readOpener(options);
  const { root, secret } = await readRoot(options, secretsOfNode(options.dataDir));
  const prepared = await readCeremony(options);
  const logLevel = LOG_LEVELS.find((level) => level === options.logLevel) ?? 'info';
  const facts = await restoreBackup(
    { dataDir: options.dataDir, root, databaseUrl: await databaseUrl(options), logLevel },
    secret,
    file,
    opener,
    prepared?.ceremony,
  );
  if (prepared !== undefined) process.stdout.write(sharesText(prepared));
  process.stdout.write(
    `Restored ${counted(facts.objects, 'object')} of ${facts.createdAt}. Start the server and run: holdfast verify\n`,
  );
}

interface DrillOptions extends OfficerOptions, OpenerOptions {
  readonly scratch?: string;
  readonly databaseUrl?: string;
  readonly live?: boolean;
}

async function drill(file: string, options: DrillOptions): Promise<void> {
  await mustBeReadable(file);
  const { drillBackup } = await import('@holdfast/server');
  const opener = await readOpener(options);
  const officer = options.live === true ? await asOfficer(options) : undefined;
  const stopped = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => stopped.abort());
  const report = await drillBackup({
    path: file,
    opener,
    scratchFolder: options.scratch ?? tmpdir(),
    databaseUrl: options.databaseUrl,
    live: officer === undefined ? undefined : () => officer.stream('GET /objects/digests', undefined),
    signal: stopped.signal,
  });
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : await drillText(file, report),
  );
  if (!report.hasPassed) process.exitCode = ExitCode.Refused;
}

async function drillText(
  file: string,
  { backup, tables, states, verified, live, hasPassed }: DrillReport,
): Promise<string> {
  const { nameOfState } = await import('@holdfast/server');
  const rows = tables.map(({ name, rowsInFile, rowsRestored, isSame }) => [
    name,
    String(rowsInFile),
    String(rowsRestored),
    isSame ? 'same' : 'DIFFERENT',
  ]);
  const stateText = ({ state, objects }: (typeof states)[number]): string =>
    `${objects} ${state === undefined ? 'without state' : (nameOfState(state) ?? `in state ${state}`)}`;
  const faults = verified.findings.map(
    ({ severity, table: name, row, problem }) => `${printable(`${severity}: ${name} ${row}: ${problem}`)}\n`,
  );
  return [
    `${file}: backup of ${backup.createdAt}, ${counted(backup.objects, 'object')}, restored into a scratch database\n\n`,
    table(['Table', 'In the file', 'Restored', 'Every row'], rows),
    `\nObjects: ${states.length === 0 ? 'none' : states.map(stateText).join(', ')}\n`,
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

export function backupCommand(): Command {
  const command = new Command('backup').description('backups that only their recipients can open');
  withOfficer(command.command('create'))
    .description('write a backup of the running server: objects, clients, users, CA, policies, audit')
    .requiredOption('--out <file>', 'where to; the folder is on this machine')
    .requiredOption('--to <file>', 'certificate or public key (PEM) of a recipient (repeatable)', collect)
    .option('--threshold <number>', 'how many of them it takes to open it (default: any one)', wholeNumber)
    .addHelpText(
      'after',
      '\nExample:\n  holdfast backup create --threshold 2 --to alice.pem --to bob.pem --to carol.pem --out holdfast.backup\n',
    )
    .action(create);
  withOpener(command.command('verify <file>'))
    .description('read a backup to its end without restoring it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  holdfast backup verify holdfast.backup --identity custodian.key\n')
    .action(verify);
  withCeremonyOptions(withNodeOptions(withOpener(command.command('restore <file>'))))
    .description('restore a backup into an empty database, under its own or a new root of trust')
    .addHelpText(
      'after',
      '\nThe server must not be running. The whole file is verified before anything is written.\n\nExample:\n  holdfast backup restore holdfast.backup --identity custodian.key --data-dir NEW\n',
    )
    .action(restore);
  withOfficer(withOpener(command.command('drill <file>')))
    .description(
      'restore a backup into a scratch database, compare and verify all of it, and remove it again',
    )
    .addOption(
      new Option(
        '--database-url <url>',
        'PostgreSQL in which a scratch schema is made, instead of an embedded one',
      ).env('HOLDFAST_DRILL_DATABASE_URL'),
    )
    .option(
      '--scratch <dir>',
      'folder with room for the scratch database (default: that for temporary files)',
    )
    .option('--live', 'compare with the objects of the running server too (needs an officer)')
    .addHelpText(
      'after',
      '\nNeeds neither the server nor its root of trust. Exits with 1 where anything is not as it was.\n\nExample:\n  holdfast backup drill holdfast.backup --identity custodian.key --live --data-dir DIR\n',
    )
    .action(drill);
  addShareCommand(command, 'backup');
  return command;
}
