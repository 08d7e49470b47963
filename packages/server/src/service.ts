import type { AddressInfo } from 'node:net';
import { createCrypto, type ManagedKeyring } from '@holdfast/crypto';
import { certificates } from '@holdfast/pki';
import type { Store } from '@holdfast/store';
import { catalogueOf } from './catalogue';
import type { NodeConfig } from './config';
import { keepObjectsYoung } from './garbage';
import { Listener } from './listener';
import type { Logger } from './log';
import type { Serving } from './node';
import { MessageProcessor } from './message-processor';
import { tlsIdentity } from './tls-identity';

const RENEWAL_CHECK_MS = 6 * 3600_000;

/** Serving in this process: the TLS listener and what answers its requests. */
export class Service implements Serving {
  #renewal: NodeJS.Timeout | undefined;

  private constructor(
    private readonly listener: Listener,
    private readonly renew: () => Promise<void>,
  ) {}

  static async create(
    config: NodeConfig,
    { store, keyring }: { readonly store: Store; readonly keyring: ManagedKeyring },
    log: Logger,
  ): Promise<Service> {
    keepObjectsYoung();
    const { directory, clock, auditLog, keyStore, tickets } = store;
    const ports = { directory, certificates, clock };
    const processor = new MessageProcessor(
      {
        keyStore,
        auditLog,
        clock,
        crypto: createCrypto(),
        certificates,
        tickets,
        catalogue: catalogueOf(config.testMode),
      },
      config.limits,
      log,
    );
    const listener = new Listener(
      await tlsIdentity(config, ports),
      config.limits,
      { ...ports, auditLog, prepare: (principal) => keyring.ensure(principal.domainId) },
      (request, session) => processor.answer(request, session.principal ?? session.refusal),
      log,
    );
    return new Service(listener, async () => listener.replaceIdentity(await tlsIdentity(config, ports)));
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    this.#renewal = setInterval(() => void this.renew().catch(() => undefined), RENEWAL_CHECK_MS);
    this.#renewal.unref();
    return this.listener.listen(host, port);
  }

  connections(): Promise<number> {
    return Promise.resolve(this.listener.connections);
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.listener.close();
  }
}
