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
  #sentBytes = 0;
  /** What was taken when that last became more. */
  #taken = { bytes: 0, atMs: performance.now() };
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
    this.#sentBytes += bytes.length;
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

  /** Bytes of messages that were handed over so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /**
   * Of these so many the receiver's machine has, as far as this one knows. One that is gone without a word says nothing for a
   * quarter of an hour, in which everything can be sent: where it takes nothing for long it is let go.
   * @throws Error where the connection is lost
   */
  async takenBytes(): Promise<number> {
    this.requireOpen();
    const sent = this.#sentBytes;
    // What encryption adds is counted as if it were messages: fewer are taken for there, never more.
    const takenBytes = Math.max(
      0,
      sent - this.socket.writableLength - (await unacknowledgedBytes(this.socket)),
    );
    const nowMs = performance.now();
    if (takenBytes >= sent || takenBytes > this.#taken.bytes)
      this.#taken = { bytes: takenBytes, atMs: nowMs };
    else if (nowMs - this.#taken.atMs > WRITE_TIMEOUT_MS) {
      this.socket.destroy(new Error('the receiver does not acknowledge what was sent'));
    }
    return takenBytes;
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

/** In /proc/net/tcp: number, local address, remote address, state, bytes to be sent or acknowledged. */
const SOCKET_LINE = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) 01 ([0-9A-F]{8}):/gm;

/** How many bytes that this system has taken the other machine has not acknowledged; 0 where the system does not tell. */
async function unacknowledgedBytes({ localPort, remotePort }: TLSSocket): Promise<number> {
  for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    const sockets = await readFile(table, 'latin1').catch(() => '');
    for (const [, local = '', remote = '', queued = ''] of sockets.matchAll(SOCKET_LINE)) {
      if (parseInt(local, 16) === localPort && parseInt(remote, 16) === remotePort)
        return parseInt(queued, 16);
    }
  }
  return 0;
}
