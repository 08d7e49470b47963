import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statementOf, type Checkpoint } from '@holdfast/store';
import { makeFolder } from '../folder';

const FOLDER = 'audit';
const FILE = 'checkpoints.jsonl';
const EARLIER_FILE = 'checkpoints.1.jsonl';
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * The newest checkpoints of the audit log in the data folder, one JSON object a line: who can change the database cannot
 * change them, so that a log which was cut or wound back is found.
 */
export class OutsideCheckpoints {
  readonly #folder: string;
  #last: string | undefined;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, FOLDER);
  }

  /** Adds a checkpoint and waits until it is on the disk. */
  async keep(checkpoint: Checkpoint): Promise<void> {
    if (checkpoint.statement === this.#last) return;
    await makeFolder(this.#folder);
    await this.#makeRoom();
    const file = await open(this.#path(FILE), 'a', 0o600);
    try {
      await file.writeFile(lineOf(checkpoint));
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#last = checkpoint.statement;
  }

  /** Those that are there, oldest first. Lines that cannot be read, as a crash may leave at the end, are passed over. */
  async kept(): Promise<readonly Checkpoint[]> {
    const texts = await Promise.all([EARLIER_FILE, FILE].map((name) => this.#read(name)));
    return texts.flatMap((text) => text.split('\n').flatMap((line) => checkpointIn(line) ?? []));
  }

  /** The one that goes furthest. */
  async furthest(): Promise<Checkpoint | undefined> {
    const kept = await this.kept();
    return kept.reduce<Checkpoint | undefined>(
      (furthest, each) =>
        furthest !== undefined && statementOf(furthest).position >= statementOf(each).position
          ? furthest
          : each,
      undefined,
    );
  }

  async #makeRoom(): Promise<void> {
    const { size } = await stat(this.#path(FILE)).catch(() => ({ size: 0 }));
    if (size > MAX_FILE_BYTES) await rename(this.#path(FILE), this.#path(EARLIER_FILE));
  }

  #read(name: string): Promise<string> {
    return readFile(this.#path(name), 'utf8').catch(() => '');
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** A checkpoint as a line of a file. */
export function lineOf({ statement, signature }: Checkpoint): string {
  return `${JSON.stringify({ checkpoint: statement, signature: signature.toString('base64') })}\n`;
}

/** The checkpoint in such a line, or in one that has it behind something else, as of syslog or the piece that a crash left; undefined where there is none. */
export function checkpointIn(line: string): Checkpoint | undefined {
  try {
    const start = Math.max(0, line.lastIndexOf('{"checkpoint":'));
    const text = line.slice(start, line.lastIndexOf('}') + 1);
    const { checkpoint, signature } = JSON.parse(text) as { checkpoint: string; signature: string };
    const read = { statement: checkpoint, signature: Buffer.from(signature, 'base64') };
    return Number.isInteger(statementOf(read).position) ? read : undefined;
  } catch {
    return undefined;
  }
}
