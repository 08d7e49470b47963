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
  runPart,
} from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'MAC';
const USE = KEY_USES.mac;

/** Makes a message authentication code of data under a key. */
export const mac = operation({
  name: NAME,
  code: Operation.MAC,
  window: { since: '1.2' },
  section: { v1: '4.33', v2: '6.1.32' },
  request: structure({
    ...keyUseFields,
    data: optional(Tag.Data, secretByteString),
    ...partFields,
  }),
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    macData: optional(Tag.MACData, byteString),
    ...correlationField,
  }),
  access: 'use',
  objectTypes: USE.objectTypes,
  states: STATES_OF[USE.purpose],
  reasons: [...KEY_USE_REASONS, 'UsageLimitExceeded', ...GENERAL_REASONS],
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
        begin: () => context.crypto.mac(keyUseRequest(object, request.cryptographicParameters)),
        apply(stream, isLast) {
          stream.update(data);
          return isLast ? stream.final() : undefined;
        },
      },
      context,
    );
    return { uniqueIdentifier, macData: result, correlationValue };
  },
});
