import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HoldfastError } from '@holdfast/ttlv';
import { failure, givenUp } from './refusals';
import { post, type ThreadJob, type ThreadResult } from './thread-messages';

/** Threads for computations that Node has no asynchronous form of, so that the event loop serves others meanwhile. */

/** Of one script, at most. */
export const THREADS = Math.min(2, availableParallelism());

interface Pending<R> {
  readonly resolve: (output: R) => void;
  readonly reject: (error: Error) => void;
}

class Thread<J, R> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending<R>>();
  #lastId = 0;

  constructor(
    script: string,
    private readonly onEnd: (thread: Thread<J, R>) => void,
  ) {
    this.#worker = new Worker(script);
    this.#worker.unref();
    this.#worker.on('message', ({ id, output, fault }: ThreadResult<R>) => {
      const pending = this.#pending.get(id);
      this.#settled(id);
      if (fault !== undefined) pending?.reject(broken(fault));
      else if (output === undefined) pending?.reject(failure('the data is none that this key takes'));
      else pending?.resolve(output);
    });
    this.#worker.on('error', (cause) => {
      this.#end(cause);
    });
    this.#worker.on('exit', () => {
      this.#end();
    });
  }

  get load(): number {
    return this.#pending.size;
  }

  async run(job: J, signal?: AbortSignal): Promise<R> {
    const id = ++this.#lastId;
    const giveUp = (): void => this.#giveUp(id);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        // A process with work in hand does not end; one without is not kept by idle threads.
        this.#worker.ref();
        this.#pending.set(id, { resolve, reject });
        post<ThreadJob<J>>(this.#worker, { id, job });
      });
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** A computation cannot be stopped but with its thread, which goes on where it has others to do. */
  #giveUp(id: number): void {
    this.#pending.get(id)?.reject(givenUp());
    this.#settled(id);
    if (this.#pending.size > 0) return;
    this.#end();
    void this.#worker.terminate();
  }

  #settled(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
  }

  #end(cause?: Error): void {
    this.onEnd(this);
    for (const { reject } of this.#pending.values()) reject(broken('it has ended', cause));
    this.#pending.clear();
  }
}

/** A few threads that run the same script. */
export class Threads<J, R> {
  readonly #threads: Thread<J, R>[] = [];

  /** @param script the compiled one */
  constructor(private readonly script: string) {}

  /**
   * @param signal aborts once nobody waits for the output
   * @throws HoldfastError CryptographicFailure where the thread refuses the job, InternalServerError where it fails or ends,
   *   OperationCanceledByRequester
   */
  run(job: J, signal?: AbortSignal): Promise<R> {
    return this.#free().run(job, signal);
  }

  /** The thread with the least to do; a further one is started while all have something, up to the bound. */
  #free(): Thread<J, R> {
    const threads = this.#threads;
    const [best] = [...threads].sort((one, other) => one.load - other.load);
    const isEnough = threads.length >= THREADS;
    if (best !== undefined && (best.load === 0 || isEnough)) return best;
    const thread = new Thread<J, R>(this.script, (ended) => {
      const index = threads.indexOf(ended);
      if (index !== -1) threads.splice(index, 1);
    });
    threads.push(thread);
    return thread;
  }
}

/** The fault is ours, not that of the data. */
function broken(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('InternalServerError', `a thread that computes with keys failed: ${what}`, {
    cause,
  });
}
