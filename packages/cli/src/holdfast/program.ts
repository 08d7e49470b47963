import { Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { VERSION } from '@holdfast/server/admin';
import { completionCommand } from '../completion';
import { emptyOption } from '../empty-options';
import { givenIn } from './secret-file';

/** At once, as `import` at the head of a file does; import() would take longer for all of them than they do. */
const load = <Module>(path: string): Module => module.require(path) as Module;

/** All commands, in the order of the help. What they consist of is loaded with those that are asked for. */
const COMMANDS: Readonly<Record<string, (program: Command) => Command>> = {
  serve: () => load<typeof import('./serve')>('./serve').serveCommand(),
  init: () => load<typeof import('./serve')>('./serve').initCommand(),
  status: () => load<typeof import('./status')>('./status').statusCommand(),
  drain: () => load<typeof import('./status')>('./status').drainCommand(),
  unseal: () => load<typeof import('./custody')>('./custody').unsealCommand(),
  seal: () => load<typeof import('./custody')>('./custody').sealCommand(),
  client: () => load<typeof import('./client')>('./client').clientCommand(),
  user: () => load<typeof import('./user')>('./user').userCommand(),
  domain: () => load<typeof import('./domain')>('./domain').domainCommand(),
  'domain-key': () => load<typeof import('./domain-key')>('./domain-key').domainKeyCommand(),
  root: () => load<typeof import('./root')>('./root').rootCommand(),
  ca: () => load<typeof import('./ca')>('./ca').caCommand(),
  officer: () => load<typeof import('./officer')>('./officer').officerCommand('officer'),
  auditor: () => load<typeof import('./officer')>('./officer').officerCommand('auditor'),
  'backup-operator': () => load<typeof import('./officer')>('./officer').officerCommand('backup-operator'),
  completion: (program) => completionCommand(program),
  hsm: () => load<typeof import('./hsm')>('./hsm').hsmCommand(),
  verify: () => load<typeof import('./verify')>('./verify').verifyCommand(),
  audit: () => load<typeof import('./audit')>('./audit').auditCommand(),
  backup: () => load<typeof import('./backup')>('./backup').backupCommand(),
  escrow: () => load<typeof import('./escrow')>('./escrow').escrowCommand(),
  approval: () => load<typeof import('./approval')>('./approval').approvalCommand(),
  reindex: () => load<typeof import('./verify')>('./verify').reindexCommand(),
};
/** Speaks of all of them. */
const COMPLETION = 'completion';

/**
 * The `holdfast` command: runs and administers the appliance.
 * @param asked the first word of a command line: where it is a command, that alone is loaded. Default: all
 */
export function buildProgram(asked = COMPLETION): Command {
  const program = new Command('holdfast')
    .description('Holdfast, an enterprise key management system: run it and administer it')
    .version(VERSION)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or not as it should be, 2 wrong use (a file that is to be\nwritten and is there already, too), 3 no server or database to talk to.\n',
    )
    .showHelpAfterError('(add --help to see how it is used)');
  const isOne = asked !== COMPLETION && Object.hasOwn(COMMANDS, asked);
  for (const [name, make] of Object.entries(COMMANDS)) {
    if (!isOne || name === asked) program.addCommand(inherit(make(program), program));
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
