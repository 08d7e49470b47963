import {
  DIALECTS,
  ObjectType,
  plainKeyValueStructure,
  type KeyBlock,
  type KeyValue,
  type KeyWrappingData,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes, decodeTtlv } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import { KEY_USES, type KeyUse } from './key-use';
import { encodeKeyValue } from './wrap-key';
import { isBareMaterial, keyToUnwrapWith, passThrough, stepsOf } from './wrapping-key';

/** Opening a key that came wrapped, by keys that the server holds. KMIP 1.4 section 2.1.5, KMIP 2.1 section 3.3. */

function wrappedContent(keyValue: KeyValue | undefined, context: OperationContext): SecretBytes {
  if (keyValue === undefined)
    throw new HoldfastError('KeyValueNotPresent', 'there is no key to be unwrapped');
  return 'encoded' in keyValue ? keyValue.encoded : encodeKeyValue(keyValue, context);
}

function useForVerification(objectType: ObjectType): KeyUse {
  return objectType === ObjectType.SymmetricKey ? KEY_USES.verifyMac : KEY_USES.verify;
}

async function decrypt(
  content: SecretBytes,
  { encryptionKeyInformation, ivCounterNonce }: KeyWrappingData,
  context: OperationContext,
): Promise<SecretBytes> {
  const { request } = await keyToUnwrapWith(
    encryptionKeyInformation,
    'encrypt',
    () => KEY_USES.unwrap,
    context,
  );
  return context.crypto.unwrapBytes(request, { data: content.reveal(), ivCounterNonce });
}

/** @throws HoldfastError CryptographicFailure where MAC or signature are not those of the content */
async function verify(
  content: SecretBytes,
  { macSignatureKeyInformation, macSignature }: KeyWrappingData,
  context: OperationContext,
): Promise<void> {
  if (macSignature === undefined)
    throw new HoldfastError('InvalidField', 'Key Wrapping Data has no MAC/Signature');
  const { request } = await keyToUnwrapWith(
    macSignatureKeyInformation,
    'authenticate',
    useForVerification,
    context,
  );
  if (!(await isAuthentic(request, content, macSignature, context))) {
    throw new HoldfastError('CryptographicFailure', 'the MAC/Signature of the wrapped key is not right');
  }
}

async function isAuthentic(
  request: Parameters<OperationContext['crypto']['mac']>[0],
  content: SecretBytes,
  macSignature: Buffer,
  { crypto }: OperationContext,
): Promise<boolean> {
  if (request.value.objectType !== ObjectType.SymmetricKey) {
    const verification = crypto.verification(request, undefined);
    return passThrough(verification, content, () => verification.verify(macSignature));
  }
  const mac = crypto.mac(request);
  const computed = await passThrough(mac, content, () => mac.final());
  return new SecretBytes(computed).equals(SecretBytes.copyOf(macSignature));
}

/** The wrapped structure is that of the version in which it was wrapped, which may be another than that of the request. */
function decodeKeyValue(content: SecretBytes, { dialect }: OperationContext): KeyValue {
  for (const each of [dialect, ...DIALECTS]) {
    try {
      return plainKeyValueStructure.decode(decodeTtlv(content.reveal()), each);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
    }
  }
  throw new HoldfastError('EncodingOptionError', 'what was wrapped is not a Key Value structure');
}

/**
 * The key block in clear, with the attributes that were wrapped with it.
 * @throws HoldfastError FeatureNotSupported (TR-31), WrappingObjectNotFound, WrappingObjectArchived,
 *   WrappingObjectDestroyed, InvalidObjectType, WrongKeyLifecycleState, IncompatibleCryptographicUsageMask,
 *   EncodingOptionError, InvalidField, CryptographicFailure
 */
export async function unwrapKey(keyBlock: KeyBlock, context: OperationContext): Promise<KeyBlock> {
  const { keyWrappingData, ...inClear } = keyBlock;
  if (keyWrappingData === undefined) return keyBlock;
  let content = wrappedContent(keyBlock.keyValue, context);
  for (const step of stepsOf(keyWrappingData.wrappingMethod).toReversed()) {
    if (step === 'authenticate') await verify(content, keyWrappingData, context);
    else content = await decrypt(content, keyWrappingData, context);
  }
  const keyValue = isBareMaterial(keyWrappingData.encodingOption)
    ? { keyMaterial: content, attributes: [] }
    : decodeKeyValue(content, context);
  return { ...inClear, keyValue };
}
