import { HoldfastError, type Actor, type AuditLog, type Directory } from '@holdfast/core';
import {
  isSplitOf,
  readSplit,
  ShareCollection,
  splitFactsOf,
  type SealedShare,
  type SplitFacts,
} from '@holdfast/crypto';
import type { CustodyStore } from '@holdfast/store';
import type { CustodyAnswer, ReshareRequest, UnsealAnswer } from './admin-protocol';
import { describeError, type Logger } from './log';
import type { NodeKey } from './node-key';
import type { RootKeys } from './root-keys';
import { splitFrom, type SharedRoot } from './shared-root';

/** What becomes of a node when its root is unsealed and sealed. */
export interface Doors {
  /** Begins to serve. */
  open(): Promise<void>;
  /** Ends all connections and zeroes every key. */
  shut(): Promise<void>;
}

const OPERATOR: Actor = { kind: 'operator', id: 'operator', name: 'operator' };
const SYSTEM: Actor = { kind: 'system', id: 'system', name: 'seal order' };
/** A seal does not wait for its record any longer. */
const RECORD_TIMEOUT_MS = 2000;

/** The seal of a node: takes shares until there are enough, and seals again when that is ordered anywhere. */
export class Custody {
  #collection: ShareCollection | undefined;
  /** The facts, as they were read, of the splitting whose shares are collected. */
  #collected: string | undefined;
  /** The last order to seal that is obeyed already. */
  #order = '';
  #isClosed = false;
  #isSealed: boolean;
  #turn: Promise<unknown> = Promise.resolve();
  #stopWatching: (() => Promise<void>) | undefined;

  constructor(
    private readonly store: {
      readonly custody: CustodyStore;
      readonly directory: Directory;
      readonly auditLog: AuditLog;
    },
    private readonly root: SharedRoot,
    private readonly keys: Pick<RootKeys, 'sealTo'>,
    private readonly nodeKey: NodeKey,
    private readonly doors: Doors,
    private readonly log: Logger,
  ) {
    this.#isSealed = root.isSealed;
  }

