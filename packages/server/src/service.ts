import type { AddressInfo } from 'node:net';
import { HsmRandomness, createCrypto, type ManagedKeyring } from '@holdfast/crypto';
import { certificates } from '@holdfast/pki';
import { HoldfastError, type AuthenticationPolicy, type HsmKeys } from '@holdfast/core';
import type { Store } from '@holdfast/store';
import { AsynchronousProcessor } from './asynchronous';
import { ApprovalRules } from './approval-rules';
import { Approvals } from './approvals';
import { SERVING_SECRET } from './built-in-authorities';
import { Administration } from './administration';
import { AuditGate } from './audit/gate';
import { StrangersAudit } from './audit/strangers';
import { catalogueOf } from './catalogue';
import { Announcer } from './announcer';
import { Channels } from './channels';
import type { ListenAddress } from './address';
import type { NodeConfig } from './config';
import { Authenticator } from './credentials/authenticator';
import { keepObjectsYoung } from './garbage';
import { DomainPolicies } from './domain-policies';
import { HsmKeyMaking } from './hsm-keys';
import { HttpEndpoint } from './http-session';
import { Listener, type ListenerPorts, type OpenConnection } from './listener';
import { KmipAuthority } from './kmip-authority';
import { LargeAnswers } from './large-answers';
import { describeError, type Logger } from './log';
import { MessageProcessor } from './message-processor';
import type { Serving, ServingAddresses } from './node';
import { NotifiedClients } from './notified-clients';
import { ObjectRotation } from './object-rotation';
import { CertificateProvisioner } from './provisioning';
import { Telling } from './telling';
import { refusalRecorder } from './refusals';
import { Session, type Responder } from './session';
import { SERVER_IDENTITY } from './server-identity';
import { TICKET_KEYS_SECRET, tlsIdentity } from './tls-identity';

const RENEWAL_CHECK_MS = 6 * 3600_000;
/** What the certificates and keys of the listeners are made of. */
const RENEWED_WITH: readonly string[] = [SERVING_SECRET, TICKET_KEYS_SECRET];
/** How often the HSM is asked for random bytes, where they are mixed into those of keys. */
const SEEDING_MS = 60_000;

/** A listener and where it is to listen. */
interface Door {
  readonly at: ListenAddress;
  readonly listener: Listener;
}

/** Serving in this process: the TLS listeners and what answers their requests. */
export class Service implements Serving {
  readonly processes = 1;
  readonly lostRows = 0;
  #renewal: NodeJS.Timeout | undefined;
  #seeding: NodeJS.Timeout | undefined;
  #stopWatching: (() => Promise<void>) | undefined;

  private constructor(
    /** First that for TTLV over TLS, then that for HTTPS, where there is one. */
    private readonly doors: readonly Door[],
    private readonly asynchronous: AsynchronousProcessor,
    private readonly telling: Telling,
    private readonly rotation: ObjectRotation,
    private readonly gate: AuditGate,
    private readonly identity: () => ReturnType<typeof tlsIdentity>,
    private readonly log: Logger,
    private readonly randomness: HsmRandomness | undefined,
    private readonly strangers: StrangersAudit,
  ) {}

