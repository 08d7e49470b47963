import { Command } from 'commander';
import { KmipClient } from '@holdfast/client';
import { CommandFailure, ExitCode } from '../exit';
import { clientOptions } from '../kmip/connect';
import { repeatable, withConnectionOptions } from '../kmip/options';
import { connectionSettings, type ConnectionFlags } from '../kmip/settings';
import { findCases } from './case-file';
import { AskedRequests, addressOf } from './asked';
import { caseText, summary } from './report';
import { runCases, type CaseResult, type RunOptions } from './run';

interface ConformanceFlags extends ConnectionFlags {
  readonly filter?: readonly string[];
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly notifyListen?: string;
}

async function runOptions(
  flags: ConformanceFlags,
): Promise<RunOptions & { readonly asked: AskedRequests | undefined }> {
  const options = await clientOptions(await connectionSettings(flags, process.env));
  const { notifyListen: address } = flags;
  return {
    asked: address === undefined ? undefined : await AskedRequests.listen(addressOf(address), options),
    async connect() {
      // Each request says itself which version it is in: nothing is to be agreed on before.
      const client = await KmipClient.connect({ ...options, version: '1.0' });
      return { transport: (request) => client.exchange(request), close: () => client.close() };
    },
    clock: () => Math.floor(Date.now() / 1000),
    keep: flags.keep === true,
  };
}

async function conformance(path: string, flags: ConformanceFlags): Promise<void> {
  const folders = await findCases(path, flags.filter ?? []);
  const results: CaseResult[] = [];
  const options = await runOptions(flags);
  try {
    for await (const result of runCases(folders, options)) {
      results.push(result);
      if (flags.json !== true) process.stdout.write(caseText(result));
    }
  } finally {
    await options.asked?.close();
  }
  const failed = results.filter(({ passed }) => !passed).length;
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ passed: results.length - failed, failed, cases: results })}\n`
      : `\n${summary(results)}\n`,
  );
  if (failed > 0) throw new CommandFailure(ExitCode.Refused, `${failed} of ${results.length} cases failed`);
}

/** `kmip conformance`: plays OASIS test cases against a server. KMIP Profiles 2.1 section 4. */
export function conformanceCommand(): Command {
  return withConnectionOptions(new Command('conformance'))
    .description('play OASIS test cases (XML) against the server and compare its answers')
    .argument('<dir>', 'folder of test cases, or one file')
    .option(
      '--filter <name>',
      'only cases whose names begin so, or match a pattern with * and ? (repeatable)',
      repeatable,
    )
    .option('--keep', 'leave on the server what the cases made and did not destroy themselves')
    .option('--notify-listen <host:port>', 'where the server connects to for Notify and Put, as this client')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
The cases of a folder are played in natural order of their names. Each must find the server as it would be with nothing
but the earlier cases of its folder on it: use an empty server, or a domain of its own. Requests are sent in the version
that they are written in, whatever --kmip-version says. Exits 0 if all cases passed, 1 if one failed.

Examples:
  kmip conformance --filter SKLC --filter 'TC-OFFSET-?-14' cases/1.4
  kmip conformance --server https://kms:5697/kmip --encoding json cases/2.0
`,
    )
    .action((path: string, flags: ConformanceFlags) => conformance(path, flags));
}
