import type { TLSSocket } from 'node:tls';
import { Tag } from '@holdfast/kmip';
import { FrameReader } from '@holdfast/ttlv';
import { onAbort } from './abort';
import { ConnectionFailure, closedHere, explainBreak, givenUp, timedOut } from './connection-failure';
import {
  DEFAULT_MAX_RESPONSE_BYTES,
  addressOf,
  closeTls,
  factsOf,
  openTls,
  timeoutOf,
  type Channel,
  type ConnectionOptions,
  type TlsFacts,
} from './tls';

/** A request without an answer. */
interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (failure: ConnectionFailure) => void;
  /** Ends its timer, and its heed of the caller's signal. */
  readonly settled: () => void;
}

/**
 * One TLS connection to a KMIP server, with mutual authentication. Requests may be sent before earlier ones are
 * answered; answers come in the order of the requests. KMIP Profiles 2.1 section 3.1.
 */
export class Connection implements Channel {
  readonly #socket: TLSSocket;
  readonly #address: string;
  readonly #timeoutMs: number;
  readonly #reader: FrameReader;
  readonly #waiting: Waiting[] = [];
  #failure: ConnectionFailure | undefined;
  #answered = false;

  private constructor(socket: TLSSocket, address: string, timeoutMs: number, maxResponseBytes: number) {
    this.#socket = socket;
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#reader = new FrameReader({ tags: [Tag.ResponseMessage], maxFrameBytes: maxResponseBytes });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(undefined));
  }

  /** @throws ConnectionFailure, see openTls */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const { maxResponseBytes = DEFAULT_MAX_RESPONSE_BYTES } = options;
    const socket = await openTls(options, signal);
    return new Connection(socket, addressOf(options), timeoutOf(options), maxResponseBytes);
  }

  get facts(): TlsFacts {
    return factsOf(this.#socket);
  }

  get failure(): ConnectionFailure | undefined {
    return this.#failure;
  }

  exchange(request: Buffer, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const timer = setTimeout(() => {
        this.#break(timedOut(this.#address, 'no answer', this.#timeoutMs, false));
      }, this.#timeoutMs);
      // It keeps its place, since answers come in the order of the requests, and its time.
      const heedNoMore = onAbort(signal, () => reject(givenUp(this.#address, signal?.reason)));
      const settled = (): void => {
        clearTimeout(timer);
        heedNoMore();
      };
      this.#waiting.push({ resolve, reject, settled });
      this.#socket.write(request);
    });
  }

  async close(): Promise<void> {
    this.#break(closedHere(this.#address, this.#waiting.length > 0));
    await closeTls(this.#socket);
  }

  #received(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#answer(frame);
    } catch (cause) {
      this.#unreadable(cause);
      return;
    }
    if (this.#reader.fault !== undefined) this.#unreadable(this.#reader.fault);
  }

  #answer(frame: Buffer): void {
    this.#answered = true;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#fail(
        new ConnectionFailure(
          'protocol',
          `${this.#address}: the server sent an answer that nobody asked for`,
        ),
      );
      return;
    }
    waiting.settled();
    waiting.resolve(frame);
  }

  #unreadable(cause: unknown): void {
    this.#fail(
      new ConnectionFailure('protocol', `${this.#address}: what the server sends is no KMIP`, {
        cause,
        hint: 'Check the port; the address of KMIP over HTTPS begins with https://.',
        outcomeKnown: this.#waiting.length === 0,
      }),
    );
  }

  #fail(failure: ConnectionFailure): void {
    this.#break(failure);
    this.#socket.destroy();
  }

  /** The first reason counts; later ones are its consequences. */
  #break(error: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = explainBreak(error, {
      address: this.#address,
      secure: true,
      answered: this.#answered,
      pending: this.#waiting.length > 0,
    });
    this.#failure = failure;
    if (failure.reason === 'timeout') this.#socket.destroy();
    for (const { reject, settled } of this.#waiting.splice(0)) {
      settled();
      reject(failure);
    }
  }
}
