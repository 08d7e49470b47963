import {
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  RNGAlgorithm,
  State,
  definitionOf,
  type Attribute,
  type AttributeKey,
  type AttributeValue,
  type Digest,
  type KeyBlock,
  type ManagedObjectValue,
  type RNGParameters,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { CryptoPort, GeneratedKey } from '../ports/crypto';
import type { NewObject } from '../ports/key-store';
import { AttributeSet } from './attribute-set';
import { DEFAULT_LEASE_TIME_SECONDS, defaultKeyFormat } from './defaults';
import { fillDomainDefaults } from './domain-policy';
import { settleKeyInHsm, storageOf } from './protection-storage';
import type { Origin } from './requested-attributes';
import { stateAt } from './state';

/** What generates keys here: the operating system's and OpenSSL's generator, of which KMIP needs no details. */
export const RANDOM_NUMBER_GENERATOR: RNGParameters = { rngAlgorithm: RNGAlgorithm.Unspecified };

/** Fewest bits at which a symmetric key counts as safe against quantum computers. */
const QUANTUM_SAFE_LENGTH_BITS = 256;

/** The key block of an object that has one. */
export function keyBlockOf(value: ManagedObjectValue): KeyBlock | undefined {
  return 'keyBlock' in value ? value.keyBlock : undefined;
}

/** The value with another key block. */
export function withKeyBlock(value: ManagedObjectValue, keyBlock: KeyBlock): ManagedObjectValue {
  return { ...value, keyBlock } as ManagedObjectValue;
}

/**
 * Whether the key is wrapped. Its Key Value is then a Byte String; clients are known that send and expect the wrapped
 * bytes as the Key Material of a structure.
 */
export function isWrapped({ keyWrappingData }: KeyBlock): boolean {
  return keyWrappingData !== undefined;
}

/** The key block of a key that was just made. */
export function generatedKeyBlock(key: GeneratedKey): KeyBlock {
  return {
    keyFormatType: key.keyFormatType,
    keyValue: { keyMaterial: key.keyMaterial, attributes: [] },
    cryptographicAlgorithm: key.algorithm,
    cryptographicLengthBits: key.lengthBits,
  };
}

/**
 * A key that was just made, in the format that the request states, else in 2.x in the default format of its type, where it
 * has one in it: X25519 and X448 do not.
 * @throws HoldfastError KeyFormatTypeNotSupported
 */
export function requireKeyFormat(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  requested: AttributeSet,
  { crypto, dialect }: OperationContext,
): KeyBlock {
  const asked = requested.get('KeyFormatType');
  if (asked !== undefined) {
    return asked === keyBlock.keyFormatType ? keyBlock : crypto.convertKey(objectType, keyBlock, asked);
  }
  if (!dialect.rules.hasDefaultKeyFormats) return keyBlock;
  return inDefaultFormat(objectType, keyBlock, crypto) ?? keyBlock;
}

/**
 * A key that was just made inside the HSM: its format says how it would be given out, if it were.
 * @throws HoldfastError KeyFormatTypeNotSupported
 */
export function requireUsualFormat(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  requested: AttributeSet,
): KeyBlock {
  const usual = defaultKeyFormat(objectType, keyBlock.cryptographicAlgorithm) ?? keyBlock.keyFormatType;
  const asked = requested.get('KeyFormatType') ?? usual;
  if (asked === usual) return { ...keyBlock, keyFormatType: usual };
  throw new HoldfastError(
    'KeyFormatTypeNotSupported',
    'a key inside the HSM has no other format than the usual',
  );
}

/** The format of an object's value; Templates have none. */
function formatOf(value: ManagedObjectValue): KeyFormatType | undefined {
  return keyBlockOf(value)?.keyFormatType ?? defaultKeyFormat(value.objectType, undefined);
}

function sha256(content: Buffer, keyFormatType: KeyFormatType, crypto: CryptoPort): Digest {
  const hashingAlgorithm = HashingAlgorithm.SHA_256;
  return { hashingAlgorithm, digestValue: crypto.digest(hashingAlgorithm, content), keyFormatType };
}

function keyBlockDigest(keyBlock: KeyBlock, crypto: CryptoPort): Digest | undefined {
  const { keyValue, keyFormatType } = keyBlock;
  if (keyValue === undefined || isWrapped(keyBlock)) return undefined;
  const material = crypto.keyMaterialBytes(keyBlock);
  const digest = sha256(material.reveal(), keyFormatType, crypto);
  material.destroy();
  return digest;
}

/** The same key in the format that 2.x demands a digest of; undefined where it is in it, or cannot be had in it. */
function inDefaultFormat(
  objectType: ObjectType,
  keyBlock: KeyBlock,
  crypto: CryptoPort,
): KeyBlock | undefined {
  const format = defaultKeyFormat(objectType, keyBlock.cryptographicAlgorithm);
  if (format === undefined || format === keyBlock.keyFormatType) return undefined;
  try {
    return crypto.convertKey(objectType, keyBlock, format);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'KeyFormatTypeNotSupported') return undefined;
    throw error;
  }
}

/**
 * SHA-256 digests of what the server can read, in the format of the value and for 2.x in the default format too.
 * KMIP 1.4 section 3.17, KMIP 2.1 sections 4.21 and 4.26.
 */
