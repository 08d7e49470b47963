import type { KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { failure } from './refusals';
import type { RsaJob, RsaResult } from './rsa-thread';

/**
 * Private RSA operations take from half a millisecond (2048 bits) to thirty (8192): they run on threads of their own, so
 * that the event loop serves others meanwhile. Node has no asynchronous form of them.
 */

/** The compiled thread, also where this file runs uncompiled. */
const THREAD = resolve(__dirname, '../../dist/operations/rsa-thread.js');
const MAX_THREADS = 2;

interface Pending {
  readonly resolve: (output: Buffer) => void;
  readonly reject: (error: Error) => void;
}

class RsaThread {
  readonly #worker = new Worker(THREAD);
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(private readonly onEnd: (thread: RsaThread) => void) {
    this.#worker.unref();
    this.#worker.on('message', ({ id, output }: RsaResult) => {
      const pending = this.#pending.get(id);
      this.#settled(id);
      if (output === undefined) pending?.reject(failure('the data is none that this key takes'));
      else pending?.resolve(Buffer.from(output.buffer, output.byteOffset, output.byteLength));
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

  compute(use: RsaJob['use'], key: KeyObject, input: Buffer): Promise<Buffer> {
    return new Promise((resolveOutput, reject) => {
      const id = ++this.#lastId;
      // A process with work in hand does not end; one without is not kept by idle threads.
      this.#worker.ref();
      this.#pending.set(id, { resolve: resolveOutput, reject });
      this.#worker.postMessage({ id, use, key, input } satisfies RsaJob);
    });
  }

  #settled(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
  }

  #end(cause?: Error): void {
    this.onEnd(this);
    for (const { reject } of this.#pending.values()) reject(failure('the thread of RSA has ended', cause));
    this.#pending.clear();
  }
}

const threads: RsaThread[] = [];

/** The thread with the least to do; a further one is started while all have something, up to the bound. */
function freeThread(): RsaThread {
  const [best] = [...threads].sort((one, other) => one.load - other.load);
  const isEnough = threads.length >= Math.min(MAX_THREADS, availableParallelism());
  if (best !== undefined && (best.load === 0 || isEnough)) return best;
  const thread = new RsaThread((ended) => {
    const index = threads.indexOf(ended);
    if (index !== -1) threads.splice(index, 1);
  });
  threads.push(thread);
  return thread;
}

/**
 * RSASP1 or RSADP of an input as long as the modulus (RFC 8017 section 5), computed by OpenSSL with blinding.
 * @throws HoldfastError CryptographicFailure
 */
export function rsaPrivate(use: RsaJob['use'], key: KeyObject, input: Buffer): Promise<Buffer> {
  return freeThread().compute(use, key, input);
}
