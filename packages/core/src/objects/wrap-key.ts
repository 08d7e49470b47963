import {
  ObjectType,
  Tag,
  decodeAttributeName,
  plainKeyValueStructure,
  type Attribute,
  type Dialect,
  type KeyBlock,
  type KeyValue,
  type KeyWrappingData,
  type KeyWrappingSpecification,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes, encodeTtlv } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import { instancesOf } from './attribute-rules';
import { KEY_USES, spendUsage, type KeyUse } from './key-use';
import { hidesKey, isBareMaterial, keyToWrapWith, passThrough, stepsOf } from './wrapping-key';

/** Wrapping a key on its way out, by keys that the server holds. KMIP 1.4 sections 2.1.5 and 2.1.6, KMIP 2.1 section 7.18. */

type KeyValueInClear = Exclude<KeyValue, { readonly encoded: SecretBytes }>;

/** The Key Value that is wrapped: with the attributes that the specification names. */
function keyValueToWrap(
  keyBlock: KeyBlock,
  object: ManagedObject,
  { attributeNames, encodingOption }: KeyWrappingSpecification,
  { dialect }: OperationContext,
): KeyValueInClear {
  const { keyValue } = keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue) {
    throw new HoldfastError('KeyValueNotPresent', 'there is no key in clear to be wrapped');
  }
  const isBytes = keyValue.keyMaterial instanceof SecretBytes;
  if (isBareMaterial(encodingOption) && (attributeNames.length > 0 || !isBytes)) {
    throw new HoldfastError(
      'EncodingOptionError',
      'No Encoding takes neither attributes nor a key format that is a structure',
    );
  }
  const attributes = attributeNames.flatMap((name): readonly Attribute[] =>
    instancesOf(object.attributes, decodeAttributeName(name, dialect)),
  );
  return { ...keyValue, attributes };
}

/** A Key Value in TTLV, as the version has it. @throws HoldfastError EncodingOptionError */
export function encodeKeyValue(keyValue: KeyValueInClear, dialect: Dialect): SecretBytes {
  const item = plainKeyValueStructure.encode(Tag.KeyValue, keyValue, dialect);
  if (item === undefined) throw new HoldfastError('EncodingOptionError', 'the key cannot be encoded');
  return new SecretBytes(encodeTtlv(item));
}

/** What is encrypted or authenticated: the bytes of the key alone, or Key Material and attributes as a TTLV structure. */
function contentOf(keyValue: KeyValueInClear, isBare: boolean, { dialect }: OperationContext): SecretBytes {
  const { keyMaterial } = keyValue;
  if (isBare && keyMaterial instanceof SecretBytes) return keyMaterial;
  return encodeKeyValue(keyValue, dialect);
}

function useForAuthentication(objectType: ObjectType): KeyUse {
  return objectType === ObjectType.SymmetricKey ? KEY_USES.mac : KEY_USES.sign;
}

/** Encrypts or authenticates the content, and spends the Usage Limits of the key that does it. */
async function encrypt(
  content: SecretBytes,
  { encryptionKeyInformation }: KeyWrappingSpecification,
  context: OperationContext,
) {
  const { object, request } = await keyToWrapWith(
    encryptionKeyInformation,
    'encrypt',
    () => KEY_USES.wrap,
    context,
  );
  const { data, ivCounterNonce } = await context.crypto.wrapBytes(request, content);
  spendUsage(object, content.length, true, context);
  const { parameters: cryptographicParameters } = request;
  const { uniqueIdentifier } = object;
  return {
    encrypted: new SecretBytes(data),
    told: {
      encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters },
      ...(ivCounterNonce === undefined ? {} : { ivCounterNonce }),
    },
  };
}

async function authenticate(
  content: SecretBytes,
  { macSignatureKeyInformation }: KeyWrappingSpecification,
  context: OperationContext,
): Promise<Partial<KeyWrappingData>> {
  const { object, request } = await keyToWrapWith(
    macSignatureKeyInformation,
    'authenticate',
    useForAuthentication,
    context,
  );
  const { crypto } = context;
  const isMac = request.value.objectType === ObjectType.SymmetricKey;
  const summary = isMac ? crypto.mac(request) : crypto.signing(request, undefined);
  const macSignature = await passThrough(summary, content, () => summary.final(context.asker));
  spendUsage(object, content.length, true, context);
  const { parameters: cryptographicParameters } = request;
  const { uniqueIdentifier } = object;
  return { macSignatureKeyInformation: { uniqueIdentifier, cryptographicParameters }, macSignature };
}

/** Information for a step that the method does not have is an error: the client believes that it protects. */
function requireOnlyNeededKeys({
  wrappingMethod,
  encryptionKeyInformation,
  macSignatureKeyInformation,
}: KeyWrappingSpecification): void {
  const steps = stepsOf(wrappingMethod);
  const isTooMuch =
    (encryptionKeyInformation !== undefined && !steps.includes('encrypt')) ||
    (macSignatureKeyInformation !== undefined && !steps.includes('authenticate'));
  if (isTooMuch)
    throw new HoldfastError('InvalidField', 'the Wrapping Method does not use all keys that are named');
}

/**
 * The key block with its key wrapped as specified; what is only authenticated stays in clear.
 * @param wasWithinKeyMaterial the key was registered with its wrapped bytes in Key Material, and the client expects them
 *   there again (TC-WRAP-3-14; TC-SENSITIVE-1-14 shows the usual place)
 * @throws HoldfastError FeatureNotSupported (TR-31), WrappingObjectNotFound, WrappingObjectArchived,
 *   WrappingObjectDestroyed, InvalidObjectType, WrongKeyLifecycleState, IncompatibleCryptographicUsageMask,
 *   UsageLimitExceeded, BadCryptographicParameters, EncodingOptionError, KeyValueNotPresent, CryptographicFailure
 */
export async function wrapKey(
  keyBlock: KeyBlock,
  object: ManagedObject,
  specification: KeyWrappingSpecification,
  context: OperationContext,
  wasWithinKeyMaterial: boolean,
): Promise<KeyBlock> {
  const { wrappingMethod, encodingOption } = specification;
  requireOnlyNeededKeys(specification);
  const keyValue = keyValueToWrap(keyBlock, object, specification, context);
  const isBare = isBareMaterial(encodingOption);
  const inClear = contentOf(keyValue, isBare, context);
  let content = inClear;
  let keyWrappingData: KeyWrappingData = { wrappingMethod, encodingOption };
  try {
    for (const step of stepsOf(wrappingMethod)) {
      if (step === 'authenticate') {
        keyWrappingData = { ...keyWrappingData, ...(await authenticate(content, specification, context)) };
      } else {
        const { encrypted, told } = await encrypt(content, specification, context);
        keyWrappingData = { ...keyWrappingData, ...told };
        content = encrypted;
      }
    }
  } finally {
    // Bare material is the object's own.
    if (!isBare) inClear.destroy();
  }
  if (!hidesKey(wrappingMethod)) return { ...keyBlock, keyValue, keyWrappingData };
  const isWithinKeyMaterial = wasWithinKeyMaterial && isBare;
  const wrapped = isWithinKeyMaterial ? { encoded: content, isWithinKeyMaterial } : { encoded: content };
  return { ...keyBlock, keyValue: wrapped, keyWrappingData };
}
