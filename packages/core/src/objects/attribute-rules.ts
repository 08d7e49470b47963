import {
  State,
  definitionOf,
  type AnyAttributeDefinition,
  type Attribute,
  type AttributeValue,
  type AttributeKey,
  type AttributeReference,
  type ChangeRule,
  type IdentifierReference,
  type UsageLimits,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, encodeTtlv } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { storedItem } from './attribute-instance';
import { MAX_ATTRIBUTES, MAX_INSTANCES, requireLength } from './attribute-limits';
import { customKey, type AttributeSet } from './attribute-set';
import { isKeyInHsm } from './key-in-hsm';
import { STATE_NAMES, stateAt } from './state';

/**
 * What a client may do to the attributes of an object that exists, as the attribute table says. Every function here
 * changes the object's copy of its attributes or throws; nothing is written before ObjectAccess.update.
 */

/** What a refusal of a read-only attribute is called: KMIP 2.1 names it differently where a value is new. */
type ReadOnlyCode = 'AttributeReadOnly' | 'ReadOnlyAttribute';

/** What the rules look at and change: an object within an operation. */
export type AttributesInState = Pick<ManagedObject, 'attributes' | 'state'>;

/** The states in which a rule lets a client set or change the attribute; undefined: all. */
const STATES: Readonly<Record<ChangeRule, readonly State[] | undefined>> = {
  yes: undefined,
  no: undefined,
  own: undefined,
  'if-absent': undefined,
  'if-data-omitted': undefined,
  'until-allocated': undefined,
  'pre-active': [State.PreActive],
  'pre-active-or-active': [State.PreActive, State.Active],
  'until-reached': [State.PreActive, State.Active],
};

/** Vendor of the custom attributes that are the server's own (KMIP 1.4 section 3.39, KMIP 2.1 section 4.60). */
export const SERVER_VENDOR = 'y';
const VENDOR_IDENTIFICATION = /^[A-Za-z0-9_.]+$/;

/** The reference that means the attribute of which this is an instance. */
export function referenceTo(attribute: Attribute): AttributeReference {
  if (attribute.key !== 'VendorAttribute') return { key: attribute.key };
  const { vendorIdentification, attributeName } = attribute.value;
  return { key: 'VendorAttribute', vendorIdentification, attributeName };
}

/** All instances of an attribute; none for a name that no attribute has. */
export function instancesOf(attributes: AttributeSet, reference: AttributeReference): readonly Attribute[] {
  if ('unknownName' in reference) return [];
  if (reference.key !== 'VendorAttribute') return attributes.instances(reference.key);
  return attributes.vendorInstances(reference.vendorIdentification, reference.attributeName);
}

/** The instances of several attributes, in their order. However many there are, custom ones are looked for once. */
export function instancesOfAll(
  attributes: AttributeSet,
  references: readonly AttributeReference[],
): readonly Attribute[] {
  let custom: ReadonlyMap<string, readonly Attribute[]> | undefined;
  return references.flatMap((reference) => {
    if ('unknownName' in reference || reference.key !== 'VendorAttribute')
      return instancesOf(attributes, reference);
    custom ??= customInstances(attributes);
    return custom.get(customKey(reference)) ?? [];
  });
}

function customInstances(attributes: AttributeSet): ReadonlyMap<string, readonly Attribute[]> {
  const found = new Map<string, Attribute[]>();
  for (const attribute of attributes.instances('VendorAttribute')) {
    const key = customKey(attribute.value);
    const alike = found.get(key);
    if (alike === undefined) found.set(key, [attribute]);
    else alike.push(attribute);
  }
  return found;
}

/** The same text for references to the same attribute, another for others; the 1.x index does not matter. */
export function referenceKey(reference: AttributeReference): string {
  return JSON.stringify({ ...reference, index: undefined });
}

