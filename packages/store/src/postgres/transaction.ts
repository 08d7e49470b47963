import { HoldfastError } from '@holdfast/ttlv';
import type { Backend, Session } from './database';
import { isStalePreparation, leavesOutcomeOpen, storeError } from './errors';

/**
 * Runs `work` in a transaction.
 * @param connect runs something on a connection
 * @param isCommitted finds out whether the transaction came through, where the answer to COMMIT was lost
 * @throws what `work` throws, after everything was undone; HoldfastError StoreUnavailable
 */
export async function inTransaction<T>(
  connect: <R>(run: (session: Session) => Promise<R>) => Promise<R>,
  work: (session: Session) => Promise<T>,
  isCommitted: (backend: Backend) => Promise<boolean>,
): Promise<T> {
  let hasBegun = false;
  let failed: { readonly error: unknown } | undefined;
  let committing: { readonly backend: Backend; readonly result: T } | undefined;
  const attempt = (): Promise<T> =>
    connect(async (session) => {
      await session.query('BEGIN');
      hasBegun = true;
      let result: T;
      try {
        result = await work(session);
      } catch (error) {
        failed = { error };
        await session.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
      committing = { backend: session.backend, result };
      if (!(await session.commit())) {
        failed = { error: new HoldfastError('InternalServerError', 'the transaction had failed') };
        throw failed.error;
      }
      return result;
    });
  try {
    return await attempt().catch((error: unknown) => {
      // A connection that broke while it was idle shows it at BEGIN: nothing has happened yet.
      if (hasBegun || error instanceof HoldfastError || !leavesOutcomeOpen(error)) throw error;
      return attempt();
    });
  } catch (error) {
    if (failed !== undefined) throw failed.error;
    if (committing === undefined || !leavesOutcomeOpen(error)) throw storeError(error);
    if (await isCommitted(committing.backend)) return committing.result;
    throw storeError(error);
  }
}

/** Runs something that may be done twice, a second time where its connection broke. */
export async function repeatable<T>(
  connect: <R>(run: (session: Session) => Promise<R>) => Promise<R>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await connect(work).catch((error: unknown) => {
      if (error instanceof HoldfastError) throw error;
      if (!leavesOutcomeOpen(error) && !isStalePreparation(error)) throw error;
      return connect(work);
    });
  } catch (error) {
    throw storeError(error);
  }
}
