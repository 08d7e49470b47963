import { HoldfastError } from '@holdfast/ttlv';
import { actorOf } from './identity';
import { ObjectAccess } from './object-access';
import { GrantedRights } from './rights';
import type { OperationContext, OperationDefinition } from './operation';
import type { KeyStoreSession } from './ports/key-store';
import { Turns } from './turns';

/** How often an operation is run again after another writer changed one of its objects in between. */
const MAX_ATTEMPTS = 8;

export interface Execution {
  readonly session: KeyStoreSession;
  /** A context for one attempt. */
  context(objects: ObjectAccess): OperationContext;
  readonly principal: OperationContext['principal'];
  readonly nowSeconds: number;
  /** Looks at the response before anything is written; what it throws makes the operation fail without a trace. */
  accept(response: unknown): void;
  /** Counts the operation where the principal's ticket wants that, before anything is written or answered. */
  spend?(rights: readonly number[]): Promise<void>;
}

/** Requests of this process that change one object at once: each would make the others run again, over and over. */
const turns = new Turns();

/**
 * Runs one operation and commits what it changed, in one transaction. Where another writer came in between, it is run
 * again on what that writer left, so no update is lost; those who contend for one object then take turns.
 */
export async function execute<Request, Response>(
  definition: OperationDefinition<Request, Response>,
  request: Request,
  execution: Execution,
): Promise<Response> {
  const { session, principal, nowSeconds } = execution;
  // Within a transaction rows are locked already: nothing is waited for there that others may have to end.
  const mayWait = 'transaction' in session;
  const { ticket } = principal;
  let isSpent = ticket?.isCounted !== true;
  let endTurn: (() => void) | undefined;
  try {
    for (let attempt = 1; ; attempt++) {
      const rights =
        ticket?.rights === undefined ? undefined : new GrantedRights(ticket.rights, definition.code);
      const objects = new ObjectAccess(
        session,
        principal,
        definition.access ?? 'inspect',
        nowSeconds,
        rights,
      );
      const answer = definition.execute(request, execution.context(objects));
      const response = answer instanceof Promise ? await answer : answer;
      execution.accept(response);
      if (!isSpent) await execution.spend?.(rights?.places ?? []);
      isSpent = true;
      if (!objects.hasChanges) return response;
      const contended = mayWait && endTurn === undefined ? objects.changedAlone : undefined;
      if (contended !== undefined && turns.isTaken(contended)) {
        endTurn = await turns.take(contended);
        continue;
      }
      try {
        await objects.flush({
          actor: actorOf(principal),
          operation: definition.name,
          namesMayRepeat: principal.namesMayRepeat,
        });
        return response;
      } catch (error) {
        const conflict = error instanceof HoldfastError && error.code === 'RevisionConflict';
        if (!conflict || attempt === MAX_ATTEMPTS) throw error;
      }
      if (contended !== undefined) endTurn = await turns.take(contended);
    }
  } finally {
    endTurn?.();
  }
}
