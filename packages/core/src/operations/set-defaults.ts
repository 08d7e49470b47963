import {
  Operation,
  Tag,
  defaultsInformationStructure,
  emptyStructure,
  optional,
  structure,
} from '@holdfast/kmip';
import { authorise } from '../access';
import { acceptedDefaults } from '../objects/domain-policy';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Sets the values that new objects of the domain get where a request leaves them out; nothing removes all of them. */
export const setDefaults = operation({
  name: 'SetDefaults',
  code: Operation.SetDefaults,
  window: { since: '2.1' },
  section: { v2: '6.1.53' },
  request: structure({
    defaultsInformation: optional(Tag.DefaultsInformation, defaultsInformationStructure),
  }),
  response: emptyStructure,
  access: 'rule',
  reasons: [
    'InvalidAttribute',
    'InvalidAttributeValue',
    'InvalidObjectType',
    'ApplicationNamespaceNotSupported',
    ...GENERAL_REASONS,
  ],
  cannotBeUndone: true,

  async execute({ defaultsInformation }, context) {
    authorise(context.principal, 'rule', context.principal.clientId);
    const objectDefaults = acceptedDefaults(defaultsInformation?.objectDefaults ?? [], context.identify);
    await context.changePolicy({ objectDefaults });
    return {};
  },
});
