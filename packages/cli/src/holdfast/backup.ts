import { createWriteStream, existsSync } from 'node:fs';
import { access, constants, link, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { HoldfastError } from '@holdfast/core';
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
  return command;
}
