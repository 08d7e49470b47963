import type { Keyring } from '@holdfast/core';
import { SqlState, sqlStateOf } from './errors';

/**
 * SQL for a value of a column that is NOT NULL, such as a MAC: NULL, so that the statement fails (SqlState.notNullViolation),
 * where that version of the domain's key may no longer be written under. A process that has not heard of a rotation can so
 * never write what nobody could open.
 */
export function unlessRetired(domainId: string, keyVersion: string, value: string): string {
  return `CASE WHEN EXISTS (SELECT FROM domain_key AS retired WHERE retired.domain_id = ${domainId}
    AND retired.version = ${keyVersion} AND retired.status IN ('retiring', 'retired')) THEN NULL ELSE ${value} END`;
}

/**
 * Where a statement failed since it wrote under a retired key, which this process has not heard of, loads the keys of the
 * domains anew: what is run again writes under the current ones.
 */
export async function refreshRetired(
  error: unknown,
  keyring: Keyring,
  domainIds: readonly string[],
): Promise<void> {
  const isRetired = [error, error instanceof Error ? error.cause : undefined].some(
    (each) => sqlStateOf(each) === SqlState.notNullViolation,
  );
  if (!isRetired) return;
  for (const domainId of new Set(domainIds)) await keyring.refresh(domainId).catch(() => undefined);
}
