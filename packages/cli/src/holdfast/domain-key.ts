import { Command, Option } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { DomainKeyAnswer } from '@holdfast/server/admin';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';
import { followed } from './progress';

const COLUMNS = {
  Domain: (row: DomainKeyAnswer) => row.domain,
  Version: (row: DomainKeyAnswer) => String(row.version),
  State: (row: DomainKeyAnswer) => row.state,
  Objects: (row: DomainKeyAnswer) => String(row.objects),
  Requests: (row: DomainKeyAnswer) => String(row.requests),
  Directory: (row: DomainKeyAnswer) => String(row.directoryRows),
  Records: (row: DomainKeyAnswer) => String(row.records),
  Destroyed: (row: DomainKeyAnswer) => String(row.destroyed),
  Created: (row: DomainKeyAnswer) => row.createdAt,
  Since: (row: DomainKeyAnswer) => row.changedAt,
};

interface RotateOptions extends OfficerOptions {
  readonly domain?: string;
  readonly all?: boolean;
  readonly wait: boolean;
}

async function rotate({ domain, all, wait, ...options }: RotateOptions): Promise<void> {
  if (domain === undefined && all !== true) {
    throw new HoldfastError('InvalidField', 'say whose key: --domain NAME, or --all');
  }
  const officer = await asOfficer(options);
  let keys = await officer.call('POST /domain-keys/rotate', domain === undefined ? {} : { domain });
  if (wait) {
    await followed(
      () => officer.call('GET /domain-keys/rotation'),
      ({ waiting, progress }) =>
        waiting === 0 ? undefined : { ...(progress ?? { done: 0, total: 0 }), what: 'objects' },
    );
    keys = await officer.call('GET /domain-keys');
  }
  print(keys, options.json, COLUMNS, '');
}

export function domainKeyCommand(): Command {
  const command = new Command('domain-key').description(
    'keys of domains, under which their objects are sealed: rotate them, see what needs which',
  );
  withOfficer(command.command('rotate'))
    .description('give a domain a new key, seal its objects under it, and retire the key before')
    .addOption(
      new Option('--domain <name>', 'the domain, or "(system)": directory, secrets and audit').conflicts(
        'all',
      ),
    )
    .option('--all', 'every domain, and the system')
    .option('--no-wait', 'do not wait until the key before is retired: that goes on by itself')
    .action(rotate);
  withOfficer(command.command('status'))
    .description('list the versions of all domain keys, and how many rows need each')
    .action(async (options: OfficerOptions) => {
      print(await (await asOfficer(options)).call('GET /domain-keys'), options.json, COLUMNS, '');
    });
  return command;
}
