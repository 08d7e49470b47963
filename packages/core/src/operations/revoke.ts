import {
  Operation,
  RevocationReasonCode,
  State,
  Tag,
  dateTime,
  identifierReference,
  optional,
  required,
  revocationReasonStructure,
  structure,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { mandatory, type ManagedObject } from '../object-access';
import { WITH_LIFE_CYCLE, requireObjectType, stateOf } from '../objects/object-checks';
import { nextState } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierResponse } from './identifier-payload';

const COMPROMISES: ReadonlySet<RevocationReasonCode> = new Set([
  RevocationReasonCode.KeyCompromise,
  RevocationReasonCode.CACompromise,
]);

/** Declares an object compromised, or takes an Active one out of use. */
export const revoke = operation({
  name: 'Revoke',
  code: Operation.Revoke,
  window: {},
  section: { v1: '4.20', v2: '6.1.44' },
  request: structure({
    uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
    revocationReason: required(Tag.RevocationReason, revocationReasonStructure),
    compromiseOccurrenceDate: optional(Tag.CompromiseOccurrenceDate, dateTime),
  }),
  response: identifierResponse,
  access: 'govern',
  objectTypes: WITH_LIFE_CYCLE,
  states: Object.values(State),
  reasons: [
    'InvalidObjectType',
    'ObjectNotFound',
    'WrongKeyLifecycleState',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute({ uniqueIdentifier, revocationReason, compromiseOccurrenceDate }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    requireObjectType(object, WITH_LIFE_CYCLE);
    if (COMPROMISES.has(revocationReason.revocationReasonCode)) {
      compromise(object, compromiseOccurrenceDate, context.nowSeconds);
    } else {
      if (compromiseOccurrenceDate !== undefined) {
        throw new HoldfastError('InvalidField', 'Compromise Occurrence Date is given without a compromise');
      }
      object.attributes.set('State', nextState(stateOf(object), 'deactivate'));
      object.attributes.set('DeactivationDate', context.nowSeconds);
    }
    object.attributes.set('RevocationReason', revocationReason);
    context.objects.update(object);
    return { uniqueIdentifier: object.uniqueIdentifier };
  },
});

/** The dates tell of the first time that a compromise was reported: they never change (KMIP 2.1 sections 4.10, 4.11). */
function compromise(object: ManagedObject, occurrenceDate: number | undefined, nowSeconds: number): void {
  const { attributes } = object;
  attributes.set('State', nextState(stateOf(object), 'compromise'));
  if (attributes.has('CompromiseDate')) return;
  attributes.set('CompromiseDate', nowSeconds);
  attributes.set('CompromiseOccurrenceDate', occurrenceDate ?? mandatory(object, 'InitialDate'));
}
