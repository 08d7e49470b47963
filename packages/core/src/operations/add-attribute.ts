import {
  Operation,
  Tag,
  identifierReference,
  optional,
  required,
  returnedAttribute,
  singleAttribute,
  structure,
  textString,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { addAttribute as add, withResolvedLink } from '../objects/attribute-rules';
import { requireQuantumSafe } from '../objects/new-object';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Gives an attribute its first value, or a multi-instance attribute another one. */
export const addAttribute = operation({
  name: 'AddAttribute',
  code: Operation.AddAttribute,
  window: {},
  section: { v1: '4.14', v2: '6.1.2' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    newAttribute: singleAttribute({ toleratesCurrentAttribute: true }),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: returnedAttribute(),
  }),
  access: 'alter',
  reasons: [
    'ObjectNotFound',
    'AttributeSingleValued',
    'InvalidAttribute',
    'ReadOnlyAttribute',
    'NonUniqueNameAttribute',
    'ServerLimitExceeded',
    'ApplicationNamespaceNotSupported',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, newAttribute }, context) {
    if (newAttribute.index !== undefined) {
      throw new HoldfastError('InvalidField', 'an attribute to be added has no Attribute Index');
    }
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    const attribute = withResolvedLink(newAttribute, context.identify);
    const added = add(object, attribute, context.nowSeconds);
    if (attribute.key === 'QuantumSafe') requireQuantumSafe(object.attributes, context);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier, attribute: added };
  },
});
