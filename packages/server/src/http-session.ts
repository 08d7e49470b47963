import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { finished } from 'node:stream/promises';
import { ENCODINGS, type MessageEncoding } from '@holdfast/kmip';
import { DEFAULT_LIMITS as TTLV_LIMITS } from '@holdfast/ttlv';
import type { Principal } from '@holdfast/core';
import type { ServerLimits } from './config';
import { describeError, type Logger } from './log';
import type { RecordRefusal } from './refusals';
import {
  MAX_REQUEST_OF_STRANGERS_BYTES,
  signalOf,
  unknownPeer,
  type Awaited,
  type Connection,
  type Responder,
} from './session';

/** KMIP over HTTP (KMIP Profiles 2.1 section 5.3, Additional Message Encodings 1.0 section 2). */

/** The target URI that the profile recommends, and the shortest. */
const PATHS: ReadonlySet<string> = new Set(['/kmip', '/']);
const MAX_HEADERS = 64;
const MAX_HEADER_BYTES = 16 * 1024;
/** XML and JSON write bytes in hex. */
const TEXT_FACTOR = 2;

const ENCODING_BY_TYPE: ReadonlyMap<string, MessageEncoding> = new Map([
  [ENCODINGS.ttlv.contentType, ENCODINGS.ttlv],
  [ENCODINGS.xml.contentType, ENCODINGS.xml],
  ['application/xml', ENCODINGS.xml],
  [ENCODINGS.json.contentType, ENCODINGS.json],
]);
const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'us-ascii']);

/** What Node's parser finds, where it is not just a bad request. */
const STATUS_BY_FAULT: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  CONNECT: '501 Not Implemented',
};

/** What a client waits for before it sends the body, by the event with which Node tells of the head. */
const EXPECTATIONS = { request: 'nothing', checkContinue: 'continue', checkExpectation: 'unknown' } as const;
type Expectation = (typeof EXPECTATIONS)[keyof typeof EXPECTATIONS];

/** Why a request is answered by HTTP alone. */
class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(String(status));
  }
}

function pathOf(url: string): string | undefined {
  // A target may be in absolute form: RFC 9112 section 3.2.2.
  return URL.canParse(url, 'https://kms') ? new URL(url, 'https://kms').pathname : undefined;
}

/** @throws HttpRefusal 415 */
function encodingOf({ headers }: IncomingMessage): MessageEncoding {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const encoding = ENCODING_BY_TYPE.get(type.trim());
  const charset = parameters.map((each) => /^\s*charset="?([^"]*)"?\s*$/.exec(each)?.[1]).find(Boolean);
  const isPlain = (headers['content-encoding'] ?? 'identity') === 'identity';
  if (encoding !== undefined && isPlain && (charset === undefined || CHARSETS.has(charset))) return encoding;
  throw new HttpRefusal(415, {
    Accept: [...ENCODING_BY_TYPE.keys()].join(', '),
    'Accept-Encoding': 'identity',
  });
}

/**
 * Judges a request by its head, before its body is read.
 * @throws HttpRefusal
 */
function checkHead(request: IncomingMessage, maxRequestBytes: number): MessageEncoding {
  const { rawHeaders } = request;
  if (rawHeaders.length / 2 > MAX_HEADERS) throw new HttpRefusal(431);
  // That there is one is seen to by Node: RFC 9112 section 3.2.
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length > 1) throw new HttpRefusal(400);
  if (!PATHS.has(pathOf(request.url ?? '') ?? '')) throw new HttpRefusal(404);
  if (request.method !== 'POST') throw new HttpRefusal(405, { Allow: 'POST' });
  const encoding = encodingOf(request);
  // The profile demands a Content-Length; so nothing is read whose end is not known.
  const length = request.headers['content-length'];
  if (length === undefined) throw new HttpRefusal(411);
  const most = encoding === ENCODINGS.ttlv ? maxRequestBytes : TEXT_FACTOR * maxRequestBytes;
  if (Number(length) > Math.min(most, TTLV_LIMITS.maxMessageBytes)) throw new HttpRefusal(413);
  return encoding;
}

/**
 * The body; undefined where the peer went away before its end.
 * @param enoughBytes what comes once there are more is passed over
 */
async function bodyOf(request: IncomingMessage, enoughBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let keptBytes = 0;
  try {
    for await (const chunk of request) {
      if (keptBytes > enoughBytes) continue;
      keptBytes += (chunk as Buffer).length;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const body = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return body;
}

/** Takes HTTP requests out of the TLS connections of a listener. */
export class HttpEndpoint {
  readonly #http: Server;
  readonly #sessions = new WeakMap<object, HttpSession>();

  constructor(
    private readonly limits: ServerLimits,
    private readonly respond: Responder,
    private readonly refused: RecordRefusal,
    private readonly log: Logger,
  ) {
    // The sessions keep the deadlines.
    const timeouts = { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 };
    this.#http = createServer({ ...timeouts, maxHeaderSize: MAX_HEADER_BYTES });
    this.#http.maxHeadersCount = MAX_HEADERS + 1;
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
      this.#http.on(event, (request: IncomingMessage, response: ServerResponse) => {
        this.#sessions.get(request.socket)?.receive(request, response, EXPECTATIONS[event]);
      });
    }
    this.#http.on('connect', ({ socket }: IncomingMessage) => this.#sessions.get(socket)?.refuse('CONNECT'));
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#sessions.get(socket)?.refuse(error.code);
    });
  }

  open(socket: TLSSocket, peer: string): Connection {
    const start = (): void => void this.#http.emit('connection', socket);
    const session = new HttpSession(socket, peer, start, this.limits, this.respond, this.refused, this.log);
    this.#sessions.set(socket, session);
    return session;
  }
}

