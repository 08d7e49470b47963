import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv';
import { VERSION } from '@holdfast/server/admin';
import { completionCommand } from '../completion';
import { emptyOption } from '../empty-options';
import { approvalCommand } from './approval';
import { auditCommand } from './audit';
import { backupCommand } from './backup';
import { caCommand } from './ca';
import { clientCommand } from './client';
import { sealCommand, unsealCommand } from './custody';
import { domainCommand } from './domain';
import { domainKeyCommand } from './domain-key';
import { escrowCommand } from './escrow';
import { hsmCommand } from './hsm';
import { officerCommand } from './officer';
import { rootCommand } from './root';
import { givenIn } from './secret-file';
import { initCommand, serveCommand } from './serve';
import { userCommand } from './user';
import { drainCommand, statusCommand } from './status';
import { reindexCommand, verifyCommand } from './verify';

/** The `holdfast` command: runs and administers the appliance. */
export function buildProgram(): Command {
  const program = new Command('holdfast')
    .description('Holdfast, an enterprise key management system: run it and administer it')
    .version(VERSION)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or not as it should be, 2 wrong use (a file that is to be\nwritten and is there already, too), 3 no server or database to talk to.\n',
    )
    .showHelpAfterError('(add --help to see how it is used)');
  for (const command of [
    serveCommand(),
    initCommand(),
    statusCommand(),
    drainCommand(),
    unsealCommand(),
    sealCommand(),
    clientCommand(),
    userCommand(),
    domainCommand(),
    domainKeyCommand(),
    rootCommand(),
    caCommand(),
    officerCommand('officer'),
    officerCommand('auditor'),
    completionCommand(program),
    hsmCommand(),
    verifyCommand(),
    auditCommand(),
    backupCommand(),
    escrowCommand(),
    approvalCommand(),
    reindexCommand(),
  ]) {
    program.addCommand(inherit(command, program));
  }
  return program.hook('preAction', (_program, command) => refuseEmpty(command));
}

/** Whatever is named has a name. @throws HoldfastError Configuration */
function refuseEmpty(command: Command): void {
  const found = emptyOption(command);
  if (found === undefined) return;
  const { option, isVariable } = found;
  if (isVariable) givenIn(option.envVar ?? '');
  throw new HoldfastError(
    'Configuration',
    `${option.long ?? option.name()} is empty: give a value, or leave it out`,
  );
}

/** Subcommands end with the same exit codes and hints as the program itself. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