/** The instance of a 1.x Attribute Index, 0 where none is given. @throws HoldfastError AttributeInstanceNotFound */
export function instanceAt(instances: readonly Attribute[], index: number | undefined): Attribute {
  const instance = instances.find((candidate) => (candidate.index ?? 0) === (index ?? 0));
  if (instance !== undefined) return instance;
  throw new HoldfastError(
    'AttributeInstanceNotFound',
    'the attribute has no instance of this Attribute Index',
  );
}

/** The instance that has the value of another one. @throws HoldfastError AttributeInstanceNotFound */
export function instanceOfValue(instances: readonly Attribute[], current: Attribute): Attribute {
  const instance = instances.find((candidate) => sameValue(candidate, current));
  if (instance !== undefined) return instance;
  throw new HoldfastError('AttributeInstanceNotFound', 'the attribute has no instance of this value');
}

/** Whether both are the same attribute with the same value; indexes do not matter. */
export function sameValue(one: Attribute, other: Attribute): boolean {
  if (one.key !== other.key) return false;
  const [left, right] = [storedItem(one), storedItem(other)];
  return left !== undefined && right !== undefined && encodeTtlv(left).equals(encodeTtlv(right));
}

/**
 * Whether the attribute has all that a condition of Locate names: the members of a structure that the condition has, or
 * Usage Limits that are no smaller (KMIP 2.1 section 6.1.28).
 */
export function includesValue(attribute: Attribute, condition: Attribute): boolean {
  if (attribute.key === 'UsageLimits' && condition.key === 'UsageLimits') {
    return areLimitsEnough(attribute.value, condition.value);
  }
  const [whole, part] = [storedItem(attribute), storedItem(condition)];
  if (attribute.key !== condition.key || whole === undefined || part === undefined) return false;
  if (whole.type !== ItemType.Structure || part.type !== ItemType.Structure)
    return sameValue(attribute, condition);
  const members = new Set(whole.value.map((member) => encodeTtlv(member).toString('latin1')));
  return part.value.every((member) => members.has(encodeTtlv(member).toString('latin1')));
}

function areLimitsEnough(limits: UsageLimits, wanted: Partial<UsageLimits>): boolean {
  const { usageLimitsTotal, usageLimitsCount = usageLimitsTotal, usageLimitsUnit } = limits;
  return (
    (wanted.usageLimitsTotal === undefined || usageLimitsTotal >= wanted.usageLimitsTotal) &&
    (wanted.usageLimitsCount === undefined || usageLimitsCount >= wanted.usageLimitsCount) &&
    (wanted.usageLimitsUnit === undefined || usageLimitsUnit === wanted.usageLimitsUnit)
  );
}

/** How messages call an attribute. */
export function describe(reference: AttributeReference): string {
  if ('unknownName' in reference) return reference.unknownName;
  if (reference.key !== 'VendorAttribute') return definitionOf(reference.key).name;
  return `${reference.vendorIdentification}-${reference.attributeName}`;
}

/** A Link as it is kept: naming its object by the identifier itself (KMIP 2.1 section 4.31). */
export function withResolvedLink(
  attribute: Attribute,
  identify: (reference: IdentifierReference) => string,
): Attribute {
  if (attribute.key !== 'Link') return attribute;
  const { linkedObjectIdentifier } = attribute.value;
  return {
    ...attribute,
    value: { ...attribute.value, linkedObjectIdentifier: identify(linkedObjectIdentifier) },
  };
}

/**
 * Gives an attribute its first or, where several are permitted, another value.
 * @returns the instance as it is now
 * @throws HoldfastError InvalidAttribute, ReadOnlyAttribute, AttributeSingleValued, ServerLimitExceeded,
 *   WrongKeyLifecycleState, and what the value itself may be refused with
 */
