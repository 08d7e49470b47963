import { readFileSync } from 'node:fs';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Tag } from '@holdfast/kmip';
import { FrameReader } from '@holdfast/ttlv';
import type { ServerProcess } from '../server-process';

const ANSWER_TIMEOUT_MS = 60_000;
const MAX_RESPONSE_BYTES = 64 << 20;

/** What a client shows and trusts, in PEM form. */
export interface Identity {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly ca: string | Buffer;
}

/** What to connect with: to this server, as this client (default: its first). */
export function tlsOptions(
  { host, port, clientFiles }: Pick<ServerProcess, 'host' | 'port' | 'clientFiles'>,
  identity?: Identity,
): ConnectionOptions {
  const { cert, key, ca } = identity ?? {
    cert: readFileSync(clientFiles.cert),
    key: readFileSync(clientFiles.key),
    ca: readFileSync(clientFiles.ca),
  };
  return { host, port, cert, key, ca };
}

/** A TLS connection of which tests see every byte: nothing is retried, nothing is understood. */
export class Wire {
  readonly #frames: Buffer[] = [];
  readonly #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = [];
  #failure: Error | undefined;
  #sawEnd = false;
  /** Resolves once the connection is closed: whether the server ended it in order (close_notify). */
  readonly closed: Promise<{ readonly orderly: boolean }>;

  private constructor(readonly socket: TLSSocket) {
    const reader = new FrameReader({
      tags: [Tag.ResponseMessage, Tag.RequestMessage],
      maxFrameBytes: MAX_RESPONSE_BYTES,
    });
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#receive(frame);
    });
    socket.on('end', () => (this.#sawEnd = true));
    socket.on('error', (error: Error) => this.#fail(error));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#fail(new Error('the server closed the connection'));
        resolve({ orderly: this.#sawEnd });
      });
    });
  }

  /** A connection that is there already. */
  static over(socket: TLSSocket): Wire {
    return new Wire(socket);
  }

  static open(options: ConnectionOptions): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        socket.off('error', reject);
        resolve(new Wire(socket));
      });
      socket.once('error', reject);
    });
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next message, a response unless roles were changed. Rejects where the connection ends before it, or none comes. */
  next(): Promise<Buffer> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer came')), ANSWER_TIMEOUT_MS);
      this.#waiting.push({
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  exchange(request: Buffer): Promise<Buffer> {
    this.send(request);
    return this.next();
  }

  /** Ends the connection in order. */
  async close(): Promise<void> {
    this.socket.end();
    await this.closed;
  }

  #receive(frame: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#frames.push(frame);
    else waiting.resolve(frame);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
