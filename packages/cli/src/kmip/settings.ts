import { createReadStream } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { ServerAddress } from '@holdfast/client';
import { errorCode } from '../error-code';
import { CommandFailure, failureText, wrongUse } from '../exit';
import { profileNamed, readProfiles, type Profile, type StoredProfiles } from './profiles';

/** The connection options as the command line has them. */
export interface ConnectionFlags {
  readonly server?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly ticket?: string;
  readonly kmipVersion?: string;
  readonly encoding?: string;
  readonly profile?: string;
  readonly timeout?: string;
  readonly async?: boolean;
  readonly verbose?: boolean;
}

/** Where to connect and with what; files are named, not read. */
export interface ConnectionSettings extends Profile {
  readonly server: string;
  readonly timeoutMs: number;
  /** For an encrypted private key. */
  readonly passphrase?: string | undefined;
  /** Of the user, where there is one. */
  readonly password?: string | undefined;
}

const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_TIMEOUT_SECONDS = 86_400;

type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; one that is empty counts as not set. */
function variable(environment: Environment, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

function fromEnvironment(environment: Environment): Partial<Profile> {
  const value = (name: string) => variable(environment, name);
  return {
    server: value('KMIP_SERVER'),
    cert: value('KMIP_CERT'),
    key: value('KMIP_KEY'),
    ca: value('KMIP_CA'),
    version: value('KMIP_VERSION'),
    serverName: value('KMIP_SERVER_NAME'),
    username: value('KMIP_USERNAME'),
    passwordFile: value('KMIP_PASSWORD_FILE'),
    ticket: value('KMIP_TICKET'),
    encoding: value('KMIP_ENCODING'),
  };
}

function timeoutMsOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_SECONDS * 1000;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds * 1000;
  throw wrongUse(`the timeout ${text} is no number of seconds between 0 and ${MAX_TIMEOUT_SECONDS}`);
}

async function chosenProfile(flags: ConnectionFlags, environment: Environment): Promise<Partial<Profile>> {
  const name = flags.profile ?? environment['KMIP_PROFILE'];
  const isNamed = name !== undefined && name !== '';
  const isNeeded = isNamed || (flags.server ?? variable(environment, 'KMIP_SERVER')) === undefined;
  const stored = await readProfiles(environment).catch((error: unknown): StoredProfiles => {
    if (isNeeded || !(error instanceof CommandFailure)) throw error;
    process.stderr.write(
      failureText('kmip', {
        exitCode: error.exitCode,
        message: `${error.message}: no profile is used`,
        hint: error.hint,
      }),
    );
    return { profiles: {} };
  });
  const chosen = isNamed ? name : stored.default;
  return chosen === undefined ? {} : profileNamed(stored, chosen);
}

/**
 * Whom requests are made as: a user and a ticket stand in for each other, so both come from the first that names one.
 * @throws CommandFailure wrong use, where that names both
 */
function holderIn(...sources: readonly Pick<Partial<Profile>, 'username' | 'ticket'>[]) {
  const holder = sources.find(({ username, ticket }) => username !== undefined || ticket !== undefined);
  if (holder?.username !== undefined && holder.ticket !== undefined)
    throw wrongUse('a user and a ticket are both given', 'A ticket stands in for a user: give one of them.');
  return { username: holder?.username, ticket: holder?.ticket };
}

/** @throws CommandFailure wrong use, for a password that would be passed over */
export function requireUserOf(passwordFile: string | undefined, username: string | undefined): void {
  if (passwordFile === undefined || username !== undefined) return;
  throw wrongUse(
    '--password-file is given, and no user whose password it is',
    'Name the user with --username.',
  );
}

/**
 * Puts the settings together: an option counts before an environment variable, and that before the profile.
 * @throws CommandFailure wrong use
 */
