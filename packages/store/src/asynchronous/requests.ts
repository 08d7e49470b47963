import { randomUUID } from 'node:crypto';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  actorOf,
  type AsynchronousRequestStore,
  type AuditOutcome,
  type ClaimedRequest,
  type KeptRequest,
  type KeyStoreTransaction,
  type Keyring,
  type NewAsynchronousRequest,
  type Principal,
  type StoredOutcome,
} from '@holdfast/core';
import { CancellationResult, ProcessingStage, operationEnum } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { DirectoryTransactions, SYSTEM_ACTOR, type DirectoryTransaction } from '../directory/transaction';
import { withdrawApproval } from '../approvals';
import type { PostgresKeyStore } from '../objects/key-store';
import type { Database, Session, StoreLog } from '../postgres/database';
import { unlessRetired } from '../postgres/retired-keys';
import { repeatable } from '../postgres/transaction';
import {
  SUCCESS,
  asynchronousRequests,
  claimedRequest,
  contentColumns,
  correlationValueOf,
  keptRequest,
  outcomeColumns,
  rowIdOf,
  type RequestRow,
} from './table';

/** What is never obtained is forgotten after this; so is what was never carried out. */
const KEPT_SECONDS = 7 * 24 * 3600;
/** An answer that got lost can be fetched once more. */
const KEPT_AFTER_OBTAINED_SECONDS = 600;
/** A claim after which nothing was seen for so long was made by a process that has ended. Its lock says so for sure. */
const CLAIM_MS = 3000;
const REMOVED_AT_ONCE = 100;
/** Class of the advisory locks under which a client's requests are counted: "asyn" in ASCII. */
const COUNT_LOCK = 0x6173796e;

const { Submitted, InProcess, Completed } = ProcessingStage;
const CANCELED = 'OperationCanceledByRequester';

/**
 * Pending batch items over PostgreSQL. An attempt begins with a claim, which raises the row's revision; what it does and
 * its outcome commit together, while the row is locked and has that revision still. So a request takes effect once: of
 * two attempts one finds the row locked, or changed, and a process that is killed leaves nothing behind.
 */
