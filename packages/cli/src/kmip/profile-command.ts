import { resolve } from 'node:path';
import { Command } from 'commander';
import { wrongUse } from '../exit';
import { listing, table } from '../table';
import { parseEncoding, parseVersion } from './connect';
import {
  profileNamed,
  readProfiles,
  requireProfileName,
  writeProfiles,
  type Profile,
  type StoredProfiles,
} from './profiles';
import { parseServers, requireUserOf, type ConnectionFlags } from './settings';

interface JsonFlag {
  readonly json?: boolean;
}

interface AddFlags extends Omit<ConnectionFlags, 'profile' | 'timeout' | 'async' | 'verbose'> {
  readonly server: string;
  readonly default?: boolean;
  readonly force?: boolean;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

async function add(name: string, flags: AddFlags): Promise<void> {
  requireProfileName(name);
  parseServers(flags.server);
  parseEncoding(flags.encoding);
  parseVersion(flags.kmipVersion);
  requireUserOf(flags.passwordFile, flags.username);
  const stored = await readProfiles(process.env);
  if (Object.hasOwn(stored.profiles, name) && flags.force !== true) {
    throw wrongUse(
      `there is a profile named ${name} already`,
      'Choose another name, or --force to replace it.',
    );
  }
  const profile: Profile = {
    server: flags.server,
    cert: absolute(flags.cert),
    key: absolute(flags.key),
    ca: absolute(flags.ca),
    serverName: flags.serverName,
    username: flags.username,
    passwordFile: absolute(flags.passwordFile),
    ticket: absolute(flags.ticket),
    version: flags.kmipVersion,
    encoding: flags.encoding,
  };
  const isDefault = flags.default === true || stored.default === undefined;
  const profiles = { ...stored.profiles, [name]: profile };
  await writeProfiles({ default: isDefault ? name : stored.default, profiles }, process.env);
  process.stderr.write(`Saved the profile ${name}${isDefault ? ', which is now the default' : ''}.\n`);
}

async function remove(name: string): Promise<void> {
  const stored = await readProfiles(process.env);
  profileNamed(stored, name);
  const profiles = Object.fromEntries(Object.entries(stored.profiles).filter(([other]) => other !== name));
  const chosen = stored.default === name ? undefined : stored.default;
  await writeProfiles({ default: chosen, profiles }, process.env);
  process.stderr.write(`Removed the profile ${name}.\n`);
}

function printList(stored: StoredProfiles, { json }: JsonFlag): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(stored)}\n`);
    return;
  }
  const rows = Object.entries(stored.profiles).map(([name, { server, version }]) => [
    name,
    server ?? '',
    version ?? 'auto',
    name === stored.default ? 'default' : '',
  ]);
  process.stdout.write(table(['NAME', 'SERVER', 'VERSION', ''], rows));
}

function printOne(profile: Profile, { json }: JsonFlag): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(profile)}\n`);
    return;
  }
  process.stdout.write(
    listing([
      ['Server', profile.server],
      ['Certificate', profile.cert],
      ['Private key', profile.key],
      ['CA', profile.ca],
      ['Server name', profile.serverName],
      ['User name', profile.username],
      ['Password file', profile.passwordFile],
      ['Ticket', profile.ticket],
      ['KMIP version', profile.version ?? 'auto'],
      ['Encoding', profile.encoding],
    ]),
  );
}

/** `kmip profile`: connection settings kept under names. */
export function profileCommand(): Command {
  const profile = new Command('profile').description(
    'Keep connection settings under a name (addresses, names and paths; never keys or passwords).',
  );
  profile
    .command('add')
    .description('Save a profile; the first one becomes the default.')
    .argument('<name>', 'name of the profile')
    .requiredOption('--server <host:port>', 'KMIP server, port 5696 unless given')
    .option('--cert <file>', 'client certificate, PEM')
    .option('--key <file>', 'private key of the certificate, PEM')
    .option('--ca <file>', 'certificate of the authority that the server’s comes from, PEM')
    .option('--server-name <name>', 'name that the server’s certificate has, if not HOST')
    .option('--username <name>', 'for servers that want one; its password is never stored')
    .option('--password-file <file>', 'file with the password of the user')
    .option('--ticket <file>', 'file with a ticket, in place of a user')
    .option('--kmip-version <version>', '1.0 to 2.1, or auto')
    .option('--encoding <name>', 'over HTTPS: ttlv, xml or json')
    .option('--default', 'make it the default')
    .option('--force', 'replace a profile of this name')
    .addHelpText(
      'after',
      '\nExample:\n  $ kmip profile add lab --server kms.example.org:5696 --cert cert.pem --key key.pem --ca ca.pem\n',
    )
    .action(add);
  profile
    .command('list')
    .description('List the saved profiles.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ kmip profile list\n')
    .action(async (flags: JsonFlag) => printList(await readProfiles(process.env), flags));
  profile
    .command('show')
    .description('Show one profile.')
    .argument('<name>', 'name of the profile')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ kmip profile show lab\n')
    .action(async (name: string, flags: JsonFlag) =>
      printOne(profileNamed(await readProfiles(process.env), name), flags),
    );
  profile
    .command('remove')
    .description('Forget a profile. The files that it names stay.')
    .argument('<name>', 'name of the profile')
    .addHelpText('after', '\nExample:\n  $ kmip profile remove lab\n')
    .action(remove);
  return profile;
}
