import type { ClientSettings, OfficerRole } from './ports/directory';
import type { TicketRight } from './ports/tickets';

/** The reserved domain whose key protects what belongs to no client: clients, officers, authorities, settings. */
export const SYSTEM_DOMAIN_ID = '00000000-0000-0000-0000-000000000000';
/** Name of the domain that always exists. */
export const DEFAULT_DOMAIN_NAME = 'default';

/** What a client may do within its domain: see the access table. */
export type Role = 'user' | 'reader';

/** Who stands behind a request once authentication is done. */
export interface Principal {
  /** Default: a client. */
  readonly kind?: 'client' | 'user' | undefined;
  /** Identifier of the client or user. */
  readonly clientId: string;
  readonly clientName: string;
  readonly domainId: string;
  readonly role: Role;
  /** The credential that proved the identity. */
  readonly credentialId: string;
  /** Address and port of the peer. */
  readonly peer: string;
  /** The client over whose connection the request came; undefined where that showed no certificate. */
  readonly certificateClientId?: string | undefined;
  /** What an officer set for the client. */
  readonly settings?: ClientSettings | undefined;
  /** Whether several objects of its domain may have one name. */
  readonly namesMayRepeat?: true | undefined;
  /** The ticket that the request was made with. */
  readonly ticket?: PrincipalTicket | undefined;
  /** Who is recorded, where the server acts for the principal by itself. */
  readonly actor?: Actor | undefined;
}

export interface PrincipalTicket {
  readonly id: string;
  /** What may be done with it; undefined: all that its holder may do. */
  readonly rights: readonly TicketRight[] | undefined;
  /** Whether operations are counted. */
  readonly isCounted: boolean;
}

/** Who caused a change or a refusal; every call that leaves a record names one. */
export interface Actor {
  readonly kind: 'client' | 'user' | OfficerRole | 'operator' | 'system';
  /** Identifier of the client, user or officer, whatever role that has; the peer address where nobody was identified. */
  readonly id: string;
  readonly name: string;
  readonly credentialId?: string | undefined;
  readonly peer?: string | undefined;
}

const actors = new WeakMap<Principal, Actor>();

/** The actor that a principal is, always the same one. */
export function actorOf(principal: Principal): Actor {
  if (principal.actor !== undefined) return principal.actor;
  const known = actors.get(principal);
  if (known !== undefined) return known;
  const actor: Actor = {
    kind: principal.kind ?? 'client',
    id: principal.clientId,
    name: principal.clientName,
    credentialId: principal.credentialId,
    peer: principal.peer,
  };
  actors.set(principal, actor);
  return actor;
}
