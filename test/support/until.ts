import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `condition` holds; rejects when that takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not come to be that ${what}`);
    await delay(10);
  }
}
