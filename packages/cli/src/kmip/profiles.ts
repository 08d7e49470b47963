import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolder } from '@holdfast/server/admin';
import { errorCode } from '../error-code';
import { wrongUse } from '../exit';
import { replaceFile } from '../output-file';

/** Connection settings that are kept under a name: addresses, names and paths, never a key or a password. */
export interface Profile {
  /** HOST:PORT, https://HOST:PORT/PATH, or several of them. */
  readonly server: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
  readonly username?: string | undefined;
  /** Files with the user's password, and with a ticket. */
  readonly passwordFile?: string | undefined;
  readonly ticket?: string | undefined;
  readonly version?: string | undefined;
  readonly encoding?: string | undefined;
}

export interface StoredProfiles {
  /** The one that counts where none is named. */
  readonly default?: string | undefined;
  readonly profiles: Readonly<Record<string, Profile>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MEMBERS = [
  ...(['server', 'cert', 'key', 'ca', 'serverName', 'version', 'encoding'] as const),
  ...(['username', 'passwordFile', 'ticket'] as const),
];

/** $XDG_CONFIG_HOME/holdfast/profiles.json (XDG Base Directory Specification). */
export function profilesPath(environment: Environment): string {
  const base = environment['XDG_CONFIG_HOME'];
  // The specification has relative paths ignored.
  const folder = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config');
  return join(folder, 'holdfast', 'profiles.json');
}

/** @throws CommandFailure wrong use */
export function requireProfileName(name: string): string {
  if (NAME.test(name)) return name;
  throw wrongUse(
    `${JSON.stringify(name)} is no name for a profile`,
    'Letters, digits, ".", "_" and "-", at most 64; the first is a letter or a digit.',
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function profileOf(value: unknown): Profile | undefined {
  if (!isRecord(value)) return undefined;
  const members = MEMBERS.map((member) => [member, value[member]] as const);
  if (members.some(([, text]) => text !== undefined && typeof text !== 'string')) return undefined;
  return Object.fromEntries(members) as unknown as Profile;
}

function parseProfiles(text: string, path: string): StoredProfiles {
  const broken = () =>
    wrongUse(`${path} cannot be understood`, 'Correct it, or remove it and add the profiles again.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken();
  }
  if (!isRecord(value) || !isRecord(value['profiles'])) throw broken();
  const profiles: Record<string, Profile> = {};
  for (const [name, stored] of Object.entries(value['profiles'])) {
    const profile = profileOf(stored);
    if (profile === undefined || !NAME.test(name)) throw broken();
    profiles[name] = profile;
  }
  const { default: chosen } = value;
  return typeof chosen === 'string' ? { default: chosen, profiles } : { profiles };
}

/**
 * The stored profiles; none where there is no file.
 * @throws CommandFailure wrong use, where the file cannot be read
 */
export async function readProfiles(environment: Environment): Promise<StoredProfiles> {
  const path = profilesPath(environment);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return { profiles: {} };
    throw wrongUse(`${path} cannot be read`);
  }
  return parseProfiles(text, path);
}

/** @throws CommandFailure wrong use, where there is none of that name */
export function profileNamed({ profiles }: StoredProfiles, name: string): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile !== undefined) return profile;
  throw wrongUse(`there is no profile named ${name}`, 'See "kmip profile list".');
}

/** Replaces the stored profiles as a whole, in a file that the user alone can read. */
export async function writeProfiles(stored: StoredProfiles, environment: Environment): Promise<void> {
  const path = profilesPath(environment);
  await makeFolder(dirname(path));
  await replaceFile(path, `${JSON.stringify(stored, undefined, 2)}\n`, 0o600);
}
