import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import {
  HoldfastError,
  type CertificatesPort,
  type Clock,
  type Directory,
  type Principal,
} from '@holdfast/core';
import { Tag } from '@holdfast/kmip';
import { FrameReader } from '@holdfast/ttlv';
import { authenticate } from './authentication';
import { takeAnswer } from './channels';
import type { ServerLimits } from './config';
import type { Logger } from './log';

export type DiallingIdentity = Pick<ConnectionOptions, 'key' | 'cert'>;

export interface DiallingPorts {
  readonly directory: Directory;
  readonly certificates: CertificatesPort;
  readonly clock: Clock;
}

/**
 * A connection that this server has opened to a client, on which it shows its own certificate and asks. That the peer is the
 * client is known by the same rules as where it connects itself: its certificate has to be one of its credentials.
 */
export class DialledConnection {
  #answer: { resolve(frame: Buffer): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  private constructor(
    private readonly socket: TLSSocket,
    readonly principal: Principal,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {
    const reader = new FrameReader({ tags: [Tag.ResponseMessage], maxFrameBytes: limits.maxRequestBytes });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#take(frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error: Error) => this.#fail(error));
    socket.on('close', () => this.#fail(gone()));
  }

  /** @throws where it cannot be reached, or is somebody else, or the signal ended it before that was known */
  static async open(
    options: ConnectionOptions,
    clientId: string,
    ports: DiallingPorts,
    limits: ServerLimits,
    log: Logger,
    signal: AbortSignal,
  ): Promise<DialledConnection> {
    const peer = `${options.host ?? ''}:${options.port ?? 0}`;
    const socket = await secured(options, limits.handshakeTimeoutMs, signal);
    try {
      const authorities = (await ports.directory.listAuthorities()).filter(
        ({ revokedAtSeconds }) => revokedAtSeconds === undefined,
      );
      const found = await authenticate(socket, peer, {
        ...ports,
        authorities: () => authorities,
        use: 'server',
      });
      if ('reason' in found) throw unreachable(`who listens there is nobody known: ${found.reason}`);
      if (found.clientId !== clientId)
        throw unreachable(`who listens there is the client ${found.clientName}`);
      return new DialledConnection(socket, found, limits, log);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#failure === undefined && !this.socket.destroyed;
  }

  /** Sends a request, resolves once it is answered, and zeroes it. @throws where the connection ends before that */
  async tell(message: Buffer): Promise<void> {
    const timer = setTimeout(
      () => this.socket.destroy(unreachable('the client does not answer')),
      this.limits.requestTimeoutMs,
    );
    try {
      const frame = await new Promise<Buffer>((resolve, reject) => {
        this.#answer = { resolve, reject };
        if (this.isOpen) this.socket.write(message, () => message.fill(0));
        else {
          message.fill(0);
          reject(this.#failure ?? gone());
        }
      });
      takeAnswer(frame, this.principal, this.log);
    } finally {
      clearTimeout(timer);
      this.#answer = undefined;
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(frame: Buffer): void {
    if (this.#answer === undefined) throw new HoldfastError('InvalidMessage', 'nothing was asked');
    this.#answer.resolve(frame);
    this.#answer = undefined;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#answer?.reject(this.#failure);
  }
}

function secured(options: ConnectionOptions, timeoutMs: number, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // Whose certificate it is decides, as on the server's own listeners: see `authenticate`.
    const socket = connect({ ...options, minVersion: 'TLSv1.2', rejectUnauthorized: false });
    const timer = setTimeout(() => socket.destroy(unreachable('it takes too long')), timeoutMs);
    const end = (): unknown => socket.destroy(unreachable('it is no longer wanted'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    socket.once('error', reject).once('close', () => clearTimeout(timer));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

function gone(): HoldfastError {
  return unreachable('the client closed the connection');
}

function unreachable(message: string): HoldfastError {
  return new HoldfastError('GeneralFailure', message);
}
