import { HoldfastError } from '@holdfast/ttlv';
import type { Principal, Role } from './identity';

/**
 * How the principal stands to the object: it made it, or another client of the same domain did. A user who comes over a
 * client's connection has proved to be both.
 */
export type Ownership = 'owner' | 'domain';

/** What an operation does to an object that exists: the rows of the access table. */
export type AccessClass =
  /** Attributes, state, whether it exists. */
  | 'inspect'
  /** The key bytes leave the server. */
  | 'obtain'
  /** The key is used within the server. */
  | 'use'
  /** Attributes change. */
  | 'alter'
  /** Activation, revocation, replacement. */
  | 'govern'
  /** The key bytes are erased. */
  | 'destroy'
  /** New objects come into being. */
  | 'create'
  /** What new objects of the domain are like: defaults and constraints. */
  | 'rule'
  /** Value and attributes are exchanged for others, as if the object had been made so. */
  | 'replace';

/**
 * Who may do what. The clients of one domain share its objects (the nodes of an array or a database cluster hold
 * certificates of their own and the same keys); a reader obtains and uses keys, and changes nothing. What is not listed is
 * refused. Objects of other domains are never reached: they are looked up within the principal's domain alone.
 */
const ACCESS: Readonly<Record<AccessClass, Readonly<Record<Role, readonly Ownership[]>>>> = {
  inspect: { user: ['owner', 'domain'], reader: ['owner', 'domain'] },
  obtain: { user: ['owner', 'domain'], reader: ['owner', 'domain'] },
  use: { user: ['owner', 'domain'], reader: ['owner', 'domain'] },
  alter: { user: ['owner', 'domain'], reader: [] },
  govern: { user: ['owner', 'domain'], reader: [] },
  destroy: { user: ['owner', 'domain'], reader: [] },
  create: { user: ['owner', 'domain'], reader: [] },
  rule: { user: ['owner', 'domain'], reader: [] },
  // KMIP 1.4 section 4.41: only the object owner should be allowed to import over it.
  replace: { user: ['owner'], reader: [] },
};

/** @throws HoldfastError PermissionDenied */
export function authorise(principal: Principal, access: AccessClass, ownerId: string): void {
  const { clientId, certificateClientId } = principal;
  const isOwner = ownerId === clientId || ownerId === certificateClientId;
  const ownership: Ownership = isOwner ? 'owner' : 'domain';
  if (!ACCESS[access][principal.role].includes(ownership)) {
    throw new HoldfastError('PermissionDenied', `the role ${principal.role} does not allow this operation`);
  }
}
