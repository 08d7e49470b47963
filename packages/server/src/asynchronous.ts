import { setTimeout as delay } from 'node:timers/promises';
import { BatchErrorContinuationOption, Tag, type CancellationResult, type Request } from '@holdfast/kmip';
import {
  HoldfastError,
  type Actor,
  type AsynchronousRequest,
  type AsynchronousRequestStore,
  type ClaimedRequest,
  type Directory,
  type ErrorCode,
  type ItemOutcome,
  type KeptRequest,
  type KeyStoreSession,
  type KeyStoreTransaction,
  type NewAsynchronousRequest,
  type Principal,
  type StoredObject,
  type StoredOutcome,
  type TicketChanges,
  type Users,
  type Awaitable,
} from '@holdfast/core';
import { ItemType, SecretBytes, decodeTtlv, encodeTtlv, type Item, type StructureItem } from '@holdfast/ttlv';
import { Batch } from './batch';
import type { BatchPorts } from './batch-ports';
import type { ServerLimits } from './config';
import { describeError, type Logger } from './log';
import type { AsynchronousProcessing } from './pending';

/** Requests that one process carries out at once: key generation has few threads to run on. */
const CONCURRENCY = 2;
/** How soon requests are found that another node took in, or left behind. */
const SCAN_INTERVAL_MS = 1000;
const EXPIRY_INTERVAL_MS = 60_000;
const WAIT_MS = 20;
/** A request during which the process ended so often is at fault itself. */
const MAX_ATTEMPTS = 4;

/** What an attempt at a request leaves behind, to be seen to once its transaction has ended. */
interface Attempt {
  /** The request and its outcome, in clear: an outcome, and what is told of, may repeat what was asked. */
  readonly secrets: SecretBytes[];
  batch: Batch | undefined;
}

export interface AsynchronousPorts extends Omit<BatchPorts, 'asynchronous'> {
  readonly requests: AsynchronousRequestStore;
  readonly directory: Directory;
  readonly users: Users;
  /** Loads the keys of a principal's domain. */
  readonly prepare: (principal: Principal) => Promise<void>;
}

/**
 * Carries out pending batch items in this process: those that were made here and, since any node may carry out any,
 * those that were left by others.
 */
export class AsynchronousProcessor implements AsynchronousProcessing {
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #scan: NodeJS.Timeout | undefined;
  #lastExpiryMs = 0;
  #isLooking = false;

  constructor(
    private readonly ports: AsynchronousPorts,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#scan = setInterval(() => void this.#look(), SCAN_INTERVAL_MS);
    this.#scan.unref();
    void this.#look();
  }

