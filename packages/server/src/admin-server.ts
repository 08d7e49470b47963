import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, type Actor, type AuditLog, type Directory, type ErrorCode } from '@holdfast/core';
import type { SealedShare } from '@holdfast/crypto';
import {
  AUDITOR_CALLS,
  OPERATOR_CALLS,
  SEALED_CALLS,
  STREAMED_REQUESTS,
  isStream,
  type AdminCall,
  type AdminCalls,
  type Done,
  type ReshareRequest,
  type StatusAnswer,
  type UnsealAnswer,
} from './admin-protocol';
import { adminSocketPath } from './admin-socket';
import type { ApprovalAdministration } from './approval-rules';
import type { Approvals } from './approvals';
import type { Safekeeping } from './escrow/safekeeping';
import type { AuditAdministration } from './audit/administration';
import type { Administration } from './administration';
import type { UserAdministration } from './user-administration';
import { describeError, type Logger } from './log';
import { officerOf } from './officer';
import type { KeyRotation } from './key-rotation';
import type { RootMigration } from './root-migration';
import type { Upkeep } from './upkeep';

/** An escrowed object comes back in one request. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
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

/** What the socket itself allows, given by the node. */
export interface NodeControl {
  status(): Promise<StatusAnswer>;
  /** Begins to drain; resolves at once. */
  drain(): void;
  isSealed(): boolean;
  unseal(share: SealedShare): Promise<UnsealAnswer>;
  seal(actor: Actor): Promise<void>;
  reshare(request: ReshareRequest, actor: Actor): Promise<void>;
}

type Handlers = {
  readonly [C in AdminCall]: (
    body: AdminCalls[C]['request'],
    name: string,
    actor: Actor,
  ) => Promise<AdminCalls[C]['answer']>;
};

const HTTP_STATUS: Partial<Record<ErrorCode, number>> = {
  AuthenticationNotSuccessful: 401,
  PermissionDenied: 403,
  ItemNotFound: 404,
  ObjectAlreadyExists: 409,
  InvalidField: 400,
  InvalidCSR: 400,
  InvalidMessage: 400,
  RootOfTrustUnavailable: 503,
};

