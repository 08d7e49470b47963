import type { Command } from 'commander';
import {
  addAttributeAction,
  deleteAttributeAction,
  getAttributeListAction,
  getAttributesAction,
  modifyAttributeAction,
  setAttributeAction,
} from './actions/attributes';
import { locateAction, rngRetrieveAction } from './actions/fetch';
import { activateAction, checkAction, destroyAction, revokeAction } from './actions/govern';
import {
  createAction,
  createKeyPairAction,
  reKeyAction,
  reKeyKeyPairAction,
  registerAction,
} from './actions/make';
import { discoverVersionsAction, queryAction } from './actions/server';
import { certificateCommands } from './certificate-commands';
import { controlCommands } from './control-commands';
import { ticketCommands } from './ticket-commands';
import { cryptographicCommands } from './cryptographic-commands';
import { pendingCommands } from './pending-commands';
import { derivationCommands } from './derivation-commands';
import { objectCommand, operationCommand, withKeyOutput } from './operation-command';
import { repeatable, withAttributeOptions, withConnectionOptions } from './options';
import { transferCommands } from './transfer-commands';

/** The operations as commands: names, options and help. */

function discoverVersionsCommand(): Command {
  return operationCommand(
    'discover-versions',
    'List the protocol versions that the server speaks.',
    'discover-versions --server kms:5696 --cert cert.pem --key key.pem --ca ca.pem',
  ).action(discoverVersionsAction);
}

function queryCommand(): Command {
  return operationCommand(
    'query',
    'Tell what the server is and can do.',
    'query',
    'query --function Profiles --function Capabilities --json',
  )
    .option('--function <name>', 'what to ask for, such as Operations, Objects, Profiles', repeatable)
    .option('--all', 'ask for everything that the protocol version has')
    .action(queryAction);
}

function createCommand(): Command {
  return operationCommand(
    'create',
    'Make a symmetric key on the server.',
    'create --algorithm AES --length 256 --name backups-2030',
    'create --name tape-7 --activation-date now --object-group tapes --json',
  )
    .option('--type <type>', 'symmetric-key, or secret-data since KMIP 2.0 (default: symmetric-key)')
    .option('--algorithm <name>', 'cryptographic algorithm (default: AES)')
    .option('--length <bits>', 'length in bits (default: 256 for AES)')
    .action(createAction);
}

function createKeyPairCommand(): Command {
  return operationCommand(
    'create-key-pair',
    'Make a private key and its public key on the server. --name N names them N-private and N-public.',
    'create-key-pair --algorithm RSA --length 3072 --name signing',
    'create-key-pair --curve P-256 --private-name device-key --public-name device-pub',
    'create-key-pair --algorithm ML-DSA-65 --name quantum-safe-signing',
  )
    .option(
      '--algorithm <name>',
      'cryptographic algorithm (default: RSA; with --curve EC, in KMIP 1.0 and 1.1 ECDSA)',
    )
    .option('--length <bits>', 'length in bits (default: 3072 for RSA)')
    .option('--curve <name>', 'elliptic curve, such as P-256')
    .option('--private-name <text>', 'name of the private key')
    .option('--public-name <text>', 'name of the public key')
    .option(
      '--private-usage-mask <uses>',
      'allowed uses of the private key (default: Sign; of ML-KEM DeriveKey)',
    )
    .option(
      '--public-usage-mask <uses>',
      'allowed uses of the public key (default: Verify; of ML-KEM DeriveKey)',
    )
    .option('--private-attribute <name=value>', 'attribute of the private key alone', repeatable)
    .option('--public-attribute <name=value>', 'attribute of the public key alone', repeatable)
    .action(createKeyPairAction);
}

