import type { Pool, PoolClient } from 'pg';

/**
 * Connections of a pool that stay with whoever uses them again and again: to take one from the pool and to bring it back
 * costs as much as a small statement.
 */
export class KeptConnections {
  readonly #idle: PoolClient[] = [];
  readonly #listeners = new WeakMap<PoolClient, (error: Error) => void>();
  #isClosing = false;

  /** @param onLost told of a connection that was lost while nobody used it */
  constructor(
    private readonly pool: Pool,
    private readonly onLost: (error: Error) => void,
  ) {}

  /** One that nobody uses; undefined: it has to be `connect`ed first. */
  take(): PoolClient | undefined {
    return this.#idle.pop();
  }

  /** One more, or the next that comes free where there are as many as there may be. */
  async connect(): Promise<PoolClient> {
    const client = await this.pool.connect();
    // pg reports a lost connection both to the statement under way and as an event that must have a listener.
    const onError = (error: Error): void => this.#lost(client, error);
    client.on('error', onError);
    this.#listeners.set(client, onError);
    return client;
  }

  /** Brings one back. @param isBroken whether it is of no use any more */
  give(client: PoolClient, isBroken: boolean): void {
    if (isBroken || this.#isClosing || this.pool.waitingCount > 0) this.#release(client, isBroken);
    else this.#idle.push(client);
  }

  /** Gives back to the pool what nobody uses; what is in use follows. */
  close(): void {
    this.#isClosing = true;
    for (const client of this.#idle.splice(0)) this.#release(client, false);
  }

  #lost(client: PoolClient, error: Error): void {
    const position = this.#idle.indexOf(client);
    if (position === -1) return;
    this.#idle.splice(position, 1);
    this.#release(client, true);
    this.onLost(error);
  }

  #release(client: PoolClient, isBroken: boolean): void {
    const onError = this.#listeners.get(client);
    if (onError !== undefined) client.removeListener('error', onError);
    client.release(isBroken);
  }
}
