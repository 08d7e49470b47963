import {
  State,
  definitionOf,
  isTransparentKeyFormat,
  type Attribute,
  type AttributeKey,
  type ManagedObjectValue,
  type ObjectType,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { NewObject } from '../ports/key-store';
import { MAX_ATTRIBUTES, MAX_INSTANCES, tooManyAttributes } from './attribute-limits';
import {
  describe,
  referenceTo,
  requireConsistentDates,
  requireVendorNames,
  withApplicationData,
  withResolvedLink,
} from './attribute-rules';
import { AttributeSet } from './attribute-set';
import { digestsOf, keyBlockOf, serverAttributes, setWhereItApplies, shortIdentifierOf } from './new-object';
import { forgetKeyInHsm } from './key-in-hsm';
import { describeRemains, describeValue, takeEmbeddedAttributes } from './registered-value';
import { mergeAttributes, requireSingleValues } from './requested-attributes';
import { isDestroyed } from './state';

/** What an object brings along that was exported elsewhere. KMIP 1.4 section 4.41, KMIP 2.1 section 6.1.25. */

/** Graphic ASCII: equal identifiers are equal bytes, and clients print and quote them without surprises. */
const IDENTIFIER = /^[\x21-\x7e]{1,64}$/;

/** @throws HoldfastError InvalidField */
export function requireIdentifier(uniqueIdentifier: string): void {
  if (IDENTIFIER.test(uniqueIdentifier)) return;
  throw new HoldfastError(
    'InvalidField',
    'a Unique Identifier has 1 to 64 characters of ASCII, none of them a space or a control character',
  );
}

export interface ObjectToImport {
  readonly uniqueIdentifier: string;
  /** As the request names it (2.x). */
  readonly objectType: ObjectType | undefined;
  readonly attributes: readonly Attribute[];
  readonly value: ManagedObjectValue | undefined;
}

/** Indexes go on from the highest: an object that has lived long has high ones. Room is left for those to come. */
const MAX_INDEX = 2 ** 30;
const SHORT_IDENTIFIER_LENGTH_BYTES = 32;
/** What is a fact about how this server keeps the object, whatever was said of another one. */
const FACTS_OF_THIS_SERVER: ReadonlySet<AttributeKey> = new Set(['ProtectionStorageMask']);

function invalidValue(message: string): HoldfastError {
  return new HoldfastError('InvalidAttributeValue', message);
}

function typeOf({ objectType, attributes, value }: ObjectToImport): ObjectType {
  const stated = attributes.find((attribute) => attribute.key === 'ObjectType')?.value;
  const type = value?.objectType ?? objectType ?? stated;
  if (type === undefined)
    throw new HoldfastError('InvalidField', 'the request holds no object, and no Object Type');
  if (objectType !== undefined && objectType !== type) {
    throw new HoldfastError('InvalidField', 'the object is not of the Object Type that the request names');
  }
  if (stated !== undefined && stated !== type)
    throw invalidValue('the Object Type attribute is not that of the object');
  return type;
}

/** The instances keep the indexes under which the other server knew them. */
function gather(attributes: readonly Attribute[], context: OperationContext): AttributeSet {
  if (attributes.length > MAX_ATTRIBUTES) throw tooManyAttributes();
  requireSingleValues(attributes);
  const isIndexed = attributes.some(({ index }) => index !== undefined);
  const resolved = attributes.map((attribute) => withResolvedLink(attribute, context.identify));
  if (!isIndexed) {
    const set = new AttributeSet();
    mergeAttributes(set, resolved);
    return set;
  }
  const seen = new Map<string, Set<number>>();
  for (const attribute of resolved) {
    const { index = 0 } = attribute;
    const name = describe(referenceTo(attribute));
    const indexes = seen.get(name) ?? new Set();
    if (index < 0 || index > MAX_INDEX || indexes.has(index) || indexes.size === MAX_INSTANCES) {
      throw new HoldfastError(
        'IndexOutOfBounds',
        `the instances of ${name} are not told apart, or are more than ${MAX_INSTANCES}`,
      );
    }
    seen.set(name, indexes.add(index));
  }
  return new AttributeSet(resolved);
}

function requireAcceptable(attribute: Attribute, objectType: ObjectType): void {
  const { appliesTo } = definitionOf(attribute.key);
  if (!appliesTo.includes(objectType)) {
    throw new HoldfastError(
      'InvalidAttribute',
      `objects of this type have no ${describe(referenceTo(attribute))}`,
    );
  }
  if (attribute.key === 'VendorAttribute') {
    requireVendorNames(attribute.value.vendorIdentification, attribute.value.attributeName);
  }
  if (attribute.key === 'ApplicationSpecificInformation') withApplicationData(attribute.value, undefined);
  if (attribute.key === 'CryptographicLength' && attribute.value <= 0) {
    throw invalidValue('Cryptographic Length is not positive');
  }
  if (attribute.key !== 'UsageLimits') return;
  const { usageLimitsTotal, usageLimitsCount = usageLimitsTotal } = attribute.value;
  if (usageLimitsCount < 0n || usageLimitsCount > usageLimitsTotal) {
    throw invalidValue('Usage Limits Count is not between 0 and Usage Limits Total');
  }
}

/** A destroyed object has no value, and one that has a value is not destroyed. */
function requireValueInState(attributes: AttributeSet, value: ManagedObjectValue | undefined): void {
  const isGone = isDestroyed(attributes.get('State'));
  if (!isGone && attributes.has('DestroyDate'))
    throw invalidValue('an object with a Destroy Date is destroyed');
  const keyBlock = value === undefined ? undefined : keyBlockOf(value);
  const hasMaterial = value !== undefined && (keyBlock === undefined || keyBlock.keyValue !== undefined);
  if (isGone && hasMaterial) throw invalidValue('a destroyed object has no value');
  if (!isGone && value === undefined)
    throw new HoldfastError('InvalidMessage', 'the object is missing in Request Payload');
}

/**
 * Digests that the server can compute itself have to be right; where there are none, it adds them. Of transparent formats
 * servers hash different encodings.
 * @throws HoldfastError InvalidAttributeValue
 */
function settleDigests(attributes: AttributeSet, value: ManagedObjectValue, context: OperationContext): void {
  const stated = attributes.instances('Digest');
  for (const digest of digestsOf(value, context)) {
    const { hashingAlgorithm, keyFormatType, digestValue } = digest;
    if (stated.length === 0) attributes.add({ key: 'Digest', value: digest });
    if (keyFormatType === undefined || isTransparentKeyFormat(keyFormatType)) continue;
    for (const { value: other } of stated) {
      const isSameKind = other.hashingAlgorithm === hashingAlgorithm && other.keyFormatType === keyFormatType;
      if (!isSameKind || other.digestValue === undefined || digestValue?.equals(other.digestValue) === true)
        continue;
      throw invalidValue('the Digest is not that of the object');
    }
  }
}

/** Another identifier is another object: the short one follows it. */
function setIdentity(
  attributes: AttributeSet,
  { uniqueIdentifier }: ObjectToImport,
  objectType: ObjectType,
  { crypto }: OperationContext,
): void {
  const original = attributes.get('UniqueIdentifier') ?? uniqueIdentifier;
  const shortIdentifier = attributes.get('ShortUniqueIdentifier');
  if (shortIdentifier !== undefined && shortIdentifier.length !== SHORT_IDENTIFIER_LENGTH_BYTES) {
    throw invalidValue('a Short Unique Identifier has 32 bytes');
  }
  attributes.set('UniqueIdentifier', uniqueIdentifier);
  attributes.set('ObjectType', objectType);
  if (original === uniqueIdentifier && shortIdentifier !== undefined) return;
  const computed = shortIdentifierOf(uniqueIdentifier, crypto);
  setWhereItApplies(attributes, objectType, 'ShortUniqueIdentifier', computed);
}

/**
 * An imported object with the attributes that it came with; what every object has and none was said of, the server adds.
 * @throws HoldfastError InvalidField, InvalidMessage, InvalidAttribute, InvalidAttributeValue, AttributeSingleValued,
 *   IndexOutOfBounds, ServerLimitExceeded, KeyFormatTypeNotSupported
 */
export async function describeImported(
  given: ObjectToImport,
  context: OperationContext,
): Promise<Pick<NewObject, 'attributes' | 'value'>> {
  const objectType = typeOf(given);
  const { value: bare, embedded } = takeEmbeddedAttributes(given.value);
  const attributes = gather(given.attributes, context);
  for (const attribute of embedded) if (!attributes.has(attribute.key)) attributes.add(attribute);
  for (const attribute of attributes) requireAcceptable(attribute, objectType);
  // Of what has been in use, Activate and Revoke may have set a date that goes beyond another.
  if ((attributes.get('State') ?? State.PreActive) === State.PreActive)
    requireConsistentDates(attributes, attributes);
  requireValueInState(attributes, bare);
  setIdentity(attributes, given, objectType, context);
  const isGone = isDestroyed(attributes.get('State'));
  if (isGone && bare !== undefined) describeRemains(bare, attributes);
  const value = isGone || bare === undefined ? undefined : await describeValue(bare, attributes, context);
  if (value !== undefined) settleDigests(attributes, value, context);
  forgetKeyInHsm(attributes);
  const requested = attributes.clone();
  for (const attribute of serverAttributes({ value, requested, origin: 'registered' }, context)) {
    if (requested.has(attribute.key) && !FACTS_OF_THIS_SERVER.has(attribute.key)) continue;
    setWhereItApplies(attributes, objectType, attribute.key, attribute.value);
  }
  return { attributes, value };
}
