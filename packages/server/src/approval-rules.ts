import { HoldfastError, SecretBytes, type Actor, type Directory, type DirectoryChange } from '@holdfast/core';
import type { Approval, ApprovalStore } from '@holdfast/store';
import type { AdminCall, ApprovalRuleAnswer, ApprovalRuleRequest } from './admin-protocol';

/** What can be made to need several officers. The first two are operations of clients, by domain. */
const APPROVED_ACTIONS = ['destroy', 'export', 'copy', 'recovery', 'ca', 'root', 'policy'] as const;
export type ApprovedAction = (typeof APPROVED_ACTIONS)[number];
const OF_CLIENTS: readonly ApprovedAction[] = ['destroy', 'export'];

/** Who could do these alone could do without all other rules: they need as many officers as any rule does. */
const GUARDS_RULES: readonly AdminCall[] = [
  'POST /approval-rules',
  'POST /officers',
  'POST /officers/:name/revoke',
];

export function isGuard(call: string): boolean {
  return GUARDS_RULES.some((each) => each === call);
}

interface Rule {
  readonly action: ApprovedAction;
  /** Undefined: every domain. */
  readonly domainId?: string;
  readonly officers: number;
}
export type Rules = readonly Rule[];

const RULES_SECRET = 'approval-rules';
const MAX_OFFICERS = 16;

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
    return rulesIn((await this.directory.findServerSecret(RULES_SECRET))?.value);
  }

  forget({ kind, id }: DirectoryChange): void {
    const mayBe = kind === 'any' || (kind === 'secret' && (id === RULES_SECRET || id === '*'));
    if (!mayBe) return;
    this.#epoch++;
    this.#known = undefined;
  }
}

function rulesIn(value: SecretBytes | undefined): Rules {
  return value === undefined ? [] : (JSON.parse(value.reveal().toString('utf8')) as Rules);
}

/** The rules, as officers set them. */
export class ApprovalAdministration {
  constructor(
    private readonly rules: ApprovalRules,
    private readonly directory: Directory,
    private readonly approvals: ApprovalStore,
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
    await this.#set(await this.check(request), actor);
    // What waits for officers goes by the new rules; to set the same rule again makes up for what a crash left undone here.
    const rules = await this.rules.read();
    await this.approvals.adjust((approval) => neededNow(rules, approval), actor);
    return this.list();
  }

  /** What a request asks for, if that can be a rule. @throws HoldfastError InvalidField; ItemNotFound for a domain that there is not */
  async check(request: ApprovalRuleRequest): Promise<Rule> {
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
      throw new HoldfastError(
        'InvalidField',
        `there ${valid.length === 1 ? 'is 1 officer' : `are ${valid.length} officers`}: add more of them first (holdfast officer add)`,
      );
    }
    const domainId = domain === undefined ? undefined : (await this.directory.domainNamed(domain)).id;
    return { action, officers, ...(domainId === undefined ? {} : { domainId }) };
  }

  /** How many officers there have to be: at least one, and as many as the strictest rule needs. */
  async officersNeeded(): Promise<number> {
    return Math.max(1, ...(await this.rules.read()).map(({ officers }) => officers));
  }

  async #set(rule: Rule, actor: Actor): Promise<void> {
    // There has to be one, so that of two who set the first rules neither is lost.
    await this.directory.serverSecret(RULES_SECRET, () => Promise.resolve(Buffer.from('[]')));
    const withRule = (before: SecretBytes | undefined): SecretBytes => {
      const others = rulesIn(before).filter(
        ({ action, domainId }) => action !== rule.action || domainId !== rule.domainId,
      );
      const rules = rule.officers === 0 ? others : [...others, rule];
      return new SecretBytes(Buffer.from(JSON.stringify(rules)));
    };
    await this.directory.changeServerSecret(RULES_SECRET, withRule, actor);
  }

  async domainNames(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.directory.listDomains()).map(({ id, name }) => [id, name]));
  }
}

/** How many officers have to approve an action in a domain. */
export function officersFor(rules: Rules, action: ApprovedAction, domainId: string): number {
  const concern = rules.filter((rule) => rule.action === action && (rule.domainId ?? domainId) === domainId);
  return Math.max(0, ...concern.map(({ officers }) => officers));
}

/** How many officers an administrative call needs: 0 where the one who makes it is enough. */
export function officersForCall(rules: Rules, action: string, call: string): number {
  const concern = isGuard(call) ? rules : rules.filter((rule) => rule.action === action);
  const needed = Math.max(0, ...concern.map(({ officers }) => officers));
  return needed === 1 ? 0 : needed;
}

function neededNow(rules: Rules, { action, domainId, operation }: Approval): number {
  const asked = OF_CLIENTS.find((each) => each === action);
  if (asked === undefined || domainId === undefined) return officersForCall(rules, action, operation);
  return officersFor(rules, asked, domainId);
}