/** One connection on which HTTP is spoken: answers its requests one after the other, and keeps the deadlines. */
class HttpSession implements Connection {
  principal: Principal | undefined;
  refusal = unknownPeer();
  needsCredential = false;
  isEnded = false;
  readonly signal: AbortSignal;
  #turn = Promise.resolve();
  /** Requests that have come and are not answered yet. */
  #pending = 0;
  #ending = false;
  #deadlineMs: number;
  #waitingFor: Awaited = 'authentication';
  /** What had been read when the last request was answered: more means that another one has begun. */
  #idleSinceByte = 0;

  constructor(
    readonly socket: TLSSocket,
    readonly peer: string,
    private readonly read: () => void,
    private readonly limits: ServerLimits,
    private readonly respond: Responder,
    private readonly refused: RecordRefusal,
    private readonly log: Logger,
  ) {
    this.signal = signalOf(socket);
    this.#deadlineMs = Date.now() + limits.handshakeTimeoutMs;
  }

  start(): void {
    this.#awaitRequest(0);
    this.read();
  }

  drain(): void {
    this.#ending = true;
    if (this.#pending === 0) this.#end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  checkDeadline(nowMs: number): void {
    if (this.#waitingFor === 'request' && this.socket.bytesRead !== this.#idleSinceByte) {
      this.#await('rest of a request', this.limits.requestTimeoutMs);
    }
    if (nowMs < this.#deadlineMs) return;
    if (this.#waitingFor === 'request') {
      // Who asked nothing never said who it is.
      if (this.needsCredential && this.#idleSinceByte === 0)
        void this.refused(this, 'deadline: authentication');
      this.#end();
      return;
    }
    this.log.debug({ peer: this.peer, waitingFor: this.#waitingFor }, 'connection ended by deadline');
    void this.refused(this, `deadline: ${this.#waitingFor}`);
    this.socket.destroy();
  }

  /** Takes a request whose head is there; its body is read when its turn has come. */
  receive(request: IncomingMessage, response: ServerResponse, expectation: Expectation): void {
    if (++this.#pending > this.limits.maxQueuedRequests) {
      void this.refused(this, 'HTTP: too many requests at once');
      this.socket.destroy();
      return;
    }
    this.#turn = this.#turn.then(async () => {
      await this.#answer(request, response, expectation);
      this.#pending--;
      if (this.#pending > 0) return;
      if (this.#ending) this.#end();
      else this.#awaitRequest(this.socket.bytesRead);
    });
  }

  /** Answers what is no HTTP, behind what was asked before, and ends the connection. */
  refuse(code: string | undefined): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#ending || code === 'ECONNRESET' || !this.socket.writable) {
        this.socket.destroy();
        return;
      }
      this.#ending = true;
      await this.refused(this, `HTTP: ${code ?? 'malformed'}`);
      const status = STATUS_BY_FAULT[code ?? ''] ?? '400 Bad Request';
      this.#await('reading of a response', this.limits.writeTimeoutMs);
      this.socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
  }

  /** Says that nothing more will be sent. A peer that does not do the same in time, or does not read, is let go. */
  #end(): void {
    this.socket.end();
    this.#await('end of the connection', this.limits.writeTimeoutMs);
  }

  #await(what: Awaited, withinMs: number): void {
    this.#waitingFor = what;
    this.#deadlineMs = Date.now() + withinMs;
  }

  #awaitRequest(sinceByte: number): void {
    this.#idleSinceByte = sinceByte;
    const { idleTimeoutMs, handshakeTimeoutMs } = this.limits;
    this.#await('request', this.principal === undefined ? handshakeTimeoutMs : idleTimeoutMs);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, expectation: Expectation): Promise<void> {
    // A connection that ends takes up nothing new.
    if (this.#ending || this.socket.destroyed) return;
    try {
      const encoding = checkHead(request, this.limits.maxRequestBytes);
      if (expectation === 'unknown') throw new HttpRefusal(417);
      if (expectation === 'continue') response.writeContinue();
      this.#await('rest of a request', this.limits.requestTimeoutMs);
      const isStranger = this.principal === undefined && !this.needsCredential;
      const body = await bodyOf(request, isStranger ? MAX_REQUEST_OF_STRANGERS_BYTES : Infinity);
      if (body === undefined) return;
      this.#await('answer', Infinity);
      const answer = await this.respond(body, this, encoding);
      this.#ending ||= answer.close;
      const headers = { 'Content-Type': encoding.contentType };
      await this.#send(response, 200, headers, answer.response).finally(() => {
        answer.response.fill(0);
        answer.done?.();
      });
    } catch (error) {
      // The rest of what was refused is not read.
      this.#ending = true;
      const refusal = error instanceof HttpRefusal ? error : new HttpRefusal(500);
      if (refusal !== error) this.log.error({ peer: this.peer, error: describeError(error) }, 'no answer');
      await this.refused(this, `HTTP ${refusal.status}`);
      await this.#send(response, refusal.status, refusal.headers);
    }
  }

  async #send(
    response: ServerResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Buffer = Buffer.alloc(0),
  ): Promise<void> {
    if (this.socket.destroyed || response.headersSent) return;
    this.#await('reading of a response', this.limits.writeTimeoutMs);
    response.writeHead(status, {
      ...headers,
      'Content-Length': body.length,
      'Cache-Control': 'no-cache',
      ...(this.#ending ? { Connection: 'close' } : {}),
    });
    response.end(body);
    await finished(response, { readable: false }).catch(() => undefined);
  }
}
