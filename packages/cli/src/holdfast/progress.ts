import { setTimeout as delay } from 'node:timers/promises';

const ASK_EVERY_MS = 250;
const BAR_CELLS = 30;
/** Where nobody watches, this often at most a line says how far it is. */
const LINE_EVERY_MS = 5000;

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Of what, in the plural. */
  readonly what: string;
}

/**
 * Asks until something has ended, and shows on standard error how far it is: a terminal as a bar, else as lines.
 * @param ask what is asked
 * @param progressOf what to show of an answer; undefined where it has ended
 * @returns the last answer
 */
export async function followed<T>(
  ask: () => Promise<T>,
  progressOf: (answer: T) => Progress | undefined,
  first?: T,
): Promise<T> {
  const show = process.stderr.isTTY ? showBar : lineShower();
  try {
    let answer = first ?? (await ask());
    for (let progress = progressOf(answer); progress !== undefined; progress = progressOf(answer)) {
      show(progress);
      await delay(ASK_EVERY_MS);
      answer = await ask();
    }
    return answer;
  } finally {
    // What comes next, a failure too, has a line of its own.
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

function showBar({ done, total, what }: Progress): void {
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const filled = Math.round(share * BAR_CELLS);
  const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}`;
  process.stderr.write(`\r[${bar}] ${Math.floor(100 * share)} % of ${total} ${what}\x1b[K`);
}

function lineShower(): (progress: Progress) => void {
  let nextMs = Date.now() + LINE_EVERY_MS;
  return ({ done, total, what }) => {
    if (Date.now() < nextMs) return;
    nextMs = Date.now() + LINE_EVERY_MS;
    process.stderr.write(`${done} of ${total} ${what}\n`);
  };
}
