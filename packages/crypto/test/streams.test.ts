import type { CryptoStream } from '@holdfast/core';
import { createStreams } from '../src/operations/streams';
import { codeOf } from './support';

const owner = { clientId: 'one', operation: 'Encrypt' };
const MINUTE_MS = 60_000;

function setUp() {
  const clock = { nowMs: 0 };
  const destroyed: string[] = [];
  const streams = createStreams(() => clock.nowMs);
  const open = (name: string, by = owner) => {
    const stream: CryptoStream = { destroy: () => void destroyed.push(name) };
    return streams.open(by, { stream, uniqueIdentifier: name });
  };
  return { clock, destroyed, streams, open };
}

test('a stream is found by its owner, for its operation, until it is closed', () => {
  const { streams, open, destroyed } = setUp();
  const value = open('a');
  expect(streams.find(owner, value).uniqueIdentifier).toBe('a');
  const others = [
    { ...owner, clientId: 'two' },
    { ...owner, operation: 'Decrypt' },
  ];
  for (const other of others)
    expect(codeOf(() => streams.find(other, value))).toBe('InvalidCorrelationValue');
  expect(codeOf(() => streams.find(owner, Buffer.alloc(16)))).toBe('InvalidCorrelationValue');
  streams.close(value);
  expect(destroyed).toEqual(['a']);
  expect(codeOf(() => streams.find(owner, value))).toBe('InvalidCorrelationValue');
});

test('a stream that was taken is nobody else’s, and not destroyed', () => {
  const { streams, open, destroyed } = setUp();
  const value = open('a');
  expect(codeOf(() => streams.take({ ...owner, clientId: 'two' }, value))).toBe('InvalidCorrelationValue');
  expect(streams.take(owner, value).uniqueIdentifier).toBe('a');
  expect(codeOf(() => streams.find(owner, value))).toBe('InvalidCorrelationValue');
  expect(destroyed).toEqual([]);
});

test('a stream that is not used for ten minutes is given up, the most idle first', () => {
  const { clock, streams, open, destroyed } = setUp();
  const [a, b] = [open('a'), open('b')];
  clock.nowMs = 6 * MINUTE_MS;
  streams.find(owner, a);
  clock.nowMs = 11 * MINUTE_MS;
  expect(streams.find(owner, a).uniqueIdentifier).toBe('a');
  expect(destroyed).toEqual(['b']);
  expect(codeOf(() => streams.find(owner, b))).toBe('InvalidCorrelationValue');
  clock.nowMs = 22 * MINUTE_MS;
  open('c');
  expect(destroyed).toEqual(['b', 'a']);
});

test('a client has 64 streams, all clients have 1024; one too many is destroyed at once', () => {
  const { clock, open, destroyed } = setUp();
  for (let count = 0; count < 64; count++) open('a');
  expect(codeOf(() => open('b'))).toBe('ServerLimitExceeded');
  for (let client = 1; client < 16; client++) {
    for (let count = 0; count < 64; count++) open('a', { ...owner, clientId: String(client) });
  }
  expect(codeOf(() => open('c', { ...owner, clientId: 'last' }))).toBe('ServerLimitExceeded');
  expect(destroyed).toEqual(['b', 'c']);
  clock.nowMs = 10 * MINUTE_MS;
  open('d');
  expect(destroyed).toHaveLength(2 + 1024);
});

test('a part runs once', () => {
  const { streams } = setUp();
  let runs = 0;
  const part = {};
  const run = () => streams.once(part, () => ++runs);
  expect([run(), run(), streams.once({}, () => ++runs)]).toEqual([1, 1, 2]);
});
