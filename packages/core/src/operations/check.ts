import {
  Operation,
  Tag,
  cryptographicUsageMaskBits,
  identifierReference,
  interval,
  longInteger,
  masked,
  optional,
  structure,
  textString,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { AttributeSet } from '../objects/attribute-set';
import { DEFAULT_LEASE_TIME_SECONDS } from '../objects/defaults';
import { WITH_LIFE_CYCLE, requireNotDestroyed, requireObjectType } from '../objects/object-checks';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

const values = {
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  cryptographicUsageMask: optional(Tag.CryptographicUsageMask, masked(cryptographicUsageMaskBits)),
  leaseTimeSeconds: optional(Tag.LeaseTime, interval),
};

/**
 * Tells whether an object may be used as the request says, and changes nothing. A use that is not allowed is an error; its
 * Result Reason says which value it was.
 */
export const check = operation({
  name: 'Check',
  code: Operation.Check,
  window: {},
  section: { v1: '4.10', v2: '6.1.7' },
  request: structure({ uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference), ...values }),
  response: structure({ uniqueIdentifier: optional(Tag.UniqueIdentifier, textString), ...values }),
  access: 'inspect',
  objectTypes: WITH_LIFE_CYCLE,
  reasons: [
    'IllegalObjectType',
    'IncompatibleCryptographicUsageMask',
    'ObjectNotFound',
    'ObjectDestroyed',
    'UsageLimitExceeded',
    'ObjectArchived',
    ...GENERAL_REASONS,
  ],

  async execute(request, context) {
    const object = await context.objects.fetch(context.identify(request.uniqueIdentifier));
    requireObjectType(object, WITH_LIFE_CYCLE, 'IllegalObjectType');
    requireNotDestroyed(object);
    const { attributes } = object;
    const denial =
      usageMaskDenial(attributes, request.cryptographicUsageMask) ??
      usageLimitsDenial(attributes, request.usageLimitsCount) ??
      leaseTimeDenial(attributes, request.leaseTimeSeconds);
    if (denial === undefined) return { uniqueIdentifier: object.uniqueIdentifier };
    context.emptyPlaceholder();
    throw denial;
  },
});

function usageMaskDenial(attributes: AttributeSet, wanted = 0): HoldfastError | undefined {
  const allowed = attributes.get('CryptographicUsageMask') ?? 0;
  if ((wanted & ~allowed) === 0) return undefined;
  return new HoldfastError(
    'IncompatibleCryptographicUsageMask',
    'Cryptographic Usage Mask does not allow this use',
  );
}

function usageLimitsDenial(attributes: AttributeSet, wanted = 0n): HoldfastError | undefined {
  const limits = attributes.get('UsageLimits');
  if (limits === undefined || wanted <= (limits.usageLimitsCount ?? limits.usageLimitsTotal))
    return undefined;
  return new HoldfastError('UsageLimitExceeded', 'Usage Limits do not allow this many units any more');
}

function leaseTimeDenial(attributes: AttributeSet, wantedSeconds = 0): HoldfastError | undefined {
  const longestSeconds = attributes.get('LeaseTime') ?? DEFAULT_LEASE_TIME_SECONDS;
  if (wantedSeconds <= longestSeconds) return undefined;
  return new HoldfastError('PermissionDenied', `a lease is at most ${longestSeconds} seconds long`);
}
