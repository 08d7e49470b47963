import { randomBytes } from 'node:crypto';
import type { CryptoStream, CryptoStreams, OpenStream, StreamOwner } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';

/** Of one client, and of all: a stream holds at most what `HeldBytes` allows. */
const MAX_STREAMS_PER_CLIENT = 64;
const MAX_STREAMS = 1024;
/** A stream that got no part for so long is given up. */
const IDLE_TIME_MS = 10 * 60 * 1000;
const CORRELATION_VALUE_LENGTH_BYTES = 16;

interface Entry extends OpenStream<CryptoStream> {
  readonly owner: StreamOwner;
  usedAtMs: number;
}

/**
 * The open streams of this process.
 * @param nowMs a clock that only goes forward, in milliseconds
 */
export function createStreams(nowMs: () => number = () => performance.now()): CryptoStreams {
  // In the order of their last use.
  const entries = new Map<string, Entry>();
  const answers = new WeakMap<object, { readonly answer: unknown }>();

  function drop(name: string): void {
    entries.get(name)?.stream.destroy();
    entries.delete(name);
  }
  function dropIdle(): void {
    const oldest = nowMs() - IDLE_TIME_MS;
    for (const [name, { usedAtMs }] of entries) {
      if (usedAtMs > oldest) return;
      drop(name);
    }
  }
  function countOf(clientId: string): number {
    let count = 0;
    for (const { owner } of entries.values()) if (owner.clientId === clientId) count++;
    return count;
  }

  function take(owner: StreamOwner, correlationValue: Buffer): Entry {
    dropIdle();
    const name = correlationValue.toString('hex');
    const entry = entries.get(name);
    if (entry?.owner.clientId !== owner.clientId || entry.owner.operation !== owner.operation) {
      throw new HoldfastError('InvalidCorrelationValue', 'no such operation by parts is open');
    }
    entries.delete(name);
    return entry;
  }

  return {
    open(owner, open) {
      dropIdle();
      if (entries.size >= MAX_STREAMS || countOf(owner.clientId) >= MAX_STREAMS_PER_CLIENT) {
        open.stream.destroy();
        throw new HoldfastError('ServerLimitExceeded', 'too many operations by parts are open: finish some');
      }
      const correlationValue = randomBytes(CORRELATION_VALUE_LENGTH_BYTES);
      entries.set(correlationValue.toString('hex'), { ...open, owner, usedAtMs: nowMs() });
      return correlationValue;
    },
    find(owner, correlationValue) {
      const entry = take(owner, correlationValue);
      entry.usedAtMs = nowMs();
      entries.set(correlationValue.toString('hex'), entry);
      return entry;
    },
    take,
    close: (correlationValue) => drop(correlationValue.toString('hex')),
    once<T>(part: object, work: () => T): T {
      const before = answers.get(part);
      if (before !== undefined) return before.answer as T;
      const answer = work();
      answers.set(part, { answer });
      return answer;
    },
  };
}
