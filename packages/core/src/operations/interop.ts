import {
  InteropFunction,
  Operation,
  Tag,
  emptyStructure,
  enumerated,
  interopFunctionEnum,
  required,
  structure,
  textString,
} from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/**
 * Brackets the cases of a test run, and empties the caller's domain before them. It is on no list of operations but that
 * of a server in test mode: a production server does not have it.
 */
export const interop = operation({
  name: 'Interop',
  code: Operation.Interop,
  window: { since: '2.0' },
  section: { v2: '6.1.26' },
  request: structure({
    interopFunction: required(Tag.InteropFunction, enumerated(interopFunctionEnum)),
    interopIdentifier: required(Tag.InteropIdentifier, textString),
  }),
  response: emptyStructure,
  access: undefined,
  reasons: GENERAL_REASONS,
  cannotBeUndone: true,

  async execute({ interopFunction }, context) {
    if (interopFunction === InteropFunction.Reset) {
      await context.objects.removeAll();
      await context.changePolicy({ objectDefaults: undefined, constraints: undefined });
    }
    return {};
  },
});
