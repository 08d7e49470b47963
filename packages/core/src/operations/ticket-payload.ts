import {
  Tag,
  UsageLimitsUnit,
  dateTime,
  integer,
  interval,
  optional,
  required,
  structure,
  ticketStructure,
  usageLimitsStructure,
  type Codec,
  type UsageLimits,
} from '@holdfast/kmip';
import { HoldfastError, ItemType } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import type { NewTicket } from '../ports/tickets';

/** What Login and Delegated Login have in common. */

/** How long a ticket is good for where its request does not say. */
export const DEFAULT_TICKET_LEASE_SECONDS = 8 * 3600;
export const MAX_TICKET_LEASE_SECONDS = 7 * 86_400;

/** Seconds from now on (Interval), or a point in time in seconds since 1970 (Date Time). */
export type TicketLease = { readonly seconds: number } | { readonly untilSeconds: number };

const ticketLease: Codec<TicketLease> = {
  type: undefined,
  decode: (item, dialect) =>
    item.type === ItemType.DateTime
      ? { untilSeconds: dateTime.decode(item, dialect) }
      : { seconds: interval.decode(item, dialect) },
  encode: (tag, value, dialect) =>
    'seconds' in value
      ? interval.encode(tag, value.seconds, dialect)
      : dateTime.encode(tag, value.untilSeconds, dialect),
};

export const ticketFields = {
  lease: optional(Tag.LeaseTime, ticketLease),
  requestCount: optional(Tag.RequestCount, integer),
  usageLimits: optional(Tag.UsageLimits, usageLimitsStructure),
};

export const ticketResponse = structure({ ticket: required(Tag.Ticket, ticketStructure) });

export interface TicketRequest {
  readonly lease?: TicketLease | undefined;
  readonly requestCount?: number | undefined;
  readonly usageLimits?: UsageLimits | undefined;
}

/**
 * Reads what a ticket is to be like. A lease or count of 0 asks for none in particular, as the OASIS cases have it.
 * @throws HoldfastError InvalidField, FeatureNotSupported, PermissionDenied
 */
export function ticketAskedFor(
  { lease, requestCount = 0, usageLimits }: TicketRequest,
  { principal, nowSeconds }: OperationContext,
): Omit<NewTicket, 'rights'> {
  if (principal.ticket !== undefined) {
    throw new HoldfastError('PermissionDenied', 'a ticket cannot be used to get another one');
  }
  if (requestCount < 0) throw new HoldfastError('InvalidField', 'Request Count is negative');
  return {
    leaseSeconds: leaseSecondsOf(lease, nowSeconds),
    requestCount: requestCount === 0 ? undefined : requestCount,
    usageCount: operationsOf(usageLimits),
  };
}

function leaseSecondsOf(lease: TicketLease = { seconds: 0 }, nowSeconds: number): number {
  const asked = 'seconds' in lease ? lease.seconds : lease.untilSeconds - nowSeconds;
  if ('seconds' in lease && asked === 0) return DEFAULT_TICKET_LEASE_SECONDS;
  if (asked < 1 || asked > MAX_TICKET_LEASE_SECONDS) {
    throw new HoldfastError(
      'InvalidField',
      `the lease of a ticket is 1 to ${MAX_TICKET_LEASE_SECONDS} seconds long`,
    );
  }
  return asked;
}

/** How many operations Usage Limits allow. KMIP 2.1 section 7.40. */
export function operationsOf(usageLimits: UsageLimits | undefined): number | undefined {
  if (usageLimits === undefined) return undefined;
  const { usageLimitsCount, usageLimitsTotal, usageLimitsUnit } = usageLimits;
  if (usageLimitsUnit !== UsageLimitsUnit.Object) {
    throw new HoldfastError('FeatureNotSupported', 'the Usage Limits of a ticket count operations (Object)');
  }
  const count = Number(usageLimitsCount ?? usageLimitsTotal);
  if (count < 1 || !Number.isSafeInteger(count)) {
    throw new HoldfastError('InvalidField', 'Usage Limits allow at least one operation');
  }
  return count;
}
