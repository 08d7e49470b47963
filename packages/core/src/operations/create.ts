import {
  KeyFormatType,
  ObjectType,
  Operation,
  SecretDataType,
  Tag,
  enumerated,
  newAttributes,
  objectTypeEnum,
  required,
  serverSetAttributes,
  structure,
  textString,
  type KeyBlock,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { AttributeSet } from '../objects/attribute-set';
import { makeObject, requireKeyFormat } from '../objects/new-object';
import { isToBeInHsm, protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { checkRequested, gatherAttributes } from '../objects/requested-attributes';
import { fillDefaults, requireAttribute } from '../objects/requested-key';
import { generateSymmetricKey } from '../objects/symmetric-key';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Bits of Secret Data for which the request names no length. */
const SECRET_DATA_LENGTH_BITS = 256;
/** The longest Secret Data that is made, in bits. */
const MAX_SECRET_DATA_LENGTH_BITS = 65_536;

/** Makes a symmetric key, in 2.x also Secret Data. */
export const create = operation({
  name: 'Create',
  code: Operation.Create,
  window: {},
  section: { v1: '4.1', v2: '6.1.8' },
  request: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    newAttributes: newAttributes(),
    protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
  }),
  response: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'create',
  objectTypes: [ObjectType.SymmetricKey, ObjectType.SecretData],
  reasons: [
    'ItemNotFound',
    'AttributeReadOnly',
    'AttributeSingleValued',
    'CryptographicFailure',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'IndexOutOfBounds',
    'InvalidObjectType',
    'NonUniqueNameAttribute',
    'ReadOnlyAttribute',
    'ServerLimitExceeded',
    'UnsupportedAttribute',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    const { objectType } = request;
    const masks = request.protectionStorageMasks;
    const requested = await gatherAttributes([request.newAttributes], context);
    checkRequested(requested, objectType, 'generated');
    const value =
      objectType === ObjectType.SymmetricKey
        ? await generateSymmetricKey(requested, isToBeInHsm(requested, [masks], context), context)
        : generateOther(objectType, requested, masks, context);
    const made = makeObject({ value, requested, origin: 'generated' }, context);
    context.objects.create(made);
    context.produced(made.uniqueIdentifier);
    return { objectType, uniqueIdentifier: made.uniqueIdentifier };
  },
});

function generateOther(
  objectType: ObjectType,
  requested: AttributeSet,
  masks: Parameters<typeof requireProtectionStorage>[0],
  context: OperationContext,
): ManagedObjectValue {
  requireProtectionStorage(masks);
  if (objectType === ObjectType.SecretData && context.dialect.rules.createsSecretData) {
    return { objectType, secretDataType: SecretDataType.Seed, keyBlock: generateSecret(requested, context) };
  }
  throw new HoldfastError('InvalidObjectType', 'objects of this type are not made by Create');
}

/** Random bytes: the specification names no other content. KMIP 2.1 section 6.1.8. */
function generateSecret(requested: AttributeSet, context: OperationContext): KeyBlock {
  fillDefaults(ObjectType.SecretData, requested, context);
  requireAttribute(requested, 'CryptographicUsageMask', 'InvalidField');
  const lengthBits = requested.get('CryptographicLength') ?? SECRET_DATA_LENGTH_BITS;
  if (lengthBits % 8 !== 0 || lengthBits > MAX_SECRET_DATA_LENGTH_BITS) {
    throw new HoldfastError(
      'InvalidField',
      `the length of Secret Data is a multiple of 8 and at most ${MAX_SECRET_DATA_LENGTH_BITS} bits`,
    );
  }
  requested.set('CryptographicLength', lengthBits);
  const keyBlock: KeyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { keyMaterial: new SecretBytes(context.crypto.randomBytes(lengthBits / 8)), attributes: [] },
  };
  return requireKeyFormat(ObjectType.SecretData, keyBlock, requested, context);
}
