import {
  CryptographicAlgorithm,
  EncodingOption,
  KeyFormatType,
  STORAGE_DIALECT,
  ObjectType,
  WrappingMethod,
  encodeTransparentKey,
  type Attribute,
  type CryptographicParameters,
  type KeyBlock,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { keyBlockOf } from '../objects/new-object';
import { unwrapKey } from '../objects/unwrap-key';
import type { ObjectAccess } from '../object-access';
import type { OperationContext } from '../operation';
import { deriveFrom } from '../operations/derive-key';
import { get } from '../operations/get';
import { register } from '../operations/register';
import {
  CKA,
  attributesOf,
  readTemplate,
  withUses,
  type Pkcs11Template,
  type Pkcs11Value,
} from './attributes';
import {
  byOperation,
  bytesFor,
  done,
  inSession,
  refused,
  refusedMechanism,
  Rv,
  withoutNotes,
  type Pkcs11Call,
} from './call';
import { inClear, ulong } from './codec';
import type { Pkcs11Library } from './library';
import { readDerivation, readWrappingMechanism } from './mechanisms';

/** Functions of PKCS#11 by which keys come in and go out, by the rules of Register and Get. */

const keyInformation = (uniqueIdentifier: string, cryptographicParameters: CryptographicParameters) => ({
  uniqueIdentifier,
  cryptographicParameters,
});

/** What a key is to be, and its bytes where the template has them. */
interface NewKey {
  readonly attributes: readonly Attribute[];
  readonly value: Pkcs11Value | undefined;
}

/** A template for a symmetric key; undefined where it says something else, or less than is needed. */
function readNewKey(template: Pkcs11Template, context: OperationContext): NewKey | undefined {
  const said = attributesOf(new Map([...template].filter(([type]) => type !== CKA.VALUE)));
  const objectType = said?.find(({ key }) => key === 'ObjectType')?.value;
  if (said === undefined || objectType !== ObjectType.SymmetricKey) return undefined;
  if (!said.some(({ key }) => key === 'CryptographicAlgorithm')) return undefined;
  const attributes = withUses(said, template, objectType, context).filter(({ key }) => key !== 'ObjectType');
  return { attributes, value: template.get(CKA.VALUE) };
}

/** Keys are for use at once: they are made Active. */
async function registerKey(
  { attributes }: NewKey,
  keyMaterial: SecretBytes,
  library: Pkcs11Library,
  context: OperationContext,
): Promise<Buffer> {
  const algorithm = attributes.find(({ key }) => key === 'CryptographicAlgorithm')?.value;
  const keyBlock: KeyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { keyMaterial, attributes: [] },
    cryptographicAlgorithm: algorithm as CryptographicAlgorithm,
    cryptographicLengthBits: keyMaterial.length * 8,
  };
  const others = attributes.filter(
    ({ key }) => key !== 'CryptographicAlgorithm' && key !== 'CryptographicLength',
  );
  const active: Attribute = { key: 'ActivationDate', value: context.nowSeconds };
  const { uniqueIdentifier } = await register.execute(
    {
      objectType: ObjectType.SymmetricKey,
      newAttributes: { templateNames: [], attributes: [...others, active] },
      object: { objectType: ObjectType.SymmetricKey, keyBlock },
    },
    withoutNotes(context),
  );
  return ulong(library.handleOf(uniqueIdentifier));
}

