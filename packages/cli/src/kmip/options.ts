import { Command } from 'commander';

/** Collects the values of an option that may be given several times. */
export function repeatable(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Adds the options that say where to connect and as whom; `connectionSettings` reads them. */
export function withConnectionOptions(command: Command): Command {
  return command
    .optionsGroup('Connection:')
    .option(
      '--server <host:port>',
      'KMIP server, port 5696 unless given; https://HOST:PORT/kmip for HTTPS; several with commas between them are tried in turn [KMIP_SERVER]',
    )
    .option('--encoding <name>', 'over HTTPS: ttlv, xml or json (default: ttlv) [KMIP_ENCODING]')
    .option('--cert <file>', 'client certificate, PEM [KMIP_CERT]')
    .option(
      '--key <file>',
      'private key of the certificate, PEM [KMIP_KEY]; passphrase: [KMIP_KEY_PASSPHRASE]',
    )
    .option('--ca <file>', 'certificate of the authority that the server’s comes from, PEM [KMIP_CA]')
    .option('--username <name>', 'for servers that want one [KMIP_USERNAME]; its password: [KMIP_PASSWORD]')
    .option('--password-file <file>', 'file with the password of the user [KMIP_PASSWORD_FILE]')
    .option('--ticket <file>', 'file with a ticket, in place of a user: see "kmip login" [KMIP_TICKET]')
    .option('--server-name <name>', 'name that the server’s certificate has, if not HOST [KMIP_SERVER_NAME]')
    .option(
      '--kmip-version <version>',
      '1.0 to 2.1, or auto: the highest that both sides speak [KMIP_VERSION]',
    )
    .option('--profile <name>', 'saved settings, see "kmip profile" [KMIP_PROFILE]')
    .option(
      '--async',
      'have the server carry it out later, in KMIP 1.x where it likes to; prints the value for "kmip poll"',
    )
    .option('--timeout <seconds>', 'longest wait for the connection and for each answer (default: 30)')
    .option('--verbose', 'tell about the TLS connection and the protocol version on standard error')
    .optionsGroup('Options:');
}

/** The flags that stand for one attribute each. */
export const ATTRIBUTE_FLAGS = [
  ['name', '--name <text>', 'Name', 'name, unique among the objects that are not destroyed'],
  ['usageMask', '--usage-mask <uses>', 'CryptographicUsageMask', 'allowed uses, such as "Encrypt|Decrypt"'],
  [
    'activationDate',
    '--activation-date <date>',
    'ActivationDate',
    'when it becomes Active: ISO 8601, now, now+1d',
  ],
  ['deactivationDate', '--deactivation-date <date>', 'DeactivationDate', 'when it ceases to be Active'],
  ['objectGroup', '--object-group <text>', 'ObjectGroup', 'group that it belongs to'],
] as const;

/** What the attribute options leave behind. */
export interface AttributeFlags {
  readonly name?: readonly string[];
  readonly usageMask?: readonly string[];
  readonly activationDate?: readonly string[];
  readonly deactivationDate?: readonly string[];
  readonly objectGroup?: readonly string[];
  readonly custom?: readonly string[];
  readonly attribute?: readonly string[];
}

/** Adds the options that give attributes; `attributesOf` reads them. */
export function withAttributeOptions(command: Command): Command {
  command.optionsGroup('Attributes:');
  for (const [, flags, , description] of ATTRIBUTE_FLAGS) command.option(flags, description, repeatable);
  return command
    .option(
      '--custom <x-name=value>',
      'custom attribute; a text unless it says otherwise: x-retries:integer=3 (integer, long, boolean, date, bytes)',
      repeatable,
    )
    .option(
      '--attribute <name=value>',
      'any attribute: enumerations and masks by name, dates as ISO 8601 or now+1d, intervals as 90d, bytes in hex, structures as JSON',
      repeatable,
    )
    .optionsGroup('Options:');
}