function registerCommand(): Command {
  return operationCommand(
    'register',
    'Hand an object over to the server. PEM and DER are recognised; other bytes need --type.',
    'register --file server.crt --name web-certificate',
    'register --type symmetric-key --algorithm AES --file key.bin --name imported',
    'register --type secret-data --secret-type Password --name db-password < password.txt',
    'register --type split-key --parts 5 --threshold 3 --part 1 --algorithm AES --file part1.bin',
    'register --type template --name tapes --attribute CryptographicLength=256 --kmip-version 1.4',
  )
    .option(
      '--type <type>',
      'symmetric-key, private-key, public-key, certificate, certificate-request (since KMIP 2.0), secret-data, opaque-object, split-key, pgp-key, or template (up to KMIP 1.4): its attributes, without bytes',
    )
    .option('--file <file>', 'where the bytes are; standard input where left out, or "-"')
    .option('--hex <hex>', 'the bytes themselves (other users of this machine may see them)')
    .option('--format <format>', 'how the input is written: raw, hex or base64 (default: raw)')
    .option('--algorithm <name>', 'cryptographic algorithm')
    .option('--length <bits>', 'length in bits, where the bytes do not tell')
    .option('--key-format <name>', 'Key Format Type, where the bytes do not tell')
    .option('--secret-type <type>', 'of secret data: Password or Seed (default: Password)')
    .option('--pgp-version <number>', 'PGP Key Version, where the bytes do not tell')
    .option('--parts <count>', 'of a split key: how many parts there are')
    .option('--threshold <count>', 'how many of them are needed')
    .option('--part <number>', 'which of them this is, from 1')
    .option('--method <name>', 'Split Key Method (default: PolynomialSharingGF2_8)')
    .option('--prime <number>', 'Prime Field Size')
    .action(registerAction);
}

function reKeyCommand(): Command {
  return objectCommand(
    're-key',
    'Make a new key that replaces a symmetric key and takes over its name. The old key’s state stays as it is.',
    're-key 7f6c…',
    're-key 7f6c… --offset 30d',
  )
    .option('--offset <span>', 'how long after now the new key becomes Active, such as 30d')
    .action(reKeyAction);
}

function reKeyKeyPairCommand(): Command {
  return objectCommand(
    're-key-key-pair',
    'Make a new key pair that replaces the pair of a private key and takes over the names of both keys.',
    're-key-key-pair 7f6c…',
    're-key-key-pair 7f6c… --offset 30d --attribute CryptographicLength=4096',
  )
    .option('--offset <span>', 'how long after now the new keys become Active, such as 30d')
    .option('--private-attribute <name=value>', 'attribute of the private key alone', repeatable)
    .option('--public-attribute <name=value>', 'attribute of the public key alone', repeatable)
    .action(reKeyKeyPairAction);
}

function rngRetrieveCommand(): Command {
  return withKeyOutput(
    operationCommand('rng-retrieve', 'Get random bytes from the server.', 'rng-retrieve 32 --format hex'),
  )
    .argument('<bytes>', 'how many')
    .action(rngRetrieveAction);
}

function locateCommand(): Command {
  return operationCommand(
    'locate',
    'Find the objects that have all of the attributes given; all objects where none is given.',
    'locate --name backups-2030',
    'locate --type symmetric-key --state Active --object-group tapes --ids',
    'locate --attribute "Initial Date=now-7d" --attribute "Initial Date=now" --json',
  )
    .option('--type <type>', 'Object Type')
    .option('--state <state>', 'State, such as Active')
    .option('--algorithm <name>', 'Cryptographic Algorithm')
    .option('--length <bits>', 'Cryptographic Length')
    .option('--max <count>', 'at most so many')
    .option('--offset <count>', 'leave out so many first ones (since KMIP 1.3)')
    .option('--storage <kinds>', 'on-line, archival, destroyed, or all (default: on-line)')
    .option('--group-member <which>', 'of an object group: group-member-fresh or group-member-default')
    .option('--ids', 'print identifiers alone, one on a line')
    .action(locateAction);
}

function checkCommand(): Command {
  return objectCommand(
    'check',
    'Ask whether a key may be used in a way.',
    'check 7f6c… --usage-mask Encrypt --usage-count 1000',
  )
    .option('--usage-mask <uses>', 'uses, such as "Encrypt|Decrypt"')
    .option('--usage-count <units>', 'so many units of its usage limits')
    .option('--lease-time <span>', 'a lease of this length, such as 1h')
    .action(checkAction);
}

function activateCommand(): Command {
  return objectCommand('activate', 'Make a Pre-Active object Active.', 'activate 7f6c…').action(
    activateAction,
  );
}

