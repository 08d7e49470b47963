import type { Clock } from '@holdfast/core';
import type { Database, StoreLog } from './postgres/database';

const INTERVAL_MS = 30_000;
/** Above this difference between the machine's clock and the database's, the log says so. */
const TOLERATED_SKEW_MS = 2_000;

/** The database's time: this machine's clock, corrected by a difference that is measured again every 30 s. */
export class DatabaseClock implements Clock {
  #offsetMs = 0;
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
    return Date.now() + this.#offsetMs;
  }

  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  async #measure(): Promise<void> {
    const sentMs = Date.now();
    const rows = await this.database.general((session) =>
      session.query<{ ms: string }>('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms'),
    );
    const receivedMs = Date.now();
    const [row] = rows;
    if (row === undefined) return;
    this.#offsetMs = Number(row.ms) - Math.round((sentMs + receivedMs) / 2);
    if (Math.abs(this.#offsetMs) > TOLERATED_SKEW_MS) {
      this.log.warn({ skewMs: this.#offsetMs }, "this machine's clock differs from the database's");
    }
  }
}
