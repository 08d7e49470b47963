import {
  HoldfastError,
  actorOf,
  type Actor,
  type AuditLog,
  type AuthenticationPolicy,
  type Clock,
  type Directory,
  type Principal,
  type ShownTicket,
  type Tickets,
  type User,
  type Users,
} from '@holdfast/core';
import { CredentialType, type Credential } from '@holdfast/kmip';
import { sourceOf } from './failure-limit';
import { Proofs, nameIn, wrong, type Proved, type UserCredential } from './proof';

/** More than there are kinds of them; each is looked for in the database before anybody has proved anything. */
const MAX_CREDENTIALS = 8;

/** Who sends requests over a connection, as far as TLS tells. */
export interface Requester {
  /** Address and port. */
  readonly peer: string;
  /** The client whose certificate was shown. */
  readonly principal: Principal | undefined;
  /** Why there is no principal, or it is one no more. */
  readonly refusal: HoldfastError;
  /** Whether the principal is recognised no more: nothing that was not begun before is done for it. */
  readonly isEnded: boolean;
  /** Whether no certificate was shown and none is needed, so that a credential may do. */
  readonly needsCredential: boolean;
  /** Aborts once it has gone, or has said that it will ask nothing more. */
  readonly signal: AbortSignal;
}

/** Who stands behind one request. */
export interface Identity {
  readonly principal: Principal;
  /** For the response's header, where a Hashed Password was shown. */
  readonly serverHashedPassword?: Buffer | undefined;
}

export interface AuthenticatorPorts {
  readonly directory: Directory;
  readonly users: Users;
  readonly tickets: Tickets;
  readonly auditLog: AuditLog;
  readonly clock: Clock;
  /** How many processes share the connections of this node. */
  readonly processes: number;
  /** Called before the first request of somebody, so that the domain's keys are there. */
  readonly prepare: (principal: Principal) => Promise<void>;
}

interface Found {
  readonly credential: UserCredential;
  readonly user: User | undefined;
}

/**
 * Says who makes a request: the client whose certificate was shown, or whom the credentials in the request's header name.
 * KMIP Profiles 2.1 section 3.1.3: a credential that is present and known decides, and must be right; of several all must
 * be. KMIP 2.1 sections 9.4 and 9.11.
 */
export class Authenticator {
  readonly #proofs: Proofs;
  readonly #proved = new WeakMap<Requester, Proved>();
  /** Connections whose ignored credential is in the audit log already. */
  readonly #noted = new WeakSet<Requester>();

  constructor(private readonly ports: AuthenticatorPorts) {
    this.#proofs = new Proofs(ports.users, ports.clock, ports.processes);
  }

  /**
   * The certificate's client at once, where it is enough; after a standstill of this process who it is by now.
   * @param listenerPolicy what the listener demands, where the client's own settings do not say
   * @throws HoldfastError AuthenticationNotSuccessful, AttestationFailed, InvalidTicket, UsageLimitExceeded
   */
  identify(
    requester: Requester,
    credentials: readonly Credential[],
    listenerPolicy: AuthenticationPolicy,
  ): Identity | Promise<Identity> {
    const identify = () => this.#identify(requester, credentials, listenerPolicy);
    const behind = this.ports.directory.caughtUp();
    return behind === undefined ? identify() : behind.then(identify);
  }

