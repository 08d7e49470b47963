import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, type Actor, type AuditLog, type Directory, type ErrorCode } from '@holdfast/core';
import { DEFAULT_LIMITS as TTLV_LIMITS } from '@holdfast/ttlv';
import { checksOf, handlersOf, type AdminServices, type Checks, type Handlers } from './admin-handlers';
import {
  BROKEN_OFF_TRAILER,
  CALLS_OF_ROLES,
  OPERATOR_CALLS,
  SEALED_CALLS,
  STREAMED_REQUESTS,
  isStream,
  type AdminCall,
  type AdminErrorAnswer,
} from './admin-protocol';
import { adminSocketPath } from './admin-socket';
import { describeError, type Logger } from './log';
import { officerOf } from './officer';

/** An escrowed object, as long as a client may send one, comes back in one request, in base64. */
const MAX_BODY_BYTES = 2 * TTLV_LIMITS.maxMessageBytes;
/** How long a stop waits for calls that are being answered, among them the one that asked for it. */
const LAST_CALLS_MS = 2_000;

/** Asked over and over by who waits, and telling nothing of clients. What changes something leaves records of its own. */
const LEAVES_NO_RECORD: ReadonlySet<AdminCall> = new Set([
  'GET /status',
  'GET /verification',
  'GET /audit/key',
  'GET /audit/retention',
  'GET /audit/archives',
  'POST /unseal',
  'POST /seal',
]);

/** Whether a call only reads, also where it is asked with a body; the rest leave records by what they do. */
function isReading(call: AdminCall): boolean {
  return call.startsWith('GET') || call === 'POST /escrow/compare';
}

const HTTP_STATUS: Partial<Record<ErrorCode, number>> = {
  AuthenticationNotSuccessful: 401,
  PermissionDenied: 403,
  ItemNotFound: 404,
  ObjectAlreadyExists: 409,
  NonUniqueNameAttribute: 409,
  InvalidField: 400,
  InvalidCSR: 400,
  InvalidMessage: 400,
  RootOfTrustUnavailable: 503,
};

/** Finds the call that a method and path name, and the path's `:name`. @throws HoldfastError InvalidMessage */
function route(
  handlers: Handlers,
  method: string,
  path: string,
): { call: AdminCall; name: string } | undefined {
  for (const call of Object.keys(handlers) as AdminCall[]) {
    const [callMethod, template] = call.split(' ') as [string, string];
    if (callMethod !== method) continue;
    const match = new RegExp(`^${template.replace(':name', '([^/]+)')}$`).exec(path);
    if (match !== null) return { call, name: decoded(match[1] ?? '') };
  }
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new HoldfastError('InvalidMessage', 'the path has a % without two hex digits of UTF-8', { cause });
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new HoldfastError('InvalidMessage', 'the request is too long');
    chunks.push(chunk);
  }
  if (length === 0) return {};
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // Falls through to the refusal.
  }
  throw new HoldfastError('InvalidMessage', 'the request is not a JSON object');
}

/** Whether somebody listens on a Unix socket. */
function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (answers: boolean): void => {
      probe.destroy();
      resolve(answers);
    };
    probe.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

/** The administration socket of one node. */
export class AdminServer {
  readonly #server: Server;
  readonly #calls = new Set<Promise<void>>();
  readonly #handlers: Handlers;
  readonly #checks: Checks;
  #socket: { readonly path: string; release(): void } | undefined;

