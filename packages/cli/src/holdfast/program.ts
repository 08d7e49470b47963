import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv';
import { VERSION } from '@holdfast/server/admin';
import { completionCommand } from '../completion';
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

/** Whatever is named has a name: an empty --data-dir or --out, of a variable that is not set, would be the folder one is in. */
function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    const name = option.attributeName();
    const values = [command.getOptionValue(name) as unknown].flat();
    if (!values.includes('')) continue;
    if (command.getOptionValueSource(name) === 'env') givenIn(option.envVar ?? '');
    throw new HoldfastError(
      'Configuration',
      `${option.long ?? name} is empty: give a value, or leave it out`,
    );
  }
}

/** Subcommands end with the same exit codes and hints as the program itself. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
