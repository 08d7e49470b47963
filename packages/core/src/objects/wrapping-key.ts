import {
  BlockCipherMode,
  CryptographicAlgorithm,
  EncodingOption,
  HashingAlgorithm,
  LinkType,
  ObjectType,
  PaddingMethod,
  WrappingMethod,
  type CryptographicParameters,
  type WrappingKeyInformation,
} from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import type { Awaitable } from '../awaitable';
import { mandatory, type ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import type { KeyUseRequest, Signing, Verification } from '../ports/crypto';
import { agreedParameters, keyUseRequest, requireUse, type KeyUse } from './key-use';
import { isDestroyed } from './state';

/** The keys that wrap others: finding them, and how they are used. KMIP 1.4 sections 2.1.5 and 2.1.6, KMIP 2.1 section 3.3. */

/** What a wrapping method does to a key, one step after the other. */
export type WrappingStep = 'encrypt' | 'authenticate';

const STEPS: ReadonlyMap<WrappingMethod, readonly WrappingStep[]> = new Map<
  WrappingMethod,
  readonly WrappingStep[]
>([
  [WrappingMethod.Encrypt, ['encrypt']],
  [WrappingMethod.MACSign, ['authenticate']],
  [WrappingMethod.EncryptThenMACSign, ['encrypt', 'authenticate']],
  [WrappingMethod.MACSignThenEncrypt, ['authenticate', 'encrypt']],
]);

/** @throws HoldfastError FeatureNotSupported (TR-31) */
export function stepsOf(wrappingMethod: WrappingMethod): readonly WrappingStep[] {
  const steps = STEPS.get(wrappingMethod);
  if (steps !== undefined) return steps;
  throw new HoldfastError('FeatureNotSupported', 'keys are not wrapped by this Wrapping Method');
}

/** Whether what leaves is unreadable without the wrapping key: a MAC alone hides nothing. */
export function hidesKey(wrappingMethod: WrappingMethod): boolean {
  return wrappingMethod !== WrappingMethod.MACSign;
}

/** Encoding Option left out means TTLV Encoding. */
export function isBareMaterial(encodingOption: EncodingOption | undefined): boolean {
  return encodingOption === EncodingOption.NoEncoding;
}

/** What is made of the content at the end of a stream, which is over then: the content is the key in clear. */
export async function passThrough<T>(
  stream: Signing | Verification,
  content: SecretBytes,
  end: () => Awaitable<T>,
): Promise<T> {
  try {
    stream.update(content);
    return await end();
  } finally {
    stream.destroy();
  }
}

/** How a wrapping key is used in this request. */
export interface WrappingKey {
  readonly object: ManagedObject;
  readonly request: KeyUseRequest;
}

function usualParameters(object: ManagedObject, step: WrappingStep): CryptographicParameters {
  if (step !== 'encrypt') return {};
  const algorithm = object.attributes.get('CryptographicAlgorithm');
  if (algorithm === CryptographicAlgorithm.AES) return { blockCipherMode: BlockCipherMode.NISTKeyWrap };
  if (algorithm !== CryptographicAlgorithm.RSA) return {};
  return { paddingMethod: PaddingMethod.OAEP, hashingAlgorithm: HashingAlgorithm.SHA_256 };
}

/** @throws HoldfastError WrappingObjectNotFound, WrappingObjectArchived, WrappingObjectDestroyed */
async function find(uniqueIdentifier: string, context: OperationContext): Promise<ManagedObject> {
  const object = await context.objects.find(uniqueIdentifier, 'use', 'WrappingObjectArchived');
  if (object === undefined) {
    throw new HoldfastError('WrappingObjectNotFound', 'no wrapping key has this unique identifier');
  }
  if (isDestroyed(object.state)) {
    throw new HoldfastError('WrappingObjectDestroyed', 'the wrapping key has been destroyed');
  }
  return object;
}

/** From each half of a pair to where the other half is found. */
const OTHER_HALF: ReadonlyMap<ObjectType, LinkType> = new Map<ObjectType, LinkType>([
  [ObjectType.Certificate, LinkType.PublicKeyLink],
  [ObjectType.PublicKey, LinkType.PrivateKeyLink],
  [ObjectType.PrivateKey, LinkType.PublicKeyLink],
]);

/** What undoes the work of a public or private key is its other half. */
async function halfFor(
  object: ManagedObject,
  wanted: readonly ObjectType[],
  context: OperationContext,
): Promise<ManagedObject> {
  let half = object;
  for (let step = 0; step < 2 && !wanted.includes(mandatory(half, 'ObjectType')); step++) {
    const linkType = OTHER_HALF.get(mandatory(half, 'ObjectType'));
    const link = half.attributes.instances('Link').find(({ value }) => value.linkType === linkType);
    if (typeof link?.value.linkedObjectIdentifier !== 'string') break;
    half = await find(link.value.linkedObjectIdentifier, context);
  }
  return half;
}

function requireInformation(
  information: WrappingKeyInformation | undefined,
  step: WrappingStep,
): WrappingKeyInformation {
  if (information !== undefined) return information;
  const name = step === 'encrypt' ? 'Encryption' : 'MAC/Signature';
  throw new HoldfastError('InvalidField', `the Wrapping Method needs ${name} Key Information`);
}

/**
 * The key that the request names for a step of wrapping.
 * @throws HoldfastError InvalidField, WrappingObjectNotFound, WrappingObjectArchived, WrappingObjectDestroyed,
 *   InvalidObjectType, WrongKeyLifecycleState, IncompatibleCryptographicUsageMask, BadCryptographicParameters
 */
export async function keyToWrapWith(
  information: WrappingKeyInformation | undefined,
  step: WrappingStep,
  useOf: (objectType: ObjectType) => KeyUse,
  context: OperationContext,
): Promise<WrappingKey> {
  const { uniqueIdentifier, cryptographicParameters } = requireInformation(information, step);
  const object = await find(context.identify(uniqueIdentifier), context);
  requireUse(object, useOf(mandatory(object, 'ObjectType')), context.nowSeconds);
  const parameters = agreedParameters(object, cryptographicParameters, usualParameters(object, step));
  return { object, request: keyUseRequest(object, parameters) };
}

/**
 * The key that undoes a step of wrapping: the one that is named, or its other half.
 * @throws HoldfastError as `keyToWrapWith`
 */
export async function keyToUnwrapWith(
  information: WrappingKeyInformation | undefined,
  step: WrappingStep,
  useOf: (objectType: ObjectType) => KeyUse,
  context: OperationContext,
): Promise<WrappingKey> {
  const { uniqueIdentifier, cryptographicParameters } = requireInformation(information, step);
  const named = await find(context.identify(uniqueIdentifier), context);
  const use = useOf(mandatory(named, 'ObjectType'));
  const object = await halfFor(named, use.objectTypes, context);
  requireUse(object, use, context.nowSeconds);
  const had =
    object.attributes.get('CryptographicParameters') ?? named.attributes.get('CryptographicParameters');
  const usual = usualParameters(object, step);
  return { object, request: keyUseRequest(object, cryptographicParameters ?? had ?? usual) };
}
