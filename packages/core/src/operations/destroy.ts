import { ObjectType, Operation, State, type AttributeKey } from '@holdfast/kmip';
import { mandatory, type ManagedObject } from '../object-access';
import { requireNotDestroyed, stateOf } from '../objects/object-checks';
import { nextState } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest, identifierResponse } from './identifier-payload';

/** What is kept of a Template, so that its identifier is not given out again. */
const KEPT_OF_TEMPLATES: ReadonlySet<AttributeKey> = new Set([
  'UniqueIdentifier',
  'ObjectType',
  'InitialDate',
]);

/** Erases an object's value. Its attributes stay, its names become free; of a Template nothing stays. */
export const destroy = operation({
  name: 'Destroy',
  code: Operation.Destroy,
  window: {},
  section: { v1: '4.21', v2: '6.1.15' },
  request: identifierRequest,
  response: identifierResponse,
  access: 'destroy',
  states: [State.PreActive, State.Deactivated, State.Compromised],
  reasons: [
    'ObjectDestroyed',
    'ObjectNotFound',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    requireNotDestroyed(object);
    if (mandatory(object, 'ObjectType') === ObjectType.Template) clearTemplate(object);
    else object.attributes.set('State', nextState(stateOf(object), 'destroy'));
    object.attributes.set('DestroyDate', context.nowSeconds);
    context.objects.update(object, 'erase');
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});

/** A Template has no life cycle: it goes with all that was known of it. KMIP 1.4 section 4.21. */
function clearTemplate({ attributes }: ManagedObject): void {
  for (const instance of [...attributes]) {
    if (!KEPT_OF_TEMPLATES.has(instance.key)) attributes.remove(instance);
  }
  attributes.set('State', State.Destroyed);
}
