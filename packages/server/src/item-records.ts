import { Tag, type ResponseBatchItem } from '@holdfast/kmip';
import {
  actorOf,
  type AuditLog,
  type AuditRecord,
  type ObjectChange,
  type Principal,
  type StoredObject,
} from '@holdfast/core';
import type { StructureItem } from '@holdfast/ttlv';

/** What the items of one batch leave in the audit log: all but changes of objects, which their commit records. */
export class ItemRecords {
  readonly #records: AuditRecord[] = [];
  /** Mostly there are none: reads change nothing. */
  #recorded: ResponseBatchItem[] | undefined;

  constructor(
    private readonly principal: Principal,
    private readonly auditLog: AuditLog,
  ) {}

  note(
    action: string,
    outcome: 'success' | 'failure' | 'undone',
    subject?: string | readonly string[],
    reason?: string,
  ): void {
    const { domainId } = this.principal;
    this.#records.push({ actor: actorOf(this.principal), action, domainId, subject, outcome, reason });
  }

  /** Notes a refusal, with the object that the request named. */
  noteFailure(action: string, payload: StructureItem | undefined, reason: string): void {
    const named = payload?.value.find(({ tag }) => tag === Tag.UniqueIdentifier)?.value;
    this.note(action, 'failure', typeof named === 'string' ? named : undefined, reason);
  }

  /**
   * Notes what an item that succeeded looked at and did not change.
   * @returns whether there was nothing to note
   */
  noteSuccess(action: string, seen: readonly string[], changes: readonly ObjectChange[]): boolean {
    if (changes.length === 0) {
      this.note(action, 'success', seen);
      return false;
    }
    const changed = new Set(changes.map(({ object }) => object.uniqueIdentifier));
    const others = seen.filter((uniqueIdentifier) => !changed.has(uniqueIdentifier));
    if (others.length > 0) this.note(action, 'success', others);
    return others.length === 0;
  }

  /** The answer needs no record but those that were committed with it. */
  settle(answer: ResponseBatchItem): void {
    (this.#recorded ??= []).push(answer);
  }

  isSettled(answer: ResponseBatchItem): boolean {
    return this.#recorded?.includes(answer) === true;
  }

  /** Resolves once everything noted so far is durable. @throws HoldfastError StoreUnavailable */
  write(): Promise<void> {
    return this.auditLog.append(...this.#records.splice(0));
  }

  /** The same where what was presumed holds; else nothing is recorded. @returns whether it does */
  writeIf(presumed: readonly StoredObject[]): Promise<boolean> {
    return this.auditLog.appendIf(presumed, this.#records);
  }
}
