import { Operation, Tag, identifierReference, optional, singleAttribute, structure } from '@holdfast/kmip';
import { setInstance, withResolvedLink } from '../objects/attribute-rules';
import { requireQuantumSafe } from '../objects/new-object';
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
    setInstance(object, withResolvedLink(newAttribute, context.identify), context.nowSeconds);
    if (newAttribute.key === 'QuantumSafe') requireQuantumSafe(object.attributes, context);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});
