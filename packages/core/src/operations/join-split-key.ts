import {
  KeyFormatType,
  ObjectType,
  Operation,
  SecretDataType,
  Tag,
  enumerated,
  identifierReference,
  newAttributes,
  objectTypeEnum,
  optional,
  repeated,
  required,
  secretDataTypeEnum,
  serverSetAttributes,
  structure,
  textString,
  type Infer,
  type KeyBlock,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { AttributeSet } from '../objects/attribute-set';
import { makeObject, requireKeyFormat } from '../objects/new-object';
import { requireNotDestroyed, requireObjectType } from '../objects/object-checks';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { describeRegistered } from '../objects/registered-value';
import { gatherAttributes } from '../objects/requested-attributes';
import {
  MAX_JOINED_BYTES,
  polynomialOf,
  requireKept,
  toldLengthBytes,
  type SplitKey,
} from '../objects/split-key';
import { operation, type OperationContext } from '../operation';
import type { KeyShare, SplitScheme } from '../ports/crypto';
import { GENERAL_REASONS } from './general-reasons';

const request = structure({
  objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
  uniqueIdentifiers: repeated(Tag.UniqueIdentifier, identifierReference),
  secretDataType: optional(Tag.SecretDataType, enumerated(secretDataTypeEnum)),
  newAttributes: newAttributes({ mayBeAbsent: true }),
  protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
});
type JoinSplitKeyRequest = Infer<typeof request>;

const JOINED_TYPES: readonly ObjectType[] = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.SecretData,
];

/** Makes an object of the parts of a key. */
export const joinSplitKey = operation({
  name: 'JoinSplitKey',
  code: Operation.JoinSplitKey,
  window: { since: '1.2' },
  section: { v1: '4.39', v2: '6.1.27' },
  request,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'obtain',
  objectTypes: [ObjectType.SplitKey],
  reasons: [
    'ItemNotFound',
    'ObjectNotFound',
    'AttributeReadOnly',
    'AttributeSingleValued',
    'BadCryptographicParameters',
    'CryptographicFailure',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'IndexOutOfBounds',
    'InvalidObjectType',
    'NonUniqueNameAttribute',
    'ServerLimitExceeded',
    'UnsupportedCryptographicParameters',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'ProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    requireProtectionStorage(request.protectionStorageMasks);
    requireJoinable(request);
    const parts = await fetchParts(request, context);
    const requested = await gatherAttributes([request.newAttributes], context);
    inherit(requested, parts);
    const joint = await join(request, parts, requested, context);
    const value = await describeRegistered(joint, requested, context);
    const joined = makeObject({ value, requested, origin: 'registered' }, context);
    context.objects.create(joined);
    context.produced(joined.uniqueIdentifier);
    return { uniqueIdentifier: joined.uniqueIdentifier };
  },
});

function requireJoinable({ objectType, secretDataType }: JoinSplitKeyRequest): void {
  if (!JOINED_TYPES.includes(objectType)) {
    throw new HoldfastError('InvalidObjectType', 'symmetric and private keys and Secret Data are joined');
  }
  if (secretDataType !== undefined && objectType !== ObjectType.SecretData) {
    throw new HoldfastError('InvalidField', 'Secret Data Type is given for what is no Secret Data');
  }
}

interface Part {
  readonly object: ManagedObject;
  readonly value: SplitKey;
}

async function fetchParts(
  { uniqueIdentifiers }: JoinSplitKeyRequest,
  { objects, identify }: OperationContext,
): Promise<readonly [Part, ...Part[]]> {
  const named = new Set(uniqueIdentifiers.map(identify));
  if (named.size < uniqueIdentifiers.length) {
    throw new HoldfastError('CryptographicFailure', 'a part is named more than once');
  }
  const parts: Part[] = [];
  let lengthBytes = 0;
  for (const uniqueIdentifier of named) {
    const object = await objects.fetch(uniqueIdentifier);
    requireObjectType(object, [ObjectType.SplitKey]);
    requireNotDestroyed(object);
    const value = object.stored.openValue();
    if (value.objectType !== ObjectType.SplitKey) continue;
    requireKept(object.attributes, value.splitKeyMethod);
    lengthBytes += lengthBytesOf(value);
    if (lengthBytes > MAX_JOINED_BYTES) {
      throw new HoldfastError('ServerLimitExceeded', 'the parts are too long to be joined');
    }
    parts.push({ object, value });
  }
  const [first, ...others] = parts;
  if (first === undefined) {
    throw new HoldfastError('InvalidMessage', 'Unique Identifier is missing in Request Payload');
  }
  return [first, ...others];
}