function revokeCommand(): Command {
  return objectCommand(
    'revoke',
    'Take an object out of use: it becomes Deactivated, or Compromised for a compromise.',
    'revoke 7f6c… --reason CessationOfOperation --message "array retired"',
    'revoke 7f6c… --reason KeyCompromise --compromise-date now-2d',
  )
    .option('--reason <reason>', 'Revocation Reason Code (default: Unspecified)')
    .option('--message <text>', 'in your own words')
    .option('--compromise-date <date>', 'when the compromise is believed to have happened')
    .action(revokeAction);
}

function destroyCommand(): Command {
  return objectCommand(
    'destroy',
    'Erase an object’s value for good. An Active object has to be revoked first.',
    'destroy 7f6c…',
  ).action(destroyAction);
}

function getAttributesCommand(): Command {
  return objectCommand(
    'get-attributes',
    'Show attributes of an object; all of them where none is named.',
    'get-attributes 7f6c…',
    'get-attributes 7f6c… State "Activation Date" x-owner',
  )
    .argument('[names...]', 'attributes to show')
    .action(getAttributesAction);
}

function getAttributeListCommand(): Command {
  return objectCommand(
    'get-attribute-list',
    'List the names of the attributes that an object has.',
    'get-attribute-list 7f6c…',
  ).action(getAttributeListAction);
}

const ASSIGNMENT = ['<name=value>', 'attribute and value; structures as JSON'] as const;

function addAttributeCommand(): Command {
  return objectCommand(
    'add-attribute',
    'Add an attribute instance to an object.',
    'add-attribute 7f6c… ObjectGroup=tapes',
    'add-attribute 7f6c… x-owner=storage-team',
  )
    .argument(...ASSIGNMENT)
    .action(addAttributeAction);
}

function modifyAttributeCommand(): Command {
  return objectCommand(
    'modify-attribute',
    'Change the value of an attribute instance.',
    'modify-attribute 7f6c… Name=backups-2031',
    'modify-attribute 7f6c… ObjectGroup=disks --current tapes',
  )
    .argument(...ASSIGNMENT)
    .option('--index <number>', 'which instance, by its index (KMIP 1.x)')
    .option('--current <value>', 'which instance, by the value that it has now (KMIP 2.x)')
    .action(modifyAttributeAction);
}

function deleteAttributeCommand(): Command {
  return objectCommand(
    'delete-attribute',
    'Take an attribute instance away. NAME=VALUE says which one in KMIP 2.x, --index in 1.x.',
    'delete-attribute 7f6c… x-owner',
    'delete-attribute 7f6c… ObjectGroup=tapes',
  )
    .argument('<name[=value]>', 'attribute, with the value of the instance where that matters')
    .option('--index <number>', 'which instance, by its index (KMIP 1.x)')
    .action(deleteAttributeAction);
}

function setAttributeCommand(): Command {
  return objectCommand(
    'set-attribute',
    'Give an attribute a value, whether it has one or not (since KMIP 2.0).',
    'set-attribute 7f6c… Comment="rotated by hand"',
  )
    .argument(...ASSIGNMENT)
    .action(setAttributeAction);
}

const WITH_ATTRIBUTES = [
  createCommand,
  createKeyPairCommand,
  registerCommand,
  reKeyCommand,
  reKeyKeyPairCommand,
  locateCommand,
];
const WITHOUT_ATTRIBUTES = [
  getAttributesCommand,
  getAttributeListCommand,
  addAttributeCommand,
  modifyAttributeCommand,
  deleteAttributeCommand,
  setAttributeCommand,
  checkCommand,
  activateCommand,
  revokeCommand,
  destroyCommand,
  rngRetrieveCommand,
  discoverVersionsCommand,
  queryCommand,
];

/** One command for each operation. */
export function operationCommands(): readonly Command[] {
  return [
    ...WITH_ATTRIBUTES.map((make) => withConnectionOptions(withAttributeOptions(make()))),
    ...derivationCommands().map((command) => withConnectionOptions(withAttributeOptions(command))),
    ...WITHOUT_ATTRIBUTES.map((make) => withConnectionOptions(make())),
    ...[
      ...transferCommands(),
      ...controlCommands(),
      ...certificateCommands(),
      ...ticketCommands(),
      ...cryptographicCommands(),
      ...pendingCommands(),
    ].map((command) => withConnectionOptions(command)),
  ];
}
