import {
  Operation,
  Tag,
  attributeReference,
  currentAttribute,
  identifierReference,
  optional,
  required,
  returnedAttribute,
  structure,
  textString,
  type Attribute,
  type AttributeReference,
  type Dialect,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import {
  deleteAttribute as remove,
  instanceAt,
  instanceOfValue,
  referenceTo,
  withResolvedLink,
} from '../objects/attribute-rules';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Takes away one attribute instance (1.x by index, 2.x by value) or, in 2.x by reference, all of them. */
export const deleteAttribute = operation({
  name: 'DeleteAttribute',
  code: Operation.DeleteAttribute,
  window: {},
  section: { v1: '4.16', v2: '6.1.13' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    currentAttribute: currentAttribute(),
    attributeReference: attributeReference(),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attribute: returnedAttribute(),
  }),
  access: 'alter',
  reasons: [
    'ObjectNotFound',
    'AttributeNotFound',
    'AttributeInstanceNotFound',
    'AttributeReadOnly',
    'InvalidAttribute',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, currentAttribute, attributeReference }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    const current =
      currentAttribute === undefined ? undefined : withResolvedLink(currentAttribute, context.identify);
    const reference = current === undefined ? attributeReference : referenceTo(current);
    if (reference === undefined) throw nothingNamed(context.dialect);
    const pick = (instances: readonly Attribute[]) =>
      current === undefined
        ? instancesReferredTo(instances, reference, context.dialect)
        : [instanceOfValue(instances, current)];
    const [deleted] = remove(object, reference, pick, context.nowSeconds);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier, attribute: deleted };
  },
});

/** Of two fields 2.x needs one; 1.x has one alone. */
function nothingNamed({ rules }: Dialect): HoldfastError {
  return rules.attributeForm === 'tagged'
    ? new HoldfastError('InvalidField', 'neither Current Attribute nor Attribute Reference is there')
    : new HoldfastError('InvalidMessage', 'Attribute Name is missing in Request Payload');
}

/** 2.x: all. 1.x: the one of that index. */
function instancesReferredTo(
  instances: readonly Attribute[],
  { index }: AttributeReference,
  { rules }: Dialect,
): readonly Attribute[] {
  return rules.attributeForm === 'tagged' ? instances : [instanceAt(instances, index)];
}
