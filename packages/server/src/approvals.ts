import { createHash } from 'node:crypto';
import {
  GrantedRights,
  HoldfastError,
  actorOf,
  authorise,
  hidesKey,
  isDestroyed,
  nextState,
  stateAt,
  type Actor,
  type KeyStoreSession,
  type Principal,
  type StoredObject,
} from '@holdfast/core';
import {
  ObjectType,
  Operation,
  type IdentifierReference,
  type KeyWrappingSpecification,
} from '@holdfast/kmip';
import type { SplitFacts } from '@holdfast/crypto';
import {
  given,
  isOpen,
  requireApproved,
  type Approval,
  type ApprovalStore,
  type ApprovalVote,
  type ApprovedRequest,
} from '@holdfast/store';
import { isStream, type AdminCall, type ApprovalAnswer } from './admin-protocol';
import {
  isGuard,
  officersFor,
  officersForCall,
  type ApprovalRules,
  type ApprovedAction,
} from './approval-rules';
import { isoDate } from './administration-checks';

/** What administrative calls do, where that can need several officers. */
const ACTION_OF: Partial<Record<AdminCall, ApprovedAction>> = {
  'POST /audit/retention': 'policy',
  'POST /audit/archive': 'policy',
  'POST /backup': 'copy',
  'POST /backup-operators': 'copy',
  'POST /escrow': 'copy',
  'POST /escrow/recover': 'recovery',
  'POST /authorities': 'ca',
  'POST /authorities/roll': 'ca',
  'POST /authorities/:name/serve': 'ca',
  'POST /authorities/:name/revoke': 'ca',
  'POST /root/reshare': 'root',
  'POST /root/move': 'root',
  'POST /root/retire': 'root',
  'POST /root/destroy': 'root',
  'POST /domain-keys/rotate': 'root',
  'POST /domains/:name/settings': 'policy',
  'POST /clients/:name/settings': 'policy',
};
/** What officers have said of a client's request so far. */
export interface GivenApproval {
  readonly number: number;
  /** Whether they are to decide on it yet. */
  readonly isOpen: boolean;
  /** @throws HoldfastError PermissionDenied unless they have given it */
  require(): void;
}

/** What an officer asks to have done. */
interface AskedCall {
  readonly call: AdminCall;
  readonly subject: string;
  readonly body: unknown;
  /** Throws where it cannot be done as things are: then nobody is asked to approve it. */
  readonly check: () => Promise<void>;
}

const VALID_FOR_SECONDS = 24 * 3600;

const SECRET_TYPES: readonly (ObjectType | undefined)[] = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.SecretData,
  ObjectType.OpaqueObject,
  ObjectType.PGPKey,
];

/** Operations of clients that can need officers. */
const APPROVED_OPERATIONS = ['Destroy', 'Get', 'Export'] as const;

/** What an operation of a client does, where that can need officers. */
function approvedOperation(operation: string, payload: Readonly<Record<string, unknown>>) {
  const name = APPROVED_OPERATIONS.find((each) => each === operation);
  if (name === undefined) return undefined;
  if (name === 'Destroy') return { name, action: 'destroy', access: 'destroy' } as const;
  const wrapping = payload['keyWrappingSpecification'] as KeyWrappingSpecification | undefined;
  if (wrapping !== undefined && hidesKey(wrapping.wrappingMethod)) return undefined;
  return { name, action: 'export', access: 'obtain' } as const;
}

function holdsSecrets({ attributes }: Pick<StoredObject, 'attributes'>): boolean {
  return SECRET_TYPES.includes(attributes.get('ObjectType'));
}

/** Requests that several officers have to approve: each is good for one request, once, for a day. */
export class Approvals {
  constructor(
    readonly rules: ApprovalRules,
    private readonly store: ApprovalStore,
    private readonly nowSeconds: () => number,
  ) {}

  /** Whether there may be a rule for what a client asks for: mostly there is none. */
  mayConcern(operation: string, payload: Readonly<Record<string, unknown>>, principal: Principal): boolean {
    return this.#approved(operation, payload, principal) !== undefined;
  }

