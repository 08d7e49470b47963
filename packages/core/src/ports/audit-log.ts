import type { Actor } from '../identity';
import type { StoredObject } from './key-store';

export type AuditOutcome = 'success' | 'failure' | 'undone' | 'pending';

/**
 * One thing that happened and is no change of an object (those leave their change record in the commit itself): reads,
 * administration, refusals, failed authentication, undone items.
 */
export interface AuditRecord {
  readonly actor: Actor;
  /** Operation name, or the administrative act, e.g. "client.add", "connection". */
  readonly action: string;
  readonly domainId?: string | undefined;
  /** Identifiers of the objects, or of the administered thing. */
  readonly subject?: string | readonly string[] | undefined;
  readonly outcome: AuditOutcome;
  /** Result Reason or error code; never a secret. */
  readonly reason?: string | undefined;
}

export interface AuditLog {
  /** Resolves once the records are durable. Concurrent calls share one write. @throws HoldfastError StoreUnavailable */
  append(...records: readonly AuditRecord[]): Promise<void>;
  /**
   * The same where these objects still are what they were when they were read; else nothing is recorded.
   * @param records may be none: then it is asked and nothing written
   * @returns whether they are
   * @throws HoldfastError StoreUnavailable
   */
  appendIf(presumed: readonly StoredObject[], records: readonly AuditRecord[]): Promise<boolean>;
}
