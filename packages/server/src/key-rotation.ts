import { setTimeout as delay } from 'node:timers/promises';
import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type Directory,
  type RootOfTrust,
} from '@holdfast/core';
import type { ManagedKeyring } from '@holdfast/crypto';
import type { KeyVersionUse, Store } from '@holdfast/store';
import type { DomainKeyAnswer } from './admin-protocol';
import { isoDate } from './administration-checks';
import { wrapNewDomainKey } from './domain-keys';
import { describeError, type Logger } from './log';

/** No domain that officers add can have this name. */
const SYSTEM_DOMAIN_NAME = '(system)';
/** How long all processes have to load an announced version before anything is written under it. */
const ANNOUNCED_FOR_MS = 1000;
/** What another node left undone, or wrote with keys that it had not renewed, is found this often. */
const LOOK_EVERY_MS = 60_000;

/** Rotation of domain keys, and the sealing anew of what is under earlier versions. What is left to do follows from the rows. */
export class KeyRotation {
  #timer: NodeJS.Timeout | undefined;
  #stopWatching: (() => Promise<void>) | undefined;
  #work: Promise<void> | undefined;
  #isAskedAgain = false;
  #isEnding = false;

  constructor(
    private readonly store: Pick<Store, 'domainKeys' | 'keyRotation'>,
    private readonly directory: Directory,
    private readonly keyring: ManagedKeyring,
    private readonly root: RootOfTrust,
    private readonly log: Logger,
  ) {}

  /** Takes up what was begun before. */
  async start(): Promise<void> {
    this.#stopWatching = await watchDomainKeys(this.directory, this.keyring, this.log);
    this.#timer = setInterval(() => this.#resealSoon(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#resealSoon();
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    clearInterval(this.#timer);
    await this.#work;
    await this.#stopWatching?.();
  }

  async status(): Promise<readonly DomainKeyAnswer[]> {
    const domains = await this.#domains();
    const names = new Map([...domains].map(([name, id]) => [id, name]));
    return (await this.store.keyRotation.use()).map((use) => ({
      domain: names.get(use.domainId) ?? use.domainId,
      version: use.version,
      state: stateOf(use),
      createdAt: isoDate(use.createdAtSeconds),
      objects: use.objects,
      requests: use.requests,
      directoryRows: use.directoryRows,
      records: use.records,
    }));
  }

  /**
   * Gives a domain, or every one, a new current key. One that was announced and got no further is taken up.
   * @throws HoldfastError ItemNotFound where there is no such domain
   */
  async rotate(domain: string | undefined, actor: Actor): Promise<readonly DomainKeyAnswer[]> {
    const domains = await this.#domains();
    const only = domain === undefined ? undefined : domains.get(domain);
    if (domain !== undefined && only === undefined) {
      throw new HoldfastError('ItemNotFound', `there is no domain ${domain}`);
    }
    const announced: { readonly id: string; readonly version: number }[] = [];
    for (const id of only === undefined ? domains.values() : [only]) {
      announced.push({ id, version: await this.#announce(id, actor) });
    }
    await delay(ANNOUNCED_FOR_MS);
    for (const { id, version } of announced) {
      await this.store.keyRotation.activate(id, version, actor);
      await this.keyring.refresh(id);
    }
    this.#resealSoon();
    return this.status();
  }

  async #announce(domainId: string, actor: Actor): Promise<number> {
    await this.keyring.ensure(domainId);
    const versions = await this.store.domainKeys.listDomainKeys(domainId);
    const begun = versions.find(({ status }) => status === 'announced');
    if (begun !== undefined) return begun.version;
    const version = 1 + Math.max(...versions.map((each) => each.version));
    const wrapped = await wrapNewDomainKey(this.root, domainId, version);
    await this.store.keyRotation.announce(domainId, version, wrapped, actor);
    return version;
  }

  async #domains(): Promise<ReadonlyMap<string, string>> {
    const domains = await this.directory.listDomains();
    return new Map([
      ...domains.map(({ name, id }) => [name, id] as const),
      [SYSTEM_DOMAIN_NAME, SYSTEM_DOMAIN_ID],
    ]);
  }

  #resealSoon(): void {
    if (this.#isEnding) return;
    if (this.#work !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isAskedAgain = false;
    this.#work = this.#reseal()
      .catch((error: unknown) => {
        if (!this.#isEnding) this.log.error({ error: describeError(error) }, 'rows could not be sealed anew');
      })
      .finally(() => {
        this.#work = undefined;
        if (this.#isAskedAgain) this.#resealSoon();
      });
  }

  async #reseal(): Promise<void> {
    const old = (await this.store.keyRotation.use()).filter(
      ({ status, objects, directoryRows }) => status === 'retired' && objects + directoryRows > 0,
    );
    for (const domainId of new Set(old.map((use) => use.domainId))) {
      const resealed = await this.store.keyRotation.reseal(domainId, () => !this.#isEnding);
      if (resealed > 0)
        this.log.info({ domainId, resealed }, 'rows were sealed under the current domain key');
    }
  }
}

/** Takes new key versions up as soon as they are heard of. @returns ends it */
export async function watchDomainKeys(
  directory: Directory,
  keyring: ManagedKeyring,
  log: Logger,
): Promise<() => Promise<void>> {
  const stop = await directory.watch(({ kind, id }) => {
    if (kind !== 'domain-key') return;
    keyring.refresh(id === '*' ? undefined : id).catch((error: unknown) => {
      log.error({ error: describeError(error) }, 'new domain keys could not be loaded');
    });
  });
  // What was loaded before nobody has watched.
  await keyring.refresh();
  return stop;
}

function stateOf({
  status,
  objects,
  requests,
  directoryRows,
  records,
}: KeyVersionUse): DomainKeyAnswer['state'] {
  if (status !== 'retired') return status;
  if (objects > 0) return 'resealing';
  if (requests + directoryRows > 0) return 'in use';
  return records > 0 ? 'records only' : 'unused';
}
