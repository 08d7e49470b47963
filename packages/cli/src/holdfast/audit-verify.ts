import { HoldfastError } from '@holdfast/ttlv/basics';
import type { ExportVerdict } from '@holdfast/server';
import type { AuditVerificationAnswer, FindingAnswer } from '@holdfast/server/admin';
import { CommandFailure, ExitCode } from '../exit';
import { counted } from '../table';
import { exportIn, openLog, orElsewhere } from './audit-archive';
import { readText } from './files';
import { mustBeReadable } from './holders';
import { asOfficer, type OfficerOptions } from './options';
import { print } from './print';

/** So many are compared with the log of the running server. */
const MAX_CHECKPOINTS = 1000;

const FINDINGS = {
  Table: ({ table }: FindingAnswer) => table,
  Row: ({ row }: FindingAnswer) => row,
  Problem: ({ problem }: FindingAnswer) => problem,
};

export interface VerifyOptions extends OfficerOptions {
  readonly publicKey?: string;
  readonly since?: string;
}

/** Checks files, each of which has to go on where the one before ended, or the log of the running server. */
export async function verify(files: readonly string[], options: VerifyOptions): Promise<void> {
  if (files.length === 0) return verifyLive(options);
  if (files.length > 1 && options.since !== undefined) {
    throw new CommandFailure(ExitCode.WrongUse, '--since is about one file');
  }
  const verdicts: ExportVerdict[] = [];
  for (const file of files) {
    const before = verdicts.at(-1);
    const verdict = await verifyFile(file, options);
    verdicts.push(verdict);
    const isNext =
      before === undefined || (verdict.first === before.last + 1 && verdict.previous === before.head);
    if (!verdict.isGenuine || !isNext) process.exitCode = ExitCode.Refused;
    if (options.json === true) continue;
    showVerdict(file, verdict);
    if (!isNext) process.stdout.write(`${file} does not go on where the file before it ends.\n`);
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(files.length === 1 ? verdicts[0] : verdicts, undefined, 2)}\n`);
  }
}

async function verifyFile(file: string, options: VerifyOptions): Promise<ExportVerdict> {
  const log = await openLog(file);
  if (options.publicKey === undefined && !log.isArchive) {
    throw new CommandFailure(ExitCode.WrongUse, 'a file is checked with a public key: give --public-key', {
      hint: 'holdfast audit public-key prints that of the running server.',
    });
  }
  const publicKey =
    options.publicKey === undefined
      ? (await (await asOfficer(options)).call('GET /audit/key').catch(orElsewhere(file))).publicKeyPem
      : await readText(options.publicKey);
  const { verifyExport } = await import('@holdfast/server');
  const since = options.since === undefined ? undefined : (await readCheckpoints(options.since)).at(-1);
  try {
    return await verifyExport(await exportIn(log, options), publicKey, since);
  } catch (error) {
    const { publicKey: path } = options;
    if (path === undefined || !(error instanceof HoldfastError) || error.code !== 'InvalidField') throw error;
    throw new HoldfastError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

function showVerdict(file: string, verdict: ExportVerdict): void {
  const { isGenuine, records, first, last, checkpointed, problem } = verdict;
  if (problem !== undefined) process.stdout.write(`${file}, line ${problem.line}: ${problem.text}\n`);
  process.stdout.write(
    `${isGenuine ? 'GENUINE' : 'NOT GENUINE'}: ${counted(records, 'record')}${records === 0 ? '' : `, ${first} to ${last}`}` +
      `${isGenuine ? '' : ', before what is wrong'}\n`,
  );
  if (last > checkpointed) {
    process.stdout.write(`Records ${checkpointed + 1} to ${last} are covered by no checkpoint yet.\n`);
  }
}

/** The checkpoints in a file of lines, some of which have one: the last ones. */
async function readCheckpoints(path: string) {
  await mustBeReadable(path);
  const { checkpointIn } = await import('@holdfast/server');
  const lines = (await readText(path)).trimEnd().split('\n');
  const found = lines.flatMap((line) => checkpointIn(line) ?? []).slice(-MAX_CHECKPOINTS);
  if (found.length === 0) throw new HoldfastError('Configuration', `there is no checkpoint in ${path}`);
  return found;
}

async function verifyLive(options: VerifyOptions): Promise<void> {
  if (options.publicKey !== undefined) {
    throw new CommandFailure(ExitCode.WrongUse, '--public-key is for files: name those to be checked', {
      hint: 'holdfast audit export writes one. The log of the running server is checked with the keys that it holds.',
    });
  }
  const given = options.since === undefined ? [] : await readCheckpoints(options.since);
  const { lineOf } = await import('@holdfast/server');
  const checkpoints = given.map(lineOf);
  const client = await asOfficer(options);
  const chunks: Buffer[] = [];
  for await (const bytes of await client.stream('POST /audit/verification', { checkpoints })) {
    chunks.push(bytes);
  }
  const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as AuditVerificationAnswer;
  const { findings, position, kept } = answer;
  if (options.json === true) process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  else {
    const good = `All of ${position} records are as they were linked, and agree with ${counted(kept, 'checkpoint')} kept outside the database.`;
    print(findings, false, FINDINGS, good);
  }
  if (findings.length > 0) process.exitCode = ExitCode.Refused;
}
