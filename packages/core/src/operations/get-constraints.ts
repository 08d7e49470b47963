import {
  Operation,
  Tag,
  emptyStructure,
  required,
  structure,
  toldConstraintsStructure,
} from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Tells what new objects of the domain have to be like. */
export const getConstraints = operation({
  name: 'GetConstraints',
  code: Operation.GetConstraints,
  window: { since: '2.1' },
  section: { v2: '6.1.22' },
  request: emptyStructure,
  response: structure({ constraints: required(Tag.Constraints, toldConstraintsStructure) }),
  access: undefined,
  reasons: ['InvalidObjectType', ...GENERAL_REASONS],

  execute: (_request, { policy }) => ({ constraints: { constraints: policy.constraints ?? [] } }),
});
