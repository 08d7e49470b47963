import {
  Operation,
  Tag,
  attributeReferences,
  attributeTable,
  identifierReference,
  optional,
  required,
  structure,
  textString,
  toldAttributes,
  type AttributeReference,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { describe, instancesOfAll, referenceKey } from '../objects/attribute-rules';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Tells attributes of an object: those asked for, or all that the version has. An attribute without a value is left out. */
export const getAttributes = operation({
  name: 'GetAttributes',
  code: Operation.GetAttributes,
  window: {},
  section: { v1: '4.12', v2: '6.1.20' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    attributeReferences: attributeReferences(),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attributes: toldAttributes(),
  }),
  access: 'inspect',
  reasons: ['ObjectNotFound', 'InvalidAttribute', 'ObjectArchived', ...GENERAL_REASONS],
  isRepeatable: () => true,

  async execute({ uniqueIdentifier, attributeReferences }, context) {
    requireDistinct(attributeReferences);
    if (context.dialect.rules.attributeForm === 'tagged') requireKnown(attributeReferences);
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    return {
      uniqueIdentifier: object.uniqueIdentifier,
      attributes:
        attributeReferences.length === 0
          ? [...object.attributes]
          : instancesOfAll(object.attributes, attributeReferences),
    };
  },
});

const NAMES = new Set(Object.values(attributeTable).map(({ name }) => name));

/**
 * What a tag names is an attribute or is none, where a name of 1.x may be one that only another server has. Clients ask
 * 2.x for attributes of 1.x.
 */
function requireKnown(references: readonly AttributeReference[]): void {
  for (const reference of references) {
    if (!('unknownName' in reference) || NAMES.has(reference.unknownName)) continue;
    throw new HoldfastError('InvalidAttribute', `${reference.unknownName} is no attribute`);
  }
}

function requireDistinct(references: readonly AttributeReference[]): void {
  const seen = new Set<string>();
  for (const reference of references) {
    const key = referenceKey(reference);
    if (seen.has(key)) {
      throw new HoldfastError('InvalidMessage', `${describe(reference)} is asked for more than once`);
    }
    seen.add(key);
  }
}
