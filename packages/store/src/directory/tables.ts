import { createHash } from 'node:crypto';
import type {
  CertificationAuthority,
  ClientSettings,
  Client,
  Credential,
  CredentialRule,
  Domain,
  DomainSettings,
  Officer,
  OfficerRole,
  Role,
  SecretBytes,
} from '@holdfast/core';
import { AuthenticatedTable, type DirectoryRow } from './table';

const authenticated = <Column extends string>(
  name: string,
  columns: ConstructorParameters<typeof AuthenticatedTable<Column>>[1],
  addedColumns?: readonly NoInfer<Column>[],
): AuthenticatedTable<Column> => new AuthenticatedTable(name, columns, addedColumns);

/** The tables of the directory and how their rows read. */
export const domains = authenticated(
  'domain',
  { name: 'text', created_at: 'int8', settings: 'text', policy: 'text' },
  ['settings', 'policy'],
);
export const clients = authenticated(
  'client',
  {
    name: 'text',
    domain_id: 'uuid',
    role: 'text',
    created_at: 'int8',
    revoked_at: 'int8',
    settings: 'text',
  },
  ['settings'],
);
export const credentials = authenticated('credential', {
  client_id: 'uuid',
  rule_kind: 'text',
  rule_authority_id: 'uuid',
  rule_value: 'text',
  rule_digest: 'bytea',
  serial_hex: 'text',
  subject: 'text',
  not_after: 'int8',
  authority_id: 'uuid',
  created_at: 'int8',
  revoked_at: 'int8',
});
export const authorities = authenticated('authority', {
  name: 'text',
  certificate_der: 'bytea',
  salt: 'bytea',
  sealed: 'bytea',
  created_at: 'int8',
  revoked_at: 'int8',
});
export const officers = authenticated(
  'officer',
  { name: 'text', token_sha256: 'bytea', created_at: 'int8', revoked_at: 'int8', role: 'text' },
  ['role'],
);
export const serverSecrets = authenticated('server_secret', {
  name: 'text',
  salt: 'bytea',
  sealed: 'bytea',
  created_at: 'int8',
});

type RowOf<Table> = Table extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

// What was authenticated was written by this program: the types of its values are those that it wrote.
const text = (value: unknown): string => value as string;
const number = (value: unknown): number => value as number;
const optionalText = (value: unknown): string | undefined => (value ?? undefined) as string | undefined;
const optionalNumber = (value: unknown): number | undefined => (value ?? undefined) as number | undefined;

/** How settings lie in their column: nothing where all of them are the defaults. */
export function settingsColumn(settings: DomainSettings | ClientSettings = {}): string | null {
  const text = JSON.stringify(settings);
  return text === '{}' ? null : text;
}

function settingsOf<Settings extends object>(row: DirectoryRow<'settings'>): Settings {
  return JSON.parse(optionalText(row.settings) ?? '{}') as Settings;
}

export function domainOf(row: RowOf<typeof domains>): Domain {
  return {
    id: row.id,
    name: text(row.name),
    settings: settingsOf<DomainSettings>(row),
    createdAtSeconds: number(row.created_at),
  };
}

export function clientOf(row: RowOf<typeof clients>): Client {
  return {
    id: row.id,
    name: text(row.name),
    domainId: text(row.domain_id),
    role: text(row.role) as Role,
    settings: settingsOf<ClientSettings>(row),
    createdAtSeconds: number(row.created_at),
    revokedAtSeconds: optionalNumber(row.revoked_at),
  };
}

export function credentialOf(row: RowOf<typeof credentials>): Credential {
  return {
    id: row.id,
    clientId: text(row.client_id),
    rule: ruleOf(row),
    serialHex: optionalText(row.serial_hex),
    subject: optionalText(row.subject),
    notAfterSeconds: optionalNumber(row.not_after),
    authorityId: optionalText(row.authority_id),
    createdAtSeconds: number(row.created_at),
    revokedAtSeconds: optionalNumber(row.revoked_at),
  };
}

export function authorityOf(
  row: RowOf<typeof authorities>,
  privateKey: SecretBytes | undefined,
): CertificationAuthority {
  return {
    id: row.id,
    name: text(row.name),
    certificateDer: row.certificate_der as Buffer,
    privateKey,
    createdAtSeconds: number(row.created_at),
    revokedAtSeconds: optionalNumber(row.revoked_at),
  };
}

export function officerOf(row: RowOf<typeof officers>): Officer {
  return {
    id: row.id,
    name: text(row.name),
    role: (optionalText(row.role) ?? 'officer') as OfficerRole,
    tokenSha256: row.token_sha256 as Buffer,
    createdAtSeconds: number(row.created_at),
    revokedAtSeconds: optionalNumber(row.revoked_at),
  };
}

/** How a rule lies in its columns. */
export function ruleColumns(rule: CredentialRule): {
  readonly rule_kind: string;
  readonly rule_authority_id: string | null;
  readonly rule_value: string;
  readonly rule_digest: Buffer;
} {
  const authorityId = rule.kind === 'fingerprint' ? null : rule.authorityId;
  const value =
    rule.kind === 'fingerprint'
      ? rule.sha256Hex
      : rule.kind === 'subject'
        ? rule.subject
        : rule.alternativeName;
  const digest = createHash('sha256')
    .update(JSON.stringify([rule.kind, authorityId, value]))
    .digest();
  return { rule_kind: rule.kind, rule_authority_id: authorityId, rule_value: value, rule_digest: digest };
}

function ruleOf(row: RowOf<typeof credentials>): CredentialRule {
  const value = text(row.rule_value);
  const authorityId = text(row.rule_authority_id);
  switch (text(row.rule_kind) as CredentialRule['kind']) {
    case 'fingerprint':
      return { kind: 'fingerprint', sha256Hex: value };
    case 'subject':
      return { kind: 'subject', authorityId, subject: value };
    case 'alternative-name':
      return { kind: 'alternative-name', authorityId, alternativeName: value };
  }
}
