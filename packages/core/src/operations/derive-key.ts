import {
  DerivationMethod,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  SecretDataType,
  Tag,
  byteString,
  cryptographicParametersStructure,
  derivationMethodEnum,
  enumerated,
  identifierReference,
  integer,
  newAttributes,
  objectTypeEnum,
  optional,
  repeated,
  required,
  secretByteString,
  serverSetAttributes,
  structure,
  textString,
  type Infer,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import type { AttributeSet } from '../objects/attribute-set';
import { encapsulationBy, rememberCiphertext } from '../objects/encapsulation';
import { KEY_USES, agreedParameters, requireUse } from '../objects/key-use';
import { addLink, addLinkWhereRoom } from '../objects/link';
import { makeObject, requireKeyFormat } from '../objects/new-object';
import { requireObjectType } from '../objects/object-checks';
import { checkRequested, gatherAttributes } from '../objects/requested-attributes';
import { fillDefaults, fillUsageMask, requireAttribute } from '../objects/requested-key';
import { operation, type OperationContext } from '../operation';
import type { DerivationRequest } from '../ports/crypto';
import { GENERAL_REASONS } from './general-reasons';

/** The most that is derived at once, in bits. */
const MAX_LENGTH_BITS = 65_536;
/** The highest Iteration Count of PBKDF2; how long a key may be then is for the port to say. */
const MAX_ITERATION_COUNT = 10_000_000;

const derivationParameters = structure({
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParametersStructure),
  initializationVector: optional(Tag.InitializationVector, byteString),
  derivationData: repeated(Tag.DerivationData, secretByteString),
  salt: optional(Tag.Salt, byteString),
  iterationCount: optional(Tag.IterationCount, integer),
});
const request = structure({
  objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
  uniqueIdentifiers: repeated(Tag.UniqueIdentifier, identifierReference),
  derivationMethod: required(Tag.DerivationMethod, enumerated(derivationMethodEnum)),
  derivationParameters: required(Tag.DerivationParameters, derivationParameters),
  newAttributes: newAttributes(),
});
type DeriveKeyRequest = Infer<typeof request>;
type DerivationParameters = DeriveKeyRequest['derivationParameters'];

