import { HoldfastError, type Actor, type AuditLog, type HsmKeys } from '@holdfast/core';
import type { ManagedKeyring } from '@holdfast/crypto';
import type { Finding, Store } from '@holdfast/store';
import type { VerificationAnswer } from './admin-protocol';
import type { OutsideCheckpoints } from './audit/outside-checkpoints';
import { verifyHsmKeys } from './hsm-keys';
import { describeError, type Logger } from './log';

/** What officers have done to the store as a whole, while it is in use. */
export class Upkeep {
  #verification: VerificationAnswer | undefined;
  #verifying: ManagedKeyring | undefined;

  /**
   * @param newKeyring gives one that has loaded nothing yet
   * @param hsmKeys the way to the keys inside the HSM, where the root of trust is one
   */
  constructor(
    private readonly store: Pick<Store, 'verify' | 'reindex' | 'objectDigests' | 'hsmKeys'>,
    private readonly auditLog: AuditLog,
    private readonly outside: OutsideCheckpoints,
    private readonly newKeyring: () => ManagedKeyring,
    private readonly hsmKeys: () => HsmKeys | undefined,
    private readonly log: Logger,
  ) {}

  /** The walk that is under way, or the last one. @throws HoldfastError ItemNotFound where there was none */
  verification(): Promise<VerificationAnswer> {
    if (this.#verification === undefined) {
      return Promise.reject(new HoldfastError('ItemNotFound', 'the store was not verified since the start'));
    }
    return Promise.resolve(this.#verification);
  }

  /** Begins to walk the store. @throws HoldfastError ObjectAlreadyExists while a walk is under way */
  startVerification(actor: Actor): Promise<VerificationAnswer> {
    if (this.#verification?.state === 'running') {
      throw new HoldfastError('ObjectAlreadyExists', 'the store is being verified already');
    }
    const started: VerificationAnswer = {
      state: 'running',
      startedAt: new Date().toISOString(),
      progress: { done: 0, total: 0 },
      findings: [],
    };
    this.#verification = started;
    void this.#verify(started, actor);
    return Promise.resolve(started);
  }

  async #verify(started: VerificationAnswer, actor: Actor): Promise<void> {
    const keyring = (this.#verifying = this.newKeyring());
    try {
      let { progress } = started;
      const inStore = await this.store.verify(keyring, await this.outside.kept(), (now) => {
        progress = now;
        this.#verification = { ...started, progress };
      });
      const findings = [...inStore, ...(await verifyHsmKeys(this.store.hsmKeys, this.hsmKeys()))];
      await this.#record('store.verify', actor, findings);
      this.#verification = { ...started, state: 'done', progress, findings };
    } catch (error) {
      this.log.error({ error: describeError(error) }, 'the store could not be verified');
      const problem = error instanceof HoldfastError ? error.message : 'the server log says why';
      this.#verification = { ...started, state: 'failed', problem };
    } finally {
      keyring.close();
    }
  }

  /** Zeroes the keys of a walk that is under way, which ends it. */
  close(): void {
    this.#verifying?.close();
  }

  /** Rebuilds what Locate searches from the objects. @returns how many objects there are */
  async reindex(actor: Actor): Promise<{ readonly objects: number }> {
    const objects = await this.store.reindex();
    await this.#record('store.reindex', actor, []);
    return { objects };
  }

  /** Which objects there are and what they are like: digests of rows whose values are sealed. */
  objectDigests(): AsyncIterable<Buffer> {
    return this.store.objectDigests();
  }

  async #record(action: string, actor: Actor, findings: readonly Finding[]): Promise<void> {
    const faults = findings.filter(({ severity }) => severity === 'fault').length;
    if (faults > 0) this.log.error({ faults }, 'the store is not as this program left it');
    await this.auditLog.append({
      actor,
      action,
      outcome: faults === 0 ? 'success' : 'failure',
      ...(faults === 0 ? {} : { reason: `${faults} faults` }),
    });
  }
}
