import {
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  Tag,
  bigInteger,
  enumerated,
  identifierReference,
  integer,
  newAttributes,
  objectTypeEnum,
  optional,
  repeated,
  required,
  serverSetAttributes,
  splitKeyMethodEnum,
  structure,
  textString,
  type Infer,
} from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import type { AttributeSet } from '../objects/attribute-set';
import { fillDomainDefaults } from '../objects/domain-policy';
import { addLink, addLinkWhereRoom } from '../objects/link';
import { keyBlockOf, makeObject } from '../objects/new-object';
import { requireNotDestroyed, requireObjectType } from '../objects/object-checks';
import { protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { checkRequested, gatherAttributes } from '../objects/requested-attributes';
import { describeSymmetricKey } from '../objects/requested-key';
import { rememberPolynomial, requireKept, requireSplitScheme, toldLengthBytes } from '../objects/split-key';
import { operation, type OperationContext } from '../operation';
import type { NewObject } from '../ports/key-store';
import { GENERAL_REASONS } from './general-reasons';

/** The most parts: as many as GF(2^8) has. */
const MAX_PARTS = 255;

const request = structure({
  objectType: required(Tag.ObjectType, enumerated(objectTypeEnum)),
  uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
  splitKeyParts: required(Tag.SplitKeyParts, integer),
  splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
  splitKeyMethod: required(Tag.SplitKeyMethod, enumerated(splitKeyMethodEnum)),
  primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
  newAttributes: newAttributes(),
  protectionStorageMasks: protectionStorageMasks(Tag.ProtectionStorageMasks),
});
type CreateSplitKeyRequest = Infer<typeof request>;

/** Splits a key that is here, or a new one that nobody has whole, into parts that are objects of their own. */
export const createSplitKey = operation({
  name: 'CreateSplitKey',
  code: Operation.CreateSplitKey,
  window: { since: '1.2' },
  section: { v1: '4.38', v2: '6.1.10' },
  request,
  response: structure({
    uniqueIdentifiers: repeated(Tag.UniqueIdentifier, textString),
    serverSetAttributes: serverSetAttributes(),
  }),
  access: 'create',
  objectTypes: [ObjectType.SplitKey],
  reasons: [
    'ItemNotFound',
    'ObjectNotFound',
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
    requireSplit(request);
    const requested = await gatherAttributes([request.newAttributes], context);
    checkRequested(requested, ObjectType.SplitKey, 'generated');
    if (requested.has('Name') && request.splitKeyParts > 1) {
      throw new HoldfastError('NonUniqueNameAttribute', 'the parts cannot all have one Name');
    }
    const base = await fetchBase(request, context);
    const secret = base === undefined ? generate(requested, context) : secretOf(base, requested, context);
    const parts = await split(secret, request, requested, context).finally(() => secret.destroy());
    linkInOrder(parts);
    if (base !== undefined) linkToBase(parts, base, context);
    for (const [index, part] of parts.entries()) {
      context.objects.create(part);
      context.produced(part.uniqueIdentifier, index === 0 ? 'first-part' : undefined);
    }
    return { uniqueIdentifiers: parts.map(({ uniqueIdentifier }) => uniqueIdentifier) };
  },
});

type Part = Pick<NewObject, 'uniqueIdentifier' | 'attributes' | 'value'>;

function requireSplit(request: CreateSplitKeyRequest): void {
  if (request.objectType !== ObjectType.SplitKey) {
    throw new HoldfastError('InvalidObjectType', 'the parts of a key are Split Keys, nothing else');
  }
  requireSplitScheme(request);
  if (request.splitKeyParts <= MAX_PARTS) return;
  throw new HoldfastError('ServerLimitExceeded', `a key is split into ${MAX_PARTS} parts at most`);
}

/** Without an identifier a new key is made: the ID Placeholder does not stand for it. */
async function fetchBase(
  { uniqueIdentifier }: CreateSplitKeyRequest,
  { objects, identify }: OperationContext,
): Promise<ManagedObject | undefined> {
  if (uniqueIdentifier === undefined) return undefined;
  const base = await objects.fetch(identify(uniqueIdentifier), 'obtain');
  requireObjectType(base, [ObjectType.SymmetricKey, ObjectType.PrivateKey, ObjectType.SecretData]);
  requireNotDestroyed(base);
  return base;
}

function generate(requested: AttributeSet, context: OperationContext): SecretBytes {
  const { algorithm, lengthBits } = describeSymmetricKey(requested, context);
  return context.crypto.generateSymmetricKey(algorithm, lengthBits).keyMaterial;
}

/** What the key says goes before what the request says; parts are as sensitive as the key. */
const INHERITED = [
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicUsageMask',
  'Sensitive',
  'Extractable',
] as const;

/** The bytes that are split: those of the key alone, a private key as PKCS#8, which says what it is. */
function secretOf(base: ManagedObject, requested: AttributeSet, context: OperationContext): SecretBytes {
  const { crypto } = context;
  const keyBlock = keyBlockOf(base.stored.openValue());
  if (keyBlock === undefined) throw new HoldfastError('InvalidObjectType', 'the object has no key');
  const objectType = mandatory(base, 'ObjectType');
  const format = objectType === ObjectType.PrivateKey ? KeyFormatType.PKCS_8 : KeyFormatType.Raw;
  const isAsItIs = objectType === ObjectType.SecretData || keyBlock.keyFormatType === format;
  const secret = crypto.keyMaterialBytes(
    isAsItIs ? keyBlock : crypto.convertKey(objectType, keyBlock, format),
  );
  for (const key of INHERITED) {
    const value = base.attributes.get(key);
    if (value !== undefined) requested.set(key, value);
  }
  // The parts are joined at the length that they tell: of DES, say, 56 bits tell of seven bytes where there are eight.
  const told = toldLengthBytes(objectType, requested, context);
  const isTold = objectType === ObjectType.PrivateKey || told === secret.length;
  if (!isTold || !requested.has('CryptographicLength'))
    requested.set('CryptographicLength', secret.length * 8);
  return secret;
}

async function split(
  secret: SecretBytes,
  request: CreateSplitKeyRequest,
  requested: AttributeSet,
  context: OperationContext,
): Promise<readonly Part[]> {
  const { splitKeyParts, splitKeyThreshold, splitKeyMethod } = request;
  // What is not extractable by the domain's defaults could never be joined again.
  fillDomainDefaults(context.policy, ObjectType.SplitKey, requested);
  requireKept(requested, splitKeyMethod);
  const { shares, primeFieldSize } = await context.crypto.splitSecret(secret, {
    method: splitKeyMethod,
    parts: splitKeyParts,
    threshold: splitKeyThreshold,
    primeFieldSize: request.primeFieldSize,
    polynomial: context.dialect.rules.splitKeyPolynomial,
  });
  rememberPolynomial(splitKeyMethod, requested, context);
  return shares.map((keyMaterial, index) =>
    makeObject(
      {
        value: {
          objectType: ObjectType.SplitKey,
          splitKeyParts,
          keyPartIdentifier: index + 1,
          splitKeyThreshold,
          splitKeyMethod,
          primeFieldSize,
          keyBlock: {
            keyFormatType: KeyFormatType.Raw,
            keyValue: { keyMaterial, attributes: [] },
            cryptographicAlgorithm: requested.get('CryptographicAlgorithm'),
            cryptographicLengthBits: requested.get('CryptographicLength'),
          },
        },
        requested,
        origin: 'generated',
      },
      context,
    ),
  );
}

function linkInOrder(parts: readonly Part[]): void {
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1];
    if (next === undefined) continue;
    addLink(part.attributes, LinkType.NextLink, next.uniqueIdentifier);
    addLink(next.attributes, LinkType.PreviousLink, part.uniqueIdentifier);
  }
}

function linkToBase(parts: readonly Part[], base: ManagedObject, { objects }: OperationContext): void {
  for (const part of parts) {
    addLink(part.attributes, LinkType.ParentLink, base.uniqueIdentifier);
    addLinkWhereRoom(base.attributes, LinkType.ChildLink, part.uniqueIdentifier);
  }
  objects.update(base);
}
