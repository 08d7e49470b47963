import type { Actor } from '../identity';
import type { Presumption } from './key-store';

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
   * The same where everything presumed holds; else nothing is recorded.
   * @returns whether it does
   * @throws HoldfastError StoreUnavailable
   */
  appendIf(presumptions: readonly Presumption[], records: readonly AuditRecord[]): Promise<boolean>;
}