export class PostgresAsynchronousRequests implements AsynchronousRequestStore {
  readonly #transactions: DirectoryTransactions;
  /** Rows that are not what was written: each is reported once and left alone. */
  readonly #damaged = new Set<string>();
  /** Whose requests this process has taken up, the last ones last: whoever has waited longest is next, however much others ask for. */
  readonly #servedDomains = new Set<string>();
  readonly #servedClients = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly keyStore: PostgresKeyStore,
    private readonly log: StoreLog,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  async submit(request: NewAsynchronousRequest, maxPerClient: number): Promise<Buffer> {
    const { principal, chain } = request;
    const id = randomUUID();
    await this.#ensure(principal.domainId);
    await this.#transactions.run(actorOf(principal), async (transaction) => {
      await requireRoom(transaction.session, principal.clientId, maxPerClient);
      const row = await transaction.insert(asynchronousRequests, {
        id,
        domain_id: principal.domainId,
        client_id: principal.clientId,
        client_kind: principal.kind ?? 'client',
        credential_id: principal.credentialId,
        peer: principal.peer,
        chain_id: chain?.id ?? null,
        chain_position: chain?.position ?? 0,
        chain_stops: chain?.stopsAtFailure === true ? 1 : 0,
        operation: request.operation,
        protocol_version: request.dialect.name,
        is_ephemeral: request.isEphemeral ? 1 : 0,
        stage: Submitted,
        outcome: null,
        attempts: 0,
        processing_asked: 0,
        submitted_at_us: this.nowMs() * 1000,
        claimed_at_us: 0,
        expires_at: this.#expiry(KEPT_SECONDS),
        is_obtained: 0,
        approval: request.approval ?? null,
        ...contentColumns(this.keyring, 'request', { id, domainId: principal.domainId }, request.payload),
      });
      await requireUsableKey(transaction.session, row);
      await record(transaction, row, 'pending');
    });
    return correlationValueOf(id);
  }

  async find(clientId: string, correlationValue: Buffer): Promise<KeptRequest | undefined> {
    const row = await this.#read(async (session) => this.#own(session, clientId, correlationValue));
    return row === undefined ? undefined : this.#kept(row);
  }

  async outstanding(clientId: string): Promise<readonly KeptRequest[]> {
    const rows = await this.#read((session) =>
      asynchronousRequests.find(
        session,
        this.keyring,
        { client_id: clientId },
        'AND t.is_obtained = 0 AND t.expires_at > $2 ORDER BY t.submitted_at_us, t.id',
        [this.#expiry(0)],
      ),
    );
    return Promise.all(rows.map((row) => this.#kept(row)));
  }

  async obtained(principal: Principal, correlationValue: Buffer): Promise<void> {
    await this.#change(principal, correlationValue, async (transaction, row) => {
      if (row.stage !== Completed || row.is_obtained === 1) return;
      await this.#obtain(transaction, row, {});
    });
  }

  async cancel(principal: Principal, correlationValue: Buffer): Promise<CancellationResult> {
    await this.#ensure(principal.domainId);
    const found = await this.#change(principal, correlationValue, async (transaction, row) => {
      if (row.stage !== Completed) {
        const message = new SecretBytes(Buffer.from('the client canceled the operation', 'utf8'));
        const outcome = outcomeColumns(this.keyring, row, { failure: CANCELED, content: message });
        await this.#obtain(transaction, row, outcome);
        await this.#withdrawApproval(transaction, row);
        return CancellationResult.Canceled;
      }
      if (row.outcome === CANCELED) return CancellationResult.Canceled;
      return row.outcome === SUCCESS ? CancellationResult.Completed : CancellationResult.Failed;
    });
    if (found === 'locked') return CancellationResult.UnableToCancel;
    return found ?? CancellationResult.Unavailable;
  }

  async askForProcessing(
    principal: Principal,
    correlationValue: Buffer,
  ): Promise<{ readonly isFirst: boolean; readonly ids: readonly string[] }> {
    const answer = await this.#change(principal, correlationValue, async (transaction, row) => {
      const ids = await this.#upTo(transaction.session, row);
      await this.#requireDecided(transaction.session, ids);
      const isFirst = row.processing_asked === 0;
      if (isFirst) {
        const asked = await transaction.update(asynchronousRequests, row, { processing_asked: 1 });
        await record(transaction, asked);
      }
      return { isFirst, ids };
    });
    if (answer === undefined) {
      throw new HoldfastError(
        'InvalidAsynchronousCorrelationValue',
        'no outstanding operation has this Asynchronous Correlation Value',
      );
    }
    // Somebody works on it now: all that is left is to wait for it.
    return answer === 'locked' ? { isFirst: true, ids: [rowIdOf(correlationValue) ?? ''] } : answer;
  }

  async claim(id?: string): Promise<ClaimedRequest | undefined> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const { session } = transaction;
      const [next] = await session.query<{ id: string }>(NEXT, [
        this.nowMs() * 1000 - CLAIM_MS * 1000,
        [...this.#damaged],
        id ?? null,
        this.#expiry(0),
        [...this.#servedDomains],
        [...this.#servedClients],
      ]);
      if (next === undefined) return undefined;
      const row = await this.#undamaged(session, next.id);
      if (row === undefined) return undefined;
      comesLast(this.#servedDomains, String(row.domain_id));
      comesLast(this.#servedClients, String(row.client_id));
      await this.keyring.ensure(String(row.domain_id));
      const claimed = await transaction.update(asynchronousRequests, row, {
        stage: InProcess,
        attempts: Number(row.attempts) + 1,
        claimed_at_us: this.nowMs() * 1000,
      });
      await record(transaction, claimed);
      return claimedRequest(this.keyring, claimed, await this.#isStopped(session, row));
    });
  }

  async complete(
    claimed: ClaimedRequest,
    work: (session: KeyStoreTransaction) => Promise<StoredOutcome>,
  ): Promise<boolean> {
    const { id, revision } = claimed;
    return this.#transactions.run(
      SYSTEM_ACTOR,
      async (transaction) => {
        const { session } = transaction;
        const lock =
          'SELECT 1 FROM asynchronous_request WHERE id = $1 AND revision = $2 FOR UPDATE SKIP LOCKED';
        if ((await session.query(lock, [id, revision])).length === 0) return false;
        const [row] = await asynchronousRequests.find(session, this.keyring, { id });
        if (row === undefined) return false;
        const outcome = await work(this.keyStore.within(session));
        const completed = await transaction.update(asynchronousRequests, row, {
          ...outcomeColumns(this.keyring, row, outcome),
          expires_at: this.#expiry(KEPT_SECONDS),
        });
        await requireUsableKey(session, completed);
        await record(transaction, completed, outcome.failure === undefined ? 'success' : 'failure');
        return true;
      },
      (run) => this.database.transactional(run),
    );
  }

  async isCompleted(id: string): Promise<boolean> {
    const rows = await this.#read((session) =>
      session.query('SELECT 1 FROM asynchronous_request WHERE id = $1 AND stage <> $2', [id, Completed]),
    );
    return rows.length === 0;
  }

  /** What became of an item stays until those behind it in its batch are done: they may depend on it, and wait for officers. */
  async removeExpired(): Promise<number> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(SYSTEM_ACTOR, async (transaction) => {
      const removed = await transaction.session.query<{ id: string; revision: number; operation: number }>(
        `DELETE FROM asynchronous_request WHERE id IN (
           SELECT t.id FROM asynchronous_request AS t WHERE t.expires_at <= $1
             AND NOT EXISTS (SELECT FROM asynchronous_request AS l WHERE l.chain_id = t.chain_id
               AND l.chain_position > t.chain_position AND l.stage <> ${Completed} AND l.expires_at > $1)
           LIMIT ${REMOVED_AT_ONCE} FOR UPDATE OF t SKIP LOCKED)
         RETURNING id, revision, operation`,
        [this.#expiry(0)],
      );
      // A later revision than any that the row had: what is put back is refused.
      for (const row of removed) await record(transaction, { ...row, revision: row.revision + 1 });
      return removed.length;
    });
  }

  async #ensure(domainId: string): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.keyring.ensure(domainId);
  }

  async #kept(row: RequestRow): Promise<KeptRequest> {
    await this.keyring.ensure(String(row.domain_id));
    return keptRequest(this.keyring, row);
  }

  #expiry(secondsFromNow: number): number {
    return Math.floor(this.nowMs() / 1000) + secondsFromNow;
  }

  async #read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return repeatable((run) => this.database.general(run), work);
  }

  /** The client's own row, unless it has expired. */
  async #own(session: Session, clientId: string, correlationValue: Buffer): Promise<RequestRow | undefined> {
    const id = rowIdOf(correlationValue);
    if (id === undefined) return undefined;
    const wanted = { id, client_id: clientId };
    const isThere = 'AND t.expires_at > $3';
    const [row] = await asynchronousRequests.find(session, this.keyring, wanted, isThere, [this.#expiry(0)]);
    return row;
  }

  /** Runs `work` on the client's own row, locked; 'locked' where somebody else has it, undefined where it is not there. */
  async #change<T>(
    principal: Principal,
    correlationValue: Buffer,
    work: (transaction: DirectoryTransaction, row: RequestRow) => Promise<T>,
  ): Promise<T | 'locked' | undefined> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actorOf(principal), async (transaction) => {
      const { session } = transaction;
      const row = await this.#own(session, principal.clientId, correlationValue);
      if (row === undefined) return undefined;
      const lock = 'SELECT revision FROM asynchronous_request WHERE id = $1 FOR UPDATE SKIP LOCKED';
      const [locked] = await session.query<{ revision: number }>(lock, [row.id]);
      if (locked === undefined) return 'locked';
      if (locked.revision !== row.revision) {
        throw new HoldfastError('RevisionConflict', 'the request was changed in between', {
          retryable: true,
        });
      }
      return work(transaction, row);
    });
  }

  async #obtain(
    transaction: DirectoryTransaction,
    row: RequestRow,
    changes: Partial<ReturnType<typeof outcomeColumns>>,
  ): Promise<void> {
    const obtained = await transaction.update(asynchronousRequests, row, {
      ...changes,
      is_obtained: 1,
      expires_at: this.#expiry(KEPT_AFTER_OBTAINED_SECONDS),
    });
    await requireUsableKey(transaction.session, obtained);
    await record(transaction, obtained);
  }

  /** What has to be carried out before a request, and the request itself. */
  async #upTo(session: Session, row: RequestRow): Promise<readonly string[]> {
    if (row.chain_id === null) return [row.id];
    const rows = await session.query<{ id: string }>(
      `SELECT id FROM asynchronous_request WHERE chain_id = $1 AND chain_position <= $2 ORDER BY chain_position`,
      [row.chain_id, row.chain_position],
    );
    return rows.map(({ id }) => id);
  }

  /** Whether an earlier item of its batch failed that nothing is to be done after. */
  async #isStopped(session: Session, row: RequestRow): Promise<boolean> {
    if (row.chain_id === null || row.chain_stops !== 1) return false;
    const wanted = { chain_id: row.chain_id };
    const isBefore = 'AND t.chain_position < $2';
    const before = await asynchronousRequests.find(session, this.keyring, wanted, isBefore, [
      row.chain_position,
    ]);
    return before.some(({ outcome }) => outcome !== SUCCESS);
  }

  async #requireDecided(session: Session, ids: readonly string[]): Promise<void> {
    const [waiting] = await session.query<{ approval: number }>(
      `SELECT approval FROM asynchronous_request AS t
        WHERE id = ANY ($1::uuid[]) AND EXISTS (${undecided('$2')}) LIMIT 1`,
      [ids, this.#expiry(0)],
    );
    if (waiting === undefined) return;
    throw new HoldfastError('PermissionDenied', `this waits for approval ${waiting.approval}`);
  }

  /** What nobody else waits for any more need not be decided on either. */
  async #withdrawApproval(transaction: DirectoryTransaction, row: RequestRow): Promise<void> {
    if (row.approval === null) return;
    const others = await transaction.session.query(
      'SELECT 1 FROM asynchronous_request WHERE approval = $1 AND stage <> $2 AND id <> $3',
      [row.approval, Completed, row.id],
    );
    if (others.length === 0) await withdrawApproval(transaction, this.keyring, Number(row.approval));
  }

  async #undamaged(session: Session, id: string): Promise<RequestRow | undefined> {
    try {
      const [row] = await asynchronousRequests.find(session, this.keyring, { id });
      return row;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'IntegrityViolation') throw error;
      this.#damaged.add(id);
      this.log.error({ id, reason: error.message }, 'a pending request is left alone');
      return undefined;
    }
  }
}

