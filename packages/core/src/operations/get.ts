import {
  KeyFormatType,
  KeyWrapType,
  ObjectType,
  Operation,
  Tag,
  enumerated,
  identifierReference,
  keyCompressionTypeEnum,
  keyFormatTypeEnum,
  keyWrapTypeEnum,
  keyWrappingSpecificationStructure,
  managedObjectField,
  objectTypeEnum,
  optional,
  required,
  structure,
  textString,
  type Dialect,
  type Infer,
  type KeyBlock,
  type KeyWrappingSpecification,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import { defaultKeyFormat } from '../objects/defaults';
import { isWrapped, keyBlockOf } from '../objects/new-object';
import { isDestroyed } from '../objects/state';
import { wrapKey } from '../objects/wrap-key';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const request = structure({
  uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
  keyFormatType: optional(Tag.KeyFormatType, enumerated(keyFormatTypeEnum)),
  keyWrapType: optional(Tag.KeyWrapType, enumerated(keyWrapTypeEnum), { since: '1.4' }),
  keyCompressionType: optional(Tag.KeyCompressionType, enumerated(keyCompressionTypeEnum)),
  keyWrappingSpecification: optional(Tag.KeyWrappingSpecification, keyWrappingSpecificationStructure),
});
type GetRequest = Infer<typeof request>;

/** Gives an object out, in the format and wrapping that the request asks for. */
export const get = operation({
  name: 'Get',
  code: Operation.Get,
  window: {},
  section: { v1: '4.11', v2: '6.1.19' },
  request,
  response: structure({
    objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    object: managedObjectField(),
  }),
  access: 'obtain',
  reasons: [
    'ObjectNotFound',
    'BadCryptographicParameters',
    'CryptographicFailure',
    'EncodingOptionError',
    'IncompatibleCryptographicUsageMask',
    'InvalidObjectType',
    'KeyCompressionTypeNotSupported',
    'KeyFormatTypeNotSupported',
    'KeyValueNotPresent',
    'KeyWrapTypeNotSupported',
    'NotExtractable',
    'Sensitive',
    'ObjectArchived',
    'WrappingObjectArchived',
    'WrappingObjectDestroyed',
    'WrappingObjectNotFound',
    'WrongKeyLifecycleState',
    ...GENERAL_REASONS,
  ],

  async execute(asked, context) {
    const object = await context.objects.fetch(context.identify(asked.uniqueIdentifier));
    if (isDestroyed(object.state)) {
      throw new HoldfastError('KeyValueNotPresent', 'the object has been destroyed: its value is gone');
    }
    requireKnownType(object, context);
    const stored = object.stored.openValue();
    requireObtainable(object, stored, asked);
    const presented = present(stored, asked, context);
    const { keyWrappingSpecification } = asked;
    const value =
      keyWrappingSpecification === undefined
        ? presented
        : await wrap(presented, object, keyWrappingSpecification, context);
    markServed(object, context);
    return { objectType: value.objectType, uniqueIdentifier: object.uniqueIdentifier, object: value };
  },
});

/** A version that does not have the object's type has no words to answer with. */
function requireKnownType(object: ManagedObject, { dialect }: OperationContext): void {
  const entry = objectTypeEnum.byValue.get(mandatory(object, 'ObjectType'));
  if (entry !== undefined && dialect.knows(entry)) return;
  throw new HoldfastError('InvalidObjectType', `KMIP ${dialect.name} has no objects of this type`);
}

/** KMIP 1.4 sections 3.48 and 3.50: never out if not extractable, never in clear if sensitive. */
function requireObtainable(object: ManagedObject, value: ManagedObjectValue, asked: GetRequest): void {
  if (object.attributes.get('Extractable') === false) {
    throw new HoldfastError('NotExtractable', 'the object is not extractable');
  }
  const keyBlock = keyBlockOf(value);
  const isKeptWrapped = keyBlock !== undefined && isWrapped(keyBlock);
  const leavesWrapped = isKeptWrapped || asked.keyWrappingSpecification !== undefined;
  if (object.attributes.get('Sensitive') === true && !leavesWrapped) {
    throw new HoldfastError('Sensitive', 'the object is sensitive: it is given out wrapped alone');
  }
}

/** The value in the format that is asked for; only a key in clear passes where it is to be wrapped. */
function present(
  value: ManagedObjectValue,
  asked: GetRequest,
  context: OperationContext,
): ManagedObjectValue {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return presentWithoutKey(value, asked);
  if (isWrapped(keyBlock)) return presentWrapped(value, keyBlock, asked);
  const converted = convert(value.objectType, keyBlock, asked, context);
  return converted === keyBlock ? value : ({ ...value, keyBlock: converted } as ManagedObjectValue);
}

async function wrap(
  value: ManagedObjectValue,
  object: ManagedObject,
  specification: KeyWrappingSpecification,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return value;
  return {
    ...value,
    keyBlock: await wrapKey(keyBlock, object, specification, context),
  } as ManagedObjectValue;
}

/** Certificates, opaque objects and Templates have one form, and no key to be wrapped. */
function presentWithoutKey(value: ManagedObjectValue, asked: GetRequest): ManagedObjectValue {
  if (asked.keyWrappingSpecification !== undefined) {
    throw new HoldfastError('InvalidObjectType', 'an object of this type has no key to be wrapped');
  }
  const { keyFormatType } = asked;
  if (keyFormatType !== undefined && keyFormatType !== defaultKeyFormat(value.objectType, undefined)) {
    throw formatNotSupported();
  }
  return value;
}

/** What was registered wrapped is kept and given out so: the server does not open it. */
function presentWrapped(
  value: ManagedObjectValue,
  keyBlock: KeyBlock,
  asked: GetRequest,
): ManagedObjectValue {
  if (asked.keyWrapType === KeyWrapType.NotWrapped || asked.keyWrappingSpecification !== undefined) {
    throw new HoldfastError('KeyWrapTypeNotSupported', 'the key was registered wrapped and is given out so');
  }
  const { keyFormatType, keyCompressionType } = asked;
  if (keyFormatType !== undefined && keyFormatType !== keyBlock.keyFormatType) throw formatNotSupported();
  if (keyCompressionType !== undefined && keyCompressionType !== keyBlock.keyCompressionType) {
    throw new HoldfastError('KeyCompressionTypeNotSupported', 'the key is wrapped in another compression');
  }
  return value;
}

/** The format as it is kept, or one that every version has where this version does not have it. */
function speakableFormat(objectType: ObjectType, format: KeyFormatType, dialect: Dialect): KeyFormatType {
  const entry = keyFormatTypeEnum.byValue.get(format);
  if (entry !== undefined && dialect.knows(entry)) return format;
  if (objectType === ObjectType.PrivateKey) return KeyFormatType.PKCS_8;
  return objectType === ObjectType.PublicKey ? KeyFormatType.X_509 : format;
}

function convert(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  asked: GetRequest,
  { crypto, dialect }: OperationContext,
): KeyBlock {
  const format = asked.keyFormatType ?? speakableFormat(objectType, keyBlock.keyFormatType, dialect);
  const compression = asked.keyCompressionType ?? keyBlock.keyCompressionType;
  if (format === keyBlock.keyFormatType && compression === keyBlock.keyCompressionType) return keyBlock;
  if (keyBlock.keyValue === undefined) {
    throw new HoldfastError('KeyValueNotPresent', 'the key is kept elsewhere and cannot be converted here');
  }
  return crypto.convertKey(objectType, keyBlock, format, compression);
}

function formatNotSupported(): HoldfastError {
  return new HoldfastError(
    'KeyFormatTypeNotSupported',
    'the object cannot be given out in this Key Format Type',
  );
}

/** The first time that it is served, an object ceases to be fresh: the one write that a Get makes. KMIP 1.4 section 3.34. */
function markServed(object: ManagedObject, { objects }: OperationContext): void {
  if (object.attributes.get('Fresh') !== true) return;
  object.attributes.set('Fresh', false);
  objects.update(object);
}
