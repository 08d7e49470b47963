import { Command } from 'commander';
import type { DomainAnswer } from '@holdfast/server/admin';
import { asOfficer, requireSettings, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Name: (row: DomainAnswer) => row.name,
  Names: (row: DomainAnswer) => (row.settings.namesMayRepeat === true ? 'may repeat' : 'unique'),
  Keys: (row: DomainAnswer) => (row.settings.keysInHsm === true ? 'in the HSM' : 'sealed'),
  Escrow: (row: DomainAnswer) => (row.settings.requiresEscrow === true ? 'before use' : ''),
  Created: (row: DomainAnswer) => row.createdAt,
};
const REPEATED = ['--repeated-names', 'let several objects have one name; there is no way back'] as const;

const IN_HSM = ['--keys-in-hsm', 'generate keys inside the HSM, which they never leave'] as const;
const REQUIRED = [
  '--require-escrow',
  'let nothing that is made in it be used before a backup or an escrow covers it',
] as const;

interface SettingOptions extends OfficerOptions {
  readonly repeatedNames?: true;
  readonly keysInHsm?: boolean;
  readonly requireEscrow?: boolean;
}

export function domainCommand(): Command {
  const command = new Command('domain').description(
    'domains: vaults whose clients and objects do not see each other',
  );
  withOfficer(command.command('add <name>'))
    .description('add a domain')
    .option(...REPEATED)
    .option(...IN_HSM)
    .option(...REQUIRED)
    .action(async (name: string, options: SettingOptions) => {
      const settings = {
        ...(options.repeatedNames === true ? { namesMayRepeat: true as const } : {}),
        ...(options.keysInHsm === true ? { keysInHsm: true as const } : {}),
        ...(options.requireEscrow === true ? { requiresEscrow: true as const } : {}),
      };
      const domain = await (await asOfficer(options)).call('POST /domains', { name, settings });
      print(domain, options.json, COLUMNS, '');
    });
  withOfficer(command.command('set <name>'))
    .description('change the settings of a domain')
    .option(...REPEATED)
    .option(...IN_HSM)
    .option(...REQUIRED)
    .option('--no-require-escrow', 'let what is made from now on be used at once')
    .option('--no-keys-in-hsm', 'seal the keys that are made from now on in the database')
    .action(async (name: string, options: SettingOptions) => {
      const { repeatedNames, keysInHsm, requireEscrow } = options;
      const settings = {
        ...(repeatedNames === undefined ? {} : { namesMayRepeat: repeatedNames }),
        ...(keysInHsm === undefined ? {} : { keysInHsm: keysInHsm ? (true as const) : null }),
        ...(requireEscrow === undefined ? {} : { requiresEscrow: requireEscrow ? (true as const) : null }),
      };
      requireSettings(settings);
      const officer = await asOfficer(options);
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
