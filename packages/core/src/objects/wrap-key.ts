import {
  BlockCipherMode,
  CryptographicUsageMask,
  EncodingOption,
  KeyFormatType,
  ObjectType,
  State,
  Tag,
  WrappingMethod,
  decodeAttributeName,
  plainKeyValueStructure,
  type Attribute,
  type CryptographicParameters,
  type KeyBlock,
  type KeyWrappingSpecification,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes, encodeTtlv } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import { instancesOf } from './attribute-rules';
import { isWrapped } from './new-object';
import { isDestroyed } from './state';
import { requireObjectType, requireState } from './object-checks';

/** Wrapping a key on its way out, by a key that the server holds. KMIP 1.4 sections 2.1.5 and 2.1.6, KMIP 2.1 section 7.18. */

const DEFAULT_PARAMETERS: CryptographicParameters = { blockCipherMode: BlockCipherMode.NISTKeyWrap };

interface WrappingKey {
  readonly uniqueIdentifier: string;
  readonly material: SecretBytes;
  readonly parameters: CryptographicParameters;
}

function agrees(asked: CryptographicParameters, had: CryptographicParameters): boolean {
  return Object.entries(asked).every(([name, value]) => had[name as keyof CryptographicParameters] === value);
}

/**
 * The parameters asked for have to be among those of the wrapping key; a key that has none is used as asked, and without
 * anything asked by NIST Key Wrap (RFC 3394).
 * @throws HoldfastError BadCryptographicParameters
 */
function chooseParameters(
  asked: CryptographicParameters | undefined,
  wrappingKey: ManagedObject,
): CryptographicParameters {
  const had = wrappingKey.attributes.instances('CryptographicParameters').map(({ value }) => value);
  if (had.length === 0) return asked ?? DEFAULT_PARAMETERS;
  const match = asked === undefined ? had[0] : had.find((parameters) => agrees(asked, parameters));
  if (match === undefined) {
    throw new HoldfastError(
      'BadCryptographicParameters',
      'the wrapping key has no such Cryptographic Parameters',
    );
  }
  return asked ?? match;
}

/** @throws HoldfastError WrongKeyLifecycleState, IncompatibleCryptographicUsageMask where the key may not wrap now */
function requireWrapping(object: ManagedObject, nowSeconds: number): void {
  requireState(object, [State.Active]);
  const protectStopDate = object.attributes.get('ProtectStopDate');
  if (protectStopDate !== undefined && protectStopDate <= nowSeconds) {
    throw new HoldfastError('WrongKeyLifecycleState', 'the Protect Stop Date of the wrapping key has passed');
  }
  const usageMask = object.attributes.get('CryptographicUsageMask') ?? 0;
  if ((usageMask & CryptographicUsageMask.WrapKey) === 0) {
    throw new HoldfastError('IncompatibleCryptographicUsageMask', 'the wrapping key is not one for Wrap Key');
  }
}

function materialOf(object: ManagedObject, { crypto }: OperationContext): SecretBytes {
  const value = object.stored.openValue();
  const keyBlock = value.objectType === ObjectType.SymmetricKey ? value.keyBlock : undefined;
  if (keyBlock?.keyValue === undefined || isWrapped(keyBlock)) {
    throw new HoldfastError('KeyValueNotPresent', 'the server does not hold the wrapping key in clear');
  }
  const raw =
    keyBlock.keyFormatType === KeyFormatType.Raw
      ? keyBlock
      : crypto.convertKey(ObjectType.SymmetricKey, keyBlock, KeyFormatType.Raw);
  return crypto.keyMaterialBytes(raw);
}

async function findWrappingKey(
  specification: KeyWrappingSpecification,
  context: OperationContext,
): Promise<WrappingKey> {
  const information = specification.encryptionKeyInformation;
  if (information === undefined) {
    throw new HoldfastError('InvalidField', 'Key Wrapping Specification has no Encryption Key Information');
  }
  const uniqueIdentifier = context.identify(information.uniqueIdentifier);
  const object = await context.objects.find(uniqueIdentifier, undefined, 'WrappingObjectArchived');
  if (object === undefined) {
    throw new HoldfastError('WrappingObjectNotFound', 'no wrapping key has this unique identifier');
  }
  if (isDestroyed(object.state)) {
    throw new HoldfastError('WrappingObjectDestroyed', 'the wrapping key has been destroyed');
  }
  requireObjectType(object, [ObjectType.SymmetricKey]);
  requireWrapping(object, context.nowSeconds);
  return {
    uniqueIdentifier: object.uniqueIdentifier,
    parameters: chooseParameters(information.cryptographicParameters, object),
    material: materialOf(object, context),
  };
}

function wrappedAttributes(
  names: readonly string[],
  object: ManagedObject,
  { dialect }: OperationContext,
): readonly Attribute[] {
  return names.flatMap((name) => instancesOf(object.attributes, decodeAttributeName(name, dialect)));
}

/** What is encrypted: the bytes of the key alone, or Key Material and attributes as a TTLV structure. */
function contentOf(
  keyBlock: KeyBlock,
  object: ManagedObject,
  specification: KeyWrappingSpecification,
  context: OperationContext,
): SecretBytes {
  const { keyValue } = keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue) {
    throw new HoldfastError('KeyValueNotPresent', 'there is no key in clear to be wrapped');
  }
  const { attributeNames, encodingOption } = specification;
  if (encodingOption === EncodingOption.NoEncoding) {
    if (attributeNames.length > 0 || !(keyValue.keyMaterial instanceof SecretBytes)) {
      throw new HoldfastError(
        'EncodingOptionError',
        'No Encoding takes neither attributes nor a key format that is a structure',
      );
    }
    return keyValue.keyMaterial;
  }
  const attributes = wrappedAttributes(attributeNames, object, context);
  const item = plainKeyValueStructure.encode(Tag.KeyValue, { ...keyValue, attributes }, context.dialect);
  if (item === undefined) throw new HoldfastError('EncodingOptionError', 'the key cannot be encoded');
  return new SecretBytes(encodeTtlv(item));
}

/**
 * The key block with its key wrapped as specified.
 * @throws HoldfastError FeatureNotSupported (a wrapping method other than Encrypt), WrappingObjectNotFound,
 *   WrappingObjectDestroyed, InvalidObjectType, WrongKeyLifecycleState, IncompatibleCryptographicUsageMask,
 *   BadCryptographicParameters, EncodingOptionError, KeyValueNotPresent, CryptographicFailure
 */
export async function wrapKey(
  keyBlock: KeyBlock,
  object: ManagedObject,
  specification: KeyWrappingSpecification,
  context: OperationContext,
): Promise<KeyBlock> {
  const { wrappingMethod, encodingOption } = specification;
  if (wrappingMethod !== WrappingMethod.Encrypt || specification.macSignatureKeyInformation !== undefined) {
    throw new HoldfastError('FeatureNotSupported', 'keys are wrapped by the wrapping method Encrypt alone');
  }
  const { uniqueIdentifier, material, parameters } = await findWrappingKey(specification, context);
  const content = contentOf(keyBlock, object, specification, context);
  const encoded = new SecretBytes(context.crypto.wrapBytes(material, parameters, content));
  material.destroy();
  return {
    ...keyBlock,
    // A Byte String with either Encoding Option: KMIP 1.4 section 2.1.4.
    keyValue: { encoded },
    keyWrappingData: {
      wrappingMethod,
      encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: parameters },
      encodingOption,
    },
  };
}
