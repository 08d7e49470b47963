import {
  Operation,
  Tag,
  attributeReferences,
  required,
  structure,
  textString,
  type AttributeReference,
} from '@holdfast/kmip';
import { referenceKey, referenceTo } from '../objects/attribute-rules';
import type { AttributeSet } from '../objects/attribute-set';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest } from './identifier-payload';

/** Tells which attributes an object has, each once; attributes that the version does not have are left out. */
export const getAttributeList = operation({
  name: 'GetAttributeList',
  code: Operation.GetAttributeList,
  window: {},
  section: { v1: '4.13', v2: '6.1.21' },
  request: identifierRequest,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attributeReferences: attributeReferences(),
  }),
  access: 'inspect',
  reasons: ['ObjectNotFound', 'ObjectArchived', ...GENERAL_REASONS],
  isRepeatable: () => true,

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    return {
      uniqueIdentifier: object.uniqueIdentifier,
      attributeReferences: distinctReferences(object.attributes),
    };
  },
});

function distinctReferences(attributes: AttributeSet): readonly AttributeReference[] {
  const byKey = new Map<string, AttributeReference>();
  for (const attribute of attributes) {
    const reference = referenceTo(attribute);
    byKey.set(referenceKey(reference), reference);
  }
  return [...byKey.values()];
}
