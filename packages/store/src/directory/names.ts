import { HoldfastError } from '@holdfast/core';
import { isStorable } from '../objects/change';

const MAX_NAME_LENGTH = 256;

/** @throws HoldfastError InvalidField where it is no name */
export function requireName(name: string): void {
  if (name === '' || name.length > MAX_NAME_LENGTH || !isStorable(name)) {
    throw new HoldfastError('InvalidField', `a name has 1 to ${MAX_NAME_LENGTH} characters`);
  }
}

/** A name to look for: what cannot be stored is replaced by what no name is. */
export function requireKey(name: string): string {
  return isStorable(name) ? name : '';
}
