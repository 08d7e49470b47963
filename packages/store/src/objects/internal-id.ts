import { randomUUID } from 'node:crypto';
import { OrderedUuids } from '@holdfast/core';

/** Makes the identifiers of rows. */
export class InternalIds extends OrderedUuids {
  constructor(nowMs: () => number) {
    super(nowMs, randomUUID);
  }
}
