import {
  Operation,
  Tag,
  emptyStructure,
  enumerated,
  managedObjectField,
  optional,
  putFunctionEnum,
  required,
  structure,
  textString,
  toldAttributes,
} from '@holdfast/kmip';

/** Hands an object to a client that did not ask for it. Servers send it, clients answer. */
export const put = {
  name: 'Put',
  code: Operation.Put,
  window: {},
  section: { v1: '5.2', v2: '6.2.3' },
  request: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    putFunction: required(Tag.PutFunction, enumerated(putFunctionEnum)),
    replacedUniqueIdentifier: optional(Tag.ReplacedUniqueIdentifier, textString),
    object: managedObjectField(),
    attributes: toldAttributes({ omitsEmpty: true }),
  }),
  response: emptyStructure,
} as const;
