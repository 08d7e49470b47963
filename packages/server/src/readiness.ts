import { HoldfastError } from '@holdfast/core';
import type { AuditChainStore } from '@holdfast/store';

/** Who checks the health of a node gives it a few seconds. */
const ANSWER_MS = 3_000;

const READ_ONLY = 'the database takes no changes: its PostgreSQL is a standby, or read-only';

/** What serving needs besides the node itself. */
export interface Readiness {
  readonly isDatabaseReachable: boolean;
  /** Why requests are refused; absent where they are not. */
  readonly problem?: string;
}

/**
 * Asks the database what requests would find.
 * @param graceSeconds how long they are served while the audit log is not signed
 */
export async function readinessOf(
  chain: Pick<AuditChainStore, 'unconfirmedSeconds' | 'takesChanges'>,
  graceSeconds: number,
): Promise<Readiness> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<never>((_, reject) => {
    const late = () => reject(new HoldfastError('StoreUnavailable', 'the database gave no answer in time'));
    timer = setTimeout(late, ANSWER_MS);
  });
  try {
    const asked = Promise.all([chain.unconfirmedSeconds(), chain.takesChanges()]);
    const [seconds, takesChanges] = await Promise.race([asked, isLate]);
    // Nothing is answered that cannot be recorded.
    if (!takesChanges) return { isDatabaseReachable: true, problem: READ_ONLY };
    const isSigned = seconds <= graceSeconds;
    return {
      isDatabaseReachable: true,
      ...(isSigned ? {} : { problem: `the audit log was not signed for ${Math.floor(seconds)} s` }),
    };
  } catch {
    return { isDatabaseReachable: false, problem: 'the database does not answer' };
  } finally {
    clearTimeout(timer);
  }
}
