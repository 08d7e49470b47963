import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, SecretBytes, type Actor, type Directory, type RootOfTrust } from '@holdfast/core';
import {
  createSoftwareRoot,
  NEXT_SOFTWARE_ROOT_FILE,
  openPkcs11Root,
  openSoftwareRoot,
  promoteRootKeyFile,
  removeRootKeyFile,
  SOFTWARE_ROOT_FILE,
  TokenKeeper,
  type Pkcs11RootOptions,
} from '@holdfast/hsm';
import type { RootKeyState, RootKeyStore } from '@holdfast/store';
import type { ReshareRequest } from './admin-protocol';
import type { DestroyRootKeyRequest, MoveRootRequest, RootAnswer } from './admin-protocol-keys';
import type { NodeConfig, RootConfig } from './config';
import { unwrapDomainKey, wrappingContext } from './domain-keys';
import { describeError, type Logger } from './log';
import type { NodeKey } from './node-key';
import { keptRootFile } from './root';
import type { RootKeys } from './root-keys';
import { SharedRoot, sharedRootFrom } from './shared-root';

/** Where the new root key is, and what opens it. */
interface Target {
  readonly config: RootConfig;
  readonly secret: SecretBytes | undefined;
  readonly shared: ReshareRequest | undefined;
}

/**
 * Moves the domain keys to another root key, while they are in use: each is unwrapped in memory by the root key so far and
 * wrapped by the new one besides; once all are, the new one is the current one; what the one before wraps stays until it is
 * retired. What is left to do follows from the rows: a move that was cut off goes on when it is ordered again.
 */
export class RootMigration {
  #use: { readonly checkValue: string; end(): Promise<void> } | undefined;
  #work: Promise<void> | undefined;
  /** What other nodes told is looked at one after the other. */
  #following = Promise.resolve();
  #problem: string | undefined;
  #stopWatching: (() => Promise<void>) | undefined;
  #isEnding = false;
  /** How the root of trust that this node is known by is reached. */
  #config: RootConfig;

  constructor(
    private readonly store: RootKeyStore,
    private readonly directory: Pick<Directory, 'watch'>,
    private readonly keys: RootKeys,
    private readonly node: Pick<NodeConfig, 'dataDir' | 'root'>,
    private readonly nodeKey: NodeKey,
    private readonly moved: (root: RootOfTrust) => Promise<void>,
    private readonly log: Logger,
  ) {
    this.#config = node.root;
  }

