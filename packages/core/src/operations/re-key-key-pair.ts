import {
  LinkType,
  ObjectType,
  Operation,
  Tag,
  commonAttributes,
  identifierReference,
  interval,
  optional,
  privateKeyAttributes,
  publicKeyAttributes,
  required,
  serverSetAttributes,
  structure,
  textString,
  type AttributeKey,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import { requireConsistentDates, sameValue } from '../objects/attribute-rules';
import type { AttributeSet } from '../objects/attribute-set';
import { makeKeyPair } from '../objects/key-pair';
import { isToBeInHsm, protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import {
  inheritedAttributes,
  linkedBy,
  movedDates,
  replaceBy,
  requireReplaceable,
  requireValuePresent,
} from '../objects/replacement';
import { checkRequested, gatherAttributes, mergeAttributes } from '../objects/requested-attributes';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Replaces both keys of a pair by new ones, which take over their names; the old keys' states stay as they are. */
export const reKeyKeyPair = operation({
  name: 'ReKeyKeyPair',
  code: Operation.ReKeyKeyPair,
  window: { since: '1.1' },
  section: { v1: '4.5', v2: '6.1.47' },
  request: structure({
    privateKeyUniqueIdentifier: optional(Tag.PrivateKeyUniqueIdentifier, identifierReference),
    offsetSeconds: optional(Tag.Offset, interval),
    commonAttributes: commonAttributes(),
    privateKeyAttributes: privateKeyAttributes(),
    publicKeyAttributes: publicKeyAttributes(),
    commonProtectionStorageMasks: protectionStorageMasks(Tag.CommonProtectionStorageMasks),
    privateProtectionStorageMasks: protectionStorageMasks(Tag.PrivateProtectionStorageMasks),
    publicProtectionStorageMasks: protectionStorageMasks(Tag.PublicProtectionStorageMasks),
  }),
  response: structure({
    privateKeyUniqueIdentifier: required(Tag.PrivateKeyUniqueIdentifier, textString),
    publicKeyUniqueIdentifier: required(Tag.PublicKeyUniqueIdentifier, textString),
    privateKeyServerSetAttributes: serverSetAttributes(Tag.PrivateKeyTemplateAttribute),
    publicKeyServerSetAttributes: serverSetAttributes(Tag.PublicKeyTemplateAttribute),
  }),
  access: 'govern',
  objectTypes: [ObjectType.PrivateKey, ObjectType.PublicKey],
  reasons: [
    'ItemNotFound',
    'ObjectNotFound',
    'ObjectDestroyed',
    'AttributeReadOnly',
    'CryptographicFailure',
    'InvalidObjectType',
    'KeyValueNotPresent',
    'MissingData',
    'NonUniqueNameAttribute',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'PrivateProtectionStorageUnavailable',
    'PublicProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],
  // Most pairs are RSA; which this one is shows only once it is fetched.
  isSlow: () => true,

  async execute(request, context) {
    const { commonProtectionStorageMasks, privateProtectionStorageMasks, publicProtectionStorageMasks } =
      request;
    for (const masks of [commonProtectionStorageMasks, publicProtectionStorageMasks])
      requireProtectionStorage(masks, 'PublicProtectionStorageUnavailable');
    const old = await fetchPair(context.identify(request.privateKeyUniqueIdentifier), context);
    const common = request.commonAttributes;
    const forPrivate = await gatherAttributes([common, request.privateKeyAttributes], context);
    const forPublic = await gatherAttributes([common, request.publicKeyAttributes], context);
    checkRequested(forPrivate, ObjectType.PrivateKey, 'generated');
    checkRequested(forPublic, ObjectType.PublicKey, 'generated');
    const inherited = {
      privateKey: inheritedAttributes(old.privateKey, ObjectType.PrivateKey),
      publicKey: inheritedAttributes(old.publicKey, ObjectType.PublicKey),
    };
    keepCurve(old.privateKey, Object.values(inherited), context);
    for (const asked of [forPrivate, forPublic]) forgetWhatChanges(Object.values(inherited), asked);
    const { offsetSeconds } = request;
    const { nowSeconds } = context;
    mergeAttributes(inherited.privateKey, movedDates(old.privateKey, forPrivate, offsetSeconds, nowSeconds));
    mergeAttributes(inherited.publicKey, movedDates(old.publicKey, forPublic, offsetSeconds, nowSeconds));
    mergeAttributes(inherited.privateKey, forPrivate);
    mergeAttributes(inherited.publicKey, forPublic);
    requireConsistentDates(inherited.privateKey, forPrivate);
    requireConsistentDates(inherited.publicKey, forPublic);
    const isInside = isToBeInHsm(
      inherited.privateKey,
      [commonProtectionStorageMasks, privateProtectionStorageMasks],
      context,
      old.privateKey,
      'PrivateProtectionStorageUnavailable',
    );
    const { privateKey, publicKey } = await makeKeyPair(
      inherited.privateKey,
      inherited.publicKey,
      isInside,
      context,
    );
    replaceBy(old.privateKey, privateKey, context);
    replaceBy(old.publicKey, publicKey, context);
    context.produced(privateKey.uniqueIdentifier, 'private-key');
    context.produced(publicKey.uniqueIdentifier, 'public-key');
    return {
      privateKeyUniqueIdentifier: privateKey.uniqueIdentifier,
      publicKeyUniqueIdentifier: publicKey.uniqueIdentifier,
    };
  },
});

interface Pair {
  readonly privateKey: ManagedObject;
  readonly publicKey: ManagedObject;
}

/** The pair is found by its private key, which links to the public one. */
async function fetchPair(uniqueIdentifier: string, { objects }: OperationContext): Promise<Pair> {
  const privateKey = await objects.fetch(uniqueIdentifier);
  requireReplaceable(privateKey, ObjectType.PrivateKey);
  requireValuePresent(privateKey);
  const publicIdentifier = linkedBy(privateKey, LinkType.PublicKeyLink);
  const publicKey = publicIdentifier === undefined ? undefined : await objects.find(publicIdentifier);
  if (publicKey === undefined) {
    throw new HoldfastError('PermissionDenied', 'the private key has no Link to a public key: it is no pair');
  }
  requireReplaceable(publicKey, ObjectType.PublicKey);
  return { privateKey, publicKey };
}

/**
 * A pair that was registered need not say its curve, and clients may add another: the new pair is over the same, not over the
 * usual one of its length.
 */
function keepCurve(
  old: ManagedObject,
  inherited: readonly AttributeSet[],
  { crypto }: OperationContext,
): void {
  const value = old.stored.openValue();
  if (value.objectType !== ObjectType.PrivateKey) return;
  const { curve } = crypto.inspectKey(ObjectType.PrivateKey, value.keyBlock);
  if (curve === undefined) return;
  for (const half of inherited) half.set('CryptographicDomainParameters', { recommendedCurve: curve });
}

/** What describes a key together: where a request changes the first, the others are not those of the old key any more. */
const DESCRIBED_TOGETHER: readonly (readonly [AttributeKey, ...AttributeKey[]])[] = [
  ['CryptographicAlgorithm', 'CryptographicLength', 'CryptographicDomainParameters'],
  ['CryptographicLength', 'CryptographicDomainParameters'],
  ['CryptographicDomainParameters', 'CryptographicLength'],
  ['CryptographicParameters'],
];

/** What is asked for one key of the pair holds for both, so neither inherits what contradicts it. */
function forgetWhatChanges(inherited: readonly AttributeSet[], asked: AttributeSet): void {
  for (const keys of DESCRIBED_TOGETHER) {
    const [wanted] = asked.instances(keys[0]);
    if (wanted === undefined) continue;
    for (const attributes of inherited) {
      if (attributes.instances(keys[0]).some((instance) => sameValue(instance, wanted))) continue;
      for (const key of keys) attributes.clear(key);
    }
  }
}
