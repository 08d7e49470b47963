import { Operation, Tag, byteString, emptyStructure, required, structure } from '@holdfast/kmip';
import { operation } from '../operation';
import { requirePending } from '../objects/pending';
import { GENERAL_REASONS } from './general-reasons';

/** Fetches the answer of an item that was made pending: the one that it would have got at once. */
export const poll = operation({
  name: 'Poll',
  code: Operation.Poll,
  window: {},
  section: { v1: '4.28', v2: '6.1.38' },
  request: structure({
    asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, byteString),
  }),
  // Its payload is that of the operation that was made pending.
  response: emptyStructure,
  access: undefined,
  reasons: ['InvalidAsynchronousCorrelationValue', ...GENERAL_REASONS],
  isSynchronous: true,

  async execute({ asynchronousCorrelationValue }, context) {
    const request = await requirePending(asynchronousCorrelationValue, context);
    context.answerFor(request, request.outcome());
    return {};
  },
});
