import { open, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { HoldfastError, SecretBytes, type ErrorCode } from '@holdfast/ttlv/basics';
import type { Ceremony, Custodian, ShareFile } from '@holdfast/server';
import { makeFolder, syncFolder } from '@holdfast/server/admin';
import { whyNotWritable } from '../output-file';
import { readText } from './files';
import { collect, wholeNumber } from './holders';
import { askNewSecret } from './secret';
import { secretIn } from './secret-file';

export interface CeremonyOptions {
  readonly threshold?: number;
  readonly shares?: number;
  readonly custodian?: readonly string[];
  readonly custodianPassphrase?: readonly string[];
  readonly sharesOut?: string;
}

/** Adds what says among whom a root key is split. */
export function withCeremonyOptions(command: Command): Command {
  return command
    .option('--threshold <number>', 'how many custodians it takes to unseal (--root shares)', wholeNumber)
    .option(
      '--shares <number>',
      'how many shares are made (default: one for each custodian named)',
      wholeNumber,
    )
    .option(
      '--custodian <name=file>',
      'a custodian, and the certificate or public key (PEM) to which the share is sealed (repeatable)',
      collect,
    )
    .option(
      '--custodian-passphrase <name[=file]>',
      'a custodian whose share is sealed with a passphrase: asked for, or in the file (repeatable)',
      collect,
    )
    .addOption(
      new Option(
        '--shares-out <folder>',
        'where the shares go (default: the folder "shares" in the data folder)',
      ),
    );
}

/** What a ceremony needs, and where its shares went. */
export interface PreparedCeremony {
  readonly ceremony: Ceremony;
  /** The shares that were written. */
  readonly written: { readonly custodian: string; readonly file: string }[];
  /** Removes what was written. */
  readonly takeBack: () => Promise<void>;
}

/**
 * Reads the custodians' keys and passphrases, where the root key is to be shared.
 * @throws HoldfastError Configuration, InvalidField
 */
export async function readCeremony(
  options: CeremonyOptions & { readonly root: string; readonly dataDir: string },
): Promise<PreparedCeremony | undefined> {
  if (options.root !== 'shares') {
    refuseCeremony(options);
    return undefined;
  }
  const { threshold, custodian: keys = [], custodianPassphrase: passphrases = [] } = options;
  if (threshold === undefined) {
    throw new HoldfastError(
      'Configuration',
      'say how many custodians it takes to unseal: --threshold NUMBER',
    );
  }
  const { recipientFrom, requireScheme } = await import('@holdfast/server');
  const named = keys.length + passphrases.length;
  const { shares = named } = options;
  if (shares < named) {
    throw new HoldfastError('Configuration', `${named} custodians are named, but --shares says ${shares}`);
  }
  if (shares === 0) {
    throw new HoldfastError(
      'Configuration',
      'say who the custodians are: --custodian NAME=FILE or --custodian-passphrase NAME for each, or --shares NUMBER',
    );
  }
  requireScheme(threshold, shares);
  const custodians: Custodian[] = [];
  for (const each of keys) {
    const [name, path] = nameAndPath(each);
    if (path === undefined) throw new HoldfastError('Configuration', `"${each}" is not NAME=FILE`);
    custodians.push(recipientFrom(name, await readText(path)));
  }
  const unnamed = Array.from({ length: shares - named }, (_, place) => `custodian-${named + place + 1}`);
  for (const each of [...passphrases, ...unnamed]) {
    const [name, path] = nameAndPath(each);
    custodians.push({ name, passphrase: await newPassphrase(name, path) });
  }
  const written: PreparedCeremony['written'] = [];
  const deliver = async (files: readonly ShareFile[]): Promise<void> => {
    written.push(...(await writeShares(options.sharesOut ?? resolve(options.dataDir, 'shares'), files)));
  };
  const takeBack = async (): Promise<void> => {
    for (const { file } of written) await rm(file, { force: true });
  };
  return { ceremony: { threshold, custodians, deliver }, written, takeBack };
}

/**
 * Has a server put what a ceremony made in force. Shares of what it refuses are removed: they are of nothing.
 * @throws what `ask` throws
 */
export async function puttingInForce<T>(prepared: PreparedCeremony, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const isRefused = error instanceof HoldfastError && REFUSALS.includes(error.code);
    if (isRefused) await prepared.takeBack();
    else {
      process.stderr.write(`These shares were written, but are not known to be in force:\n`);
      for (const { custodian, file } of prepared.written) process.stderr.write(`  ${custodian}: ${file}\n`);
    }
    throw error;
  }
}
const REFUSALS: readonly ErrorCode[] = ['PermissionDenied', 'ObjectAlreadyExists', 'InvalidField'];

function refuseCeremony({
  threshold,
  shares,
  custodian,
  custodianPassphrase,
  sharesOut,
}: CeremonyOptions): void {
  if ([threshold, shares, custodian, custodianPassphrase, sharesOut].every((each) => each === undefined))
    return;
  throw new HoldfastError('Configuration', 'custodians and their shares belong to --root shares');
}

function nameAndPath(text: string): readonly [name: string, path: string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

async function newPassphrase(name: string, path: string | undefined): Promise<SecretBytes> {
  if (path !== undefined) return new SecretBytes(await secretIn(path, name));
  if (process.stdin.isTTY) return askNewSecret(`Passphrase of ${name}: `);
  throw new HoldfastError(
    'Configuration',
    `there is no terminal to ask ${name} on: give --custodian NAME=FILE or --custodian-passphrase NAME=FILE`,
  );
}

/** Writes all shares (mode 0600), never over what is there, or none. */
async function writeShares(
  folder: string,
  files: readonly ShareFile[],
): Promise<PreparedCeremony['written']> {
  await makeFolder(folder);
  const written: string[] = [];
  try {
    for (const { index, custodian, contents } of files) {
      const path = join(folder, `share-${index}-${custodian.replaceAll(' ', '_')}.json`);
      await writeShare(path, contents, () => written.push(path));
    }
    await syncFolder(folder);
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    throw error;
  }
  return written.map((file, place) => ({ custodian: files[place]?.custodian ?? '', file }));
}

async function writeShare(path: string, contents: Buffer, onMade: () => void): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const what = isThere
      ? `${path} exists already: move it away first`
      : `cannot write ${path}: ${whyNotWritable(cause)}`;
    throw new HoldfastError('Configuration', what, { cause });
  });
  onMade();
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What the custodians are to be told. */
export function sharesText({ ceremony: { threshold, custodians }, written }: PreparedCeremony): string {
  return `  The root key is in no file: any ${threshold} of ${custodians.length} custodians unseal a node (holdfast unseal).
  Hand each share to its custodian and remove it from this machine:
${written.map(({ custodian, file }) => `    ${custodian}: ${file}\n`).join('')}`;
}