  constructor(
    private readonly services: AdminServices,
    private readonly directory: Directory,
    private readonly auditLog: AuditLog,
    private readonly log: Logger,
  ) {
    this.#handlers = handlersOf(services);
    this.#checks = checksOf(services);
    this.#server = createServer((request, response) => {
      const call = this.#serve(request, response).finally(() => this.#calls.delete(call));
      this.#calls.add(call);
    });
  }

  /**
   * Binds the socket (mode 0600) in the data folder; one left by a killed server is replaced.
   * @throws HoldfastError Configuration where another server is running on the data folder
   */
  async listen(dataDir: string): Promise<void> {
    const socket = adminSocketPath(dataDir);
    this.#socket = socket;
    if (await isAnswering(socket.path)) {
      throw new HoldfastError('Configuration', `another Holdfast server is running on ${dataDir}`);
    }
    rmSync(socket.path, { force: true });
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(socket.path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    chmodSync(socket.path, 0o600);
  }

  async close(): Promise<void> {
    const patience = new AbortController();
    const isUp = delay(LAST_CALLS_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#calls), isUp]);
    patience.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#socket?.release();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#handle(request);
      if (isStream(answer)) await this.#stream(response, answer);
      else this.#answer(response, 200, answer);
    } catch (error) {
      const known = error instanceof HoldfastError;
      const isHalfAnswered = response.headersSent;
      if (isHalfAnswered || !known || HTTP_STATUS[error.code] === undefined) {
        this.log.error({ error: describeError(error) }, 'administrative call failed');
      }
      const code = known ? error.code : 'InternalServerError';
      const message = known ? error.message : 'the call failed; the server log says why';
      const refusal: AdminErrorAnswer = { error: { code, message } };
      if (isHalfAnswered) breakOff(response, refusal);
      else this.#answer(response, HTTP_STATUS[code] ?? 500, refusal);
    }
  }

  async #handle(request: IncomingMessage): Promise<unknown> {
    const routed = route(this.#handlers, request.method ?? '', request.url ?? '');
    if (routed === undefined) throw new HoldfastError('ItemNotFound', 'there is no such administrative call');
    const { call, name } = routed;
    if (this.services.control.isSealed() && !SEALED_CALLS.includes(call)) throw sealed();
    const { authorization } = request.headers;
    let actor = await this.#actor(call, authorization);
    let body: unknown = request;
    if (!STREAMED_REQUESTS.includes(call)) {
      body = await bodyOf(request);
      // Whoever may take minutes over it may be revoked meanwhile.
      actor = await this.#actor(call, authorization);
    }
    const handler = this.#handlers[call] as (body: unknown, name: string, actor: Actor) => Promise<unknown>;
    let answer: unknown;
    try {
      requireRole(actor, call);
      const work = () => handler(body, name, actor);
      const check = () => this.#check(call, body, name);
      answer =
        actor.kind === 'officer'
          ? await this.services.approvals.callApproved({ call, subject: name, body, check }, actor, work)
          : await work();
    } catch (error) {
      if (error instanceof HoldfastError) await this.#record(call, name, actor, error.code);
      throw error;
    }
    if (call === 'POST /drain') await this.#recordDrain(actor);
    else if (!LEAVES_NO_RECORD.has(call) && isReading(call)) await this.#record(call, name, actor);
    return answer;
  }

  /** @throws HoldfastError where what is asked for cannot be done as things are */
  async #check(call: AdminCall, body: unknown, name: string): Promise<void> {
    await (this.#checks[call] as ((body: unknown, name: string) => unknown) | undefined)?.(body, name);
  }

  async #actor(call: AdminCall, authorization: string | undefined): Promise<Actor> {
    const operator: Actor = { kind: 'operator', id: 'operator', name: 'operator' };
    if (OPERATOR_CALLS.includes(call)) return operator;
    const token = /^Bearer ([A-Za-z0-9_-]+)$/.exec(authorization ?? '')?.[1];
    const officer = token === undefined ? undefined : await officerOf(this.directory, token);
    if (officer !== undefined) return officer;
    const refusal = new HoldfastError(
      'AuthenticationNotSuccessful',
      token === undefined
        ? `this call needs an officer credential${CALLS_OF_ROLES.auditor.includes(call) ? ', or that of an auditor' : ''}`
        : 'the officer credential is unknown or revoked',
    );
    await this.#record(call, '', operator, refusal.code);
    throw refusal;
  }

  async #record(call: AdminCall, name: string, actor: Actor, reason?: string): Promise<void> {
    // A sealed node has no keys to record with.
    if (this.services.control.isSealed()) return;
    await this.auditLog.append({
      actor,
      action: call,
      subject: name === '' ? undefined : name,
      outcome: reason === undefined ? 'success' : 'failure',
      reason,
    });
  }

  /** The node stops in any case, also where its database takes no record of that. */
  async #recordDrain(actor: Actor): Promise<void> {
    try {
      await this.#record('POST /drain', '', actor);
    } catch (error) {
      this.log.error({ error: describeError(error) }, 'the order to drain could not be recorded');
    }
  }

  async #stream(response: ServerResponse, content: AsyncIterable<Buffer>): Promise<void> {
    const stream = Readable.from(content, { objectMode: false });
    // The first bytes decide whether it is an answer or a refusal.
    await once(stream, 'readable');
    response.writeHead(200, { 'content-type': 'application/octet-stream', trailer: BROKEN_OFF_TRAILER });
    await pipeline(stream, response, { end: false });
    response.end();
  }

  #answer(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

/** Half a stream has gone out: what comes behind it says that it is no whole, and why. */
function breakOff(response: ServerResponse, refusal: AdminErrorAnswer): void {
  if (response.destroyed) return;
  response.addTrailers({ [BROKEN_OFF_TRAILER]: encodeURIComponent(JSON.stringify(refusal)) });
  response.end();
}

const LIMITED_ROLES = {
  auditor: 'auditors read the audit log',
  'backup-operator': 'backup operators make backups',
} as const;

/** @throws HoldfastError PermissionDenied where somebody's role does not allow a call */
function requireRole({ kind }: Actor, call: AdminCall): void {
  if ((kind !== 'auditor' && kind !== 'backup-operator') || CALLS_OF_ROLES[kind].includes(call)) return;
  throw new HoldfastError(
    'PermissionDenied',
    `${LIMITED_ROLES[kind]}: this call needs the credential of an officer`,
  );
}

function sealed(): HoldfastError {
  return new HoldfastError(
    'RootOfTrustUnavailable',
    'the node is sealed: it answers once enough custodians have run holdfast unseal',
  );
}
