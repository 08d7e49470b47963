import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, SYSTEM_DOMAIN_ID, type Actor, type Directory } from '@holdfast/core';
import { recordKeysOf, type ManagedKeyring } from '@holdfast/crypto';
import type { KeyVersionUse, Store, StoredDomainKey } from '@holdfast/store';
import type { DomainKeyAnswer, RotationAnswer } from './admin-protocol-keys';
import { isoDate } from './administration-checks';
import { newDomainKey, unwrapDomainKey, wrappingContext } from './domain-keys';
import { describeError, type Logger } from './log';
import type { RootKeys } from './root-keys';

/** No domain that officers add can have this name. */
const SYSTEM_DOMAIN_NAME = '(system)';
/** How long all processes have to load an announced version before anything is written under it. */
const ANNOUNCED_FOR_MS = 1000;
/** What another node left undone, or wrote with keys that it had not renewed, is found this often. */
const LOOK_EVERY_MS = 60_000;
/** What was in use, or may have been written meanwhile, is looked at again so soon; twice as late each time that it still is. */
const LOOK_AGAIN_MS = 1000;
/** Requests that read a row before it was sealed anew have opened it by then. */
const STILL_READ_FOR_MS = 5000;
/** Domains whose earlier versions are retired beside each other: each waits most of the time, and holds a connection. */
const RETIRING_AT_ONCE = 3;

/**
 * Rotation of domain keys: what is under earlier versions is sealed anew, and then they are retired. What is left to do
 * follows from the rows.
 */
export class KeyRotation {
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #againMs = LOOK_AGAIN_MS;
  #progress: RotationAnswer['progress'];
  readonly #ending = new AbortController();
  #stopWatching: (() => Promise<void>) | undefined;
  #work: Promise<void> | undefined;
  #isAskedAgain = false;
  #isEnding = false;

  constructor(
    private readonly store: Pick<Store, 'domainKeys' | 'keyRotation' | 'rootKeys'>,
    private readonly directory: Directory,
    private readonly keyring: ManagedKeyring,
    private readonly rootKeys: RootKeys,
    private readonly log: Logger,
  ) {}