export function addAttribute(object: AttributesInState, attribute: Attribute, nowSeconds: number): Attribute {
  const { attributes } = object;
  const definition = definitionOf(attribute.key);
  requireApplicable(definition, object);
  if (!definition.setBy.client || isOwnedByServer(attribute) || isKeyInHsm(attribute))
    throw readOnly(attribute, 'ReadOnlyAttribute');
  const siblings = instancesOf(attributes, referenceTo(attribute));
  const [existing] = siblings;
  if (existing !== undefined && !definition.multiple) {
    // Some clients state the policy name that they created the object with once more.
    if (attribute.key === 'OperationPolicyName' && sameValue(attribute, existing)) return existing;
    throw new HoldfastError('AttributeSingleValued', `the object has its ${definition.name} already`);
  }
  requireRoom(attributes, siblings.length, definition);
  requireState(definition, object.state);
  const value = acceptedValue(attribute, attributes, undefined);
  const added = attributes.add({ key: attribute.key, value } as Attribute);
  requireLength(attributes);
  settle(attributes, attribute.key, nowSeconds);
  return added;
}

/**
 * Changes the value of one instance.
 * @param pick chooses the instance among those that the object has (at least one), or throws
 * @returns the instance as it is now
 * @throws HoldfastError AttributeReadOnly (or as `code` says), AttributeNotFound, WrongKeyLifecycleState, and what the
 *   value itself may be refused with
 */
export function modifyAttribute(
  object: AttributesInState,
  attribute: Attribute,
  pick: (instances: readonly Attribute[]) => Attribute,
  nowSeconds: number,
  code: ReadOnlyCode = 'AttributeReadOnly',
): Attribute {
  const { attributes } = object;
  const definition = definitionOf(attribute.key);
  const rule = definition.modifiableByClient;
  if (rule === 'no' || isOwnedByServer(attribute) || isKeyInHsm(attribute)) throw readOnly(attribute, code);
  const instance = pick(existingInstances(attributes, referenceTo(attribute)));
  requireState(definition, object.state);
  if (isSettled(instance, rule, nowSeconds)) throw readOnly(attribute, code);
  const value = acceptedValue(attribute, attributes, instance);
  const lengthBefore = attributes.storedLength;
  const modified = attributes.replace(instance, value);
  if (attributes.storedLength > lengthBefore) requireLength(attributes);
  settle(attributes, attribute.key, nowSeconds);
  return modified;
}

/** The only instance of an attribute, undefined where there is none. @throws HoldfastError MultiValuedAttribute */
export function onlyInstance(attributes: AttributeSet, reference: AttributeReference): Attribute | undefined {
  const [only, second] = instancesOf(attributes, reference);
  if (second === undefined) return only;
  throw new HoldfastError(
    'MultiValuedAttribute',
    `the object has several instances of ${describe(reference)}`,
  );
}

/** Adds an attribute that the object does not have, or changes its only instance. @throws as both, MultiValuedAttribute */
export function setInstance(object: AttributesInState, attribute: Attribute, nowSeconds: number): void {
  const only = onlyInstance(object.attributes, referenceTo(attribute));
  if (only === undefined) addAttribute(object, attribute, nowSeconds);
  else modifyAttribute(object, attribute, () => only, nowSeconds, 'ReadOnlyAttribute');
}

/**
 * Takes instances of an attribute away.
 * @param pick chooses the instances among those that the object has (at least one), or throws
 * @returns the instances as they were
 * @throws HoldfastError AttributeReadOnly, AttributeNotFound
 */
export function deleteAttribute(
  object: AttributesInState,
  reference: AttributeReference,
  pick: (instances: readonly Attribute[]) => readonly Attribute[],
  nowSeconds: number,
): readonly Attribute[] {
  const { attributes } = object;
  if ('unknownName' in reference) throw notFound(reference);
  const definition = definitionOf(reference.key);
  const rule = definition.deletableByClient;
  if (rule === 'no' || isAlwaysThere(definition, attributes)) throw refusedDeletion(reference);
  const instances = pick(existingInstances(attributes, reference));
  for (const instance of instances) {
    if (isOwnedByServer(instance) || isSettled(instance, rule, nowSeconds)) throw refusedDeletion(reference);
    attributes.remove(instance);
  }
  return instances;
}

