import {
  KeyFormatType,
  KeyWrapType,
  ObjectType,
  Tag,
  enumerated,
  identifierReference,
  keyCompressionTypeEnum,
  keyFormatTypeEnum,
  keyWrapTypeEnum,
  keyWrappingSpecificationStructure,
  objectTypeEnum,
  optional,
  structure,
  type Dialect,
  type Infer,
  type KeyBlock,
  type KeyWrappingSpecification,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import type { Awaitable } from '../awaitable';
import { mandatory, type ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import { defaultKeyFormat } from './defaults';
import { inContainer } from './key-container';
import { isWrapped, keyBlockOf, withKeyBlock } from './new-object';
import { unwrapKey } from './unwrap-key';
import { wrapKey } from './wrap-key';
import { hidesKey } from './wrapping-key';

/** Giving an object's value out as a request wants it: Get and Export. KMIP 1.4 sections 4.11 and 4.40. */

export const presentationRequest = structure({
  uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
  keyFormatType: optional(Tag.KeyFormatType, enumerated(keyFormatTypeEnum)),
  keyWrapType: optional(Tag.KeyWrapType, enumerated(keyWrapTypeEnum), { since: '1.4' }),
  keyCompressionType: optional(Tag.KeyCompressionType, enumerated(keyCompressionTypeEnum)),
  keyWrappingSpecification: optional(Tag.KeyWrappingSpecification, keyWrappingSpecificationStructure),
});
export type PresentationRequest = Infer<typeof presentationRequest>;

/** What giving a value out may be refused with. */
export const PRESENTATION_REASONS = [
  'ObjectNotFound',
  'BadCryptographicParameters',
  'BadPassword',
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
  'UsageLimitExceeded',
  'WrappingObjectArchived',
  'WrappingObjectDestroyed',
  'WrappingObjectNotFound',
  'WrongKeyLifecycleState',
] as const satisfies readonly ErrorCode[];

/**
 * The object's value in the format and wrapping that the request asks for; the object ceases to be fresh.
 * @throws HoldfastError as PRESENTATION_REASONS lists
 */
export async function presentValue(
  object: ManagedObject,
  asked: PresentationRequest,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  requireKnownType(object, context);
  const stored = object.stored.openValue();
  requireObtainable(object, stored, asked);
  const value = await opened(stored, asked, context);
  const presented =
    asked.keyFormatType === KeyFormatType.PKCS_12
      ? await inContainer(value, object, context)
      : present(value, asked, context);
  const { keyWrappingSpecification } = asked;
  const answer =
    keyWrappingSpecification === undefined
      ? presented
      : await wrap(presented, object, keyWrappingSpecification, context, isWithinKeyMaterial(stored));
  markServed(object, context);
  return answer;
}

/** A version that does not have the object's type has no words to answer with. */
export function requireKnownType(object: ManagedObject, { dialect }: OperationContext): void {
  const entry = objectTypeEnum.byValue.get(mandatory(object, 'ObjectType'));
  if (entry !== undefined && dialect.knows(entry)) return;
  throw new HoldfastError('InvalidObjectType', `KMIP ${dialect.name} has no objects of this type`);
}

/** KMIP 1.4 sections 3.48 and 3.50: never out if not extractable, never in clear if sensitive. */
function requireObtainable(
  object: ManagedObject,
  value: ManagedObjectValue,
  asked: PresentationRequest,
): void {
  if (object.attributes.get('Extractable') === false) {
    throw new HoldfastError('NotExtractable', 'the object is not extractable');
  }
  if (object.attributes.get('Sensitive') === true && !leavesHidden(value, asked)) {
    throw new HoldfastError('Sensitive', 'the object is sensitive: it is given out wrapped alone');
  }
}

function leavesHidden(value: ManagedObjectValue, asked: PresentationRequest): boolean {
  const { keyWrappingSpecification, keyWrapType } = asked;
  if (keyWrappingSpecification !== undefined) return hidesKey(keyWrappingSpecification.wrappingMethod);
  const wrappingData = keyBlockOf(value)?.keyWrappingData;
  return (
    wrappingData !== undefined &&
    keyWrapType !== KeyWrapType.NotWrapped &&
    hidesKey(wrappingData.wrappingMethod)
  );
}

/** What is kept wrapped is opened where it is asked for in clear, or in another wrapping. */
function opened(
  value: ManagedObjectValue,
  { keyWrapType, keyWrappingSpecification }: PresentationRequest,
  context: OperationContext,
): Awaitable<ManagedObjectValue> {
  const keyBlock = keyBlockOf(value);
  const isAskedOtherwise = keyWrapType === KeyWrapType.NotWrapped || keyWrappingSpecification !== undefined;
  if (keyBlock === undefined || !isWrapped(keyBlock) || !isAskedOtherwise) return value;
  return unwrapped(value, keyBlock, context);
}

async function unwrapped(
  value: ManagedObjectValue,
  keyBlock: KeyBlock,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const inClear = await unwrapKey(keyBlock, context);
  const { keyValue } = inClear;
  if (keyValue === undefined || 'encoded' in keyValue) return withKeyBlock(value, inClear);
  // What was wrapped with the key are attributes of the object, or were left to the client: they are not part of the key.
  return withKeyBlock(value, { ...inClear, keyValue: { ...keyValue, attributes: [] } });
}

/** The value in the format that is asked for; only a key in clear passes where it is to be wrapped. */
function present(
  value: ManagedObjectValue,
  asked: PresentationRequest,
  context: OperationContext,
): ManagedObjectValue {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return presentWithoutKey(value, asked);
  if (isWrapped(keyBlock)) return presentWrapped(value, keyBlock, asked);
  const converted = convert(value.objectType, keyBlock, asked, context);
  return converted === keyBlock ? value : withKeyBlock(value, converted);
}

async function wrap(
  value: ManagedObjectValue,
  object: ManagedObject,
  specification: KeyWrappingSpecification,
  context: OperationContext,
  wasWithinKeyMaterial: boolean,
): Promise<ManagedObjectValue> {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return value;
  return withKeyBlock(value, await wrapKey(keyBlock, object, specification, context, wasWithinKeyMaterial));
}

/** Where clients that keep the wrapped bytes in Key Material put them. */
function isWithinKeyMaterial(value: ManagedObjectValue): boolean {
  const keyValue = keyBlockOf(value)?.keyValue;
  return keyValue !== undefined && 'encoded' in keyValue && keyValue.isWithinKeyMaterial === true;
}

/** Certificates, opaque objects and Templates have one form, and no key to be wrapped. */
function presentWithoutKey(value: ManagedObjectValue, asked: PresentationRequest): ManagedObjectValue {
  if (asked.keyWrappingSpecification !== undefined) {
    throw new HoldfastError('InvalidObjectType', 'an object of this type has no key to be wrapped');
  }
  const { keyFormatType } = asked;
  if (keyFormatType !== undefined && keyFormatType !== defaultKeyFormat(value.objectType, undefined)) {
    throw formatNotSupported();
  }
  return value;
}

/** What was registered wrapped is given out so, in the format that it has. */
function presentWrapped(
  value: ManagedObjectValue,
  keyBlock: KeyBlock,
  asked: PresentationRequest,
): ManagedObjectValue {
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
  asked: PresentationRequest,
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