  /** Begins nothing new, waits for what is under way up to the limit of a drain, and takes back the rest. */
  async close(): Promise<void> {
    clearInterval(this.#scan);
    this.#scan = undefined;
    const force = setTimeout(() => this.#ended.abort(), this.limits.drainTimeoutMs);
    await Promise.all(this.#running);
    clearTimeout(force);
  }

  async submit(request: NewAsynchronousRequest): Promise<Buffer> {
    const correlationValue = await this.ports.requests.submit(request, this.limits.maxPendingRequests);
    void this.#look();
    return correlationValue;
  }

  async find(principal: Principal, correlationValue: Buffer): Promise<AsynchronousRequest | undefined> {
    const kept = await this.ports.requests.find(principal.clientId, correlationValue);
    return kept === undefined ? undefined : asRequest(kept);
  }

  async outstanding(principal: Principal): Promise<readonly AsynchronousRequest[]> {
    return (await this.ports.requests.outstanding(principal.clientId)).map(asRequest);
  }

  obtained(principal: Principal, correlationValue: Buffer): Promise<void> {
    return this.ports.requests.obtained(principal, correlationValue);
  }

  cancel(principal: Principal, correlationValue: Buffer): Promise<CancellationResult> {
    return this.ports.requests.cancel(principal, correlationValue);
  }

  async process(principal: Principal, correlationValue: Buffer): Promise<boolean> {
    const { requests } = this.ports;
    const { isFirst, ids } = await requests.askForProcessing(principal, correlationValue);
    if (!isFirst) return false;
    for (const id of ids) {
      while (!(await requests.isCompleted(id))) {
        const claimed = await requests.claim(id);
        if (claimed !== undefined) await this.#attempt(claimed);
        else await delay(WAIT_MS);
      }
    }
    return true;
  }

  /** Takes requests up as long as there are any and there is room. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#removeExpired();
      while (this.#scan !== undefined && this.#running.size < CONCURRENCY) {
        const claimed = await this.ports.requests.claim();
        if (claimed === undefined) break;
        const run = this.#attempt(claimed)
          .catch((error: unknown) =>
            this.log.error({ error: describeError(error) }, 'a pending request waits for its next attempt'),
          )
          .finally(() => {
            this.#running.delete(run);
            void this.#look();
          });
        this.#running.add(run);
      }
    } catch (error) {
      this.log.warn({ error: describeError(error) }, 'pending requests cannot be looked for');
    } finally {
      this.#isLooking = false;
    }
  }

  async #removeExpired(): Promise<void> {
    if (Date.now() - this.#lastExpiryMs < EXPIRY_INTERVAL_MS) return;
    this.#lastExpiryMs = Date.now();
    while ((await this.ports.requests.removeExpired()) > 0);
  }

  async #attempt(claimed: ClaimedRequest): Promise<void> {
    const attempt: Attempt = { secrets: [], batch: undefined };
    try {
      const isDone = await this.ports.requests.complete(claimed, async (session) => {
        attempt.batch = undefined;
        // What goes on after that reaches nothing: the connection may serve somebody else by then.
        const guarded = guardedSession(session, this.#ended.signal);
        const outcome = await this.#unlessEnded(this.#outcomeOf(claimed, guarded, attempt));
        attempt.secrets.push(outcome.content);
        return outcome;
      });
      if (isDone) attempt.batch?.changes.tell();
    } finally {
      for (const secret of attempt.secrets) secret.destroy();
    }
  }

  /** @throws HoldfastError InternalServerError where this process takes back what is under way */
  #unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#ended;
    return new Promise((resolve, reject) => {
      const end = (): void => reject(stopping());
      signal.addEventListener('abort', end, { once: true });
      work.finally(() => signal.removeEventListener('abort', end)).then(resolve, reject);
    });
  }

  async #outcomeOf(
    claimed: ClaimedRequest,
    session: KeyStoreTransaction,
    attempt: Attempt,
  ): Promise<StoredOutcome> {
    if (claimed.isStopped) return failure('GeneralFailure', 'an earlier operation of the batch failed');
    if (claimed.attempt > MAX_ATTEMPTS) {
      return failure('GeneralFailure', 'the server could not complete the operation');
    }
    const principal = await this.#principalOf(claimed);
    if (principal === undefined) return failure('PermissionDenied', 'the client is revoked');
    await this.ports.prepare(principal);
    const payload = claimed.openPayload();
    attempt.secrets.push(payload);
    const request = requestOf(claimed, decodeTtlv(payload.reveal()) as StructureItem);
    const ports = { ...this.ports, asynchronous: this };
    const { maxResponseBytes } = this.limits;
    const options = { approval: claimed.approval, signal: this.#ended.signal };
    const batch = new Batch(request, principal, ports, maxResponseBytes, this.log, options);
    attempt.batch = batch;
    const outcome = await batch.runWithin(session);
    return outcome.status === 'failure' ? failure(outcome.code, outcome.message) : success(outcome.payload);
  }

  /** Who asked, as it stands now: what it may do may have changed since. */
  async #principalOf(claimed: ClaimedRequest): Promise<Principal | undefined> {
    const { kind, clientId, credentialId, peer } = claimed;
    const { directory, users } = this.ports;
    const holder =
      kind === 'user'
        ? (await users.listUsers()).find(({ id }) => id === clientId)
        : await directory.standing(clientId, credentialId);
    const domain = (await directory.listDomains()).find(({ id }) => id === holder?.domainId);
    if (holder === undefined || domain === undefined) return undefined;
    const { name, domainId, role } = holder;
    const { namesMayRepeat } = domain.settings;
    const settings = 'settings' in holder ? holder.settings : undefined;
    return { kind, clientId, clientName: name, domainId, role, credentialId, peer, settings, namesMayRepeat };
  }
}

function failure(code: ErrorCode, message: string): StoredOutcome {
  return { failure: code, content: new SecretBytes(Buffer.from(message, 'utf8')) };
}

function success(payload: Item | undefined): StoredOutcome {
  const content = payload === undefined ? Buffer.alloc(0) : encodeTtlv(payload);
  return { failure: undefined, content: new SecretBytes(content) };
}

function stopping(): HoldfastError {
  return new HoldfastError('InternalServerError', 'the server stops');
}

/** A batch of the one item, as if it came now and had to be answered at once. */
export function requestOf(
  { dialect, operation, isEphemeral }: Pick<ClaimedRequest, 'dialect' | 'operation' | 'isEphemeral'>,
  payload: StructureItem,
): Request {
  return {
    dialect,
    header: {
      protocolVersion: dialect,
      asynchronousIndicator: 'prohibited',
      attestationCapableIndicator: false,
      attestationTypes: [],
      credentials: [],
      batchErrorContinuationOption: BatchErrorContinuationOption.Stop,
      batchOrderOption: true,
    },
    items: [{ operation, ephemeral: isEphemeral, payload, messageExtensions: [] }],
  };
}

function guardedSession(session: KeyStoreTransaction, ended: AbortSignal): KeyStoreTransaction {
  const guard = <A extends unknown[], R>(call: (...args: A) => Awaitable<R>) => {
    return async (...args: A): Promise<R> => {
      if (ended.aborted) throw stopping();
      return call(...args);
    };
  };
  return {
    fetch: guard((domainId: string, uniqueIdentifier: string) => session.fetch(domainId, uniqueIdentifier)),
    locate: guard((query: Parameters<KeyStoreSession['locate']>[0]) => session.locate(query)),
    commit: guard((...args: Parameters<KeyStoreSession['commit']>) => session.commit(...args)),
    lock: guard((object: StoredObject) => session.lock(object)),
    useApproval: guard((number: number, actor: Actor) => session.useApproval(number, actor)),
    tickets: {
      issue: guard((...args: Parameters<TicketChanges['issue']>) => session.tickets.issue(...args)),
      end: guard((...args: Parameters<TicketChanges['end']>) => session.tickets.end(...args)),
      spend: guard((...args: Parameters<TicketChanges['spend']>) => session.tickets.spend(...args)),
    },
    removeAll: guard((domainId: string, actor: Actor) => session.removeAll(domainId, actor)),
  };
}

function asRequest(kept: KeptRequest): AsynchronousRequest {
  return { ...kept, outcome: () => outcomeOf(kept.outcome()) };
}

function outcomeOf(stored: StoredOutcome | undefined): ItemOutcome | undefined {
  if (stored === undefined) return undefined;
  const { failure: code, content } = stored;
  const bytes = content.reveal();
  if (code !== undefined) return { status: 'failure', code, message: bytes.toString('utf8') };
  if (bytes.length === 0) return { status: 'success', payload: undefined };
  const payload = decodeTtlv(bytes);
  if (payload.tag !== Tag.ResponsePayload || payload.type !== ItemType.Structure) {
    throw new HoldfastError('IntegrityViolation', 'the stored result is no Response Payload');
  }
  return { status: 'success', payload };
}
