import { DEFAULT_CIPHERS, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { AddressInfo, DropArgument, Socket } from 'node:net';
import type {
  CertificatesPort,
  CertificationAuthority,
  Clock,
  Directory,
  DirectoryChange,
  Principal,
  AuditLog,
  AuthenticationPolicy,
} from '@holdfast/core';
import { HoldfastError } from '@holdfast/core';
import { authenticate, fingerprintOf, principalOf, validityFault, type Unrecognised } from './authentication';
import { listenText, type ListenAddress } from './address';
import type { ServerLimits } from './config';
import { sourceOf } from './credentials/failure-limit';
import { describeError, type Logger } from './log';
import type { Connection } from './session';

/**
 * What every TLS context of a server has; sessions go on over a change of certificates. CCM, also with tags of 8 bytes, and
 * ARIA are no cipher suites of KMIP Profiles 2.1 section 3.1.2, nor what any client needs.
 */
const CONTEXT = {
  minVersion: 'TLSv1.2',
  ciphers: `${DEFAULT_CIPHERS}:!AESCCM:!ARIA`,
  ca: [] as string[],
  sessionIdContext: 'holdfast-kmip',
} as const;
const SWEEP_INTERVAL_MS = 1000;
const KEEP_ALIVE_DELAY_MS = 60_000;
/** How many credentials are looked at again with one statement: requests come in between. */
const LOOKED_AT_TOGETHER = 100;

export interface ListenerPorts {
  readonly directory: Directory;
  readonly certificates: CertificatesPort;
  readonly clock: Clock;
  readonly auditLog: AuditLog;
  /** What this listener demands of requests. */
  readonly policy: AuthenticationPolicy;
  /** Called before a client's first request, so that its domain's keys are there. */
  readonly prepare: (principal: Principal) => Promise<void>;
}

/** Makes of a connection on which TLS is there what speaks KMIP on it. */
export type OpenConnection = (socket: TLSSocket, peer: string) => Connection;

/**
 * A listener for KMIP over TLS (KMIP Profiles 2.1 sections 3.1 and 3.2): mutual authentication, deadlines, drain. What is
 * spoken on a connection is `open`'s to say.
 */
export class Listener {
  readonly #server: Server;
  readonly #sessions = new Set<Connection>();
  /** Connections on which TLS is not there yet, by their peers. */
  readonly #handshakes = new Map<string, Socket>();
  /** Peers that no certificate has identified, by their address: one address leaves room for others. */
  readonly #unidentified = new Map<string, Set<string>>();
  #authorities: readonly CertificationAuthority[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #stopWatching: (() => Promise<void>) | undefined;
  /** Counts directory changes, so that one that falls into an authentication is not missed. */
  #directoryEpoch = 0;
  #looking: Promise<void> = Promise.resolve();
  #nextLook: Promise<void> | undefined;

  constructor(
    identity: Pick<TlsOptions, 'key' | 'cert' | 'ticketKeys' | 'ALPNProtocols'>,
    private readonly limits: ServerLimits,
    private readonly ports: ListenerPorts,
    private readonly open: OpenConnection,
    private readonly log: Logger,
  ) {
    this.#server = createServer({
      ...identity,
      ...CONTEXT,
      // Which certificates are known is the directory's to say (see authenticate); the handshake proves that the peer
      // holds the key. No list of authorities is sent, so that clients offer whatever certificate they have.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      noDelay: true,
    });
    this.#server.maxConnections = limits.maxConnections;
    this.#server.on('secureConnection', (socket) => void this.#accept(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const peer = peerOf(socket);
      this.log.debug({ peer, error: describeError(error) }, 'TLS handshake failed');
      // Of one that was broken off, what had come is known at its end.
      if (error.code !== 'ECONNRESET' && this.#handshakes.delete(peer)) {
        this.#recordSoon(peer, `TLS handshake: ${error.code ?? 'failed'}`);
      }
      socket.destroy();
    });
    this.#server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      if (!this.#hasRoomFor(peer)) {
        this.#recordSoon(peer, 'too many connections of one address');
        socket.destroy();
        return;
      }
      this.#handshakes.set(peer, socket);
      socket.on('close', () => {
        this.#identified(peer);
        // A client that connects and leaves without a word is no error.
        if (this.#handshakes.delete(peer) && socket.bytesRead > 0) {
          this.#recordSoon(peer, 'TLS handshake: ECONNRESET');
        }
      });
    });
    this.#server.on('drop', (dropped?: DropArgument) => {
      const { remoteAddress = 'unknown', remotePort = 0 } = dropped ?? {};
      this.#recordSoon(`${remoteAddress}:${remotePort}`, 'too many connections');
    });
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Uses other keys and certificates for connections that come from now on. */
  replaceIdentity(identity: Pick<TlsOptions, 'key' | 'cert' | 'ticketKeys'>): void {
    this.#server.setSecureContext({ ...CONTEXT, ...identity });
  }

  async listen({ host, port }: ListenAddress): Promise<AddressInfo> {
    this.#stopWatching = await this.ports.directory.watch((change) =>
      change.kind === 'any' ? this.#lookAgain() : this.#directoryChanged(change),
    );
    this.#authorities = await this.#trusted();
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        reject(new HoldfastError('Configuration', listenFault(cause, host, port), { cause }));
      });
      this.#server.listen(port, host, resolve);
    });
    this.#sweep = setInterval(() => {
      const now = Date.now();
      for (const session of this.#sessions) session.checkDeadline(now);
    }, SWEEP_INTERVAL_MS);
    this.#sweep.unref();
    return this.#server.address() as AddressInfo;
  }

  /** Accepts nothing new, lets requests in hand finish, and ends every connection, by force after the deadline. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const handshakes = [...this.#handshakes.values()];
    this.#handshakes.clear();
    for (const socket of handshakes) socket.destroy();
    for (const session of this.#sessions) session.drain();
    const force = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, this.limits.drainTimeoutMs);
    await closed;
    clearTimeout(force);
    clearInterval(this.#sweep);
    await this.#stopWatching?.();
  }

  async #accept(socket: TLSSocket): Promise<void> {
    const peer = peerOf(socket);
    this.#handshakes.delete(peer);
    const session = this.open(socket, peer);
    this.#sessions.add(session);
    socket.on('close', () => this.#sessions.delete(session));
    // Each costs this side more than its peer, and could bring another certificate (RFC 9325 section 3.5).
    socket.disableRenegotiation();
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.log.debug({ peer, error: describeError(error) }, 'connection failed');
      if (error.code === 'ERR_TLS_RENEGOTIATION_DISABLED') this.#recordSoon(peer, 'TLS renegotiation');
      socket.destroy();
    });
    try {
      await this.ports.directory.caughtUp();
      const identity = await this.#identify(session);
      if (socket.destroyed) return;
      if (!('reason' in identity)) {
        session.principal = identity;
        this.#identified(peer);
      } else if (identity.isWithoutCertificate && this.ports.policy === 'certificate-or-credential') {
        session.needsCredential = true;
      } else await this.#refused(session, identity.reason);
      session.start();
    } catch (error) {
      this.log.error({ peer, error: describeError(error) }, 'connection could not be authenticated');
      session.refusal =
        error instanceof HoldfastError ? error : new HoldfastError('InternalServerError', 'unexpected');
      session.start();
    }
  }

  #hasRoomFor(peer: string): boolean {
    const source = sourceOf(peer);
    const peers = this.#unidentified.get(source) ?? new Set();
    if (peers.size >= this.limits.maxConnections / 2) return false;
    this.#unidentified.set(source, peers.add(peer));
    return true;
  }

  /** It is known who the peer is, or it has gone. */
  #identified(peer: string): void {
    const source = sourceOf(peer);
    const peers = this.#unidentified.get(source);
    peers?.delete(peer);
    if (peers?.size === 0) this.#unidentified.delete(source);
  }

  /** Runs again where the directory changed meanwhile: a revocation that came in between counts. */
  async #identify(session: Connection): Promise<Principal | Unrecognised> {
    for (;;) {
      const epoch = this.#directoryEpoch;
      const identity = await authenticate(session.socket, session.peer, {
        ...this.ports,
        authorities: () => this.#authorities,
        use: 'client',
      });
      if (!('reason' in identity)) await this.ports.prepare(identity);
      if (epoch === this.#directoryEpoch) return identity;
    }
  }

  /** Nobody known: the first request is answered with the reason, so that whoever sets up the client learns it. */
  async #refused(session: Connection, reason: string): Promise<void> {
    const certificate = session.socket.getPeerX509Certificate();
    const sha256 = certificate === undefined ? undefined : fingerprintOf(certificate);
    this.log.warn({ peer: session.peer, sha256, reason }, 'connection refused');
    await this.#record(session.peer, reason);
  }

  #recordSoon(peer: string, reason: string): void {
    this.#record(peer, reason).catch((cause: unknown) =>
      this.log.error({ error: describeError(cause) }, 'a refused connection could not be recorded'),
    );
  }

  #record(peer: string, reason: string): Promise<void> {
    const actor = { kind: 'client', id: peer, name: '', peer } as const;
    return this.ports.auditLog.append({ actor, action: 'connection', outcome: 'failure', reason });
  }

  async #directoryChanged(change: DirectoryChange): Promise<void> {
    this.#directoryEpoch++;
    try {
      if (change.kind === 'authority' || change.id === '*') this.#authorities = await this.#trusted();
      for (const session of [...this.#sessions]) {
        if (session.principal === undefined || !concerns(change, session.principal)) continue;
        await this.#check(session, session.principal);
      }
    } catch (error) {
      // What cannot be checked is not served: the clients connect again once the store is back.
      this.log.error(
        { error: describeError(error) },
        'open connections could not be checked again and were ended',
      );
      for (const session of this.#sessions) session.destroy();
    }
  }

  /** Ends a connection whose client is not the one that it was, or no longer recognised. */
  async #check(session: Connection, { clientId, clientName }: Principal): Promise<void> {
    const { peer } = session;
    try {
      const identity = await this.#identify(session);
      if (!('reason' in identity) && identity.clientId === clientId) {
        session.principal = identity;
        return;
      }
      const reason = 'reason' in identity ? identity.reason : 'the certificate is that of another client';
      this.log.info({ peer, client: clientName, reason }, 'connection ended');
      session.refusal = new HoldfastError('AuthenticationNotSuccessful', reason);
      session.isEnded = true;
      // What is being answered may be the very request that replaced the credential; what takes longer is cut off.
      session.drain();
      setTimeout(() => {
        session.principal = undefined;
        session.destroy();
      }, this.limits.drainTimeoutMs).unref();
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'IntegrityViolation') throw error;
      // Nobody else's: the others are served on.
      this.log.error({ peer, client: clientName, error: describeError(error) }, 'connection ended');
      session.destroy();
    }
  }

  /** A look that has begun already may have missed what this one is for. */
  #lookAgain(): Promise<void> {
    const begin = (): Promise<void> => {
      this.#nextLook = undefined;
      return (this.#looking = this.#lookAtAll());
    };
    return (this.#nextLook ??= this.#looking.then(begin, begin));
  }

  /**
   * Looks at every connection, for what was not heard of and for what time does: clients and credentials that are revoked, certificates and
   * authorities that have expired or are no longer trusted.
   */
  async #lookAtAll(): Promise<void> {
    try {
      const epoch = ++this.#directoryEpoch;
      const authorities = await this.#trusted();
      if (epoch === this.#directoryEpoch) this.#authorities = authorities;
      const credentialIds = new Set(
        [...this.#sessions].flatMap(({ principal }) => principal?.credentialId ?? []),
      );
      const ids = [...credentialIds];
      for (let start = 0; start < ids.length; start += LOOKED_AT_TOGETHER) {
        await this.#checkHolders(new Set(ids.slice(start, start + LOOKED_AT_TOGETHER)));
      }
    } catch (error) {
      // Without the database nothing is served either.
      this.log.warn({ error: describeError(error) }, 'open connections are looked at again later');
      throw error;
    }
  }

  async #checkHolders(credentialIds: ReadonlySet<string>): Promise<void> {
    const epoch = this.#directoryEpoch;
    const holders = await this.ports.directory.inForce([...credentialIds]);
    const now = this.ports.clock.nowSeconds();
    const valid = this.#authorities.filter(({ certificateDer }) => {
      const [ca] = this.ports.certificates.parse(certificateDer);
      return ca !== undefined && ca.notAfterSeconds >= now;
    });
    for (const session of [...this.#sessions]) {
      const { principal } = session;
      if (principal === undefined || !credentialIds.has(principal.credentialId)) continue;
      if (session.socket.destroyed) continue;
      const certificate = session.socket.getPeerX509Certificate();
      const holder = holders.get(principal.credentialId);
      const rule = holder?.credential.rule;
      const isBelievable = rule?.kind === 'fingerprint' || valid.some(({ id }) => id === rule?.authorityId);
      const isValid = certificate !== undefined && validityFault(certificate, now) === undefined;
      if (holder === undefined || !isBelievable || !isValid) await this.#check(session, principal);
      // What changed meanwhile is looked at by itself.
      else if (epoch === this.#directoryEpoch) session.principal = principalOf(holder, session.peer);
    }
  }

  async #trusted(): Promise<readonly CertificationAuthority[]> {
    const authorities = await this.ports.directory.listAuthorities();
    return authorities.filter(({ revokedAtSeconds }) => revokedAtSeconds === undefined);
  }
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

/** Whether a change may take a principal its rights. */
function concerns(change: DirectoryChange, principal: Principal): boolean {
  switch (change.kind) {
    case 'client':
      return change.id === principal.clientId || change.id === '*';
    case 'credential':
      return change.id === principal.credentialId || change.id === '*';
    case 'authority':
      return true;
    case 'domain':
      return change.id === principal.domainId || change.id === '*';
    case 'any':
    case 'domain-key':
    case 'hsm-key':
    case 'root-key':
    case 'seal':
    case 'secret':
    case 'user':
      return false;
  }
}

function listenFault(cause: NodeJS.ErrnoException, host: string, port: number): string {
  const where = listenText({ host, port });
  switch (cause.code) {
    case 'EADDRINUSE':
      return `${where} is in use already: stop what listens there or choose another port`;
    case 'EACCES':
      return `this user may not listen on ${where}: choose a port above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine`;
    default:
      return `cannot listen on ${where}`;
  }
}
