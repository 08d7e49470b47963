import { ObjectType, State, type AttributeKey, type AttributeValue } from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import { authorise, type AccessClass } from './access';
import { whenThere, type Awaitable } from './awaitable';
import { actorOf, type Principal } from './identity';
import { fillApplicationData } from './objects/attribute-rules';
import type { AttributeSet } from './objects/attribute-set';
import { requireConstraintsMet, type DomainPolicy } from './objects/domain-policy';
import { markAwaiting, requireCovered } from './objects/safekeeping';
import { stateAt } from './objects/state';
import type { GrantedRights } from './rights';
import type { NewAnnouncement } from './ports/announcements';
import type {
  ChangeCause,
  KeyStoreSession,
  LocateQuery,
  LocateResult,
  NewObject,
  ObjectChange,
  StoredObject,
} from './ports/key-store';

/** An object within one operation: attributes may be changed freely, nothing is written before `update`. */
export interface ManagedObject {
  readonly stored: StoredObject;
  readonly uniqueIdentifier: string;
  /** A copy of its own; State is already that of the present time. */
  readonly attributes: AttributeSet;
  readonly state: State | undefined;
}

/** What becomes of an object's value. */
export type ValueChange = Extract<ObjectChange, { kind: 'update' }>['value'];

/** A value that must be there by the rules of the attribute table. @throws HoldfastError IntegrityViolation */
export function mandatory<K extends AttributeKey>(object: ManagedObject, key: K): AttributeValue<K> {
  const value = object.attributes.get(key);
  if (value === undefined) throw new HoldfastError('IntegrityViolation', `the object has no ${key}`);
  return value;
}

/**
 * The objects of the principal's domain, as one attempt at one operation sees and changes them. Reads check access;
 * changes are collected and written together by `flush`, after the operation has succeeded.
 */
export class ObjectAccess {
  readonly #changes: ObjectChange[] = [];
  /** An object that an operation meets twice (a key that wraps and authenticates) is one object. */
  readonly #loaded = new Map<string, ManagedObject>();
  #located: readonly string[] = [];
  /** By parts of the operation under other rules. */
  readonly #seenWithin = new Set<string>();

  constructor(
    private readonly session: KeyStoreSession,
    private readonly principal: Principal,
    private readonly access: AccessClass,
    private readonly nowSeconds: number,
    private readonly policy: DomainPolicy,
    private readonly rights?: GrantedRights,
  ) {}

  /**
   * An object by its identifier. One that is archived has to be recovered before it can be named.
   * @throws HoldfastError ObjectNotFound (also for another domain's), ObjectArchived, PermissionDenied,
   * IntegrityViolation
   */
  fetch(uniqueIdentifier: string, access: AccessClass = this.access): Awaitable<ManagedObject> {
    return whenThere(this.find(uniqueIdentifier, access), found);
  }

  /** Like fetch, undefined where there is no such object. @param archived what it is called that it is archived */
  find(
    uniqueIdentifier: string,
    access: AccessClass = this.access,
    archived: ErrorCode = 'ObjectArchived',
  ): Awaitable<ManagedObject | undefined> {
    return whenThere(this.findAnywhere(uniqueIdentifier, access), (object) => onLine(object, archived));
  }

  /** Like fetch, on-line or archived. */
  async fetchAnywhere(uniqueIdentifier: string, access: AccessClass = this.access): Promise<ManagedObject> {
    const object = await this.findAnywhere(uniqueIdentifier, access);
    return found(object !== undefined && isGone(object) ? undefined : object);
  }

  /** Like find, on-line or archived, also what is left of a Template: KMIP 1.4 chapter 4 wants archived objects recovered before they may be specified. */
  findAnywhere(
    uniqueIdentifier: string,
    access: AccessClass = this.access,
  ): Awaitable<ManagedObject | undefined> {
    const loaded = this.#loaded.get(uniqueIdentifier);
    if (loaded !== undefined) {
      authorise(this.principal, access, loaded.stored.ownerId);
      requireCovered(loaded.stored.attributes, access);
      return loaded;
    }
    const stored = this.session.fetch(this.principal.domainId, uniqueIdentifier);
    return whenThere(stored, (object) => this.#load(object, access));
  }

  /**
   * Part of an operation under the rules of another; what it changes counts once it has succeeded.
   * @param counts whether what came of it is one that its changes go with
   */
  async within<T>(
    access: AccessClass,
    work: (objects: ObjectAccess) => Promise<T>,
    counts: (result: T) => boolean = () => true,
  ): Promise<T> {
    const { session, principal, nowSeconds, policy, rights } = this;
    const part = new ObjectAccess(session, principal, access, nowSeconds, policy, rights);
    try {
      const result = await work(part);
      if (counts(result)) this.#changes.push(...part.#changes);
      return result;
    } finally {
      for (const uniqueIdentifier of part.seen) this.#seenWithin.add(uniqueIdentifier);
    }
  }

  /** Objects of the domain that match; see LocateQuery. */
  locate(query: Omit<LocateQuery, 'domainId' | 'nowSeconds' | 'namesMayRepeat'>): Awaitable<LocateResult> {
    return whenThere(this.#locate(query), (result) => {
      this.#located = result.uniqueIdentifiers;
      return result;
    });
  }

