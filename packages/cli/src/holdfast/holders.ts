import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, constants, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import { syncFolder, type ConfirmedCopyAnswer } from '@holdfast/server/admin';
import { isThere, removeOnExit, whyNotWritable, writeNewFile } from '../output-file';
import { noRoomReason, readBytes, readText, unreadable } from './files';
import { privateKeyIn } from './private-key';

/** Sealed files (backups, escrow packages): to whom they are sealed, and what opens them. */

export interface HolderOptions {
  readonly to: readonly string[];
  readonly threshold?: number;
}
export interface OpenerOptions {
  readonly identity: readonly string[];
  readonly share?: readonly string[];
}

export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  value,
];

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number.');
  return value;
}

/** Adds what says who can open the file. */
export function withOpener(command: Command): Command {
  return command
    .requiredOption(
      '--identity <file>',
      'private key (PEM) of a recipient; of as many custodians as are needed (repeatable)',
      collect,
    )
    .option(
      '--share <file>',
      'a share that its custodian took out of the file for the --identity (repeatable)',
      collect,
    );
}

/** @throws HoldfastError Configuration */
export async function mustBeReadable(path: string): Promise<void> {
  let isFolder: boolean;
  try {
    await access(path, constants.R_OK);
    isFolder = (await stat(path)).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (isFolder) throw unreadable(path, { code: 'EISDIR' });
}

/** Those to whom a file is to be sealed, as the server is told of them. */
export function readHolders({ to, threshold }: HolderOptions): Promise<{
  readonly recipients: readonly { readonly name: string; readonly pem: string }[];
  readonly threshold?: number;
}> {
  return Promise.all(to.map(async (path) => ({ name: basename(path), pem: await readText(path) }))).then(
    (recipients) => ({ recipients, ...(threshold === undefined ? {} : { threshold }) }),
  );
}

export async function readOpener({
  identity,
  share = [],
}: OpenerOptions): Promise<ReturnType<typeof import('@holdfast/server').openerFrom>> {
  const { openerFrom } = await import('@holdfast/server');
  const privateKeys = [];
  // One after the other: each may be asked for its passphrase.
  for (const path of identity) privateKeys.push(await privateKeyIn(path));
  return openerFrom(privateKeys, await Promise.all(share.map((path) => readBytes(path))));
}

/** Who can open it, in words. */
export function holdersText({ to, threshold }: HolderOptions): string {
  return threshold === undefined ? to.join(', ') : `any ${threshold} of ${to.join(', ')}`;
}

/** What nobody gets back from a copy, in words. */
export function notInIt({ inHsm }: ConfirmedCopyAnswer): string {
  if (inHsm === 0) return '';
  const keys = inHsm === 1 ? 'the key of 1 object' : `the keys of ${inHsm} objects`;
  return `Not in it: ${keys} inside the HSM, which only its vendor's means back up.\n`;
}

const NOT_WRITABLE: readonly (string | undefined)[] = [
  'EACCES',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'EROFS',
];

/** @throws HoldfastError Configuration */
export async function mustNotExist(path: string): Promise<void> {
  if (await isThere(path)) throw new HoldfastError('Configuration', `${path} is there already`);
}

/**
 * Gives a whole file its name, never that of one that is there: the name is taken first. Not by a hard link, which the file
 * systems of many removable disks do not have.
 */
async function putInPlace(begun: string, path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
  try {
    await rename(begun, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * Writes a file (mode 0600) under another name until it is whole and on the disk; never over a file that is there.
 * @param what it is, for messages
 * @returns the SHA-256 of what was written, in hex
 * @throws HoldfastError Configuration, StoreUnavailable
 */
export async function writeWhole(
  path: string,
  what: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<string> {
  const begun = `${path}.part`;
  const digest = createHash('sha256');
  const file = createWriteStream(begun, { mode: 0o600, flags: 'wx', flush: true });
  let isBegun = false as boolean;
  let keep = (): void => undefined;
  file.once('open', () => {
    isBegun = true;
    keep = removeOnExit(begun);
  });
  try {
    await pipeline(Readable.from(digested(content, digest)), file);
    await putInPlace(begun, path);
    return digest.digest('hex');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (isBegun) await rm(begun, { force: true });
    if (code === 'EEXIST') {
      throw new HoldfastError(
        'Configuration',
        isBegun
          ? `${path} is there already`
          : `${begun} is there: another ${what} is being written, or one was cut off; then remove it`,
      );
    }
    if (NOT_WRITABLE.includes(code)) {
      throw new HoldfastError('Configuration', `cannot write ${path}: ${whyNotWritable(cause)}`, { cause });
    }
    if (cause instanceof HoldfastError) throw cause;
    const noRoom = noRoomReason(cause);
    if (noRoom !== undefined) {
      const message = `the ${what} does not fit at ${path}: ${noRoom}; nothing was kept of it`;
      throw new HoldfastError('Configuration', message, { cause });
    }
    throw new HoldfastError('StoreUnavailable', `the ${what} was not finished; nothing was kept of it`, {
      cause,
    });
  } finally {
    keep();
  }
}

async function* digested(
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  digest: Hash,
): AsyncGenerator<Buffer> {
  for await (const part of content) {
    digest.update(part);
    yield part;
  }
}

interface ShareOptions {
  readonly identity: string;
  readonly for: string;
  readonly out: string;
}

async function takeShare(file: string, options: ShareOptions): Promise<void> {
  await mustBeReadable(file);
  const { handShareOn } = await import('@holdfast/server');
  const share = await handShareOn(file, await privateKeyIn(options.identity), {
    name: basename(options.for),
    pem: await readText(options.for),
  });
  await writeNewFile(options.out, share, 0o600);
  process.stdout.write(`${options.out} holds the share; only the key of ${options.for} opens it.\n`);
}

/** A custodian's part of a ceremony: the own private key stays on the own machine. */
export function addShareCommand(command: Command, what: string): void {
  command
    .command('share <file>')
    .description("take a custodian's share out, sealed for the machine on which shares are put together")
    .requiredOption('--identity <file>', "the custodian's private key (PEM)")
    .requiredOption('--for <file>', 'public key (PEM) of that machine')
    .requiredOption('--out <file>', 'where the share goes; never overwritten')
    .addHelpText(
      'after',
      `\nNeeds the file alone, no server.\n\nExample:\n  holdfast ${what} share FILE --identity alice.key --for ceremony.pub --out alice.share\n`,
    )
    .action(takeShare);
}
