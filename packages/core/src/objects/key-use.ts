import {
  CryptographicUsageMask,
  ObjectType,
  State,
  Tag,
  UsageLimitsUnit,
  cryptographicParametersStructure,
  identifierReference,
  optional,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import type { KeyUseRequest } from '../ports/crypto';
import { includesValue } from './attribute-rules';
import { requireObjectType, requireState } from './object-checks';

/** What a key may be used for, and when. KMIP 1.4 sections 3.19, 3.21, 3.22, 3.25 and 3.26; KMIP 2.1 chapter 4. */

/** The members that a request to use a key begins with. */
export const keyUseFields = {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParametersStructure),
};

/** What the use of a key may be refused with. */
export const KEY_USE_REASONS = [
  'BadCryptographicParameters',
  'CryptographicFailure',
  'IncompatibleCryptographicUsageMask',
  'InvalidCorrelationValue',
  'InvalidObjectType',
  'KeyValueNotPresent',
  'ObjectNotFound',
  'WrongKeyLifecycleState',
  'ObjectArchived',
] as const satisfies readonly ErrorCode[];

/** One way of using a key. */
export interface KeyUse {
  /** The bit of Cryptographic Usage Mask that allows it. */
  readonly usage: number;
  /** Whether it protects data, or processes what was protected before. */
  readonly purpose: 'protect' | 'process';
  readonly objectTypes: readonly ObjectType[];
}

/** Protection is for Active keys; what was protected can be processed as long as the key is there. */
export const STATES_OF: Readonly<Record<KeyUse['purpose'], readonly State[]>> = {
  protect: [State.Active],
  process: [State.Active, State.Deactivated, State.Compromised],
};

const { SymmetricKey, PublicKey, PrivateKey, Certificate, SecretData } = ObjectType;

/** The uses that operations make of keys. */
export const KEY_USES = {
  encrypt: {
    usage: CryptographicUsageMask.Encrypt,
    purpose: 'protect',
    objectTypes: [SymmetricKey, PublicKey, Certificate],
  },
  decrypt: {
    usage: CryptographicUsageMask.Decrypt,
    purpose: 'process',
    objectTypes: [SymmetricKey, PrivateKey],
  },
  sign: { usage: CryptographicUsageMask.Sign, purpose: 'protect', objectTypes: [PrivateKey] },
  verify: {
    usage: CryptographicUsageMask.Verify,
    purpose: 'process',
    objectTypes: [PublicKey, Certificate],
  },
  mac: { usage: CryptographicUsageMask.MACGenerate, purpose: 'protect', objectTypes: [SymmetricKey] },
  derive: {
    usage: CryptographicUsageMask.DeriveKey,
    purpose: 'protect',
    objectTypes: [SymmetricKey, SecretData, PrivateKey, PublicKey],
  },
  wrap: {
    usage: CryptographicUsageMask.WrapKey,
    purpose: 'protect',
    objectTypes: [SymmetricKey, PublicKey, Certificate],
  },
  /** Keys that wrap open what they wrapped, as the test cases TC-WRAP-2 and -3 have it. */
  unwrap: {
    usage: CryptographicUsageMask.UnwrapKey | CryptographicUsageMask.WrapKey,
    purpose: 'process',
    objectTypes: [SymmetricKey, PrivateKey],
  },
  verifyMac: { usage: CryptographicUsageMask.MACVerify, purpose: 'process', objectTypes: [SymmetricKey] },
} as const satisfies Readonly<Record<string, KeyUse>>;

/**
 * @throws HoldfastError InvalidObjectType, WrongKeyLifecycleState (State, Process Start Date, Protect Stop Date),
 * IncompatibleCryptographicUsageMask
 */
export function requireUse(object: ManagedObject, use: KeyUse, nowSeconds: number): void {
  requireObjectType(object, use.objectTypes);
  const { attributes } = object;
  if (use.purpose === 'protect') requireProtecting(object, nowSeconds);
  else {
    requireState(object, STATES_OF.process);
    const processStartDate = attributes.get('ProcessStartDate');
    if (processStartDate !== undefined && processStartDate > nowSeconds) {
      throw new HoldfastError('WrongKeyLifecycleState', 'the Process Start Date of the key has not come yet');
    }
  }
  if (((attributes.get('CryptographicUsageMask') ?? 0) & use.usage) === 0) {
    throw new HoldfastError(
      'IncompatibleCryptographicUsageMask',
      'the Cryptographic Usage Mask of the key does not allow this operation',
    );
  }
}

