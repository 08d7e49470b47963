import {
  Operation,
  Tag,
  byteString,
  cryptographicParametersStructure,
  optional,
  required,
  secretByteString,
  structure,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { NO_DATA, correlationField, partFields, requireData, runPart } from '../objects/parts';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const NAME = 'Hash';

/** Hashes data. */
export const hash = operation({
  name: NAME,
  code: Operation.Hash,
  window: { since: '1.2' },
  section: { v1: '4.37', v2: '6.1.24' },
  request: structure({
    cryptographicParameters: required(Tag.CryptographicParameters, cryptographicParametersStructure),
    data: optional(Tag.Data, secretByteString),
    ...partFields,
  }),
  response: structure({ data: optional(Tag.Data, byteString), ...correlationField }),
  access: undefined,
  reasons: ['CryptographicFailure', 'InvalidCorrelationValue', ...GENERAL_REASONS],

  async execute(request, context) {
    const { hashingAlgorithm } = request.cryptographicParameters;
    if (hashingAlgorithm === undefined) {
      throw new HoldfastError('InvalidField', 'Cryptographic Parameters name no Hashing Algorithm');
    }
    const data = requireData(request, request.data, NO_DATA);
    const { result, correlationValue } = await runPart(
      request,
      {
        operation: NAME,
        uniqueIdentifier: '',
        begin: () => context.crypto.hashing(hashingAlgorithm),
        apply(stream, isLast) {
          stream.update(data);
          return isLast ? stream.final() : undefined;
        },
      },
      context,
    );
    return { data: result, correlationValue };
  },
});
