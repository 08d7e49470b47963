import { BatchIds } from '../records/batch-ids';
import { NumberRanges, type NumberRange } from '../records/number-ranges';
import { statementOf, type Checkpoint } from './checkpoint';

/** What the database says of the chain at one moment. Times are of the database, as in checkpoints. */
export interface ChainMoment {
  /** No transaction that was under way or over then has this number or a higher one. */
  readonly before: number;
  /** All transactions before this number were over. */
  readonly ended: number;
  /** Position of the newest checkpoint. */
  readonly newest: number;
  readonly time: string;
  /** When a sequencer last began to link, whether there was anything or not. */
  readonly linkedAt: string;
  /** The checkpoints behind the last one that was taken, in their order. */
  readonly checkpoints: readonly Checkpoint[];
  /** Whether there are no more of them. */
  readonly isWhole: boolean;
}

/** Rows that have to be linked by the time all of their transactions are. */
interface Awaited {
  readonly numbers: NumberRanges;
  /** Their transactions have lower numbers; undefined while that has not been asked. */
  before: number | undefined;
  /** When all of these transactions were over: who begins to link later finds the rows. */
  overSince: string | undefined;
}

/**
 * The rows of records that this process wrote, until they are linked. The sequencer signs which rows it linked, by the process
 * that wrote them, so whatever somebody does with them before (or shows instead of them afterwards), those which were
 * acknowledged here and are not among them are missed.
 */
export class LinkedBatches {
  readonly #ids = new BatchIds();
  /** Rows whose outcome is not known yet, and whether they are linked all the same. */
  readonly #underWay = new Map<number, boolean>();
  /** Acknowledged, and not looked for yet. */
  #written = new NumberRanges();
  #awaited: Awaited | undefined;
  /** The transactions that are linked are those before this number. */
  #horizon = -Infinity;

  /** @param position of the newest checkpoint at the time when nothing had been written yet */
  constructor(private position: number) {}

  get writer(): string {
    return this.#ids.writer;
  }

  /** Position of the last checkpoint that was taken. */
  get takenTo(): number {
    return this.position;
  }

  /** Whether nothing is awaited. */
  get isIdle(): boolean {
    return this.#awaited === undefined && this.#written.ranges.length === 0;
  }

  begin(): { readonly id: string; readonly number: number } {
    const begun = this.#ids.next();
    this.#underWay.set(begun.number, false);
    return begun;
  }

  /** @param isWritten whether it was acknowledged; what was not may be there or not */
  end(number: number, isWritten: boolean): void {
    if (isWritten && this.#underWay.get(number) === false) this.#written.add(number);
    this.#underWay.delete(number);
  }

  /** To be called before the database is asked: what was acknowledged by then is in what it answers. */
  beginLook(): void {
    if (this.#awaited !== undefined || this.#written.ranges.length === 0) return;
    this.#awaited = { numbers: this.#written, before: undefined, overSince: undefined };
    this.#written = new NumberRanges();
  }

  /** @returns the numbers of the rows that were acknowledged and are not linked, where the others of their time are */
  endLook(moment: ChainMoment, isSigned: (signed: Checkpoint) => boolean): readonly NumberRange[] {
    // The database was wound back (a standby that lacked the last changes): positions are taken anew.
    if (moment.newest < this.position) this.#beginAt(moment.newest);
    for (const checkpoint of moment.checkpoints) if (isSigned(checkpoint)) this.#take(checkpoint);
    const awaited = this.#awaited;
    if (awaited === undefined) return [];
    awaited.before ??= moment.before;
    const missed = awaited.numbers.ranges;
    if (missed.length > 0 && !this.#isOver(awaited, awaited.before, moment)) return [];
    this.#awaited = undefined;
    return missed;
  }

  #isOver(awaited: Awaited, before: number, moment: ChainMoment): boolean {
    if (this.#horizon >= before) return true;
    if (moment.ended < before || !moment.isWhole) return false;
    // Where there was nothing to link, no checkpoint was made either.
    if (awaited.overSince !== undefined && moment.checkpoints.length === 0)
      return moment.linkedAt > awaited.overSince;
    awaited.overSince = moment.time;
    return false;
  }

  #take(checkpoint: Checkpoint): void {
    const { position, records, transactions, batches } = statementOf(checkpoint);
    // An older program says nothing of rows; and what was archived meanwhile is not to be had.
    if (batches === undefined || position - records !== this.position) this.#forget();
    for (const range of batches?.[this.writer] ?? []) this.#tick(range);
    this.position = position;
    this.#horizon = transactions[1];
  }

  #tick([from, to]: NumberRange): void {
    this.#awaited?.numbers.deleteAll([from, to]);
    this.#written.deleteAll([from, to]);
    for (const number of this.#underWay.keys()) {
      if (number >= from && number <= to) this.#underWay.set(number, true);
    }
  }

  #beginAt(position: number): void {
    this.position = position;
    this.#horizon = -Infinity;
    this.#forget();
  }

  #forget(): void {
    this.#awaited = undefined;
    this.#written = new NumberRanges();
    for (const number of this.#underWay.keys()) this.#underWay.set(number, true);
  }
}
