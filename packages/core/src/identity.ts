/** The reserved domain whose key protects what belongs to no client: clients, officers, authorities, settings. */
export const SYSTEM_DOMAIN_ID = '00000000-0000-0000-0000-000000000000';
/** Name of the domain that always exists. */
export const DEFAULT_DOMAIN_NAME = 'default';

/** What a client may do within its domain: see the access table. */
export type Role = 'user' | 'reader';

/** Who stands behind a request once authentication is done. */
export interface Principal {
  readonly clientId: string;
  readonly clientName: string;
  readonly domainId: string;
  readonly role: Role;
  /** The credential that proved the identity. */
  readonly credentialId: string;
  /** Address and port of the peer. */
  readonly peer: string;
}

/** Who caused a change or a refusal; every call that leaves a record names one. */
export interface Actor {
  readonly kind: 'client' | 'officer' | 'operator' | 'system';
  /** Identifier of the client or officer; the peer address where nobody was identified. */
  readonly id: string;
  readonly name: string;
  readonly credentialId?: string | undefined;
  readonly peer?: string | undefined;
}

/** The actor that a principal is. */
export function actorOf(principal: Principal): Actor {
  return {
    kind: 'client',
    id: principal.clientId,
    name: principal.clientName,
    credentialId: principal.credentialId,
    peer: principal.peer,
  };
}
