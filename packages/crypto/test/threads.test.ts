import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/ttlv';
import { Threads } from '../src/operations/threads';

/** Answers with the memory around the bytes that it is sent; ends where there are none. */
const SCRIPT = `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ id, job }) => {
  if (job.bytes.length === 0) process.exit(1);
  const output = job.isRefused ? undefined : new Uint8Array(job.bytes.buffer);
  parentPort.postMessage({ id, output });
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
const outcome = (work: Promise<Uint8Array>): Promise<unknown> =>
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

test('what a thread refuses is a failure, and it goes on', async () => {
  expect(await outcome(run('refused', true))).toBe('CryptographicFailure');
  expect(await outcome(run('taken'))).toBe('taken');
});

test('what waited for a thread that ends has failed; another one takes what comes next', async () => {
  const outcomes = ['', 'behind', '', 'behind'].map((text) => outcome(run(text)));
  expect(await Promise.all(outcomes)).toContain('CryptographicFailure');
  expect(await outcome(run('after'))).toBe('after');
});
