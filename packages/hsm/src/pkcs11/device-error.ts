import { HoldfastError } from '@holdfast/core';
import type { Fault } from './protocol';

/** What a fault is where the root key, or the token itself, is concerned. */
export function errorOf({ kind, message }: Fault): HoldfastError {
  switch (kind) {
    case 'pin':
      return new HoldfastError(
        'Configuration',
        `the HSM refuses the PIN (${message}): it was tried once, and is not tried again`,
      );
    case 'not-authentic':
      return new HoldfastError('IntegrityViolation', 'a wrapped key does not open under the root of trust');
    case 'refused':
      return new HoldfastError('Configuration', `the HSM refuses: ${message}`);
    case 'absent':
    case 'device':
      return new HoldfastError('RootOfTrustUnavailable', `the HSM does not answer: ${message}`, {
        retryable: true,
      });
  }
}
