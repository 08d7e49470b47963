import type { PackedEntry } from '../records/audit-batch';
import { statementOf, type Checkpoint } from './checkpoint';
import type { NumberedRecords } from './records';

/** A checkpoint, and the records that it is over, in their order. */
export interface LinkedRecords {
  readonly checkpoint: Checkpoint;
  readonly entries: readonly PackedEntry[];
}

/** What is read together, but for what one checkpoint alone is over. */
const MAX_CHECKPOINTS = 200;
const MAX_RECORDS = 1000;

/**
 * Checkpoints, each with what it is over. While there is little to record a checkpoint is over a record or two: what
 * neighbours are over is read with one statement.
 * @param checkpoints in either order
 * @param read the records of the transactions from one number to before another
 */
export async function* withRecords(
  checkpoints: AsyncIterable<Checkpoint>,
  read: (from: number, to: number) => Promise<NumberedRecords>,
): AsyncGenerator<LinkedRecords> {
  let together: Checkpoint[] = [];
  let records = 0;
  for await (const checkpoint of checkpoints) {
    const { records: further } = statementOf(checkpoint);
    const last = together.at(-1);
    const isFull = together.length === MAX_CHECKPOINTS || records + further > MAX_RECORDS;
    if (last !== undefined && (isFull || !areNeighbours(last, checkpoint))) {
      yield* await recordsOfEach(together, read);
      [together, records] = [[], 0];
    }
    together.push(checkpoint);
    records += further;
  }
  yield* await recordsOfEach(together, read);
}

async function recordsOfEach(
  checkpoints: readonly Checkpoint[],
  read: (from: number, to: number) => Promise<NumberedRecords>,
): Promise<readonly LinkedRecords[]> {
  if (checkpoints.length === 0) return [];
  const ranges = checkpoints.map((checkpoint) => ({
    checkpoint,
    range: statementOf(checkpoint).transactions,
  }));
  const begin = Math.min(...ranges.map(({ range: [from] }) => from));
  const end = Math.max(...ranges.map(({ range: [, to] }) => to));
  const { entries, numbers } = await read(begin, end);
  return ranges.map(({ checkpoint, range: [from, to] }) => {
    const isOver = (number = NaN): boolean => number >= from && number < to;
    return { checkpoint, entries: entries.filter((_, index) => isOver(numbers[index])) };
  });
}

/** Whether one of them begins with the transaction before which the other ends. */
function areNeighbours(one: Checkpoint, other: Checkpoint): boolean {
  const [from, to] = statementOf(one).transactions;
  const [otherFrom, otherTo] = statementOf(other).transactions;
  return to === otherFrom || otherTo === from;
}
