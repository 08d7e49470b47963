import type { Command } from 'commander';
import { getAction } from './actions/fetch';
import { exportAction, importAction } from './actions/transfer';
import { objectCommand, operationCommand, withKeyOutput } from './operation-command';
import { withWrappingOptions } from './wrapping-flags';

/** Commands that give objects out whole, and take them in. */

function withPresentationOptions(command: Command): Command {
  return withWrappingOptions(
    command
      .option('--key-format <name>', 'Key Format Type to ask for, such as Raw, PKCS_1, PKCS_8, X_509')
      .option('--compression <name>', 'Key Compression Type of an elliptic curve public key')
      .option('--wrap-type <type>', 'not-wrapped opens a key that was registered wrapped (since KMIP 1.4)'),
  );
}

function getCommand(): Command {
  return withPresentationOptions(
    withKeyOutput(
      objectCommand(
        'get',
        'Fetch an object. Its value is shown only where --format or --out asks for it.',
        'get 7f6c… --out key.bin',
        'get 7f6c… --format hex',
        'get 7f6c… --key-format PKCS_8 --format pem',
        'get 7f6c… --wrap-with 1b2e… --wrap-mode GCM --out key.wrapped',
      ),
    ),
  ).action(getAction);
}

function exportCommand(): Command {
  return withPresentationOptions(
    objectCommand(
      'export',
      'Take an object out with all of its attributes, for "kmip import" (since KMIP 1.4).',
      'export 7f6c… --out key.ttlv',
      'export 7f6c… --wrap-with 1b2e… --out key.ttlv',
    )
      .option('--out <file>', 'write the object to a new file that you alone can read')
      .option('--force', 'replace the file'),
  ).action(exportAction);
}

function importCommand(): Command {
  return operationCommand(
    'import',
    'Bring an object in as it was when it was exported: identifier, dates, state and all (since KMIP 1.4).',
    'import --file key.ttlv',
    'import --file key.ttlv --id restored-1 --unwrap',
  )
    .option('--file <file>', 'what "kmip export --out" wrote; standard input where left out, or "-"')
    .option('--id <id>', 'give it another unique identifier')
    .option('--replace', 'replace the object that has the identifier now')
    .option('--unwrap', 'have the server open a wrapped key')
    .action(importAction);
}

export function transferCommands(): readonly Command[] {
  return [getCommand(), exportCommand(), importCommand()];
}
