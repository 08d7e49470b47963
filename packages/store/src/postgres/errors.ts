import { HoldfastError } from '@holdfast/ttlv';
import { DatabaseError } from 'pg';

export const SqlState = {
  uniqueViolation: '23505',
  notNullViolation: '23502',
  deadlockDetected: '40P01',
  serializationFailure: '40001',
  duplicateTable: '42P07',
  insufficientPrivilege: '42501',
  undefinedStatement: '26000',
  featureNotSupported: '0A000',
  readOnlyTransaction: '25006',
  lockNotAvailable: '55P03',
  diskFull: '53100',
  tooManyConnections: '53300',
} as const;

/** What a database that cannot be used lacks, where it is there. */
const LACKS: Readonly<Record<string, string>> = {
  [SqlState.readOnlyTransaction]: 'takes no changes: its PostgreSQL is a standby, or read-only',
  [SqlState.diskFull]: 'takes no changes: the disk of its PostgreSQL is full',
  [SqlState.tooManyConnections]:
    'takes no more connections: its PostgreSQL, or a limit there, allows too few',
};

/** The server refuses sessions, ends them, or cannot write (a replica, a full disk): the database is not available. */
const UNAVAILABLE = /^(?:08|53|57P|58|25006|25P0[34])/;
/** The session ended, and with it whatever it was doing: also by a limit of time that the role or the database has. */
const SESSION_ENDED = /^(?:08|57P0|25P0[34])/;

/** The SQLSTATE where the database itself refused, else undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/**
 * Whether the error leaves open what became of the statement: the connection broke, or the server ended the session
 * rather than the statement.
 */
export function leavesOutcomeOpen(error: unknown): boolean {
  if (error instanceof HoldfastError) return error.code === 'StoreUnavailable' && !error.outcomeKnown;
  const state = sqlStateOf(error);
  return state === undefined || SESSION_ENDED.test(state);
}

/**
 * Whether a prepared statement of the connection is no more, or no longer fits the tables ("cached plan must not change
 * result type"): nothing was done, and on another connection it is prepared anew.
 */
export function isStalePreparation(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SqlState.undefinedStatement || state === SqlState.featureNotSupported;
}

/** Whether the database could not do it now, and nothing was done. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && UNAVAILABLE.test(state);
}

/** Whether the error says that one row is not what was written, or was changed in between: others are not concerned. */
export function concernsOneRow(error: unknown): boolean {
  return (
    error instanceof HoldfastError &&
    (error.code === 'RevisionConflict' || error.code === 'IntegrityViolation')
  );
}

/** The error that callers get for whatever the database or the network said. Nothing of it is shown to clients. */
export function storeError(cause: unknown, outcomeKnown = true): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  if (cause instanceof TypeError || cause instanceof RangeError) {
    return new HoldfastError('InternalServerError', 'the key store failed', { cause });
  }
  const state = sqlStateOf(cause);
  if (state === undefined || isUnavailable(cause)) {
    const message = `the key store ${LACKS[state ?? ''] ?? 'cannot be reached'}`;
    return new HoldfastError('StoreUnavailable', message, { cause, retryable: outcomeKnown, outcomeKnown });
  }
  if (state === SqlState.notNullViolation) {
    return new HoldfastError('RevisionConflict', 'the key of the domain is retired: another one is current', {
      cause,
      retryable: true,
    });
  }
  if (state === SqlState.deadlockDetected || state === SqlState.serializationFailure) {
    return new HoldfastError('RevisionConflict', 'another change came in between', {
      cause,
      retryable: true,
    });
  }
  return new HoldfastError('InternalServerError', 'the key store refused a statement', { cause });
}

/** Something in the database (a trigger, a rule) did away with a record that was to be written. */
export function recordNotTaken(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the database did not keep a record of the audit log');
}