  #approved(
    operation: string,
    payload: Readonly<Record<string, unknown>>,
    { domainId }: Principal,
  ): ReturnType<typeof approvedOperation> {
    const approved = approvedOperation(operation, payload);
    return approved !== undefined && this.rules.mayConcern(approved.action, domainId) ? approved : undefined;
  }

  /**
   * What the officers say of an operation of a client, where its domain demands that they do; asks them where nobody has.
   * @param identify gives the identifier of the object that the payload means
   * @param number the approval that this request waited for
   * @returns undefined where none is needed
   * @throws HoldfastError PermissionDenied, NotAuthorised where the client has not the right to ask for it;
   * ObjectDestroyed, WrongKeyLifecycleState
   */
  async ofItem(
    operation: string,
    payload: Readonly<Record<string, unknown>>,
    principal: Principal,
    session: Pick<KeyStoreSession, 'fetch'>,
    identify: (reference: IdentifierReference | undefined) => string,
    number?: number,
  ): Promise<GivenApproval | undefined> {
    const approved = this.#approved(operation, payload, principal);
    if (approved === undefined) return undefined;
    const { name, action, access } = approved;
    const { domainId, ticket } = principal;
    const needed = officersFor(await this.rules.load(), action, domainId);
    if (needed === 0) return undefined;
    const identifier = identify(payload['uniqueIdentifier'] as IdentifierReference | undefined);
    const object = await session.fetch(domainId, identifier);
    // What there is not, or nobody could want to keep secret, is answered without them.
    if (object === undefined || (action === 'export' && !holdsSecrets(object))) return undefined;
    authorise(principal, access, object.ownerId);
    if (ticket?.rights !== undefined) {
      new GrantedRights(ticket.rights, Operation[name]).touch(identifier, object.attributes);
    }
    requirePossible(action, object, this.nowSeconds());
    const actor = actorOf(principal);
    const request = requestOf(action, operation, identifier, actor, {}, domainId);
    const approval = await this.#findOrAsk(request, needed, [], actor, number);
    const now = this.nowSeconds();
    return {
      number: approval.number,
      isOpen: isOpen(approval, now),
      require: () => requireApproved(approval, now),
    };
  }

  /**
   * The same for an item that can be made pending.
   * @throws HoldfastError PermissionDenied where they have denied it
   */
  async toCome(
    operation: string,
    payload: Readonly<Record<string, unknown>>,
    principal: Principal,
    session: Pick<KeyStoreSession, 'fetch'>,
  ): Promise<GivenApproval | undefined> {
    const { uniqueIdentifier } = payload;
    // What refers to other results cannot be carried out later.
    if (typeof uniqueIdentifier !== 'string') return undefined;
    const approval = await this.ofItem(operation, payload, principal, session, () => uniqueIdentifier);
    if (approval?.isOpen === false) approval.require();
    return approval;
  }

  /**
   * The same for what an officer does, who is the first to approve it: the approval is used at once, and given back where
   * the call, or the stream that it answers with, fails. Where the reader of a stream goes away it stays used: what has left
   * may be a copy.
   * @throws HoldfastError PermissionDenied with the number of the approval that it waits for; as its check
   */
  async callApproved(asked: AskedCall, officer: Actor, work: () => Promise<unknown>): Promise<unknown> {
    const number = await this.#useForCall(asked, officer);
    if (number === undefined) return work();
    const giveBack = async (error: unknown): Promise<void> => {
      if (error instanceof HoldfastError && !error.outcomeKnown) return;
      // Where it cannot be given back it is used: it may have been.
      await this.#change(number, 'restore', 'used', stateByVotes, officer).catch(() => undefined);
    };
    try {
      const answer = await work();
      return isStream(answer) ? watched(answer, giveBack) : answer;
    } catch (error) {
      await giveBack(error);
      throw error;
    }
  }

  /** @returns the approval that it used; undefined where none is needed */
  async #useForCall({ call, subject, body, check }: AskedCall, officer: Actor): Promise<number | undefined> {
    const action = ACTION_OF[call];
    const asked = isGuard(call) ? 'policy' : action;
    if (asked === undefined) return undefined;
    const needed = officersForCall(await this.rules.read(), asked, call);
    if (needed === 0) return undefined;
    await check();
    const own = {
      officerId: officer.id,
      officerName: officer.name,
      approves: true,
      atSeconds: this.nowSeconds(),
    };
    const request = requestOf(asked, call, shownOf(subject, body), officer, body, undefined);
    const approval = await this.#findOrAsk(request, needed, [own], officer);
    requireApproved(approval, this.nowSeconds());
    // Once: whoever comes second finds it used.
    await this.#change(approval.number, 'use', 'approved', () => 'used', officer);
    return approval.number;
  }

  /** Whether officers have to approve that a client destroys an object, or is given its value in clear. */
  async areNeeded(
    action: 'destroy' | 'export',
    { domainId, attributes }: Pick<StoredObject, 'domainId' | 'attributes'>,
  ): Promise<boolean> {
    if (!this.rules.mayConcern(action, domainId)) return false;
    if (action === 'export' && !holdsSecrets({ attributes })) return false;
    return officersFor(await this.rules.load(), action, domainId) > 0;
  }

  async #findOrAsk(
    request: ApprovedRequest,
    needed: number,
    votes: readonly ApprovalVote[],
    actor: Actor,
    number?: number,
  ): Promise<Approval> {
    const found = await this.store.find(request, number);
    if (found !== undefined) return found;
    if (number !== undefined) throw new HoldfastError('PermissionDenied', `approval ${number} is gone`);
    const expiresAtSeconds = this.nowSeconds() + VALID_FOR_SECONDS;
    return this.store.add(request, { needed, votes, state: 'open', expiresAtSeconds }, actor);
  }

  async #change(
    number: number,
    what: string,
    from: Approval['state'],
    to: (approval: Approval) => Approval['state'],
    actor: Actor,
  ): Promise<void> {
    const now = this.nowSeconds();
    await this.store.change(
      number,
      what,
      (approval) => {
        if (approval.state !== from) requireApproved(approval, now);
        return { votes: approval.votes, state: to(approval) };
      },
      actor,
    );
  }

  async list(domains: ReadonlyMap<string, string>): Promise<readonly ApprovalAnswer[]> {
    const now = this.nowSeconds();
    return (await this.store.list()).map((approval) => answerOf(approval, domains, now));
  }

  /** @throws HoldfastError ItemNotFound; PermissionDenied for who has voted already, and what is no longer open */
  async vote(
    number: string,
    approves: boolean,
    officer: Actor,
    domains: ReadonlyMap<string, string>,
  ): Promise<ApprovalAnswer> {
    const now = this.nowSeconds();
    const changed = await this.store.change(
      numberOf(number),
      approves ? 'approve' : 'deny',
      (approval) => {
        if (approval.state !== 'open' || approval.expiresAtSeconds <= now) {
          const became = approval.state === 'open' ? 'has expired' : `is ${approval.state} already`;
          throw new HoldfastError('PermissionDenied', `approval ${approval.number} ${became}`);
        }
        if (approves && approval.votes.some(({ officerId }) => officerId === officer.id)) {
          throw new HoldfastError(
            'PermissionDenied',
            'this officer has approved it already: it takes another one',
          );
        }
        const vote = { officerId: officer.id, officerName: officer.name, approves, atSeconds: now };
        const votes = [...approval.votes, vote];
        return { votes, state: approves ? stateByVotes({ ...approval, votes }) : 'denied' };
      },
      officer,
    );
    return answerOf(changed, domains, now);
  }
}