  #locate(query: Parameters<ObjectAccess['locate']>[0]): Awaitable<LocateResult> {
    if (this.rights?.coversEverything === false) return this.#locateCovered(query, this.rights);
    const { filters, storage, order, offsetItems, maximumItems, isCounted } = query;
    const { domainId, namesMayRepeat } = this.principal;
    const { nowSeconds } = this;
    return this.session.locate({
      domainId,
      filters,
      storage,
      order,
      offsetItems,
      maximumItems,
      isCounted,
      nowSeconds,
      namesMayRepeat,
    });
  }

  /** Those of the matching objects that a ticket's rights cover. */
  async #locateCovered(
    query: Parameters<ObjectAccess['locate']>[0],
    rights: GrantedRights,
  ): Promise<LocateResult> {
    const { offsetItems, maximumItems, isCounted } = query;
    const { domainId, namesMayRepeat } = this.principal;
    const { uniqueIdentifiers } = await this.session.locate({
      ...query,
      domainId,
      namesMayRepeat,
      nowSeconds: this.nowSeconds,
      offsetItems: 0,
      maximumItems: undefined,
      isCounted: false,
    });
    const covered: string[] = [];
    for (const uniqueIdentifier of uniqueIdentifiers) {
      const stored = await this.session.fetch(domainId, uniqueIdentifier);
      if (stored !== undefined && rights.isCovered(uniqueIdentifier, stored.attributes))
        covered.push(uniqueIdentifier);
    }
    const end = maximumItems === undefined ? undefined : offsetItems + maximumItems;
    return {
      uniqueIdentifiers: covered.slice(offsetItems, end),
      totalItems: isCounted ? covered.length : undefined,
    };
  }

  /** Adds an object, owned by the principal. @throws HoldfastError PermissionDenied, ConstraintViolation */
  create({
    uniqueIdentifier,
    attributes,
    value,
  }: Pick<NewObject, 'uniqueIdentifier' | 'attributes' | 'value'>): void {
    const { clientId, domainId } = this.principal;
    authorise(this.principal, 'create', clientId);
    this.rights?.touch(undefined, attributes);
    requireConstraintsMet(this.policy, attributes);
    markAwaiting(attributes, this.principal, this.policy);
    fillApplicationData(attributes, uniqueIdentifier);
    this.#changes.push({
      kind: 'create',
      object: { domainId, ownerId: clientId, uniqueIdentifier, attributes, value },
    });
  }

  /** Writes the object's changed attributes, and erases or replaces its value where asked. */
  update(object: ManagedObject, value: ValueChange = 'keep'): void {
    object.attributes.set('LastChangeDate', this.nowSeconds);
    this.#change(object, object.attributes, value);
  }

  /**
   * Makes another object of this one: attributes and value are those given, and have to be as for a new one (Import).
   * @throws HoldfastError ConstraintViolation
   */
  overwrite(object: ManagedObject, attributes: AttributeSet, value: ValueChange): void {
    requireConstraintsMet(this.policy, attributes);
    markAwaiting(attributes, this.principal, this.policy);
    fillApplicationData(attributes, object.uniqueIdentifier);
    this.#change(object, attributes, value);
  }

  #change({ stored }: ManagedObject, attributes: AttributeSet, value: ValueChange): void {
    const earlier = this.#changes.findIndex((change) => change.kind === 'update' && change.object === stored);
    const change = { kind: 'update', object: stored, attributes, value } as const;
    if (earlier === -1) this.#changes.push(change);
    else this.#changes[earlier] = change;
  }

  /** Removes every object of the domain at once, with all that is recorded of them: for test runs alone. */
  removeAll(): Promise<void> {
    const { clientId, domainId } = this.principal;
    authorise(this.principal, 'destroy', clientId);
    return this.session.removeAll(domainId, actorOf(this.principal));
  }

  /** Identifiers of the objects that were looked at or found. */
  get seen(): readonly string[] {
    if (this.#located.length > 0) return this.#located;
    if (this.#seenWithin.size === 0) return [...this.#loaded.keys()];
    return [...new Set([...this.#loaded.keys(), ...this.#seenWithin])];
  }

  /** What is to be written. */
  get changes(): readonly ObjectChange[] {
    return this.#changes;
  }

  /** Whether there is anything to be written. */
  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** The object that is changed, where it is one alone that was there before. */
  get changedAlone(): StoredObject | undefined {
    const [only, ...others] = this.#changes;
    return only?.kind === 'update' && others.length === 0 ? only.object : undefined;
  }

  /** Writes what was collected, all or nothing. */
  flush(cause: ChangeCause, announcements?: readonly NewAnnouncement[]): Promise<void> {
    return this.session.commit(this.#changes, cause, announcements);
  }

  #load(stored: StoredObject | undefined, access: AccessClass): ManagedObject | undefined {
    if (stored === undefined) return undefined;
    const { ownerId, uniqueIdentifier } = stored;
    authorise(this.principal, access, ownerId);
    const attributes = stored.attributes.clone();
    requireCovered(attributes, access);
    this.rights?.touch(uniqueIdentifier, attributes);
    const state = stateAt(attributes, this.nowSeconds);
    if (state !== undefined && state !== attributes.get('State')) attributes.set('State', state);
    const object = { stored, uniqueIdentifier, attributes, state };
    this.#loaded.set(uniqueIdentifier, object);
    return object;
  }
}

/** The object, where it is still there. @throws HoldfastError the code `archived` where it is not on-line */
function onLine(object: ManagedObject | undefined, archived: ErrorCode): ManagedObject | undefined {
  if (object?.attributes.has('ArchiveDate') === true) {
    throw new HoldfastError(archived, 'the object is archived');
  }
  return object !== undefined && isGone(object) ? undefined : object;
}

/** Of a destroyed Template only its identifier stays, so that it is not given out again. KMIP 1.4 section 4.21. */
function isGone({ state, attributes }: ManagedObject): boolean {
  return state === State.Destroyed && attributes.get('ObjectType') === ObjectType.Template;
}

function found(object: ManagedObject | undefined): ManagedObject {
  if (object !== undefined) return object;
  throw new HoldfastError('ObjectNotFound', 'no object has this unique identifier');
}
