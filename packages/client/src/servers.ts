import { ConnectionFailure } from './connection-failure';
import type { Channel, ServerAddress, TlsFacts } from './tls';

/**
 * The servers that all have the same keys: connects to the first that answers, keeps that connection, and goes on to the
 * next when it breaks.
 */
export class Servers {
  #current = 0;
  #channel: Channel | undefined;
  #opening: Promise<Channel> | undefined;
  readonly #closing = new AbortController();

  /** @param open connects to one of them, and fails at once where `signal` says so */
  constructor(
    private readonly addresses: readonly ServerAddress[],
    private readonly open: (address: ServerAddress, signal: AbortSignal) => Promise<Channel>,
  ) {}

  /** Of the connection that is in use, or was last. @throws ConnectionFailure where there has been none */
  get facts(): TlsFacts {
    if (this.#channel === undefined) throw new ConnectionFailure('closed', 'there is no connection');
    return this.#channel.facts;
  }

  /**
   * Sends a request, on a new connection where the old one is of no more use. One that failed is sent again where the
   * first server is known to have done nothing, or `mayRepeat`: over a new connection to each server once at most. After a
   * server that does not answer the next one is asked, by the next request too: else one that hangs would keep all changes up.
   * @throws ConnectionFailure
   */
  async exchange(request: Buffer, mayRepeat: boolean): Promise<Buffer> {
    for (let left = this.addresses.length; ;) {
      const known = this.#channel;
      const channel = await this.connect();
      const asked = this.#current;
      try {
        return await channel.exchange(request);
      } catch (error) {
        if (!(error instanceof ConnectionFailure) || this.#closing.signal.aborted) throw error;
        if (error.reason === 'protocol') throw error;
        // A connection that had been idle may have ended unnoticed: an end says nothing against its server then.
        const wasIdle = channel === known;
        const speaksAgainst = !wasIdle || error.reason === 'timeout';
        // Several requests may fail together.
        if (speaksAgainst && this.#current === asked) this.#current++;
        if (!(error.outcomeKnown || mayRepeat)) throw error;
        if (!wasIdle && --left === 0) throw error;
      }
    }
  }

  /** @throws ConnectionFailure: of the first server, where none can be reached */
  async connect(): Promise<Channel> {
    if (this.#closing.signal.aborted) throw new ConnectionFailure('closed', 'the connection was closed here');
    if (this.#channel?.isOpen === true) return this.#channel;
    this.#opening ??= this.#openNext().finally(() => (this.#opening = undefined));
    this.#channel = await this.#opening;
    return this.#channel;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening?.catch(() => undefined);
    await this.#channel?.close();
  }

  async #openNext(): Promise<Channel> {
    const failures: ConnectionFailure[] = [];
    for (let left = this.addresses.length; left > 0; left--) {
      try {
        const address = this.addresses[this.#current % this.addresses.length] as ServerAddress;
        return await this.open(address, this.#closing.signal);
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        // What is wrong with the client's own files is wrong for every server.
        if (!(error instanceof ConnectionFailure) || error.reason === 'credentials') throw error;
        failures.push(error);
        this.#current++;
      }
    }
    const [first] = failures;
    if (first === undefined || failures.length === 1) throw first ?? new Error('no server is given');
    throw new ConnectionFailure(first.reason, failures.map(({ message }) => message).join('\n'), {
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      cause: first,
    });
  }
}
