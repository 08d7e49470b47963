import { Command } from 'commander';
import type { FindingAnswer } from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';
import { followed } from './progress';

const COLUMNS = {
  Severity: ({ severity }: FindingAnswer) => severity,
  Table: ({ table }: FindingAnswer) => table,
  Row: ({ row }: FindingAnswer) => row,
  Problem: ({ problem }: FindingAnswer) => problem,
};

async function verify(options: OfficerOptions): Promise<void> {
  const officer = await asOfficer(options);
  const answer = await followed(
    () => officer.call('GET /verification'),
    ({ state, progress }) => (state === 'running' ? { ...progress, what: 'rows' } : undefined),
    await officer.call('POST /verification'),
  );
  if (answer.state === 'failed') {
    throw new CommandFailure(
      ExitCode.NoConnection,
      `the store could not be verified: ${answer.problem ?? 'it failed'}`,
    );
  }
  const { findings, progress } = answer;
  if (options.json === true) print(answer, true, {}, '');
  else print(findings, false, COLUMNS, `${progress.done} rows were looked at: all are as they were written.`);
  if (findings.some(({ severity }) => severity === 'fault')) process.exitCode = ExitCode.Refused;
}

export function verifyCommand(): Command {
  return withOfficer(new Command('verify'))
    .description('walk the whole store: every MAC, sealed value, record, projection, name and link')
    .addHelpText(
      'after',
      '\nExits with 1 where something is not as Holdfast left it. The server goes on serving meanwhile.\n',
    )
    .action(verify);
}

export function reindexCommand(): Command {
  return withOfficer(new Command('reindex'))
    .description('rebuild what Locate searches (projections and names) from the objects')
    .action(async (options: OfficerOptions) => {
      const answer = await (await asOfficer(options)).call('POST /reindex');
      print(answer, options.json, { Objects: ({ objects }) => String(objects) }, '');
    });
}
