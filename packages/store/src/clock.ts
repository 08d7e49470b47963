import type { Clock } from '@holdfast/core';
import type { Database, StoreLog } from './postgres/database';

const INTERVAL_MS = 30_000;
/** Above this difference between the machine's clock and the database's, the log says so. */
const TOLERATED_SKEW_MS = 2_000;
/** An answer that took longer says too little of when it was given. */
const MAX_ROUND_TRIP_MS = 1_000;

/**
 * The database's time, as of a measurement every 30 s; in between it goes on with a clock of this machine that is never set.
 */
export class DatabaseClock implements Clock {
  /** The database's time when the clock of this process stood at 0. */
  #originMs = Date.now() - performance.now();
  #isMeasured = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly log: StoreLog,
  ) {}

  /** Takes the first measurement and keeps measuring until `stop`. @throws HoldfastError StoreUnavailable */
  async start(): Promise<void> {
    await this.#measure();
    this.#timer = setInterval(() => {
      // A database that is away is reported by whoever needs it; until it is back the last difference holds.
      this.#measure().catch(() => undefined);
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  nowMs(): number {
    return Math.round(performance.now() + this.#originMs);
  }

  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  async #measure(): Promise<void> {
    const { timeMs, sentMs, receivedMs } = await this.database.general(async (session) => {
      const before = performance.now();
      const [row] = await session.query<{ ms: string }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms',
      );
      return { timeMs: Number(row?.ms), sentMs: before, receivedMs: performance.now() };
    });
    if (this.#isMeasured && receivedMs - sentMs > MAX_ROUND_TRIP_MS) return;
    this.#isMeasured = true;
    this.#originMs = timeMs - (sentMs + receivedMs) / 2;
    const skewMs = this.nowMs() - Date.now();
    if (Math.abs(skewMs) > TOLERATED_SKEW_MS) {
      this.log.warn({ skewMs }, "this machine's clock differs from the database's");
    }
  }
}
