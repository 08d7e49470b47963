import { setTimeout as delay } from 'node:timers/promises';

/** Between two looks: a tenth of what was waited so far, within these bounds. To look costs as much as what is waited for. */
const [LEAST_MS, MOST_MS] = [10, 250];

/** Resolves once `condition` holds; rejects when that takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 120_000,
): Promise<void> {
  const from = Date.now();
  while (!(await condition())) {
    const waitedMs = Date.now() - from;
    if (waitedMs > timeoutMs) throw new Error(`it did not come to be that ${what}`);
    await delay(Math.min(Math.max(waitedMs / 10, LEAST_MS), MOST_MS));
  }
}
