import { Command } from 'commander';

/** What the commands of operations have in common. */

const ID = ['<id>', 'unique identifier of the object'] as const;

export function operationCommand(name: string, description: string, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ kmip ${example}`).join('\n');
  return new Command(name)
    .description(description)
    .option('--json', 'print JSON')
    .addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${lines}\n`);
}

/** A command that needs nothing but an object. */
export function objectCommand(name: string, description: string, ...examples: readonly string[]): Command {
  return operationCommand(name, description, ...examples).argument(...ID);
}

/** Options of commands that give key bytes out. */
export function withKeyOutput(command: Command): Command {
  return command
    .option('--format <format>', 'print the bytes: hex, base64, pem or raw')
    .option('--out <file>', 'write the bytes to a new file that you alone can read')
    .option('--force', 'replace the file; send raw bytes to a terminal');
}
