import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { HoldfastError } from '@holdfast/core';
import type { ListenAddress } from '../address';

/** Where the audit log is forwarded to: RFC 5424 over TLS (RFC 5425). Files are PEM. */
export interface SyslogConfig extends ListenAddress {
  /** The authorities of the receiver's certificate. */
  readonly caFile: string;
  /** What the node shows to the receiver. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How long a receiver may leave unread what was sent. */
const WRITE_TIMEOUT_MS = 30_000;
/** How long a receiver has to take what was sent when the connection ends in order. */
const END_TIMEOUT_MS = 3_000;
const KEEP_ALIVE_DELAY_MS = 30_000;

/** @throws HoldfastError Configuration where a file cannot be read */
export async function readSyslogFiles({ caFile, certFile, keyFile }: SyslogConfig) {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((path) => contentOf(path)));
  return { ca, cert, key };
}

async function contentOf(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new HoldfastError('Configuration', `cannot read ${path}`, { cause });
  }
}

/** A connection to a receiver of syslog messages. */
export class SyslogConnection {
  #problem: Error | undefined;
  readonly #lost: Promise<void>;

  private constructor(private readonly socket: TLSSocket) {
    this.#lost = new Promise((resolve) => {
      socket.once('error', (error: Error) => {
        this.#problem ??= error;
      });
      socket.once('close', () => {
        this.#problem ??= new Error('the receiver closed the connection');
        resolve();
      });
    });
    // Nothing is to be said by a receiver; what is read shows that it has gone.
    socket.resume();
  }

  /**
   * @param signal ends the attempt
   * @throws HoldfastError Configuration, Error where nobody trusted answers
   */
  static async open(config: SyslogConfig, signal: AbortSignal): Promise<SyslogConnection> {
    const { host, port } = config;
    const files = await readSyslogFiles(config);
    const socket = connect({
      ...files,
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.2',
    });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    const connection = new SyslogConnection(socket);
    const stop = (): void => void socket.destroy();
    signal.addEventListener('abort', stop);
    await connection.#happens('secureConnect').finally(() => signal.removeEventListener('abort', stop));
    socket.setTimeout(0);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    return connection;
  }

  /** Sends, and waits while the receiver does not take it. @throws Error where the connection is lost */
  async send(bytes: Buffer): Promise<void> {
    this.requireOpen();
    if (this.socket.write(bytes)) return;
    const late = setTimeout(
      () => this.socket.destroy(new Error('the receiver does not read')),
      WRITE_TIMEOUT_MS,
    );
    try {
      await this.#happens('drain');
    } finally {
      clearTimeout(late);
    }
  }

  /** @throws Error where the connection is lost */
  requireOpen(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Ends the connection in order. @returns whether the receiver has read everything: it closed its side in turn */
  async end(): Promise<boolean> {
    let isRead = false;
    this.socket.once('end', () => (isRead = true));
    const late = setTimeout(() => this.socket.destroy(), END_TIMEOUT_MS);
    this.socket.end();
    await this.#lost;
    clearTimeout(late);
    return isRead;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** @throws Error where the connection is lost first */
  async #happens(event: 'secureConnect' | 'drain'): Promise<void> {
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        this.socket.off(event, settle).off('close', settle);
        resolve();
      };
      this.socket.once(event, settle).once('close', settle);
    });
    this.requireOpen();
  }
}
