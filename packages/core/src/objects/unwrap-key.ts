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

type Contents = readonly [SecretBytes, ...SecretBytes[]];

/** What was wrapped; of a Key Value that is in clear, since it is only authenticated, its encodings in all versions. */
function wrappedContents(keyValue: KeyValue | undefined, { dialect }: OperationContext): Contents {
  if (keyValue === undefined)
    throw new HoldfastError('KeyValueNotPresent', 'there is no key to be unwrapped');
  if ('encoded' in keyValue) return [keyValue.encoded];
  const others = DIALECTS.filter((each) => each !== dialect);
  return [encodeKeyValue(keyValue, dialect), ...others.flatMap((each) => encodings(keyValue, each))];
}

/** None where the version does not know the attributes. */
function encodings(...[keyValue, dialect]: Parameters<typeof encodeKeyValue>): readonly SecretBytes[] {
  try {
    return [encodeKeyValue(keyValue, dialect)];
  } catch (error) {
    if (error instanceof HoldfastError) return [];
    throw error;
  }
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

/** @throws HoldfastError CryptographicFailure where MAC or signature are those of none of the contents */
async function authentic(
  contents: Contents,
  { macSignatureKeyInformation, macSignature }: KeyWrappingData,
  context: OperationContext,
): Promise<SecretBytes> {
  if (macSignature === undefined)
    throw new HoldfastError('InvalidField', 'Key Wrapping Data has no MAC/Signature');
  const { request } = await keyToUnwrapWith(
    macSignatureKeyInformation,
    'authenticate',
    useForVerification,
    context,
  );
  let right: SecretBytes | undefined;
  for (const [place, content] of contents.entries()) {
    const isNew = contents.findIndex((each) => each.equals(content)) === place;
    if (isNew && (await isAuthentic(request, content, macSignature, context))) right ??= content;
  }
  // One alone may be the object's own.
  for (const each of contents) if (contents.length > 1 && each !== right) each.destroy();
  if (right !== undefined) return right;
  throw new HoldfastError('CryptographicFailure', 'the MAC/Signature of the wrapped key is not right');
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
  let contents = wrappedContents(keyBlock.keyValue, context);
  for (const step of stepsOf(keyWrappingData.wrappingMethod).toReversed()) {
    contents = [
      step === 'authenticate'
        ? await authentic(contents, keyWrappingData, context)
        : await decrypt(contents[0], keyWrappingData, context),
    ];
  }
  const [content] = contents;
  const keyValue = isBareMaterial(keyWrappingData.encodingOption)
    ? { keyMaterial: content, attributes: [] }
    : decodeKeyValue(content, context);
  return { ...inClear, keyValue };
}