  #identify(
    requester: Requester,
    credentials: readonly Credential[],
    listenerPolicy: AuthenticationPolicy,
  ): Identity | Promise<Identity> {
    const { principal, refusal, needsCredential, isEnded } = requester;
    if (principal === undefined && !needsCredential) throw refusal;
    if (isEnded) return this.#refuse(requester, credentials);
    const policy = principal?.settings?.authentication ?? listenerPolicy;
    if (credentials.length === 0 && principal !== undefined && policy !== 'certificate-and-credential') {
      return { principal };
    }
    return this.#judge(requester, credentials, policy).catch(async (error: unknown) => {
      if (error instanceof HoldfastError) await this.#recordFailure(requester, credentials, error);
      throw error;
    });
  }

  async #refuse(requester: Requester, credentials: readonly Credential[]): Promise<never> {
    await this.#recordFailure(requester, credentials, requester.refusal);
    throw requester.refusal;
  }

  async #judge(
    requester: Requester,
    credentials: readonly Credential[],
    policy: AuthenticationPolicy,
  ): Promise<Identity> {
    if (credentials.length === 0) {
      throw new HoldfastError('AuthenticationNotSuccessful', 'a credential is needed in the request header');
    }
    if (credentials.length > MAX_CREDENTIALS) {
      const message = `a request has at most ${MAX_CREDENTIALS} credentials`;
      throw new HoldfastError('AuthenticationNotSuccessful', message);
    }
    if (credentials.some(({ credentialType }) => credentialType === CredentialType.Attestation)) {
      throw new HoldfastError('AttestationFailed', 'this server verifies no attestation');
    }
    const found = await Promise.all(credentials.filter(isOfUser).map((each) => this.#find(each, requester)));
    const shown = credentials.flatMap((each) =>
      each.credentialType === CredentialType.Ticket ? [each.credentialValue.ticket.ticketValue] : [],
    );
    const isKnown = shown.length > 0 || found.some(({ user }) => user !== undefined);
    const { principal } = requester;
    if (!isKnown && principal !== undefined && policy === 'certificate') {
      await this.#noteIgnored(requester, principal);
      return { principal };
    }
    const identities: Identity[] = [];
    for (const each of found) identities.push(await this.#proveUser(each, requester));
    for (const value of shown) identities.push(await this.#useTicket(value, requester));
    return this.#agreed(identities);
  }

  /** What several credentials say together: all are about one domain, and a ticket speaks for itself. */
  #agreed(identities: readonly Identity[]): Identity {
    const [first] = identities;
    const deciding = identities.find(({ principal }) => principal.ticket !== undefined) ?? first;
    if (deciding === undefined) throw wrong();
    const { domainId } = deciding.principal;
    if (identities.some(({ principal }) => principal.domainId !== domainId)) throw wrong();
    const hashed = identities.find(({ serverHashedPassword }) => serverHashedPassword !== undefined);
    return { ...deciding, serverHashedPassword: hashed?.serverHashedPassword };
  }

  /** Who is of no concern to the client is not known to it: other domains have users of which it learns nothing. */
  async #find(credential: UserCredential, { principal }: Requester): Promise<Found> {
    return { credential, user: await this.#proofs.userOf(credential, (user) => concerns(user, principal)) };
  }

  async #proveUser({ credential, user }: Found, requester: Requester): Promise<Identity> {
    const { principal: client, peer } = requester;
    const proved = this.#proved.get(requester) ?? (new Map() as Proved);
    this.#proved.set(requester, proved);
    const attempt = {
      source: client?.clientId ?? sourceOf(peer),
      proved,
      actor: actorFor(requester, user),
    };
    const serverHashedPassword = await this.#proofs.prove(credential, user, attempt);
    if (user === undefined || !mayUse(user, client)) throw wrong();
    const principal = await this.#principalOf({ user }, requester);
    return { principal, serverHashedPassword };
  }

  async #useTicket(ticketValue: Buffer, requester: Requester): Promise<Identity> {
    const shown = await this.ports.tickets.show(ticketValue, requester.peer);
    if (!isInPlace(shown, requester.principal)) {
      throw new HoldfastError('InvalidTicket', 'the ticket is of no use on this connection');
    }
    await this.#requireStanding(shown, requester.principal);
    const { id, rights, isCounted } = shown;
    const holder = await this.#principalOf(shown.holder, requester);
    return { principal: { ...holder, ticket: { id, rights, isCounted } } };
  }

  /** A ticket ends with the credential that its holder's connection had. @throws HoldfastError InvalidTicket */
  async #requireStanding(
    { clientId, credentialId }: ShownTicket,
    client: Principal | undefined,
  ): Promise<void> {
    if (clientId === undefined || credentialId === undefined || credentialId === client?.credentialId) return;
    if ((await this.ports.directory.standing(clientId, credentialId)) !== undefined) return;
    throw new HoldfastError(
      'InvalidTicket',
      'the certificate with which the ticket was asked for is revoked',
    );
  }

  async #principalOf(holder: ShownTicket['holder'], requester: Requester): Promise<Principal> {
    const { principal: client, peer } = requester;
    const who = 'user' in holder ? holder.user : holder.client;
    const { id, name, domainId, role } = who;
    const { namesMayRepeat } =
      client?.domainId === domainId ? client : (await this.ports.directory.domain(domainId)).settings;
    const principal: Principal = {
      kind: 'user' in holder ? 'user' : 'client',
      clientId: id,
      clientName: name,
      domainId,
      role,
      credentialId: client?.credentialId ?? id,
      peer,
      certificateClientId: client?.clientId,
      settings: 'user' in holder ? client?.settings : holder.client.settings,
      namesMayRepeat,
    };
    await this.ports.prepare(principal);
    return principal;
  }

  /** Many clients send a user name that nobody registered: the audit log says so, once per connection. */
  async #noteIgnored(requester: Requester, principal: Principal): Promise<void> {
    if (this.#noted.has(requester)) return;
    this.#noted.add(requester);
    await this.ports.auditLog.append({
      actor: actorOf(principal),
      action: 'credential',
      domainId: principal.domainId,
      outcome: 'failure',
      reason: 'ignored: certificate alone',
    });
  }

  async #recordFailure(
    requester: Requester,
    credentials: readonly Credential[],
    { code, message }: HoldfastError,
  ): Promise<void> {
    const named = credentials.find(isOfUser);
    await this.ports.auditLog.append({
      actor: actorFor(requester, undefined),
      action: 'authentication',
      domainId: requester.principal?.domainId,
      subject: named === undefined ? undefined : nameIn(named),
      outcome: 'failure',
      reason: `${code}: ${message}`,
    });
  }
}

function isOfUser(credential: Credential): credential is UserCredential {
  const { credentialType } = credential;
  return credentialType !== CredentialType.Ticket && credentialType !== CredentialType.Attestation;
}

/** Whether a user is of the client's domain, or tied to the client; without a client, anybody is. */
function concerns(user: User, client: Principal | undefined): boolean {
  return (
    client === undefined || client.domainId === user.domainId || user.clientIds.includes(client.clientId)
  );
}

/** Whether a user may be used over connections of this client. */
function mayUse(user: User, client: Principal | undefined): boolean {
  if (user.clientIds.length > 0) return client !== undefined && user.clientIds.includes(client.clientId);
  return client === undefined || client.domainId === user.domainId;
}

/** A ticket that is not delegated belongs to the client over whose connection it was issued. */
function isInPlace({ clientId, domain, rights }: ShownTicket, client: Principal | undefined): boolean {
  if (clientId === client?.clientId) return true;
  const isBound = rights === undefined && clientId !== undefined;
  return !isBound && (client === undefined || client.domainId === domain.id);
}

function actorFor({ principal, peer }: Requester, user: User | undefined): Actor {
  if (user !== undefined) {
    return { kind: 'user', id: user.id, name: user.name, credentialId: principal?.credentialId, peer };
  }
  return principal === undefined ? { kind: 'client', id: peer, name: '', peer } : actorOf(principal);
}
