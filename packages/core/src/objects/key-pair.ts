import { LinkType, ObjectType } from '@holdfast/kmip';
import type { OperationContext } from '../operation';
import type { GeneratedKey } from '../ports/crypto';
import type { AttributeSet } from './attribute-set';
import { generatedKeyBlock, makeObject, requireKeyFormat } from './new-object';
import { addLink } from './link';
import type { Made } from './replacement';
import { describeKeyPair } from './requested-key';

/**
 * Makes the two keys of a pair, linked to each other. The attributes are completed from what is made.
 * @throws HoldfastError InvalidMessage, InvalidField, KeyFormatTypeNotSupported, GeneralFailure
 */
export async function makeKeyPair(
  forPrivate: AttributeSet,
  forPublic: AttributeSet,
  context: OperationContext,
): Promise<{ readonly privateKey: Made; readonly publicKey: Made }> {
  const pair = await context.crypto.generateKeyPair(describeKeyPair(forPrivate, forPublic, context));
  const privateKey = makeHalf(ObjectType.PrivateKey, pair.privateKey, forPrivate, context);
  const publicKey = makeHalf(ObjectType.PublicKey, pair.publicKey, forPublic, context);
  addLink(privateKey.attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
  addLink(publicKey.attributes, LinkType.PrivateKeyLink, privateKey.uniqueIdentifier);
  return { privateKey, publicKey };
}

function makeHalf(
  objectType: typeof ObjectType.PrivateKey | typeof ObjectType.PublicKey,
  key: GeneratedKey,
  requested: AttributeSet,
  context: OperationContext,
): Made {
  requested.set('CryptographicAlgorithm', requested.get('CryptographicAlgorithm') ?? key.algorithm);
  requested.set('CryptographicLength', key.lengthBits);
  const keyBlock = requireKeyFormat(objectType, generatedKeyBlock(key), requested, context);
  return makeObject({ value: { objectType, keyBlock }, requested, origin: 'generated' }, context);
}
