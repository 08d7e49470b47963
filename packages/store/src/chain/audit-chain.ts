import type { Keyring } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';
import { WALK_TIMEOUT_MS, type Database, type Session } from '../postgres/database';
import { storeError } from '../postgres/errors';
import { askAfterLoss } from '../postgres/outcome';
import { inTransaction, repeatable } from '../postgres/transaction';
import { TRIAL_BATCH, type PackedEntry } from '../records/audit-batch';
import { batchNumberOf } from '../records/batch-ids';
import { NumberRanges, type NumberRange } from '../records/number-ranges';
import {
  GENESIS,
  linkHash,
  stateAfter,
  statementOf,
  type ChainState,
  type Checkpoint,
  type CheckpointSigner,
  type CheckpointStatement,
} from './checkpoint';
import { selectArchives, stateBehind, type ArchiveFile } from './archive';
import { archiveIn } from './archiving';
import { pauses } from '../pauses';
import { withRecords, type LinkedRecords } from './linked-records';
import { LONG_TURN_MS, allRecords, readRecords, type NumberedRecords, type RecordRange } from './records';

/** How long a sequencer that is not heard of any more keeps others from taking its place. */
const LEASE_SECONDS = 5;
const PATIENCE_MS = LEASE_SECONDS * 1000;

export interface Linked {
  /** Undefined where there was nothing to link. */
  readonly checkpoint: Checkpoint | undefined;
  readonly state: ChainState;
  /** Whether there are more records to be linked at once. */
  readonly isMore: boolean;
  /** Rows of records that are not what was written, and were not linked. */
  readonly refusedRows: number;
}

export interface AuditChainStore {
  /**
   * Takes the sequencer's place where it is free.
   * @returns the epoch under which to link; undefined where somebody has the place
   */
  claim(): Promise<number | undefined>;
  /** Gives the place up. */
  release(epoch: number): Promise<void>;
  /**
   * Links what was committed since and signs a checkpoint over it, in one transaction that fails where the epoch is over.
   * @param state where the chain stands as far as is known; undefined: at the newest checkpoint
   * @param isConfirmed whether the root of trust was there a moment ago
   * @throws HoldfastError PermissionDenied where another sequencer has taken the place, StoreUnavailable
   */
  link(
    epoch: number,
    state: ChainState | undefined,
    signer: CheckpointSigner,
    isConfirmed: boolean,
  ): Promise<Linked>;
  newest(): Promise<Checkpoint | undefined>;
  /** Seconds since a sequencer last linked while the root of trust was there. */
  unconfirmedSeconds(): Promise<number>;
  /**
   * Whether a record can be written, as each request leaves one: one is, and taken back.
   * @throws HoldfastError StoreUnavailable on a standby, where the database is read-only, and where its disk is full
   */
  requireWritable(): Promise<void>;
  /** Checkpoints in their order: those whose last record is at `fromPosition` or behind it. */
  checkpoints(fromPosition: number): AsyncGenerator<Checkpoint>;
  /** Checkpoints in reverse order: those whose last record is at `fromPosition` or before it. */
  checkpointsBack(fromPosition: number): AsyncGenerator<Checkpoint>;
  /** Checkpoints, each with the records that it is over, in their order. */
  withRecords(checkpoints: AsyncIterable<Checkpoint>): AsyncGenerator<LinkedRecords>;
  /** The records that a checkpoint is over, in their order. */
  recordsOf(checkpoint: Checkpoint): Promise<readonly PackedEntry[]>;
  /** Records behind a checkpoint, or all of them: what the newest one does not cover yet. */
  recordsSince(checkpoint: Checkpoint | undefined): Promise<readonly PackedEntry[]>;
  databaseId(): Promise<string>;
  /** Where the chain begins in the database: behind what was archived. */
  beginning(): Promise<ChainState>;
  /** What was signed of the archives, in their order. */
  archives(): Promise<readonly Checkpoint[]>;
  /**
   * Takes the records that are in a file out of the database, in one transaction; see archiveIn.
   * @throws HoldfastError IntegrityViolation, RevisionConflict, StoreUnavailable
   */
  archive(
    file: ArchiveFile,
    signer: CheckpointSigner,
    isSigned: (signed: Checkpoint) => boolean,
  ): Promise<Checkpoint>;
  /** A signed note of how far the log was taken somewhere; the name says where to. */
  mark(name: string): Promise<Checkpoint | undefined>;
  setMark(name: string, mark: Checkpoint): Promise<void>;
  /** Names of the marks there are. Unchecked. */
  marks(): Promise<readonly string[]>;
}

const MARK = 'audit-mark:';
const PAGE_CHECKPOINTS = 200;
/** Beyond any transaction number. */
const NO_END = 2 ** 53 - 1;

