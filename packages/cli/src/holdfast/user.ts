import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { AddUserRequest, UserAnswer } from '@holdfast/server/admin';
import { passwordIn } from '../password';
import { isTerminal } from '../prompt';
import { writeNewSecret } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';
import { askTwice } from './secret';

interface PasswordOptions extends OfficerOptions {
  readonly passwordStdin?: boolean;
}
interface AddOptions extends PasswordOptions {
  readonly domain?: string;
  readonly role?: 'user' | 'reader';
  readonly client?: readonly string[];
  readonly hashedPassword?: boolean;
  readonly oneTimePassword?: string;
  readonly deviceSerial?: string;
  readonly networkId?: string;
  readonly machineId?: string;
  readonly mediaId?: string;
  readonly deviceId?: string;
}

const COLUMNS = {
  Name: (row: UserAnswer) => row.name,
  Domain: (row: UserAnswer) => row.domain,
  Role: (row: UserAnswer) => row.role,
  Clients: (row: UserAnswer) => row.clients.join(', '),
  Device: (row: UserAnswer) => Object.values(row.device ?? {}).join(', '),
  Proofs: (row: UserAnswer) => row.proofs.join(', '),
  Created: (row: UserAnswer) => row.createdAt,
};

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** A password is on no command line: it comes from standard input, or is asked for at the terminal. */
async function readPassword(options: PasswordOptions): Promise<string> {
  if (options.passwordStdin === true) {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return passwordIn(Buffer.concat(chunks));
  }
  if (!isTerminal()) throw new HoldfastError('InvalidField', 'give the password by --password-stdin');
  return askTwice('Password: ');
}

function deviceOf(options: AddOptions): AddUserRequest['device'] {
  const device = {
    deviceSerialNumber: options.deviceSerial,
    networkIdentifier: options.networkId,
    machineIdentifier: options.machineId,
    mediaIdentifier: options.mediaId,
    deviceIdentifier: options.deviceId,
  };
  const given = Object.entries(device).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

async function requestFor(name: string, options: AddOptions): Promise<AddUserRequest> {
  const device = deviceOf(options);
  const needsPassword = device === undefined || options.passwordStdin === true;
  return {
    name,
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    ...(options.role === undefined ? {} : { role: options.role }),
    ...(options.client === undefined ? {} : { clients: options.client }),
    ...(device === undefined ? {} : { device }),
    ...(needsPassword ? { password: await readPassword(options) } : {}),
    hashedPassword: options.hashedPassword === true,
    oneTimePassword: options.oneTimePassword !== undefined,
  };
}

async function add(name: string, options: AddOptions): Promise<void> {
  const request = await requestFor(name, options);
  const officer = await asOfficer(options);
  let user: UserAnswer | undefined;
  if (options.oneTimePassword === undefined) user = await officer.call('POST /users', request);
  else {
    await writeNewSecret(options.oneTimePassword, async () => {
      const { oneTimePasswordUri = '', ...added } = await officer.call('POST /users', request);
      user = added;
      return `${oneTimePasswordUri}\n`;
    });
  }
  if (user !== undefined) print(user, options.json, COLUMNS, '');
}

export function userCommand(): Command {
  const command = new Command('user').description(
    'users: who prove their identity by a credential in the request header',
  );
  withOfficer(command.command('add <name>'))
    .description('add a user, or a device by what it says of itself')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .option('--domain <name>', 'the domain it belongs to (default: default)')
    .addOption(new Option('--role <role>', 'what it may do').choices(['user', 'reader']).default('user'))
    .option('--client <name>', 'only over connections of this client (repeatable)', collect)
    .option('--hashed-password', 'take the Hashed Password credential of KMIP 2.1 as well')
    .option(
      '--one-time-password <file>',
      'want one time passwords; their key goes to this new file (mode 0600)',
    )
    .option('--device-serial <text>', 'a device: its Device Serial Number')
    .option('--network-id <text>', 'a device: its Network Identifier')
    .option('--machine-id <text>', 'a device: its Machine Identifier')
    .option('--media-id <text>', 'a device: its Media Identifier')
    .option('--device-id <text>', 'a device: its Device Identifier')
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast user add barbican --password-stdin < password.txt\n  holdfast user add drive-7 --device-serial 8F31 --client tape-library\n',
    )
    .action(add);
  withOfficer(command.command('list'))
    .description('list the users')
    .action(async (options: OfficerOptions) => {
      const users = await (await asOfficer(options)).call('GET /users');
      print(users, options.json, COLUMNS, 'There is no user.');
    });
  withOfficer(command.command('passwd <name>'))
    .description('change the password of a user; the old one ends everywhere at once')
    .option('--password-stdin', 'read the password from standard input instead of asking for it')
    .action(async (name: string, options: PasswordOptions) => {
      const password = await readPassword(options);
      await (await asOfficer(options)).call('POST /users/:name/password', { password }, { name });
      printDone({ name }, options.json, `The password of ${name} is changed.\n`);
    });
  withOfficer(command.command('remove <name>'))
    .description('remove a user; its objects stay in the domain')
    .action(async (name: string, options: OfficerOptions) => {
      await (await asOfficer(options)).call('POST /users/:name/remove', undefined, { name });
      printDone({ name, status: 'removed' }, options.json, `${name} is a user no longer.\n`);
    });
  return command;
}
