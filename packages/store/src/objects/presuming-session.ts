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
  type Presumption,
  type PresumingSession,
  type StoredObject,
} from '@holdfast/core';
import { locateAmong, soleNameOf } from './locate';
import { nameDigest } from './projection';
import type { ObjectReader } from './reader';

/** Answers with kept objects as if they were still so; what is not kept is read. */
export class KeptObjectsSession implements PresumingSession {
  readonly presumptions: Presumption[] = [];

  constructor(
    private readonly keyStore: KeyStore,
    private readonly reader: ObjectReader,
  ) {}

  forget(): void {
    this.presumptions.length = 0;
  }

  fetch(domainId: string, uniqueIdentifier: string): Awaitable<StoredObject | undefined> {
    const object = this.reader.findKept(domainId, uniqueIdentifier);
    if (object === undefined) return this.keyStore.fetch(domainId, uniqueIdentifier);
    this.presumptions.push({ object });
    return object;
  }

  locate(query: LocateQuery): Awaitable<LocateResult> {
    const name = soleNameOf(query);
    const digest = name === undefined ? undefined : nameDigest(name);
    const object = digest && this.reader.findKeptNamed(query.domainId, digest);
    if (object === undefined) return this.keyStore.locate(query);
    this.presumptions.push({ object, nameDigest: digest });
    return locateAmong(object, query);
  }

  async commit(
    changes: readonly ObjectChange[],
    cause: ChangeCause,
    announcements?: readonly NewAnnouncement[],
  ): Promise<void> {
    const presumed = this.presumptions.splice(0);
    const now = await Promise.all(
      presumed.map(({ object, nameDigest: digest }) =>
        digest === undefined
          ? this.reader.fetch(object.domainId, object.uniqueIdentifier)
          : this.reader.fetchNamed(object.domainId, digest),
      ),
    );
    if (now.some((object, index) => object !== presumed[index]?.object)) {
      throw new HoldfastError('RevisionConflict', 'an object has been changed', { retryable: true });
    }
    await this.keyStore.commit(changes, cause, announcements);
  }

  removeAll(domainId: string, actor: Actor): Promise<void> {
    return this.keyStore.removeAll(domainId, actor);
  }
}
