import type { Attribute, AttributeKey, ManagedObjectValue, State } from '@holdfast/kmip';
import type { Awaitable } from '../awaitable';
import type { AttributeSet } from '../objects/attribute-set';
import type { Actor } from '../identity';
import type { NewAnnouncement } from './announcements';
import type { TicketChanges } from './tickets';

/** One object as it was read: its row's MAC and freshness have been checked. */
export interface StoredObject {
  readonly domainId: string;
  readonly uniqueIdentifier: string;
  /** UUID that binds the cryptography; never leaves the server. */
  readonly internalId: string;
  /** The client that made the object. */
  readonly ownerId: string;
  /** Counts re-imports of the value, from 1. */
  readonly generation: number;
  /** Counts changes, from 1. */
  readonly revision: number;
  /** Shared by all readers of this row: clone before changing. */
  readonly attributes: AttributeSet;
  /** Whether there is a value to open (not after Destroy, nor for keys registered without one). */
  readonly hasValue: boolean;
  /**
   * Opens the sealed value.
   * @throws HoldfastError IntegrityViolation where it does not open, KeyValueNotPresent where there is none
   */
  openValue(): ManagedObjectValue;
}

export interface NewObject {
  readonly domainId: string;
  readonly ownerId: string;
  readonly uniqueIdentifier: string;
  readonly attributes: AttributeSet;
  readonly value: ManagedObjectValue | undefined;
}

export type ObjectChange =
  | { readonly kind: 'create'; readonly object: NewObject }
  | {
      readonly kind: 'update';
      /** The object as it was read: its revision is what the row must still have. */
      readonly object: StoredObject;
      readonly attributes: AttributeSet;
      /** What happens to the sealed value. 'replace' starts a new generation. */
      readonly value: 'keep' | 'erase' | { readonly replace: ManagedObjectValue };
    };

/** Who changes what for: goes into the change record of each object in the commit. */
export interface ChangeCause {
  readonly actor: Actor;
  /** Name of the operation, e.g. "Create". */
  readonly operation: string;
  /** Whether the domain lets several objects have one name. */
  readonly namesMayRepeat?: true | undefined;
}

/** One condition of Locate; an object matches where any instance of the attribute does. */
export type LocateFilter =
  | { readonly kind: 'equals'; readonly attribute: Attribute }
  /** Structures: all members that the value has are equal. Usage Limits: total and count are at least these. */
  | { readonly kind: 'includes'; readonly attribute: Attribute }
  /** Date attributes: seconds, both ends included. An object without the date counts as if its date were Infinity. */
  | { readonly kind: 'range'; readonly key: AttributeKey; readonly from: number; readonly to: number }
  /** Mask attributes: all these bits are set. */
  | { readonly kind: 'bits'; readonly key: AttributeKey; readonly bits: number }
  /** Mask attributes: at least one of these bits is set. */
  | { readonly kind: 'someBits'; readonly key: AttributeKey; readonly bits: number }
  /** Mask attributes: none of these bits is set, as where there is no mask. */
  | { readonly kind: 'noBits'; readonly key: AttributeKey; readonly bits: number }
  /** The object has one of these. */
  | { readonly kind: 'anyOf'; readonly attributes: readonly Attribute[] }
  /** No instance has all members that the value has; one without members: there is no instance at all. */
  | { readonly kind: 'lacks'; readonly attribute: Attribute }
  | { readonly kind: 'state'; readonly state: State };

export interface LocateQuery {
  readonly domainId: string;
  /** All must match; none: every object. */
  readonly filters: readonly LocateFilter[];
  /** Which storages are searched (Storage Status Mask). */
  readonly storage: { readonly online: boolean; readonly archived: boolean; readonly destroyed: boolean };
  readonly order: 'newest-first' | 'oldest-first';
  readonly offsetItems: number;
  /** Undefined: no limit. */
  readonly maximumItems: number | undefined;
  /** Whether all that match are counted, beyond offset and maximum. */
  readonly isCounted: boolean;
  /** Whether the domain lets several objects have one name. */
  readonly namesMayRepeat?: true | undefined;
  /** Time at which date-driven states are computed, seconds. */
  readonly nowSeconds: number;
}

export interface LocateResult {
  /** In the order asked for. Each of these objects was read and checked, and matches. */
  readonly uniqueIdentifiers: readonly string[];
  /** How many match without offset and maximum; there where the query counts them. */
  readonly totalItems: number | undefined;
}

/** Reads and writes objects. Outside a transaction every commit is one by itself. */
export interface KeyStoreSession {
  /**
   * The object, or undefined where the domain has none of that identifier.
   * @throws HoldfastError IntegrityViolation where the row is not what was written, or older than its change records
   */
  fetch(domainId: string, uniqueIdentifier: string): Awaitable<StoredObject | undefined>;
  locate(query: LocateQuery): Awaitable<LocateResult>;
  /**
   * Writes all changes with one change record each, or none.
   * @param announcements written with them
   * @throws HoldfastError RevisionConflict (somebody changed an object since it was read: run again),
   *   NonUniqueNameAttribute, ObjectAlreadyExists, StoreUnavailable (outcomeKnown says whether it may have happened)
   */
  commit(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
    announcements?: readonly NewAnnouncement[],
  ): Promise<void>;
  /** Removes every object of the domain and all records of them; one audit record says so. For test runs alone. */
  removeAll(domainId: string, actor: Actor): Promise<void>;
}

export interface KeyStoreTransaction extends KeyStoreSession {
  /** Waits until nobody else is changing the object; until the end of the transaction nobody else can. */
  lock(object: StoredObject): Promise<void>;
  /**
   * Uses an approval of officers up, together with what else the transaction does. Who comes second waits here.
   * @throws HoldfastError PermissionDenied where it was not given, has expired, or was used by another
   */
  useApproval(number: number, actor: Actor): Promise<void>;
  /** Makes, uses up and ends tickets together with what else the transaction does. */
  readonly tickets: TicketChanges;
}

/**
 * Answers from memory where it can. Whoever uses the answers has them confirmed before anybody is told of what came of
 * them: by a commit in this session, which fails with RevisionConflict where one does not hold, or together with the
 * audit record (AuditLog.appendIf).
 */
export interface PresumingSession extends KeyStoreSession {
  /** Objects that were answered with from memory and are not confirmed yet: only the store can tell whether they still are so. */
  readonly presumed: readonly StoredObject[];
  /** Nothing of what was answered so far is used. */
  forget(): void;
}

export interface KeyStore extends KeyStoreSession {
  presuming(): PresumingSession;
  /**
   * Runs `work` in one transaction: all of its commits happen when it resolves, none where it throws.
   * @param domainId whose objects it is about: where those of one domain last, others do not wait for them
   */
  transaction<T>(domainId: string, work: (session: KeyStoreTransaction) => Promise<T>): Promise<T>;
}
