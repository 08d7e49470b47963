import { randomUUID } from 'node:crypto';
import { HoldfastError, SYSTEM_DOMAIN_ID, type Actor, type Keyring } from '@holdfast/core';
import { AuthenticatedTable, type DirectoryRow } from './directory/table';
import { officers } from './directory/tables';
import { DirectoryTransactions, type DirectoryTransaction } from './directory/transaction';
import type { Database, Session } from './postgres/database';
import { repeatable } from './postgres/transaction';

/** What an officer said of a request. */
export interface ApprovalVote {
  readonly officerId: string;
  readonly officerName: string;
  readonly approves: boolean;
  readonly atSeconds: number;
}

/** Who asks to do what: an approval is good for exactly that, once. */
export interface ApprovedRequest {
  readonly action: string;
  readonly requesterKind: Actor['kind'];
  readonly requesterId: string;
  readonly requesterName: string;
  readonly domainId: string | undefined;
  /** The administrative call or the operation. */
  readonly operation: string;
  /** The object, or what the call is about. */
  readonly subject: string;
  /** SHA-256 of the rest of the request. */
  readonly sha256: Buffer;
}

export interface Approval extends ApprovedRequest {
  readonly number: number;
  /** How many officers have to approve. */
  readonly needed: number;
  readonly votes: readonly ApprovalVote[];
  /** Withdrawn: who asked has taken back what it was for. */
  readonly state: 'open' | 'approved' | 'denied' | 'used' | 'withdrawn';
  readonly createdAtSeconds: number;
  readonly expiresAtSeconds: number;
}

export const approvals = new AuthenticatedTable('approval', {
  number: 'int4',
  action: 'text',
  requester_kind: 'text',
  requester_id: 'text',
  requester_name: 'text',
  domain_id: 'uuid',
  operation: 'text',
  subject: 'text',
  sha256: 'bytea',
  needed: 'int4',
  votes: 'text',
  state: 'text',
  created_at: 'int8',
  expires_at: 'int8',
});

/** Requests that wait for officers. */
export interface ApprovalStore {
  /** The newest one for this request that is neither used nor withdrawn nor expired; with a number that one, as it is. */
  find(request: ApprovedRequest, number?: number): Promise<Approval | undefined>;
  /**
   * Of two at once for the same request one is made: the second gets it. Those that expired long ago are removed.
   * @throws HoldfastError ServerLimitExceeded where too many of the same requester wait
   */
  add(
    request: ApprovedRequest,
    terms: Pick<Approval, 'needed' | 'votes' | 'state' | 'expiresAtSeconds'>,
    actor: Actor,
  ): Promise<Approval>;
  /** Newest first; those that are done or expired as well, where those that are open leave room. */
  list(maximumItems?: number): Promise<readonly Approval[]>;
  /**
   * Sets all that are open to as many officers as they need now, in one transaction: what needs none any more is withdrawn,
   * what has enough of them is approved.
   */
  adjust(neededBy: (approval: Approval) => number, actor: Actor): Promise<void>;
  /**
   * Changes one as it stands, alone among all nodes. `next` gets it with the votes of officers who are not revoked.
   * @param actor an officer
   * @throws HoldfastError ItemNotFound; PermissionDenied where the officer is revoked meanwhile; what `next` throws
   */
  change(
    number: number,
    what: string,
    next: (approval: Approval) => Pick<Approval, 'votes' | 'state'>,
    actor: Actor,
  ): Promise<Approval>;
}

const MAX_LISTED = 1000;
/** How many of one requester may wait at the same time: officers look at each. */
const MAX_OPEN = 200;
/** How long they stay after they have expired, whatever became of them; the audit log has it all. */
const KEPT_SECONDS = 30 * 86_400;
const REMOVED_AT_ONCE = 16;

