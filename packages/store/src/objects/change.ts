import {
  HoldfastError,
  type ChangeCause,
  type Keyring,
  type ObjectChange,
  type SealBinding,
  type SealedValue,
} from '@holdfast/core';
import { encodeChangeRecord } from '../records/change-record';
import { isUuid } from '../postgres/binary';
import type { InternalIds } from './internal-id';
import { nameDigest, namesOf, projectionOf, sameProjection, type Projection } from './projection';
import { StoredRow, bindingOf, encodeObject, type AuthenticatedColumns, type ObjectRow } from './row';
import { sealValue } from './value-codec';

/** One change, ready to be written. */
export interface PreparedChange {
  readonly kind: 'create' | 'update';
  readonly row: ObjectRow;
  readonly object: AuthenticatedColumns;
  readonly record: AuthenticatedColumns;
  /** Undefined where an update leaves it as it is. */
  readonly projection: Projection | undefined;
  /** Whether the row's salt and sealed value stay as they are. */
  readonly keepsValue: boolean;
  readonly addedNames: readonly Buffer[];
  readonly removedNames: readonly Buffer[];
}

export interface ChangeContext {
  readonly keyring: Keyring;
  readonly internalIds: InternalIds;
  readonly nowMs: number;
  /** What was recorded last of an object that is recovered. */
  readonly recorded?: { readonly revision: number; readonly generation: number } | undefined;
}

/**
 * Encodes, seals and authenticates a change. Nothing of it waits.
 * @throws HoldfastError RootOfTrustUnavailable where the domain's keys are not loaded
 */
export function prepareChange(
  change: ObjectChange,
  cause: ChangeCause,
  context: ChangeContext,
): PreparedChange {
  return change.kind === 'create'
    ? prepareCreate(change, cause, context)
    : prepareUpdate(change, cause, context);
}

function prepareCreate(
  { object: { domainId, ownerId, uniqueIdentifier, attributes, value } }: ObjectChange & { kind: 'create' },
  cause: ChangeCause,
  { keyring, internalIds, nowMs, recorded }: ChangeContext,
): PreparedChange {
  if (!isUuid(domainId) || !isUuid(ownerId) || !isStorable(uniqueIdentifier)) {
    throw new HoldfastError('InvalidField', 'the object cannot be stored under this identifier');
  }
  const binding = {
    domainId,
    internalId: internalIds.next(),
    generation: (recorded?.generation ?? 0) + 1,
    keyVersion: keyring.currentVersion(domainId),
  };
  const attributeBytes = attributes.toBytes();
  const row: ObjectRow = {
    domainId,
    uniqueIdentifier,
    internalId: binding.internalId,
    ownerId,
    generation: binding.generation,
    revision: (recorded?.revision ?? 0) + 1,
    keyVersion: binding.keyVersion,
    attributeBytes,
    sealedValue: value === undefined ? undefined : sealValue(keyring, binding, value),
  };
  return {
    kind: 'create',
    row,
    object: encodeObject(keyring, row),
    record: encodeChangeRecord(keyring, row, cause, nowMs),
    projection: projectionOf(domainId, attributes, attributeBytes),
    keepsValue: false,
    addedNames: cause.namesMayRepeat === true ? [] : namesOf(attributes).map(nameDigest),
    removedNames: [],
  };
}

function prepareUpdate(
  { object: before, attributes, value }: ObjectChange & { kind: 'update' },
  cause: ChangeCause,
  { keyring, nowMs }: ChangeContext,
): PreparedChange {
  if (!(before instanceof StoredRow)) {
    throw new HoldfastError('InternalServerError', 'only what was read from this store can be updated in it');
  }
  const { domainId, uniqueIdentifier, internalId, ownerId } = before;
  const replaces = typeof value === 'object';
  const base = {
    domainId,
    uniqueIdentifier,
    internalId,
    ownerId,
    generation: before.generation + (replaces ? 1 : 0),
    revision: before.revision + 1,
    keyVersion: value === 'keep' ? before.keyVersion : keyring.currentVersion(domainId),
  };
  const attributeBytes = attributes.toBytes();
  const sealedValue = replaces
    ? sealValue(keyring, bindingOf(base), value.replace)
    : value === 'keep'
      ? before.sealedValue
      : undefined;
  const row: ObjectRow = { ...base, attributeBytes, sealedValue };
  const projection = projectionOf(domainId, attributes, attributeBytes);
  const projectionBefore = projectionOf(domainId, before.attributes, before.attributeBytes);
  const names = new Set(namesOf(attributes));
  const namesBefore = new Set(namesOf(before.attributes));
  return {
    kind: 'update',
    row,
    object: encodeObject(keyring, row),
    record: encodeChangeRecord(keyring, row, cause, nowMs),
    projection: sameProjection(projection, projectionBefore) ? undefined : projection,
    keepsValue: value === 'keep',
    addedNames:
      cause.namesMayRepeat === true
        ? []
        : [...names].filter((name) => !namesBefore.has(name)).map(nameDigest),
    removedNames: [...namesBefore].filter((name) => !names.has(name)).map(nameDigest),
  };
}

/** The same object under the current key of its domain: neither its attributes nor its value change. */
export function prepareReseal(
  before: StoredRow,
  cause: ChangeCause,
  { keyring, nowMs }: Pick<ChangeContext, 'keyring' | 'nowMs'>,
): PreparedChange {
  const { domainId, uniqueIdentifier, internalId, ownerId, generation, attributeBytes } = before;
  const keyVersion = keyring.currentVersion(domainId);
  const base = { domainId, uniqueIdentifier, internalId, ownerId, generation, keyVersion };
  const row: ObjectRow = {
    ...base,
    revision: before.revision + 1,
    attributeBytes,
    sealedValue: resealed(keyring, before, base),
  };
  return {
    kind: 'update',
    row,
    object: encodeObject(keyring, row),
    record: encodeChangeRecord(keyring, row, cause, nowMs),
    projection: undefined,
    keepsValue: false,
    addedNames: [],
    removedNames: [],
  };
}

function resealed(keyring: Keyring, before: StoredRow, binding: SealBinding): SealedValue | undefined {
  if (before.sealedValue === undefined) return undefined;
  const plaintext = keyring.open(bindingOf(before), before.sealedValue);
  try {
    return keyring.seal(binding, plaintext);
  } finally {
    plaintext.destroy();
  }
}

/** Whether PostgreSQL can hold the text: it has no NUL, and a lone surrogate would come back as another character. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

const UNSTORABLE = /\0|\p{Surrogate}/u;