  /** Takes up what was begun before. */
  async start(): Promise<void> {
    await this.store.keyRotation.adopt();
    this.#stopWatching = await watchDomainKeys(this.directory, this.keyring, this.log);
    this.#timer = setInterval(() => this.#resealSoon(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#resealSoon();
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    this.#ending.abort();
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
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
      changedAt: isoDate(use.changedAtSeconds),
      objects: use.objects,
      requests: use.requests,
      directoryRows: use.directoryRows,
      records: use.records,
      destroyed: use.destroyed,
    }));
  }

  /** Whether earlier versions wait to be retired, and how far this node is with what is under them. */
  async rotation(): Promise<RotationAnswer> {
    const waiting = (await this.store.keyRotation.superseded()).length;
    return { waiting, progress: this.#progress };
  }

  /**
   * Gives a domain, or every one, a new current key. One that was announced and got no further is taken up.
   * @throws HoldfastError ItemNotFound where there is no such domain
   */
  async rotate(domain: string | undefined, actor: Actor): Promise<readonly DomainKeyAnswer[]> {
    const announced: { readonly id: string; readonly version: number }[] = [];
    for (const id of await this.rotatable(domain)) {
      announced.push({ id, version: await this.#announce(id, actor) });
    }
    await delay(ANNOUNCED_FOR_MS);
    for (const { id, version } of announced) {
      await this.keyring.refresh(id);
      await this.store.keyRotation.activate(id, version, actor);
      await this.keyring.refresh(id);
    }
    this.#againMs = LOOK_AGAIN_MS;
    this.#resealSoon();
    return this.status();
  }

  /**
   * The domains whose keys are meant.
   * @param domain name; undefined: all
   * @throws HoldfastError ItemNotFound
   */
  async rotatable(domain: string | undefined): Promise<readonly string[]> {
    const domains = await this.#domains();
    if (domain === undefined) return [...domains.values()];
    const only = domains.get(domain);
    if (only === undefined) throw new HoldfastError('ItemNotFound', `there is no domain ${domain}`);
    return [only];
  }

  async #announce(domainId: string, actor: Actor): Promise<number> {
    await this.keyring.ensure(domainId);
    const versions = await this.store.domainKeys.listDomainKeys(domainId);
    const begun = versions.find(({ status }) => status === 'announced');
    if (begun !== undefined) return begun.version;
    await this.#requireAllRoots();
    const version = 1 + Math.max(...versions.map((each) => each.version));
    const { wrappings, mac, forget } = await newDomainKey(this.rootKeys, domainId, version);
    try {
      await this.store.keyRotation.announce({ domainId, version, wrappings }, mac, actor);
    } finally {
      forget();
    }
    return version;
  }

  /** A key that is wrapped for some nodes alone would stop the others. */
  async #requireAllRoots(): Promise<void> {
    const { incoming, outgoing } = await this.store.rootKeys.state();
    if (await this.rootKeys.holds([incoming, outgoing].flatMap((root) => root ?? []))) return;
    throw new HoldfastError(
      'ObjectAlreadyExists',
      'domain keys are on their way to another root key: rotate them once "holdfast root retire" has ended that',
    );
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
    const old = await this.store.keyRotation.superseded();
    const domainIds = [...new Set(old.map((key) => key.domainId))];
    // What is wrong with one domain keeps no other one waiting.
    let failure: PromiseRejectedResult | undefined;
    for (const domainId of domainIds) {
      const [resealed] = await Promise.allSettled([this.#alone(domainId, () => this.#resealAll(domainId))]);
      if (resealed.status === 'rejected') failure ??= resealed;
    }
    let isLeft = false;
    for (let from = 0; from < domainIds.length; from += RETIRING_AT_ONCE) {
      const retired = await Promise.allSettled(
        domainIds
          .slice(from, from + RETIRING_AT_ONCE)
          .map((domainId) => this.#alone(domainId, () => this.#retireAll(domainId))),
      );
      for (const each of retired) {
        if (each.status === 'rejected') failure ??= each;
        else isLeft ||= each.value !== true;
      }
    }
    this.#progress = undefined;
    if (failure !== undefined) throw failure.reason;
    if (!isLeft) this.#againMs = LOOK_AGAIN_MS;
    else if (!this.#isEnding && this.#againMs < LOOK_EVERY_MS) {
      this.#soon = setTimeout(() => this.#resealSoon(), this.#againMs);
      this.#soon.unref();
      this.#againMs *= 2;
    }
  }

  /** @returns what the work comes to; undefined where another node is at it, or this one is ending */
  async #alone<T>(domainId: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isEnding) return undefined;
    let result: T | undefined;
    await this.store.keyRotation.alone(domainId, async () => {
      result = await work();
    });
    return result;
  }

  /** Retires the earlier versions of a domain under which nothing is left. @returns whether that is all of them */
  async #retireAll(domainId: string): Promise<boolean> {
    const old = (await this.store.keyRotation.superseded()).filter((key) => key.domainId === domainId);
    let retired = 0;
    for (const key of old) {
      if (this.#isEnding) return false;
      if (await this.#retire(key)) retired++;
    }
    return retired === old.length;
  }

  /** Seals what is left of a domain anew. */
  async #resealAll(domainId: string): Promise<void> {
    const { keyRotation } = this.store;
    const goesOn = (): boolean => !this.#isEnding;
    const total = await keyRotation.waitingObjects(domainId);
    const onProgress = (done: number): void => {
      this.#progress = { domainId, done, total: Math.max(total, done) };
    };
    onProgress(0);
    const resealed = await keyRotation.reseal(domainId, goesOn, onProgress);
    if (resealed > 0) this.log.info({ domainId, resealed }, 'rows were sealed under the current domain key');
  }

  /**
   * Destroys the sealing key of a version under which nothing is left. First nothing can be written under it any more;
   * then all have ended who had begun before; then the wrapped key makes way for what verifies records.
   * @returns whether it is retired
   */
  async #retire(key: StoredDomainKey): Promise<boolean> {
    const { keyRotation } = this.store;
    const { domainId, version, wrappings } = key;
    if (!(await this.rootKeys.holds(wrappings.map(({ root }) => root)))) return false;
    if (key.status === 'superseded') {
      if (await keyRotation.isInUse(domainId, version)) return false;
      await keyRotation.beginRetirement(domainId, version);
    }
    const horizon = await keyRotation.horizon();
    while (await keyRotation.mayBeWritten(horizon)) {
      if (!(await this.#pause(LOOK_AGAIN_MS))) return false;
    }
    if (!(await this.#pause(STILL_READ_FOR_MS))) return false;
    if (await keyRotation.isInUse(domainId, version)) {
      await this.#resealAll(domainId);
      if (await keyRotation.isInUse(domainId, version)) return false;
    }
    await this.#destroySealingKey({ ...key, status: 'retiring' });
    this.log.info({ domainId, version }, 'a domain key version was retired: its sealing key is destroyed');
    return true;
  }

  async #destroySealingKey(key: StoredDomainKey): Promise<void> {
    const { domainId, version } = key;
    const domainKey = await unwrapDomainKey(this.rootKeys, key);
    const recordKeys = recordKeysOf(domainKey);
    domainKey.destroy();
    try {
      const context = wrappingContext({ domainId, version, status: 'retired' });
      const wrappings = await this.rootKeys.wrap(recordKeys, context);
      await this.store.keyRotation.finishRetirement(domainId, version, wrappings);
    } finally {
      recordKeys.destroy();
    }
    await this.keyring.refresh(domainId);
  }

  /** @returns whether to go on after it */
  async #pause(forMs: number): Promise<boolean> {
    await delay(forMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    return !this.#isEnding;
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

function stateOf({ status, objects, requests, directoryRows }: KeyVersionUse): DomainKeyAnswer['state'] {
  if (status !== 'superseded') return status;
  if (objects > 0) return 'resealing';
  return requests + directoryRows > 0 ? 'in use' : 'superseded';
}
