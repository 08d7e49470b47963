import {
  CryptographicAlgorithm,
  ObjectType,
  Operation,
  Tag,
  commonAttributes,
  privateKeyAttributes,
  publicKeyAttributes,
  required,
  serverSetAttributes,
  structure,
  textString,
} from '@holdfast/kmip';
import { makeKeyPair } from '../objects/key-pair';
import { isToBeInHsm, protectionStorageMasks, requireProtectionStorage } from '../objects/protection-storage';
import { checkRequested, gatherAttributes } from '../objects/requested-attributes';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Pairs of these take from tenths of seconds to minutes. */
const SEARCHES_PRIMES: ReadonlySet<CryptographicAlgorithm> = new Set<CryptographicAlgorithm>([
  CryptographicAlgorithm.RSA,
  CryptographicAlgorithm.DSA,
  CryptographicAlgorithm.DH,
]);

/** Makes the two keys of a pair, linked to each other. */
export const createKeyPair = operation({
  name: 'CreateKeyPair',
  code: Operation.CreateKeyPair,
  window: {},
  section: { v1: '4.2', v2: '6.1.9' },
  request: structure({
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
  access: 'create',
  objectTypes: [ObjectType.PrivateKey, ObjectType.PublicKey],
  reasons: [
    'ItemNotFound',
    'AttributeReadOnly',
    'AttributeSingleValued',
    'CryptographicFailure',
    'InvalidAttribute',
    'InvalidAttributeValue',
    'IndexOutOfBounds',
    'NonUniqueNameAttribute',
    'ServerLimitExceeded',
    'ApplicationNamespaceNotSupported',
    'ObjectArchived',
    'PrivateProtectionStorageUnavailable',
    'PublicProtectionStorageUnavailable',
    ...GENERAL_REASONS,
  ],
  isSlow: ({ commonAttributes: common, privateKeyAttributes: forPrivate, publicKeyAttributes: forPublic }) =>
    [common, forPrivate, forPublic].some(({ attributes }) =>
      attributes.some(({ key, value }) => key === 'CryptographicAlgorithm' && SEARCHES_PRIMES.has(value)),
    ),

  async execute(request, context) {
    const { commonProtectionStorageMasks, privateProtectionStorageMasks, publicProtectionStorageMasks } =
      request;
    for (const masks of [commonProtectionStorageMasks, publicProtectionStorageMasks])
      requireProtectionStorage(masks, 'PublicProtectionStorageUnavailable');
    const common = request.commonAttributes;
    const forPrivate = await gatherAttributes([common, request.privateKeyAttributes], context);
    const forPublic = await gatherAttributes([common, request.publicKeyAttributes], context);
    checkRequested(forPrivate, ObjectType.PrivateKey, 'generated');
    checkRequested(forPublic, ObjectType.PublicKey, 'generated');
    const isInside = isToBeInHsm(
      forPrivate,
      [commonProtectionStorageMasks, privateProtectionStorageMasks],
      context,
      undefined,
      'PrivateProtectionStorageUnavailable',
    );
    const { privateKey, publicKey } = await makeKeyPair(forPrivate, forPublic, isInside, context);
    context.objects.create(privateKey);
    context.objects.create(publicKey);
    context.produced(privateKey.uniqueIdentifier, 'private-key');
    context.produced(publicKey.uniqueIdentifier, 'public-key');
    return {
      privateKeyUniqueIdentifier: privateKey.uniqueIdentifier,
      publicKeyUniqueIdentifier: publicKey.uniqueIdentifier,
    };
  },
});
