import {
  ObjectType,
  Operation,
  Tag,
  identifierReference,
  interval,
  newAttributes,
  optional,
  required,
  serverSetAttributes,
  structure,
  textString,
} from '@holdfast/kmip';
import { requireConsistentDates } from '../objects/attribute-rules';
import { makeObject } from '../objects/new-object';
import { isToBeInHsm, protectionStorageMasks } from '../objects/protection-storage';
import {
  inheritedAttributes,
  movedDates,
  replaceBy,
  requireReplaceable,
  requireValuePresent,
} from '../objects/replacement';
import { checkRequested, gatherAttributes, mergeAttributes } from '../objects/requested-attributes';
import { generateSymmetricKey } from '../objects/symmetric-key';
import { operation } from '../operation';
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
    const old = await context.objects.fetch(context.identify(request.uniqueIdentifier));
    requireReplaceable(old, ObjectType.SymmetricKey);
    requireValuePresent(old);
    const asked = await gatherAttributes([request.newAttributes], context);
    checkRequested(asked, ObjectType.SymmetricKey, 'generated');
    const requested = inheritedAttributes(old, ObjectType.SymmetricKey);
    mergeAttributes(requested, movedDates(old, asked, request.offsetSeconds, context.nowSeconds));
    mergeAttributes(requested, asked);
    requireConsistentDates(requested, asked);
    const isInside = isToBeInHsm(requested, [request.protectionStorageMasks], context, old);
    const value = await generateSymmetricKey(requested, isInside, context);
    const replacement = makeObject({ value, requested, origin: 'generated' }, context);
    replaceBy(old, replacement, context);
    context.produced(replacement.uniqueIdentifier);
    return { uniqueIdentifier: replacement.uniqueIdentifier };
  },
});
