import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ClientSettings } from '@holdfast/core';
import { VERSION_NAMES, type VersionName } from '@holdfast/kmip/names';
import {
  AUTHENTICATION_POLICIES,
  listenText,
  makeFolder,
  parseListen,
  writeClientFiles,
  type AdminClient,
  type AuthenticationPolicy,
  type ClientAnswer,
  type CredentialAnswer,
  type CredentialRequest,
  type IssuedAnswer,
} from '@holdfast/server/admin';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { CommandFailure, ExitCode } from '../exit';
import { noRoomReason, readText } from './files';
import { asOfficer, requireSettings, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

interface CredentialOptions extends OfficerOptions {
  readonly out?: string;
  readonly csr?: string;
  readonly cert?: string;
  readonly subject?: string;
  readonly san?: string;
  readonly ca?: string;
  readonly keyAlgorithm?: string;
  readonly days?: number;
}
interface SettingsOptions {
  readonly authentication?: AuthenticationPolicy | 'listener';
  /** False for --no-tolerate-batch-count, undefined where nothing is said. */
  readonly tolerateBatchCount?: boolean;
  readonly requireEscrow?: boolean;
  readonly notify?: string | false;
  readonly notifyVersion?: VersionName;
}
interface AddOptions extends CredentialOptions, SettingsOptions {
  readonly domain?: string;
  readonly role?: 'user' | 'reader';
}

const CLIENT_COLUMNS = {
  Name: (row: ClientAnswer) => row.name,
  Domain: (row: ClientAnswer) => row.domain,
  Role: (row: ClientAnswer) => row.role,
  Settings: (row: ClientAnswer) => settingsText(row.settings),
  Status: (row: ClientAnswer) => row.status,
  Created: (row: ClientAnswer) => row.createdAt,
};
const CREDENTIAL_COLUMNS = {
  Credential: (row: CredentialAnswer) => row.id,
  'Recognised by': (row: CredentialAnswer) => row.rule,
  Subject: (row: CredentialAnswer) => row.subject,
  Authority: (row: CredentialAnswer) => row.authority,
  'Valid until': (row: CredentialAnswer) => row.notAfter,
  Status: (row: CredentialAnswer) => row.status,
};

function days(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give whole days.');
  return value;
}

function withCredential(command: Command): Command {
  return withOfficer(command)
    .option('--out <dir>', 'where cert.pem, key.pem (mode 0600) and ca.pem go; never overwritten')
    .option('--csr <file>', 'sign the key of this PKCS#10 request instead of making one')
    .option('--cert <file>', 'recognise this certificate, which the client has already (may be self-signed)')
    .option('--subject <dn>', 'recognise certificates with this subject (RFC 4514) of the CA given by --ca')
    .option(
      '--san <type:value>',
      'recognise certificates with this name, e.g. dns:db7.example.org, of that CA',
    )
    .option('--ca <name>', 'the trusted CA that --subject or --san belongs to')
    .addOption(
      new Option('--key-algorithm <name>', 'key to make').choices([
        'EC-P256',
        'EC-P384',
        'RSA-2048',
        'RSA-3072',
        'RSA-4096',
      ]),
    )
    .option('--days <number>', 'validity of the certificate', days);
}

function withSettings(command: Command): Command {
  return command
    .addOption(
      new Option('--authentication <policy>', 'how its requests prove who makes them').choices([
        ...AUTHENTICATION_POLICIES,
        'listener',
      ]),
    )
    .option('--tolerate-batch-count', 'take requests whose Batch Count is not the number of their items')
    .option('--require-escrow', 'let nothing that it makes be used before a backup or an escrow covers it')
    .option('--notify <host:port>', 'connect to it there to tell it what changes in its domain (Notify, Put)')
    .addOption(
      new Option(
        '--notify-version <version>',
        'the version of KMIP in which it is told (default: 1.4)',
      ).choices(VERSION_NAMES),
    );
}

function settingsOf(options: SettingsOptions): ClientSettings {
  const { authentication, tolerateBatchCount, requireEscrow } = options;
  return {
    ...(authentication === undefined || authentication === 'listener' ? {} : { authentication }),
    ...(tolerateBatchCount === true ? { toleratesBatchCount: true } : {}),
    ...(requireEscrow === true ? { requiresEscrow: true } : {}),
    ...endpointOf(options),
  };
}

function endpointOf({ notify, notifyVersion }: SettingsOptions): Pick<ClientSettings, 'notify'> {
  if (typeof notify === 'string') {
    return { notify: { ...parseListen(notify), version: notifyVersion ?? '1.4' } };
  }
  if (notifyVersion === undefined) return {};
  throw new HoldfastError('InvalidField', '--notify-version goes with --notify HOST:PORT');
}

function settingsText(settings: ClientSettings): string {
  const { authentication, toleratesBatchCount, requiresEscrow, notify } = settings;
  const texts = [
    authentication,
    toleratesBatchCount === true ? 'tolerates Batch Count' : undefined,
    requiresEscrow === true ? 'escrow before use' : undefined,
    notify === undefined ? undefined : `told at ${listenText(notify)}`,
  ];
  return texts.filter((text) => text !== undefined).join(', ');
}

/** @throws HoldfastError InvalidField where an option would be passed over */
function refuseContradictions({ csr, cert, subject, san, ca, keyAlgorithm, days }: CredentialOptions): void {
  const ways = [csr, cert, subject, san].filter((way) => way !== undefined);
  const contradictions = [
    [ways.length > 1, 'give one of --csr, --cert, --subject and --san'],
    [ways.length > 0 && keyAlgorithm !== undefined, '--key-algorithm is for a key that is made here'],
    [
      ways.length > (csr === undefined ? 0 : 1) && days !== undefined,
      '--days is for a certificate that is issued here',
    ],
    [ca !== undefined && subject === undefined && san === undefined, '--ca goes with --subject or --san'],
  ] as const;
  const found = contradictions.find(([isOne]) => isOne);
  if (found !== undefined) throw new HoldfastError('InvalidField', found[1]);
}

async function credentialRequest(options: CredentialOptions): Promise<CredentialRequest> {
  refuseContradictions(options);
  return {
    ...(options.csr === undefined ? {} : { csrPem: await readText(options.csr) }),
    ...(options.cert === undefined ? {} : { certificatePem: await readText(options.cert) }),
    ...(options.subject === undefined ? {} : { subject: options.subject }),
    ...(options.san === undefined ? {} : { alternativeName: options.san }),
    ...(options.ca === undefined ? {} : { authority: options.ca }),
    ...(options.keyAlgorithm === undefined ? {} : { keyAlgorithm: options.keyAlgorithm }),
    ...(options.days === undefined ? {} : { validityDays: options.days }),
  };
}

/**
 * The folder is made sure of before anything is issued: a key or certificate that cannot be written would be lost.
 * @returns takes the folder away again, where it was made here and is empty
 */
async function prepareFolder(options: CredentialOptions): Promise<() => Promise<void>> {
  const { out } = options;
  const isIssued = [options.cert, options.subject, options.san].every((way) => way === undefined);
  if (out === undefined) {
    if (isIssued)
      throw new HoldfastError('InvalidField', 'give --out DIR: what is issued has to go somewhere');
    return () => Promise.resolve();
  }
  const taken = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => join(out, name)).find(existsSync);
  if (taken !== undefined)
    throw new HoldfastError('Configuration', `${taken} exists already: choose another --out`);
  const isNew = await makeFolder(out);
  return async () => {
    if (isNew) await rmdir(out).catch(() => undefined);
  };
}

