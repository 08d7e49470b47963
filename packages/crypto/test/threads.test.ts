import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';
import { createTurns } from '../src/long-jobs';
import { THREADS, Threads } from '../src/operations/threads';

/** Answers with the memory around the bytes that it is sent; ends where there are none. */
const SCRIPT = `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ id, job }) => {
  if (job.bytes.length === 0) process.exit(1);
  const fault = Buffer.from(job.bytes).toString() === 'broken' ? 'a fault' : undefined;
  const output = job.isRefused || fault ? undefined : new Uint8Array(job.bytes.buffer);
  parentPort.postMessage({ id, output, fault });
});`;

interface Job {
  readonly isRefused: boolean;
  readonly bytes: Buffer;
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-threads-'));
const script = join(folder, 'thread.js');
writeFileSync(script, SCRIPT);
afterAll(() => rmSync(folder, { recursive: true }));

const threads = new Threads<Job, Uint8Array>(script);
const run = (text: string, isRefused = false): Promise<Uint8Array> =>
  threads.run({ isRefused, bytes: Buffer.from(text) });
const outcome = (work: Promise<Uint8Array | string>): Promise<unknown> =>
  work.then(
    (bytes) => Buffer.from(bytes).toString(),
    (error: unknown) => (error instanceof HoldfastError ? error.code : error),
  );

test('a thread gets the bytes that it is sent, and not what lies beside them in memory', async () => {
  const around = Buffer.from('a secret, the message, another secret');
  const bytes = around.subarray(10, 21);
  expect(await outcome(threads.run({ isRefused: false, bytes }))).toBe('the message');
  expect(around.toString()).toBe('a secret, the message, another secret');
});

test("what a thread refuses is a failure, a fault of its own is the server's, and it goes on", async () => {
  expect(await outcome(run('refused', true))).toBe('CryptographicFailure');
  expect(await outcome(run('broken'))).toBe('InternalServerError');
  expect(await outcome(run('taken'))).toBe('taken');
});

test('what waited for a thread that ends has failed; another one takes what comes next', async () => {
  const outcomes = ['', 'behind', '', 'behind'].map((text) => outcome(run(text)));
  expect(await Promise.all(outcomes)).toContain('InternalServerError');
  expect(await outcome(run('after'))).toBe('after');
});

describe('what nobody waits for any more', () => {
  /** Answers, where it is not to think for ever. */
  const thinker = join(folder, 'thinker.js');
  writeFileSync(
    thinker,
    `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ id, job: { bytes } }) => {
      if (bytes.length > 0) for (;;);
      parentPort.postMessage({ id, output: new Uint8Array(1) });
    });`,
  );

  test('is computed no longer: its thread ends, and another one takes what comes next', async () => {
    const thinking = new Threads<Pick<Job, 'bytes'>, Uint8Array>(thinker);
    const leaving = new AbortController();
    const forEver = Array.from({ length: THREADS }, () =>
      outcome(thinking.run({ bytes: Buffer.of(1) }, leaving.signal)),
    );
    leaving.abort();
    expect(new Set(await Promise.all(forEver))).toEqual(new Set(['OperationCanceledByRequester']));
    expect(await outcome(thinking.run({ bytes: Buffer.alloc(0) }))).toBe('\0');
  });

  test('ends no thread that computes for others too', async () => {
    const leaving = new AbortController();
    const jobs = Array.from({ length: 2 * THREADS }, (_, n) =>
      outcome(
        threads.run(
          { isRefused: false, bytes: Buffer.from(String(n)) },
          n < THREADS ? leaving.signal : undefined,
        ),
      ),
    );
    leaving.abort();
    const [gone, rest] = [jobs.slice(0, THREADS), jobs.slice(THREADS)];
    expect(new Set(await Promise.all(gone))).toEqual(new Set(['OperationCanceledByRequester']));
    expect(await Promise.all(rest)).toEqual(rest.map((_, n) => String(THREADS + n)));
  });
});

describe('turns', () => {
  const settled = () => new Promise(setImmediate);

  /** Works that end when they are told to. */
  function works(inTurn: ReturnType<typeof createTurns>) {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    return {
      begun,
      end: async (name: string) => {
        ends.get(name)?.();
        await settled();
      },
      start: (name: string, principalId: string, signal?: AbortSignal) =>
        outcome(
          inTurn(
            () => {
              begun.push(name);
              return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
            },
            { principalId, signal },
          ),
        ),
    };
  }

  test('go round among those who wait, of whom none has all at once', async () => {
    const { begun, start, end } = works(createTurns(2, { perLine: 1 }));
    for (const name of ['a1', 'a2', 'a3']) void start(name, 'a');
    for (const name of ['b1', 'b2']) void start(name, 'b');
    await settled();
    expect(begun).toEqual(['a1', 'b1']);
    void start('c1', 'c');
    await end('a1');
    await end('b1');
    expect(begun).toEqual(['a1', 'b1', 'a2', 'b2']);
    await end('a2');
    await end('b2');
    expect([...begun].sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'c1']);
    await end('a3');
    await end('c1');
  });

  test('are not waited for by more than a few of one asker', async () => {
    const { begun, start, end } = works(createTurns(1, { maxWaiting: 2 }));
    const first = ['a1', 'a2', 'a3'].map((name) => start(name, 'a'));
    expect(await start('a4', 'a')).toBe('ServerLimitExceeded');
    const other = start('b1', 'b');
    for (const name of ['a1', 'a2', 'b1', 'a3']) await end(name);
    expect(await Promise.all([...first, other])).toEqual(['a1', 'a2', 'a3', 'b1']);
    expect(begun).toHaveLength(4);
  });

  test('are given up by who has gone', async () => {
    const { begun, start, end } = works(createTurns(1, { maxWaiting: 1 }));
    const leaving = new AbortController();
    const first = start('a1', 'a', leaving.signal);
    const waiting = start('a2', 'a', leaving.signal);
    await settled();
    leaving.abort();
    expect(await waiting).toBe('OperationCanceledByRequester');
    expect(await start('a3', 'a', leaving.signal)).toBe('OperationCanceledByRequester');
    // There is room again.
    const last = start('a4', 'a');
    for (const name of ['a1', 'a4']) await end(name);
    expect(await Promise.all([first, last])).toEqual(['a1', 'a4']);
    expect(begun).toEqual(['a1', 'a4']);
  });
});
