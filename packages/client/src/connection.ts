import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { Tag } from '@holdfast/kmip';
import { FrameReader } from '@holdfast/ttlv';
import { ConnectionFailure, explainBreak, timedOut } from './connection-failure';
import { secureContextOf, type TlsCredentials } from './credentials';

export interface ConnectionOptions extends TlsCredentials {
  readonly host: string;
  /** 5696 where left out. */
  readonly port?: number | undefined;
  /** The name that the server's certificate has to have, where it is not `host`. */
  readonly serverName?: string | undefined;
  /** How long to wait for the connection, and then for each answer; 30 s where left out. */
  readonly timeoutMs?: number | undefined;
  /** Longest answer in bytes that is taken; 64 MiB where left out, a million identifiers. */
  readonly maxResponseBytes?: number | undefined;
}

/** What can be told of a TLS connection. */
export interface TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  /** Of the server's certificate, on one line. */
  readonly subject: string;
  readonly issuer: string;
  readonly validTo: string;
  readonly fingerprintSha256: string;
}

export const KMIP_PORT = 5696;
export const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_DELAY_MS = 60_000;
const CLOSE_DEADLINE_MS = 1000;

interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (failure: ConnectionFailure) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * One TLS connection to a KMIP server, with mutual authentication. Requests may be sent before earlier ones are
 * answered; answers come in the order of the requests. KMIP Profiles 2.1 section 3.1.
 */
export class Connection {
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
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(undefined));
  }

  /**
   * Connects and authenticates both sides. A server that refuses the client's certificate under TLS 1.3 says so only
   * after the handshake: then the first exchange fails.
   * @throws ConnectionFailure
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { host, port = KMIP_PORT, serverName, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const secureContext = secureContextOf(options);
    const maxResponseBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    return await new Promise<Connection>((resolve, reject) => {
      const opening = connect({
        host,
        port,
        secureContext,
        // An address is no name to ask for (RFC 6066 section 3); the certificate is checked against `host` then.
        ...(serverName === undefined
          ? isIP(host) === 0
            ? { servername: host }
            : {}
          : { servername: serverName }),
      });
      const timer = setTimeout(() => {
        opening.destroy(timedOut(address, 'no connection', timeoutMs, true));
      }, timeoutMs);
      const failed = (error?: unknown) => {
        clearTimeout(timer);
        reject(explainBreak(error, { address, secure: false, answered: false, pending: false }));
      };
      opening.once('error', failed);
      opening.once('close', failed);
      opening.once('secureConnect', () => {
        clearTimeout(timer);
        opening.off('error', failed);
        opening.off('close', failed);
        resolve(new Connection(opening, address, timeoutMs, maxResponseBytes));
      });
    });
  }

  /** What the two sides agreed on, and who the server is. */
  get facts(): TlsFacts {
    const certificate = this.#socket.getPeerX509Certificate();
    const oneLine = (name: string | undefined) => (name ?? '').split('\n').join(', ');
    return {
      protocol: this.#socket.getProtocol() ?? '',
      cipher: this.#socket.getCipher().standardName,
      subject: oneLine(certificate?.subject),
      issuer: oneLine(certificate?.issuer),
      validTo: certificate?.validTo ?? '',
      fingerprintSha256: certificate?.fingerprint256 ?? '',
    };
  }

  /**
   * Sends one Request Message and waits for its Response Message, both TTLV bytes.
   * @throws ConnectionFailure; after one the connection is of no more use
   */
  exchange(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const timer = setTimeout(() => {
        this.#break(timedOut(this.#address, 'no answer', this.#timeoutMs, false));
      }, this.#timeoutMs);
      this.#waiting.push({ resolve, reject, timer });
      this.#socket.write(request);
    });
  }

  /** Ends the connection in order; requests that have no answer yet fail. */
  async close(): Promise<void> {
    this.#break(new ConnectionFailure('closed', `${this.#address}: the connection was closed here`));
    const socket = this.#socket;
    if (socket.closed) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => socket.destroy(), CLOSE_DEADLINE_MS);
      socket.once('close', () => {
        clearTimeout(deadline);
        resolve();
      });
      socket.end();
      // What the server still sends is let pass, so that its close_notify is seen.
      socket.resume();
    });
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
    clearTimeout(waiting.timer);
    waiting.resolve(frame);
  }

  #unreadable(cause: unknown): void {
    this.#fail(
      new ConnectionFailure('protocol', `${this.#address}: what the server sends is no KMIP`, {
        cause,
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
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(failure);
    }
  }
}
