import { HoldfastError, ItemType } from '@holdfast/ttlv';
import { ObjectType, Tag, type Attribute } from '@holdfast/kmip';
import type { AccessClass } from '../access';
import type { Principal } from '../identity';
import { SERVER_VENDOR } from './attribute-rules';
import type { AttributeSet } from './attribute-set';
import { requiresEscrow, type DomainPolicy } from './domain-policy';
import { isInHsm } from './protection-storage';

/**
 * The server's own custom attribute (y-AwaitsBackup in 1.x) of objects that cannot be used before a backup or an escrow
 * covers them: it goes with the first that does.
 */
export const AWAITS_BACKUP: Attribute = {
  key: 'VendorAttribute',
  value: {
    vendorIdentification: SERVER_VENDOR,
    attributeName: 'AwaitsBackup',
    attributeValue: { tag: Tag.AttributeValue, type: ItemType.Boolean, value: true },
  },
};
const { vendorIdentification, attributeName } = AWAITS_BACKUP.value;

/** What can be had again, or holds nothing that could be lost. */
const NOT_KEPT_SAFE: ReadonlySet<ObjectType | undefined> = new Set([
  ObjectType.Certificate,
  ObjectType.CertificateRequest,
  ObjectType.Template,
]);
const NEEDS_COVER: ReadonlySet<AccessClass> = new Set(['obtain', 'use']);

export function awaitsBackup(attributes: AttributeSet): boolean {
  return attributes.vendorInstances(vendorIdentification, attributeName).length > 0;
}

/** Marks what a principal makes, where it or its domain has to wait. */
export function markAwaiting(
  attributes: AttributeSet,
  principal: Pick<Principal, 'settings'>,
  policy: DomainPolicy,
): void {
  if (!requiresEscrow(policy, principal)) return;
  if (NOT_KEPT_SAFE.has(attributes.get('ObjectType')) || awaitsBackup(attributes)) return;
  // No backup of ours has what the HSM never gives away: officers wanted it there all the same.
  if (isInHsm(attributes)) return;
  attributes.add(AWAITS_BACKUP);
}

/** Takes the mark off: a backup or an escrow covers the object. */
export function markCovered(attributes: AttributeSet): void {
  for (const instance of attributes.vendorInstances(vendorIdentification, attributeName)) {
    attributes.remove(instance);
  }
}

/** @throws HoldfastError PermissionDenied for an object that is to be used before it is covered */
export function requireCovered(attributes: AttributeSet, access: AccessClass): void {
  if (!NEEDS_COVER.has(access) || !awaitsBackup(attributes)) return;
  throw new HoldfastError(
    'PermissionDenied',
    'the object cannot be used before a backup or an escrow covers it',
  );
}
