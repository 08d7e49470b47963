import { Command } from 'commander';
import type { DomainAnswer } from '@holdfast/server/admin';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = { Name: (row: DomainAnswer) => row.name, Created: (row: DomainAnswer) => row.createdAt };

export function domainCommand(): Command {
  const command = new Command('domain').description(
    'domains: vaults whose clients and objects do not see each other',
  );
  withOfficer(command.command('add <name>'))
    .description('add a domain')
    .action(async (name: string, options: OfficerOptions) => {
      const domain = await (await asOfficer(options)).call('POST /domains', { name });
      print(domain, options.json, COLUMNS, '');
    });
  withOfficer(command.command('list'))
    .description('list the domains')
    .action(async (options: OfficerOptions) => {
      print(
        await (await asOfficer(options)).call('GET /domains'),
        options.json,
        COLUMNS,
        'There is no domain.',
      );
    });
  return command;
}
