import { HoldfastError } from '@holdfast/ttlv';

/** At most this many long jobs at once, of the four threads that node:crypto shares with files and name look-ups. */
const MAX_CONCURRENT_JOBS = 2;

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Lets at most `limit` of the works run at once: in the order of their asking, and in turn where several ask, so that nobody
 * waits for all that somebody else asks for.
 * @param perLine how many of them may be of the same asker
 * @param maxWaiting how many more of the same asker may wait
 * @returns runs work on behalf of `whom`, left out: of the server, for which there is no bound of its own; it throws HoldfastError ServerLimitExceeded where too many wait
 */
export function createTurns(
  limit: number,
  { perLine = limit, maxWaiting = Number.POSITIVE_INFINITY } = {},
): <T>(work: () => Promise<T>, whom?: string) => Promise<T> {
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
  return async (work, whom = '') => {
    const line = lines.get(whom) ?? { running: 0, waiting: [] };
    if (whom !== '' && line.waiting.length >= maxWaiting)
      throw new HoldfastError('ServerLimitExceeded', 'too much of this kind is waiting for the same client');
    lines.set(whom, line);
    await new Promise<void>((resolve) => {
      line.waiting.push(resolve);
      begin();
    });
    try {
      return await work();
    } finally {
      running--;
      line.running--;
      if (line.running === 0 && line.waiting.length === 0) lines.delete(whom);
      begin();
    }
  };
}

/** Runs work that keeps a thread busy for long (searching for primes, PBKDF2) when it is its turn in this process. */
export const inLongJobTurn = createTurns(MAX_CONCURRENT_JOBS);
