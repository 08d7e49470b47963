import { Operation, Tag, byteString, emptyStructure, required, structure } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { requirePending } from '../objects/pending';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Carries out a pending item now: the next Poll gets its answer. */
export const process = operation({
  name: 'Process',
  code: Operation.Process,
  window: { since: '2.1' },
  section: { v2: '6.1.39' },
  request: structure({
    asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
  }),
  response: emptyStructure,
  access: undefined,
  reasons: ['InvalidAsynchronousCorrelationValue', 'DuplicateProcessRequest', ...GENERAL_REASONS],
  isSynchronous: true,
  cannotBeUndone: true,

  async execute({ asynchronousCorrelationValue }, context) {
    await requirePending(asynchronousCorrelationValue, context);
    const { asynchronousRequests, principal } = context;
    if (!(await asynchronousRequests.process(principal, asynchronousCorrelationValue))) {
      throw new HoldfastError('DuplicateProcessRequest', 'Process was asked for this operation before');
    }
    return {};
  },
});
