/** At most this many long jobs at once, of the four threads that node:crypto shares with files and name look-ups. */
const MAX_CONCURRENT_JOBS = 2;

/** Runs work that keeps a thread busy for long (searching for primes, PBKDF2) when it is its turn in this process. */
export const inLongJobTurn = createTurns(MAX_CONCURRENT_JOBS);

/** Lets at most `limit` of the works run at once, in the order of their asking. */
function createTurns(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