/** Whether data may be protected with the key at this time. @throws HoldfastError WrongKeyLifecycleState */
export function requireProtecting(object: ManagedObject, nowSeconds: number): void {
  requireState(object, STATES_OF.protect);
  const protectStopDate = object.attributes.get('ProtectStopDate');
  if (protectStopDate !== undefined && protectStopDate <= nowSeconds) {
    throw new HoldfastError('WrongKeyLifecycleState', 'the Protect Stop Date of the key has passed');
  }
}

/** The parameters of the request, else those of the object with the lowest index, else none. */
export function parametersFor(
  object: ManagedObject,
  asked: CryptographicParameters | undefined,
): CryptographicParameters {
  return asked ?? object.attributes.get('CryptographicParameters') ?? {};
}

/**
 * The parameters of the request, which have to be among those of the key where that has any; without any in the request,
 * the key's with the lowest index. KMIP 1.4 sections 2.1.6 and 4.6.
 * @param usual where neither has any
 * @throws HoldfastError BadCryptographicParameters
 */
export function agreedParameters(
  object: ManagedObject,
  asked: CryptographicParameters | undefined,
  usual: CryptographicParameters = {},
): CryptographicParameters {
  const had = object.attributes.instances('CryptographicParameters');
  if (had.length === 0 || asked === undefined) return asked ?? had[0]?.value ?? usual;
  const condition = { key: 'CryptographicParameters', value: asked } as const;
  if (had.some((parameters) => includesValue(parameters, condition))) return asked;
  throw new HoldfastError('BadCryptographicParameters', 'the key has no such Cryptographic Parameters');
}

/** What the crypto port is told of the key. @throws HoldfastError KeyValueNotPresent, IntegrityViolation */
export function keyUseRequest(
  object: ManagedObject,
  asked: CryptographicParameters | undefined,
): KeyUseRequest {
  return {
    value: object.stored.openValue(),
    algorithm: object.attributes.get('CryptographicAlgorithm'),
    parameters: parametersFor(object, asked),
  };
}

/**
 * Takes what is about to be protected off the Usage Limits of the key, where it has them. The object is written with the
 * operation; where another request was quicker, all of it is run again.
 * @param isFirst whether it is the only part, or the first of several: by objects, that is what counts
 * @throws HoldfastError UsageLimitExceeded
 */
export function spendUsage(
  object: ManagedObject,
  lengthBytes: number,
  isFirst: boolean,
  context: OperationContext,
): void {
  const isByBytes = object.attributes.get('UsageLimits')?.usageLimitsUnit === UsageLimitsUnit.Byte;
  takeUnits(object, isByBytes ? BigInt(lengthBytes) : isFirst ? 1n : 0n, context);
}

/** Takes units off the Usage Limits of the object, where it has them. @throws HoldfastError UsageLimitExceeded */
export function takeUnits(object: ManagedObject, units: bigint, { objects }: OperationContext): void {
  const limits = object.attributes.get('UsageLimits');
  if (limits === undefined || units === 0n) return;
  const left = requireLimitsLeft(object, units) ?? 0n;
  object.attributes.set('UsageLimits', { ...limits, usageLimitsCount: left - units });
  objects.update(object);
}

/** @returns how many units are left, undefined for no limit. @throws HoldfastError UsageLimitExceeded */
export function requireLimitsLeft({ attributes }: ManagedObject, units: bigint): bigint | undefined {
  const limits = attributes.get('UsageLimits');
  const left = limits === undefined ? undefined : (limits.usageLimitsCount ?? limits.usageLimitsTotal);
  if (left === undefined || left >= units) return left;
  throw new HoldfastError(
    'UsageLimitExceeded',
    'the Usage Limits of the key do not have this many units any more',
  );
}
