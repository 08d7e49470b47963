import {
  ObjectType,
  RNGAlgorithm,
  definitionOf,
  type Attribute,
  type Name,
  type NewAttributes,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import {
  acceptedValue,
  describe,
  isOwnedByServer,
  referenceTo,
  requireConsistentDates,
  withResolvedLink,
} from './attribute-rules';
import { fingerprint } from './attribute-instance';
import { MAX_ATTRIBUTES, MAX_INSTANCES, requireLength, tooManyAttributes } from './attribute-limits';
import { AttributeSet } from './attribute-set';

/** What a request that makes an object asks of its attributes. */

/** Whether the server makes the key or the client brings the object. */
export type Origin = 'generated' | 'registered';

const NOTHING_SO_FAR = new AttributeSet();

async function templateAttributes(name: Name, context: OperationContext): Promise<readonly Attribute[]> {
  const { uniqueIdentifiers } = await context.objects.locate({
    filters: [
      { kind: 'equals', attribute: { key: 'Name', value: name } },
      { kind: 'equals', attribute: { key: 'ObjectType', value: ObjectType.Template } },
    ],
    storage: { online: true, archived: true, destroyed: false },
    order: 'oldest-first',
    offsetItems: 0,
    maximumItems: 1,
    isCounted: false,
  });
  const [uniqueIdentifier] = uniqueIdentifiers;
  const template =
    uniqueIdentifier === undefined ? undefined : await context.objects.find(uniqueIdentifier, 'inspect');
  const value = template?.stored.openValue();
  if (value?.objectType !== ObjectType.Template) {
    throw new HoldfastError('ItemNotFound', 'a Template of that name does not exist');
  }
  return value.attributes;
}

/**
 * Puts attributes over those that are there: single values replace, several are united (KMIP 1.4 chapter 4).
 * @throws HoldfastError IndexOutOfBounds where an attribute gets more instances than an object may have,
 *   ServerLimitExceeded where the object gets more attributes, or longer ones in all
 */
export function mergeAttributes(set: AttributeSet, attributes: Iterable<Attribute>): void {
  let present: Set<string> | undefined;
  let add: ((attribute: Attribute) => number) | undefined;
  const wasEmpty = set.size === 0;
  for (const attribute of attributes) {
    const { multiple, name } = definitionOf(attribute.key);
    if (!multiple) {
      set.set(attribute.key, attribute.value);
      continue;
    }
    if (present !== undefined || set.has(attribute.key)) {
      present ??= new Set([...set].map(fingerprint));
      const own = fingerprint(attribute);
      if (present.has(own)) continue;
      present.add(own);
    }
    if (set.size >= MAX_ATTRIBUTES) throw tooManyAttributes();
    add ??= set.adder();
    if (add(attribute) <= MAX_INSTANCES) continue;
    throw new HoldfastError(
      'IndexOutOfBounds',
      `an object has at most ${MAX_INSTANCES} instances of ${name}`,
    );
  }
  // How much comes at once is bounded as messages are.
  if (!wasEmpty) requireLength(set);
}

export function requireSingleValues(attributes: readonly Attribute[]): void {
  const seen = new Set<string>();
  for (const { key } of attributes) {
    const { multiple, name } = definitionOf(key);
    if (multiple) continue;
    if (seen.has(key)) throw new HoldfastError('AttributeSingleValued', `${name} is given more than once`);
    seen.add(key);
  }
}

/**
 * The attributes that a request asks for, Templates looked up and references in Links resolved.
 * @param sources lowest precedence first; within one, its attributes go over those of its Templates, and those of a
 *   later Template over those of an earlier one (KMIP 1.4 chapter 4 and section 4.2)
 * @throws HoldfastError ItemNotFound (no such Template), ObjectArchived, AttributeSingleValued, IndexOutOfBounds, ServerLimitExceeded
 */
export async function gatherAttributes(
  sources: readonly NewAttributes[],
  context: OperationContext,
): Promise<AttributeSet> {
  const set = new AttributeSet();
  for (const { templateNames, attributes } of sources) {
    if (attributes.length > MAX_ATTRIBUTES) throw tooManyAttributes();
    for (const name of templateNames) mergeAttributes(set, await templateAttributes(name, context));
    requireSingleValues(attributes);
    mergeAttributes(
      set,
      attributes.map((attribute) => withResolvedLink(attribute, context.identify)),
    );
  }
  return set;
}

/** Whether a client may state the attribute for a new object of the type. */
export function isSettable(attribute: Attribute, objectType: ObjectType): boolean {
  const { setBy, statedOnCreation, appliesTo } = definitionOf(attribute.key);
  return (setBy.client || statedOnCreation) && appliesTo.includes(objectType) && !isOwnedByServer(attribute);
}

function requireSettable(attribute: Attribute, objectType: ObjectType): void {
  if (isSettable(attribute, objectType)) return;
  const name = describe(referenceTo(attribute));
  if (definitionOf(attribute.key).appliesTo.includes(objectType)) {
    throw new HoldfastError('AttributeReadOnly', `${name} is set by the server alone`);
  }
  throw new HoldfastError('InvalidAttribute', `objects of this type have no ${name}`);
}

/** Attributes that only describe what was made elsewhere. KMIP 2.1 sections 4.27 and 4.38. */
const ONLY_REGISTERED = ['OriginalCreationDate', 'KeyValueLocation'] as const;

function requireGenerated(attributes: AttributeSet): void {
  if (attributes.get('Fresh') === false) {
    throw new HoldfastError('InvalidAttributeValue', 'an object that the server makes is fresh');
  }
  for (const key of ONLY_REGISTERED) {
    if (!attributes.has(key)) continue;
    throw new HoldfastError(
      'AttributeReadOnly',
      `${definitionOf(key).name} is for objects that are registered`,
    );
  }
  // KMIP 2.1 section 4.46: the generator has to be the one asked for.
  const generator = attributes.get('RandomNumberGenerator')?.rngAlgorithm ?? RNGAlgorithm.Unspecified;
  if (generator !== RNGAlgorithm.Unspecified) {
    throw new HoldfastError('InvalidAttributeValue', 'this Random Number Generator cannot be had');
  }
}

/**
 * Refuses what a client may not ask for a new object.
 * @throws HoldfastError AttributeReadOnly, InvalidAttribute, InvalidAttributeValue, InvalidField,
 *   ApplicationNamespaceNotSupported
 */
export function checkRequested(attributes: AttributeSet, objectType: ObjectType, origin: Origin): void {
  for (const attribute of attributes) {
    requireSettable(attribute, objectType);
    const accepted = acceptedValue(attribute, NOTHING_SO_FAR, undefined);
    if (accepted !== attribute.value) attributes.replace(attribute, accepted);
    if (attribute.key === 'CryptographicLength' && attribute.value <= 0) {
      throw new HoldfastError('InvalidAttributeValue', 'Cryptographic Length is not positive');
    }
  }
  requireConsistentDates(attributes, attributes);
  if (origin === 'generated') requireGenerated(attributes);
}
