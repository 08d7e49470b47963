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
  spendUsage,
} from '../objects/key-use';
import {
  NO_DATA,
  correlationField,
  fetchForPart,
  isWhole,
  partFields,
  placeOf,
  requireAdditionalDataInTime,
  requireData,
  runPart,
  unlessEmpty,
} from '../objects/parts';
import { whenThere } from '../awaitable';
import type { ManagedObject } from '../object-access';
import { operation, type OperationContext } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'Encrypt';
const USE = KEY_USES.encrypt;

/** Versions before tags have a member of their own get them behind the ciphertext, as RFC 5116 has it. */
const HAS_TAG = { since: '1.4' } as const;

const encryptRequest = structure({
  ...keyUseFields,
  data: optional(Tag.Data, secretByteString),
  ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
  ...partFields,
  additionalData: optional(Tag.AuthenticatedEncryptionAdditionalData, byteString, HAS_TAG),
});

/** Encrypts data under a key. */
export const encrypt = operation({
  name: NAME,
  code: Operation.Encrypt,
  window: { since: '1.2' },
  section: { v1: '4.29', v2: '6.1.17' },
  request: encryptRequest,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    data: optional(Tag.Data, byteString),
    ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
    ...correlationField,
    authenticatedEncryptionTag: optional(Tag.AuthenticatedEncryptionTag, byteString, HAS_TAG),
  }),
  access: 'use',
  objectTypes: USE.objectTypes,
  states: STATES_OF[USE.purpose],
  reasons: [
    ...KEY_USE_REASONS,
    'MissingInitializationVector',
    'UnsupportedCryptographicParameters',
    'UsageLimitExceeded',
    ...GENERAL_REASONS,
  ],
  isRepeatable: (request) => isWhole(request),

  execute(request, context) {
    return whenThere(fetchForPart(request, NAME, context), (object) => encryptPart(object, request, context));
  },
});

function encryptPart(
  object: ManagedObject,
  request: Infer<typeof encryptRequest>,
  context: OperationContext,
) {
  requireUse(object, USE, context.nowSeconds);
  requireAdditionalDataInTime(request);
  const data = requireData(request, request.data, NO_DATA);
  spendUsage(object, data.length, placeOf(request).isFirst, context);
  const { uniqueIdentifier } = object;
  const part = runPart(
    request,
    {
      operation: NAME,
      uniqueIdentifier,
      begin() {
        const { value, algorithm, parameters } = keyUseRequest(object, request.cryptographicParameters);
        return context.crypto.encryption({
          value,
          algorithm,
          parameters,
          ivCounterNonce: request.ivCounterNonce,
          additionalData: request.additionalData,
          isTagAppended: !context.dialect.knows(HAS_TAG),
        });
      },
      apply(stream, isLast) {
        const begun = stream.update(data);
        const generatedIv = placeOf(request).isFirst ? stream.generatedIv : undefined;
        if (!isLast) return { data: begun, generatedIv, tag: undefined };
        return whenThere(stream.final(), ({ data: rest, tag }) => {
          const all = rest.length === 0 ? begun : Buffer.concat([begun, rest]);
          return { data: all, generatedIv, tag };
        });
      },
    },
    context,
  );
  return whenThere(part, ({ result, correlationValue }) => ({
    uniqueIdentifier,
    data: unlessEmpty(result.data, request),
    ivCounterNonce: result.generatedIv,
    correlationValue,
    authenticatedEncryptionTag: result.tag,
  }));
}
