import {
  CertificateType,
  LinkType,
  ObjectType,
  definitionOf,
  type Attribute,
  type AttributeKey,
  type AttributeValue,
  type KeyBlock,
  type KeyValue,
  type ManagedObjectOf,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { Awaitable } from '../awaitable';
import type { OperationContext } from '../operation';
import { describe, referenceTo, sameValue } from './attribute-rules';
import { AttributeSet } from './attribute-set';
import { certificateAttributes, publicKeyAttributes } from './certificate-attributes';
import { readRequest } from './certificate-request';
import { isSameAlgorithm } from './defaults';
import { isWrapped, keyBlockOf, withKeyBlock } from './new-object';
import { hidesKey, isBareMaterial } from './wrapping-key';
import { checkRequested, isSettable, mergeAttributes } from './requested-attributes';
import { rememberPolynomial, requireSplitScheme } from './split-key';

/** What a registered object tells of itself, and whether that is what the request says. KMIP 1.4 section 4.3. */

type Key = ManagedObjectOf<
  typeof ObjectType.SymmetricKey | typeof ObjectType.PublicKey | typeof ObjectType.PrivateKey
>;

/**
 * The attributes within a Key Value become attributes of the object; those of them that only a server sets belong to
 * the server that the key came from. The value is kept without them.
 */
export function takeEmbeddedAttributes<V extends ManagedObjectValue | undefined>(
  value: V,
): { readonly value: V | ManagedObjectValue; readonly embedded: readonly Attribute[] } {
  const keyBlock = value === undefined ? undefined : keyBlockOf(value);
  const keyValue = keyBlock?.keyValue;
  if (value === undefined || keyBlock === undefined || keyValue === undefined || isWrapped(keyBlock))
    return { value, embedded: [] };
  if ('encoded' in keyValue || keyValue.attributes.length === 0) return { value, embedded: [] };
  const embedded = keyValue.attributes.filter((attribute) => isSettable(attribute, value.objectType));
  const bare = { ...keyBlock, keyValue: { ...keyValue, attributes: [] } };
  return { value: withKeyBlock(value, bare), embedded };
}

function contradiction(key: AttributeKey, source: string): HoldfastError {
  return new HoldfastError('InvalidAttributeValue', `${definitionOf(key).name} is not that of the ${source}`);
}

/** What attributes and Key Block say together. @throws HoldfastError InvalidAttributeValue where they differ */
function agreed<T>(
  stated: T | undefined,
  inKey: T | undefined,
  isSame: (stated: T, inKey: T) => boolean,
  key: AttributeKey,
): T | undefined {
  if (stated !== undefined && inKey !== undefined && !isSame(stated, inKey)) throw contradiction(key, 'key');
  return stated ?? inKey;
}

/** Algorithm and length may stand in the attributes, in the Key Block and in the material: they have to agree. So has the curve. */
async function tellOfKey(value: Key, requested: AttributeSet, { crypto }: OperationContext): Promise<Key> {
  const { keyBlock, objectType } = value;
  const inClear = { ...keyBlock, keyValue: isWrapped(keyBlock) ? undefined : keyBlock.keyValue };
  const { algorithm, lengthBits, curve } = crypto.inspectKey(objectType, {
    ...inClear,
    cryptographicAlgorithm: agreed(
      requested.get('CryptographicAlgorithm'),
      keyBlock.cryptographicAlgorithm,
      isSameAlgorithm,
      'CryptographicAlgorithm',
    ),
    cryptographicLengthBits: agreed(
      requested.get('CryptographicLength'),
      keyBlock.cryptographicLengthBits,
      (stated, inKey) => stated === inKey,
      'CryptographicLength',
    ),
  });
  if (algorithm === undefined || lengthBits === undefined) {
    throw new HoldfastError(
      'InvalidField',
      'Cryptographic Algorithm and Cryptographic Length of the key are neither given nor in the key',
    );
  }
  const { recommendedCurve } = requested.get('CryptographicDomainParameters') ?? {};
  agreed(recommendedCurve, curve, (stated, inKey) => stated === inKey, 'CryptographicDomainParameters');
  await crypto.requireOneKey(objectType, inClear);
  requested.set('CryptographicAlgorithm', algorithm);
  requested.set('CryptographicLength', lengthBits);
  return {
    ...value,
    keyBlock: { ...keyBlock, cryptographicAlgorithm: algorithm, cryptographicLengthBits: lengthBits },
  };
}

/** Algorithm and length of a key block whose material is not looked into: shares, PGP keys, secret data. */
function tellOfKeyBlock(keyBlock: KeyBlock, requested: AttributeSet): void {
  const { cryptographicAlgorithm, cryptographicLengthBits, keyValue } = keyBlock;
  if (cryptographicAlgorithm !== undefined) {
    state(requested, 'CryptographicAlgorithm', cryptographicAlgorithm, 'key');
  }
  if (cryptographicLengthBits !== undefined) {
    state(requested, 'CryptographicLength', cryptographicLengthBits, 'key');
  }
  if (requested.has('CryptographicLength') || isWrapped(keyBlock)) return;
  if (keyValue === undefined || 'encoded' in keyValue) return;
  if (keyValue.keyMaterial instanceof SecretBytes) {
    requested.set('CryptographicLength', keyValue.keyMaterial.length * 8);
  }
}

/** Sets an attribute that the value tells. @throws HoldfastError InvalidAttributeValue where the request says otherwise */
function state<K extends AttributeKey>(
  requested: AttributeSet,
  key: K,
  value: AttributeValue<K>,
  source: string,
): void {
  const [stated] = requested.instances(key) as readonly Attribute[];
  const told = { key, value } as Attribute;
  if (stated === undefined) requested.add(told);
  else if (isSaidOtherwise(stated, told)) throw contradiction(key, source);
}

function isSaidOtherwise(stated: Attribute, told: Attribute): boolean {
  if (stated.key === 'CryptographicAlgorithm' && told.key === 'CryptographicAlgorithm') {
    return !isSameAlgorithm(stated.value, told.value);
  }
  return !sameValue(stated, told);
}

/** Completes the attributes of a certificate from what it says. @throws HoldfastError InvalidAttributeValue, InvalidField */
export function tellOfCertificate(
  value: ManagedObjectOf<typeof ObjectType.Certificate>,
  requested: AttributeSet,
  context: OperationContext,
): void {
  state(requested, 'CertificateType', value.certificateType, 'certificate');
  if (value.certificateType !== CertificateType.X_509) {
    state(requested, 'CertificateLength', value.certificateValue.length, 'certificate');
    return;
  }
  const description = context.certificates.describe(value.certificateValue);
  for (const attribute of certificateAttributes(description)) {
    const { setBy, statedOnCreation, multiple } = definitionOf(attribute.key);
    const isStatable = setBy.client || statedOnCreation;
    if (multiple && !isStatable) mergeAttributes(requested, [attribute]);
    else state(requested, attribute.key, attribute.value, 'certificate');
  }
}

/** A request that cannot be read is kept all the same: whether it is good is for Certify to say. */
function tellOfRequest(
  value: ManagedObjectOf<typeof ObjectType.CertificateRequest>,
  requested: AttributeSet,
  context: OperationContext,
): void {
  for (const attribute of publicKeyIn(value, context)) {
    state(requested, attribute.key, attribute.value, 'certificate request');
  }
}

function publicKeyIn(
  { certificateRequestType, certificateRequestValue }: ManagedObjectOf<typeof ObjectType.CertificateRequest>,
  context: OperationContext,
): readonly Attribute[] {
  try {
    const request = readRequest(certificateRequestType, certificateRequestValue, context);
    return request === undefined ? [] : publicKeyAttributes(request.publicKey);
  } catch (error) {
    if (error instanceof HoldfastError) return [];
    throw error;
  }
}

/** A Template holds what clients may ask for, and no Name of its own within it. KMIP 1.4 sections 2.2.6 and 11.4. */
function checkTemplate(
  value: ManagedObjectOf<typeof ObjectType.Template>,
): ManagedObjectOf<typeof ObjectType.Template> {
  const attributes = new AttributeSet();
  mergeAttributes(attributes, value.attributes);
  if (attributes.has('Name')) {
    throw new HoldfastError('InvalidField', 'the Name of a Template stands beside it, not in it');
  }
  for (const attribute of attributes) {
    const { setBy, statedOnCreation } = definitionOf(attribute.key);
    if (setBy.client || statedOnCreation) continue;
    const name = describe(referenceTo(attribute));
    throw new HoldfastError('AttributeReadOnly', `${name} is set by the server alone`);
  }
  return { ...value, attributes: [...attributes] };
}

/** A wrapped key links to the key that wraps it, where that is named. KMIP 2.1 section 6.1.43. */
function linkToWrappingKey(
  value: ManagedObjectValue,
  requested: AttributeSet,
  context: OperationContext,
): void {
  const reference = keyBlockOf(value)?.keyWrappingData?.encryptionKeyInformation?.uniqueIdentifier;
  if (reference === undefined) return;
  const linkedObjectIdentifier = context.identify(reference);
  mergeAttributes(requested, [
    { key: 'Link', value: { linkType: LinkType.WrappingKeyLink, linkedObjectIdentifier } },
  ]);
}

/** @throws HoldfastError InvalidField, EncodingOptionError where Key Value and Key Wrapping Data do not go together */
function requireWrappingData(value: ManagedObjectValue): void {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return;
  const { keyValue, keyWrappingData } = keyBlock;
  if (keyWrappingData === undefined) {
    if (keyValue === undefined || !('encoded' in keyValue)) return;
    throw new HoldfastError('InvalidField', 'a wrapped Key Value needs Key Wrapping Data');
  }
  if (isBareMaterial(keyWrappingData.encodingOption) && holdsAttributes(keyValue)) {
    throw new HoldfastError('EncodingOptionError', 'attributes are not wrapped with key material alone');
  }
  const mayBeInClear = !hidesKey(keyWrappingData.wrappingMethod);
  if (keyValue === undefined || (hasStructuredMaterial(keyValue) && !mayBeInClear)) {
    throw new HoldfastError(
      'InvalidField',
      'Key Wrapping Data stands beside a Key Value that is not wrapped',
    );
  }
}

/** "If No Encoding is specified, then the Key Value structure SHALL NOT contain any attributes": KMIP 1.4 section 2.1.5. */
function holdsAttributes(keyValue: KeyValue | undefined): boolean {
  return keyValue !== undefined && !('encoded' in keyValue) && keyValue.attributes.length > 0;
}

function hasStructuredMaterial(keyValue: KeyValue): boolean {
  return !('encoded' in keyValue) && !(keyValue.keyMaterial instanceof SecretBytes);
}

/** Whether the format that a 2.x client states is that of the value. */
function checkStatedFormat(value: ManagedObjectValue, requested: AttributeSet): void {
  const stated = requested.get('KeyFormatType');
  const actual = keyBlockOf(value)?.keyFormatType;
  if (stated !== undefined && actual !== undefined && stated !== actual)
    throw contradiction('KeyFormatType', 'key');
}

/** @throws HoldfastError InvalidField: of a key that is wrapped, or not looked into, nothing else tells that there is no such length */
function requirePositiveLength(value: ManagedObjectValue): void {
  if ((keyBlockOf(value)?.cryptographicLengthBits ?? 1) > 0) return;
  throw new HoldfastError('InvalidField', 'the Cryptographic Length of the key is not positive');
}

function tell(
  value: ManagedObjectValue,
  requested: AttributeSet,
  context: OperationContext,
): Awaitable<ManagedObjectValue> {
  switch (value.objectType) {
    case ObjectType.SymmetricKey:
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return tellOfKey(value, requested, context);
    case ObjectType.Template:
      return checkTemplate(value);
    case ObjectType.Certificate:
      tellOfCertificate(value, requested, context);
      return value;
    case ObjectType.OpaqueObject:
      state(requested, 'OpaqueDataType', value.opaqueDataType, 'object');
      return value;
    case ObjectType.CertificateRequest:
      tellOfRequest(value, requested, context);
      return value;
    case ObjectType.SplitKey:
      requireSplitScheme(value);
      tellOfKeyBlock(value.keyBlock, requested);
      rememberPolynomial(value.splitKeyMethod, requested, context);
      return value;
    default:
      tellOfKeyBlock(value.keyBlock, requested);
      return value;
  }
}

/**
 * Completes the attributes of a registered object from its value, in place.
 * @returns the value as it is kept
 * @throws HoldfastError InvalidAttributeValue (request and object contradict each other), InvalidField, AttributeReadOnly,
 *   InvalidAttribute, KeyFormatTypeNotSupported
 */
export async function describeRegistered(
  value: ManagedObjectValue,
  requested: AttributeSet,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  checkRequested(requested, value.objectType, 'registered');
  return describeValue(value, requested, context);
}

/**
 * The same for what is left of a destroyed key: a Key Block without Key Value.
 * @throws HoldfastError InvalidAttributeValue where the attributes say otherwise
 */
export function describeRemains(value: ManagedObjectValue, requested: AttributeSet): void {
  const keyBlock = keyBlockOf(value);
  if (keyBlock === undefined) return;
  requirePositiveLength(value);
  state(requested, 'KeyFormatType', keyBlock.keyFormatType, 'key');
  tellOfKeyBlock(keyBlock, requested);
}

/** The same for attributes that have been checked already. */
export async function describeValue(
  value: ManagedObjectValue,
  requested: AttributeSet,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  requireWrappingData(value);
  requirePositiveLength(value);
  checkStatedFormat(value, requested);
  const kept = await tell(value, requested, context);
  linkToWrappingKey(kept, requested, context);
  const keyBlock = keyBlockOf(kept);
  if (keyBlock !== undefined && keyBlock.keyValue === undefined) requested.set('KeyValuePresent', false);
  return kept;
}
