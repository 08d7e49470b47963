import { createPublicKey, type KeyObject } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import {
  checkpointHash,
  encodeEntry,
  keyIdOf,
  linkHash,
  statementOf,
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
  /** Link of the record before the first one, and of the last one, hex: by these, exports that follow each other are known. */
  readonly previous: string;
  readonly head: string;
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
  return ExportWalk.with(publicKeyPem, since).verify(content);
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

/** How far a check has come. */
interface Progress {
  /** Number of the line that comes next, from 1. */
  line: number;
  header: ExportHeader | undefined;
  statement: ExportStatement | undefined;
  format: LineFormat;
  position: number;
  head: Buffer;
  checkpointed: number;
  /** Hash of the last checkpoint that was met. */
  previous: string | undefined;
  isSinceMet: boolean;
}

const START: Progress = {
  line: 1,
  header: undefined,
  statement: undefined,
  format: LINE_FORMATS.json,
  position: 0,
  head: NO_BYTES,
  checkpointed: 0,
  previous: undefined,
  isSinceMet: false,
};

/** A check of an exported log, line by line. */
export class ExportWalk {
  readonly #progress: Progress;

  private constructor(
    private readonly isSigned: (signed: Checkpoint) => boolean,
    private readonly keyId: string,
    private readonly since: CheckpointStatement | undefined,
    progress: Progress,
  ) {
    this.#progress = { ...progress };
  }

  /** Parameters and errors as of verifyExport. */
  static with(publicKeyPem: string, since?: Checkpoint): ExportWalk {
    const publicKey = publicKeyFrom(publicKeyPem);
    const isSigned = verifierOf(publicKey);
    if (since !== undefined && !isSigned(since)) {
      throw new HoldfastError('InvalidField', 'the checkpoint was not signed with this key');
    }
    const statement = since === undefined ? undefined : statementOf(since);
    return new ExportWalk(isSigned, keyIdOf(publicKey), statement, START);
  }

  /** Another walk that has come as far as this one, and goes its own way from here. */
  copy(): ExportWalk {
    return new ExportWalk(this.isSigned, this.keyId, this.since, this.#progress);
  }

  /** @param content the rest of the file, from the first line that was not taken */
  async verify(content: AsyncIterable<Buffer>): Promise<ExportVerdict> {
    const at = this.#progress;
    try {
      for await (const text of linesOf(content)) this.take(text);
      this.#end();
      return this.#verdict(undefined);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      const { text, position } = error;
      return this.#verdict({ line: at.line, text, ...(position === undefined ? {} : { position }) });
    }
  }

  /** Takes the next line. */
  take(text: string): void {
    const at = this.#progress;
    if (at.statement !== undefined) throw new Wrong('something follows the statement that ends the export');
    if (at.header === undefined) this.#takeHeader(text);
    else if (text.startsWith('{"checkpoint":')) this.#takeCheckpoint(text);
    else if (text.startsWith('{"statement":')) this.#takeStatement(text, at.header);
    else this.#takeRecord(text);
    if (this.since?.position === at.position) this.#meet(this.since);
    at.line++;
  }

  #takeHeader(text: string): void {
    const at = this.#progress;
    const header = parsed<ExportHeader>(text);
    if (header?.holdfastAuditExport !== 1 || JSON.stringify(header) !== text) {
      throw new Wrong('this is no export of an audit log');
    }
    if (header.key !== this.keyId) throw new Wrong('the export was signed with another key');
    if (!Object.hasOwn(LINE_FORMATS, header.format)) throw new Wrong('the format is not known');
    at.header = header;
    at.format = LINE_FORMATS[header.format];
    at.position = at.checkpointed = header.first - 1;
    at.head = Buffer.from(header.previous, 'hex');
  }

  #takeRecord(text: string): void {
    const at = this.#progress;
    const expected = at.position + 1;
    const line = this.#read(text, expected);
    if (line.position !== expected) {
      throw new Wrong(`record ${line.position} stands where record ${expected} has to be`, expected);
    }
    const head = linkHash(at.head, encoded(line, expected), NO_BYTES);
    if (head.toString('hex') !== line.link) {
      throw new Wrong(`record ${expected} is not the one that was linked here`, expected);
    }
    at.head = head;
    at.position = expected;
  }

  #read(text: string, expected: number): LinkedLine {
    const at = this.#progress;
    try {
      const { link, ...read } = at.format.read(text);
      const line = { ...auditLine(read.position, entryOf(read)), link };
      if (at.format.write(line) === text) return line;
    } catch {
      // Told below.
    }
    throw new Wrong(`record ${expected} is not as it was written`, expected);
  }

  #takeCheckpoint(text: string): void {
    const at = this.#progress;
    const checkpoint = this.#signed(text, 'checkpoint');
    const { position, head, records, previous } = statementOf(checkpoint);
    const from = at.checkpointed + 1;
    if (position !== at.position || position - records !== at.checkpointed) {
      throw new Wrong(`records are missing or too many before the checkpoint at record ${position}`, from);
    }
    if (at.previous !== undefined && previous !== at.previous) {
      throw new Wrong(`the checkpoint at record ${position} does not follow the one before it`, from);
    }
    if (head !== at.head.toString('hex')) {
      throw new Wrong(`records ${from} to ${position} are not those that the checkpoint is over`, from);
    }
    at.previous = checkpointHash(checkpoint.statement);
    at.checkpointed = position;
  }

  #takeStatement(text: string, header: ExportHeader): void {
    const at = this.#progress;
    const signed = this.#signed(text, 'statement');
    const statement = JSON.parse(signed.statement) as ExportStatement;
    for (const [name, value] of Object.entries(header)) {
      if (statement[name as keyof ExportHeader] !== value) {
        throw new Wrong(`the statement at the end is about another export: ${name} differs`);
      }
    }
    if (statement.last !== at.position || statement.count !== at.position - header.first + 1) {
      throw new Wrong(
        `the export ends with record ${at.position}, where record ${statement.last} was the last`,
      );
    }
    if (statement.head !== at.head.toString('hex') || statement.checkpointed !== at.checkpointed) {
      const from = at.checkpointed + 1;
      throw new Wrong(
        `records from ${from} on, or checkpoints, are not those that the statement is over`,
        from,
      );
    }
    at.statement = statement;
  }

  #signed(text: string, kind: 'checkpoint' | 'statement'): Checkpoint {
    const at = this.#progress;
    const line = parsed<Record<string, string | undefined>>(text);
    const statement = line?.[kind];
    const signature = Buffer.from(line?.['signature'] ?? '', 'base64');
    if (typeof statement === 'string') {
      const isCanonical =
        JSON.stringify({ [kind]: statement, signature: signature.toString('base64') }) === text;
      if (isCanonical && this.isSigned({ statement, signature })) return { statement, signature };
    }
    throw new Wrong(`the ${kind} behind record ${at.position} was not signed like this`);
  }

  #meet({ position, head }: CheckpointStatement): void {
    const at = this.#progress;
    if (at.head.toString('hex') !== head) {
      throw new Wrong(
        `the log up to record ${position} is not the one that the kept checkpoint is over`,
        position,
      );
    }
    at.isSinceMet = true;
  }

  #end(): void {
    const at = this.#progress;
    if (at.statement === undefined) {
      throw new Wrong('the export has no end: a signed statement is missing', at.position + 1);
    }
    if (this.since !== undefined && !at.isSinceMet) {
      const { position } = this.since;
      throw new Wrong(
        position > at.position
          ? `the log ends at record ${at.position}: it was cut, or exported before the kept checkpoint at record ${position} was made`
          : `the kept checkpoint at record ${position} is not in this log`,
      );
    }
  }

  #verdict(problem: ExportVerdict['problem']): ExportVerdict {
    const at = this.#progress;
    const first = at.header?.first ?? 1;
    return {
      isGenuine: problem === undefined,
      records: at.header === undefined ? 0 : at.position - first + 1,
      first,
      last: at.position,
      previous: at.header?.previous ?? '',
      head: at.head.toString('hex'),
      checkpointed: at.checkpointed,
      time: at.statement?.time,
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
