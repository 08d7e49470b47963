import { LinkType, ObjectType, type KeyBlock } from '@holdfast/kmip';
import type { OperationContext } from '../operation';
import type { GeneratedKey } from '../ports/crypto';
import type { AttributeSet } from './attribute-set';
import { generatedKeyBlock, makeObject, requireKeyFormat, requireUsualFormat } from './new-object';
import { addLink } from './link';
import { hsmOf } from './protection-storage';
import type { Made } from './replacement';
import { describeKeyPair } from './requested-key';

/**
 * Makes the two keys of a pair, linked to each other. The attributes are completed from what is made.
 * @param isInHsm whether the private key is to be inside the HSM
 * @throws HoldfastError InvalidMessage, InvalidField, KeyFormatTypeNotSupported, GeneralFailure
 */
export async function makeKeyPair(
  forPrivate: AttributeSet,
  forPublic: AttributeSet,
  isInHsm: boolean,
  context: OperationContext,
): Promise<{ readonly privateKey: Made; readonly publicKey: Made }> {
  const specification = describeKeyPair(forPrivate, forPublic, context);
  const pair = isInHsm
    ? await hsmOf(context).makeKeyPair(specification)
    : await context.crypto.generateKeyPair(specification, context.asker);
  const privateKey = makeHalf(ObjectType.PrivateKey, pair.privateKey, forPrivate, context);
  const publicKey = makeHalf(ObjectType.PublicKey, pair.publicKey, forPublic, context);
  addLink(privateKey.attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
  addLink(publicKey.attributes, LinkType.PrivateKeyLink, privateKey.uniqueIdentifier);
  return { privateKey, publicKey };
}

function makeHalf(
  objectType: typeof ObjectType.PrivateKey | typeof ObjectType.PublicKey,
  key: GeneratedKey | KeyBlock,
  requested: AttributeSet,
  context: OperationContext,
): Made {
  const made = 'keyMaterial' in key ? generatedKeyBlock(key) : key;
  const { cryptographicAlgorithm: algorithm, cryptographicLengthBits: lengthBits } = made;
  if (algorithm !== undefined && !requested.has('CryptographicAlgorithm'))
    requested.set('CryptographicAlgorithm', algorithm);
  if (lengthBits !== undefined) requested.set('CryptographicLength', lengthBits);
  const keyBlock =
    made.hsmKey === undefined
      ? requireKeyFormat(objectType, made, requested, context)
      : requireUsualFormat(objectType, made, requested);
  return makeObject({ value: { objectType, keyBlock }, requested, origin: 'generated' }, context);
}
