import {
  EndpointRole,
  Operation,
  Tag,
  endpointRoleEnum,
  enumerated,
  required,
  structure,
} from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const role = structure({ endpointRole: required(Tag.EndpointRole, enumerated(endpointRoleEnum)) });

/**
 * Says which role this server is to have on the connection. Once it is a client there, it asks nothing but sends Notify
 * and Put for what the process that has the connection changes in the domain, and takes no more requests: whoever is to
 * be told of all that changes has an address (KMIP 2.1 section 6.2.2 leaves open what a server tells of).
 */
export const setEndpointRole = operation({
  name: 'SetEndpointRole',
  code: Operation.SetEndpointRole,
  window: { since: '2.0' },
  section: { v2: '6.1.54' },
  request: role,
  response: role,
  access: undefined,
  reasons: GENERAL_REASONS,

  execute({ endpointRole }, context) {
    if (endpointRole === EndpointRole.Client) context.becomeClient();
    return { endpointRole };
  },
});
