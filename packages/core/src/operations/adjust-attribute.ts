import {
  Operation,
  STORAGE_DIALECT,
  Tag,
  adjustmentTypeEnum,
  anyItem,
  attributeReference,
  definitionOf,
  enumerated,
  identifierReference,
  optional,
  required,
  structure,
  type Attribute,
  type AttributeReference,
} from '@holdfast/kmip';
import { HoldfastError, type Item } from '@holdfast/ttlv';
import { adjustedItem, outOfRange, unsetItem } from '../objects/adjustment';
import { describe, onlyInstance, setInstance } from '../objects/attribute-rules';
import { requireQuantumSafe } from '../objects/new-object';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierResponse } from './identifier-payload';

type Known = Exclude<AttributeReference, { readonly unknownName: string }>;

/** Counts an attribute up or down, or turns it into its opposite. */
export const adjustAttribute = operation({
  name: 'AdjustAttribute',
  code: Operation.AdjustAttribute,
  window: { since: '2.0' },
  section: { v2: '6.1.3' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    attributeReference: attributeReference(),
    adjustmentType: required(Tag.AdjustmentType, enumerated(adjustmentTypeEnum)),
    adjustmentValue: optional(Tag.AdjustmentValue, anyItem),
  }),
  response: identifierResponse,
  access: 'alter',
  reasons: [
    'InvalidDataType',
    'ItemNotFound',
    'MultiValuedAttribute',
    'NumericRange',
    'ObjectArchived',
    'ReadOnlyAttribute',
    'UnsupportedAttribute',
    'WrongKeyLifecycleState',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, attributeReference: reference, ...request }, context) {
    if (reference === undefined) {
      throw new HoldfastError('InvalidMessage', 'Attribute Reference is missing in Request Payload');
    }
    if ('unknownName' in reference) {
      throw new HoldfastError('UnsupportedAttribute', `there is no attribute ${reference.unknownName}`);
    }
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    const current = onlyInstance(object.attributes, reference);
    requireNotReadOnly(reference, current);
    const before = current === undefined ? unsetValue(reference) : valueItem(current);
    const after = adjustedItem(before, request.adjustmentType, request.adjustmentValue);
    setInstance(object, attributeOf(reference, after), context.nowSeconds);
    if (reference.key === 'QuantumSafe') requireQuantumSafe(object.attributes, context);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});

function requireNotReadOnly(reference: Known, current: Attribute | undefined): void {
  const { setBy, modifiableByClient } = definitionOf(reference.key);
  if (current === undefined ? setBy.client : modifiableByClient !== 'no') return;
  throw new HoldfastError('ReadOnlyAttribute', `${describe(reference)} is not for clients to change`);
}

function unsetValue(reference: Known): Item {
  // A vendor attribute that is not there is of no type.
  if (reference.key === 'VendorAttribute') {
    throw new HoldfastError('ItemNotFound', `the object has no ${describe(reference)}`);
  }
  const { tag, codec } = definitionOf(reference.key);
  return unsetItem(tag, codec.type);
}

/** The value as an item; of a vendor attribute, the value within. */
function valueItem(attribute: Attribute): Item {
  if (attribute.key === 'VendorAttribute') return attribute.value.attributeValue;
  const { tag, codec } = definitionOf(attribute.key);
  const item = codec.encode(tag, attribute.value, STORAGE_DIALECT);
  if (item === undefined) throw new HoldfastError('InvalidDataType', 'the attribute cannot be adjusted');
  return item;
}

/** @throws HoldfastError NumericRange where the attribute cannot have the value */
function attributeOf(reference: Known, value: Item): Attribute {
  if (reference.key === 'VendorAttribute') {
    const { vendorIdentification, attributeName } = reference;
    return { key: reference.key, value: { vendorIdentification, attributeName, attributeValue: value } };
  }
  try {
    const { codec } = definitionOf(reference.key);
    return { key: reference.key, value: codec.decode(value, STORAGE_DIALECT) } as Attribute;
  } catch (cause) {
    throw outOfRange(cause);
  }
}
