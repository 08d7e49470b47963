import {
  ProtectionStorageMask,
  optional,
  protectionStorageMasksStructure,
  type Field,
  type Infer,
} from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';

/** Where values are kept: sealed, in a database. */
export const PROTECTION_STORAGE = ProtectionStorageMask.Software;

type ProtectionStorageMasks = Infer<typeof protectionStorageMasksStructure>;

/** The storages that a request allows for a new object. KMIP 2.1 section 7.33. */
export function protectionStorageMasks(tag: number): Field<ProtectionStorageMasks, true> {
  return optional(tag, protectionStorageMasksStructure, { since: '2.0' });
}

/**
 * @param code how the error table of the operation calls it
 * @throws HoldfastError `code` where no mask of those given can be satisfied in its entirety
 */
export function requireProtectionStorage(
  request: ProtectionStorageMasks | undefined,
  code: ErrorCode = 'ProtectionStorageUnavailable',
): void {
  const masks = request?.protectionStorageMasks ?? [];
  if (masks.length === 0 || masks.includes(PROTECTION_STORAGE)) return;
  throw new HoldfastError(code, 'objects are kept in software storage alone');
}
