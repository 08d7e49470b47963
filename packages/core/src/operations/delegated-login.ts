import { Operation, Tag, TicketType, required, rightsStructure, structure, type Right } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { operation, type OperationContext } from '../operation';
import type { TicketRight } from '../ports/tickets';
import { GENERAL_REASONS } from './general-reasons';
import { operationsOf, ticketAskedFor, ticketFields, ticketResponse } from './ticket-payload';

/** Gives a ticket that lets whoever holds it do in the caller's name what its Rights say, and nothing else. */
export const delegatedLogin = operation({
  name: 'DelegatedLogin',
  code: Operation.DelegatedLogin,
  window: { since: '2.0' },
  section: { v2: '6.1.12' },
  request: structure({ ...ticketFields, rights: required(Tag.Rights, rightsStructure) }),
  response: ticketResponse,
  access: undefined,
  reasons: ['AttestationFailed', 'AttestationRequired', ...GENERAL_REASONS],

  async execute(request, context) {
    const { rights } = request.rights;
    if (rights.length === 0) throw new HoldfastError('InvalidField', 'Rights name no Right');
    const asked = ticketAskedFor(request, context);
    const ticket = { ...asked, rights: rights.map((right) => granted(right, context)) };
    const ticketValue = await context.tickets.issue(ticket, context.principal);
    return { ticket: { ticketType: TicketType.Login, ticketValue } };
  },
});

function granted(
  { usageLimits, operations, objects, objectGroups }: Right,
  context: OperationContext,
): TicketRight {
  return {
    operations: operations?.operations,
    objects: objects?.uniqueIdentifiers.map((reference) => context.identify(reference)),
    objectGroups: objectGroups?.objectGroups,
    usesLeft: operationsOf(usageLimits),
  };
}
