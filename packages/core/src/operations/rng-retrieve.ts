import { Operation, Tag, integer, required, secretByteString, structure } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** The most that one request gets, in bytes. */
export const MAX_RANDOM_BYTES = 1_048_576;

/** Gives output of the random number generator, to be used as key material if the client so wishes. */
export const rngRetrieve = operation({
  name: 'RNGRetrieve',
  code: Operation.RNGRetrieve,
  window: { since: '1.2' },
  section: { v1: '4.35', v2: '6.1.49' },
  request: structure({ dataLengthBytes: required(Tag.DataLength, integer) }),
  response: structure({ data: required(Tag.Data, secretByteString) }),
  access: undefined,
  reasons: ['CryptographicFailure', ...GENERAL_REASONS],

  execute({ dataLengthBytes }, { crypto }) {
    if (dataLengthBytes < 1 || dataLengthBytes > MAX_RANDOM_BYTES) {
      throw new HoldfastError('InvalidField', `Data Length is between 1 and ${MAX_RANDOM_BYTES} bytes`);
    }
    return { data: new SecretBytes(crypto.randomBytes(dataLengthBytes)) };
  },
});
