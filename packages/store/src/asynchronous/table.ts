import type {
  ClaimedRequest,
  ErrorCode,
  KeptRequest,
  Keyring,
  SecretBytes,
  StoredOutcome,
} from '@holdfast/core';
import { ProcessingStage, dialectNamed, type VersionName } from '@holdfast/kmip';
import { AuthenticatedTable, type DirectoryRow } from '../directory/table';
import { uuidText } from '../postgres/binary';

/**
 * Pending batch items. `content` is the request until the item is completed and then the result, sealed under the key of
 * the client's domain and bound to the row.
 */
export const asynchronousRequests = new AuthenticatedTable(
  'asynchronous_request',
  {
    domain_id: 'uuid',
    client_id: 'uuid',
    client_kind: 'text',
    credential_id: 'text',
    peer: 'text',
    chain_id: 'uuid',
    chain_position: 'int4',
    chain_stops: 'int4',
    operation: 'int4',
    protocol_version: 'text',
    is_ephemeral: 'int4',
    stage: 'int4',
    outcome: 'text',
    attempts: 'int4',
    processing_asked: 'int4',
    submitted_at_us: 'int8',
    claimed_at_us: 'int8',
    expires_at: 'int8',
    is_obtained: 'int4',
    content_salt: 'bytea',
    content_sealed: 'bytea',
    content_key_version: 'int4',
    // Number of the approval that it waits for.
    approval: 'int4',
  },
  ['approval'],
);
export type RequestRow =
  typeof asynchronousRequests extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

/** What stands in `outcome` besides error codes. */
export const SUCCESS = 'success';

/** What the content is bound to: a request is never opened as a result. */
const GENERATION = { request: 1, result: 2 } as const;

/** Seals the content for a row that is being written. */
export function contentColumns(
  keyring: Keyring,
  kind: keyof typeof GENERATION,
  row: { readonly id: string; readonly domainId: string },
  content: SecretBytes,
): { readonly content_salt: Buffer; readonly content_sealed: Buffer; readonly content_key_version: number } {
  const keyVersion = keyring.currentVersion(row.domainId);
  const { salt, sealed } = keyring.seal(
    { domainId: row.domainId, internalId: row.id, generation: GENERATION[kind], keyVersion },
    content,
  );
  return { content_salt: salt, content_sealed: sealed, content_key_version: keyVersion };
}

function openContent(keyring: Keyring, kind: keyof typeof GENERATION, row: RequestRow): SecretBytes {
  return keyring.open(
    {
      domainId: String(row.domain_id),
      internalId: row.id,
      generation: GENERATION[kind],
      keyVersion: Number(row.content_key_version),
    },
    { salt: row.content_salt as Buffer, sealed: row.content_sealed as Buffer },
  );
}

/** The content of a row, sealed anew under the current key of its domain. */
export function resealedContent(keyring: Keyring, row: RequestRow): ReturnType<typeof contentColumns> {
  const kind = row.stage === ProcessingStage.Completed ? 'result' : 'request';
  const content = openContent(keyring, kind, row);
  try {
    return contentColumns(keyring, kind, { id: row.id, domainId: String(row.domain_id) }, content);
  } finally {
    content.destroy();
  }
}

/** The columns of a completed request. */
export function outcomeColumns(keyring: Keyring, row: RequestRow, { failure, content }: StoredOutcome) {
  return {
    stage: ProcessingStage.Completed,
    outcome: failure ?? SUCCESS,
    ...contentColumns(keyring, 'result', { id: row.id, domainId: String(row.domain_id) }, content),
  };
}

/** @throws HoldfastError IntegrityViolation */
function openOutcome(keyring: Keyring, row: RequestRow): StoredOutcome | undefined {
  if (row.stage !== ProcessingStage.Completed) return undefined;
  return {
    failure: row.outcome === SUCCESS ? undefined : (row.outcome as ErrorCode),
    content: openContent(keyring, 'result', row),
  };
}

/** A request as the operations see it. */
export function keptRequest(keyring: Keyring, row: RequestRow): KeptRequest {
  return {
    correlationValue: correlationValueOf(row.id),
    operation: Number(row.operation),
    dialect: dialectNamed(row.protocol_version as VersionName),
    submissionDate: BigInt(Number(row.submitted_at_us)),
    stage: row.stage as ProcessingStage,
    outcome: () => openOutcome(keyring, row),
  };
}

export function claimedRequest(keyring: Keyring, row: RequestRow, isStopped: boolean): ClaimedRequest {
  return {
    id: row.id,
    revision: row.revision,
    kind: row.client_kind === 'user' ? 'user' : undefined,
    clientId: String(row.client_id),
    credentialId: String(row.credential_id),
    domainId: String(row.domain_id),
    peer: String(row.peer),
    operation: Number(row.operation),
    dialect: dialectNamed(row.protocol_version as VersionName),
    isEphemeral: row.is_ephemeral === 1,
    attempt: Number(row.attempts),
    isStopped,
    approval: row.approval === null ? undefined : Number(row.approval),
    openPayload: () => openContent(keyring, 'request', row),
  };
}

const CORRELATION_VALUE_LENGTH_BYTES = 16;

/** The correlation value of a row: its identifier. */
export function correlationValueOf(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** The row of a correlation value; undefined where it cannot be one that was given here. */
export function rowIdOf(correlationValue: Buffer): string | undefined {
  return correlationValue.length === CORRELATION_VALUE_LENGTH_BYTES ? uuidText(correlationValue) : undefined;
}
