import { setImmediate as turn } from 'node:timers/promises';
import { Batcher, type BatcherOptions } from '../src/postgres/batcher';

// The clock stands still, so that a busy machine makes nobody impatient; the turns of the event loop are real.
beforeEach(() =>
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] }),
);
afterEach(() => jest.useRealTimers());

/** A batcher whose batches end when told to. */
function controlled(options: BatcherOptions): {
  readonly batcher: Batcher<number>;
  readonly batches: readonly number[][];
  readonly end: (batch: number) => void;
} {
  const batches: number[][] = [];
  const ends: (() => void)[] = [];
  const batcher = new Batcher<number>((items) => {
    batches.push(items);
    return new Promise((resolve) => ends.push(resolve));
  }, options);
  return { batcher, batches, end: (batch) => ends[batch]?.() };
}

async function turns(): Promise<void> {
  for (let count = 0; count < 5; count++) await turn();
}

function addAll(batcher: Batcher<number>, from: number, to: number): void {
  for (let item = from; item < to; item++) batcher.add(item);
}

test('those who were answered together are waited for as long as each turn of the event loop brings more', async () => {
  const { batcher, batches, end } = controlled({ concurrency: 1, maxItems: 64 });
  addAll(batcher, 0, 10);
  await turns();
  end(0);
  addAll(batcher, 10, 12);
  for (let item = 12; item < 15; item++) {
    await turn();
    batcher.add(item);
  }
  await turns();
  batcher.add(15);
  await turns();
  expect(batches.slice(1)).toEqual([[10, 11, 12, 13, 14]]);
});

test('what arrives while a batch is under way forms the next', async () => {
  const { batcher, batches, end } = controlled({ concurrency: 1, maxItems: 64 });
  batcher.add(0);
  await turns();
  addAll(batcher, 1, 6);
  await turns();
  expect(batches).toEqual([[0]]);
  end(0);
  await turns();
  expect(batches).toEqual([[0], [1, 2, 3, 4, 5]]);
});

test('two batches at once share the items equally', async () => {
  const { batcher, batches, end } = controlled({ concurrency: 2, atOnce: 2, maxItems: 64 });
  addAll(batcher, 0, 16);
  await turns();
  expect(batches.map(({ length }) => length)).toEqual([8, 8]);
  end(0);
  addAll(batcher, 16, 23);
  await turns();
  expect(batches).toHaveLength(2);
  batcher.add(23);
  await turns();
  expect(batches.map(({ length }) => length)).toEqual([8, 8, 8]);
});

test('few items are not shared out', async () => {
  const { batcher, batches, end } = controlled({ concurrency: 2, atOnce: 2, minShare: 4, maxItems: 64 });
  addAll(batcher, 0, 6);
  await turns();
  end(0);
  addAll(batcher, 6, 14);
  await turns();
  expect(batches.map(({ length }) => length)).toEqual([6, 4, 4]);
});

test('no batch is larger than it may be', async () => {
  const { batcher, batches, end } = controlled({ concurrency: 1, maxItems: 10 });
  addAll(batcher, 0, 25);
  for (const batch of [0, 1, 2]) {
    await turns();
    end(batch);
  }
  await turns();
  expect(batches.map(({ length }) => length)).toEqual([10, 10, 5]);
});

test('a batch that takes long holds nobody up', async () => {
  const { batcher, batches } = controlled({ concurrency: 2, maxItems: 64 });
  batcher.add(0);
  await turns();
  batcher.add(1);
  await turns();
  expect(batches).toEqual([[0]]);
  jest.advanceTimersByTime(5);
  expect(batches).toEqual([[0], [1]]);
});
