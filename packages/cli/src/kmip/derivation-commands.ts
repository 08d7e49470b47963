import type { Command } from 'commander';
import { deriveKeyAction } from './actions/derive';
import { operationCommand } from './operation-command';
import { repeatable } from './options';

/** The operations that make objects out of others, as commands. */

function deriveKeyCommand(): Command {
  return operationCommand(
    'derive-key',
    'Derive a symmetric key or Secret Data from keys and Secret Data of the server.',
    'derive-key 7f6c… --method NIST800-108-C --hash SHA-256 --data 74617065 --length 256',
    'derive-key 7f6c… --method PBKDF2 --hash SHA-512 --salt 5a1f… --iterations 600000',
    'derive-key PRIVATE PUBLIC --method AsymmetricKey',
  )
    .argument('<ids...>', 'key, private and public key, or key and the Secret Data that holds the data')
    .requiredOption(
      '--method <name>',
      'PBKDF2, HASH, HMAC, ENCRYPT, NIST800-108-C, -F or -DPI, AsymmetricKey, HKDF, AWSSignatureVersion4',
    )
    .option('--type <type>', 'symmetric-key or secret-data (default: symmetric-key)')
    .option('--algorithm <name>', 'cryptographic algorithm of the new key (default: AES)')
    .option('--length <bits>', 'length in bits (default: 256)')
    .option('--hash <name>', 'Hashing Algorithm')
    .option('--mode <name>', 'Block Cipher Mode of ENCRYPT, or CMAC')
    .option('--padding <name>', 'Padding Method of ENCRYPT')
    .option('--data <hex>', 'Derivation Data; three times for AWSSignatureVersion4', repeatable)
    .option('--iv <hex>', 'initialization vector of ENCRYPT and NIST800-108-F')
    .option('--salt <hex>', 'salt of PBKDF2 and HKDF')
    .option('--iterations <count>', 'Iteration Count of PBKDF2')
    .action(deriveKeyAction);
}

/** They take attributes of what they make. */
export function derivationCommands(): readonly Command[] {
  return [deriveKeyCommand()];
}
