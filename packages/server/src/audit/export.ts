import { setImmediate as immediate } from 'node:timers/promises';
import {
  decodeEntry,
  linkHash,
  statementOf,
  type AuditChainStore,
  type Checkpoint,
  type CheckpointSigner,
  type PackedEntry,
} from '@holdfast/store';
import { LINE_FORMATS, auditLine, type LineFormatName, type LinkedLine } from './lines';

const PIECE_LENGTH = 65_536;

/** The first line of an export. */
export interface ExportHeader {
  readonly holdfastAuditExport: 1;
  readonly format: LineFormatName;
  readonly database: string;
  /** Position of the first record. */
  readonly first: number;
  /** Link of the record before it, hex. */
  readonly previous: string;
  /** Identifies the public key. */
  readonly key: string;
}

/** What the last line of an export signs, as JSON text. */
export interface ExportStatement extends ExportHeader {
  readonly last: number;
  readonly count: number;
  /** Link of the last record, hex. */
  readonly head: string;
  /** Position up to which checkpoints cover the records. */
  readonly checkpointed: number;
  readonly time: string;
}

export interface ExportRange {
  /** Position: the export begins with the first record of the checkpoint that covers it, or behind what was archived. */
  readonly from: number;
  /** Position of the last checkpoint; undefined: everything, also what no checkpoint covers yet. */
  readonly until?: number;
  readonly format: LineFormatName;
  /** Of the export, RFC 3339. */
  readonly time: string;
}

/** A signed text in a line of its own. */
export function signedLine(kind: 'checkpoint' | 'statement', { statement, signature }: Checkpoint): string {
  return JSON.stringify({ [kind]: statement, signature: signature.toString('base64') });
}

/** Records behind a place in the chain, with the hashes that link them. */
export function* linkedLines(
  after: { readonly position: number; readonly head: Buffer },
  entries: readonly PackedEntry[],
): Generator<LinkedLine> {
  let { position, head } = after;
  for (const { who, what } of entries) {
    head = linkHash(head, who, what);
    yield { ...auditLine(++position, decodeEntry(who, what)), link: head.toString('hex') };
  }
}

/**
 * The log as lines: a header, the records with a checkpoint behind those that it is over, those that no checkpoint covers yet,
 * and a signed statement.
 */
export async function* exportLog(
  chain: AuditChainStore,
  signer: CheckpointSigner,
  { from, format, time, until = Infinity }: ExportRange,
): AsyncGenerator<Buffer> {
  const start = await startOf(chain, from);
  const header: ExportHeader = {
    holdfastAuditExport: 1,
    format,
    database: await chain.databaseId(),
    first: start.position + 1,
    previous: start.head.toString('hex'),
    key: signer.keyId,
  };
  let { position, head } = start;
  /** In pieces, between which requests are served. */
  async function* lines(entries: readonly PackedEntry[]): AsyncGenerator<Buffer> {
    let text = '';
    for (const line of linkedLines({ position, head }, entries)) {
      text += `${LINE_FORMATS[format].write(line)}\n`;
      ({ position } = line);
      head = Buffer.from(line.link, 'hex');
      if (text.length < PIECE_LENGTH) continue;
      yield Buffer.from(text);
      text = '';
      await immediate();
    }
    yield Buffer.from(text);
  }
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  let last: Checkpoint | undefined;
  for await (const checkpoint of chain.checkpoints(start.position + 1)) {
    if (statementOf(checkpoint).position > until) break;
    yield* lines(await chain.recordsOf(checkpoint));
    yield Buffer.from(`${signedLine('checkpoint', checkpoint)}\n`);
    last = checkpoint;
  }
  const checkpointed = position;
  if (until === Infinity) yield* lines(await chain.recordsSince(last));
  const statement: ExportStatement = {
    ...header,
    last: position,
    count: position - start.position,
    head: head.toString('hex'),
    checkpointed,
    time,
  };
  const text = JSON.stringify(statement);
  yield Buffer.from(`${signedLine('statement', { statement: text, signature: signer.sign(text) })}\n`);
}

async function startOf(
  chain: AuditChainStore,
  from: number,
): Promise<{ readonly position: number; readonly head: Buffer }> {
  const begin = await chain.beginning();
  for await (const checkpoint of chain.checkpoints(from)) {
    const { position, records } = statementOf(checkpoint);
    const before = position - records;
    if (before <= begin.position) break;
    for await (const previous of chain.checkpoints(before)) {
      return { position: before, head: Buffer.from(statementOf(previous).head, 'hex') };
    }
  }
  return begin;
}
