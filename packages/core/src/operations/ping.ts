import { Operation, emptyStructure } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Answers: the server is there. */
export const ping = operation({
  name: 'Ping',
  code: Operation.Ping,
  window: { since: '2.1' },
  section: { v2: '6.1.36' },
  request: emptyStructure,
  response: emptyStructure,
  access: undefined,
  reasons: GENERAL_REASONS,
  execute: () => ({}),
});
