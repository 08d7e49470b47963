import type { Command } from 'commander';
import {
  decryptAction,
  encryptAction,
  hashAction,
  macAction,
  macVerifyAction,
  rngSeedAction,
  signAction,
  signatureVerifyAction,
} from './actions/cryptography';
import { objectCommand, operationCommand, withKeyOutput } from './operation-command';

/** The operations that use keys, as commands. */

function withData(command: Command, what: string): Command {
  return command
    .option('--file <file>', `where ${what} is; standard input where left out, or "-"`)
    .option('--hex <hex>', `${what} itself (other users of this machine may see it)`);
}

function withCipher(command: Command): Command {
  return command
    .option('--mode <name>', 'Block Cipher Mode, such as CBC or GCM')
    .option('--padding <name>', 'Padding Method, such as PKCS5 or OAEP')
    .option('--algorithm <name>', 'Cryptographic Algorithm, where it is not that of the key')
    .option('--tag-length <bytes>', 'Tag Length of GCM and CCM')
    .option('--hash <name>', 'Hashing Algorithm of OAEP')
    .option('--mask-hash <name>', 'Mask Generator Hashing Algorithm of OAEP')
    .option('--iv <hex>', 'initialization vector, counter or nonce')
    .option('--aad <hex>', 'additional data that is authenticated');
}

function withSignature(command: Command): Command {
  return command
    .option('--signature-algorithm <name>', 'Digital Signature Algorithm, such as ECDSAWithSHA256')
    .option('--hash <name>', 'Hashing Algorithm')
    .option('--padding <name>', 'Padding Method of RSA: PKCS1V1_5 or PSS')
    .option('--salt-length <bytes>', 'Salt Length of PSS')
    .option('--mask-hash <name>', 'Mask Generator Hashing Algorithm of PSS')
    .option('--digest', 'the input is a digest of the data (since KMIP 1.4)');
}

function withMac(command: Command): Command {
  return command
    .option('--algorithm <name>', 'Cryptographic Algorithm, such as HMAC_SHA256, where the key names none')
    .option('--mode <name>', 'CMAC, for keys of block ciphers');
}

function encryptCommand(): Command {
  const command = objectCommand(
    'encrypt',
    'Encrypt data under a key that stays on the server. Without --mode and --padding, those of the key count.',
    'encrypt 7f6c… --mode GCM --tag-length 16 --random-iv --file plain.bin --out cipher.bin',
    'encrypt 7f6c… --mode CBC --padding PKCS5 --iv 000102030405060708090a0b0c0d0e0f --hex 68656c6c6f',
  );
  return withKeyOutput(withCipher(withData(command, 'the data')))
    .option('--random-iv', 'have the server choose the IV; it is printed')
    .action(encryptAction);
}

function decryptCommand(): Command {
  const command = objectCommand(
    'decrypt',
    'Decrypt data under a key that stays on the server.',
    'decrypt 7f6c… --mode GCM --tag-length 16 --iv 00… --tag 5bc9… --file cipher.bin --out plain.bin',
  );
  return withKeyOutput(withCipher(withData(command, 'the encrypted data')))
    .option('--tag <hex>', 'tag of authenticated encryption')
    .action(decryptAction);
}

function signCommand(): Command {
  const command = objectCommand(
    'sign',
    'Sign data with a private key that stays on the server.',
    'sign 7f6c… --hash SHA-256 --padding PSS --file report.pdf --out report.sig',
  );
  return withKeyOutput(withSignature(withData(command, 'the data'))).action(signAction);
}

function signatureVerifyCommand(): Command {
  const command = objectCommand(
    'signature-verify',
    'Ask whether a signature is that of the data; exits 1 where it is not.',
    'signature-verify 7f6c… --hash SHA-256 --padding PSS --file report.pdf --signature report.sig',
  );
  return withSignature(withData(command, 'the data'))
    .option('--signature <file>', 'file with the signature')
    .option('--signature-hex <hex>', 'the signature itself')
    .action(signatureVerifyAction);
}

function macCommand(): Command {
  const command = objectCommand(
    'mac',
    'Make a message authentication code of data.',
    'mac 7f6c… --algorithm HMAC_SHA256 --file message.txt',
  );
  return withKeyOutput(withMac(withData(command, 'the data'))).action(macAction);
}

function macVerifyCommand(): Command {
  const command = objectCommand(
    'mac-verify',
    'Ask whether a message authentication code is that of the data; exits 1 where it is not.',
    'mac-verify 7f6c… --algorithm HMAC_SHA256 --file message.txt --mac b034…',
  );
  return withMac(withData(command, 'the data')).option('--mac <hex>', 'the code').action(macVerifyAction);
}

function hashCommand(): Command {
  const command = operationCommand(
    'hash',
    'Hash data on the server.',
    'hash --hash SHA-512 --file report.pdf',
  );
  return withKeyOutput(withData(command, 'the data'))
    .option('--hash <name>', 'Hashing Algorithm (default: SHA-256)')
    .action(hashAction);
}

function rngSeedCommand(): Command {
  const command = operationCommand(
    'rng-seed',
    'Offer seed material to the random number generator; the server tells how much it used.',
    'rng-seed --file seed.bin',
  );
  return withData(command, 'the seed').action(rngSeedAction);
}

export function cryptographicCommands(): readonly Command[] {
  return [
    encryptCommand(),
    decryptCommand(),
    signCommand(),
    signatureVerifyCommand(),
    macCommand(),
    macVerifyCommand(),
    hashCommand(),
    rngSeedCommand(),
  ];
}