/** Whether those who have approved it are enough. */
function stateByVotes(approval: Pick<Approval, 'votes' | 'needed'>): Approval['state'] {
  return given(approval) >= approval.needed ? 'approved' : 'open';
}

/**
 * Officers are not asked for what the object's state does not allow.
 * @throws HoldfastError ObjectDestroyed, WrongKeyLifecycleState
 */
function requirePossible(
  action: 'destroy' | 'export',
  { attributes }: Pick<StoredObject, 'attributes'>,
  nowSeconds: number,
): void {
  const state = stateAt(attributes, nowSeconds);
  if (isDestroyed(state)) throw new HoldfastError('ObjectDestroyed', 'the object is destroyed');
  if (action === 'destroy' && state !== undefined) nextState(state, 'destroy');
}

/** A stream; `failed` is told why it broke, unless that was its reader's doing. */
async function* watched(
  stream: AsyncIterable<Buffer>,
  failed: (error: unknown) => Promise<void>,
): AsyncGenerator<Buffer> {
  let isWithReader = false;
  try {
    for await (const part of stream) {
      isWithReader = true;
      yield part;
      isWithReader = false;
    }
  } catch (error) {
    // A reader that goes away throws its error in here.
    if (!isWithReader) await failed(error);
    throw error;
  }
}

