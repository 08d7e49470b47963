import { Operation, State } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { WITH_LIFE_CYCLE, requireObjectType, stateOf } from '../objects/object-checks';
import { nextState } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest, identifierResponse } from './identifier-payload';

/** Makes a Pre-Active object Active from now on. */
export const activate = operation({
  name: 'Activate',
  code: Operation.Activate,
  window: {},
  section: { v1: '4.19', v2: '6.1.1' },
  request: identifierRequest,
  response: identifierResponse,
  access: 'govern',
  objectTypes: WITH_LIFE_CYCLE,
  states: [State.PreActive],
  reasons: [
    'InvalidObjectType',
    'ObjectNotFound',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    requireObjectType(object, WITH_LIFE_CYCLE);
    const state = nextState(stateOf(object), 'activate');
    const deactivationDate = object.attributes.get('DeactivationDate');
    if (deactivationDate !== undefined && deactivationDate <= context.nowSeconds) {
      throw new HoldfastError('WrongKeyLifecycleState', 'the Deactivation Date of the object has passed');
    }
    object.attributes.set('State', state);
    object.attributes.set('ActivationDate', context.nowSeconds);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});
