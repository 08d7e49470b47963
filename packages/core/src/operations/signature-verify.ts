import {
  Operation,
  Tag,
  ValidityIndicator,
  byteString,
  enumerated,
  optional,
  required,
  secretByteString,
  structure,
  textString,
  validityIndicatorEnum,
} from '@holdfast/kmip';
import { Claim } from '../objects/claim';
import {
  KEY_USE_REASONS,
  KEY_USES,
  STATES_OF,
  keyUseFields,
  keyUseRequest,
  requireUse,
} from '../objects/key-use';
import {
  NO_DATA,
  correlationField,
  fetchForPart,
  isWhole,
  partFields,
  requireOneSource,
  runPart,
} from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'SignatureVerify';
const USE = KEY_USES.verify;

/** Tells whether a signature is that of the data under a key. */
export const signatureVerify = operation({
  name: NAME,
  code: Operation.SignatureVerify,
  window: { since: '1.2' },
  section: { v1: '4.32', v2: '6.1.56' },
  request: structure({
    ...keyUseFields,
    data: optional(Tag.Data, secretByteString),
    digestedData: optional(Tag.DigestedData, secretByteString, { since: '1.4' }),
    signatureData: optional(Tag.SignatureData, byteString),
    ...partFields,
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    validityIndicator: optional(Tag.ValidityIndicator, enumerated(validityIndicatorEnum)),
    ...correlationField,
  }),
  access: 'use',
  objectTypes: USE.objectTypes,
  states: STATES_OF[USE.purpose],
  reasons: [...KEY_USE_REASONS, 'UnsupportedCryptographicParameters', ...GENERAL_REASONS],
  isRepeatable: (request) => isWhole(request),

  async execute(request, context) {
    const object = await fetchForPart(request, NAME, context);
    requireUse(object, USE, context.nowSeconds);
    requireOneSource(request);
    const { uniqueIdentifier } = object;
    const { result, correlationValue } = await runPart(
      request,
      {
        operation: NAME,
        uniqueIdentifier,
        begin: () =>
          new Claim(
            context.crypto.verification(
              keyUseRequest(object, request.cryptographicParameters),
              request.digestedData,
            ),
            'Signature Data',
          ),
        async apply(claim, isLast) {
          claim.add(request.signatureData);
          claim.stream.update(request.data ?? NO_DATA);
          if (!isLast) return undefined;
          return (await claim.stream.verify(claim.claimed))
            ? ValidityIndicator.Valid
            : ValidityIndicator.Invalid;
        },
      },
      context,
    );
    return { uniqueIdentifier, validityIndicator: result, correlationValue };
  },
});
