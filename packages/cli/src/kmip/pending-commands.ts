import type { Command } from 'commander';
import { asynchronousRequestsAction, cancelAction, pollAction, processAction } from './actions/pending';
import { operationCommand } from './operation-command';
import { repeatable } from './options';

const VALUE = ['<value>', 'Asynchronous Correlation Value, in hexadecimal'] as const;

/** The commands about operations that are carried out later. */
export function pendingCommands(): readonly Command[] {
  return [
    operationCommand(
      'poll',
      'Fetch the answer of an operation that is carried out later.',
      'poll 3f9a…',
      'poll 3f9a… --wait --json',
    )
      .argument(...VALUE)
      .option('--wait', 'until it is there')
      .action(pollAction),
    operationCommand('cancel', 'Take back an operation that is to be carried out later.', 'cancel 3f9a…')
      .argument(...VALUE)
      .action(cancelAction),
    operationCommand('process', 'Have a pending operation carried out now (since KMIP 2.1).', 'process 3f9a…')
      .argument(...VALUE)
      .action(processAction),
    operationCommand(
      'async-requests',
      'List the pending operations whose answers were not fetched (since KMIP 2.1).',
      'async-requests',
      'async-requests --operation CreateKeyPair --json',
    )
      .option('--operation <name>', 'of this operation alone', repeatable)
      .action(asynchronousRequestsAction),
  ];
}
