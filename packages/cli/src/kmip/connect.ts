import { KmipClient, isEncryptedKey, type KmipClientOptions } from '@holdfast/client';
import {
  CredentialType,
  TicketType,
  ENCODING_NAMES,
  VERSION_NAMES,
  type Credential,
  type EncodingName,
  type VersionName,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { passwordIn } from '../password';
import { promptSecret } from '../prompt';
import { printable } from '../table';
import { tellPendingInJson } from './explain';
import type { OutputFlags } from './output';
import {
  connectionSettings,
  parseServers,
  readNamedFile,
  type ConnectionFlags,
  type ConnectionSettings,
} from './settings';
import { parseHexBytes } from './values';

/** @throws CommandFailure wrong use, where there is no such version */
export function parseVersion(text: string | undefined): VersionName | 'auto' {
  if (text === undefined || text === 'auto') return 'auto';
  const version = VERSION_NAMES.find((name) => name === text);
  if (version !== undefined) return version;
  throw wrongUse(`there is no KMIP version ${text}`, `One of ${VERSION_NAMES.join(', ')}, or auto.`);
}

/** @throws CommandFailure wrong use, where there is no such encoding */
export function parseEncoding(text = 'ttlv'): EncodingName {
  const encoding = ENCODING_NAMES.find((name) => name === text.toLowerCase());
  if (encoding !== undefined) return encoding;
  throw wrongUse(`there is no encoding ${text}`, `One of ${ENCODING_NAMES.join(', ')}.`);
}

async function passphraseFor(
  settings: ConnectionSettings,
  key: Buffer | undefined,
): Promise<string | undefined> {
  if (key === undefined || !isEncryptedKey(key)) return undefined;
  if (settings.passphrase !== undefined) return settings.passphrase;
  const typed = await promptSecret(`Passphrase of ${settings.key ?? 'the private key'}: `);
  if (typed !== undefined) return typed;
  throw wrongUse(
    'the private key is encrypted',
    'Give its passphrase in KMIP_KEY_PASSPHRASE, or at a terminal.',
  );
}

/** The Ticket Value in a file that `kmip login` wrote. @throws CommandFailure wrong use */
export async function readTicket(path: string): Promise<Buffer> {
  const text = (await readNamedFile(path, 'the ticket')).toString('latin1');
  return parseHexBytes(text.trim(), 'the ticket');
}

async function passwordOf({ password, passwordFile }: ConnectionSettings): Promise<string | undefined> {
  if (password !== undefined || passwordFile === undefined) return password;
  return passwordIn(await readNamedFile(passwordFile, 'the password'));
}

/** What goes into the header of each request, where the server wants more than a certificate. */
async function credentialsOf(settings: ConnectionSettings): Promise<readonly Credential[]> {
  const { username } = settings;
  if (settings.ticket !== undefined) {
    const ticket = { ticketType: TicketType.Login, ticketValue: await readTicket(settings.ticket) };
    return [{ credentialType: CredentialType.Ticket, credentialValue: { ticket } }];
  }
  if (username === undefined) return [];
  const secret = (await passwordOf(settings)) ?? (await promptSecret(`Password of ${username}: `));
  const given = secret === undefined ? {} : { password: new SecretBytes(Buffer.from(secret)) };
  return [{ credentialType: CredentialType.UsernameAndPassword, credentialValue: { username, ...given } }];
}

/** Reads the files that the settings name. */
export async function clientOptions(settings: ConnectionSettings): Promise<KmipClientOptions> {
  const read = async (path: string | undefined, what: string) =>
    path === undefined ? undefined : await readNamedFile(path, what);
  const version = parseVersion(settings.version);
  const cert = await read(settings.cert, 'the client certificate');
  const key = await read(settings.key, 'the private key');
  const ca = await read(settings.ca, 'the CA file');
  return {
    ...parseServers(settings.server),
    encoding: parseEncoding(settings.encoding),
    cert,
    key,
    ca,
    passphrase: await passphraseFor(settings, key),
    serverName: settings.serverName,
    version,
    timeoutMs: settings.timeoutMs,
    credentials: await credentialsOf(settings),
  };
}

function describeConnection(client: KmipClient, server: string): string {
  const { protocol, cipher, subject, issuer, validTo, fingerprintSha256 } = client.tls;
  return [
    `Connected to ${server}: ${protocol}, ${cipher}, KMIP ${client.dialect.name}`,
    `Server certificate: ${subject}; issued by ${issuer}; valid to ${validTo}; SHA-256 ${fingerprintSha256}`,
    '',
  ]
    .map(printable)
    .join('\n');
}

/**
 * Connects with the settings of the command line, environment and profile, hands the client and what it was made with to
 * `work`, and closes it.
 * @param isStrict see KmipClientOptions
 * @throws CommandFailure (wrong use), ConnectionFailure, KmipRefusal
 */
export async function withClient<T>(
  flags: ConnectionFlags & OutputFlags,
  work: (client: KmipClient, options: KmipClientOptions) => Promise<T>,
  isStrict = false,
): Promise<T> {
  const settings = await connectionSettings(flags, process.env);
  const options: KmipClientOptions = {
    ...(await clientOptions(settings)),
    isStrict,
    asynchronous: flags.async === true ? 'mandatory' : undefined,
  };
  const client = await KmipClient.connect(options);
  try {
    if (flags.verbose === true) process.stderr.write(describeConnection(client, settings.server));
    return await work(client, options);
  } catch (error) {
    if (flags.json === true) tellPendingInJson(error);
    throw error;
  } finally {
    await client.close();
  }
}
