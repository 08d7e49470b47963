import type { ErrorCode } from '@holdfast/core';

/** Errors that may be gone at the next attempt. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['StoreUnavailable', 'RootOfTrustUnavailable']);

/** Errors that say something about this server rather than about the request: the peer learns no detail of them. */
const INTERNAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'IntegrityViolation',
  'InternalServerError',
  'StoreUnavailable',
  'RootOfTrustUnavailable',
  'RootOfTrustMismatch',
  'RevisionConflict',
  'Configuration',
]);

export function isTransient(code: ErrorCode): boolean {
  return TRANSIENT.has(code);
}

export function isInternal(code: ErrorCode): boolean {
  return INTERNAL.has(code);
}
