import { Operation, Tag, emptyStructure, required, structure, ticketStructure } from '@holdfast/kmip';
import { operation } from '../operation';
import { GENERAL_REASONS } from './general-reasons';

/** Ends a ticket of the caller's: from now on no node takes it. */
export const logout = operation({
  name: 'Logout',
  code: Operation.Logout,
  window: { since: '2.0' },
  section: { v2: '6.1.31' },
  request: structure({ ticket: required(Tag.Ticket, ticketStructure) }),
  response: emptyStructure,
  access: undefined,
  reasons: ['InvalidTicket', 'AttestationFailed', 'AttestationRequired', ...GENERAL_REASONS],

  endsTickets: true,

  async execute({ ticket }, { tickets, principal }) {
    await tickets.end(ticket.ticketValue, principal);
    return {};
  },
});
