import { createHash } from 'node:crypto';
import {
  HoldfastError,
  SecretBytes,
  actorOf,
  type Actor,
  type Directory,
  type DirectoryChange,
  type KeyStoreSession,
  type Principal,
  type StoredObject,
} from '@holdfast/core';
import { ObjectType, type IdentifierReference } from '@holdfast/kmip';
import type { Approval, ApprovalStore, ApprovalVote, ApprovedRequest } from '@holdfast/store';
import type { AdminCall, ApprovalAnswer, ApprovalRuleAnswer, ApprovalRuleRequest } from './admin-protocol';
import { isoDate } from './administration-checks';

/** What can be made to need several officers. The first two are operations of clients, by domain. */
export const APPROVED_ACTIONS = ['destroy', 'export', 'copy', 'recovery', 'ca', 'root', 'policy'] as const;
export type ApprovedAction = (typeof APPROVED_ACTIONS)[number];
const OF_CLIENTS: readonly ApprovedAction[] = ['destroy', 'export'];

/** What administrative calls do, where that can need several officers. */
const ACTION_OF: Partial<Record<AdminCall, ApprovedAction>> = {
  'POST /backup': 'copy',
  'POST /escrow': 'copy',
  'POST /escrow/recover': 'recovery',
  'POST /authorities': 'ca',
  'POST /authorities/roll': 'ca',
  'POST /authorities/:name/serve': 'ca',
  'POST /authorities/:name/revoke': 'ca',
  'POST /root/reshare': 'root',
  'POST /root/move': 'root',
  'POST /root/retire': 'root',
  'POST /domain-keys/rotate': 'root',
  'POST /domains/:name/settings': 'policy',
  'POST /clients/:name/settings': 'policy',
};
/** Who could do these alone could do without all other rules: they need as many officers as any rule does. */
const GUARDS_RULES: readonly AdminCall[] = [
  'POST /approval-rules',
  'POST /officers',
  'POST /officers/:name/revoke',
];

interface Rule {
  readonly action: ApprovedAction;
  /** Undefined: every domain. */
  readonly domainId?: string;
  readonly officers: number;
}
type Rules = readonly Rule[];

const RULES_SECRET = 'approval-rules';
const VALID_FOR_SECONDS = 24 * 3600;
const MAX_OFFICERS = 16;

const SECRET_TYPES: readonly (ObjectType | undefined)[] = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.SecretData,
  ObjectType.OpaqueObject,
  ObjectType.PGPKey,
];

/** What an operation of a client does, where that can need officers. */
function approvedActionOf(
  operation: string,
  payload: Readonly<Record<string, unknown>>,
): 'destroy' | 'export' | undefined {
  if (operation === 'Destroy') return 'destroy';
  const isGivenOut = operation === 'Get' || operation === 'Export';
  return isGivenOut && payload['keyWrappingSpecification'] === undefined ? 'export' : undefined;
}

function holdsSecrets({ attributes }: Pick<StoredObject, 'attributes'>): boolean {
  return SECRET_TYPES.includes(attributes.get('ObjectType'));
}

/** The rules of dual control, as this process knows them: read once, and again after each change on any node. */
export class ApprovalRules {
  #known: Rules | undefined;
  #epoch = 0;

  constructor(private readonly directory: Pick<Directory, 'findServerSecret'>) {}

  /** Whether a rule may be about it; as long as none was read, any may. */
  mayConcern(action: ApprovedAction, domainId: string): boolean {
    return this.#known === undefined || officersFor(this.#known, action, domainId) > 0;
  }

