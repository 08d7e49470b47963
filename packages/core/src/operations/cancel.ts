import {
  Operation,
  Tag,
  byteString,
  cancellationResultEnum,
  enumerated,
  required,
  structure,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { CORRELATION_VALUE_LENGTH_BYTES } from '../objects/pending';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const value = {
  asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
};

/**
 * Takes back an item that was made pending, where nothing was done of it yet. What became of that is no error but the
 * Cancellation Result; a value that none of ours can be is refused.
 */
export const cancel = operation({
  name: 'Cancel',
  code: Operation.Cancel,
  window: {},
  section: { v1: '4.27', v2: '6.1.5' },
  request: structure(value),
  response: structure({
    ...value,
    cancellationResult: required(Tag.CancellationResult, enumerated(cancellationResultEnum)),
  }),
  access: undefined,
  reasons: ['InvalidAsynchronousCorrelationValue', ...GENERAL_REASONS],
  isSynchronous: true,
  cannotBeUndone: true,

  async execute({ asynchronousCorrelationValue }, { asynchronousRequests, principal }) {
    if (asynchronousCorrelationValue.length !== CORRELATION_VALUE_LENGTH_BYTES) {
      throw new HoldfastError(
        'InvalidAsynchronousCorrelationValue',
        `an Asynchronous Correlation Value has ${CORRELATION_VALUE_LENGTH_BYTES} bytes here`,
      );
    }
    const cancellationResult = await asynchronousRequests.cancel(principal, asynchronousCorrelationValue);
    return { asynchronousCorrelationValue, cancellationResult };
  },
});
