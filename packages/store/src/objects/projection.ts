import { rotationDateOf, storageStatusOf, type AttributeSet, type StorageStatus } from '@holdfast/core';
import type { State } from '@holdfast/kmip';
import { digestOf } from '@holdfast/ttlv';
import { termsOf } from './terms';

/** What Locate searches of one object: derived from its attributes, kept apart from its row, and rebuildable. */
export interface Projection {
  readonly storage: number;
  readonly state: State | undefined;
  readonly usageMask: number | undefined;
  readonly initialDate: number | undefined;
  readonly activationDate: number | undefined;
  readonly deactivationDate: number | undefined;
  /** When the server is to rotate it by itself; NEVER for one that has Rotate Automatic and is not to be. */
  readonly rotationDate: number | undefined;
  /** As elements of an int8[], of `TERM_BYTES` each. */
  readonly terms: Buffer;
}

/** So that what a program wrote that knew no such column (NULL) can be told from it. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** How the column `storage` says where an object is. */
export const STORAGE_CODES: Readonly<Record<StorageStatus, number>> = {
  online: 0,
  archived: 1,
  destroyed: 2,
};

/** @param attributeBytes the canonical bytes of `attributes` */
export function projectionOf(domainId: string, attributes: AttributeSet, attributeBytes: Buffer): Projection {
  const initialDate = attributes.get('InitialDate');
  return {
    storage: STORAGE_CODES[storageStatusOf(attributes)],
    state: attributes.get('State'),
    usageMask: attributes.get('CryptographicUsageMask'),
    initialDate,
    activationDate: attributes.get('ActivationDate'),
    deactivationDate: attributes.get('DeactivationDate'),
    rotationDate:
      attributes.get('RotateAutomatic') === true ? (rotationDateOf(attributes) ?? NEVER) : undefined,
    terms: termsOf(domainId, attributeBytes, initialDate),
  };
}

/** Whether two projections are the same row. */
export function sameProjection(one: Projection, other: Projection): boolean {
  return (
    one.storage === other.storage &&
    one.state === other.state &&
    one.usageMask === other.usageMask &&
    one.initialDate === other.initialDate &&
    one.activationDate === other.activationDate &&
    one.deactivationDate === other.deactivationDate &&
    one.rotationDate === other.rotationDate &&
    one.terms.equals(other.terms)
  );
}

/** Under what a name is unique within its domain: half of the SHA-256 of the Name Value. */
export function nameDigest(nameValue: string): Buffer {
  return digestOf('sha256', nameValue).subarray(0, 16);
}

/** The names that the object holds against others: none once it is destroyed. */
export function namesOf(attributes: AttributeSet): readonly string[] {
  if (storageStatusOf(attributes) === 'destroyed') return [];
  return [...new Set(attributes.instances('Name').map(({ value }) => value.nameValue))];
}
