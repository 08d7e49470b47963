import type { TLSSocket } from 'node:tls';
import { FrameReader, HoldfastError } from '@holdfast/ttlv';
import { Tag, type MessageEncoding } from '@holdfast/kmip';
import type { Principal } from '@holdfast/core';
import type { Channel } from './channels';
import type { ServerLimits } from './config';
import type { Requester } from './credentials/authenticator';
import { describeError, type Logger } from './log';
import type { RecordRefusal } from './refusals';
import { beginTogether } from './turn';

/** Answers one request; the answer says whether the connection is to end after it. */
export type Responder = (
  request: Buffer,
  requester: Requester,
  encoding?: MessageEncoding,
  canTurn?: boolean,
) => Promise<SessionAnswer>;
export interface SessionAnswer {
  readonly response: Buffer;
  readonly close: boolean;
  /** To be called once the response is written, or will not be; there where it is large. */
  readonly done?: (() => void) | undefined;
  /** There where this server has the client's role from now on. */
  readonly channel?: Channel;
}

/** A connection as the listener sees it, whatever protocol is spoken on it. */
export interface Connection extends Requester {
  readonly socket: TLSSocket;
  principal: Principal | undefined;
  /** Why there is no principal, or it is one no more: the answer to the next request, after which the connection ends. */
  refusal: HoldfastError;
  isEnded: boolean;
  needsCredential: boolean;
  /** Begins to read; called when it is known who the peer is, or that it is nobody known. */
  start(): void;
  /** Ends the connection in order: what is being answered is answered first. */
  drain(): void;
  /** Ends the connection at once. */
  destroy(): void;
  /** Ends the connection where a deadline has passed. Called about once a second for all connections together. */
  checkDeadline(nowMs: number): void;
}

/** What a connection may be waiting for. */
export type Awaited =
  | 'authentication'
  | 'request'
  | 'rest of a request'
  | 'answer'
  | 'reading of a response'
  | 'end of the connection';
/** The same, while this server has the client's role. */
type AwaitedByClient = 'news' | 'answer of the client';

/** Aborts once a peer has gone, or sends nothing more: TLS 1.2 has what is still to be sent discarded (RFC 5246 section 7.2.1). */
export function signalOf(socket: TLSSocket): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  socket.once('end', abort).once('close', abort);
  return gone.signal;
}

/** As much is kept of a request for whom it is refused anyway: so that the answer is in its version. */
export const MAX_REQUEST_OF_STRANGERS_BYTES = 64 * 1024;

/** What a connection says of a peer that nobody knows, unless there is more to say. */
export function unknownPeer(): HoldfastError {
  return new HoldfastError(
    'AuthenticationNotSuccessful',
    'the client certificate is not known to this server',
  );
}

/**
 * One connection: cuts requests out of the stream, has them answered one after the other, and keeps the deadlines.
 * What is not authenticated yet waits: requests are answered once `principal` is settled.
 */
export class Session implements Connection {
  principal: Principal | undefined;
  refusal = unknownPeer();
  needsCredential = false;
  isEnded = false;
  readonly signal: AbortSignal;
  #reader: FrameReader;
  #channel: Channel | undefined;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #answering = false;
  #ending = false;
  #paused = false;
  /** Time by which something must have happened, and what. */
  #deadlineMs: number;
  #waitingFor: Awaited | AwaitedByClient = 'authentication';

  constructor(
    readonly socket: TLSSocket,
    readonly peer: string,
    private readonly limits: ServerLimits,
    private readonly respond: Responder,
    private readonly refused: RecordRefusal,
    private readonly log: Logger,
  ) {
    this.signal = signalOf(socket);
    this.#reader = this.#requestReader(limits.maxRequestBytes);
    this.#deadlineMs = Date.now() + limits.handshakeTimeoutMs;
  }

  start(): void {
    const { idleTimeoutMs, handshakeTimeoutMs, maxRequestBytes } = this.limits;
    if (this.principal === undefined && !this.needsCredential)
      this.#reader = this.#requestReader(Math.min(maxRequestBytes, MAX_REQUEST_OF_STRANGERS_BYTES));
    if (this.needsCredential) this.#await('authentication', handshakeTimeoutMs);
    else this.#await('request', this.principal === undefined ? handshakeTimeoutMs : idleTimeoutMs);
    // Who says that nothing more will be asked still gets the answers.
    this.socket.allowHalfOpen = true;
    this.socket.on('data', (chunk: Buffer) => this.#receive(chunk)).on('end', () => this.#finish());
  }

  #requestReader(maxFrameBytes: number): FrameReader {
    return new FrameReader({ tags: [Tag.RequestMessage], maxFrameBytes });
  }

  drain(): void {
    this.#dropQueue();
    this.#finish();
  }

  /** What is answered no more may hold keys. */
  #dropQueue(): void {
    for (const request of this.#queue.splice(0)) request.fill(0);
    this.#queuedBytes = 0;
  }

  destroy(): void {
    this.socket.destroy();
  }

