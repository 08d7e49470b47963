import { HoldfastError } from '@holdfast/ttlv';
import type { Session } from '../postgres/database';
import { GENESIS, linkHash, type ChainState, type Checkpoint } from './checkpoint';
import { readRecords } from './records';

/** A file that holds records which are in the database no more. */
export interface ArchiveFile {
  readonly file: string;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  /** Positions. */
  readonly first: number;
  readonly last: number;
  /** When the records were made: the earliest and the latest of their times, microseconds since 1970. */
  readonly recorded: readonly [earliestUs: number, latestUs: number];
}

/** What is signed of an archive. The chain in the database begins behind the newest one. Hashes are SHA-256 in hex. */
export interface ArchiveStatement extends ArchiveFile {
  readonly format: 1;
  readonly database: string;
  /** From 1. */
  readonly number: number;
  /** Link of the last record. */
  readonly head: string;
  /** Transactions from this number on are not in it, nor in archives before. */
  readonly horizon: number;
  /** Hash of the last checkpoint. */
  readonly checkpoint: string;
  /** The records of before the horizon that stay, since they guard rows: linked in their order, from the beginning. */
  readonly kept: { readonly records: number; readonly head: string };
  readonly time: string;
  /** Hash of the statement of the archive before; of no bytes for the first one. */
  readonly previous: string;
  readonly key: string;
}

/** @throws HoldfastError IntegrityViolation */
export function archiveStatementOf({ statement }: Checkpoint): ArchiveStatement {
  try {
    return JSON.parse(statement) as ArchiveStatement;
  } catch (cause) {
    throw new HoldfastError('IntegrityViolation', 'the statement over an archive is not what was signed', {
      cause,
    });
  }
}

/** Where the chain stands behind an archive; at its beginning where there is none. @throws HoldfastError IntegrityViolation */
export function stateBehind(archive: Checkpoint | undefined): ChainState {
  if (archive === undefined) return GENESIS;
  const { last, head, horizon, checkpoint } = archiveStatementOf(archive);
  return { position: last, head: Buffer.from(head, 'hex'), horizon, previous: checkpoint };
}

/** What was signed of archives, in their order. */
export function selectArchives(session: Session): Promise<(Checkpoint & { readonly number: number })[]> {
  return session.query('SELECT number, statement, signature FROM audit_archive ORDER BY number');
}

/** What the records of before a horizon are now. */
export async function keptBefore(session: Session, horizon: number): Promise<ArchiveStatement['kept']> {
  let { head } = GENESIS;
  let records = 0;
  for (let from = GENESIS.horizon; from < horizon;) {
    const range = await readRecords(session, from, horizon);
    for (const { who, what } of range.entries) head = linkHash(head, who, what);
    records += range.entries.length;
    from = range.to;
  }
  return { records, head: head.toString('hex') };
}
