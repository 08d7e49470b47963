import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Lets others have the event loop during long work.
 * @param longTurnMs how long to compute before that
 * @returns to be called between pieces of the work, and to be awaited where it returns something: where it does not, the work
 *   waits for nothing, and nobody else gets a turn
 */
export function pauses(longTurnMs: number): () => Promise<void> | undefined {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs <= longTurnMs) return undefined;
    return nextTurn().then(() => {
      sinceMs = performance.now();
    });
  };
}
