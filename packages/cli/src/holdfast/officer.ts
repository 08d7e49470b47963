import { Command } from 'commander';
import type { OfficerRole } from '@holdfast/core';
import type { OfficerAnswer, OfficerCredential } from '@holdfast/server/admin';
import { writeNewSecret } from './files';
import { collect, holdersText, readHolders, wholeNumber, type HolderOptions } from './holders';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';

const COLUMNS = {
  Name: (row: OfficerAnswer) => row.name,
  Created: (row: OfficerAnswer) => row.createdAt,
  Status: (row: OfficerAnswer) => row.status,
};

const ROLES: Readonly<Record<OfficerRole, { readonly is: string; readonly may: string }>> = {
  officer: { is: 'an officer', may: 'who may administer clients, domains and authorities' },
  auditor: { is: 'an auditor', may: 'who may read the audit log, and nothing else' },
  'backup-operator': {
    is: 'a backup operator',
    may: 'who may make backups for holders that are set once, and nothing else',
  },
};

interface AddOptions extends OfficerOptions {
  readonly out: string;
}

function withOut(command: Command, role: OfficerRole): Command {
  return withOfficer(command.command('add <name>'))
    .description(`add ${ROLES[role].is} and write the credential to a file (mode 0600)`)
    .requiredOption('--out <file>', 'where the credential goes; never overwritten');
}

/** Adds one, whose credential is in a file before anybody knows of it. @param more what is said besides */
async function add(
  name: string,
  { out, json }: AddOptions,
  make: () => Promise<OfficerCredential>,
  more = '',
): Promise<void> {
  await writeNewSecret(out, async () => `${JSON.stringify(await make(), undefined, 2)}\n`);
  printDone({ name, file: out }, json, `The credential of ${name} is in ${out}.\n${more}`);
}

/** `holdfast officer`, `auditor` and `backup-operator`: the same commands for people and programs of another role. */
export function officerCommand(role: OfficerRole): Command {
  const { is, may } = ROLES[role];
  const called = is.replace(/^an? /, '');
  const command = new Command(role).description(`${called}s: ${may}`);
  const path = `/${role}s` as const;
  if (role === 'backup-operator') addBackupOperator(command);
  else {
    withOut(command, role).action(async (name: string, options: AddOptions) => {
      const officer = await asOfficer(options);
      await add(name, options, () => officer.call(`POST /${role}s`, { name }));
    });
  }
  withOfficer(command.command('list'))
    .description(`list the ${called}s`)
    .action(async (options: OfficerOptions) => {
      const rows = await (await asOfficer(options)).call(`GET ${path}`);
      print(rows, options.json, COLUMNS, `There is no ${called}.`);
    });
  withOfficer(command.command('revoke <name>'))
    .description(`revoke ${is}`)
    .action(async (name: string, options: OfficerOptions) => {
      await (await asOfficer(options)).call(`POST ${path}/:name/revoke`, undefined, { name });
      printDone({ name, status: 'revoked' }, options.json, `${name} is ${is} no longer.\n`);
    });
  return command;
}

function addBackupOperator(command: Command): void {
  withOut(command, 'backup-operator')
    .requiredOption(
      '--to <file>',
      'certificate or public key (PEM) of a recipient of all its backups (repeatable)',
      collect,
    )
    .option('--threshold <number>', 'how many of them it takes to open one (default: any one)', wholeNumber)
    .addHelpText(
      'after',
      '\nExample:\n  holdfast backup-operator add nightly --to custodian.pub --out nightly.json\n',
    )
    .action(async (name: string, options: AddOptions & HolderOptions) => {
      const officer = await asOfficer(options);
      const request = { name, ...(await readHolders(options)) };
      const more = `Its backups are for ${holdersText(options)}, and for nobody else.\n`;
      await add(name, options, () => officer.call('POST /backup-operators', request), more);
    });
}
