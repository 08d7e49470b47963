import {
  LinkType,
  ObjectType,
  Operation,
  Tag,
  definitionOf,
  identifierReference,
  interval,
  newAttributes,
  optional,
  required,
  serverSetAttributes,
  structure,
  textString,
  type Attribute,
  type AttributeKey,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { AttributeSet } from '../objects/attribute-set';
import { generatedKeyBlock, keyBlockOf, makeObject, requireKeyFormat } from '../objects/new-object';
import { requireNotDestroyed, requireObjectType } from '../objects/object-checks';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import {
  checkRequested,
  gatherAttributes,
  isSettable,
  mergeAttributes,
} from '../objects/requested-attributes';
import { describeSymmetricKey } from '../objects/requested-key';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Replaces a symmetric key by a new one, which takes over its names; the old key's state stays as it is. */
export const reKey = operation({
  name: 'ReKey',
  code: Operation.ReKey,
  window: {},
  section: { v1: '4.4', v2: '6.1.46' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    offsetSeconds: optional(Tag.Offset, interval),
    newAttributes: newAttributes({ mayBeAbsent: true, toleratesTemplateAttribute: true }),
    protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'govern',
  objectTypes: [ObjectType.SymmetricKey],
  reasons: [
    'ItemNotFound',
    'ObjectNotFound',
    'ObjectDestroyed',
    'CryptographicFailure',
    'InvalidObjectType',
    'KeyValueNotPresent',
    'MissingData',
    'NonUniqueNameAttribute',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    requireProtectionStorage(request.protectionStorageMasks);
    const old = await context.objects.fetch(context.identify(request.uniqueIdentifier));
    requireReplaceable(old);
    const asked = await gatherAttributes([request.newAttributes], context);
    checkRequested(asked, ObjectType.SymmetricKey, 'generated');
    const requested = inheritedAttributes(old);
    setDates(requested, old, asked, request.offsetSeconds, context.nowSeconds);
    mergeAttributes(requested, asked);
    const replacement = makeReplacement(requested, context);
    link(replacement.attributes, LinkType.ReplacedObjectLink, old.uniqueIdentifier);
    recordRotation(old, replacement.attributes, context.nowSeconds);
    link(old.attributes, LinkType.ReplacementObjectLink, replacement.uniqueIdentifier);
    old.attributes.clear('Name');
    context.objects.update(old);
    context.objects.create(replacement);
    context.produced(replacement.uniqueIdentifier);
    return { uniqueIdentifier: replacement.uniqueIdentifier };
  },
});

/** A key is replaced once: "there SHALL be only one such replacement object" (KMIP 1.4 section 3.35). */
function requireReplaceable(old: ManagedObject): void {
  requireObjectType(old, [ObjectType.SymmetricKey]);
  requireNotDestroyed(old);
  const links = old.attributes.instances('Link').map(({ value }) => value.linkType);
  if (links.includes(LinkType.ReplacementObjectLink)) {
    throw new HoldfastError('PermissionDenied', 'the key has been replaced before: re-key its replacement');
  }
  if (keyBlockOf(old.stored.openValue())?.keyValue === undefined) {
    throw new HoldfastError('KeyValueNotPresent', 'the key is kept elsewhere: it cannot be replaced here');
  }
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

function inheritedAttributes(old: ManagedObject): AttributeSet {
  const inherited = [...old.attributes].filter(
    (attribute) => !NOT_INHERITED.has(attribute.key) && isInheritable(attribute),
  );
  const attributes = new AttributeSet(inherited);
  const limits = attributes.get('UsageLimits');
  if (limits !== undefined) {
    attributes.set('UsageLimits', { ...limits, usageLimitsCount: limits.usageLimitsTotal });
  }
  return attributes;
}

function isInheritable(attribute: Attribute): boolean {
  return isSettable(attribute, ObjectType.SymmetricKey);
}

/**
 * Without an offset the dates are those of the old key; with one they are moved so that the new key becomes Active that
 * long after it was made. KMIP 1.4 section 4.4, table 172.
 * @throws HoldfastError InvalidMessage (offset and dates), MissingData (nothing to count the offset from)
 */
function setDates(
  requested: AttributeSet,
  old: ManagedObject,
  asked: AttributeSet,
  offsetSeconds: number | undefined,
  nowSeconds: number,
): void {
  const shiftSeconds = offsetSeconds === undefined ? 0 : shift(old, asked, nowSeconds + offsetSeconds);
  for (const key of DATES) {
    const date = old.attributes.get(key);
    if (date !== undefined) requested.set(key, date + shiftSeconds);
  }
  if (offsetSeconds !== undefined) requested.set('ActivationDate', nowSeconds + offsetSeconds);
}

/** How far the dates move so that the new key is activated at the given time. */
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
      'the key has no Activation Date from which its other dates could move',
    );
  }
  return 0;
}

function makeReplacement(requested: AttributeSet, context: OperationContext) {
  const { algorithm, lengthBits } = describeSymmetricKey(requested, context);
  const generated = generatedKeyBlock(context.crypto.generateSymmetricKey(algorithm, lengthBits));
  const keyBlock = requireKeyFormat(ObjectType.SymmetricKey, generated, requested, context);
  const value = { objectType: ObjectType.SymmetricKey, keyBlock };
  return makeObject({ value, requested, origin: 'generated' }, context);
}

function link(attributes: AttributeSet, linkType: LinkType, linkedObjectIdentifier: string): void {
  attributes.add({ key: 'Link', value: { linkType, linkedObjectIdentifier } });
}

/** KMIP 2.1 sections 4.49, 4.50 and 4.52. */
function recordRotation(old: ManagedObject, replacement: AttributeSet, nowSeconds: number): void {
  replacement.set('RotateGeneration', (old.attributes.get('RotateGeneration') ?? 0) + 1);
  replacement.set('RotateLatest', true);
  old.attributes.set('RotateDate', nowSeconds);
  old.attributes.set('RotateLatest', false);
}
