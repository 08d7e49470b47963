import { HoldfastError } from '@holdfast/core';
import type { AuditChainStore } from '@holdfast/store';

/** Who checks the health of a node gives it a few seconds. */
const ANSWER_MS = 3_000;

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
  chain: Pick<AuditChainStore, 'unconfirmedSeconds' | 'requireWritable'>,
  graceSeconds: number,
): Promise<Readiness> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<never>((_, reject) => {
    const late = () => reject(new HoldfastError('StoreUnavailable', 'the database gave no answer in time'));
    timer = setTimeout(late, ANSWER_MS);
  });
  try {
    // Nothing is answered that cannot be recorded.
    const refusal = chain.requireWritable().then(
      () => undefined,
      (error: unknown) => error,
    );
    const asked = Promise.all([chain.unconfirmedSeconds(), refusal]);
    const [seconds, refused] = await Promise.race([asked, isLate]);
    if (refused !== undefined) return { isDatabaseReachable: true, problem: problemOf(refused) };
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

function problemOf(refused: unknown): string {
  return refused instanceof HoldfastError ? refused.message : 'the database takes no changes';
}
