import { Command } from 'commander';
import type { DomainAnswer } from '@holdfast/server/admin';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Name: (row: DomainAnswer) => row.name,
  Names: (row: DomainAnswer) => (row.settings.namesMayRepeat === true ? 'may repeat' : 'unique'),
  Created: (row: DomainAnswer) => row.createdAt,
};
const REPEATED = ['--repeated-names', 'let several objects have one name; there is no way back'] as const;

interface AddOptions extends OfficerOptions {
  readonly repeatedNames?: boolean;
}

export function domainCommand(): Command {
  const command = new Command('domain').description(
    'domains: vaults whose clients and objects do not see each other',
  );
  withOfficer(command.command('add <name>'))
    .description('add a domain')
    .option(...REPEATED)
    .action(async (name: string, options: AddOptions) => {
      const settings = options.repeatedNames === true ? { namesMayRepeat: true as const } : {};
      const domain = await (await asOfficer(options)).call('POST /domains', { name, settings });
      print(domain, options.json, COLUMNS, '');
    });
  withOfficer(command.command('set <name>'))
    .description('change the settings of a domain')
    .requiredOption(...REPEATED)
    .action(async (name: string, options: OfficerOptions) => {
      const officer = await asOfficer(options);
      const settings = { namesMayRepeat: true } as const;
      const domain = await officer.call('POST /domains/:name/settings', settings, { name });
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