  checkDeadline(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    if (this.#waitingFor === 'request' && this.socket.writableLength === 0) {
      this.#end();
      return;
    }
    this.log.debug({ peer: this.peer, waitingFor: this.#waitingFor }, 'connection ended by deadline');
    void this.refused(this, `deadline: ${this.#waitingFor}`);
    this.socket.destroy();
  }

  #await(what: Awaited | AwaitedByClient, withinMs: number): void {
    this.#waitingFor = what;
    this.#deadlineMs = withinMs === Infinity ? Infinity : Date.now() + withinMs;
  }

  /** Nothing more is read: the connection ends once what waits is answered. */
  #finish(): void {
    this.#ending = true;
    if (!this.#answering) this.#end();
  }

  /** Says that nothing more will be sent. A peer that does not do the same in time, or does not read, is let go. */
  #end(): void {
    this.socket.end();
    this.#await('end of the connection', this.limits.writeTimeoutMs);
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    let frames: Buffer[];
    try {
      frames = this.#reader.push(chunk);
    } catch (error) {
      // Only broken framing ends a connection: where the next message would begin cannot be known.
      this.log.debug(
        { peer: this.peer, error: describeError(error) },
        'connection ended: not a KMIP message',
      );
      void this.refused(this, error instanceof HoldfastError ? error.code : 'InternalServerError');
      this.drain();
      return;
    }
    if (this.#channel !== undefined) {
      this.#takeAnswers(this.#channel, frames);
      return;
    }
    for (const frame of frames) {
      this.#queue.push(frame);
      this.#queuedBytes += frame.length;
    }
    const { maxQueuedRequests, maxRequestBytes } = this.limits;
    const isFull = this.#queue.length > maxQueuedRequests || this.#queuedBytes > maxRequestBytes;
    if (isFull && !this.#paused) {
      this.#paused = true;
      this.socket.pause();
    }
    if (!this.#answering) {
      if (this.#queue.length > 0) this.#begin();
      else if (this.#waitingFor !== 'rest of a request' && this.#reader.pendingBytes > 0) {
        this.#await('rest of a request', this.limits.requestTimeoutMs);
      }
    }
  }

  #begin(): void {
    this.#answering = true;
    // Taken at once: what ends the connection within this turn leaves it to be answered.
    const first = this.#next();
    beginTogether(() => void this.#answerAll(first));
  }

  /** Takes the request whose turn it is out of those that wait. */
  #next(): Buffer | undefined {
    const next = this.#queue.shift();
    this.#queuedBytes -= next?.length ?? 0;
    return next;
  }

  async #answerAll(first: Buffer | undefined): Promise<void> {
    try {
      for (let request = first; request !== undefined; request = this.#next()) {
        this.#await('answer', Infinity);
        const { response, close, channel, done } = await this.respond(request, this, undefined, true);
        if (this.#isGone()) {
          response.fill(0);
          done?.();
          return;
        }
        if (close) this.drain();
        // It may hold a key.
        const written = (): void => {
          response.fill(0);
          done?.();
        };
        if (!this.socket.write(response, written)) await this.#taken();
        if (this.#isGone()) return;
        if (channel !== undefined) {
          this.#turn(channel);
          return;
        }
        if (this.#paused && this.#queue.length === 0) {
          this.#paused = false;
          this.socket.resume();
        }
      }
    } catch (error) {
      this.log.error({ peer: this.peer, error: describeError(error) }, 'connection ended by a fault');
      this.socket.destroy();
      return;
    } finally {
      this.#answering = false;
      if (this.#isGone()) this.#dropQueue();
    }
    if (this.#ending || this.#reader.fault !== undefined) this.#end();
    else if (this.#reader.pendingBytes > 0) this.#await('rest of a request', this.limits.requestTimeoutMs);
    else this.#await('request', this.limits.idleTimeoutMs);
  }

  /** From now on it is this side that asks. A peer that sent further requests has not understood: it is let go. */
  #turn(channel: Channel): void {
    if (this.#queue.length > 0 || this.#reader.pendingBytes > 0) {
      this.socket.destroy();
      return;
    }
    this.#reader = new FrameReader({
      tags: [Tag.ResponseMessage],
      maxFrameBytes: this.limits.maxRequestBytes,
    });
    this.#channel = channel;
    this.#await('news', Infinity);
    this.socket.once('close', () => channel.close());
    channel.open({
      send: (message) => {
        this.#await('answer of the client', this.limits.requestTimeoutMs);
        // It may hold a key.
        this.socket.write(message, () => message.fill(0));
      },
      destroy: () => this.socket.destroy(),
    });
  }

  #takeAnswers(channel: Channel, frames: readonly Buffer[]): void {
    try {
      for (const frame of frames) {
        this.#await('news', Infinity);
        channel.answered(frame);
      }
    } catch (error) {
      this.log.debug({ peer: this.peer, error: describeError(error) }, 'connection ended: not an answer');
      this.socket.destroy();
    }
  }

  #isGone(): boolean {
    return this.socket.destroyed;
  }

  /** Waits until the peer has taken what was written, within its deadline, or has gone away. */
  #taken(): Promise<void> {
    this.#await('reading of a response', this.limits.writeTimeoutMs);
    return new Promise((resolve) => {
      const settle = (): void => {
        this.socket.off('drain', settle).off('close', settle);
        resolve();
      };
      this.socket.once('drain', settle).once('close', settle);
    });
  }
}