export class PostgresApprovals implements ApprovalStore {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  async find(request: ApprovedRequest, number?: number): Promise<Approval | undefined> {
    const [row] = await this.#read((session) =>
      number === undefined
        ? this.#newest(session, request)
        : approvals.find(session, this.keyring, { ...wantedBy(request), number }),
    );
    return row;
  }

  #newest(session: Session, request: ApprovedRequest): Promise<readonly Row[]> {
    const isNewest = `AND t.state NOT IN ('used', 'withdrawn') AND t.expires_at > $5 ORDER BY t.number DESC LIMIT 1`;
    return approvals.find(session, this.keyring, wantedBy(request), isNewest, [this.#nowSeconds()]);
  }

  async add(
    request: ApprovedRequest,
    { needed, votes, state, expiresAtSeconds }: Parameters<ApprovalStore['add']>[1],
    actor: Actor,
  ): Promise<Approval> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, async (transaction) => {
      const number = await nextNumber(transaction);
      const [meanwhile] = await this.#newest(transaction.session, request);
      if (meanwhile !== undefined) return approvalOf(meanwhile);
      await this.#removeOld(transaction);
      if (state === 'open') await this.#requireRoom(transaction, request);
      const row = await transaction.insert(approvals, {
        id: randomUUID(),
        number,
        action: request.action,
        requester_kind: request.requesterKind,
        requester_id: request.requesterId,
        requester_name: request.requesterName,
        domain_id: request.domainId ?? null,
        operation: request.operation,
        subject: request.subject,
        sha256: request.sha256,
        needed,
        votes: JSON.stringify(votes),
        state,
        created_at: this.#nowSeconds(),
        expires_at: expiresAtSeconds,
      });
      const approval = approvalOf(row);
      await transaction.record('approval.add', row, subjectOf(approval), request.domainId, 'pending');
      return approval;
    });
  }

  async #requireRoom({ session }: DirectoryTransaction, { requesterId }: ApprovedRequest): Promise<void> {
    const [row] = await session.query<{ open: number }>(
      `SELECT count(*)::int4 AS open FROM approval WHERE requester_id = $1 AND state = 'open' AND expires_at > $2`,
      [requesterId, this.#nowSeconds()],
    );
    if ((row?.open ?? 0) < MAX_OPEN) return;
    throw new HoldfastError(
      'ServerLimitExceeded',
      `officers have ${MAX_OPEN} requests of this requester to decide on already: ask again when they have`,
    );
  }

  /** The newest one stays: numbers go on from it. */
  async #removeOld(transaction: DirectoryTransaction): Promise<void> {
    const removed = await transaction.session.query<{ id: string; revision: number; number: number }>(
      `DELETE FROM approval WHERE id IN (SELECT id FROM approval
          WHERE expires_at <= $1 AND number < (SELECT max(number) FROM approval) ORDER BY number LIMIT ${REMOVED_AT_ONCE})
        RETURNING id, revision, number`,
      [this.#nowSeconds() - KEPT_SECONDS],
    );
    // A later revision than any that the row had: what is put back is refused.
    for (const { id, revision, number } of removed)
      await transaction.record('approval.remove', { id, revision: revision + 1 }, String(number));
  }

  async list(maximumItems = MAX_LISTED): Promise<readonly Approval[]> {
    const openFirst = `true ORDER BY (t.state = 'open' AND t.expires_at > $1) DESC, t.number DESC LIMIT $2`;
    const found = await this.#read((session) =>
      approvals.select(session, this.keyring, openFirst, [this.#nowSeconds(), maximumItems]),
    );
    return [...found].sort((one, other) => other.number - one.number);
  }

  async adjust(neededBy: (approval: Approval) => number, actor: Actor): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.#transactions.run(actor, async (transaction) => {
      const open = `t.state = 'open' AND t.expires_at > $1 ORDER BY t.number`;
      for (const row of await approvals.select(transaction.session, this.keyring, open, [
        this.#nowSeconds(),
      ])) {
        const before = approvalOf(row);
        const needed = neededBy(before);
        if (needed === before.needed) continue;
        const isGiven = given(before) >= needed;
        const state = needed === 0 ? 'withdrawn' : isGiven ? 'approved' : 'open';
        await writeState(transaction, row, { needed, state }, needed === 0 ? 'withdraw' : 'adjust');
      }
    });
  }

  async change(
    number: number,
    what: string,
    next: Parameters<ApprovalStore['change']>[2],
    actor: Actor,
  ): Promise<Approval> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return this.#transactions.run(actor, async (transaction) => {
      const valid = await this.#validOfficers(transaction.session);
      if (!valid.has(actor.id)) throw new HoldfastError('PermissionDenied', 'the officer is revoked');
      const [row] = await approvals.find(transaction.session, this.keyring, { number });
      if (row === undefined)
        throw new HoldfastError('ItemNotFound', `there is no approval ${number}: see holdfast approval list`);
      const before = approvalOf(row);
      const counted = before.votes.filter(({ officerId }) => valid.has(officerId));
      const { votes, state } = next({ ...before, votes: counted });
      const written = await transaction.update(approvals, row, { votes: JSON.stringify(votes), state });
      const approval = approvalOf(written);
      await transaction.record(`approval.${what}`, written, subjectOf(approval), approval.domainId);
      return approval;
    });
  }

  /** None of them is revoked before the transaction ends. @returns identifiers */
  async #validOfficers(session: Session): Promise<ReadonlySet<string>> {
    await session.query('LOCK TABLE officer IN SHARE MODE');
    const all = await officers.select(session, this.keyring, 'true');
    return new Set(all.filter((each) => each.revoked_at === null).map(({ id }) => id));
  }

  async #read(select: (session: Session) => Promise<readonly Row[]>): Promise<readonly Approval[]> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const rows = await repeatable((run) => this.database.general(run), select);
    return rows.map(approvalOf);
  }

  #nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }
}

