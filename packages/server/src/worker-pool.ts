import cluster, { type Worker } from 'node:cluster';
import { join } from 'node:path';
import { HoldfastError, SecretBytes, type ErrorCode, type HsmKeys } from '@holdfast/core';
import type { StoreOptions } from '@holdfast/store';
import type { NodeConfig } from './config';
import { describeError, type Logger } from './log';
import type { Serving, ServingAddresses } from './node';
import type { KeyWrapper } from './root-keys';
import type { ToKeeper, ToWorker } from './worker-protocol';

/** A worker that lived shorter than this ended for a reason that a new one would share: it comes back later. */
const SHORT_LIFE_MS = 2000;
const CONNECTIONS_ANSWER_MS = 1000;
/** What a worker needs to stop beside the time that requests in hand have. */
const STOP_GRACE_MS = 5000;

/**
 * Serving in several processes. The keeper holds the root keys: workers send it wrapped domain keys and get them
 * back unwrapped, so that one which is started again needs nobody.
 */
export class WorkerPool implements Serving {
  readonly #workers = new Set<Worker>();
  /** Those of them that have started to serve. */
  readonly #serving = new Set<Worker>();
  #stopping = false;
  #nextQuestion = 0;
  readonly #counts = new Map<number, (count: number) => void>();
  /** By worker, of those that have ended, too: what is lost stays lost. */
  readonly #lostRows = new Map<number, number>();

  constructor(
    private readonly config: NodeConfig,
    private readonly connection: StoreOptions['connection'],
    private readonly root: KeyWrapper,
    private readonly log: Logger,
    private readonly hsmKeys: HsmKeys | undefined,
  ) {
    // Each worker accepts for itself. Handed out by the keeper in turn, a connection that goes to a worker which is just
    // ending would be lost: neither answered nor closed.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ exec: join(__dirname, 'worker.js'), args: [], serialization: 'advanced' });
  }

  async listen(): Promise<ServingAddresses> {
    const [first] = await Promise.all(Array.from({ length: this.config.workers }, () => this.#start()));
    return first as ServingAddresses;
  }

  get processes(): number {
    return this.#serving.size;
  }

  get lostRows(): number {
    return [...this.#lostRows.values()].reduce((sum, rows) => sum + rows, 0);
  }

  async connections(): Promise<number> {
    const counts = await Promise.all([...this.#serving].map((worker) => this.#countOf(worker)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      [...this.#workers].map(
        (worker) =>
          new Promise<void>((resolve) => {
            // It holds keys: one that hangs is ended all the same.
            const force = setTimeout(() => worker.process.kill('SIGKILL'), this.#stopTimeoutMs);
            worker.once('exit', () => {
              clearTimeout(force);
              resolve();
            });
            send(worker, { kind: 'stop' });
          }),
      ),
    );
  }

  get #stopTimeoutMs(): number {
    return this.config.limits.drainTimeoutMs + STOP_GRACE_MS;
  }

  #countOf(worker: Worker): Promise<number> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      const settle = (count: number): void => {
        clearTimeout(timer);
        this.#counts.delete(id);
        resolve(count);
      };
      const timer = setTimeout(() => settle(0), CONNECTIONS_ANSWER_MS);
      this.#counts.set(id, settle);
      send(worker, { kind: 'connections', id });
    });
  }

  #start(): Promise<ServingAddresses> {
    const worker = cluster.fork();
    const startedAtMs = Date.now();
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: ToKeeper) => {
        switch (message.kind) {
          case 'started':
            send(worker, { kind: 'listen' });
            break;
          case 'listening':
            this.#serving.add(worker);
            resolve(message.addresses);
            break;
          case 'failed':
            reject(new HoldfastError(message.code as ErrorCode, message.message));
            break;
          case 'connections':
            this.#counts.get(message.id)?.(message.count);
            break;
          case 'lost':
            if (message.rows > 0) this.#lostRows.set(worker.id, message.rows);
            break;
          case 'root':
            void this.#useRoot(worker, message);
            break;
          case 'hsm':
            void this.#useHsm(worker, message);
        }
      });
      // One that dies while it is told something: its exit follows.
      worker.on('error', (error: Error) =>
        this.log.debug({ workerPid: worker.process.pid, error: describeError(error) }, 'a worker is gone'),
      );
      worker.on('exit', (code, signal) => {
        this.#workers.delete(worker);
        this.#serving.delete(worker);
        if (this.#stopping) return;
        reject(new HoldfastError('Configuration', 'a worker process ended while it started'));
        this.log.error(
          { workerPid: worker.process.pid, code, signal },
          'a worker ended; another one is started',
        );
        const delayMs = Date.now() - startedAtMs < SHORT_LIFE_MS ? SHORT_LIFE_MS : 0;
        setTimeout(() => {
          if (!this.#stopping)
            this.#start().catch((error: unknown) =>
              this.log.error({ error: describeError(error) }, 'a worker cannot be started'),
            );
        }, delayMs);
      });
      send(worker, {
        kind: 'start',
        config: this.config,
        connection: this.connection,
        hasHsm: this.hsmKeys !== undefined,
      });
    });
  }

  async #useRoot(worker: Worker, question: Extract<ToKeeper, { kind: 'root' }>): Promise<void> {
    const { id } = question;
    const aad = Buffer.from(question.aad);
    try {
      if (question.call === 'wrap') {
        const key = new SecretBytes(viewOf(question.bytes));
        const wrappings = await this.root.wrap(key, aad).finally(() => key.destroy());
        send(worker, { kind: 'root', id, wrappings });
        return;
      }
      const wrappings = question.wrappings.map(({ root, wrapped }) => ({
        root,
        wrapped: Buffer.from(wrapped),
      }));
      const key = await this.root.unwrap(wrappings, aad);
      send(worker, { kind: 'root', id, bytes: key.reveal() }, () => key.destroy());
    } catch (error) {
      const code = error instanceof HoldfastError ? error.code : 'RootOfTrustUnavailable';
      send(worker, { kind: 'root', id, error: [code, error instanceof Error ? error.message : 'failed'] });
    }
  }

  async #useHsm(worker: Worker, { id, call, input }: Extract<ToKeeper, { kind: 'hsm' }>): Promise<void> {
    try {
      if (this.hsmKeys === undefined) throw new HoldfastError('RootOfTrustUnavailable', 'there is no HSM');
      const output = await this.hsmKeys.request(call, input);
      send(worker, { kind: 'hsm', id, output }, () => {
        if (output instanceof Uint8Array) output.fill(0);
      });
    } catch (error) {
      const code = error instanceof HoldfastError ? error.code : 'RootOfTrustUnavailable';
      send(worker, { kind: 'hsm', id, error: [code, error instanceof Error ? error.message : 'failed'] });
    } finally {
      if (input !== undefined && 'bytes' in input) input.bytes.fill(0);
    }
  }
}

/** The same bytes, not a copy that nobody would zero. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Tells a worker something.
 * @param sent called once nothing of the message is needed any more: while a listening socket is on its way to the worker,
 *   messages wait behind it as they are, not as a copy
 */
export function send(worker: Worker, message: ToWorker, sent: () => void = () => undefined): void {
  if (worker.isConnected()) worker.send(message, sent);
  else sent();
}
