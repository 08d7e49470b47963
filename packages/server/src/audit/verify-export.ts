import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import {
  checkpointHash,
  encodeEntry,
  linkHash,
  verifierOf,
  type Checkpoint,
  type CheckpointStatement,
} from '@holdfast/store';
import { LINE_FORMATS, auditLine, entryOf, type LineFormat, type LinkedLine } from './lines';
import type { ExportHeader, ExportStatement } from './export';

/** What was found in an exported log. */
export interface ExportVerdict {
  readonly isGenuine: boolean;
  readonly records: number;
  readonly first: number;
  readonly last: number;
  /** The last record that a checkpoint covers; those behind it are vouched for by the statement at the end alone. */
  readonly checkpointed: number;
  /** When the export was made; undefined where its end is missing. */
  readonly time: string | undefined;
  /** The first thing that is wrong. */
  readonly problem?: { readonly line: number; readonly position?: number; readonly text: string };
}

/** The first thing that is wrong with a line. */
class Wrong extends Error {
  constructor(
    readonly text: string,
    readonly position?: number,
  ) {
    super(text);
  }
}

const MAX_LINE_LENGTH = 1 << 20;
const NO_BYTES = Buffer.alloc(0);

/**
 * Checks an exported log with the public key alone.
 * @param content the file
 * @param since a checkpoint that was kept: the log has to go on from it, or to contain it
 * @throws HoldfastError InvalidField where the key is none, or the checkpoint was not signed with it
 */
export async function verifyExport(
  content: AsyncIterable<Buffer>,
  publicKeyPem: string,
  since?: Checkpoint,
): Promise<ExportVerdict> {
  const walk = new ExportWalk(publicKeyFrom(publicKeyPem), since);
  let line = 0;
  try {
    for await (const text of linesOf(content)) {
      line++;
      walk.take(text);
    }
    line++;
    walk.end();
    return walk.verdict(undefined);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const { text, position } = error;
    return walk.verdict({ line, text, ...(position === undefined ? {} : { position }) });
  }
}

function publicKeyFrom(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new HoldfastError('InvalidField', 'that is no public key', { cause });
  }
}

/** Whole lines; text behind the last end of a line is a line that was cut off. */
async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = NO_BYTES;
  for await (const chunk of content) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
      yield bytes.toString('utf8', 0, end);
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > MAX_LINE_LENGTH) throw new Wrong('the line is too long');
    rest = bytes;
  }
  if (rest.length > 0) throw new Wrong('the line has no end: the file was cut off');
}

class ExportWalk {
  readonly #isSigned: (signed: Checkpoint) => boolean;
  readonly #keyId: string;
  readonly #since: CheckpointStatement | undefined;
  #header: ExportHeader | undefined;
  #statement: ExportStatement | undefined;
  #format: LineFormat = LINE_FORMATS.json;
  #position = 0;
  #head: Buffer = NO_BYTES;
  #checkpointed = 0;
  /** Hash of the last checkpoint that was met. */
  #previous: string | undefined;
  #isSinceMet = false;

