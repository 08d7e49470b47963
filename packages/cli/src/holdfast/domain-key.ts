import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/core';
import type { DomainKeyAnswer } from '@holdfast/server/admin';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const COLUMNS = {
  Domain: (row: DomainKeyAnswer) => row.domain,
  Version: (row: DomainKeyAnswer) => String(row.version),
  State: (row: DomainKeyAnswer) => row.state,
  Objects: (row: DomainKeyAnswer) => String(row.objects),
  Requests: (row: DomainKeyAnswer) => String(row.requests),
  Directory: (row: DomainKeyAnswer) => String(row.directoryRows),
  Records: (row: DomainKeyAnswer) => String(row.records),
  Created: (row: DomainKeyAnswer) => row.createdAt,
};

interface RotateOptions extends OfficerOptions {
  readonly domain?: string;
  readonly all?: boolean;
}

async function rotate({ domain, all, ...options }: RotateOptions): Promise<void> {
  if (domain === undefined && all !== true) {
    throw new HoldfastError('InvalidField', 'say whose key: --domain NAME, or --all');
  }
  const officer = await asOfficer(options);
  const keys = await officer.call('POST /domain-keys/rotate', domain === undefined ? {} : { domain });
  print(keys, options.json, COLUMNS, '');
}

export function domainKeyCommand(): Command {
  const command = new Command('domain-key').description(
    'keys of domains, under which their objects are sealed: rotate them, see what needs which',
  );
  withOfficer(command.command('rotate'))
    .description('give a domain a new key; its objects are sealed under it in the background')
    .addOption(
      new Option('--domain <name>', 'the domain, or "(system)": directory, secrets and audit').conflicts(
        'all',
      ),
    )
    .option('--all', 'every domain, and the system')
    .action(rotate);
  withOfficer(command.command('status'))
    .description('list the versions of all domain keys, and how many rows need each')
    .action(async (options: OfficerOptions) => {
      print(await (await asOfficer(options)).call('GET /domain-keys'), options.json, COLUMNS, '');
    });
  return command;
}
