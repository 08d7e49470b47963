import {
  definitionOf,
  type Attribute,
  type AttributeKey,
  type AttributeReference,
  type Constraint,
  type IdentifierReference,
  type ObjectDefaults,
  type ObjectType,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { Principal } from '../identity';
import {
  describe,
  instancesOf,
  referenceKey,
  referenceTo,
  requireConsistentDates,
  sameValue,
  withResolvedLink,
} from './attribute-rules';
import { AttributeSet } from './attribute-set';
import { OBJECT_DEFAULTS } from './defaults';
import { isKeyInHsm } from './key-in-hsm';
import { checkRequested, isSettable } from './requested-attributes';

/** What the clients of a domain, and its officers, have set for the objects that are made in it. KMIP 2.1 sections 6.1.52 and 6.1.53. */
export interface DomainPolicy {
  /** Undefined: those of the specification. */
  readonly objectDefaults?: readonly ObjectDefaults[] | undefined;
  readonly constraints?: readonly Constraint[] | undefined;
  /** Whether an officer wants keys to be generated inside the HSM; no client can change it. */
  readonly keysInHsm?: true | undefined;
  /** Whether its objects cannot be used before a backup or an escrow covers them. */
  readonly requiresEscrow?: true | undefined;
}

/** Whether what a principal makes cannot be used before a backup or an escrow covers it. */
export function requiresEscrow(policy: DomainPolicy, { settings }: Pick<Principal, 'settings'>): boolean {
  return settings?.requiresEscrow === true || policy.requiresEscrow === true;
}

/** What says which key it is: it goes together, and is not filled in one by one. */
const DESCRIBES_KEY: ReadonlySet<AttributeKey> = new Set([
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicDomainParameters',
  'CertificateType',
  'CertificateLength',
  'KeyFormatType',
]);

/**
 * The values that attributes of a new object have where a request leaves them out: those of its Object Groups go before
 * those for all.
 */
export function defaultsFor(
  { objectDefaults }: DomainPolicy,
  objectType: ObjectType,
  attributes: AttributeSet,
): readonly Attribute[] {
  if (objectDefaults === undefined) return OBJECT_DEFAULTS.get(objectType) ?? [];
  const matching = objectDefaults.filter(
    (each) => each.objectType === objectType && concerns(each.objectGroups, attributes),
  );
  return [
    ...matching.filter(({ objectGroups }) => objectGroups !== undefined),
    ...matching.filter(({ objectGroups }) => objectGroups === undefined),
  ].flatMap((each) => each.attributes);
}

/**
 * Gives a new object what the domain's defaults have and it does not, but for what says which key it is.
 * @throws HoldfastError as `fillIn`
 */
export function fillDomainDefaults(
  policy: DomainPolicy,
  objectType: ObjectType,
  attributes: AttributeSet,
): void {
  if (policy.objectDefaults === undefined) return;
  const usual = defaultsFor(policy, objectType, attributes);
  fillIn(
    attributes,
    usual.filter(({ key }) => !DESCRIBES_KEY.has(key)),
  );
}

/**
 * Gives attributes that have no value those of the list: all of them, or the first where there can be but one.
 * @throws HoldfastError InvalidField where a date among them contradicts one that is there
 */
export function fillIn(attributes: AttributeSet, values: readonly Attribute[]): void {
  const isThere = (attribute: Attribute) => instancesOf(attributes, referenceTo(attribute)).length > 0;
  const lacking = values.filter((each) => !isThere(each));
  for (const attribute of lacking) {
    if (definitionOf(attribute.key).multiple || !isThere(attribute)) attributes.add(attribute);
  }
  if (lacking.length > 0) requireConsistentDates(attributes, new Set(lacking.map(({ key }) => key)));
}

/** @throws HoldfastError ConstraintViolation where a new object is not as each constraint that concerns it demands */
export function requireConstraintsMet({ constraints = [] }: DomainPolicy, attributes: AttributeSet): void {
  const objectType = attributes.get('ObjectType');
  for (const constraint of constraints) {
    const types = constraint.objectTypes?.objectTypes ?? [];
    if (types.length > 0 && (objectType === undefined || !types.includes(objectType))) continue;
    if (!concerns(constraint.objectGroups, attributes)) continue;
    const demanded = constraint.attributes ?? [];
    const violated = demanded.map(referenceTo).find((reference) => !isMet(reference, demanded, attributes));
    if (violated === undefined) continue;
    throw new HoldfastError(
      'ConstraintViolation',
      `a constraint of the domain does not allow this object: ${describe(violated)}`,
    );
  }
}

/** A value that is named several times may be any of these; of a mask, no more bits may be set than those named. */
function isMet(
  reference: AttributeReference,
  demanded: readonly Attribute[],
  attributes: AttributeSet,
): boolean {
  const name = referenceKey(reference);
  const values = demanded.filter((each) => referenceKey(referenceTo(each)) === name);
  const instances = instancesOf(attributes, reference);
  if (values.some(({ key }) => definitionOf(key).codec.table?.kind === 'mask')) {
    const allowed = values.reduce((bits, { value }) => bits | (value as number), 0);
    return instances.every(({ value }) => ((value as number) & ~allowed) === 0);
  }
  return instances.some((instance) => values.some((value) => sameValue(value, instance)));
}

function concerns(
  groups: { readonly objectGroups: readonly string[] } | undefined,
  of: AttributeSet,
): boolean {
  if (groups === undefined || groups.objectGroups.length === 0) return true;
  return of.instances('ObjectGroup').some(({ value }) => groups.objectGroups.includes(value));
}

/**
 * Defaults as they are kept: one entry for each Object Type, values as in a request that makes such an object.
 * @throws HoldfastError InvalidField, InvalidObjectType, and as `checkRequested`
 */
export function acceptedDefaults(
  given: readonly ObjectDefaults[],
  identify: (reference: IdentifierReference) => string,
): readonly ObjectDefaults[] {
  return given.flatMap(({ objectType, objectTypes, attributes, objectGroups }) => {
    const types = [...(objectType === undefined ? [] : [objectType]), ...(objectTypes?.objectTypes ?? [])];
    if (types.length === 0) throw new HoldfastError('InvalidField', 'Object Defaults are of no Object Type');
    if (attributes.some(isKeyInHsm))
      throw new HoldfastError('InvalidField', 'officers say for a domain whether keys are inside the HSM');
    requireAttributesOf(types, attributes);
    return types.map((type) => {
      const accepted = new AttributeSet(attributes.map((each) => withResolvedLink(each, identify)));
      checkRequested(accepted, type, 'registered');
      return { objectType: type, attributes: [...accepted], objectGroups };
    });
  });
}

/** @throws HoldfastError InvalidField, InvalidObjectType */
export function requireAcceptable(constraints: readonly Constraint[]): void {
  for (const { objectTypes, attributes = [] } of constraints) {
    requireAttributesOf(objectTypes?.objectTypes ?? [], attributes);
  }
}

function requireAttributesOf(types: readonly ObjectType[], attributes: readonly Attribute[]): void {
  for (const type of types) {
    const wrong = attributes.find((attribute) => !isSettable(attribute, type));
    if (wrong === undefined) continue;
    const { name, appliesTo } = definitionOf(wrong.key);
    throw appliesTo.includes(type)
      ? new HoldfastError('InvalidField', `${name} is set by the server alone`)
      : new HoldfastError('InvalidObjectType', `objects of this type have no ${name}`);
  }
}
