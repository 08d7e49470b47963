import { SYSTEM_DOMAIN_ID, type Keyring, type SealedValue, type SecretBytes } from '@holdfast/core';
import type { DirectoryRow } from './table';

/** Secrets in rows of the directory: sealed under the key of the system domain, bound to the row and a generation. */

function bindingOf(internalId: string, generation: number, keyVersion: number) {
  return { domainId: SYSTEM_DOMAIN_ID, internalId, generation, keyVersion };
}

/** Seals a secret for the row that is being written, whose key version is the current one. */
export function sealColumns(
  keyring: Keyring,
  rowId: string,
  generation: number,
  secret: SecretBytes,
): SealedValue {
  return keyring.seal(bindingOf(rowId, generation, keyring.currentVersion(SYSTEM_DOMAIN_ID)), secret);
}

/** @throws HoldfastError IntegrityViolation */
export function openColumns(
  keyring: Keyring,
  row: DirectoryRow<'salt' | 'sealed'>,
  generation: number,
): SecretBytes | undefined {
  const { salt, sealed } = row;
  if (!Buffer.isBuffer(salt) || !Buffer.isBuffer(sealed)) return undefined;
  return keyring.open(bindingOf(row.id, generation, row.key_version), { salt, sealed });
}