function requestOf(
  action: ApprovedAction,
  operation: string,
  subject: string,
  { kind, id, name }: Actor,
  body: unknown,
  domainId: string | undefined,
): ApprovedRequest {
  const sha256 = createHash('sha256')
    .update(JSON.stringify(askedIn(body as Asked | undefined) ?? {}))
    .digest();
  return {
    action,
    requesterKind: kind,
    requesterId: id,
    requesterName: name,
    domainId,
    operation,
    subject,
    sha256,
  };
}

/** What calls are made with, as far as it differs from one attempt at the same to the next. */
interface Asked {
  readonly id?: string;
  readonly secret?: string;
  readonly shared?: Asked;
  readonly shares?: unknown;
  readonly split?: Pick<SplitFacts, 'threshold' | 'custodians'>;
}

/** What is asked for. What names a single attempt is no part of it, nor are shares: who is to hold them, and how many, is. */
function askedIn(body: Asked | undefined): object | undefined {
  if (body === undefined) return undefined;
  const { shared, split } = body;
  return {
    ...body,
    id: undefined,
    secret: undefined,
    shares: undefined,
    shared: askedIn(shared),
    split: split && { threshold: split.threshold, custodians: split.custodians.map(({ name }) => name) },
  };
}

/** What is longer is no key of an index. */
const MAX_SHOWN_BYTES = 2000;

/**
 * What a call is about, whole, for those who are to approve it; keys and certificates by the SHA-256 of their files.
 * @throws HoldfastError InvalidField where it is more than can be shown: nobody approves what is not seen
 */
function shownOf(subject: string, body: unknown): string {
  const text = JSON.stringify(askedIn(body as Asked | undefined) ?? {}, (key, value: unknown) =>
    /^(certificatePem|pem)$/.test(key) && typeof value === 'string'
      ? `sha256 ${createHash('sha256').update(value).digest('hex')}`
      : value,
  );
  const shown = [subject, text === '{}' ? '' : text].filter((part) => part !== '').join(' ');
  if (Buffer.byteLength(shown) <= MAX_SHOWN_BYTES) return shown;
  throw new HoldfastError(
    'InvalidField',
    `several officers have to approve this, and it is longer than they are shown (${MAX_SHOWN_BYTES} bytes): ask for less at once`,
  );
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 0x7fffffff) {
    throw new HoldfastError('InvalidField', 'an approval has a number');
  }
  return number;
}

function answerOf(
  approval: Approval,
  domains: ReadonlyMap<string, string>,
  nowSeconds: number,
): ApprovalAnswer {
  const { number, action, requesterName, requesterKind, domainId, operation, subject } = approval;
  const isPast = approval.expiresAtSeconds <= nowSeconds && ['open', 'approved'].includes(approval.state);
  return {
    number,
    action,
    requester: `${requesterKind} ${requesterName}`,
    domain: domainId === undefined ? undefined : (domains.get(domainId) ?? domainId),
    operation,
    subject,
    needed: approval.needed,
    votes: approval.votes.map(({ officerName, approves }) => `${approves ? '' : 'not '}${officerName}`),
    state: isPast ? 'expired' : approval.state,
    createdAt: isoDate(approval.createdAtSeconds),
    expiresAt: isoDate(approval.expiresAtSeconds),
  };
}