/** Symmetric keys alone. */
const createObject = inSession(({ isReadWrite }, input, library, context) => {
  const template = readTemplate(input);
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  if (template === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  input.end();
  const wanted = readNewKey(template, context);
  if (wanted === undefined) return refused(Rv.TEMPLATE_INCONSISTENT);
  const { value } = wanted;
  if (!Buffer.isBuffer(value)) return refused(Rv.TEMPLATE_INCOMPLETE);
  return byOperation('create', context, async (within) =>
    done(await registerKey(wanted, SecretBytes.copyOf(value), library, within)),
  );
});

const wrapKey = inSession((_session, input, library, context) => {
  const mechanism = readWrappingMechanism(input);
  const wrappingKey = library.identifierOf(input.ulong());
  const uniqueIdentifier = library.identifierOf(input.ulong());
  const room = input.wantedCount();
  if (typeof mechanism === 'string') return refusedMechanism(mechanism);
  input.end();
  if (wrappingKey === undefined || uniqueIdentifier === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
  const wrapped = async (objects: ObjectAccess) => {
    const within = { ...context, objects };
    const { attributes } = await objects.fetch(uniqueIdentifier);
    const isPrivate = attributes.get('ObjectType') === ObjectType.PrivateKey;
    const answer = await get.execute(
      {
        uniqueIdentifier,
        ...(isPrivate ? { keyFormatType: KeyFormatType.PKCS_8 } : {}),
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: keyInformation(wrappingKey, mechanism.parameters),
          attributeNames: [],
          encodingOption: EncodingOption.NoEncoding,
        },
      },
      withoutNotes(within),
    );
    const keyValue = keyBlockOf(answer.object)?.keyValue;
    const bytes = keyValue !== undefined && 'encoded' in keyValue ? keyValue.encoded : keyValue?.keyMaterial;
    if (!(bytes instanceof SecretBytes)) return { ...refused(Rv.KEY_TYPE_INCONSISTENT), isLast: false };
    return bytesFor(room, inClear(bytes));
  };
  return byOperation('obtain', context, async ({ objects }) => {
    // Whoever only asks how long it will be has wrapped nothing, and uses up nothing.
    const { returnCode, output } = await objects.within('obtain', wrapped, ({ isLast }) => isLast);
    return { returnCode, ...(output === undefined ? {} : { output }) };
  });
});

/** Symmetric keys alone. */
const unwrap = inSession(({ isReadWrite }, input, library, context) => {
  const mechanism = readWrappingMechanism(input);
  const wrappingKey = library.identifierOf(input.ulong());
  const encoded = SecretBytes.copyOf(input.byteString());
  const template = readTemplate(input);
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  if (typeof mechanism === 'string') return refusedMechanism(mechanism);
  if (wrappingKey === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
  if (template === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  input.end();
  const wanted = readNewKey(template, context);
  if (wanted === undefined || wanted.value !== undefined) return refused(Rv.TEMPLATE_INCONSISTENT);
  const wrapped: KeyBlock = {
    keyFormatType: KeyFormatType.Raw,
    keyValue: { encoded },
    keyWrappingData: {
      wrappingMethod: WrappingMethod.Encrypt,
      encryptionKeyInformation: keyInformation(wrappingKey, mechanism.parameters),
      encodingOption: EncodingOption.NoEncoding,
    },
  };
  return byOperation(
    'create',
    context,
    async (within) => {
      const opened = await within.objects.within('use', (objects) =>
        unwrapKey(wrapped, { ...within, objects }),
      );
      const { keyValue } = opened;
      const isRaw = keyValue !== undefined && !('encoded' in keyValue);
      const material = isRaw ? keyValue.keyMaterial : undefined;
      if (!(material instanceof SecretBytes)) return refused(Rv.WRAPPED_KEY_INVALID);
      return done(await registerKey(wanted, material, library, within));
    },
    { CryptographicFailure: Rv.WRAPPED_KEY_INVALID },
  );
});

const OCTET_STRING = 0x04;

/**
 * The other party's public key: a point on the curve of ours, alone or in an OCTET STRING (PKCS#11 Current Mechanisms v3.0
 * section 2.3.17). Undefined where ours is not over a curve.
 */
async function peerOf(
  uniqueIdentifier: string,
  publicData: Buffer,
  { objects, crypto }: OperationContext,
): Promise<ManagedObjectValue | undefined> {
  const value = (await objects.fetch(uniqueIdentifier)).stored.openValue();
  if (value.objectType !== ObjectType.PrivateKey) return undefined;
  const { curve: recommendedCurve, lengthBits } = crypto.inspectKey(value.objectType, value.keyBlock);
  if (recommendedCurve === undefined || lengthBits === undefined) return undefined;
  const pointLengthBytes = 1 + 2 * Math.ceil(lengthBits / 8);
  const long = pointLengthBytes < 0x80 ? [] : [0x81];
  const header = Buffer.from([OCTET_STRING, ...long, pointLengthBytes]);
  const isWrapped =
    publicData.length === header.length + pointLengthBytes &&
    publicData.subarray(0, header.length).equals(header);
  const qString = isWrapped ? publicData.subarray(header.length) : publicData;
  const keyFormatType = KeyFormatType.TransparentECPublicKey;
  const keyMaterial = encodeTransparentKey(keyFormatType, { recommendedCurve, qString }, STORAGE_DIALECT);
  return {
    objectType: ObjectType.PublicKey,
    keyBlock: { keyFormatType, keyValue: { keyMaterial, attributes: [] } },
  };
}

/** Symmetric keys alone, Active at once. */
const derive = inSession(({ isReadWrite }, input, library, context) => {
  const derivation = readDerivation(input);
  const baseKey = library.identifierOf(input.ulong());
  const template = readTemplate(input);
  if (!isReadWrite) return refused(Rv.SESSION_READ_ONLY);
  if (typeof derivation === 'string') return refusedMechanism(derivation);
  if (baseKey === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
  if (template === undefined) return refused(Rv.ATTRIBUTE_TYPE_INVALID);
  input.end();
  const wanted = readNewKey(template, context);
  if (wanted === undefined || wanted.value !== undefined) return refused(Rv.TEMPLATE_INCONSISTENT);
  if (!wanted.attributes.some(({ key }) => key === 'CryptographicLength')) {
    return refused(Rv.TEMPLATE_INCOMPLETE);
  }
  const active: Attribute = { key: 'ActivationDate', value: context.nowSeconds };
  return byOperation('use', context, async (within) => {
    const { publicData, ...method } = derivation;
    const peer = publicData === undefined ? undefined : await peerOf(baseKey, publicData, within);
    if (publicData !== undefined && peer === undefined) return refused(Rv.KEY_TYPE_INCONSISTENT);
    const { uniqueIdentifier } = await deriveFrom(
      {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifiers: [baseKey],
        ...method,
        newAttributes: { templateNames: [], attributes: [...wanted.attributes, active] },
      },
      peer,
      withoutNotes(within),
    );
    return done(ulong(library.handleOf(uniqueIdentifier)));
  });
});

export const TRANSFER_FUNCTIONS: ReadonlyMap<number, Pkcs11Call> = new Map([
  [21, createObject],
  [61, wrapKey],
  [62, unwrap],
  [63, derive],
]);
