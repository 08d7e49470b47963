import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv/basics';
import { adminSocketPath } from './admin-socket';
import {
  BROKEN_OFF_TRAILER,
  type AdminCall,
  type AdminCalls,
  type AdminErrorAnswer,
  type AdminStream,
} from './admin-protocol';

/** Longest a server may be silent; adding a client with an RSA key pair takes a second or two. */
const CALL_TIMEOUT_MS = 30_000;
/** What a node does not tell of itself within seconds it does not tell at all. */
const STATUS_TIMEOUT_MS = 5_000;
/** The answer to what first walks through all objects, or all records, begins as late as there are many. */
const WALK_TIMEOUT_MS = 3_600_000;
const WALKS: readonly AdminCall[] = [
  'POST /audit/search',
  'POST /backup',
  'POST /copies/:name/confirm',
  'GET /domain-keys',
  'POST /domain-keys/rotate',
  'POST /escrow',
  'GET /objects/digests',
  'POST /reindex',
];

const NOBODY_THERE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED'];

/** Talks to the running server of a data folder. */
export class AdminClient {
  constructor(
    private readonly dataDir: string,
    private readonly officerToken?: string,
  ) {}

  /**
   * One call; `parameters` fill the path's `:name`.
   * @throws HoldfastError InvalidField where `name` is empty, StoreUnavailable where no server answers, else what the server
   * refused with
   */
  async call<C extends Exclude<AdminCall, AdminStream>>(
    call: C,
    body?: AdminCalls[C]['request'],
    parameters: { readonly name?: string } = {},
  ): Promise<AdminCalls[C]['answer']> {
    const [method, template] = call.split(' ') as [string, string];
    if (parameters.name === '') throw new HoldfastError('InvalidField', 'the name is empty');
    const path = template.replace(':name', encodeURIComponent(parameters.name ?? ''));
    const response = await this.#exchange(method, path, body, timeoutOf(call));
    const text = await textOf(response);
    if (response.statusCode === 200) return JSON.parse(text) as AdminCalls[C]['answer'];
    throw refusalFrom(text);
  }

  /**
   * One call whose answer is a stream; it ends with an error where the server could not finish it.
   * @throws HoldfastError as `call`
   */
  async stream<C extends AdminStream>(
    call: C,
    body: AdminCalls[C]['request'],
  ): Promise<AsyncIterable<Buffer>> {
    const [method, path] = call.split(' ') as [string, string];
    const response = await this.#exchange(method, path, body, timeoutOf(call));
    if (response.statusCode === 200) return this.#whole(response);
    throw refusalFrom(await textOf(response));
  }

  /** @throws HoldfastError as the server says behind what it could not finish; StoreUnavailable where it says nothing */
  async *#whole(response: IncomingMessage): AsyncGenerator<Buffer> {
    try {
      yield* response as AsyncIterable<Buffer>;
    } catch (cause) {
      throw this.#unreachable(cause as NodeJS.ErrnoException);
    }
    const brokenOff = response.trailers[BROKEN_OFF_TRAILER];
    if (brokenOff !== undefined) throw refusalFrom(decodeURIComponent(brokenOff));
  }

  #exchange(method: string, path: string, body: unknown, timeoutMs: number): Promise<IncomingMessage> {
    const socket = adminSocketPath(this.dataDir);
    return new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({
        socketPath: socket.path,
        method,
        path,
        timeout: timeoutMs,
        headers: {
          'content-type': 'application/json',
          ...(this.officerToken === undefined ? {} : { authorization: `Bearer ${this.officerToken}` }),
        },
      });
      call.on('response', (response) => {
        call.setTimeout(Math.min(timeoutMs, CALL_TIMEOUT_MS));
        resolve(response);
      });
      call.on('timeout', () => call.destroy(this.#late(timeoutMs)));
      call.on('error', (cause) => reject(this.#unreachable(cause)));
      if (isBytes(body)) {
        // Where it is cut short, the answer says why.
        pipeline(Readable.from(body), call).catch(() => undefined);
      } else call.end(body === undefined ? undefined : JSON.stringify(body));
    }).finally(() => socket.release());
  }

  #late(timeoutMs: number): HoldfastError {
    const seconds = timeoutMs / 1000;
    const message = `the Holdfast server on ${this.dataDir} is there, but has not answered within ${seconds} s: its process stands still or is overloaded`;
    return new HoldfastError('StoreUnavailable', message);
  }

  #unreachable(cause: NodeJS.ErrnoException): HoldfastError {
    if (cause instanceof HoldfastError) return cause;
    if (cause.code === 'EACCES') {
      const message = `this user may not administer ${this.dataDir}: be the user that the server runs as`;
      return new HoldfastError('Configuration', message, { cause });
    }
    if (cause.code !== undefined && NOBODY_THERE.includes(cause.code)) {
      const message = `no Holdfast server is running on ${this.dataDir}: start one (holdfast serve), or name its --data-dir`;
      return new HoldfastError('StoreUnavailable', message);
    }
    const message = `the Holdfast server on ${this.dataDir} broke the connection off: see holdfast status, and its log`;
    return new HoldfastError('StoreUnavailable', message, { cause });
  }
}

/** How long the answer may take to begin, in milliseconds. */
export function timeoutOf(call: AdminCall): number {
  if (call === 'GET /status') return STATUS_TIMEOUT_MS;
  return WALKS.includes(call) ? WALK_TIMEOUT_MS : CALL_TIMEOUT_MS;
}

function isBytes(body: unknown): body is AsyncIterable<Buffer> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function refusalFrom(text: string): HoldfastError {
  const { error } = JSON.parse(text) as AdminErrorAnswer;
  return new HoldfastError(error.code as ErrorCode, error.message);
}
