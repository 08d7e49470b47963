import { HoldfastError } from '@holdfast/ttlv';

/** What the runtime, or this server, does not have. */
export function unsupported(what: string): HoldfastError {
  return new HoldfastError('UnsupportedCryptographicParameters', what);
}

/** What the key or the mode cannot have. */
export function badParameters(what: string): HoldfastError {
  return new HoldfastError('BadCryptographicParameters', what);
}

/** Says no more than that it failed: what of a ciphertext was wrong is nobody's business. */
export function failure(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CryptographicFailure', what, { cause });
}

/** Nobody waits for what was to be computed. */
export function givenUp(): HoldfastError {
  return new HoldfastError('OperationCanceledByRequester', 'the client has gone before the result was there');
}

/** What OpenSSL throws in `work`, as a refusal of ours; what we throw ourselves stays as it is. */
export function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw cause instanceof HoldfastError ? cause : failure(what, cause);
  }
}