/** @throws HoldfastError PermissionDenied, which says what of the approval is missing */
export function requireApproved(approval: Approval, nowSeconds: number): void {
  const { number, state, needed } = approval;
  if (isOpen(approval, nowSeconds)) {
    throw new HoldfastError(
      'PermissionDenied',
      `this waits for approval ${number}: ${given(approval)} of ${needed} officers have given it; ask again once all have`,
    );
  }
  if (state === 'denied') throw new HoldfastError('PermissionDenied', `approval ${number} was denied`);
  if (state !== 'approved' || approval.expiresAtSeconds <= nowSeconds) {
    const became = state === 'used' || state === 'withdrawn' ? `was ${state}` : 'has expired';
    throw new HoldfastError('PermissionDenied', `approval ${number} ${became}: ask again for another one`);
  }
}

/** How many officers have approved it. */
export function given({ votes }: Pick<Approval, 'votes'>): number {
  return votes.filter(({ approves }) => approves).length;
}

/** Whether officers are to decide on it yet. */
export function isOpen({ state, expiresAtSeconds }: Approval, nowSeconds: number): boolean {
  return state === 'open' && expiresAtSeconds > nowSeconds;
}

/** Uses an approval up within a transaction; of two at once the second waits, and finds it used. */
export async function useApproval(
  transaction: DirectoryTransaction,
  keyring: Keyring,
  number: number,
  nowSeconds: number,
): Promise<void> {
  const row = await lockApproval(transaction, keyring, number);
  if (row === undefined) throw new HoldfastError('PermissionDenied', `approval ${number} is gone`);
  requireApproved(approvalOf(row), nowSeconds);
  await writeState(transaction, row, { state: 'used' }, 'use');
}

/** Takes an approval back that nobody has used, nor denied. */
export async function withdrawApproval(
  transaction: DirectoryTransaction,
  keyring: Keyring,
  number: number,
): Promise<void> {
  const row = await lockApproval(transaction, keyring, number);
  if (row === undefined || (row.state !== 'open' && row.state !== 'approved')) return;
  await writeState(transaction, row, { state: 'withdrawn' }, 'withdraw');
}

/** Takes back what an officer has approved, of what nobody has used yet: it may wait for another officer then. */
export async function withdrawVotes(
  transaction: DirectoryTransaction,
  keyring: Keyring,
  officerId: string,
  nowSeconds: number,
): Promise<void> {
  const unused = `t.state IN ('open', 'approved') AND t.expires_at > $1 ORDER BY t.number`;
  for (const row of await approvals.select(transaction.session, keyring, unused, [nowSeconds])) {
    const before = approvalOf(row);
    const votes = before.votes.filter((vote) => vote.officerId !== officerId);
    if (votes.length === before.votes.length) continue;
    const state = given({ votes }) >= before.needed ? before.state : 'open';
    await writeState(transaction, row, { votes: JSON.stringify(votes), state }, 'adjust');
  }
}

async function lockApproval(
  { session }: DirectoryTransaction,
  keyring: Keyring,
  number: number,
): Promise<Row | undefined> {
  await session.query('SELECT FROM approval WHERE number = $1 FOR NO KEY UPDATE', [number]);
  const [row] = await approvals.find(session, keyring, { number });
  return row;
}

async function writeState(
  transaction: DirectoryTransaction,
  row: Row,
  changes: Pick<Approval, 'state'> & Partial<Pick<Approval, 'needed'>> & { readonly votes?: string },
  what: string,
): Promise<void> {
  const written = await transaction.update(approvals, row, changes);
  const approval = approvalOf(written);
  await transaction.record(`approval.${what}`, written, subjectOf(approval), approval.domainId);
}

/** The same request of the same requester. */
function wantedBy({ requesterId, operation, subject, sha256 }: ApprovedRequest) {
  return { requester_id: requesterId, operation, subject, sha256 };
}

/** Those that are asked for at the same time are numbered one after the other: whoever asks is alone until the end of the transaction. */
async function nextNumber({ session }: DirectoryTransaction): Promise<number> {
  await session.query(`SELECT pg_advisory_xact_lock(hashtextextended('holdfast approval number', 0))`);
  const [row] = await session.query<{ number: number }>(
    'SELECT (coalesce(max(number), 0) + 1)::int4 AS number FROM approval',
  );
  return row?.number ?? 1;
}

function subjectOf({ number, operation, subject, requesterName }: Approval): string {
  return `${number}: ${operation} ${subject} for ${requesterName}`;
}

type Row = typeof approvals extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

// What was authenticated was written above.
function approvalOf(row: Row): Approval {
  return {
    number: row.number as number,
    action: row.action as string,
    requesterKind: row.requester_kind as Actor['kind'],
    requesterId: row.requester_id as string,
    requesterName: row.requester_name as string,
    domainId: (row.domain_id ?? undefined) as string | undefined,
    operation: row.operation as string,
    subject: row.subject as string,
    sha256: row.sha256 as Buffer,
    needed: row.needed as number,
    votes: JSON.parse(row.votes as string) as ApprovalVote[],
    state: row.state as Approval['state'],
    createdAtSeconds: row.created_at as number,
    expiresAtSeconds: row.expires_at as number,
  };
}
