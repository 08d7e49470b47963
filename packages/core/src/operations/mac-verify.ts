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
import { SecretBytes } from '@holdfast/ttlv';
import { Claim } from '../objects/claim';
import {
  KEY_USE_REASONS,
  KEY_USES,
  STATES_OF,
  keyUseFields,
  keyUseRequest,
  requireUse,
} from '../objects/key-use';
import { NO_DATA, correlationField, fetchForPart, isWhole, partFields, runPart } from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'MACVerify';
const USE = KEY_USES.verifyMac;

/** Tells whether a message authentication code is that of the data under a key. */
export const macVerify = operation({
  name: NAME,
  code: Operation.MACVerify,
  window: { since: '1.2' },
  section: { v1: '4.34', v2: '6.1.33' },
  request: structure({
    ...keyUseFields,
    data: optional(Tag.Data, secretByteString),
    macData: optional(Tag.MACData, byteString),
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
  reasons: [...KEY_USE_REASONS, ...GENERAL_REASONS],
  isRepeatable: (request) => isWhole(request),

  async execute(request, context) {
    const object = await fetchForPart(request, NAME, context);
    requireUse(object, USE, context.nowSeconds);
    const { uniqueIdentifier } = object;
    const { result, correlationValue } = await runPart(
      request,
      {
        operation: NAME,
        uniqueIdentifier,
        begin: () =>
          new Claim(context.crypto.mac(keyUseRequest(object, request.cryptographicParameters)), 'MAC Data'),
        async apply(claim, isLast) {
          claim.add(request.macData);
          claim.stream.update(request.data ?? NO_DATA);
          if (!isLast) return undefined;
          const claimed = new SecretBytes(claim.claimed);
          const isValid = new SecretBytes(await claim.stream.final()).equals(claimed);
          return isValid ? ValidityIndicator.Valid : ValidityIndicator.Invalid;
        },
      },
      context,
    );
    return { uniqueIdentifier, validityIndicator: result, correlationValue };
  },
});
