import {
  Operation,
  Tag,
  byteString,
  optional,
  required,
  secretByteString,
  structure,
  textString,
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
  requireData,
  requireOneSource,
  runPart,
} from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'Sign';
const USE = KEY_USES.sign;

/** Signs data, or a digest of it, under a private key. */
export const sign = operation({
  name: NAME,
  code: Operation.Sign,
  window: { since: '1.2' },
  section: { v1: '4.31', v2: '6.1.55' },
  request: structure({
    ...keyUseFields,
    data: optional(Tag.Data, secretByteString),
    digestedData: optional(Tag.DigestedData, secretByteString, { since: '1.4' }),
    ...partFields,
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    signatureData: optional(Tag.SignatureData, byteString),
    ...correlationField,
  }),
  access: 'use',
  objectTypes: USE.objectTypes,
  states: STATES_OF[USE.purpose],
  reasons: [
    ...KEY_USE_REASONS,
    'UnsupportedCryptographicParameters',
    'UsageLimitExceeded',
    ...GENERAL_REASONS,
  ],
  isRepeatable: (request) => isWhole(request),

  async execute(request, context) {
    const object = await fetchForPart(request, NAME, context);
    requireUse(object, USE, context.nowSeconds);
    requireOneSource(request);
    const { digestedData } = request;
    const data = digestedData === undefined ? requireData(request, request.data, NO_DATA) : NO_DATA;
    spendUsage(object, (digestedData ?? data).length, placeOf(request).isFirst, context);
    const { uniqueIdentifier } = object;
    const { result, correlationValue } = await runPart(
      request,
      {
        operation: NAME,
        uniqueIdentifier,
        begin: () =>
          context.crypto.signing(keyUseRequest(object, request.cryptographicParameters), digestedData),
        apply(stream, isLast) {
          stream.update(data);
          return isLast ? stream.final(context.asker) : undefined;
        },
      },
      context,
    );
    return { uniqueIdentifier, signatureData: result, correlationValue };
  },
});
