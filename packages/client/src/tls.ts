import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { onAbort } from './abort';
import { closedHere, explainBreak, timedOut, type ConnectionFailure } from './connection-failure';
import { secureContextOf, type TlsCredentials } from './credentials';

export interface ServerAddress {
  readonly host: string;
  /** 5696 where left out. */
  readonly port?: number | undefined;
}

export interface ConnectionOptions extends TlsCredentials, ServerAddress {
  /** The name that the server's certificate has to have, where it is not `host`. */
  readonly serverName?: string | undefined;
  /** How long to wait for the connection, and then for each answer; 30 s where left out, Infinity for as long as it takes. */
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

/** A connection that carries messages, whatever they are framed in. */
export interface Channel {
  /** What the two sides agreed on, and who the server is. */
  readonly facts: TlsFacts;
  /** Why it can be used no more; undefined while it can. */
  readonly failure: ConnectionFailure | undefined;
  /**
   * Sends one Request Message and waits for its Response Message.
   * @param signal not aborted yet. Once it is, nobody waits for the answer; the connection can be used still, as long as that
   *   answer comes in time
   * @throws ConnectionFailure: `aborted` by the signal, its outcome known where nothing was sent; after any other one the
   *   connection is of no more use
   */
  exchange(request: Buffer, signal?: AbortSignal): Promise<Buffer>;
  /** Ends the connection in order; requests that have no answer yet fail. */
  close(): Promise<void>;
}

export const KMIP_PORT = 5696;
export const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
/** Timers count no further: 24 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const KEEP_ALIVE_DELAY_MS = 60_000;
const CLOSE_DEADLINE_MS = 1000;

export function addressOf({ host, port = KMIP_PORT }: ServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function timeoutOf({ timeoutMs = DEFAULT_TIMEOUT_MS }: Pick<ConnectionOptions, 'timeoutMs'>): number {
  return Math.min(timeoutMs, MAX_TIMEOUT_MS);
}

/**
 * Connects and authenticates both sides. A server that refuses the client's certificate under TLS 1.3 says so only
 * after the handshake: then the first exchange fails.
 * @param signal breaks off the attempt
 * @throws ConnectionFailure
 */
export async function openTls(options: ConnectionOptions, signal?: AbortSignal): Promise<TLSSocket> {
  const { host, port = KMIP_PORT, serverName } = options;
  const timeoutMs = timeoutOf(options);
  const address = addressOf(options);
  const secureContext = secureContextOf(options);
  return await new Promise<TLSSocket>((resolve, reject) => {
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
    const heedNoMore = onAbort(signal, () => opening.destroy(closedHere(address, false)));
    const settled = () => {
      clearTimeout(timer);
      heedNoMore();
    };
    const failed = (error?: unknown) => {
      settled();
      reject(explainBreak(error, { address, secure: false, answered: false, pending: false }));
    };
    opening.once('error', failed);
    opening.once('close', failed);
    opening.once('secureConnect', () => {
      settled();
      opening.off('error', failed);
      opening.off('close', failed);
      opening.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
      opening.setNoDelay(true);
      resolve(opening);
    });
  });
}

export function factsOf(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  const oneLine = (name: string | undefined) => (name ?? '').split('\n').join(', ');
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    subject: oneLine(certificate?.subject),
    issuer: oneLine(certificate?.issuer),
    validTo: certificate?.validTo ?? '',
    fingerprintSha256: certificate?.fingerprint256 ?? '',
  };
}

/** Ends a TLS connection in order, by force after a while. */
export async function closeTls(socket: TLSSocket): Promise<void> {
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
