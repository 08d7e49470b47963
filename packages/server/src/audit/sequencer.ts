import { randomBytes } from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/core';
import {
  statementOf,
  type AuditChainStore,
  type ChainState,
  type Checkpoint,
  type CheckpointSigner,
  type Wrapping,
} from '@holdfast/store';
import { describeError, type Logger } from '../log';
import type { KeyWrapper } from '../root-keys';
import type { OutsideCheckpoints } from './outside-checkpoints';

/** Checkpoints under load are this far apart, unless linking takes longer. */
const INTERVAL_MS = 500;
/** How often it is tried whether the root of trust is there. */
const PROBE_INTERVAL_MS = 5_000;
const PROBE_CONTEXT = Buffer.from('holdfast audit probe');

/**
 * Links the records of the database into the audit chain, and signs checkpoints. One node at a time has this place; the
 * others keep copies of the newest checkpoint and take the place when it is free.
 */
export class Sequencer {
  #epoch: number | undefined;
  #state: ChainState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #begunMs = 0;
  #isClosed = false;
  #wasFailing = false;
  #refusedRows = 0;
  #probe: readonly Wrapping[] | undefined;
  #probedAtMs = -Infinity;
  #isRootThere = false;

  constructor(
    private readonly chain: AuditChainStore,
    private readonly signer: CheckpointSigner,
    private readonly outside: OutsideCheckpoints,
    private readonly root: KeyWrapper,
    private readonly log: Logger,
  ) {}

  /** Whether this node has the place. */
  get isLinking(): boolean {
    return this.#epoch !== undefined;
  }

  /** Whether the last attempt to link, or to keep a checkpoint in the data folder, failed; the log says why. */
  get isFailing(): boolean {
    return this.#wasFailing;
  }

  /** Does its work once and then again and again. */
  async start(): Promise<void> {
    await this.#probeRoot();
    await this.advance();
    this.#schedule();
  }

  /** Links what has been committed so far, where this node has the place. */
  advance(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#advance());
    return this.#turn;
  }

  /** Links for the last time. A database that has just not answered is not waited for again. */
  async finish(): Promise<void> {
    await this.#end();
    if (!this.#wasFailing) await this.advance();
  }

  /** Gives the place up; where the database has just not answered, it ends with its lease. */
  async close(): Promise<void> {
    await this.#end();
    if (this.#epoch !== undefined && !this.#wasFailing) await this.chain.release(this.#epoch);
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(
      () => {
        this.#begunMs = Date.now();
        void this.advance().finally(() => this.#schedule());
      },
      // A clock that is set back makes no pause longer.
      Math.min(INTERVAL_MS, Math.max(0, this.#begunMs + INTERVAL_MS - Date.now())),
    );
  }

  async #advance(): Promise<void> {
    try {
      void this.#probeRoot();
      if (this.#epoch === undefined) await this.#claim();
      if (this.#epoch !== undefined) await this.#link(this.#epoch);
      // After a failure: the last checkpoint may be in the database alone.
      if (this.#epoch === undefined || this.#wasFailing) await this.#follow();
      this.#wasFailing = false;
    } catch (error) {
      // Where the chain stands is read again: whether the last checkpoint was written may be unknown.
      this.#state = undefined;
      if (error instanceof HoldfastError && error.code === 'PermissionDenied') {
        this.#epoch = undefined;
        this.log.warn({}, 'another node links the audit log now: this one did not for longer than its lease');
        return;
      }
      if (!this.#wasFailing)
        this.log.error({ error: describeError(error) }, 'the audit log cannot be linked');
      this.#wasFailing = true;
    }
  }

  async #claim(): Promise<void> {
    this.#epoch = await this.chain.claim();
    this.#state = undefined;
    if (this.#epoch === undefined) return;
    this.log.info({ epoch: this.#epoch }, 'this node links the audit log');
    const [kept, newest] = [await this.outside.furthest(), await this.chain.newest()];
    if (kept !== undefined && positionOf(kept) > positionOf(newest)) {
      this.log.error(
        { kept: positionOf(kept), newest: positionOf(newest) },
        'the audit log was cut or wound back: a checkpoint in the data folder is not in the database',
      );
    }
  }

  async #follow(): Promise<void> {
    const newest = await this.chain.newest();
    if (newest !== undefined) await this.outside.keep(newest);
  }

  async #link(epoch: number): Promise<void> {
    for (let isMore = true; isMore;) {
      const linked = await this.chain.link(epoch, this.#state, this.signer, this.#isRootThere);
      ({ state: this.#state, isMore } = linked);
      if (linked.checkpoint !== undefined) await this.outside.keep(linked.checkpoint);
      if (linked.refusedRows > this.#refusedRows) {
        this.log.error({ rows: linked.refusedRows }, 'rows of the audit log are not what was written');
      }
      this.#refusedRows = linked.refusedRows;
    }
  }

  /**
   * The root of trust guards the key that signs: whether it is there is tried now and then. Linking does not wait for the
   * answer, which an HSM that is away leaves open for seconds; until it is there nothing is confirmed.
   */
  async #probeRoot(): Promise<void> {
    if (Date.now() - this.#probedAtMs < PROBE_INTERVAL_MS) return;
    this.#probedAtMs = Infinity;
    const wasThere = this.#isRootThere;
    this.#isRootThere = false;
    try {
      await this.#useRoot().catch((error: unknown) => {
        if (!(error instanceof HoldfastError) || error.code !== 'IntegrityViolation') throw error;
        // It was wrapped by a root key that this node has let go of.
        this.#probe = undefined;
        return this.#useRoot();
      });
      this.#isRootThere = true;
    } catch (error) {
      this.#probe = undefined;
      if (wasThere && !this.#isClosed) {
        this.log.warn({ error: describeError(error) }, 'the root of trust is away');
      }
    }
    this.#probedAtMs = Date.now();
  }

  async #useRoot(): Promise<void> {
    this.#probe ??= await this.root.wrap(new SecretBytes(randomBytes(16)), PROBE_CONTEXT);
    (await this.root.unwrap(this.#probe, PROBE_CONTEXT)).destroy();
  }
}

function positionOf(checkpoint: Checkpoint | undefined): number {
  return checkpoint === undefined ? 0 : statementOf(checkpoint).position;
}
