import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { MessageEncoding } from '@holdfast/kmip';
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

/** What HTTP wants to know besides. */
export interface HttpOptions {
  /** The target of the POST requests: KMIP Profiles 2.1 section 5.3.1. */
  readonly path: string;
  readonly encoding: MessageEncoding;
}

const PAYLOAD_TOO_LARGE = 413;

/** A request without an answer. */
interface Waiting {
  readonly reject: (failure: ConnectionFailure) => void;
  /** Its answer has begun to come. */
  isBegun: boolean;
}

/** What waits for the answers to earlier requests has no socket yet: nothing of it was sent. */
function wasSent({ socket }: ClientRequest): boolean {
  return socket !== null;
}

/** Hands out the one TLS connection that there is. */
class OneSocketAgent extends Agent {
  constructor(private readonly socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1 });
  }

  override createConnection(): TLSSocket {
    return this.socket;
  }
}

/** One connection to a KMIP server that speaks HTTP; requests wait for the answers to earlier ones. */
export class HttpsConnection implements Channel {
  readonly #agent: Agent;
  readonly #unanswered = new Map<ClientRequest, Waiting>();
  #failure: ConnectionFailure | undefined;
  #answered = false;

  private constructor(
    private readonly socket: TLSSocket,
    private readonly options: ConnectionOptions & HttpOptions,
  ) {
    this.#agent = new OneSocketAgent(socket);
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(undefined));
  }

  /** @throws ConnectionFailure, see openTls */
  static async open(
    options: ConnectionOptions & HttpOptions,
    signal?: AbortSignal,
  ): Promise<HttpsConnection> {
    return new HttpsConnection(await openTls(options, signal), options);
  }

  get facts(): TlsFacts {
    return factsOf(this.socket);
  }

  get failure(): ConnectionFailure | undefined {
    return this.#failure;
  }

  exchange(message: Buffer, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const { path, encoding } = this.options;
      const timeoutMs = timeoutOf(this.options);
      const address = addressOf(this.options);
      const headers = {
        Host: address,
        'Content-Type': encoding.contentType,
        'Content-Length': message.length,
        'Cache-Control': 'no-cache',
      };
      const sent = request({ agent: this.#agent, method: 'POST', path, headers });
      const timer = setTimeout(() => {
        this.#fail(timedOut(address, 'no answer', timeoutMs, false));
      }, timeoutMs);
      const settled = (): void => {
        clearTimeout(timer);
        heedNoMore();
        this.#unanswered.delete(sent);
      };
      const heedNoMore = onAbort(signal, () => {
        const failure = givenUp(address, signal?.reason);
        if (wasSent(sent)) reject(failure);
        else {
          waiting.reject(failure.beforeAnyChange());
          sent.destroy();
        }
      });
      const waiting: Waiting = {
        isBegun: false,
        reject: (failure) => {
          settled();
          reject(failure);
        },
      };
      this.#unanswered.set(sent, waiting);
      sent.on('response', (answer) => {
        waiting.isBegun = true;
        this.#read(answer).then(
          (body) => {
            settled();
            this.#answered = true;
            resolve(body);
          },
          (error: unknown) => {
            waiting.reject(this.#fail(error));
          },
        );
      });
      sent.on('error', (error) => {
        // One that was taken back before it was sent says nothing of the connection.
        if (this.#unanswered.has(sent)) waiting.reject(this.#fail(error));
      });
      sent.end(message);
    });
  }

  async close(): Promise<void> {
    const address = addressOf(this.options);
    this.#break(closedHere(address, this.#unanswered.size > 0));
    for (const sent of this.#unanswered.keys()) sent.destroy();
    await closeTls(this.socket);
  }

  /** @throws ConnectionFailure, and what the stream throws */
  async #read(answer: IncomingMessage): Promise<Buffer> {
    const { encoding, maxResponseBytes = DEFAULT_MAX_RESPONSE_BYTES } = this.options;
    const { statusCode = 0, headers } = answer;
    if (statusCode !== 200) throw this.#noKmip(`it answers with the HTTP status ${statusCode}`, statusCode);
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
    if (type !== encoding.contentType) throw this.#noKmip(`its answer is no ${encoding.contentType}`);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > maxResponseBytes)
        throw this.#noKmip(`its answer is longer than ${maxResponseBytes} bytes`);
    }
    return Buffer.concat(chunks);
  }

  #noKmip(what: string, status = 200): ConnectionFailure {
    return new ConnectionFailure('protocol', `${addressOf(this.options)}: ${what}`, {
      hint:
        status === PAYLOAD_TOO_LARGE
          ? 'The request is longer than the server takes.'
          : `Check that KMIP is served over HTTPS there, with the target ${this.options.path}.`,
      // A server that refuses a request as such has not looked into it.
      outcomeKnown: status >= 400 && status < 500,
    });
  }

  #fail(error: unknown): ConnectionFailure {
    const failure = this.#break(error);
    this.socket.destroy();
    return failure;
  }

  /** The first reason counts; later ones are its consequences. */
  #break(error: unknown): ConnectionFailure {
    if (this.#failure !== undefined) return this.#failure;
    const failure = explainBreak(error, {
      address: addressOf(this.options),
      secure: true,
      answered: this.#answered,
      pending: this.#unanswered.size > 0,
    });
    this.#failure = failure;
    for (const [sent, { isBegun, reject }] of this.#unanswered) {
      if (isBegun) continue;
      const known = wasSent(sent) ? failure : failure.beforeAnyChange();
      // Nothing else ends one that waits for the answers to earlier requests.
      sent.destroy();
      reject(known);
    }
    return failure;
  }
}
