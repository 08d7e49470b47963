import { setMaxListeners } from 'node:events';

/**
 * Has something done once a signal aborts, which may be that of any number of calls at once.
 * @returns to be called when it is to be done no more
 */
export function onAbort(signal: AbortSignal | undefined, aborted: () => void): () => void {
  if (signal === undefined) return () => undefined;
  // Node.js warns of a leak from the eleventh listener on.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', aborted);
  return () => signal.removeEventListener('abort', aborted);
}

/** What the promise comes to; the signal's reason, where it aborts before. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => (stop = onAbort(signal, resolve)));
  await Promise.race([promise, aborted]).finally(stop);
  signal.throwIfAborted();
  return promise;
}
