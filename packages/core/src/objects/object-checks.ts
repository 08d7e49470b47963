import { ObjectType, State, objectTypeEnum } from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import { STATE_NAMES, isDestroyed } from './state';

/** The object types that have a life cycle: all but Templates (KMIP 1.4 section 3.22 with Errata 01, 2.1 section 4.57). */
export const WITH_LIFE_CYCLE: readonly ObjectType[] = Object.values(ObjectType).filter(
  (objectType) => objectType !== ObjectType.Template,
);

/** @throws HoldfastError InvalidObjectType, or what the operation's error table calls it */
export function requireObjectType(
  object: ManagedObject,
  allowed: readonly ObjectType[],
  code: ErrorCode = 'InvalidObjectType',
): void {
  const objectType = mandatory(object, 'ObjectType');
  if (allowed.includes(objectType)) return;
  const name = objectTypeEnum.byValue.get(objectType)?.name ?? 'an unknown one';
  throw new HoldfastError(code, `the operation does not take objects of this type: ${name}`);
}

/** The state of an object that has one by its type. @throws HoldfastError IntegrityViolation */
export function stateOf(object: ManagedObject): State {
  return object.state ?? mandatory(object, 'State');
}

/** @throws HoldfastError ObjectDestroyed */
export function requireNotDestroyed(object: ManagedObject): void {
  if (isDestroyed(object.state)) throw new HoldfastError('ObjectDestroyed', 'the object has been destroyed');
}

/** @throws HoldfastError WrongKeyLifecycleState */
export function requireState(object: ManagedObject, allowed: readonly State[]): void {
  const state = stateOf(object);
  if (allowed.includes(state)) return;
  const names = allowed.map((each) => STATE_NAMES[each]).join(' or ');
  throw new HoldfastError('WrongKeyLifecycleState', `the object is ${STATE_NAMES[state]}, not ${names}`);
}