/**
 * The value as it is kept, for an object with these attributes. `previous` is the instance that it replaces.
 * @throws HoldfastError InvalidField, InvalidAttribute, ApplicationNamespaceNotSupported, NonUniqueNameAttribute,
 *   PermissionDenied (what was made sensitive or not extractable stays so)
 */
export function acceptedValue(
  attribute: Attribute,
  attributes: AttributeSet,
  previous: Attribute | undefined,
): Attribute['value'] {
  switch (attribute.key) {
    case 'Name':
      requireNewName(attribute, attributes, previous);
      break;
    case 'UsageLimits': {
      // The count is the server's: what a client says of it is passed over (KMIP 2.1 section 4.59).
      const { usageLimitsTotal } = attribute.value;
      if (usageLimitsTotal < 0n) {
        throw new HoldfastError('InvalidAttributeValue', 'Usage Limits Total is negative');
      }
      return { ...attribute.value, usageLimitsCount: usageLimitsTotal };
    }
    case 'ApplicationSpecificInformation':
      return withApplicationData(attribute.value, attributes.get('UniqueIdentifier'));
    case 'Sensitive':
      if (!attribute.value && attributes.get('Sensitive') === true) throw irreversible('Sensitive');
      break;
    case 'Extractable':
      if (attribute.value && attributes.get('Extractable') === false) throw irreversible('Extractable');
      break;
    case 'VendorAttribute':
      requireVendorNames(attribute.value.vendorIdentification, attribute.value.attributeName);
      break;
    default:
  }
  return attribute.value;
}

/** The one namespace for which Application Data is generated: the identifier of the object. KMIP 1.4 section 3.36 */
export const GENERATED_NAMESPACE = 'Holdfast';

/**
 * The value with its data, where a client left them to the server.
 * @param uniqueIdentifier undefined for an object that has none yet: `ObjectAccess` completes it
 * @throws HoldfastError ApplicationNamespaceNotSupported
 */
export function withApplicationData(
  value: AttributeValue<'ApplicationSpecificInformation'>,
  uniqueIdentifier: string | undefined,
): AttributeValue<'ApplicationSpecificInformation'> {
  const { applicationNamespace, applicationData } = value;
  if (applicationData !== undefined) return value;
  if (applicationNamespace !== GENERATED_NAMESPACE) {
    throw new HoldfastError(
      'ApplicationNamespaceNotSupported',
      `no Application Data is generated for the namespace ${JSON.stringify(applicationNamespace)}`,
    );
  }
  return uniqueIdentifier === undefined ? value : { ...value, applicationData: uniqueIdentifier };
}

/** The same for all values of an object that is written. */
export function fillApplicationData(attributes: AttributeSet, uniqueIdentifier: string): void {
  for (const attribute of attributes.instances('ApplicationSpecificInformation')) {
    const value = withApplicationData(attribute.value, uniqueIdentifier);
    if (value !== attribute.value) attributes.replace(attribute, value);
  }
}

function requireNewName(
  attribute: Attribute,
  attributes: AttributeSet,
  previous: Attribute | undefined,
): void {
  const twin = attributes.instances('Name').find((name) => name !== previous && sameValue(name, attribute));
  if (twin !== undefined)
    throw new HoldfastError('NonUniqueNameAttribute', 'the object has this Name already');
}

export function requireVendorNames(vendorIdentification: string, attributeName: string): void {
  if (VENDOR_IDENTIFICATION.test(vendorIdentification) && attributeName !== '') return;
  throw new HoldfastError(
    'InvalidAttribute',
    'a Vendor Identification is made of letters, digits, underscores and periods, an Attribute Name is not empty',
  );
}

/** KMIP 1.4 and 2.1: each attribute's "Applies to Object Types". */
function requireApplicable(definition: AnyAttributeDefinition, { attributes }: AttributesInState): void {
  const objectType = attributes.get('ObjectType');
  if (objectType !== undefined && definition.appliesTo.includes(objectType)) return;
  throw new HoldfastError('InvalidAttribute', `objects of this type have no ${definition.name}`);
}

