import { Operation, Tag, integer, required, secretByteString, structure } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/**
 * Takes seeding material for the random number generator, and uses none of it: the generator is seeded by the operating
 * system, and no client has a say in what another one's keys are made of. KMIP 1.4 section 4.36 provides for that answer.
 */
export const rngSeed = operation({
  name: 'RNGSeed',
  code: Operation.RNGSeed,
  window: { since: '1.2' },
  section: { v1: '4.36', v2: '6.1.50' },
  request: structure({ data: required(Tag.Data, secretByteString) }),
  response: structure({ dataLengthBytes: required(Tag.DataLength, integer) }),
  access: undefined,
  reasons: ['CryptographicFailure', ...GENERAL_REASONS],
  execute: () => ({ dataLengthBytes: 0 }),
});