/** Nothing is left sealed under a key that is retired. @throws HoldfastError RevisionConflict */
async function requireUsableKey(session: Session, row: RequestRow): Promise<void> {
  const [key] = await session.query<{ is_usable: boolean }>(
    `SELECT ${unlessRetired('$1::uuid', '$2::int4', 'true')} IS NOT NULL AS is_usable`,
    [row.domain_id, row.content_key_version],
  );
  if (key?.is_usable === true) return;
  throw new HoldfastError('RevisionConflict', 'the key of the domain is retired', { retryable: true });
}

/** Selects the approval of a request "t" that officers are to decide on yet, at a time in seconds. */
function undecided(now: string): string {
  return `SELECT FROM approval AS p WHERE p.number = t.approval AND p.state = 'open' AND p.expires_at > ${now}::int8`;
}

/** Remembered of each. */
const MAX_SERVED = 1000;

function comesLast(served: Set<string>, id: string): void {
  served.delete(id);
  served.add(id);
  const [first] = served;
  if (served.size > MAX_SERVED && first !== undefined) served.delete(first);
}

/** The next request that nobody works on and that nothing before it in its batch holds up: domains take turns, and in each its clients. */
const NEXT = `SELECT t.id FROM asynchronous_request AS t
  WHERE t.stage <> ${Completed} AND (t.stage = ${Submitted} OR t.claimed_at_us < $1)
    AND t.id <> ALL ($2::uuid[]) AND ($3::uuid IS NULL OR t.id = $3)
    AND NOT EXISTS (${undecided('$4')})
    AND NOT EXISTS (SELECT FROM asynchronous_request AS e
      WHERE e.chain_id = t.chain_id AND e.chain_position < t.chain_position AND e.stage <> ${Completed})
  ORDER BY array_position($5::uuid[], t.domain_id) NULLS FIRST, array_position($6::uuid[], t.client_id) NULLS FIRST,
    t.submitted_at_us, t.id LIMIT 1 FOR UPDATE OF t SKIP LOCKED`;

/** @throws HoldfastError ServerLimitExceeded; concurrent submissions of one client are counted one after the other */
async function requireRoom(session: Session, clientId: string, maxPerClient: number): Promise<void> {
  await session.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [COUNT_LOCK, clientId]);
  const [row] = await session.query<{ outstanding: number }>(
    'SELECT count(*)::int4 AS outstanding FROM asynchronous_request WHERE client_id = $1 AND is_obtained = 0',
    [clientId],
  );
  if ((row?.outstanding ?? 0) >= maxPerClient) {
    throw new HoldfastError(
      'ServerLimitExceeded',
      `${maxPerClient} operations are pending already: obtain their results with Poll first`,
    );
  }
}

/** Every change of a row leaves a record, by which an older row is told from it. */
function record(
  transaction: DirectoryTransaction,
  row: { readonly id: string; readonly revision: number; readonly operation: unknown },
  outcome?: AuditOutcome,
): Promise<void> {
  const name = operationEnum.byValue.get(Number(row.operation))?.key ?? 'unknown';
  return transaction.record('asynchronous-request', row, name, undefined, outcome);
}
