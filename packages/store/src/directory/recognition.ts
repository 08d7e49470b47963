import type { CredentialRule, PresentedCertificate } from '@holdfast/core';
import { clients, credentials, domains } from './tables';

/** The rules that a certificate meets by the names in it. */
export function namingRules({
  authorityIds,
  subject,
  alternativeNames,
}: PresentedCertificate): readonly CredentialRule[] {
  return authorityIds.flatMap((authorityId): CredentialRule[] => [
    { kind: 'subject', authorityId, subject },
    ...alternativeNames.map((alternativeName) => ({
      kind: 'alternative-name' as const,
      authorityId,
      alternativeName,
    })),
  ]);
}

const HOLDERS = `SELECT ${credentials.selection('c')}, ${clients.selection('k')}, ${domains.selection('d')}
  FROM credential AS c LEFT JOIN client AS k ON k.id = c.client_id LEFT JOIN domain AS d ON d.id = k.domain_id`;

/** The holders of rules, by the digests of these. Every row is reached by a key. */
export const RECOGNISE = `${HOLDERS} WHERE c.rule_digest = ANY ($1::bytea[])`;

/** The holders of credentials, by the identifiers of these. */
export const HOLDERS_BY_CREDENTIAL = `${HOLDERS} WHERE c.id = ANY ($1::uuid[])`;
