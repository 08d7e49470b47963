import type { ClientConfig } from 'pg';
import { storeError } from './errors';
import { LeanClient } from './lean-client';
import { answered, probe } from './liveness';
import { SESSION_SETTINGS } from './session-settings';

const RECONNECT_MS = 500;

/** A shared advisory lock on a connection of its own, taken again whenever that is lost: it shows that somebody is there. */
export class KeptLock {
  #client: LeanClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  private constructor(
    private readonly config: ClientConfig,
    private readonly name: string,
  ) {}

  /** @throws HoldfastError StoreUnavailable */
  static async take(config: ClientConfig, name: string): Promise<KeptLock> {
    const lock = new KeptLock(config, name);
    try {
      await lock.#connect();
    } catch (error) {
      throw storeError(error);
    }
    return lock;
  }

  async release(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#client?.end();
  }

  async #connect(): Promise<void> {
    const client = new LeanClient(this.config);
    client.on('error', () => undefined);
    await client.connect();
    await answered(client, SESSION_SETTINGS);
    await answered(client, 'SELECT pg_advisory_lock_shared(hashtextextended($1, 0))', [this.name]);
    if (this.#ended) return client.end();
    this.#client = client;
    probe(client);
    client.on('end', () => {
      if (!this.#ended) this.#reconnect();
    });
  }

  #reconnect(): void {
    this.#timer = setTimeout(() => {
      this.#connect().catch(() => {
        if (!this.#ended) this.#reconnect();
      });
    }, RECONNECT_MS);
    this.#timer.unref();
  }
}

/** How many hold a kept lock of that name, in any process. The name is the one parameter. */
export const COUNT_KEPT_LOCKS = `SELECT count(*)::int4 AS holders FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((classid::int8 << 32) | objid::int8) = hashtextextended($1, 0)`;
