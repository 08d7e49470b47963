import { Operation, Tag, dateTime, interval, required, structure, textString } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { mandatory } from '../object-access';
import { requireLimitsLeft } from '../objects/key-use';
import { WITH_LIFE_CYCLE, requireObjectType } from '../objects/object-checks';
import { isDestroyed } from '../objects/state';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { identifierRequest } from './identifier-payload';

/** Tells how long a client may use what it has fetched, and since when that is unchanged. */
export const obtainLease = operation({
  name: 'ObtainLease',
  code: Operation.ObtainLease,
  window: {},
  section: { v1: '4.17', v2: '6.1.35' },
  request: identifierRequest,
  response: structure({
    uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
    leaseTimeSeconds: required(Tag.LeaseTime, interval),
    lastChangeDate: required(Tag.LastChangeDate, dateTime),
  }),
  access: 'use',
  objectTypes: WITH_LIFE_CYCLE,
  reasons: ['ObjectNotFound', 'ObjectArchived', 'UsageLimitExceeded', ...GENERAL_REASONS],

  async execute({ uniqueIdentifier }, context) {
    const object = await context.objects.fetch(context.identify(uniqueIdentifier));
    requireObjectType(object, WITH_LIFE_CYCLE, 'PermissionDenied');
    if (isDestroyed(object.state)) {
      throw new HoldfastError('PermissionDenied', 'there is no lease of an object that has been destroyed');
    }
    requireLimitsLeft(object, 1n);
    return {
      uniqueIdentifier: object.uniqueIdentifier,
      leaseTimeSeconds: mandatory(object, 'LeaseTime'),
      lastChangeDate: mandatory(object, 'LastChangeDate'),
    };
  },
});
