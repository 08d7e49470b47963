import {
  Operation,
  Tag,
  emptyStructure,
  notifiedAttributes,
  required,
  structure,
  textString,
} from '@holdfast/kmip';

/** Tells a client which attributes of an object changed, and which are gone. Servers send it, clients answer. */
export const notify = {
  name: 'Notify',
  code: Operation.Notify,
  window: {},
  section: { v1: '5.1', v2: '6.2.2' },
  request: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    attributes: notifiedAttributes(),
  }),
  response: emptyStructure,
} as const;
