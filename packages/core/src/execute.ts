import { HoldfastError } from '@holdfast/ttlv';
import { actorOf } from './identity';
import { ObjectAccess } from './object-access';
import type { DomainPolicy } from './objects/domain-policy';
import { GrantedRights } from './rights';
import type { OperationContext, OperationDefinition } from './operation';
import type { NewAnnouncement } from './ports/announcements';
import type {
  KeyStore,
  KeyStoreSession,
  ObjectChange,
  PresumingSession,
  StoredObject,
} from './ports/key-store';
import { Turns } from './turns';

/** How often an operation is run again after another writer changed one of its objects in between. */
const MAX_ATTEMPTS = 8;

export interface Execution {
  /** The store, or the transaction of a batch. */
  readonly session: KeyStore | KeyStoreSession;
  /** Where the operation begins with what is in memory: see PresumingSession. */
  readonly presuming?: PresumingSession | undefined;
  /** A context for one attempt. */
  context(objects: ObjectAccess): OperationContext;
  readonly principal: OperationContext['principal'];
  readonly policy: DomainPolicy;
  readonly nowSeconds: number;
  /** Told of what was committed, or will be with the transaction. */
  changed?(changes: readonly ObjectChange[]): void;
  /** What is written together with the changes, to be told to clients. */
  announce?(
    changes: readonly ObjectChange[],
  ): readonly NewAnnouncement[] | Promise<readonly NewAnnouncement[]>;
  /** Looks at the response before anything is written; what it throws makes the operation fail without a trace. */
  accept(response: unknown): void;
  /** Uses up what allows the operation (a use of a ticket, an approval), before anything is written or answered. */
  readonly spend?: ((rights: readonly number[]) => Promise<void>) | undefined;
}

/** Requests of this process that change one object at once: each would make the others run again, over and over. */
const turns = new Turns();

/**
 * Runs one operation and commits what it changed, in one transaction. Where another writer came in between, it is run
 * again on what that writer left, so no update is lost. Those who contend for one object then take turns within this
 * process, and where other processes contend too, lock it in the database.
 */
export async function execute<Request, Response>(
  definition: OperationDefinition<Request, Response>,
  request: Request,
  execution: Execution,
): Promise<Response> {
  const { session, presuming, principal, policy, nowSeconds } = execution;
  const { ticket } = principal;
  let isSpent = execution.spend === undefined;
  let changed: StoredObject | undefined;
  let endTurn: (() => void) | undefined;
  let changes: readonly ObjectChange[] = [];
  let isLocked = false;
  // Within a transaction rows are locked already: nothing is waited for there that others may have to end.
  const mayWait = 'transaction' in session;
  const attempt = async (on: KeyStoreSession): Promise<Response> => {
    const rights =
      ticket?.rights === undefined ? undefined : new GrantedRights(ticket.rights, definition.code);
    const access = definition.access ?? 'inspect';
    const objects = new ObjectAccess(on, principal, access, nowSeconds, policy, rights);
    const answer = definition.execute(request, execution.context(objects));
    const response = answer instanceof Promise ? await answer : answer;
    execution.accept(response);
    if (!isSpent) await execution.spend?.(rights?.places ?? []);
    isSpent = true;
    if (!objects.hasChanges) return response;
    changed = objects.changedAlone;
    if (mayWait && endTurn === undefined && changed !== undefined && turns.isTaken(changed.internalId))
      throw givenWay();
    const { namesMayRepeat } = principal;
    const cause = { actor: actorOf(principal), operation: definition.name, namesMayRepeat };
    const announcements = execution.announce?.(objects.changes);
    await objects.flush(cause, announcements instanceof Promise ? await announcements : announcements);
    changes = objects.changes;
    return response;
  };
  try {
    for (let attempts = 1; ; attempts++) {
      try {
        const held = isLocked ? changed : undefined;
        const response =
          held === undefined || !mayWait
            ? await attempt(attempts === 1 ? (presuming ?? session) : session)
            : await session.transaction(principal.domainId, async (transaction) => {
                await transaction.lock(held);
                return attempt(transaction);
              });
        if (changes.length > 0) execution.changed?.(changes);
        return response;
      } catch (error) {
        const conflict = error instanceof HoldfastError && error.code === 'RevisionConflict';
        if (!conflict || attempts === MAX_ATTEMPTS) throw error;
        presuming?.forget();
      }
      if (changed === undefined || !mayWait) continue;
      if (endTurn === undefined) endTurn = await turns.take(changed.internalId);
      else isLocked = true;
    }
  } finally {
    endTurn?.();
  }
}

function givenWay(): HoldfastError {
  return new HoldfastError('RevisionConflict', 'others are changing the object', { retryable: true });
}
