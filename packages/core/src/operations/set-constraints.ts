import { Operation, Tag, constraintsStructure, emptyStructure, required, structure } from '@holdfast/kmip';
import { authorise } from '../access';
import { requireAcceptable } from '../objects/domain-policy';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Sets what new objects of the domain have to be like; an empty list lifts all constraints. */
export const setConstraints = operation({
  name: 'SetConstraints',
  code: Operation.SetConstraints,
  window: { since: '2.1' },
  section: { v2: '6.1.52' },
  request: structure({ constraints: required(Tag.Constraints, constraintsStructure) }),
  response: emptyStructure,
  access: 'rule',
  reasons: ['InvalidObjectType', ...GENERAL_REASONS],
  cannotBeUndone: true,

  async execute({ constraints: { constraints } }, context) {
    authorise(context.principal, 'rule', context.principal.clientId);
    requireAcceptable(constraints);
    await context.changePolicy({ constraints });
    return {};
  },
});