export class PostgresAuditChain implements AuditChainStore {
  /**
   * @param patienceMs after how long without a word the database takes the chain from a process that stands still while it
   * links, and with it would keep all others from linking
   */
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  async claim(): Promise<number | undefined> {
    const [row] = await this.#query<{ epoch: string }>(
      `UPDATE audit_chain SET epoch = epoch + 1, leased_until = now() + interval '${LEASE_SECONDS} s'
        WHERE leased_until < now() RETURNING epoch::text`,
    );
    return row === undefined ? undefined : Number(row.epoch);
  }

  async release(epoch: number): Promise<void> {
    await this.#query(`UPDATE audit_chain SET leased_until = '-infinity' WHERE epoch = $1`, [epoch]);
  }

  async link(
    epoch: number,
    known: ChainState | undefined,
    signer: CheckpointSigner,
    isConfirmed: boolean,
  ): Promise<Linked> {
    return inTransaction(
      (work) => this.database.transactional(work),
      async (session) => {
        await session.query(`SET LOCAL idle_in_transaction_session_timeout = ${this.patienceMs}`);
        return this.#link(session, epoch, known, signer, isConfirmed);
      },
      // Where the chain stands is read again.
      () => Promise.resolve(false),
    ).catch(thrown);
  }

  async beginning(): Promise<ChainState> {
    return stateBehind((await this.archives()).at(-1));
  }

  archives(): Promise<readonly Checkpoint[]> {
    return repeatable(
      (run) => this.database.general(run),
      (session) => selectArchives(session),
    );
  }

  archive(
    file: ArchiveFile,
    signer: CheckpointSigner,
    isSigned: (signed: Checkpoint) => boolean,
  ): Promise<Checkpoint> {
    let signed: Checkpoint | undefined;
    return inTransaction(
      (work) => this.database.general(work, WALK_TIMEOUT_MS),
      async (session) => {
        await session.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
        return (signed = await archiveIn(session, file, signer, isSigned));
      },
      (backend) =>
        askAfterLoss(this.database, backend, async (session) => {
          const found = await session.query('SELECT FROM audit_archive WHERE statement = $1', [
            signed?.statement,
          ]);
          return found.length > 0;
        }),
    ).catch(thrown);
  }

  async #link(
    session: Session,
    epoch: number,
    known: ChainState | undefined,
    signer: CheckpointSigner,
    isConfirmed: boolean,
  ): Promise<Linked> {
    // Transactions before the oldest that is under way have ended: nothing is added to what they wrote.
    const [lease] = await session.prepared<{ database: string; time: string; end: string }>(
      'lock_audit_chain',
      `SELECT database_id AS database, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time,
          (pg_snapshot_xmin(pg_current_snapshot())::text::bigint + record_offset())::text AS end
        FROM audit_chain WHERE epoch = $1 FOR UPDATE`,
      [epoch],
    );
    if (lease === undefined) {
      throw new HoldfastError('PermissionDenied', 'another sequencer links the audit log');
    }
    const state = known ?? (await stateIn(session));
    const end = Math.max(Number(lease.end), state.horizon + 1);
    const range = await readRecords(session, state.horizon, end, this.keyring);
    await session.prepared(
      'renew_audit_chain',
      `UPDATE audit_chain SET leased_until = now() + interval '${LEASE_SECONDS} s',
        confirmed_at = CASE WHEN $1 THEN now() ELSE confirmed_at END`,
      [isConfirmed],
    );
    const isMore = range.to < end;
    if (range.entries.length === 0) {
      // The next checkpoint begins where the last one ended, unless so many refused rows stand between.
      const past = isMore ? { ...state, horizon: range.to } : state;
      return { checkpoint: undefined, state: past, isMore, refusedRows: range.refused };
    }
    const statement = JSON.stringify(await statementFor(state, range, lease, signer.keyId));
    const checkpoint = { statement, signature: signer.sign(statement) };
    const { position } = statementOf(checkpoint);
    await session.prepared(
      'add_audit_checkpoint',
      `INSERT INTO audit_checkpoint (position, from_transaction, to_transaction, statement, signature)
        VALUES ($1, $2, $3, $4, $5)`,
      [position, state.horizon, range.to, statement, checkpoint.signature],
    );
    return { checkpoint, state: stateAfter(checkpoint), isMore, refusedRows: range.refused };
  }

  async newest(): Promise<Checkpoint | undefined> {
    const [row] = await this.#query<Checkpoint>(NEWEST);
    return row;
  }

  async unconfirmedSeconds(): Promise<number> {
    const [row] = await this.#query<{ seconds: number }>(
      'SELECT extract(epoch FROM now() - confirmed_at)::float8 AS seconds FROM audit_chain',
    );
    return row?.seconds ?? 0;
  }

  async requireWritable(): Promise<void> {
    try {
      await this.database.general(async (session) => {
        await session.query('BEGIN');
        try {
          await session.query(TRIAL_BATCH);
        } finally {
          await session.query('ROLLBACK').catch(() => undefined);
        }
      });
    } catch (error) {
      throw storeError(error);
    }
  }

  checkpoints(fromPosition: number): AsyncGenerator<Checkpoint> {
    return this.#walk('position >= $1 ORDER BY audit_checkpoint.position', fromPosition, 1);
  }

  checkpointsBack(fromPosition: number): AsyncGenerator<Checkpoint> {
    return this.#walk('position <= $1 ORDER BY audit_checkpoint.position DESC', fromPosition, -1);
  }

  async *#walk(where: string, first: number, step: 1 | -1): AsyncGenerator<Checkpoint> {
    for (let from = first; ;) {
      const page = await this.#query<Checkpoint & { position: string }>(
        `SELECT position::text, statement, signature FROM audit_checkpoint WHERE ${where} LIMIT ${PAGE_CHECKPOINTS}`,
        [from],
      );
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_CHECKPOINTS) return;
      from = Number(last.position) + step;
    }
  }

  withRecords(checkpoints: AsyncIterable<Checkpoint>): AsyncGenerator<LinkedRecords> {
    return withRecords(checkpoints, (from, to) => this.#records(from, to));
  }

  async recordsOf(checkpoint: Checkpoint): Promise<readonly PackedEntry[]> {
    const [from, to] = statementOf(checkpoint).transactions;
    return (await this.#records(from, to)).entries;
  }

  async recordsSince(checkpoint: Checkpoint | undefined): Promise<readonly PackedEntry[]> {
    const { horizon } = checkpoint === undefined ? GENESIS : stateAfter(checkpoint);
    return (await this.#records(horizon, NO_END)).entries;
  }

  async databaseId(): Promise<string> {
    const [row] = await this.#query<{ id: string }>('SELECT database_id AS id FROM audit_chain');
    return row?.id ?? '';
  }

  async mark(name: string): Promise<Checkpoint | undefined> {
    const [row] = await this.#query<{ value: string }>('SELECT value FROM setting WHERE name = $1', [
      `${MARK}${name}`,
    ]);
    if (row === undefined) return undefined;
    const { statement, signature } = JSON.parse(row.value) as { statement: string; signature: string };
    return { statement, signature: Buffer.from(signature, 'base64') };
  }

  async setMark(name: string, { statement, signature }: Checkpoint): Promise<void> {
    const value = JSON.stringify({ statement, signature: signature.toString('base64') });
    await this.#query(
      `INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [`${MARK}${name}`, value],
    );
  }

  async marks(): Promise<readonly string[]> {
    const rows = await this.#query<{ name: string }>(
      `SELECT substr(name, ${MARK.length + 1}) AS name FROM setting WHERE name LIKE '${MARK}%' ORDER BY name`,
    );
    return rows.map(({ name }) => name);
  }

  #records(from: number, to: number): Promise<NumberedRecords> {
    return repeatable(
      (run) => this.database.hot(run),
      (session) => allRecords(session, from, to),
    );
  }

  #query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return repeatable(
      (run) => this.database.general(run),
      (session) => session.query<Row>(text, values),
    );
  }
}

const NEWEST = 'SELECT statement, signature FROM audit_checkpoint ORDER BY position DESC LIMIT 1';

function thrown(error: unknown): never {
  throw storeError(error);
}

async function stateIn(session: Session): Promise<ChainState> {
  const [newest] = await session.query<Checkpoint>(NEWEST);
  return newest === undefined ? GENESIS : stateAfter(newest);
}

const TIME_LENGTH_BYTES = 8;

async function statementFor(
  state: ChainState,
  { entries, batchIds, to }: RecordRange,
  { database, time }: { readonly database: string; readonly time: string },
  key: string,
): Promise<CheckpointStatement> {
  let { head } = state;
  let earliestUs = Infinity;
  let latestUs = -Infinity;
  const pause = pauses(LONG_TURN_MS);
  for (const { who, what } of entries) {
    head = linkHash(head, who, what);
    const recordedAtUs = timeOf(what);
    if (recordedAtUs < earliestUs) earliestUs = recordedAtUs;
    if (recordedAtUs > latestUs) latestUs = recordedAtUs;
    const paused = pause();
    if (paused !== undefined) await paused;
  }
  return {
    format: 1,
    database,
    position: state.position + entries.length,
    records: entries.length,
    head: head.toString('hex'),
    transactions: [state.horizon, to],
    recorded: [earliestUs, latestUs],
    time,
    batches: batchesOf(batchIds),
    previous: state.previous,
    key,
  };
}

function batchesOf(ids: readonly string[]): Record<string, readonly NumberRange[]> {
  const byWriter = new Map<string, NumberRanges>();
  for (const id of ids) {
    const batch = batchNumberOf(id);
    if (batch === undefined) continue;
    const numbers = byWriter.get(batch.writer) ?? new NumberRanges();
    byWriter.set(batch.writer, numbers);
    numbers.add(batch.number);
  }
  return Object.fromEntries([...byWriter].map(([writer, { ranges }]) => [writer, ranges]));
}

/** A record's time stands before everything else of what happened. */
function timeOf(what: Buffer): number {
  return what.length < TIME_LENGTH_BYTES ? 0 : what.readInt32BE(0) * 0x1_0000_0000 + what.readUInt32BE(4);
}
