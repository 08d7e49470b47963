import { HoldfastError, type KeyStoreSession } from '@holdfast/core';
import type { OtherAnswer } from './answers';
import type { Produced } from './references';

/** What one attempt at an item says besides its response. */
export class Notes {
  readonly produced: Produced[] = [];
  emptied = false;
  answer: OtherAnswer | undefined;
  finish: (() => Promise<void>) | undefined;

  constructor(private readonly session: KeyStoreSession) {}

  doAfterwards(work: () => Promise<void>): void {
    if (!('transaction' in this.session)) {
      throw new HoldfastError('FeatureNotSupported', 'what cannot be undone is done at once or not at all');
    }
    this.finish = work;
  }
}