function lengthBytesOf({ keyBlock: { keyValue } }: SplitKey): number {
  if (keyValue === undefined || 'encoded' in keyValue) return 0;
  return keyValue.keyMaterial instanceof SecretBytes ? keyValue.keyMaterial.length : 0;
}

const INHERITED = ['CryptographicAlgorithm', 'CryptographicLength', 'CryptographicUsageMask'] as const;

/**
 * What the request leaves open is as the parts have it; a joined key is sensitive where one of its parts is.
 * @throws HoldfastError InvalidField where parts that are not extractable are to be of another length: it would tell of them
 */
function inherit(requested: AttributeSet, parts: readonly [Part, ...Part[]]): void {
  const [{ object: first }] = parts;
  for (const key of INHERITED) {
    const value = first.attributes.get(key);
    if (value !== undefined && !requested.has(key)) requested.set(key, value);
  }
  if (parts.some(({ object }) => object.attributes.get('Sensitive') === true)) {
    requested.set('Sensitive', true);
  }
  if (parts.some(({ object }) => object.attributes.get('Extractable') === false)) {
    requested.set('Extractable', false);
    requireLengthOfParts(requested, parts);
  }
}

function requireLengthOfParts(requested: AttributeSet, parts: readonly Part[]): void {
  const lengthBits = requested.get('CryptographicLength');
  if (parts.every(({ object }) => object.attributes.get('CryptographicLength') === lengthBits)) return;
  throw new HoldfastError('InvalidField', 'Cryptographic Length is not that of the parts');
}

function schemeOf({ value, object }: Part): SplitScheme {
  return {
    method: value.splitKeyMethod,
    parts: value.splitKeyParts,
    threshold: value.splitKeyThreshold,
    primeFieldSize: value.primeFieldSize,
    polynomial: polynomialOf(object.attributes),
  };
}

/** @throws HoldfastError CryptographicFailure where the parts are not those of one split */
function commonScheme(parts: readonly [Part, ...Part[]]): SplitScheme {
  const scheme = schemeOf(parts[0]);
  const isSame = (part: Part) =>
    Object.entries(schemeOf(part)).every(([name, value]) => scheme[name as keyof SplitScheme] === value);
  if (parts.every(isSame)) return scheme;
  throw new HoldfastError('CryptographicFailure', 'the parts are not those of one key');
}

async function join(
  { objectType, secretDataType = SecretDataType.Seed }: JoinSplitKeyRequest,
  parts: readonly [Part, ...Part[]],
  requested: AttributeSet,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const secret = await joined(parts, toldLengthBytes(objectType, requested, context), context);
  if (objectType === ObjectType.PrivateKey) {
    const keyBlock = requireKeyFormat(objectType, privateKeyIn(secret, context), requested, context);
    return { objectType, keyBlock };
  }
  const keyBlock = requireKeyFormat(objectType, inFormat(KeyFormatType.Raw, secret), requested, context);
  return objectType === ObjectType.SecretData
    ? { objectType, secretDataType, keyBlock }
    : { objectType: ObjectType.SymmetricKey, keyBlock };
}

/** @throws HoldfastError CryptographicFailure, KeyValueNotPresent */
async function joined(
  parts: readonly [Part, ...Part[]],
  lengthBytes: number | undefined,
  { crypto }: OperationContext,
): Promise<SecretBytes> {
  const scheme = commonScheme(parts);
  const shares: KeyShare[] = [];
  try {
    for (const { value } of parts) {
      const { keyPartIdentifier, keyBlock } = value;
      shares.push({ keyPartIdentifier, share: crypto.keyMaterialBytes(keyBlock) });
    }
    return await crypto.joinShares(shares, scheme, lengthBytes);
  } finally {
    for (const { share } of shares) share.destroy();
  }
}

function inFormat(keyFormatType: KeyFormatType, keyMaterial: SecretBytes): KeyBlock {
  return { keyFormatType, keyValue: { keyMaterial, attributes: [] } };
}

const PRIVATE_KEY_FORMATS = [KeyFormatType.PKCS_8, KeyFormatType.PKCS_1, KeyFormatType.ECPrivateKey];

/** @throws HoldfastError CryptographicFailure where the bytes are no private key */
function privateKeyIn(secret: SecretBytes, { crypto }: OperationContext): KeyBlock {
  for (const format of PRIVATE_KEY_FORMATS) {
    const keyBlock = inFormat(format, secret);
    try {
      const { algorithm, lengthBits } = crypto.inspectKey(ObjectType.PrivateKey, keyBlock);
      return { ...keyBlock, cryptographicAlgorithm: algorithm, cryptographicLengthBits: lengthBits };
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
    }
  }
  throw new HoldfastError('CryptographicFailure', 'the parts do not make a private key');
}
