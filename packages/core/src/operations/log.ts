import { Operation, Tag, emptyStructure, required, structure, textString } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const MAX_MESSAGE_LENGTH = 8192;

/** Writes a line of the client's into the log of the server, with the client's name. */
export const log = operation({
  name: 'Log',
  code: Operation.Log,
  window: { since: '2.0' },
  section: { v2: '6.1.29' },
  request: structure({ logMessage: required(Tag.LogMessage, textString) }),
  response: emptyStructure,
  access: undefined,
  reasons: GENERAL_REASONS,

  execute({ logMessage }, context) {
    if (logMessage.length > MAX_MESSAGE_LENGTH) {
      throw new HoldfastError('InvalidField', `a Log Message has at most ${MAX_MESSAGE_LENGTH} characters`);
    }
    context.log(logMessage);
    return {};
  },
});
