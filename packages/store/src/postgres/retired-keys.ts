/**
 * SQL for a value of a column that is NOT NULL, such as a MAC: NULL, so that the statement fails (SqlState.notNullViolation),
 * where that version of the domain's key may no longer be written under. A process that has not heard of a rotation can so
 * never write what nobody could open.
 */
export function unlessRetired(domainId: string, keyVersion: string, value: string): string {
  return `CASE WHEN EXISTS (SELECT FROM domain_key AS retired WHERE retired.domain_id = ${domainId}
    AND retired.version = ${keyVersion} AND retired.status IN ('retiring', 'retired')) THEN NULL ELSE ${value} END`;
}