  async load(): Promise<Rules> {
    if (this.#known !== undefined) return this.#known;
    const epoch = this.#epoch;
    const rules = await this.read();
    if (epoch === this.#epoch) this.#known = rules;
    return rules;
  }

  /** As they are in the database now. */
  async read(): Promise<Rules> {
    const secret = await this.directory.findServerSecret(RULES_SECRET);
    return secret === undefined ? [] : (JSON.parse(secret.value.reveal().toString('utf8')) as Rules);
  }

  forget({ kind, id }: DirectoryChange): void {
    if (kind !== 'secret' || (id !== RULES_SECRET && id !== '*')) return;
    this.#epoch++;
    this.#known = undefined;
  }
}

/** Requests that several officers have to approve: each is good for one request, once, for a day. */
export class Approvals {
  constructor(
    readonly rules: ApprovalRules,
    private readonly store: ApprovalStore,
    private readonly nowSeconds: () => number,
  ) {}

  /**
   * Lets an operation of a client pass, where as many officers as its domain demands have approved exactly this one.
   * @param identify gives the identifier of the object that the payload means
   * @throws HoldfastError PermissionDenied with the number of the approval that it waits for
   */
  async requireForItem(
    operation: string,
    payload: Readonly<Record<string, unknown>>,
    principal: Principal,
    session: Pick<KeyStoreSession, 'fetch'>,
    identify: (reference: IdentifierReference | undefined) => string,
  ): Promise<void> {
    const action = approvedActionOf(operation, payload);
    const { domainId } = principal;
    if (action === undefined || !this.rules.mayConcern(action, domainId)) return;
    const needed = officersFor(await this.rules.load(), action, domainId);
    if (needed === 0) return;
    const identifier = identify(payload['uniqueIdentifier'] as IdentifierReference | undefined);
    const object = await session.fetch(domainId, identifier);
    // What there is not, or nobody could want to keep secret, is answered without them.
    if (object === undefined || (action === 'export' && !holdsSecrets(object))) return;
    const request = requestOf(action, operation, identifier, actorOf(principal), {}, domainId);
    await this.#require(request, needed, [], principal);
  }

  /** The same for what an officer does, who is the first to approve it. @throws HoldfastError PermissionDenied */
  async requireForCall(call: AdminCall, subject: string, body: unknown, officer: Actor): Promise<void> {
    const action = ACTION_OF[call];
    const rules = await this.rules.read();
    const isGuard = GUARDS_RULES.includes(call);
    const relevant = isGuard ? rules : rules.filter((rule) => rule.action === action);
    const needed = Math.max(0, ...relevant.map(({ officers }) => officers));
    if (needed <= 1) return;
    const own = {
      officerId: officer.id,
      officerName: officer.name,
      approves: true,
      atSeconds: this.nowSeconds(),
    };
    const request = requestOf(
      isGuard ? 'policy' : (action ?? 'policy'),
      call,
      subject,
      officer,
      body,
      undefined,
    );
    await this.#require(request, needed, [own], officer);
  }

  async #require(
    request: ApprovedRequest,
    needed: number,
    votes: readonly ApprovalVote[],
    who: Principal | Actor,
  ): Promise<void> {
    const actor: Actor = 'clientId' in who ? actorOf(who) : who;
    const found = await this.store.find(request);
    if (found === undefined) {
      const expiresAtSeconds = this.nowSeconds() + VALID_FOR_SECONDS;
      const made = await this.store.add(request, { needed, votes, state: 'open', expiresAtSeconds }, actor);
      throw waiting(made);
    }
    if (found.state === 'denied') {
      throw new HoldfastError('PermissionDenied', `approval ${found.number} was denied`);
    }
    if (found.state !== 'approved') throw waiting(found);
    // Once: whoever comes second finds it used.
    await this.store.change(
      found.number,
      'use',
      (now) => {
        if (now.state !== 'approved') throw waiting(now);
        return { votes: now.votes, state: 'used' };
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
          throw new HoldfastError('PermissionDenied', `approval ${approval.number} is no longer open`);
        }
        if (approves && approval.votes.some(({ officerId }) => officerId === officer.id)) {
          throw new HoldfastError(
            'PermissionDenied',
            'this officer has approved it already: it takes another one',
          );
        }
        const vote = { officerId: officer.id, officerName: officer.name, approves, atSeconds: now };
        const votes = [...approval.votes, vote];
        const given = votes.filter((each) => each.approves).length;
        return { votes, state: approves ? (given >= approval.needed ? 'approved' : 'open') : 'denied' };
      },
      officer,
    );
    return answerOf(changed, domains, now);
  }
}

/** The rules, as officers set them. */
export class ApprovalAdministration {
  constructor(
    private readonly rules: ApprovalRules,
    private readonly directory: Directory,
  ) {}

  async list(): Promise<readonly ApprovalRuleAnswer[]> {
    const names = await this.domainNames();
    return (await this.rules.read()).map(({ action, domainId, officers }) => ({
      action,
      domain: domainId === undefined ? undefined : (names.get(domainId) ?? domainId),
      officers,
    }));
  }

  /** @throws HoldfastError InvalidField; ItemNotFound for a domain that there is not */
  async set(request: ApprovalRuleRequest, actor: Actor): Promise<readonly ApprovalRuleAnswer[]> {
    const action = APPROVED_ACTIONS.find((each) => each === request.action);
    if (action === undefined) {
      throw new HoldfastError('InvalidField', `an action is one of ${APPROVED_ACTIONS.join(', ')}`);
    }
    const { officers, domain } = request;
    if (!Number.isInteger(officers) || officers < 0 || officers > MAX_OFFICERS) {
      throw new HoldfastError('InvalidField', `0 to ${MAX_OFFICERS} officers`);
    }
    if (domain !== undefined && !OF_CLIENTS.includes(action)) {
      throw new HoldfastError('InvalidField', `${action} is of no domain`);
    }
    const valid = (await this.directory.listOfficers()).filter((each) => each.revokedAtSeconds === undefined);
    if (officers > valid.length) {
      throw new HoldfastError('InvalidField', `there are ${valid.length} officers: add more of them first`);
    }
    const domainId = domain === undefined ? undefined : (await this.directory.domainNamed(domain)).id;
    const others = (await this.rules.read()).filter(
      (rule) => rule.action !== action || rule.domainId !== domainId,
    );
    const rule = { action, officers, ...(domainId === undefined ? {} : { domainId }) };
    await this.#write(officers === 0 ? others : [...others, rule], actor);
    return this.list();
  }

  async #write(rules: Rules, actor: Actor): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(rules));
    await this.directory.serverSecret(RULES_SECRET, () => Promise.resolve(Buffer.from('[]')));
    await this.directory.replaceServerSecret({ name: RULES_SECRET, value: new SecretBytes(bytes) }, actor);
  }

  async domainNames(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.directory.listDomains()).map(({ id, name }) => [id, name]));
  }
}

function officersFor(rules: Rules, action: ApprovedAction, domainId: string): number {
  const concern = rules.filter((rule) => rule.action === action && (rule.domainId ?? domainId) === domainId);
  return Math.max(0, ...concern.map(({ officers }) => officers));
}

function requestOf(
  action: ApprovedAction,
  operation: string,
  subject: string,
  { kind, id, name }: Actor,
  body: unknown,
  domainId: string | undefined,
): ApprovedRequest {
  // What names a single attempt is no part of what is asked for.
  const asked = { ...(body as object | undefined), id: undefined, secret: undefined };
  const sha256 = createHash('sha256').update(JSON.stringify(asked)).digest();
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

function waiting({ number, votes, needed }: Approval): HoldfastError {
  const given = votes.filter(({ approves }) => approves).length;
  return new HoldfastError(
    'PermissionDenied',
    `this waits for approval ${number}: ${given} of ${needed} officers have given it; ask again once all have`,
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
