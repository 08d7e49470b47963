import type { AuditLog, AuditRecord, StoredObject } from '@holdfast/core';
import { sourceOf } from '../credentials/failure-limit';
import { describeError, type Logger } from '../log';

/** Of peers at one address (of IPv6, one network) that nobody knows: what nothing but a flood comes to. */
const RECORDS_A_MINUTE = 6000;
const MINUTE_MS = 60_000;

interface Tally {
  recorded: number;
  more: number;
}

/**
 * The audit log, in which whoever can reach a port, and is nobody known, takes no more than some room: what one address is refused beyond
 * that within a minute is counted, and recorded as one number when the minute is over.
 */
export class StrangersAudit implements AuditLog {
  #tallies = new Map<string, Tally>();
  #minute: NodeJS.Timeout | undefined;

  constructor(
    private readonly auditLog: AuditLog,
    private readonly log: Logger,
  ) {}

  append(...records: readonly AuditRecord[]): Promise<void> {
    const kept = records.filter((record) => !this.#isCountedAlone(record));
    return kept.length === 0 ? Promise.resolve() : this.auditLog.append(...kept);
  }

  appendIf(presumed: readonly StoredObject[], records: readonly AuditRecord[]): Promise<boolean> {
    return this.auditLog.appendIf(presumed, records);
  }

  /** Records what was counted. Never rejects. */
  async tell(): Promise<void> {
    clearTimeout(this.#minute);
    this.#minute = undefined;
    const tallies = [...this.#tallies].filter(([, { more }]) => more > 0);
    this.#tallies = new Map();
    try {
      for (const [peer, { more }] of tallies) {
        const actor = { kind: 'client', id: peer, name: '', peer } as const;
        const reason = `${more} more refusals within a minute`;
        await this.auditLog.append({ actor, action: 'connection', outcome: 'failure', reason });
      }
    } catch (cause) {
      this.log.error({ error: describeError(cause) }, 'refusals could not be recorded');
    }
  }

  #isCountedAlone({ actor: { id, peer } }: AuditRecord): boolean {
    if (peer === undefined || id !== peer) return false;
    const source = sourceOf(peer);
    const tally = this.#tallies.get(source) ?? { recorded: 0, more: 0 };
    this.#tallies.set(source, tally);
    this.#minute ??= setTimeout(() => void this.tell(), MINUTE_MS).unref();
    if (tally.recorded === RECORDS_A_MINUTE) tally.more++;
    else tally.recorded++;
    return tally.more > 0;
  }
}
