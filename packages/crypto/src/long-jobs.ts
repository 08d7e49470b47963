import type { Asker } from '@holdfast/core';
import { HoldfastError } from '@holdfast/ttlv';
import { givenUp } from './operations/refusals';

/** At most this many long jobs at once, of the four threads that node:crypto shares with files and name look-ups. */
const MAX_CONCURRENT_JOBS = 2;

const SERVER: Asker = { principalId: '', signal: undefined };

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Lets at most `limit` of the works run at once: in the order of their asking, and in turn where several ask, so that nobody
 * waits for all that somebody else asks for.
 * @param perLine how many of them may be of the same asker
 * @param maxWaiting how many more of the same asker may wait
 * @returns runs work on behalf of somebody, left out: of the server, for which there is no bound of its own; it throws HoldfastError
 *   ServerLimitExceeded where too many wait, and OperationCanceledByRequester where nobody waits any more before it has begun
 */
export function createTurns(
  limit: number,
  { perLine = limit, maxWaiting = Number.POSITIVE_INFINITY } = {},
): <T>(work: () => Promise<T>, asker?: Asker) => Promise<T> {
  let running = 0;
  const lines = new Map<string, Line>();
  const begin = (): void => {
    for (const [whom, line] of lines) {
      if (running >= limit) return;
      const next = line.running < (whom === '' ? limit : perLine) ? line.waiting.shift() : undefined;
      if (next === undefined) continue;
      running++;
      line.running++;
      // It comes after the others.
      lines.delete(whom);
      lines.set(whom, line);
      next();
    }
  };
  const leave = (whom: string, line: Line): void => {
    if (line.running === 0 && line.waiting.length === 0) lines.delete(whom);
  };
  return async (work, { principalId: whom, signal } = SERVER) => {
    if (signal?.aborted === true) throw givenUp();
    const line = lines.get(whom) ?? { running: 0, waiting: [] };
    if (whom !== '' && line.waiting.length >= maxWaiting)
      throw new HoldfastError('ServerLimitExceeded', 'too much of this kind is waiting for the same client');
    lines.set(whom, line);
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        line.waiting.splice(line.waiting.indexOf(take), 1);
        leave(whom, line);
        reject(givenUp());
      };
      const take = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      line.waiting.push(take);
      begin();
    });
    try {
      return await work();
    } finally {
      running--;
      line.running--;
      leave(whom, line);
      begin();
    }
  };
}

/** Runs work that keeps a thread busy for long (searching for primes, PBKDF2) when it is its turn in this process. */
export const inLongJobTurn = createTurns(MAX_CONCURRENT_JOBS);
