import type { Keyring, SealBinding, SealedValue } from '@holdfast/core';
import { STORAGE_DIALECT, managedObjectField, type ManagedObjectValue } from '@holdfast/kmip';
import { HoldfastError, SecretBytes, decodeTtlv, encodeTtlv, type Item } from '@holdfast/ttlv';

const field = managedObjectField();
/** Only its tag is looked at, to name in errors what holds the object. */
const NO_STRUCTURE: Item = { tag: 0, type: 1, value: [] };

/** A managed object's value as TTLV in the storage dialect; the caller's, who destroys it. */
export function encodeValue(value: ManagedObjectValue): SecretBytes {
  const items: Item[] = [];
  field.encode(value, STORAGE_DIALECT, items);
  const [item] = items;
  if (item === undefined) throw new HoldfastError('InternalServerError', 'the object cannot be stored');
  return new SecretBytes(encodeTtlv(item));
}

/** Seals a managed object's value. The plaintext is zeroed. */
export function sealValue(keyring: Keyring, binding: SealBinding, value: ManagedObjectValue): SealedValue {
  const plaintext = encodeValue(value);
  try {
    return keyring.seal(binding, plaintext);
  } finally {
    plaintext.destroy();
  }
}

/**
 * Reads an opened value. The secrets in it are views of the opened bytes: destroying them zeroes these.
 * @throws HoldfastError IntegrityViolation
 */
export function readValue(plaintext: SecretBytes): ManagedObjectValue {
  try {
    const item = decodeTtlv(plaintext.reveal());
    const value = field.decode([item], STORAGE_DIALECT, NO_STRUCTURE);
    if (value === undefined) throw new HoldfastError('CodecError', 'no managed object');
    return value;
  } catch (cause) {
    plaintext.destroy();
    throw new HoldfastError('IntegrityViolation', 'the stored value cannot be read', { cause });
  }
}