function handlersOf(
  administration: Administration,
  users: UserAdministration,
  upkeep: Upkeep,
  safekeeping: Safekeeping,
  approvals: Approvals,
  rules: ApprovalAdministration,
  keyRotation: () => KeyRotation,
  rootMigration: () => RootMigration,
  control: NodeControl,
  audit: AuditAdministration,
): Handlers {
  const done: Done = { done: true };
  return {
    'GET /status': () => control.status(),
    'POST /drain': () => {
      control.drain();
      return Promise.resolve(done);
    },
    'POST /unseal': (body) => control.unseal(body),
    'POST /seal': async (_body, _name, actor) => {
      await control.seal(actor);
      return done;
    },
    'GET /domains': () => administration.listDomains(),
    'POST /domains': (body, _name, actor) => administration.addDomain(body.name, body.settings, actor),
    'POST /domains/:name/settings': (body, name, actor) => administration.changeDomain(name, body, actor),
    'GET /clients': () => administration.listClients(),
    'POST /clients': (body, _name, actor) => administration.addClient(body, actor),
    'POST /clients/:name/settings': (body, name, actor) => administration.changeClient(name, body, actor),
    'GET /users': () => users.listUsers(),
    'POST /users': (body, _name, actor) => users.addUser(body, actor),
    'POST /users/:name/password': async (body, name, actor) => {
      await users.changePassword(name, body.password, actor);
      return done;
    },
    'POST /users/:name/remove': async (_body, name, actor) => {
      await users.removeUser(name, actor);
      return done;
    },
    'GET /clients/:name': (_body, name) => administration.showClient(name),
    'POST /clients/:name/credentials': (body, name, actor) => administration.addCredential(name, body, actor),
    'POST /clients/:name/revoke': (body, name, actor) =>
      administration.revokeClient(name, body.credentialId, actor),
    'GET /authorities': () => administration.authorities.list(),
    'POST /authorities': (body, _name, actor) =>
      administration.authorities.add(body.name, body.certificatePem, actor),
    'POST /verification': (_body, _name, actor) => upkeep.startVerification(actor),
    'GET /verification': () => upkeep.verification(),
    'POST /backup': (body, _name, actor) => safekeeping.backup(body, actor),
    'POST /escrow': (body, _name, actor) => safekeeping.escrow(body, actor),
    'GET /copies': () => safekeeping.list(),
    'POST /copies/:name/confirm': (body, name, actor) => safekeeping.confirm(name, body.sha256, actor),
    'POST /escrow/compare': (body) => safekeeping.compare(body.objects),
    'POST /escrow/recover': (body, _name, actor) => safekeeping.recover(body, actor),
    'POST /escrow/import': (body, _name, actor) => safekeeping.import(body, actor),
    'GET /objects/digests': () => Promise.resolve(upkeep.objectDigests()),
    'GET /approvals': async () => approvals.list(await rules.domainNames()),
    'POST /approvals/:name/approve': async (_body, name, actor) =>
      approvals.vote(name, true, actor, await rules.domainNames()),
    'POST /approvals/:name/deny': async (_body, name, actor) =>
      approvals.vote(name, false, actor, await rules.domainNames()),
    'GET /approval-rules': () => rules.list(),
    'POST /approval-rules': (body, _name, actor) => rules.set(body, actor),
    'POST /reindex': (_body, _name, actor) => upkeep.reindex(actor),
    'POST /authorities/roll': (body, _name, actor) => administration.authorities.roll(body, actor),
    'GET /authorities/:name': (_body, name) => administration.authorities.show(name),
    'POST /authorities/:name/serve': (_body, name, actor) => administration.authorities.serve(name, actor),
    'GET /crl': () => administration.authorities.crl(undefined),
    'GET /authorities/:name/crl': (_body, name) => administration.authorities.crl(name),
    'POST /authorities/:name/revoke': async (_body, name, actor) => {
      await administration.authorities.revoke(name, actor);
      return done;
    },
    'GET /root': () => rootMigration().status(),
    'POST /root/move': (body, _name, actor) => rootMigration().move(body, actor),
    'POST /root/retire': (body, _name, actor) => rootMigration().retire(body.destroyFile === true, actor),
    'POST /root/destroy': async (body, _name, actor) => {
      await rootMigration().destroy(body, actor);
      return done;
    },
    'POST /root/cancel': (_body, _name, actor) => rootMigration().cancel(actor),
    'GET /domain-keys': () => keyRotation().status(),
    'GET /domain-keys/rotation': () => keyRotation().rotation(),
    'POST /domain-keys/rotate': (body, _name, actor) => keyRotation().rotate(body.domain, actor),
    'POST /root/reshare': async (body, _name, actor) => {
      await control.reshare(body, actor);
      return done;
    },
    'POST /audit/search': (body, _name, actor) => audit.search(body, actor),
    'POST /audit/export': (body, _name, actor) => audit.export(body, actor),
    'POST /audit/verification': (body, _name, actor) => audit.verify(body, actor),
    'GET /audit/retention': () => audit.retention(),
    'POST /audit/retention': (body, _name, actor) => audit.setRetention(body, actor),
    'GET /audit/archives': () => audit.archives(),
    'POST /audit/archive': (body, _name, actor) => audit.archive(body.before, actor),
    'POST /audit/archives/open': (body, _name, actor) => audit.openArchive(body, actor),
    'GET /audit/key': () => Promise.resolve(audit.key()),
    'GET /officers': () => administration.listOfficers('officer'),
    'POST /officers': (body, _name, actor) => administration.addOfficer(body.name, 'officer', actor),
    'POST /officers/:name/revoke': async (_body, name, actor) => {
      await administration.revokeOfficer(name, actor);
      return done;
    },
    'GET /auditors': () => administration.listOfficers('auditor'),
    'POST /auditors': (body, _name, actor) => administration.addOfficer(body.name, 'auditor', actor),
    'POST /auditors/:name/revoke': async (_body, name, actor) => {
      await administration.revokeAuditor(name, actor);
      return done;
    },
  };
}