export async function connectionSettings(
  flags: ConnectionFlags,
  environment: Environment,
): Promise<ConnectionSettings> {
  const profile = await chosenProfile(flags, environment);
  const variables = fromEnvironment(environment);
  const server = flags.server ?? variables.server ?? profile.server;
  if (server === undefined) {
    throw wrongUse(
      'no server is given',
      'Use --server HOST:PORT, or KMIP_SERVER, or save the settings once with "kmip profile add".',
    );
  }
  const holder = holderIn(flags, variables, profile);
  requireUserOf(flags.passwordFile, holder.username);
  return {
    server,
    cert: flags.cert ?? variables.cert ?? profile.cert,
    key: flags.key ?? variables.key ?? profile.key,
    ca: flags.ca ?? variables.ca ?? profile.ca,
    serverName: flags.serverName ?? variables.serverName ?? profile.serverName,
    ...holder,
    passwordFile: flags.passwordFile ?? variables.passwordFile ?? profile.passwordFile,
    version: flags.kmipVersion ?? variables.version ?? profile.version,
    encoding: flags.encoding ?? variables.encoding ?? profile.encoding,
    passphrase: variable(environment, 'KMIP_KEY_PASSPHRASE'),
    password: flags.passwordFile === undefined ? variable(environment, 'KMIP_PASSWORD') : undefined,
    timeoutMs: timeoutMsOf(flags.timeout),
  };
}

/** Which servers, and how messages get there. */
export interface Servers extends ServerAddress {
  readonly alternatives: readonly ServerAddress[];
  /** The target of HTTPS requests; absent for TLS alone. */
  readonly httpsPath?: string;
}

const HTTPS = /^https:\/\/([^/?#]*)(\/[^?#]*)?$/i;
const HTTPS_PATH = '/kmip';

/**
 * A server, or several with commas between them: HOST, HOST:PORT, [IPv6]:PORT, or https://HOST:PORT/PATH. All of them are
 * spoken to in the same way.
 * @throws CommandFailure wrong use
 */
export function parseServers(text: string): Servers {
  const servers = text.split(',').map((each) => {
    const [, authority, path = HTTPS_PATH] = HTTPS.exec(each.trim()) ?? [];
    return authority === undefined
      ? { address: parseServer(each.trim()), path: undefined }
      : { address: parseServer(authority), path: path === '' ? HTTPS_PATH : path };
  });
  const [first, ...others] = servers;
  if (first === undefined) throw wrongUse('no server is given');
  if (others.some(({ path }) => path !== first.path)) {
    throw wrongUse('all servers of a list are spoken to over TLS, or all over HTTPS with the same path');
  }
  const alternatives = others.map(({ address }) => address);
  return { ...first.address, alternatives, ...(first.path === undefined ? {} : { httpsPath: first.path }) };
}

const ADDRESS = /^(?:\[([^[\]]+)\]|([^:[\]/]+))(?::(\d{1,5}))?$/;

/**
 * HOST, HOST:PORT, [IPv6]:PORT or a bare IPv6 address.
 * @throws CommandFailure wrong use
 */
export function parseServer(text: string): { readonly host: string; readonly port?: number } {
  if (isIPv6(text)) return { host: text };
  const match = ADDRESS.exec(text);
  const bracketed = match?.[1];
  const host = bracketed ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (
    host === undefined ||
    (bracketed !== undefined && !isIPv6(bracketed)) ||
    port === 0 ||
    (port ?? 1) > 65535
  ) {
    throw wrongUse(`${JSON.stringify(text)} is no server`, 'A server is HOST, HOST:PORT or [IPv6]:PORT.');
  }
  return port === undefined ? { host } : { host, port };
}

/** More than any server takes in one message. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/**
 * The bytes of a file that the user named; it may be one that never ends.
 * @throws CommandFailure wrong use
 */
export async function readNamedFile(path: string, what: string): Promise<Buffer> {
  const content = await readStart(path, what);
  if (content.length > MAX_INPUT_BYTES) {
    throw wrongUse(`${what} ${path} is longer than ${MAX_INPUT_BYTES / 1024 / 1024} MiB`);
  }
  return content;
}

/** No more than one byte beyond what is taken. */
async function readStart(path: string, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    const stream = createReadStream(path, { end: MAX_INPUT_BYTES }) as AsyncIterable<Buffer>;
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (cause) {
    const code = errorCode(cause);
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read by you' : 'cannot be read';
    throw wrongUse(`${what} ${path} ${reason}`);
  }
}
