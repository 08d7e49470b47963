import {
  ObjectType,
  Operation,
  Tag,
  enumerated,
  objectTypeEnum,
  optionalManagedObjectField,
  required,
  structure,
  textString,
  toldAttributes,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { mandatory, type ManagedObject } from '../object-access';
import {
  PRESENTATION_REASONS,
  presentValue,
  presentationRequest,
  requireKnownType,
} from '../objects/present-value';
import { isDestroyed } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Gives an object out together with all of its attributes, so that it can be imported elsewhere. */
export const exportObject = operation({
  name: 'Export',
  code: Operation.Export,
  window: { since: '1.4' },
  section: { v1: '4.40', v2: '6.1.18' },
  request: presentationRequest,
  response: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attributes: toldAttributes(),
    object: optionalManagedObjectField(),
  }),
  access: 'obtain',
  reasons: [...PRESENTATION_REASONS, ...GENERAL_REASONS],

  async execute(asked, context) {
    const object = await context.objects.fetch(context.identify(asked.uniqueIdentifier));
    requireKnownType(object, context);
    const value = isDestroyed(object.state) ? remainsOf(object) : await presentValue(object, asked, context);
    context.produced(object.uniqueIdentifier);
    return {
      objectType: mandatory(object, 'ObjectType'),
      uniqueIdentifier: object.uniqueIdentifier,
      attributes: [...object.attributes],
      object: value,
    };
  },
});

/** What is left of a destroyed key is a Key Block without Key Value; of other objects, nothing but attributes. */
function remainsOf({ attributes }: ManagedObject): ManagedObjectValue | undefined {
  const objectType = attributes.get('ObjectType');
  const keyFormatType = attributes.get('KeyFormatType');
  if (
    keyFormatType === undefined ||
    (objectType !== ObjectType.SymmetricKey &&
      objectType !== ObjectType.PublicKey &&
      objectType !== ObjectType.PrivateKey)
  ) {
    return undefined;
  }
  const cryptographicAlgorithm = attributes.get('CryptographicAlgorithm');
  const cryptographicLengthBits = attributes.get('CryptographicLength');
  return { objectType, keyBlock: { keyFormatType, cryptographicAlgorithm, cryptographicLengthBits } };
}
