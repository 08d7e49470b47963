import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { HoldfastError } from '@holdfast/core';
import type { AdminClient, FindingAnswer, VerificationAnswer } from '@holdfast/server/admin';
import { ExitCode } from '../exit';
import { asOfficer, withOfficer, type OfficerOptions } from './options';
import { print } from './print';

const ASK_EVERY_MS = 250;
const BAR_CELLS = 30;

const COLUMNS = {
  Severity: ({ severity }: FindingAnswer) => severity,
  Table: ({ table }: FindingAnswer) => table,
  Row: ({ row }: FindingAnswer) => row,
  Problem: ({ problem }: FindingAnswer) => problem,
};

/** Asks until the walk has ended; a terminal is shown how far it is. */
async function followed(client: AdminClient): Promise<VerificationAnswer> {
  let answer = await client.call('POST /verification');
  while (answer.state === 'running') {
    if (process.stderr.isTTY) process.stderr.write(`\r${bar(answer.progress)}`);
    await delay(ASK_EVERY_MS);
    answer = await client.call('GET /verification');
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return answer;
}

function bar({ done, total }: VerificationAnswer['progress']): string {
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const filled = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${Math.floor(100 * share)} % of ${total} rows`;
}

async function verify(options: OfficerOptions): Promise<void> {
  const answer = await followed(await asOfficer(options));
  if (answer.state === 'failed') throw new HoldfastError('StoreUnavailable', answer.problem ?? 'it failed');
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
