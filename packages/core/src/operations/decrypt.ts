import {
  Operation,
  Tag,
  byteString,
  optional,
  required,
  secretByteString,
  structure,
  textString,
  type Infer,
} from '@holdfast/kmip';
import {
  KEY_USE_REASONS,
  KEY_USES,
  STATES_OF,
  keyUseFields,
  keyUseRequest,
  requireUse,
} from '../objects/key-use';
import {
  correlationField,
  fetchForPart,
  isWhole,
  joined,
  partFields,
  requireAdditionalDataInTime,
  requireData,
  runPart,
  unlessEmpty,
} from '../objects/parts';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'Decrypt';
const USE = KEY_USES.decrypt;

/** Versions before tags have a member of their own have them behind the ciphertext. */
const HAS_TAG = { since: '1.4' } as const;

const decryptRequest = structure({
  ...keyUseFields,
  data: optional(Tag.Data, byteString),
  ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
  ...partFields,
  additionalData: optional(Tag.AuthenticatedEncryptionAdditionalData, byteString, HAS_TAG),
  authenticatedEncryptionTag: optional(Tag.AuthenticatedEncryptionTag, byteString, HAS_TAG),
});

/** Decrypts data under a key. */
export const decrypt = operation({
  name: NAME,
  code: Operation.Decrypt,
  window: { since: '1.2' },
  section: { v1: '4.30', v2: '6.1.11' },
  request: decryptRequest,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    data: optional(Tag.Data, secretByteString),
    ...correlationField,
  }),
  access: 'use',
  objectTypes: USE.objectTypes,
  states: STATES_OF[USE.purpose],
  reasons: [
    ...KEY_USE_REASONS,
    'MissingInitializationVector',
    'UnsupportedCryptographicParameters',
    ...GENERAL_REASONS,
  ],
  isRepeatable: (request) => isWhole(request),

  execute: (request, context) => decryptPart(request, !context.dialect.knows(HAS_TAG), context),
});

/**
 * What the operation does, also where a tag follows the ciphertext whatever the version.
 * @param isTagAppended whether the ciphertext of authenticated encryption ends in its tag
 */
export async function decryptPart(
  request: Infer<typeof decryptRequest>,
  isTagAppended: boolean,
  context: OperationContext,
) {
  const object = await fetchForPart(request, NAME, context);
  requireUse(object, USE, context.nowSeconds);
  requireAdditionalDataInTime(request);
  const data = requireData(request, request.data, Buffer.alloc(0));
  const { uniqueIdentifier } = object;
  const { result, correlationValue } = await runPart(
    request,
    {
      operation: NAME,
      uniqueIdentifier,
      begin() {
        const use = keyUseRequest(object, request.cryptographicParameters);
        const ofObject = object.attributes.get('CryptographicParameters');
        return context.crypto.decryption({
          ...use,
          ivCounterNonce: request.ivCounterNonce,
          additionalData: request.additionalData,
          tag: request.authenticatedEncryptionTag,
          isTagAppended,
          // Where IVs are random and none is sent, clients are known that send it in front of the ciphertext.
          isIvPrefixed: (use.parameters.randomIV ?? ofObject?.randomIV) === true,
        });
      },
      async apply(stream, isLast) {
        const begun = stream.update(data);
        return isLast ? joined(begun, await stream.final()) : begun;
      },
    },
    context,
  );
  return { uniqueIdentifier, data: unlessEmpty(result, request), correlationValue };
}
