import { hash } from 'node:crypto';
import { digestOf } from '@holdfast/ttlv';
import type { NumberRange } from '../records/number-ranges';

/** What is signed of the chain at one moment. All hashes are SHA-256 in lower-case hex. */
export interface CheckpointStatement {
  readonly format: 1;
  /** The database in which the records lie; another one from a restore on. */
  readonly database: string;
  /** Number of the last record that is linked, from 1. */
  readonly position: number;
  /** Of the records since the checkpoint before. */
  readonly records: number;
  readonly head: string;
  /** The transactions that wrote them: from this number to before that one. */
  readonly transactions: readonly [from: number, to: number];
  /** When they were made: the earliest and the latest of their times, microseconds since 1970. */
  readonly recorded: readonly [earliestUs: number, latestUs: number];
  /** Time of the checkpoint, RFC 3339. */
  readonly time: string;
  /**
   * The rows of audit_batch among them: of each process that wrote some, by what their identifiers begin with, their numbers.
   * Undefined where an older program linked.
   */
  readonly batches?: Readonly<Record<string, readonly NumberRange[]>>;
  /** Hash of the checkpoint before; of no bytes for the first one. */
  readonly previous: string;
  /** Identifies the public key. */
  readonly key: string;
}

/** A statement as it was signed: its bytes are those of its text. */
export interface Checkpoint {
  readonly statement: string;
  readonly signature: Buffer;
}

/** Signs the statement of a checkpoint. */
export interface CheckpointSigner {
  /** Identifies the public key. */
  readonly keyId: string;
  sign(statement: string): Buffer;
}

/** Where the chain stands. */
export interface ChainState {
  readonly position: number;
  readonly head: Buffer;
  /** The number from which on transactions are not linked. */
  readonly horizon: number;
  /** Hash of the last checkpoint. */
  readonly previous: string;
}

export const GENESIS: ChainState = {
  position: 0,
  head: Buffer.alloc(32),
  horizon: -(2 ** 53) + 1,
  previous: checkpointHash(''),
};

export function checkpointHash(statement: string): string {
  return hash('sha256', statement, 'hex');
}

/** Most records with what stands before them fit; every record is hashed, in one call, which costs half. */
const scratch = Buffer.allocUnsafeSlow(4096);

/** The hash of a record in its place. */
export function linkHash(head: Buffer, who: Buffer, what: Buffer): Buffer {
  const lengthBytes = head.length + who.length + what.length;
  if (lengthBytes > scratch.length) return digestOf('sha256', Buffer.concat([head, who, what]));
  head.copy(scratch, 0);
  who.copy(scratch, head.length);
  what.copy(scratch, head.length + who.length);
  return digestOf('sha256', scratch.subarray(0, lengthBytes));
}

export function statementOf({ statement }: Checkpoint): CheckpointStatement {
  return JSON.parse(statement) as CheckpointStatement;
}

/** Where the chain stands after a checkpoint. */
export function stateAfter(checkpoint: Checkpoint): ChainState {
  const { position, head, transactions } = statementOf(checkpoint);
  return {
    position,
    head: Buffer.from(head, 'hex'),
    horizon: transactions[1],
    previous: checkpointHash(checkpoint.statement),
  };
}
