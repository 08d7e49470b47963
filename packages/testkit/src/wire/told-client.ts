import { once } from 'node:events';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { Wire } from './wire';
import type { Identity } from './wire';

/** A client that listens on loopback, and to which servers connect to tell it something. */
export class ToldClient {
  readonly #sockets = new Set<TLSSocket>();
  readonly #connections: Wire[] = [];
  readonly #waiting: ((wire: Wire) => void)[] = [];
  #current: Wire | undefined;

  private constructor(private readonly server: Server) {
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      const wire = Wire.over(socket);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#connections.push(wire);
      else waiting(wire);
    });
  }

  /** It demands a certificate of the authority that it trusts. */
  static async listen({ cert, key, ca }: Identity, port = 0): Promise<ToldClient> {
    const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
    const told = new ToldClient(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return told;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The next connection that a server opens. */
  connected(): Promise<Wire> {
    const wire = this.#connections.shift();
    return wire === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(wire);
  }

  /** The next request of a server: it ends a connection over which it has nothing to tell for a while, and opens another. */
  async next(): Promise<Buffer> {
    for (;;) {
      const wire = (this.#current ??= await this.connected());
      try {
        return await wire.next();
      } catch (error) {
        if (!wire.socket.destroyed) throw error;
        this.#current = undefined;
      }
    }
  }

  /** Answers over the connection of the last request. */
  send(bytes: Buffer): void {
    this.#current?.send(bytes);
  }

  /** Resolves once no connection is left. */
  async ended(): Promise<void> {
    for (const socket of this.#sockets) if (!socket.destroyed) await once(socket, 'close');
  }

  /** Ends all connections. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