  /** Shows the other nodes which root key this one uses. */
  async start(): Promise<void> {
    await this.#showUse();
    this.#stopWatching = await this.directory.watch(({ kind }) => {
      if (kind !== 'root-key') return;
      const follow = () => this.#follow();
      this.#following = this.#following.then(follow).catch((error: unknown) => {
        this.log.error({ error: describeError(error) }, 'the new root key could not be looked for');
      });
    });
  }

  /**
   * Another node has replaced the root key: this one uses the new one too, where it lies beside its own. Otherwise it goes on
   * with the one before, which it cannot for ever, and nobody else may know.
   */
  async #follow(): Promise<void> {
    const { current = '' } = await this.store.state();
    const own = this.#use?.checkValue;
    if (this.#isEnding || this.#work !== undefined || own === undefined || own === current) return;
    const next = await this.keys.root.beside?.(current);
    if (next !== undefined) {
      this.keys.add(next);
      this.keys.prefer(next);
      await this.#showUse();
      await this.keys.dropOthers();
      this.log.info({ from: own, to: current }, 'this node uses the root key that another node has made');
      return;
    }
    this.log.warn(
      { own, current },
      'the root key was replaced by another node: restart this one with the new root of trust, then run "holdfast root retire"',
    );
  }

  /** Goes no further with a move: it is left as it is. */
  interrupt(): void {
    this.#isEnding = true;
  }

  async close(): Promise<void> {
    this.interrupt();
    await this.#stopWatching?.();
    await this.#following;
    await this.#work;
    await this.#use?.end();
  }

  async status(): Promise<RootAnswer> {
    const [state, own] = await Promise.all([this.store.state(), this.keys.own()]);
    const { current = '', incoming, outgoing, domainKeys, wrapped } = state;
    const nodes = async (root: string | undefined): Promise<number> =>
      root === undefined ? 0 : this.store.users(root);
    return {
      kind: this.keys.root.kind,
      own,
      current,
      incoming,
      outgoing,
      state: this.#stateOf(state),
      domainKeys,
      wrapped,
      nodes: { current: await nodes(current), outgoing: await nodes(outgoing) },
      problem: this.#problem,
      unusedFile: this.#unusedFile(state, own),
      publicKeyPem: this.nodeKey.publicKeyPem,
    };
  }

  #unusedFile({ current, incoming }: RootKeyState, own: string): string | undefined {
    if (this.#work !== undefined || incoming !== undefined || own !== current) return undefined;
    return existsSync(join(this.node.dataDir, NEXT_SOFTWARE_ROOT_FILE)) ? NEXT_SOFTWARE_ROOT_FILE : undefined;
  }

  /** The last step is that this node uses the new root key: what is said to be moved lies where it is looked for. */
  #stateOf({ incoming, outgoing }: RootKeyState): RootAnswer['state'] {
    if (this.#work !== undefined) return 'moving';
    if (incoming !== undefined) return 'interrupted';
    return outgoing === undefined ? 'settled' : 'moved';
  }

  /**
   * Moves all domain keys to a new root key of the same kind, or to another root of trust; returns when that has begun.
   * @throws HoldfastError ObjectAlreadyExists while another move is not ended; InvalidField, and as what opens the root
   */
  async move({ to, secret, shared }: MoveRootRequest, actor: Actor): Promise<RootAnswer> {
    const state = await this.requireMovable();
    const config = to ?? this.#ownConfig;
    const given = secret === undefined ? undefined : new SecretBytes(Buffer.from(secret, 'utf8'));
    let target: RootOfTrust | undefined;
    try {
      target = await this.#openTarget({ config, secret: given, shared }, state.incoming, to === undefined);
      const leavesHsm = to !== undefined && this.keys.hsmKeys !== undefined;
      await this.store.begin(await target.keyCheckValue(), leavesHsm, actor);
    } catch (error) {
      await target?.close();
      throw error;
    } finally {
      given?.destroy();
    }
    this.#problem = undefined;
    this.keys.add(target);
    this.#work = this.#run(target, config, actor);
    return this.status();
  }

  /** @throws HoldfastError ObjectAlreadyExists while another move is not ended */
  async requireMovable(): Promise<RootKeyState> {
    if (this.#work !== undefined) throw underWay('domain keys are on their way to another root key already');
    const state = await this.store.state();
    if (state.outgoing === undefined) return state;
    throw underWay('the root key before is not retired yet: holdfast root retire');
  }

  /** @param isRotation whether a new key is wanted where the current one is */
  async #openTarget(
    { config, secret, shared }: Target,
    incoming: string | undefined,
    isRotation: boolean,
  ): Promise<RootOfTrust> {
    if (config.kind === 'shares') return this.#openShared(shared, incoming);
    if (config.kind === 'pkcs11') return this.#openToken(config, secret, incoming, isRotation);
    if (isRotation && this.keys.root.kind === 'software-passphrase' && secret === undefined) {
      throw new HoldfastError(
        'InvalidField',
        'the root key is sealed with a passphrase: give one for the new root key',
      );
    }
    const software = { dataDir: this.node.dataDir, passphrase: secret, file: NEXT_SOFTWARE_ROOT_FILE };
    // Of a move that never began.
    if (incoming === undefined) await removeRootKeyFile(software.dataDir, software.file);
    if (existsSync(join(software.dataDir, software.file))) return openSoftwareRoot(software);
    if (incoming === undefined) return createSoftwareRoot(software);
    throw underWay(
      'another root key is coming in, which is not in this data folder: give the command on the node where the move was ' +
        'begun, or give the move up (holdfast root cancel)',
    );
  }

  #openShared(shared: ReshareRequest | undefined, incoming: string | undefined): Promise<RootOfTrust> {
    if (incoming !== undefined) {
      throw underWay('a move to another root key was cut off: holdfast root cancel gives it up');
    }
    if (shared !== undefined) return sharedRootFrom(shared, this.nodeKey);
    throw new HoldfastError('InvalidField', 'name the custodians who are to hold the new root key');
  }

  /** How the current root of trust is reached. */
  get #ownConfig(): RootConfig {
    return this.keys.root instanceof SharedRoot ? { kind: 'shares' } : this.#config;
  }

  async #openToken(
    config: Extract<RootConfig, { kind: 'pkcs11' }>,
    pin: SecretBytes | undefined,
    incoming: string | undefined,
    isRotation: boolean,
  ): Promise<RootOfTrust> {
    if (pin === undefined) throw new HoldfastError('InvalidField', 'the HSM wants a PIN');
    const options = { ...config, pin, log: this.log };
    if (incoming !== undefined) return openIncoming(options, incoming);
    if (!isRotation) return openPkcs11Root(options, []);
    const keeper = await TokenKeeper.open({ ...options, mayWrite: true });
    try {
      const { checkValue } = await keeper.generateRootKey({ besides: true });
      return await openPkcs11Root(options, [checkValue]);
    } finally {
      await keeper.close();
    }
  }

  async #run(target: RootOfTrust, config: RootConfig, actor: Actor): Promise<void> {
    try {
      const before = await this.keys.own();
      const checkValue = await target.keyCheckValue();
      const split = target instanceof SharedRoot ? target.split : undefined;
      do await this.#wrapAll(target, checkValue);
      while (!this.#isEnding && !(await this.store.complete(checkValue, actor, split)));
      if (this.#isEnding) return;
      if (config.kind === 'software') await promoteRootKeyFile(this.node.dataDir, keptRootFile(before));
      this.#config = config;
      this.keys.prefer(target);
      await this.moved(target);
      await this.#showUse();
      this.log.info(
        { from: before, to: checkValue, kind: target.kind },
        'all domain keys moved to another root key',
      );
    } catch (error) {
      this.log.error({ error: describeError(error) }, 'domain keys could not be moved to another root key');
      this.#problem = error instanceof HoldfastError ? error.message : 'the server log says why';
      await this.keys.dropOthers();
    } finally {
      this.#work = undefined;
    }
  }

  /** Again and again, since further domain keys may come meanwhile. */
  async #wrapAll(target: RootOfTrust, checkValue: string): Promise<void> {
    for (;;) {
      const lacking = await this.store.lacking(checkValue);
      if (lacking.length === 0) return;
      for (const key of lacking) {
        if (this.#isEnding) return;
        const domainKey = await unwrapDomainKey(this.keys, key);
        try {
          await this.store.addWrapping(key, await this.keys.wrapBy(target, domainKey, wrappingContext(key)));
        } finally {
          domainKey.destroy();
        }
      }
    }
  }

  /** @throws HoldfastError as `retire` would now */
  requireRetirable(): Promise<void> {
    return this.store.requireRetirable();
  }

  /**
   * Retires the root key before, once no node uses it: nothing that it wraps is left.
   * @param destroysFile whether its file in the data folder goes too
   * @throws HoldfastError ItemNotFound where there is none; ObjectAlreadyExists while nodes use it
   */
  async retire(destroysFile: boolean, actor: Actor): Promise<RootAnswer> {
    await this.#work;
    const { root } = this.keys;
    const retired = await this.store.retire(actor, root.kind);
    await this.keys.dropOthers();
    await this.moved(root);
    if (destroysFile) {
      await removeRootKeyFile(this.node.dataDir, keptRootFile(retired));
      // Where the root key is elsewhere now, no file is needed.
      if (!root.kind.startsWith('software')) await removeRootKeyFile(this.node.dataDir, SOFTWARE_ROOT_FILE);
    }
    return this.status();
  }

  /**
   * Destroys a root key in its HSM for good, once it was retired: what it wraps in old copies of the database opens no more.
   * @throws HoldfastError PermissionDenied while it wraps anything here; ItemNotFound where the token does not have it
   */
  async destroy({ checkValue, at, secret }: DestroyRootKeyRequest, actor: Actor): Promise<void> {
    const pin = new SecretBytes(Buffer.from(secret, 'utf8'));
    const keeper = await TokenKeeper.open({ ...at, pin, log: this.log, mayWrite: true });
    try {
      await this.store.recordDestruction(checkValue, actor);
      if (await keeper.destroyRootKey(checkValue)) return;
    } finally {
      await keeper.close();
      pin.destroy();
    }
    throw new HoldfastError(
      'ItemNotFound',
      `the token has no key ${checkValue} labelled "${at.keyLabel}": see holdfast hsm status`,
    );
  }

  /** @throws HoldfastError as `destroy` would now, whatever the token holds */
  requireDestroyable({ checkValue }: DestroyRootKeyRequest): Promise<void> {
    return this.store.requireDestroyable(checkValue);
  }

  /** Gives a move up that is not at its end. @throws HoldfastError ItemNotFound */
  async cancel(actor: Actor): Promise<RootAnswer> {
    if (this.#work !== undefined) throw underWay('domain keys are on their way: that ends by itself');
    await this.store.cancel(actor);
    await removeRootKeyFile(this.node.dataDir, NEXT_SOFTWARE_ROOT_FILE);
    return this.status();
  }

  async #showUse(): Promise<void> {
    const checkValue = await this.keys.own();
    if (this.#use?.checkValue === checkValue) return;
    const before = this.#use;
    const use = await this.store.use(checkValue);
    this.#use = { checkValue, end: () => use.end() };
    await before?.end();
  }
}

/** @throws HoldfastError ObjectAlreadyExists where the token does not have it, and as openPkcs11Root */
async function openIncoming(options: Pkcs11RootOptions, incoming: string): Promise<RootOfTrust> {
  try {
    return await openPkcs11Root(options, [incoming]);
  } catch (cause) {
    if (!(cause instanceof HoldfastError) || cause.code !== 'RootOfTrustMismatch') throw cause;
    throw underWay(
      'another root key is coming in, which is not in this token: give the command that began the move, or give the move up ' +
        '(holdfast root cancel)',
    );
  }
}

function underWay(message: string): HoldfastError {
  return new HoldfastError('ObjectAlreadyExists', message);
}
