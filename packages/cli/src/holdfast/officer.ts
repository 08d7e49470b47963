import { Command } from 'commander';
import type { OfficerRole } from '@holdfast/core';
import type { OfficerAnswer } from '@holdfast/server/admin';
import { writeNewSecret } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print, printDone } from './print';

const COLUMNS = {
  Name: (row: OfficerAnswer) => row.name,
  Created: (row: OfficerAnswer) => row.createdAt,
  Status: (row: OfficerAnswer) => row.status,
};

const DESCRIPTIONS: Readonly<Record<OfficerRole, string>> = {
  officer: 'officers: who may administer clients, domains and authorities',
  auditor: 'auditors: who may read the audit log, and nothing else',
};

/** `holdfast officer` and `holdfast auditor`: the same commands for people of another role. */
export function officerCommand(role: OfficerRole): Command {
  const command = new Command(role).description(DESCRIPTIONS[role]);
  const path = `/${role}s` as const;
  withOfficer(command.command('add <name>'))
    .description(`add an ${role} and write the credential to a file (mode 0600)`)
    .requiredOption('--out <file>', 'where the credential goes; never overwritten')
    .action(async (name: string, options: OfficerOptions & { readonly out: string }) => {
      const officer = await asOfficer(options);
      await writeNewSecret(options.out, async () => {
        const credential = await officer.call(`POST ${path}`, { name });
        return `${JSON.stringify(credential, undefined, 2)}\n`;
      });
      const { out, json } = options;
      printDone({ name, file: out }, json, `The credential of ${name} is in ${out}.\n`);
    });
  withOfficer(command.command('list'))
    .description(`list the ${role}s`)
    .action(async (options: OfficerOptions) => {
      const rows = await (await asOfficer(options)).call(`GET ${path}`);
      print(rows, options.json, COLUMNS, `There is no ${role}.`);
    });
  withOfficer(command.command('revoke <name>'))
    .description(`revoke an ${role}`)
    .action(async (name: string, options: OfficerOptions) => {
      await (await asOfficer(options)).call(`POST ${path}/:name/revoke`, undefined, { name });
      printDone({ name, status: 'revoked' }, options.json, `${name} is an ${role} no longer.\n`);
    });
  return command;
}
