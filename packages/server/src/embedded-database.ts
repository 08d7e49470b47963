import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@holdfast/store';
import { describeError, type Logger } from './log';

/** Before the second attempt in a row to start it; doubled for each further one, up to the longest. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** One that ran for this long is started again without a pause. */
const STEADY_MS = 1_000;

/** The embedded PostgreSQL of a node. Whenever it ends by itself it is started again, for as long as that takes. */
export class EmbeddedDatabase {
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>;

  private constructor(
    private readonly dataDir: string,
    private readonly log: Logger,
    private running: EmbeddedPostgres,
  ) {
    this.#kept = this.#keep();
  }

  /** @throws HoldfastError Configuration, StoreUnavailable where the first start fails */
  static async start(dataDir: string, log: Logger): Promise<EmbeddedDatabase> {
    return new EmbeddedDatabase(dataDir, log, await startPostgres(dataDir, log));
  }

  /** Holds for every server that is started in the place of one that ended. */
  get connection(): EmbeddedPostgres['connection'] {
    return this.running.connection;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#kept;
    await this.running.stop();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    const stopping = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined));
    });
    let pauseMs = 0;
    for (;;) {
      const readyAtMs = Date.now();
      const end = await Promise.race([this.running.exited, stopping]);
      if (end === undefined || signal.aborted) return;
      this.log.error({ reason: end.reason }, 'the embedded PostgreSQL ended; it is started again');
      if (Date.now() - readyAtMs > STEADY_MS) pauseMs = 0;
      while (!signal.aborted) {
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
        pauseMs = Math.min(Math.max(pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
        if (await this.#startAgain()) break;
      }
    }
  }

  /** A disk that is full, say, may have room again a little later: until then requests are answered with errors. */
  async #startAgain(): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false;
    try {
      this.running = await startPostgres(this.dataDir, this.log);
      return true;
    } catch (error) {
      this.log.error(
        { error: describeError(error) },
        'the embedded PostgreSQL cannot be started; it is tried again',
      );
      return false;
    }
  }
}

function startPostgres(dataDir: string, log: Logger): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir,
    log: (level, message) => log[level]({ component: 'postgresql' }, message),
  });
}