function requireRoom(attributes: AttributeSet, instances: number, definition: AnyAttributeDefinition): void {
  if (instances < MAX_INSTANCES && attributes.size < MAX_ATTRIBUTES) return;
  throw new HoldfastError('ServerLimitExceeded', `the object has no room for another ${definition.name}`);
}

function requireState(definition: AnyAttributeDefinition, state: State | undefined): void {
  const states = STATES[definition.modifiableByClient];
  if (states === undefined || state === undefined || states.includes(state)) return;
  throw new HoldfastError(
    'WrongKeyLifecycleState',
    `${definition.name} cannot change while the object is ${STATE_NAMES[state]}`,
  );
}

/** Whether the value has taken effect, after which its rule lets nobody change it. */
function isSettled(instance: Attribute, rule: ChangeRule, nowSeconds: number): boolean {
  if (rule === 'until-reached') return typeof instance.value === 'number' && instance.value <= nowSeconds;
  if (rule !== 'until-allocated' || instance.key !== 'UsageLimits') return false;
  const { usageLimitsCount, usageLimitsTotal } = instance.value;
  return usageLimitsCount !== undefined && usageLimitsCount !== usageLimitsTotal;
}

export function isOwnedByServer(attribute: Attribute): boolean {
  return attribute.key === 'VendorAttribute' && attribute.value.vendorIdentification === SERVER_VENDOR;
}

function isAlwaysThere(definition: AnyAttributeDefinition, attributes: AttributeSet): boolean {
  const objectType = attributes.get('ObjectType');
  return objectType !== undefined && definition.alwaysHasValue.includes(objectType);
}

function existingInstances(attributes: AttributeSet, reference: AttributeReference): readonly Attribute[] {
  const instances = instancesOf(attributes, reference);
  if (instances.length === 0) throw notFound(reference);
  return instances;
}

/** Brings what follows from other attributes up to date after a change of one. */
function settle(attributes: AttributeSet, changed: AttributeKey, nowSeconds: number): void {
  requireConsistentDates(attributes, new Set([changed]));
  const state = stateAt(attributes, nowSeconds);
  if (state !== undefined && state !== attributes.get('State')) attributes.set('State', state);
}

/** Pairs of dates of which the first is never later than the second (KMIP 2.1 sections 4.40 and 4.41). */
const DATE_ORDER: readonly (readonly [AttributeKey & `${string}Date`, AttributeKey & `${string}Date`])[] = [
  ['ActivationDate', 'ProcessStartDate'],
  ['ProtectStopDate', 'DeactivationDate'],
];

/**
 * Whether the dates that a client gives go together with each other and with those that are there. Activate and Revoke set
 * theirs whatever the others are: what they brought about stands.
 * @param given the attributes that the client gives
 * @throws HoldfastError InvalidField where dates contradict each other
 */
export function requireConsistentDates(
  attributes: AttributeSet,
  given: { has(key: AttributeKey): boolean },
): void {
  for (const [earlier, later] of DATE_ORDER) {
    if (!given.has(earlier) && !given.has(later)) continue;
    const [first, second] = [attributes.get(earlier), attributes.get(later)];
    if (typeof first === 'number' && typeof second === 'number' && first > second) {
      throw new HoldfastError(
        'InvalidField',
        `${definitionOf(earlier).name} is later than ${definitionOf(later).name}`,
      );
    }
  }
}

function readOnly(attribute: Attribute, code: ReadOnlyCode): HoldfastError {
  return new HoldfastError(code, `${describe(referenceTo(attribute))} is not for clients to change`);
}

function refusedDeletion(reference: AttributeReference): HoldfastError {
  return new HoldfastError('AttributeReadOnly', `${describe(reference)} cannot be deleted`);
}

function notFound(reference: AttributeReference): HoldfastError {
  return new HoldfastError('AttributeNotFound', `the object has no ${describe(reference)}`);
}

function irreversible(name: string): HoldfastError {
  return new HoldfastError('PermissionDenied', `${name} cannot be taken back once it protects the object`);
}
