import {
  ObjectType,
  Operation,
  Tag,
  enumerated,
  managedObjectField,
  newAttributes,
  objectTypeEnum,
  required,
  serverSetAttributes,
  structure,
  textString,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { isContainer, openContainer, registerChain } from '../objects/key-container';
import { makeObject } from '../objects/new-object';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { describeRegistered, takeEmbeddedAttributes } from '../objects/registered-value';
import { gatherAttributes } from '../objects/requested-attributes';
import { fillUsageMask } from '../objects/requested-key';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Takes an object in that was made elsewhere. */
export const register = operation({
  name: 'Register',
  code: Operation.Register,
  window: {},
  section: { v1: '4.3', v2: '6.1.43' },
  request: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    newAttributes: newAttributes(),
    object: managedObjectField(),
    protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'create',
  objectTypes: Object.values(ObjectType),
  reasons: [
    'ItemNotFound',
    'AttributeReadOnly',
    'AttributeSingleValued',
    'BadPassword',
    'EncodingOptionError',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'IndexOutOfBounds',
    'InvalidObjectType',
    'NonUniqueNameAttribute',
    'ServerLimitExceeded',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    const { objectType } = request;
    if (request.object.objectType !== objectType) {
      throw new HoldfastError(
        'InvalidObjectType',
        'the object is not of the Object Type that the request names',
      );
    }
    requireProtectionStorage(request.protectionStorageMasks);
    const { value: given, embedded } = takeEmbeddedAttributes(request.object);
    const requested = await gatherAttributes(
      [{ templateNames: [], attributes: embedded }, request.newAttributes],
      context,
    );
    const container = isContainer(given) ? await openContainer(given, requested, context) : undefined;
    const value = await describeRegistered(container?.value ?? given, requested, context);
    fillUsageMask(objectType, requested, context);
    const made = makeObject({ value, requested, origin: 'registered' }, context);
    if (container !== undefined) await registerChain(made, container, context);
    context.objects.create(made);
    context.produced(made.uniqueIdentifier);
    return { uniqueIdentifier: made.uniqueIdentifier };
  },
});
