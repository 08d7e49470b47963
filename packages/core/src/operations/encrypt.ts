import {
  Operation,
  Tag,
  byteString,
  cryptographicParametersStructure,
  identifierReference,
  optional,
  required,
  secretByteString,
  structure,
  textString,
} from '@holdfast/kmip';
import { KEY_USES, STATES_OF, keyUseRequest, requireUse, spendUsage } from '../objects/key-use';
import {
  NO_DATA,
  correlationField,
  fetchForPart,
  isWhole,
  partFields,
  placeOf,
  requireData,
  runPart,
  unlessEmpty,
} from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'Encrypt';
const USE = KEY_USES.encrypt;

/** Versions before tags have a member of their own get them behind the ciphertext, as RFC 5116 has it. */
const HAS_TAG = { since: '1.4' } as const;

/** Encrypts data under a key. */
export const encrypt = operation({
  name: NAME,
  code: Operation.Encrypt,
  window: { since: '1.2' },
  section: { v1: '4.29', v2: '6.1.17' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParametersStructure),
    data: optional(Tag.Data, secretByteString),
    ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
    ...partFields,
    additionalData: optional(Tag.AuthenticatedEncryptionAdditionalData, byteString, HAS_TAG),
  }),
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
    'BadCryptographicParameters',
    'CryptographicFailure',
    'IncompatibleCryptographicUsageMask',
    'InvalidCorrelationValue',
    'InvalidObjectType',
    'KeyValueNotPresent',
    'MissingInitializationVector',
    'ObjectNotFound',
    'UnsupportedCryptographicParameters',
    'UsageLimitExceeded',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],
  isRepeatable: (request) => isWhole(request),

  async execute(request, context) {
    const object = await fetchForPart(request, NAME, context);
    requireUse(object, USE, context.nowSeconds);
    const data = requireData(request, request.data, NO_DATA);
    spendUsage(object, data.length, placeOf(request).isFirst, context);
    const { uniqueIdentifier } = object;
    const { result, correlationValue } = await runPart(
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
        async apply(stream, isLast) {
          const begun = stream.update(data);
          const generatedIv = placeOf(request).isFirst ? stream.generatedIv : undefined;
          if (!isLast) return { data: begun, generatedIv, tag: undefined };
          const end = await stream.final();
          const all = end.data.length === 0 ? begun : Buffer.concat([begun, end.data]);
          return { data: all, generatedIv, tag: end.tag };
        },
      },
      context,
    );
    return {
      uniqueIdentifier,
      data: unlessEmpty(result.data, request),
      ivCounterNonce: result.generatedIv,
      correlationValue,
      authenticatedEncryptionTag: result.tag,
    };
  },
});