/** Asks for a client or credential and writes what was issued; where that is refused, nothing is left behind. */
async function issue(
  options: CredentialOptions,
  ask: (officer: AdminClient, credential: CredentialRequest) => Promise<IssuedAnswer>,
): Promise<void> {
  const credential = await credentialRequest(options);
  const officer = await asOfficer(options);
  const removeFolder = await prepareFolder(options);
  try {
    await report(await ask(officer, credential), options);
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function report(issued: IssuedAnswer, options: CredentialOptions): Promise<void> {
  if (options.out !== undefined) await writeIssued(options.out, issued);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(issued.client, undefined, 2)}\n`);
    return;
  }
  const { name, domain } = issued.client;
  process.stdout.write(`The client ${name} of the domain ${domain} is known.\n`);
  if (options.out !== undefined) process.stdout.write(`Its files are in ${options.out}.\n`);
}

/** @throws CommandFailure where what is known by now cannot be written: that has to be told */
async function writeIssued(folder: string, issued: IssuedAnswer): Promise<void> {
  try {
    await writeClientFiles(folder, issued);
  } catch (cause) {
    const { name } = issued.client;
    const reason = noRoomReason(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new CommandFailure(
      ExitCode.Refused,
      `the client ${name} is known, but what was issued to it cannot be written to ${folder}: ${reason}`,
      {
        hint: `Have it issued anew: holdfast client add-credential ${name} --out DIR. Revoke the credential that is lost.`,
        cause,
      },
    );
  }
}

export function clientCommand(): Command {
  const command = new Command('client').description('clients and their credentials');
  withSettings(withCredential(command.command('add <name>')))
    .description('add a client; without --csr, --cert, --subject or --san a key and certificate are made')
    .option('--domain <name>', 'the domain it belongs to (default: default)')
    .addOption(new Option('--role <role>', 'what it may do').choices(['user', 'reader']).default('user'))
    .addHelpText('after', '\nExample:\n  holdfast client add array-7 --domain storage --out ./array-7\n')
    .action((name: string, options: AddOptions) =>
      issue(options, (officer, credential) =>
        officer.call('POST /clients', {
          name,
          credential,
          settings: settingsOf(options),
          ...(options.domain === undefined ? {} : { domain: options.domain }),
          ...(options.role === undefined ? {} : { role: options.role }),
        }),
      ),
    );
  withSettings(withOfficer(command.command('set <name>')))
    .description('change the settings of a client; those that are not named stay as they are')
    .option('--no-tolerate-batch-count', 'refuse such requests again')
    .option('--no-require-escrow', 'let what it makes from now on be used at once')
    .option('--no-notify', 'connect to it no more')
    .action(async (name: string, options: OfficerOptions & SettingsOptions) => {
      const { authentication, tolerateBatchCount, requireEscrow } = options;
      const changes = {
        ...(authentication === undefined
          ? {}
          : { authentication: authentication === 'listener' ? null : authentication }),
        ...(tolerateBatchCount === undefined ? {} : { toleratesBatchCount: tolerateBatchCount }),
        ...(requireEscrow === undefined ? {} : { requiresEscrow: requireEscrow }),
        ...(options.notify === false ? { notify: null } : endpointOf(options)),
      };
      requireSettings(changes);
      const officer = await asOfficer(options);
      const client = await officer.call('POST /clients/:name/settings', changes, { name });
      print(client, options.json, CLIENT_COLUMNS, '');
    });
  withCredential(command.command('add-credential <name>'))
    .description('give a client a further credential, by the same options as add')
    .action((name: string, options: CredentialOptions) =>
      issue(options, (officer, credential) =>
        officer.call('POST /clients/:name/credentials', credential, { name }),
      ),
    );
  withOfficer(command.command('list'))
    .description('list the clients')
    .action(async (options: OfficerOptions) => {
      print(
        await (await asOfficer(options)).call('GET /clients'),
        options.json,
        CLIENT_COLUMNS,
        'There is no client.',
      );
    });
  withOfficer(command.command('show <name>'))
    .description('show a client with its credentials')
    .action(async (name: string, options: OfficerOptions) => {
      const client = await (await asOfficer(options)).call('GET /clients/:name', undefined, { name });
      print(client, options.json, CLIENT_COLUMNS, '');
      if (options.json === true) return;
      process.stdout.write('\n');
      print(client.credentials ?? [], false, CREDENTIAL_COLUMNS, 'It has no credential.');
    });
  withOfficer(command.command('revoke <name>'))
    .description('revoke a client, or one of its credentials; open connections end')
    .option('--credential <id>', 'only this credential (client show lists them)')
    .action(async (name: string, options: OfficerOptions & { readonly credential?: string }) => {
      const body = options.credential === undefined ? {} : { credentialId: options.credential };
      const client = await (await asOfficer(options)).call('POST /clients/:name/revoke', body, { name });
      if (options.json === true) process.stdout.write(`${JSON.stringify(client, undefined, 2)}\n`);
      else
        process.stdout.write(
          options.credential === undefined ? `${name} is revoked.\n` : `The credential is revoked.\n`,
        );
    });
  return command;
}