  constructor(publicKey: KeyObject, since: Checkpoint | undefined) {
    this.#isSigned = verifierOf(publicKey);
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(spki).digest('hex');
    if (since === undefined) return;
    if (!this.#isSigned(since))
      throw new HoldfastError('InvalidField', 'the checkpoint was not signed with this key');
    this.#since = JSON.parse(since.statement) as CheckpointStatement;
  }

  take(text: string): void {
    if (this.#statement !== undefined)
      throw new Wrong('something follows the statement that ends the export');
    if (this.#header === undefined) this.#takeHeader(text);
    else if (text.startsWith('{"checkpoint":')) this.#takeCheckpoint(text);
    else if (text.startsWith('{"statement":')) this.#takeStatement(text, this.#header);
    else this.#takeRecord(text);
    if (this.#since?.position === this.#position) this.#meet(this.#since);
  }

  #takeHeader(text: string): void {
    const header = parsed<ExportHeader>(text);
    if (header?.holdfastAuditExport !== 1 || JSON.stringify(header) !== text) {
      throw new Wrong('this is no export of an audit log');
    }
    if (header.key !== this.#keyId) throw new Wrong('the export was signed with another key');
    if (!Object.hasOwn(LINE_FORMATS, header.format)) throw new Wrong('the format is not known');
    this.#header = header;
    this.#format = LINE_FORMATS[header.format];
    this.#position = this.#checkpointed = header.first - 1;
    this.#head = Buffer.from(header.previous, 'hex');
  }

  #takeRecord(text: string): void {
    const expected = this.#position + 1;
    const line = this.#read(text, expected);
    if (line.position !== expected) {
      throw new Wrong(`record ${line.position} stands where record ${expected} has to be`, expected);
    }
    const head = linkHash(this.#head, encoded(line, expected), NO_BYTES);
    if (head.toString('hex') !== line.link) {
      throw new Wrong(`record ${expected} is not the one that was linked here`, expected);
    }
    this.#head = head;
    this.#position = expected;
  }

  #read(text: string, expected: number): LinkedLine {
    try {
      const { link, ...read } = this.#format.read(text);
      const line = { ...auditLine(read.position, entryOf(read)), link };
      if (this.#format.write(line) === text) return line;
    } catch {
      // Told below.
    }
    throw new Wrong(`record ${expected} is not as it was written`, expected);
  }

  #takeCheckpoint(text: string): void {
    const checkpoint = this.#signed(text, 'checkpoint');
    const { position, head, records, previous } = JSON.parse(checkpoint.statement) as CheckpointStatement;
    const from = this.#checkpointed + 1;
    if (position !== this.#position || position - records !== this.#checkpointed) {
      throw new Wrong(`records are missing or too many before the checkpoint at record ${position}`, from);
    }
    if (this.#previous !== undefined && previous !== this.#previous) {
      throw new Wrong(`the checkpoint at record ${position} does not follow the one before it`, from);
    }
    if (head !== this.#head.toString('hex')) {
      throw new Wrong(`records ${from} to ${position} are not those that the checkpoint is over`, from);
    }
    this.#previous = checkpointHash(checkpoint.statement);
    this.#checkpointed = position;
  }

  #takeStatement(text: string, header: ExportHeader): void {
    const signed = this.#signed(text, 'statement');
    const statement = JSON.parse(signed.statement) as ExportStatement;
    for (const [name, value] of Object.entries(header)) {
      if (statement[name as keyof ExportHeader] !== value) {
        throw new Wrong(`the statement at the end is about another export: ${name} differs`);
      }
    }
    if (statement.last !== this.#position || statement.count !== this.#position - header.first + 1) {
      throw new Wrong(
        `the export ends with record ${this.#position}, where record ${statement.last} was the last`,
      );
    }
    if (statement.head !== this.#head.toString('hex') || statement.checkpointed !== this.#checkpointed) {
      const from = this.#checkpointed + 1;
      throw new Wrong(
        `records from ${from} on, or checkpoints, are not those that the statement is over`,
        from,
      );
    }
    this.#statement = statement;
  }

  #signed(text: string, kind: 'checkpoint' | 'statement'): Checkpoint {
    const line = parsed<Record<string, string | undefined>>(text);
    const statement = line?.[kind];
    const signature = Buffer.from(line?.['signature'] ?? '', 'base64');
    if (typeof statement === 'string') {
      const isCanonical =
        JSON.stringify({ [kind]: statement, signature: signature.toString('base64') }) === text;
      if (isCanonical && this.#isSigned({ statement, signature })) return { statement, signature };
    }
    throw new Wrong(`the ${kind} behind record ${this.#position} was not signed like this`);
  }

  #meet({ position, head }: CheckpointStatement): void {
    if (this.#head.toString('hex') !== head) {
      throw new Wrong(
        `the log up to record ${position} is not the one that the kept checkpoint is over`,
        position,
      );
    }
    this.#isSinceMet = true;
  }

  end(): void {
    if (this.#statement === undefined) {
      throw new Wrong('the export has no end: a signed statement is missing', this.#position + 1);
    }
    if (this.#since !== undefined && !this.#isSinceMet) {
      throw new Wrong(`the kept checkpoint at record ${this.#since.position} is not in this log`);
    }
  }

  verdict(problem: ExportVerdict['problem']): ExportVerdict {
    const first = this.#header?.first ?? 1;
    return {
      isGenuine: problem === undefined,
      records: this.#header === undefined ? 0 : this.#position - first + 1,
      first,
      last: this.#position,
      checkpointed: this.#checkpointed,
      time: this.#statement?.time,
      ...(problem === undefined ? {} : { problem }),
    };
  }
}

function encoded(line: LinkedLine, position: number): Buffer {
  try {
    return encodeEntry(entryOf(line));
  } catch {
    throw new Wrong(`record ${position} is not as it was written`, position);
  }
}

function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
