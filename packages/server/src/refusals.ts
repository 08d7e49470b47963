import { actorOf, type AuditLog, type Principal } from '@holdfast/core';
import { describeError, type Logger } from './log';

/** Records that what came over a connection was refused before it was looked at as KMIP. Never rejects. */
export type RecordRefusal = (
  who: { readonly principal: Principal | undefined; readonly peer: string },
  reason: string,
) => Promise<void>;

export function refusalRecorder(auditLog: AuditLog, log: Logger): RecordRefusal {
  return async ({ principal, peer }, reason) => {
    const actor =
      principal === undefined ? ({ kind: 'client', id: peer, name: '', peer } as const) : actorOf(principal);
    const domainId = principal?.domainId;
    try {
      await auditLog.append({ actor, action: 'message', domainId, outcome: 'failure', reason });
    } catch (cause) {
      log.error({ error: describeError(cause) }, 'a refusal could not be recorded');
    }
  };
}
