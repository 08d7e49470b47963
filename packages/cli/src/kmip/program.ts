import { Command, type Option } from 'commander';
import { VERSION } from '@holdfast/server/admin';
import { completionCommand } from '../completion';
import { conformanceCommand } from '../conformance/command';
import { emptyOption } from '../empty-options';
import { wrongUse } from '../exit';
import { operationCommands } from './commands';
import { batchCommand } from './messages/batch';
import { convertCommands } from './messages/convert';
import { traceCommand } from './messages/trace';
import { profileCommand } from './profile-command';

const FOOTER = `
Every command shows its own options and an example with --help. Settings are taken from options, then from
environment variables (KMIP_SERVER, KMIP_CERT, KMIP_KEY, KMIP_CA, KMIP_VERSION, KMIP_ENCODING), then from a profile.

Exit codes: 0 done, 1 refused by the server or not as it should be, 2 wrong use (a file that is to be
written and is there already, too), 3 no connection.
`;

/** The `kmip` command: talks KMIP to any server. */
export function buildProgram(): Command {
  const program = new Command('kmip')
    .description('Talk KMIP 1.0 to 2.1 to any server: make, find, fetch and govern keys.')
    .version(VERSION)
    .addHelpText('after', FOOTER)
    .showHelpAfterError('(add --help to see how it is used)');
  const tools = [
    batchCommand(),
    ...convertCommands(),
    traceCommand(),
    profileCommand(),
    conformanceCommand(),
  ];
  for (const command of [...operationCommands(), ...tools, completionCommand(program)]) {
    program.addCommand(inherit(command, program));
  }
  return program.hook('preAction', (_program, command) => refuseEmpty(command));
}

/** Bytes may be none, and an attribute's value an empty text; whatever else is given has a name. @throws CommandFailure wrong use */
function refuseEmpty(command: Command): void {
  const found = emptyOption(command, ({ flags }: Option) => /<(?:hex|value)>$/.test(flags));
  const empty = found === undefined ? undefined : (found.option.long ?? found.option.name());
  if (empty === undefined && !command.args.includes('')) return;
  const what =
    empty === undefined ? `an argument of ${command.name()} is empty` : `nothing is given after ${empty}`;
  throw wrongUse(what, 'Is a variable of the shell not set?');
}

function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
