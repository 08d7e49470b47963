import { randomBytes, randomUUID } from 'node:crypto';
import {
  execute,
  operations,
  type AuthorityKeyType,
  type CertificateAuthority,
  type CryptoPort,
  type DomainPolicy,
  type IssuingAuthority,
  type ObjectAccess,
  type OperationContext,
  type OperationDefinition,
  type Principal,
  type Role,
} from '@holdfast/core';
import { createCrypto, createKeyring } from '@holdfast/crypto';
import { DIALECTS, dialectNamed, type IdentifierReference, type VersionName } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { openStore, type Store } from '@holdfast/store';
import { startTestPostgres } from '@holdfast/testkit';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';

/** A CA of each kind, and those that a test trusts besides. */
export class TestAuthority implements IssuingAuthority {
  readonly anchors: Buffer[] = [];
  readonly #made = new Map<string, Promise<CertificateAuthority>>();

  constructor(private readonly nowSeconds: number) {}

  async issue(...[request, keyType]: Parameters<IssuingAuthority['issue']>) {
    return certificates.issueEndEntity(await this.authority(keyType), request);
  }

  async trustAnchors(): Promise<readonly Buffer[]> {
    const made = await Promise.all(this.#made.values());
    return [...made.map(({ certificateDer }) => certificateDer), ...this.anchors];
  }

  authority(keyType: AuthorityKeyType): Promise<CertificateAuthority> {
    const made = this.#made.get(keyType) ?? this.#make(keyType);
    this.#made.set(keyType, made);
    return made;
  }

  async #make(keyType: AuthorityKeyType): Promise<CertificateAuthority> {
    const { der, privateKey } = await certificates.createAuthority({
      commonName: `Test CA ${keyType}`,
      keyAlgorithm: keyType === 'RSA' ? 'RSA-2048' : 'EC-P256',
      nowSeconds: this.nowSeconds,
    });
    return { certificateDer: der, privateKey };
  }
}

/** Operations over a real store, in a domain of their own. */
export class Harness {
  nowSeconds: number;
  /** What the last operation produced, and whether it emptied the ID Placeholder. */
  produced: readonly string[] = [];
  emptied = false;
  /** Of its domain. */
  policy: DomainPolicy = {};

  private constructor(
    private readonly store: Store,
    private readonly principal: Principal,
    private readonly stop: () => Promise<void>,
    private readonly crypto: CryptoPort = createCrypto(),
    readonly issuingAuthority: TestAuthority = new TestAuthority(store.clock.nowSeconds()),
  ) {
    this.nowSeconds = store.clock.nowSeconds();
  }

  static async start(): Promise<Harness> {
    const postgres = await startTestPostgres();
    const keys = new Map<string, Buffer>();
    const keyring = createKeyring({
      load(domainId) {
        const key = keys.get(domainId) ?? randomBytes(32);
        keys.set(domainId, key);
        return Promise.resolve([{ version: 1, key: SecretBytes.copyOf(key), current: true }]);
      },
    });
    const silent = () => undefined;
    const log = { debug: silent, info: silent, warn: silent, error: silent };
    const store = await openStore({ connection: await postgres.createStoreDatabase(), keyring, log });
    const principal = {
      clientId: randomUUID(),
      clientName: 'tester',
      domainId: randomUUID(),
      role: 'user' as const,
      credentialId: randomUUID(),
      peer: '127.0.0.1:1',
    };
    return new Harness(store, principal, async () => {
      await store.close();
      await postgres.stop();
    });
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** A client of the same domain, or of a domain of its own. */
  as(role: Role, domainId = this.principal.domainId): Harness {
    const principal = { ...this.principal, clientId: randomUUID(), role, domainId };
    return new Harness(this.store, principal, () => Promise.resolve(), this.crypto, this.issuingAuthority);
  }

  /** The same client, for whom cryptography is done otherwise. */
  withCrypto(change: (crypto: CryptoPort) => CryptoPort): Harness {
    const stop = () => Promise.resolve();
    return new Harness(this.store, this.principal, stop, change(this.crypto), this.issuingAuthority);
  }

  run<Request, Response>(
    definition: OperationDefinition<Request, Response>,
    request: Request,
    version: VersionName = '1.4',
  ): Promise<Response> {
    const { principal, nowSeconds } = this;
    return execute(definition, request, {
      session: this.store.keyStore,
      principal,
      policy: this.policy,
      nowSeconds,
      context: (objects) => this.#context(objects, version),
      accept: () => undefined,
    });
  }

  #context(objects: ObjectAccess, version: VersionName): OperationContext {
    const produced: string[] = [];
    this.produced = produced;
    this.emptied = false;
    return {
      principal: this.principal,
      dialect: dialectNamed(version),
      nowSeconds: this.nowSeconds,
      objects,
      policy: this.policy,
      changePolicy: (change) => {
        this.policy = { ...this.policy, ...change };
        return Promise.resolve();
      },
      crypto: this.crypto,
      asker: { principalId: this.principal.clientId, signal: undefined },
      hsmKeys: undefined,
      certificates,
      tickets: this.store.tickets,
      issuingAuthority: this.issuingAuthority,
      server: {
        vendorIdentification: 'Holdfast',
        productName: 'Holdfast',
        version: '1.2.3',
        servesHttps: false,
      },
      catalogue: operations,
      protocolVersions: DIALECTS.toReversed(),
      identify,
      produced: (uniqueIdentifier) => void produced.push(uniqueIdentifier),
      log: () => undefined,
      becomeClient: () => undefined,
      needsOfficers: () => Promise.resolve(false),
      provisioner: { prepare: () => Promise.reject(new Error('not here')) },
      afterwards: () => undefined,
      emptyPlaceholder: () => {
        this.emptied = true;
      },
      ...NOTHING_PENDING,
    };
  }
}

const unexpected = (): never => {
  throw new Error('these tests make nothing pending');
};
const NOTHING_PENDING: Pick<OperationContext, 'asynchronousRequests' | 'answerFor'> = {
  asynchronousRequests: {
    find: unexpected,
    outstanding: unexpected,
    obtained: unexpected,
    cancel: unexpected,
    process: unexpected,
  },
  answerFor: unexpected,
};

function identify(reference: IdentifierReference | undefined): string {
  if (typeof reference === 'string') return reference;
  throw new HoldfastError('ItemNotFound', 'these tests name their objects');
}
