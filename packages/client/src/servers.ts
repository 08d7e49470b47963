import { unlessAborted } from './abort';
import { ConnectionFailure } from './connection-failure';
import type { Channel, ServerAddress, TlsFacts } from './tls';

/**
 * The servers that all have the same keys: connects to the first that answers, keeps that connection, and goes on to the
 * next when it breaks.
 */
export class Servers {
  #current = 0;
  #channel: Channel | undefined;
  /** The server that it leads to. */
  #asked = 0;
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
   * @param signal gives the request up
   * @throws ConnectionFailure, and the signal's reason where what was given up can have changed nothing
   */
  async exchange(request: Buffer, mayRepeat: boolean, signal?: AbortSignal): Promise<Buffer> {
    for (let left = this.addresses.length; ;) {
      const known = this.#channel;
      const channel = await this.connect(signal);
      const asked = this.#asked;
      signal?.throwIfAborted();
      try {
        return await channel.exchange(request, signal);
      } catch (error) {
        if (!(error instanceof ConnectionFailure) || this.#closing.signal.aborted) throw error;
        if (error.reason === 'protocol') throw error;
        if (error.reason === 'aborted' && (error.outcomeKnown || mayRepeat)) signal?.throwIfAborted();
        if (error.reason === 'aborted') throw error;
        // A connection that had been idle may have ended unnoticed: an end says nothing against its server then.
        const wasIdle = channel === known;
        if (!wasIdle) this.#leave(asked);
        if (!(error.outcomeKnown || mayRepeat)) throw error;
        if (!wasIdle && --left === 0) throw error;
      }
    }
  }

  /**
   * @param signal gives up waiting; the connection is made all the same, for whoever asks next
   * @throws ConnectionFailure: of the first server, where none can be reached; the signal's reason
   */
  async connect(signal?: AbortSignal): Promise<Channel> {
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) throw new ConnectionFailure('closed', 'the connection was closed here');
    const failure = this.#channel?.failure;
    if (this.#channel !== undefined && failure === undefined) return this.#channel;
    // Whoever asked a server that hangs may have given up before that was known.
    if (failure?.reason === 'timeout') this.#leave(this.#asked);
    this.#opening ??= this.#openNext().finally(() => (this.#opening = undefined));
    return await unlessAborted(this.#opening, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening?.catch(() => undefined);
    await this.#channel?.close();
  }

  /** The next server is asked from now on; several requests may find out together. */
  #leave(server: number): void {
    if (this.#current === server) this.#current++;
  }

  async #openNext(): Promise<Channel> {
    const failures: ConnectionFailure[] = [];
    for (let left = this.addresses.length; left > 0; left--) {
      try {
        const address = this.addresses[this.#current % this.addresses.length] as ServerAddress;
        this.#channel = await this.open(address, this.#closing.signal);
        this.#asked = this.#current;
        return this.#channel;
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
