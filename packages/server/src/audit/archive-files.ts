import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError, type Directory } from '@holdfast/core';
import { openEnvelope, sealEnvelope } from '@holdfast/crypto';
import { AUDIT_ARCHIVE_KEY, newArchiveKey, privateKeyFrom } from '@holdfast/store';
import { syncFolder } from '../folder';

/** What stands in the header of the envelope. */
const KIND = 'audit-archive';
const RECIPIENT = 'audit archive key';
const PARTIAL = '.part';

/** Which records are in a file, as its name tells. */
export interface ArchiveName {
  readonly database: string;
  readonly number: number;
  readonly first: number;
  readonly last: number;
  /** Link of the last record, hex. */
  readonly head: string;
}

const PATTERN = /^holdfast-audit-([0-9a-f]{8})-(\d{6,})-(\d+)-(\d+)-([0-9a-f]{16})\.sealed$/;

export function fileNameOf({ database, number, first, last, head }: ArchiveName): string {
  const parts = [database.slice(0, 8), String(number).padStart(6, '0'), first, last, head.slice(0, 16)];
  return `holdfast-audit-${parts.join('-')}.sealed`;
}

/** Archives of the audit log as files: exports, sealed to a key that is itself sealed in the database. */
export class ArchiveFiles {
  constructor(private readonly directory: Pick<Directory, 'serverSecret'>) {}

  /**
   * Writes a file under its final name once all of it is on the disk.
   * @throws HoldfastError Configuration where it cannot be written
   */
  async write(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    const recipients = [{ name: RECIPIENT, publicKey: createPublicKey(await this.#key()) }];
    const begun = `${path}${PARTIAL}`;
    try {
      await pipeline(
        Readable.from(sealEnvelope(KIND, { recipients }, content)),
        createWriteStream(begun, { mode: 0o600, flush: true }),
      );
      await rename(begun, path);
      await syncFolder(dirname(path));
    } catch (cause) {
      await rm(begun, { force: true });
      throw cause instanceof HoldfastError ? cause : notWritable(dirname(path), cause);
    }
  }

  /** The export in a file. @throws HoldfastError InvalidField, IntegrityViolation, PermissionDenied (of another installation) */
  async *open(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    yield* openEnvelope(file, KIND, { privateKeys: [await this.#key()] });
  }

  async #key(): Promise<KeyObject> {
    const { value } = await this.directory.serverSecret(AUDIT_ARCHIVE_KEY, () =>
      Promise.resolve(newArchiveKey()),
    );
    try {
      return privateKeyFrom(value);
    } finally {
      value.destroy();
    }
  }
}

/** Makes the folder where there is none. @throws HoldfastError InvalidField, Configuration */
export async function prepareFolder(folder: unknown): Promise<void> {
  if (typeof folder !== 'string' || !isAbsolute(folder)) {
    throw new HoldfastError('InvalidField', 'the folder of archives is an absolute path on the node');
  }
  try {
    // Not with its parents: below /proc that never ends.
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    const probe = await open(join(folder, `.holdfast${PARTIAL}`), 'w', 0o600);
    await probe.close();
    await rm(join(folder, `.holdfast${PARTIAL}`));
  } catch (cause) {
    throw notWritable(folder, cause);
  }
}

/** Files of this database from a number on, and what was not written to its end. */
export async function leftIn(
  folder: string,
  database: string,
  fromNumber: number,
): Promise<{
  readonly partial: readonly string[];
  readonly whole: readonly (ArchiveName & { file: string })[];
}> {
  const names = await readdir(folder);
  const own = (name: string): ArchiveName | undefined => {
    const [, prefix, number, first, last, head = ''] = PATTERN.exec(name) ?? [];
    if (prefix !== database.slice(0, 8)) return undefined;
    return { database, number: Number(number), first: Number(first), last: Number(last), head };
  };
  return {
    partial: names.filter(
      (name) => name.endsWith(PARTIAL) && own(name.slice(0, -PARTIAL.length)) !== undefined,
    ),
    whole: names.flatMap((file) => {
      const name = own(file);
      return name !== undefined && name.number >= fromNumber ? [{ ...name, file }] : [];
    }),
  };
}

/** SHA-256 of a file, hex, known once `content` was read to its end. */
export function digested(path: string): {
  readonly content: AsyncIterable<Buffer>;
  readonly sha256: () => string;
} {
  const digest = createHash('sha256');
  async function* content(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      digest.update(chunk);
      yield chunk;
    }
  }
  return { content: content(), sha256: () => digest.digest('hex') };
}

function notWritable(folder: string, cause: unknown): HoldfastError {
  const { code } = cause as NodeJS.ErrnoException;
  return new HoldfastError('Configuration', `cannot write into ${folder} (${code ?? 'unknown'})`, { cause });
}