  static async create(
    config: NodeConfig,
    {
      store,
      keyring,
      hsmKeys,
    }: {
      readonly store: Store;
      readonly keyring: ManagedKeyring;
      readonly hsmKeys: HsmKeys | undefined;
    },
    log: Logger,
  ): Promise<Service> {
    keepObjectsYoung();
    const { directory, clock, auditLog, keyStore, tickets, users } = store;
    const ports = { directory, certificates, clock };
    const { crlUrls, caIssuerUrls } = config;
    const policies = new DomainPolicies(store.policies);
    const randomness = config.hsmRandom ? await randomnessOf(hsmKeys) : undefined;
    const crypto = createCrypto(config.approvedOnly, hsmKeys, randomness);
    const approvalRules = new ApprovalRules(directory);
    const approvals = new Approvals(approvalRules, store.approvals, () => clock.nowSeconds());
    const gate = new AuditGate(store.auditChain, config.auditGraceSeconds, log);
    const announcer = new Announcer({ keyStore, auditLog, clock, policies, approvals, gate });
    const notifiedClients = new NotifiedClients(directory);
    const batchPorts = {
      keyStore,
      auditLog,
      clock,
      crypto,
      hsmKeyMaking: hsmKeys && new HsmKeyMaking(store.hsmKeys, hsmKeys, crypto),
      certificates,
      tickets,
      issuingAuthority: new KmipAuthority(ports),
      catalogue: catalogueOf(config.testMode),
      server: { ...SERVER_IDENTITY, servesHttps: config.httpsListen !== undefined },
      policies,
      approvals,
      channels: new Channels(announcer),
      largeAnswers: new LargeAnswers(),
      notifiedClients,
      provisioner: new CertificateProvisioner(
        new Administration(
          directory,
          certificates,
          clock,
          { crlUrls, caIssuerUrls },
          () => hsmKeys !== undefined,
        ),
        directory,
        certificates,
        clock,
      ),
    };
    const { limits, listen, httpsListen, authentication, httpsAuthentication } = config;
    const prepare: ListenerPorts['prepare'] = (principal) => keyring.ensure(principal.domainId);
    const asynchronous = new AsynchronousProcessor(
      { ...batchPorts, requests: store.asynchronousRequests, directory, users, prepare },
      limits,
      log,
    );
    const strangers = new StrangersAudit(auditLog, log);
    const authenticator = new Authenticator({
      directory,
      users,
      tickets,
      auditLog: strangers,
      clock,
      processes: Math.max(1, config.workers),
      prepare,
    });
    const refused = refusalRecorder(strangers, log);
    const processor = new MessageProcessor(
      { ...batchPorts, asynchronous },
      authenticator,
      gate,
      refused,
      limits,
      log,
    );
    const respond =
      (policy: AuthenticationPolicy): Responder =>
      (request, requester, encoding, canTurn) =>
        processor.answer(request, requester, policy, encoding, canTurn);
    const identity = await tlsIdentity(config, ports);
    const listenerPorts = { ...ports, auditLog: strangers, prepare, policy: authentication };
    const session: OpenConnection = (socket, peer) =>
      new Session(socket, peer, limits, respond(authentication), refused, log);
    const doors: Door[] = [
      { at: listen, listener: new Listener(identity, limits, listenerPorts, session, log) },
    ];
    if (httpsListen !== undefined) {
      const http = new HttpEndpoint(limits, respond(httpsAuthentication), refused, log);
      const https = { ...identity, ALPNProtocols: ['http/1.1', 'http/1.0'] };
      const httpSession: OpenConnection = (socket, peer) => http.open(socket, peer);
      doors.push({
        at: httpsListen,
        listener: new Listener(
          https,
          limits,
          { ...listenerPorts, policy: httpsAuthentication },
          httpSession,
          log,
        ),
      });
    }
    const telling = new Telling(
      {
        ...ports,
        announcements: store.announcements,
        clients: notifiedClients,
        announcer,
        prepare,
        identity: () => diallingIdentity(config, ports),
      },
      limits,
      log,
    );
    const rotation = new ObjectRotation(
      { ...batchPorts, asynchronous, rotations: store.rotations, gate, directory, users, prepare },
      limits,
      log,
    );
    const service = new Service(
      doors,
      asynchronous,
      telling,
      rotation,
      gate,
      () => tlsIdentity(config, ports),
      log,
      randomness,
      strangers,
    );
    service.#stopWatching = await directory.watch((change) => {
      notifiedClients.forget(change);
      telling.directoryChanged(change);
      policies.forget(change);
      approvalRules.forget(change);
      if (change.kind === 'secret' && RENEWED_WITH.includes(change.id)) service.#renewSoon();
    });
    return service;
  }

  async listen(): Promise<ServingAddresses> {
    this.#renewal = setInterval(() => this.#renewSoon(), RENEWAL_CHECK_MS);
    this.#renewal.unref();
    this.#seeding = setInterval(() => this.#seed(), SEEDING_MS);
    this.#seeding.unref();
    this.gate.start();
    // In this order in every process: workers share a free port by it.
    const addresses: AddressInfo[] = [];
    for (const { at, listener } of this.doors) addresses.push(await listener.listen(at));
    this.asynchronous.start();
    this.telling.start();
    this.rotation.start();
    const [kmip, https] = addresses;
    return { kmip: kmip as AddressInfo, https };
  }

  connections(): Promise<number> {
    return Promise.resolve(this.doors.reduce((sum, { listener }) => sum + listener.connections, 0));
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    clearInterval(this.#seeding);
    this.gate.close();
    await Promise.all([
      ...this.doors.map(({ listener }) => listener.close()),
      this.asynchronous.close(),
      this.telling.close(),
      this.rotation.close(),
    ]);
    await this.strangers.tell();
    await this.#stopWatching?.();
  }

  #seed(): void {
    this.randomness?.renew().catch((error: unknown) => {
      this.log.warn(
        { error: describeError(error) },
        'the HSM gives no random bytes; its earlier ones are used',
      );
    });
  }

  #renewSoon(): void {
    this.#renew().catch((error: unknown) => {
      this.log.error({ error: describeError(error) }, 'the server certificate could not be renewed');
    });
  }

  async #renew(): Promise<void> {
    const renewed = await this.identity();
    for (const { listener } of this.doors) listener.replaceIdentity(renewed);
  }
}

/** What this server shows the clients that it connects to. */
async function diallingIdentity(...where: Parameters<typeof tlsIdentity>) {
  const { key, cert } = await tlsIdentity(...where);
  return { ...(key === undefined ? {} : { key }), ...(cert === undefined ? {} : { cert }) };
}

/** @throws HoldfastError Configuration where there is no HSM, RootOfTrustUnavailable */
function randomnessOf(hsmKeys: HsmKeys | undefined): Promise<HsmRandomness> {
  if (hsmKeys !== undefined) return HsmRandomness.draw(hsmKeys);
  throw new HoldfastError('Configuration', '--hsm-random needs an HSM: --root pkcs11');
}
