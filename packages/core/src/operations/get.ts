import {
  Operation,
  Tag,
  enumerated,
  managedObjectField,
  objectTypeEnum,
  required,
  structure,
  textString,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { PRESENTATION_REASONS, presentValue, presentationRequest } from '../objects/present-value';
import { isDestroyed } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Gives an object out, in the format and wrapping that the request asks for. */
export const get = operation({
  name: 'Get',
  code: Operation.Get,
  window: {},
  section: { v1: '4.11', v2: '6.1.19' },
  request: presentationRequest,
  response: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    object: managedObjectField(),
  }),
  access: 'obtain',
  reasons: [...PRESENTATION_REASONS, ...GENERAL_REASONS],
  isRepeatable: () => true,

  async execute(asked, context) {
    const object = await context.objects.fetch(context.identify(asked.uniqueIdentifier));
    if (isDestroyed(object.state)) {
      throw new HoldfastError('KeyValueNotPresent', 'the object has been destroyed: its value is gone');
    }
    const value = await presentValue(object, asked, context);
    return { objectType: value.objectType, uniqueIdentifier: object.uniqueIdentifier, object: value };
  },
});
