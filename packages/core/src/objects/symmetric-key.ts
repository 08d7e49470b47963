import { ObjectType, type ManagedObjectValue } from '@holdfast/kmip';
import type { OperationContext } from '../operation';
import type { AttributeSet } from './attribute-set';
import { generatedKeyBlock, requireKeyFormat, requireUsualFormat } from './new-object';
import { hsmOf } from './protection-storage';
import { describeSymmetricKey } from './requested-key';

/**
 * A new symmetric key, here or inside the HSM; the request's attributes are completed to match.
 * @throws HoldfastError InvalidField, KeyFormatTypeNotSupported, and as HsmKeyMaker
 */
export async function generateSymmetricKey(
  requested: AttributeSet,
  isInHsm: boolean,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const objectType = ObjectType.SymmetricKey;
  const { algorithm, lengthBits } = describeSymmetricKey(requested, context);
  if (isInHsm) {
    const made = await hsmOf(context).makeSymmetricKey(algorithm, lengthBits);
    return { objectType, keyBlock: requireUsualFormat(objectType, made, requested) };
  }
  const generated = generatedKeyBlock(context.crypto.generateSymmetricKey(algorithm, lengthBits));
  return { objectType, keyBlock: requireKeyFormat(objectType, generated, requested, context) };
}
