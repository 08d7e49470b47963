import { HoldfastError } from '@holdfast/core';
import type { AuditChainStore } from '@holdfast/store';
import type { Logger } from '../log';

const INTERVAL_MS = 1000;

/** Whether requests may be served: the audit log is being linked, or was until not long ago. */
export class AuditGate {
  #timer: NodeJS.Timeout | undefined;
  #isOpen = true;

  /** @param graceSeconds how long requests are served while nothing is linked, or the root of trust is away */
  constructor(
    private readonly chain: AuditChainStore,
    private readonly graceSeconds: number,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** @throws HoldfastError GeneralFailure */
  requireOpen(): void {
    if (!this.#isOpen) {
      throw new HoldfastError('GeneralFailure', 'the audit log is not being signed: nothing is served');
    }
  }

  async #look(): Promise<void> {
    // A database that is away is noticed by whoever needs it.
    const seconds = await this.chain.unconfirmedSeconds().catch(() => undefined);
    if (seconds === undefined || this.#isOpen === seconds <= this.graceSeconds) return;
    this.#isOpen = !this.#isOpen;
    if (this.#isOpen) this.log.info({}, 'the audit log is being signed again: requests are served');
    else this.log.error({ seconds }, 'requests are refused: the audit log was not signed for so long');
  }
}
