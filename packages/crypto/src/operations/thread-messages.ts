import { parentPort, type MessagePort, type Worker } from 'node:worker_threads';

/** What a thread is asked. */
export interface ThreadJob<J> {
  readonly id: number;
  readonly job: J;
}

export interface ThreadResult<R> {
  readonly id: number;
  /** Undefined where the thread refuses the job, or fails at it. */
  readonly output: R | undefined;
  /** What failed, where that is none of the data's doing. */
  readonly fault?: string | undefined;
}

/**
 * Sends a message whose bytes become the receiver's, who has to zero them. They are copies that lie alone: of bytes as they
 * are, a message copies all of the memory that they lie in, with whatever secrets there are beside them.
 */
export function post<M>(to: Worker | MessagePort, message: M): void {
  const memory: ArrayBuffer[] = [];
  to.postMessage(withOwnBytes(message, memory), memory);
}

/** Goes through lists and plain objects; what else there is, such as a KeyObject, stays as it is. */
function withOwnBytes(part: unknown, memory: ArrayBuffer[]): unknown {
  if (part instanceof Uint8Array) {
    const copy = new Uint8Array(part);
    memory.push(copy.buffer);
    return copy;
  }
  if (Array.isArray(part)) return part.map((each) => withOwnBytes(each, memory));
  if (typeof part !== 'object' || part === null || Object.getPrototypeOf(part) !== Object.prototype)
    return part;
  return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, withOwnBytes(each, memory)]));
}

/** Answers the jobs of this thread one after the other. What of a job is secret is zeroed then, as is the result. */
export function answerJobs<J>(
  compute: (job: J) => Buffer | undefined,
  secretOf: (job: J) => Uint8Array,
): void {
  const port = parentPort;
  port?.on('message', ({ id, job }: ThreadJob<J>) => {
    const output = compute(job);
    post<ThreadResult<Uint8Array>>(port, { id, output });
    secretOf(job).fill(0);
    output?.fill(0);
  });
}
