import {
  ObjectType,
  ProtectionStorageMask,
  optional,
  protectionStorageMasksStructure,
  type Field,
  type Infer,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, type ErrorCode } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import type { HsmKeyMaker } from '../ports/hsm-keys';
import type { AttributeSet } from './attribute-set';
import { requiresEscrow } from './domain-policy';
import { forgetKeyInHsm, keyInHsm } from './key-in-hsm';

/** Where values are kept: sealed in a database, or, of keys that are generated so, inside an HSM. */

const { Software, Hardware } = ProtectionStorageMask;

type ProtectionStorageMasks = Infer<typeof protectionStorageMasksStructure>;

/** The storages that a request allows for a new object. KMIP 2.1 section 7.33. */
export function protectionStorageMasks(tag: number): Field<ProtectionStorageMasks, true> {
  return optional(tag, protectionStorageMasksStructure, { since: '2.0' });
}

/** The storages that there are. */
export function availableStorages({ hsmKeys }: OperationContext): readonly number[] {
  return hsmKeys === undefined ? [Software] : [Software, Hardware];
}

/**
 * For objects that are not generated inside an HSM.
 * @param code how the error table of the operation calls it
 * @throws HoldfastError `code` where no mask of those given can be satisfied in its entirety
 */
export function requireProtectionStorage(
  request: ProtectionStorageMasks | undefined,
  code: ErrorCode = 'ProtectionStorageUnavailable',
): void {
  const masks = request?.protectionStorageMasks ?? [];
  if (masks.length === 0 || masks.includes(Software)) return;
  throw new HoldfastError(code, 'such objects are kept in software storage alone');
}

function isAskedFor(requested: AttributeSet): boolean {
  const attribute = keyInHsm(requested);
  if (attribute?.key !== 'VendorAttribute') return false;
  const { type, value } = attribute.value.attributeValue;
  if (type === ItemType.Boolean && value) return true;
  throw new HoldfastError('InvalidAttributeValue', 'KeyInHSM is the Boolean true, or is left out');
}

/**
 * Whether a key that is about to be generated is to be inside the HSM: where the domain, the attribute, the old key or the
 * first Protection Storage Mask that can be satisfied wants it. Its attributes are completed to say that it does not leave.
 * @param old the key that it replaces
 * @param code how the error table of the operation calls it that no mask can be satisfied
 * @throws HoldfastError `code`, InvalidAttributeValue (attributes contradict it), PermissionDenied (what the principal makes
 * waits for a backup or an escrow)
 */
export function isToBeInHsm(
  requested: AttributeSet,
  masks: readonly (ProtectionStorageMasks | undefined)[],
  context: OperationContext,
  old?: ManagedObject,
  code: ErrorCode = 'ProtectionStorageUnavailable',
): boolean {
  const isDemanded =
    context.policy.keysInHsm === true ||
    isAskedFor(requested) ||
    (old !== undefined && isInHsm(old.attributes));
  // What waits for a backup or an escrow is not to be where none can be had: only officers can want that, for a domain.
  const mayBeInside = context.policy.keysInHsm === true || !requiresEscrow(context.policy, context.principal);
  if (isDemanded && !mayBeInside) {
    throw new HoldfastError('PermissionDenied', 'no backup or escrow would cover a key inside the HSM');
  }
  const possible = availableStorages(context).filter((storage) =>
    isDemanded ? storage === Hardware : mayBeInside || storage !== Hardware,
  );
  let isInside = isDemanded;
  for (const mask of masks) {
    const acceptable = mask?.protectionStorageMasks ?? [];
    if (acceptable.length === 0) continue;
    const first = acceptable.find((each) => possible.includes(each));
    if (first === undefined) throw new HoldfastError(code, 'none of the storages asked for can be had');
    if (first === Hardware) isInside = true;
  }
  if (isInside) requireInside(requested);
  return isInside;
}

/** @throws HoldfastError FeatureNotSupported where there is no HSM */
export function hsmOf({ hsmKeys }: OperationContext): HsmKeyMaker {
  if (hsmKeys !== undefined) return hsmKeys;
  throw new HoldfastError('FeatureNotSupported', 'this server has no HSM in which keys could be generated');
}

function requireInside(requested: AttributeSet): void {
  if (requested.get('Sensitive') === false || requested.get('Extractable') === true) {
    throw new HoldfastError('InvalidAttributeValue', 'a key inside the HSM is Sensitive and not Extractable');
  }
  requested.set('Sensitive', true);
  requested.set('Extractable', false);
}

/** Where the value is kept. */
export function storageOf(value: ManagedObjectValue | undefined): number {
  return value !== undefined && 'keyBlock' in value && value.keyBlock.hsmKey !== undefined
    ? Hardware
    : Software;
}

/**
 * Lets a new object say that it is inside the HSM only where it is. Of a pair the private key is inside; a Template says it of
 * what is made by it.
 * @throws HoldfastError FeatureNotSupported for what is not generated there
 */
export function settleKeyInHsm(value: ManagedObjectValue, requested: AttributeSet): void {
  if (storageOf(value) === Hardware || value.objectType === ObjectType.Template) return;
  if (value.objectType === ObjectType.PublicKey) forgetKeyInHsm(requested);
  if (keyInHsm(requested) === undefined) return;
  throw new HoldfastError('FeatureNotSupported', 'such objects are not generated inside the HSM');
}

/** Whether the object's key is, or was, inside the HSM. */
export function isInHsm(attributes: AttributeSet): boolean {
  return attributes.get('ProtectionStorageMask') === Hardware;
}
