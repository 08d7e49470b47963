import type { Operation } from '@holdfast/kmip';
import type { Principal } from '../identity';
import type { Client, Domain } from './directory';
import type { User } from './users';

/** A right of a delegated ticket; what is left out is not restricted. KMIP 2.1 section 7.34. */
export interface TicketRight {
  readonly operations?: readonly Operation[] | undefined;
  /** Unique identifiers. */
  readonly objects?: readonly string[] | undefined;
  readonly objectGroups?: readonly string[] | undefined;
  /** How many operations may still be done by it. */
  readonly usesLeft?: number | undefined;
}

/** What a ticket is to be like. */
export interface NewTicket {
  readonly leaseSeconds: number;
  /** How many requests may be made with it; undefined: any number. */
  readonly requestCount?: number | undefined;
  /** How many operations may be done with it. */
  readonly usageCount?: number | undefined;
  /** Of a delegated ticket, of which somebody else may make use. */
  readonly rights?: readonly TicketRight[] | undefined;
}

/** A ticket that was shown and is in force. */
export interface ShownTicket {
  readonly id: string;
  /** Whose ticket it is, as the directory knows it now. */
  readonly holder: { readonly client: Client } | { readonly user: User };
  readonly domain: Domain;
  /** The client over whose connection it was issued: a ticket without rights is of use on its connections alone. */
  readonly clientId: string | undefined;
  /** By which that client was known: the ticket ends with it. */
  readonly credentialId: string | undefined;
  readonly rights: readonly TicketRight[] | undefined;
  /** Whether operations are counted. */
  readonly isCounted: boolean;
}

/** Makes and ends tickets: what Login, Delegated Login and Logout need. KMIP 2.1 sections 6.1.12, 6.1.30 and 6.1.31. */
export interface TicketOffice {
  /** @returns the Ticket Value */
  issue(ticket: NewTicket, principal: Principal): Promise<Buffer>;
  /** @throws HoldfastError InvalidTicket where it is no ticket in force, or another's */
  end(ticketValue: Buffer, principal: Principal): Promise<void>;
}

/** What changes tickets: also together with objects, in one transaction. */
export interface TicketChanges extends TicketOffice {
  /**
   * Spends one operation of a counted ticket and of the first of these rights that has any left.
   * @param rights their places in the ticket's list; empty for a ticket without rights
   * @throws HoldfastError UsageLimitExceeded
   */
  spend(ticketId: string, rights: readonly number[], principal: Principal): Promise<void>;
}

/** All tickets. Rows are MACed, rights sealed; what a ticket's holder shows is kept as a hash. */
export interface Tickets extends TicketChanges {
  /**
   * The ticket that this value is, of which one more request is spent. Each call asks the database: a ticket that was
   * ended on any node is at an end.
   * @throws HoldfastError InvalidTicket, UsageLimitExceeded
   */
  show(ticketValue: Buffer, peer: string): Promise<ShownTicket>;
}