export function digestsOf(
  value: ManagedObjectValue,
  { crypto, dialect }: OperationContext,
): readonly Digest[] {
  const keyBlock = keyBlockOf(value);
  if (keyBlock !== undefined) {
    const digest = keyBlockDigest(keyBlock, crypto);
    if (digest === undefined) return [];
    const other = dialect.rules.hasDefaultKeyFormats
      ? inDefaultFormat(value.objectType, keyBlock, crypto)
      : undefined;
    const second = other === undefined ? undefined : keyBlockDigest(other, crypto);
    return second === undefined ? [digest] : [second, digest];
  }
  switch (value.objectType) {
    case ObjectType.Certificate:
      return [sha256(value.certificateValue, KeyFormatType.Raw, crypto)];
    case ObjectType.CertificateRequest:
      return [sha256(value.certificateRequestValue, KeyFormatType.Raw, crypto)];
    case ObjectType.OpaqueObject:
      return [sha256(value.opaqueDataValue.reveal(), KeyFormatType.Raw, crypto)];
    default:
      return [];
  }
}

/**
 * What an object demands with Quantum Safe has to be so. KMIP 2.1 section 4.45.
 * @throws HoldfastError GeneralFailure
 */
export function requireQuantumSafe(attributes: AttributeSet, { crypto }: OperationContext): void {
  if (attributes.get('QuantumSafe') !== true) return;
  const algorithm = attributes.get('CryptographicAlgorithm');
  const lengthBits = attributes.get('CryptographicLength') ?? 0;
  const facts = algorithm === undefined ? undefined : crypto.algorithms.get(algorithm);
  const isSafe =
    facts?.kind === 'asymmetric' ? facts.isQuantumSafe === true : lengthBits >= QUANTUM_SAFE_LENGTH_BITS;
  if (facts === undefined || !isSafe) {
    throw new HoldfastError('GeneralFailure', 'an object of this algorithm and length is not quantum safe');
  }
}

/** A new object: what becomes of it is settled but for its identifier and what the server adds. */
export interface ObjectToMake {
  readonly value: ManagedObjectValue;
  /** Checked, and complete in what the client and the value tell. */
  readonly requested: AttributeSet;
  readonly origin: Origin;
}

/** KMIP 2.1 section 4.56. */
export function shortIdentifierOf(uniqueIdentifier: string, crypto: CryptoPort): Buffer {
  return crypto.digest(HashingAlgorithm.SHA_256, Buffer.from(uniqueIdentifier, 'utf8'));
}

/** What every object has; a destroyed one that comes from elsewhere has no value. */
export function serverAttributes(
  { value, requested, origin }: Omit<ObjectToMake, 'value'> & { value: ManagedObjectValue | undefined },
  context: OperationContext,
): readonly Attribute[] {
  const { nowSeconds } = context;
  const isSensitive = requested.get('Sensitive') ?? false;
  const isExtractable = requested.get('Extractable') ?? true;
  const attributes: Attribute[] = [
    { key: 'State', value: State.PreActive },
    { key: 'InitialDate', value: nowSeconds },
    { key: 'LastChangeDate', value: nowSeconds },
    { key: 'LeaseTime', value: DEFAULT_LEASE_TIME_SECONDS },
    { key: 'Fresh', value: requested.get('Fresh') ?? true },
    { key: 'Sensitive', value: isSensitive },
    { key: 'AlwaysSensitive', value: isSensitive },
    { key: 'Extractable', value: isExtractable },
    { key: 'NeverExtractable', value: !isExtractable },
    { key: 'ProtectionStorageMask', value: storageOf(value) },
  ];
  const format = value === undefined ? undefined : formatOf(value);
  if (format !== undefined) attributes.push({ key: 'KeyFormatType', value: format });
  if (origin === 'generated') {
    attributes.push({ key: 'OriginalCreationDate', value: nowSeconds });
    attributes.push({ key: 'RandomNumberGenerator', value: RANDOM_NUMBER_GENERATOR });
  }
  return attributes;
}

export function setWhereItApplies<K extends AttributeKey>(
  attributes: AttributeSet,
  objectType: ObjectType,
  key: K,
  value: AttributeValue<K>,
): void {
  if (definitionOf(key).appliesTo.includes(objectType)) attributes.set(key, value);
}

/**
 * A new object with all of its attributes: those asked for and those that the server sets (KMIP 1.4 chapter 3, KMIP 2.1
 * chapter 4). An Activation Date that has come makes it Active at once (KMIP 1.4 section 3.22).
 * @throws HoldfastError GeneralFailure where it should be quantum safe and is not; as `fillDomainDefaults` and `settleKeyInHsm`
 */
export function makeObject(
  make: ObjectToMake,
  context: OperationContext,
): Pick<NewObject, 'uniqueIdentifier' | 'attributes' | 'value'> {
  const { value, requested } = make;
  const { objectType } = value;
  const { crypto, nowSeconds, policy } = context;
  fillDomainDefaults(policy, objectType, requested);
  settleKeyInHsm(value, requested);
  requireQuantumSafe(requested, context);
  const uniqueIdentifier = crypto.orderedUuid();
  const attributes = new AttributeSet([
    { key: 'UniqueIdentifier', value: uniqueIdentifier },
    { key: 'ObjectType', value: objectType },
    ...requested,
  ]);
  const shortIdentifier = shortIdentifierOf(uniqueIdentifier, crypto);
  setWhereItApplies(attributes, objectType, 'ShortUniqueIdentifier', shortIdentifier);
  for (const { key, value: attributeValue } of serverAttributes(make, context)) {
    setWhereItApplies(attributes, objectType, key, attributeValue);
  }
  for (const digest of digestsOf(value, context)) attributes.add({ key: 'Digest', value: digest });
  const state = stateAt(attributes, nowSeconds);
  if (state !== undefined) attributes.set('State', state);
  return { uniqueIdentifier, attributes, value };
}
