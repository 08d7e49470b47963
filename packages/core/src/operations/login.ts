import { Operation, TicketType, structure } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';
import { ticketAskedFor, ticketFields, ticketResponse } from './ticket-payload';

/** Gives a ticket, by which the same principal proves its identity in later requests. */
export const login = operation({
  name: 'Login',
  code: Operation.Login,
  window: { since: '2.0' },
  section: { v2: '6.1.30' },
  request: structure(ticketFields),
  response: ticketResponse,
  access: undefined,
  reasons: ['AttestationFailed', 'AttestationRequired', ...GENERAL_REASONS],

  async execute(request, context) {
    const ticketValue = await context.tickets.issue(ticketAskedFor(request, context), context.principal);
    return { ticket: { ticketType: TicketType.Login, ticketValue } };
  },
});
