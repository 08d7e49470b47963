import {
  Operation,
  Tag,
  identifierReference,
  optional,
  singleAttribute,
  structure,
  type Attribute,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import {
  addAttribute,
  describe,
  instancesOf,
  modifyAttribute,
  referenceTo,
  withResolvedLink,
} from '../objects/attribute-rules';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierResponse } from './identifier-payload';

/** Adds an attribute that the object does not have, or changes its only instance. */
export const setAttribute = operation({
  name: 'SetAttribute',
  code: Operation.SetAttribute,
  window: { since: '2.0' },
  section: { v2: '6.1.51' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    newAttribute: singleAttribute(),
  }),
  response: identifierResponse,
  access: 'alter',
  reasons: [
    'ObjectNotFound',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'MultiValuedAttribute',
    'NonUniqueNameAttribute',
    'ReadOnlyAttribute',
    'ServerLimitExceeded',
    'ApplicationNamespaceNotSupported',
    'WrongKeyLifecycleState',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, newAttribute }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    set(object, withResolvedLink(newAttribute, context.identify), context.nowSeconds);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});

function set(object: ManagedObject, attribute: Attribute, nowSeconds: number): void {
  const reference = referenceTo(attribute);
  const [only, second] = instancesOf(object.attributes, reference);
  if (only === undefined) {
    addAttribute(object, attribute, nowSeconds);
    return;
  }
  if (second !== undefined) {
    throw new HoldfastError(
      'MultiValuedAttribute',
      `the object has several instances of ${describe(reference)}`,
    );
  }
  modifyAttribute(object, attribute, () => only, nowSeconds, 'ReadOnlyAttribute');
}