/** Finds the call that a method and path name, and the path's `:name`. */
function route(
  handlers: Handlers,
  method: string,
  path: string,
): { call: AdminCall; name: string } | undefined {
  for (const call of Object.keys(handlers) as AdminCall[]) {
    const [callMethod, template] = call.split(' ') as [string, string];
    if (callMethod !== method) continue;
    const match = new RegExp(`^${template.replace(':name', '([^/]+)')}$`).exec(path);
    if (match !== null) return { call, name: decodeURIComponent(match[1] ?? '') };
  }
  return undefined;
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
  #socket: { readonly path: string; release(): void } | undefined;

  constructor(
    administration: Administration,
    users: UserAdministration,
    upkeep: Upkeep,
    safekeeping: Safekeeping,
    private readonly approvals: Approvals,
    rules: ApprovalAdministration,
    keyRotation: () => KeyRotation,
    rootMigration: () => RootMigration,
    private readonly control: NodeControl,
    audit: AuditAdministration,
    private readonly directory: Directory,
    private readonly auditLog: AuditLog,
    private readonly log: Logger,
  ) {
    this.#handlers = handlersOf(
      administration,
      users,
      upkeep,
      safekeeping,
      approvals,
      rules,
      keyRotation,
      rootMigration,
      control,
      audit,
    );
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
      if (response.headersSent) {
        // Half a stream has gone out: its reader learns from the broken connection that it is no whole.
        this.log.error({ error: describeError(error) }, 'administrative call failed');
        response.destroy();
        return;
      }
      const known = error instanceof HoldfastError;
      if (!known || HTTP_STATUS[error.code] === undefined) {
        this.log.error({ error: describeError(error) }, 'administrative call failed');
      }
      const code = known ? error.code : 'InternalServerError';
      const message = known ? error.message : 'the call failed; the server log says why';
      this.#answer(response, HTTP_STATUS[code] ?? 500, { error: { code, message } });
    }
  }

  async #handle(request: IncomingMessage): Promise<unknown> {
    const routed = route(this.#handlers, request.method ?? '', request.url ?? '');
    if (routed === undefined) throw new HoldfastError('ItemNotFound', 'there is no such administrative call');
    const { call, name } = routed;
    if (this.control.isSealed() && !SEALED_CALLS.includes(call)) throw sealed();
    const actor = await this.#actor(call, request.headers.authorization);
    const body = STREAMED_REQUESTS.includes(call) ? request : await bodyOf(request);
    const handler = this.#handlers[call] as (body: unknown, name: string, actor: Actor) => Promise<unknown>;
    let answer: unknown;
    try {
      if (actor.kind === 'auditor' && !AUDITOR_CALLS.includes(call)) throw notForAuditors();
      const work = () => handler(body, name, actor);
      answer =
        actor.kind === 'officer'
          ? await this.approvals.callApproved({ call, subject: name, body }, actor, work)
          : await work();
    } catch (error) {
      if (error instanceof HoldfastError) await this.#record(call, name, actor, error.code);
      throw error;
    }
    if (!LEAVES_NO_RECORD.has(call) && (call.startsWith('GET') || OPERATOR_CALLS.includes(call)))
      await this.#record(call, name, actor);
    return answer;
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
        ? `this call needs an officer credential${AUDITOR_CALLS.includes(call) ? ', or that of an auditor' : ''}`
        : 'the officer credential is unknown or revoked',
    );
    await this.#record(call, '', operator, refusal.code);
    throw refusal;
  }

  async #record(call: AdminCall, name: string, actor: Actor, reason?: string): Promise<void> {
    // A sealed node has no keys to record with.
    if (this.control.isSealed()) return;
    await this.auditLog.append({
      actor,
      action: call,
      subject: name === '' ? undefined : name,
      outcome: reason === undefined ? 'success' : 'failure',
      reason,
    });
  }

  async #stream(response: ServerResponse, content: AsyncIterable<Buffer>): Promise<void> {
    const stream = Readable.from(content, { objectMode: false });
    // The first bytes decide whether it is an answer or a refusal.
    await once(stream, 'readable');
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    await pipeline(stream, response);
  }

  #answer(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

function notForAuditors(): HoldfastError {
  return new HoldfastError(
    'PermissionDenied',
    'auditors read the audit log: this call needs the credential of an officer',
  );
}

function sealed(): HoldfastError {
  return new HoldfastError(
    'RootOfTrustUnavailable',
    'the node is sealed: it answers once enough custodians have run holdfast unseal',
  );
}
