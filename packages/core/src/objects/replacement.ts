import {
  EARLIEST_DATE_SECONDS,
  LATEST_DATE_SECONDS,
  LinkType,
  definitionOf,
  type AttributeKey,
  type ObjectType,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import type { NewObject } from '../ports/key-store';
import { AttributeSet } from './attribute-set';
import { addLink } from './link';
import { keyBlockOf } from './new-object';
import { requireNotDestroyed, requireObjectType } from './object-checks';
import { forgetKeyInHsm } from './key-in-hsm';
import { isInHsm } from './protection-storage';
import { isSettable } from './requested-attributes';

/** What a replacement has of the object that it replaces. KMIP 1.4 sections 4.4, 4.5 and 4.8. */

/**
 * An object is replaced once: "there SHALL be only one such replacement object" (KMIP 1.4 section 3.35).
 * @throws HoldfastError InvalidObjectType, ObjectDestroyed, PermissionDenied
 */
export function requireReplaceable(old: ManagedObject, objectType: ObjectType): void {
  requireObjectType(old, [objectType]);
  requireNotDestroyed(old);
  if (linkedBy(old, LinkType.ReplacementObjectLink) !== undefined) {
    throw new HoldfastError(
      'PermissionDenied',
      'the object has been replaced before: replace its replacement',
    );
  }
}

/** @throws HoldfastError KeyValueNotPresent where the key is registered without its value */
export function requireValuePresent(old: ManagedObject): void {
  const keyBlock = keyBlockOf(old.stored.openValue());
  if (keyBlock?.keyValue === undefined && keyBlock?.hsmKey === undefined) {
    throw new HoldfastError('KeyValueNotPresent', 'the key is kept elsewhere: it cannot be replaced here');
  }
}

/** The identifier of the object that a Link of this type names, of several the first. */
export function linkedBy(object: Pick<ManagedObject, 'attributes'>, linkType: LinkType): string | undefined {
  const link = object.attributes.instances('Link').find(({ value }) => value.linkType === linkType);
  const identifier = link?.value.linkedObjectIdentifier;
  return typeof identifier === 'string' ? identifier : undefined;
}

const DATES = ['ActivationDate', 'ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'] as const;

/** What a client may set and a replacement still does not have from its predecessor. KMIP 1.4 section 4.4, table 173. */
const NOT_INHERITED: ReadonlySet<AttributeKey> = new Set<AttributeKey>([
  ...DATES,
  'Fresh',
  'KeyFormatType',
  'KeyValueLocation',
  'Link',
  'OriginalCreationDate',
  'RandomNumberGenerator',
]);

/** What the replacement has of the old object, but for its dates; Usage Limits count from their total again. */
export function inheritedAttributes(old: ManagedObject, objectType: ObjectType): AttributeSet {
  const inherited = [...old.attributes].filter(
    (attribute) => !NOT_INHERITED.has(attribute.key) && isSettable(attribute, objectType),
  );
  const attributes = new AttributeSet(inherited);
  if (!isInHsm(old.attributes)) forgetKeyInHsm(attributes);
  const limits = attributes.get('UsageLimits');
  if (limits !== undefined) {
    attributes.set('UsageLimits', { ...limits, usageLimitsCount: limits.usageLimitsTotal });
  }
  return attributes;
}

/**
 * The dates of the replacement. Without an offset they are those of the old object; with one they are moved so that the
 * new object becomes Active that long after it was made, up to the end of the calendar. KMIP 1.4 section 4.4, table 172;
 * sections 4.5 and 4.8.
 * @throws HoldfastError InvalidMessage (offset and dates), MissingData (nothing to count the offset from)
 */
export function movedDates(
  old: ManagedObject,
  asked: AttributeSet,
  offsetSeconds: number | undefined,
  nowSeconds: number,
): AttributeSet {
  const dates = new AttributeSet();
  const shiftSeconds = offsetSeconds === undefined ? 0 : shift(old, asked, nowSeconds + offsetSeconds);
  for (const key of DATES) {
    const date = old.attributes.get(key);
    if (date !== undefined) dates.set(key, withinCalendar(date + shiftSeconds));
  }
  if (offsetSeconds !== undefined) dates.set('ActivationDate', nowSeconds + offsetSeconds);
  return dates;
}

/** Clients say by the last of all dates that something never comes. */
function withinCalendar(seconds: number): number {
  return Math.min(Math.max(seconds, EARLIEST_DATE_SECONDS), LATEST_DATE_SECONDS);
}

/** How far the dates move so that the new object is activated at the given time. */
function shift(old: ManagedObject, asked: AttributeSet, activationDate: number): number {
  const stated = DATES.find((key) => asked.has(key));
  if (stated !== undefined) {
    throw new HoldfastError(
      'InvalidMessage',
      `${definitionOf(stated).name} is given together with an Offset`,
    );
  }
  const oldActivationDate = old.attributes.get('ActivationDate');
  if (oldActivationDate !== undefined) return activationDate - oldActivationDate;
  if (DATES.some((key) => old.attributes.has(key))) {
    throw new HoldfastError(
      'MissingData',
      'the object has no Activation Date from which its other dates could move',
    );
  }
  return 0;
}

/** An object that was just made. */
export type Made = Pick<NewObject, 'uniqueIdentifier' | 'attributes' | 'value'>;

/** Links the two, takes the names away from the old object, records the rotation, and keeps both. */
export function replaceBy(
  old: ManagedObject,
  replacement: Made,
  { objects, nowSeconds }: OperationContext,
): void {
  addLink(replacement.attributes, LinkType.ReplacedObjectLink, old.uniqueIdentifier);
  recordRotation(old, replacement.attributes, nowSeconds);
  addLink(old.attributes, LinkType.ReplacementObjectLink, replacement.uniqueIdentifier);
  old.attributes.clear('Name');
  objects.update(old);
  objects.create(replacement);
}

/** An Integer says no more. */
const MAX_GENERATION = 2 ** 31 - 1;

/** KMIP 2.1 sections 4.49, 4.50 and 4.52. */
function recordRotation(old: ManagedObject, replacement: AttributeSet, nowSeconds: number): void {
  const generation = old.attributes.get('RotateGeneration') ?? 0;
  replacement.set('RotateGeneration', Math.min(generation + 1, MAX_GENERATION));
  replacement.set('RotateLatest', true);
  old.attributes.set('RotateDate', nowSeconds);
  old.attributes.set('RotateLatest', false);
}
