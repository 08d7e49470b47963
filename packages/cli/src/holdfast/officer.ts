import { Command } from 'commander';
import type { OfficerAnswer } from '@holdfast/server/admin';
import { writeNewSecret } from './files';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Name: (row: OfficerAnswer) => row.name,
  Created: (row: OfficerAnswer) => row.createdAt,
  Status: (row: OfficerAnswer) => row.status,
};

export function officerCommand(): Command {
  const command = new Command('officer').description(
    'officers: who may administer clients, domains and authorities',
  );
  withOfficer(command.command('add <name>'))
    .description('add an officer and write the credential to a file (mode 0600)')
    .requiredOption('--out <file>', 'where the credential goes; never overwritten')
    .action(async (name: string, options: OfficerOptions & { readonly out: string }) => {
      const officer = await asOfficer(options);
      await writeNewSecret(options.out, async () => {
        const credential = await officer.call('POST /officers', { name });
        return `${JSON.stringify(credential, undefined, 2)}\n`;
      });
      process.stdout.write(`The credential of ${name} is in ${options.out}.\n`);
    });
  withOfficer(command.command('list'))
    .description('list the officers')
    .action(async (options: OfficerOptions) => {
      print(
        await (await asOfficer(options)).call('GET /officers'),
        options.json,
        COLUMNS,
        'There is no officer.',
      );
    });
  withOfficer(command.command('revoke <name>'))
    .description('revoke an officer')
    .action(async (name: string, options: OfficerOptions) => {
      await (await asOfficer(options)).call('POST /officers/:name/revoke', undefined, { name });
      process.stdout.write(`${name} is an officer no longer.\n`);
    });
  return command;
}