  /** Whether nothing is served: the root key may be another one meanwhile, to which domain keys have moved. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** Begins to listen for orders. @throws HoldfastError StoreUnavailable, IntegrityViolation */
  async start(): Promise<void> {
    this.#order = await this.store.custody.sealOrder();
    const { split } = await this.#currentCollection();
    this.#stopWatching = await this.store.directory.watch(({ kind }) => {
      if (kind === 'seal' || kind === 'any') this.#obeySoon();
    });
    if (!this.isSealed) return;
    this.log.warn(
      { threshold: split.threshold, shares: split.custodians.length },
      'the node is sealed: it serves once enough custodians have run holdfast unseal',
    );
  }

  /** Forgets what was given; nothing is unsealed from now on. */
  async close(): Promise<void> {
    await this.#stopWatching?.();
    await this.#inTurn(() => {
      this.#isClosed = true;
      this.#collection?.destroy();
      return Promise.resolve();
    });
  }

  get status(): CustodyAnswer | undefined {
    if (this.#collection === undefined) return undefined;
    const { given, split } = this.#collection;
    return {
      split: split.id,
      threshold: split.threshold,
      shares: split.custodians.length,
      given,
      publicKeyPem: this.nodeKey.publicKeyPem,
    };
  }

  /**
   * Takes the share of one custodian, and unseals the node when it is the last that was missing.
   * @throws HoldfastError InvalidField for a share of another key or splitting; IntegrityViolation for a wrong one: the
   * others count all the same
   */
  unseal(share: SealedShare): Promise<UnsealAnswer> {
    return this.#inTurn(async () => {
      if (this.#isClosed) throw new HoldfastError('RootOfTrustUnavailable', 'the server is stopping');
      if (!this.isSealed) return { state: 'unsealed', isNew: false };
      const collection = await this.#currentCollection();
      const isNew = await this.#take(share, collection);
      const { given, split } = collection;
      this.log.info({ given, threshold: split.threshold }, 'a share was given');
      if (!collection.isComplete) return { state: 'sealed', isNew, given, threshold: split.threshold };
      await this.#open(collection);
      return { state: 'unsealed', isNew };
    });
  }

  async #take(share: SealedShare, collection: ShareCollection): Promise<boolean> {
    try {
      return collection.add(await this.nodeKey.open(share));
    } catch (error) {
      this.log.warn({ error: describeError(error) }, 'a share was refused');
      throw error;
    }
  }

  /**
   * Seals this node and orders all others to.
   * @throws HoldfastError StoreUnavailable where the others could not be told: this node is sealed all the same
   */
  async seal(actor: Actor): Promise<void> {
    const told = this.store.custody.orderSeal().then(
      () => undefined,
      (error: unknown) => error,
    );
    await this.#inTurn(() => this.#shut(actor));
    const problem = await told;
    if (problem === undefined) return;
    throw new HoldfastError(
      'StoreUnavailable',
      'this node is sealed, but the database does not answer: the other nodes were not told',
      { cause: problem },
    );
  }

  /**
   * Puts another splitting of the same root key in force; the shares so far count no longer.
   * @throws HoldfastError PermissionDenied without enough shares of the splitting in force; IntegrityViolation for a wrong
   * one; InvalidField where the new splitting is none of this root key
   */
  reshare(request: ReshareRequest, actor: Actor): Promise<void> {
    return this.#inTurn(async () => {
      const { before, next, custodians } = await this.#nextSplit(request);
      const names = next.custodians.map(({ name }) => name);
      const subject = `${next.threshold} of ${names.join(', ')}, by ${custodians.join(', ')}`;
      if (!(await this.store.custody.replaceSplit(before, JSON.stringify(next), subject, actor))) {
        throw new HoldfastError('InvalidField', 'the root key was split anew meanwhile: nothing was changed');
      }
      await this.#currentCollection();
    });
  }

  /** @throws HoldfastError as `reshare` would now */
  async requireResharable(request: ReshareRequest): Promise<void> {
    await this.#nextSplit(request);
  }

  async #nextSplit({ shares, split }: ReshareRequest) {
    const before = await this.#splitText();
    const next = splitFactsOf(readSplit({ ...split }));
    return { before, next, custodians: await this.#requireSameKey(splitFrom(before), shares, next) };
  }

  /** @returns whose the shares are */
  async #requireSameKey(
    split: SplitFacts,
    shares: readonly SealedShare[],
    next: SplitFacts,
  ): Promise<readonly string[]> {
    const { key, custodians } = await this.nodeKey.join(split, shares);
    const isSame = next.content === split.content && isSplitOf(next, key);
    key.destroy();
    if (isSame) return custodians;
    throw new HoldfastError('InvalidField', 'this is no splitting of the root key of this node');
  }

  async #open(collection: ShareCollection): Promise<void> {
    const { custodians } = collection;
    await this.root.unseal(collection.join());
    this.#isSealed = false;
    try {
      await this.doors.open();
      await this.store.auditLog.append({
        actor: OPERATOR,
        action: 'node.unseal',
        subject: custodians,
        outcome: 'success',
      });
    } catch (error) {
      await this.#shut(undefined);
      throw error;
    }
    this.log.info({}, 'the node is unsealed');
  }

  async #shut(actor: Actor | undefined): Promise<void> {
    this.#collection?.destroy();
    if (this.isSealed) return;
    if (actor !== undefined) await this.#recordSeal(actor);
    try {
      await this.doors.shut();
    } finally {
      this.#isSealed = true;
      await this.keys.sealTo(this.root);
    }
    this.log.warn({}, 'the node is sealed');
  }

  /** What was given before the splitting was replaced, or before an order to seal, counts no longer. */
  async #currentCollection(): Promise<ShareCollection> {
    await this.#obey();
    const text = await this.#splitText();
    if (this.#collection === undefined || text !== this.#collected) {
      const next = new ShareCollection(splitFrom(text));
      this.#collection?.destroy();
      this.#collection = next;
      this.#collected = text;
    }
    return this.#collection;
  }

  async #splitText(): Promise<string> {
    const text = await this.store.custody.split();
    if (text !== undefined) return text;
    throw new HoldfastError(
      'Configuration',
      'no root key was split among custodians for this database yet: run holdfast init --root shares first, or name the --root that it has',
    );
  }

  #obeySoon(): void {
    this.#inTurn(() => this.#obey()).catch((error: unknown) => {
      this.log.error({ error: describeError(error) }, 'an order to seal could not be looked up');
    });
  }

  async #obey(): Promise<void> {
    const order = await this.store.custody.sealOrder();
    if (order === this.#order) return;
    this.#order = order;
    await this.#shut(SYSTEM);
  }

  /** What cannot be recorded is sealed all the same. */
  async #recordSeal(actor: Actor): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), RECORD_TIMEOUT_MS);
    });
    const recorded = this.store.auditLog.append({ actor, action: 'node.seal', outcome: 'success' });
    try {
      await Promise.race([recorded, late]);
    } catch (error) {
      this.log.error({ error: describeError(error) }, 'the seal could not be recorded');
    } finally {
      clearTimeout(timer);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