/** Derives a symmetric key or Secret Data from objects that are here. */
export const deriveKey = operation({
  name: 'DeriveKey',
  code: Operation.DeriveKey,
  window: {},
  section: { v1: '4.6', v2: '6.1.14' },
  request,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'use',
  objectTypes: KEY_USES.derive.objectTypes,
  reasons: [
    'ItemNotFound',
    'ObjectNotFound',
    'BadCryptographicParameters',
    'CryptographicFailure',
    'IncompatibleCryptographicUsageMask',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'InvalidObjectType',
    'KeyValueNotPresent',
    'NonUniqueNameAttribute',
    'UnsupportedCryptographicParameters',
    'WrongKeyLifecycleState',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  execute: (request, context) => deriveFrom(request, undefined, context),
});

/**
 * What the operation does, also where the public key of the other party is no object.
 * @param peer goes with the one private key that the request names
 */
export async function deriveFrom(
  request: DeriveKeyRequest,
  peer: ManagedObjectValue | undefined,
  context: OperationContext,
): Promise<{ readonly uniqueIdentifier: string }> {
  const bases = await fetchBases(request, context);
  const requested = await gatherAttributes([request.newAttributes], context);
  checkRequested(requested, request.objectType, 'generated');
  const { lengthBytes, finish } = describeDerived(request.objectType, requested, context);
  const { secret, ciphertext } = await derive({ request, bases, peer }, lengthBytes, context);
  const derived = makeObject({ value: finish(secret), requested, origin: 'generated' }, context);
  if (ciphertext !== undefined) rememberCiphertext(derived.attributes, ciphertext);
  for (const base of bases) {
    addLink(derived.attributes, LinkType.DerivationBaseObjectLink, base.uniqueIdentifier);
    addLinkWhereRoom(base.attributes, LinkType.DerivedKeyLink, derived.uniqueIdentifier);
    context.objects.update(base);
  }
  context.objects.create(derived);
  context.produced(derived.uniqueIdentifier);
  return { uniqueIdentifier: derived.uniqueIdentifier };
}

/** Every object named has to be one that derives. The ID Placeholder stands for none of them. */
async function fetchBases(
  { uniqueIdentifiers }: DeriveKeyRequest,
  { objects, identify, nowSeconds }: OperationContext,
): Promise<readonly ManagedObject[]> {
  const bases = new Map<string, ManagedObject>();
  for (const reference of uniqueIdentifiers) {
    const base = await objects.fetch(identify(reference));
    requireUse(base, KEY_USES.derive, nowSeconds);
    if (bases.has(base.uniqueIdentifier)) {
      throw new HoldfastError('InvalidField', 'an object is named more than once');
    }
    bases.set(base.uniqueIdentifier, base);
  }
  if (bases.size === 0) {
    throw new HoldfastError('InvalidMessage', 'Unique Identifier is missing in Request Payload');
  }
  return [...bases.values()];
}

/** What a method takes besides its secret. */
interface MethodInputs {
  /** How many pieces of Derivation Data there may be, where a Secret Data object may stand for the only one. */
  readonly dataCounts: readonly number[];
  readonly takesSalt?: true;
  readonly takesIterations?: true;
  readonly takesInitializationVector?: true;
  /** It takes a private and a public key instead of a secret. */
  readonly isAgreement?: true;
  /** What comes out gives its Derivation Data back to whoever has the key. */
  readonly encryptsData?: true;
  /** It takes one key of a pair. */
  readonly isEncapsulation?: true;
}

const METHODS: Readonly<Record<DerivationMethod, MethodInputs>> = {
  [DerivationMethod.PBKDF2]: { dataCounts: [0], takesSalt: true, takesIterations: true },
  [DerivationMethod.HASH]: { dataCounts: [0] },
  [DerivationMethod.HMAC]: { dataCounts: [1] },
  [DerivationMethod.ENCRYPT]: { dataCounts: [1], takesInitializationVector: true, encryptsData: true },
  [DerivationMethod.NIST800_108_C]: { dataCounts: [1] },
  [DerivationMethod.NIST800_108_F]: { dataCounts: [1], takesInitializationVector: true },
  [DerivationMethod.NIST800_108_DPI]: { dataCounts: [1] },
  [DerivationMethod.AsymmetricKey]: { dataCounts: [0], isAgreement: true },
  [DerivationMethod.AWSSignatureVersion4]: { dataCounts: [3] },
  [DerivationMethod.HKDF]: { dataCounts: [0, 1], takesSalt: true },
};

const ENCAPSULATIONS: Readonly<Record<'encapsulate' | 'decapsulate', MethodInputs>> = {
  encapsulate: { dataCounts: [0], isEncapsulation: true },
  decapsulate: { dataCounts: [1], isEncapsulation: true },
};

interface Asked {
  readonly request: DeriveKeyRequest;
  readonly bases: readonly ManagedObject[];
  readonly peer: ManagedObjectValue | undefined;
}

async function derive(
  asked: Asked,
  lengthBytes: number,
  { crypto }: OperationContext,
): Promise<{ readonly secret: SecretBytes; readonly ciphertext?: Buffer }> {
  const derivation = derivationOf(asked);
  if (encapsulationOf(asked) === 'encapsulate') return crypto.encapsulate(derivation, lengthBytes);
  return { secret: await crypto.deriveBytes(derivation, lengthBytes) };
}

function encapsulationOf({ request, bases, peer }: Asked): ReturnType<typeof encapsulationBy> {
  return peer === undefined ? encapsulationBy(request.derivationMethod, bases) : undefined;
}

function derivationOf(asked: Asked): DerivationRequest {
  const { derivationMethod: method, derivationParameters: parameters } = asked.request;
  const encapsulation = encapsulationOf(asked);
  const inputs = encapsulation === undefined ? METHODS[method] : ENCAPSULATIONS[encapsulation];
  requireParameters(parameters, inputs);
  const { secret, other } = rolesOf(asked, inputs);
  const { initializationVector, salt, iterationCount } = parameters;
  return {
    method,
    value: secret.stored.openValue(),
    algorithm: secret.attributes.get('CryptographicAlgorithm'),
    parameters: agreedParameters(secret, parameters.cryptographicParameters),
    peer: inputs.isAgreement === true ? (asked.peer ?? other?.stored.openValue()) : undefined,
    data: inputs.isAgreement === true ? [] : dataOf(parameters, other, inputs),
    initializationVector,
    salt,
    iterationCount,
  };
}

/** @throws HoldfastError InvalidField: what a method does not take would not be in what it derives */
function requireParameters(
  { salt, iterationCount, initializationVector }: DerivationParameters,
  { takesSalt, takesIterations, takesInitializationVector }: MethodInputs,
): void {
  const isUseless =
    (salt !== undefined && takesSalt !== true) ||
    (iterationCount !== undefined && takesIterations !== true) ||
    (initializationVector !== undefined && takesInitializationVector !== true);
  if (isUseless) {
    throw new HoldfastError(
      'InvalidField',
      'Derivation Parameters hold what the Derivation Method does not take',
    );
  }
  if (takesIterations !== true) return;
  if (salt === undefined || iterationCount === undefined) {
    throw new HoldfastError('InvalidField', 'PBKDF2 needs Salt and Iteration Count');
  }
  if (iterationCount < 1 || iterationCount > MAX_ITERATION_COUNT) {
    throw new HoldfastError('InvalidField', `Iteration Count is not from 1 to ${MAX_ITERATION_COUNT}`);
  }
}

interface Roles {
  readonly secret: ManagedObject;
  readonly other: ManagedObject | undefined;
}

function rolesOf({ bases, peer }: Asked, { isAgreement, isEncapsulation }: MethodInputs): Roles {
  const [only] = bases;
  if (only !== undefined && (isEncapsulation === true || peer !== undefined)) {
    return { secret: only, other: undefined };
  }
  return isAgreement === true ? pairOf(bases) : secretAndData(bases);
}

/** The key is the object that is no Secret Data, else the first; beside it one Secret Data may hold the data. */
function secretAndData(bases: readonly ManagedObject[]): Roles {
  for (const base of bases) requireObjectType(base, [ObjectType.SymmetricKey, ObjectType.SecretData]);
  const secret = bases.find((base) => !isSecretData(base)) ?? bases[0];
  const [other, ...more] = bases.filter((base) => base !== secret);
  if (secret === undefined || more.length > 0) throw tooMany();
  if (other !== undefined) requireObjectType(other, [ObjectType.SecretData]);
  return { secret, other };
}

function isSecretData(object: ManagedObject): boolean {
  return mandatory(object, 'ObjectType') === ObjectType.SecretData;
}

function pairOf(bases: readonly ManagedObject[]): Roles {
  for (const base of bases) requireObjectType(base, [ObjectType.PrivateKey, ObjectType.PublicKey]);
  const isPrivate = (base: ManagedObject) => mandatory(base, 'ObjectType') === ObjectType.PrivateKey;
  const secret = bases.find(isPrivate);
  const other = bases.find((base) => !isPrivate(base));
  if (bases.length === 2 && secret !== undefined && other !== undefined) return { secret, other };
  throw new HoldfastError('InvalidField', 'key agreement takes one private key and one public key');
}

function tooMany(): HoldfastError {
  return new HoldfastError('InvalidField', 'the Derivation Method does not take so many objects');
}

/**
 * @throws HoldfastError InvalidMessage where data comes in two ways, InvalidField where it is missing or too much,
 * PermissionDenied where Secret Data that is not extractable would be encrypted
 */
function dataOf(
  { derivationData }: DerivationParameters,
  other: ManagedObject | undefined,
  { dataCounts, encryptsData }: MethodInputs,
): readonly SecretBytes[] {
  if (other !== undefined && derivationData.length > 0) {
    throw new HoldfastError(
      'InvalidMessage',
      'there is both Derivation Data and a Secret Data object for it',
    );
  }
  if (other !== undefined && !dataCounts.includes(1)) throw tooMany();
  if (encryptsData === true && other?.attributes.get('Extractable') === false) {
    throw new HoldfastError('PermissionDenied', 'Secret Data that is not extractable is not encrypted');
  }
  const data = other === undefined ? derivationData : [secretIn(other)];
  if (dataCounts.includes(data.length)) return data;
  throw new HoldfastError(
    'InvalidField',
    `the Derivation Method takes Derivation Data ${dataCounts.join(' or ')} times, not ${data.length} times`,
  );
}

function secretIn(object: ManagedObject): SecretBytes {
  const value = object.stored.openValue();
  const keyValue = value.objectType === ObjectType.SecretData ? value.keyBlock.keyValue : undefined;
  if (keyValue !== undefined && !('encoded' in keyValue) && keyValue.keyMaterial instanceof SecretBytes) {
    return keyValue.keyMaterial;
  }
  throw new HoldfastError('KeyValueNotPresent', 'the server does not hold the Secret Data in clear');
}

/** What is to come of the derived bytes, and how many it needs; the attributes are completed to match. */
function describeDerived(
  objectType: ObjectType,
  requested: AttributeSet,
  context: OperationContext,
): { readonly lengthBytes: number; readonly finish: (bytes: SecretBytes) => ManagedObjectValue } {
  if (objectType !== ObjectType.SymmetricKey && objectType !== ObjectType.SecretData) {
    throw new HoldfastError('InvalidObjectType', 'symmetric keys and Secret Data are derived, nothing else');
  }
  const lengthBits = requireAttribute(requested, 'CryptographicLength', 'InvalidField');
  if (lengthBits > MAX_LENGTH_BITS) {
    throw new HoldfastError('CryptographicFailure', `at most ${MAX_LENGTH_BITS} bits are derived`);
  }
  const plain = (keyMaterial: SecretBytes) => ({
    keyFormatType: KeyFormatType.Raw,
    keyValue: { keyMaterial, attributes: [] },
  });
  if (objectType === ObjectType.SecretData) {
    if (lengthBits % 8 !== 0)
      throw new HoldfastError('InvalidField', 'Cryptographic Length is no multiple of 8');
    fillDefaults(objectType, requested, context);
    requireAttribute(requested, 'CryptographicUsageMask', 'InvalidField');
    return {
      lengthBytes: lengthBits / 8,
      finish: (bytes) => ({
        objectType,
        secretDataType: SecretDataType.Seed,
        keyBlock: requireKeyFormat(objectType, plain(bytes), requested, context),
      }),
    };
  }
  const cryptographicAlgorithm = requireAttribute(requested, 'CryptographicAlgorithm', 'InvalidField');
  fillUsageMask(objectType, requested, context);
  requireAttribute(requested, 'CryptographicUsageMask', 'InvalidField');
  return {
    lengthBytes: context.crypto.symmetricKeyLengthBytes(cryptographicAlgorithm, lengthBits, 'to be made'),
    finish: (bytes) => {
      const keyBlock = { ...plain(bytes), cryptographicAlgorithm, cryptographicLengthBits: lengthBits };
      return { objectType, keyBlock: requireKeyFormat(objectType, keyBlock, requested, context) };
    },
  };
}
