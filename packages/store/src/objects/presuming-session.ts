import {
  HoldfastError,
  type Actor,
  type Awaitable,
  type ChangeCause,
  type KeyStore,
  type LocateQuery,
  type LocateResult,
  type NewAnnouncement,
  type ObjectChange,
  type PresumingSession,
  type StoredObject,
} from '@holdfast/core';
import { answerWith, asksForName, locateAmong, soleOf } from './locate';
import type { ObjectReader } from './reader';

/** Answers with kept objects as if they were still so; what is not kept is read. */
export class KeptObjectsSession implements PresumingSession {
  readonly presumed: StoredObject[] = [];

  constructor(
    private readonly keyStore: KeyStore,
    private readonly reader: ObjectReader,
  ) {}

  forget(): void {
    this.presumed.length = 0;
  }

  fetch(domainId: string, uniqueIdentifier: string): Awaitable<StoredObject | undefined> {
    const object = this.reader.findKept(domainId, uniqueIdentifier);
    if (object === undefined) return this.keyStore.fetch(domainId, uniqueIdentifier);
    this.presumed.push(object);
    return object;
  }

  locate(query: LocateQuery): Awaitable<LocateResult> {
    const sole = soleOf(query);
    const kept = sole === undefined ? undefined : this.reader.findKeptSole(query.domainId, sole);
    if (kept === undefined) return this.keyStore.locate(query);
    const { row, nameType } = kept;
    this.presumed.push(row);
    return asksForName(query, nameType) ? answerWith(row, query) : locateAmong(row, query);
  }

  async commit(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
    announcements?: readonly NewAnnouncement[],
  ): Promise<void> {
    const presumed = this.presumed.splice(0);
    const now = await Promise.all(
      presumed.map(({ domainId, uniqueIdentifier }) => this.reader.fetch(domainId, uniqueIdentifier)),
    );
    if (now.some((object, index) => object !== presumed[index])) {
      throw new HoldfastError('RevisionConflict', 'an object has been changed', { retryable: true });
    }
    await this.keyStore.commit(changes, cause, announcements);
  }

  removeAll(domainId: string, actor: Actor): Promise<void> {
    return this.keyStore.removeAll(domainId, actor);
  }
}
