import {
  Operation,
  Tag,
  currentAttribute,
  identifierReference,
  optional,
  required,
  returnedAttribute,
  singleAttribute,
  structure,
  textString,
  type Attribute,
  type Dialect,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import {
  instanceAt,
  instanceOfValue,
  modifyAttribute as modify,
  referenceKey,
  referenceTo,
  withResolvedLink,
} from '../objects/attribute-rules';
import { requireQuantumSafe } from '../objects/new-object';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Changes the value of one attribute instance: in 1.x the one of an index, in 2.x the one that has a given value. */
export const modifyAttribute = operation({
  name: 'ModifyAttribute',
  code: Operation.ModifyAttribute,
  window: {},
  section: { v1: '4.15', v2: '6.1.34' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    currentAttribute: currentAttribute(),
    newAttribute: singleAttribute(),
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
    'MultiValuedAttribute',
    'InvalidAttribute',
    'NonUniqueNameAttribute',
    'ApplicationNamespaceNotSupported',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    const object = await context.objects.fetch(context.identify(request.uniqueIdentifier));
    const attribute = withResolvedLink(request.newAttribute, context.identify);
    const current =
      request.currentAttribute === undefined
        ? undefined
        : withResolvedLink(request.currentAttribute, context.identify);
    const pick = (instances: readonly Attribute[]) =>
      current === undefined
        ? instanceWithoutValue(instances, attribute.index, context.dialect)
        : instanceWithValue(instances, attribute, current);
    const modified = modify(object, attribute, pick, context.nowSeconds);
    if (attribute.key === 'QuantumSafe') requireQuantumSafe(object.attributes, context);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier, attribute: modified };
  },
});

/** 1.x: the instance of that index. 2.x: the only one. */
function instanceWithoutValue(
  instances: readonly Attribute[],
  index: number | undefined,
  { rules }: Dialect,
): Attribute {
  if (rules.attributeForm === 'indexed') return instanceAt(instances, index);
  const [only, second] = instances;
  if (only !== undefined && second === undefined) return only;
  throw new HoldfastError(
    'MultiValuedAttribute',
    'the attribute has several instances: which one is not said',
  );
}

function instanceWithValue(instances: readonly Attribute[], next: Attribute, current: Attribute): Attribute {
  if (referenceKey(referenceTo(current)) !== referenceKey(referenceTo(next))) {
    throw new HoldfastError('InvalidField', 'Current Attribute and New Attribute are different attributes');
  }
  return instanceOfValue(instances, current);
}
