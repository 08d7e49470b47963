import type { Command } from 'commander';
import { deriveKeyAction } from './actions/derive';
import { createSplitKeyAction, joinSplitKeyAction } from './actions/split';
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
    'derive-key ML-KEM-PUBLIC --method AsymmetricKey',
    'derive-key ML-KEM-PRIVATE --method AsymmetricKey --data CIPHERTEXT',
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
    .option(
      '--data <hex>',
      'Derivation Data, the ciphertext for an ML-KEM key; three times for AWSSignatureVersion4',
      repeatable,
    )
    .option('--iv <hex>', 'initialization vector of ENCRYPT and NIST800-108-F')
    .option('--salt <hex>', 'salt of PBKDF2 and HKDF')
    .option('--iterations <count>', 'Iteration Count of PBKDF2')
    .action(deriveKeyAction);
}

function createSplitKeyCommand(): Command {
  return operationCommand(
    'create-split-key',
    'Split a key of the server, or a new one, into parts. Any THRESHOLD of them make it again.',
    'create-split-key 7f6c… --parts 5 --threshold 3',
    'create-split-key --algorithm AES --length 256 --parts 2 --threshold 2 --method XOR',
  )
    .argument('[id]', 'unique identifier of the key; a new key where left out')
    .requiredOption('--parts <count>', 'how many parts')
    .requiredOption('--threshold <count>', 'how many of them are needed')
    .option(
      '--method <name>',
      'XOR, PolynomialSharingGF2_8 (default), PolynomialSharingGF2_16 or PolynomialSharingPrimeField',
    )
    .option('--prime <number>', 'Prime Field Size; the server chooses where left out')
    .option('--algorithm <name>', 'cryptographic algorithm of a new key (default: AES)')
    .option('--length <bits>', 'length in bits of a new key (default: 256)')
    .action(createSplitKeyAction);
}

function joinSplitKeyCommand(): Command {
  return operationCommand(
    'join-split-key',
    'Make an object of the parts of a key.',
    'join-split-key PART1 PART3 PART5 --name restored',
  )
    .argument('<ids...>', 'unique identifiers of the parts')
    .option('--type <type>', 'symmetric-key, private-key or secret-data (default: symmetric-key)')
    .option('--secret-type <type>', 'Secret Data Type, such as Password')
    .action(joinSplitKeyAction);
}

/** They take attributes of what they make. */
export function derivationCommands(): readonly Command[] {
  return [deriveKeyCommand(), createSplitKeyCommand(), joinSplitKeyCommand()];
}
