import type { KeyObject } from 'node:crypto';
import { SYSTEM_DOMAIN_ID, type AuditRecord, type Keyring } from '@holdfast/core';
import { SYSTEM_ACTOR } from '../directory/transaction';
import type { Database, StoreLog } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { NumberRanges } from '../records/number-ranges';
import type { Checkpoint } from './checkpoint';
import { LinkedBatches, type ChainMoment } from './linked-batches';
import { LOSS_ACTION } from './loss';
import { signingKeyIn, verifierOf } from './signing';

/** How soon after the last look there is another one, while something is awaited. */
const INTERVAL_MS = 1000;
/** A loss is told once in this time: what tells of it is lost as well, as long as its cause is there. */
const TELLING_INTERVAL_MS = 60_000;
const PAGE_CHECKPOINTS = 200;
/** Of the numbers of lost rows, so many stretches are told. */
const MAX_STRETCHES = 16;

const TIME = (expression: string): string =>
  `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const LOOK = `SELECT (pg_snapshot_xmax(moment)::text::bigint + record_offset())::text AS before,
    (pg_snapshot_xmin(moment)::text::bigint + record_offset())::text AS ended,
    (SELECT coalesce(max(c.position), 0)::text FROM audit_checkpoint AS c) AS newest,
    ${TIME('clock_timestamp()')} AS time, ${TIME('confirmed_at')} AS "linkedAt", statement, signature
  FROM pg_current_snapshot() AS moment CROSS JOIN audit_chain LEFT JOIN LATERAL (
    SELECT position, statement, signature FROM audit_checkpoint WHERE position > $1
      ORDER BY audit_checkpoint.position LIMIT ${PAGE_CHECKPOINTS}) AS checkpoint ON true
  ORDER BY position`;

interface LookRow {
  readonly before: string;
  readonly ended: string;
  readonly newest: string;
  readonly time: string;
  readonly linkedAt: string;
  readonly statement: string | null;
  readonly signature: Buffer | null;
}

/** What becomes of the records that this process was told are durable. */
export interface AuditLosses {
  /** How many rows of them were altered or taken away before they were linked. */
  readonly rows: number;
  /**
   * Looks whether they are linked, as happens by itself every second while anything is awaited, and tells what is lost.
   * @throws HoldfastError StoreUnavailable
   */
  look(): Promise<void>;
}

/**
 * Looks after the rows of records that this process wrote until they are linked, and tells of those that are not: in the log of
 * the process, and as a record, again and again until one is linked.
 */
export class LossWatch implements AuditLosses {
  readonly batches: LinkedBatches;
  readonly #lost = new NumberRanges();
  #isUntold = false;
  #toldAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #key: KeyObject | undefined;
  #isClosed = false;

  /**
   * @param position of the newest checkpoint, before anything was written
   * @param record writes a record
   */
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly log: StoreLog,
    position: number,
    private readonly record: (record: AuditRecord) => Promise<void>,
  ) {
    this.batches = new LinkedBatches(position);
  }

  get rows(): number {
    return this.#lost.size;
  }

  /** To be called where a row was acknowledged. */
  rouse(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      void this.look()
        // A database that is away is noticed by whoever needs it.
        .catch(() => undefined)
        .finally(() => {
          this.#timer = undefined;
          if (!this.batches.isIdle || this.#isUntold) this.rouse();
        });
    }, INTERVAL_MS).unref();
  }

  look(): Promise<void> {
    const looked = this.#turn.then(() => this.#look());
    this.#turn = looked.catch(() => undefined);
    return looked;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  async #look(): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    this.batches.beginLook();
    const moment = await this.#moment();
    const isSigned = this.#key === undefined ? () => false : verifierOf(this.#key);
    const missed = this.batches.endLook(moment, isSigned);
    for (const range of missed) this.#lost.addAll(range);
    if (missed.length > 0) this.#isUntold = true;
    if (this.#isUntold && performance.now() - this.#toldAtMs >= TELLING_INTERVAL_MS) await this.#tell();
  }

  #moment(): Promise<ChainMoment> {
    return repeatable(
      (run) => this.database.general(run),
      async (session) => {
        const rows = await session.query<LookRow>(LOOK, [this.batches.takenTo]);
        const checkpoints = rows.flatMap(({ statement, signature }): Checkpoint[] =>
          statement === null || signature === null ? [] : [{ statement, signature }],
        );
        if (checkpoints.length > 0) this.#key ??= await signingKeyIn(session, this.keyring);
        const [{ before, ended, newest, time, linkedAt } = NOWHERE] = rows;
        return {
          before: Number(before),
          ended: Number(ended),
          newest: Number(newest),
          time,
          linkedAt,
          checkpoints,
          isWhole: checkpoints.length < PAGE_CHECKPOINTS,
        };
      },
    );
  }

  async #tell(): Promise<void> {
    this.#toldAtMs = performance.now();
    const { ranges } = this.#lost;
    const stretches = ranges
      .slice(0, MAX_STRETCHES)
      .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
    const more = ranges.length > MAX_STRETCHES ? ', and more' : '';
    const subject = `${this.rows} rows of ${this.batches.writer}: ${stretches.join(', ')}${more}`;
    this.log.error(
      { lost: subject },
      'records that were acknowledged are not in the audit log: they were altered or taken away before they were linked',
    );
    const outcome = 'failure';
    await this.record({
      actor: SYSTEM_ACTOR,
      action: LOSS_ACTION,
      subject,
      outcome,
      reason: 'IntegrityViolation',
    });
    this.#isUntold = false;
  }
}

/** Where the one row of the chain is gone, nothing is known. */
const NOWHERE: LookRow = {
  before: 'Infinity',
  ended: '-Infinity',
  newest: '0',
  time: '',
  linkedAt: '',
  statement: null,
  signature: null,
};
