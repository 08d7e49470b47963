import { resolve, join } from 'node:path';
import { Option, type Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { AdminClient, OFFICER_FILE_NAME, readOfficerFile } from '@holdfast/server/admin';

export interface CommonOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}
export interface OfficerOptions extends CommonOptions {
  readonly officer?: string;
}

/** Adds --data-dir, as every command has it. */
export function withDataDir(command: Command): Command {
  return command.addOption(
    new Option('--data-dir <dir>', "the node's data folder").env('HOLDFAST_DATA_DIR').default('./data'),
  );
}

/** Adds what calls to a running server need. */
export function withOfficer(command: Command): Command {
  return withDataDir(command)
    .addOption(
      new Option(
        '--officer <file>',
        "an officer's credential, to read the log also an auditor's, for backups a backup operator's; - for standard input (default: officer.json in the data folder)",
      ).env('HOLDFAST_OFFICER'),
    )
    .option('--json', 'print JSON');
}

/** The running server of the data folder, spoken to as the officer whose credential is given or lies there. */
export async function asOfficer(options: OfficerOptions): Promise<AdminClient> {
  const dataDir = resolve(options.dataDir);
  const credential = await readOfficerFile(options.officer ?? join(dataDir, OFFICER_FILE_NAME));
  if (credential === undefined && options.officer !== undefined) {
    throw new HoldfastError('Configuration', `there is no officer credential ${options.officer}`);
  }
  return new AdminClient(dataDir, credential?.token);
}

/** The running server, spoken to as the operator of the machine. */
export function asOperator(options: CommonOptions): AdminClient {
  return new AdminClient(resolve(options.dataDir));
}

/** @throws HoldfastError InvalidField where a command that changes settings names none */
export function requireSettings(settings: object): void {
  if (Object.keys(settings).length > 0) return;
  throw new HoldfastError('InvalidField', 'say what to set: --help lists the settings');
}
