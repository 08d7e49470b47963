import { HoldfastError } from '@holdfast/ttlv';
import type { AttributeSet } from './attribute-set';

/** How many instances one attribute of one object may have; more than any known client uses. */
export const MAX_INSTANCES = 256;
/** How many attribute instances one object may have in all. */
export const MAX_ATTRIBUTES = 4096;
/** How long all attributes of one object may become, as they are stored: each use of the object reads them. */
export const MAX_ATTRIBUTES_BYTES = 1024 * 1024;

/** For what makes an object of more than MAX_ATTRIBUTES. */
export function tooManyAttributes(): HoldfastError {
  return new HoldfastError('ServerLimitExceeded', `an object has at most ${MAX_ATTRIBUTES} attributes`);
}

/** @throws HoldfastError ServerLimitExceeded where the attributes are longer than those of an object may be */
export function requireLength(attributes: AttributeSet): void {
  if (attributes.storedLength <= MAX_ATTRIBUTES_BYTES) return;
  throw new HoldfastError(
    'ServerLimitExceeded',
    `the attributes of an object have at most ${MAX_ATTRIBUTES_BYTES} bytes together`,
  );
}
