/** What a process may stand still, at most, and rely on what it heard before. */
const LONGEST_MS = 1_000;
const BEAT_EVERY_MS = 250;

/**
 * Notices that this process stood still: it was stopped (SIGSTOP, a debugger), or its machine was suspended. What changed meanwhile
 * on other nodes was told to nobody here yet, and requests that came meanwhile wait to be read.
 */
export class Standstill {
  #timer: NodeJS.Timeout | undefined;
  #beatMs = 0;
  #count = 0;
  /** How many of them are made up for. */
  #overcome = 0;
  #catchingUp: Promise<void> | undefined;

  /** @param catchUp has everybody look at what may have changed; rejects where that cannot be known */
  constructor(private readonly catchUp: () => Promise<void>) {}

  start(): void {
    this.#beatMs = Date.now();
    this.#timer ??= setInterval(() => {
      // Where that fails, it is tried again for whoever relies on it.
      if (this.#stoodStill()) this.over()?.catch(() => undefined);
      this.#beatMs = Date.now();
    }, BEAT_EVERY_MS).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * What is left to wait for after a standstill: until then nothing that was heard before is to be relied on.
   * @returns undefined where there was none, or it is made up for; rejects where it could not be, and is tried again next time
   */
  over(): Promise<void> | undefined {
    if (!this.#stoodStill() && this.#overcome === this.#count) return undefined;
    return (this.#catchingUp ??= this.#overcomeAll().finally(() => (this.#catchingUp = undefined)));
  }

  #stoodStill(): boolean {
    const nowMs = Date.now();
    // A clock that was set does not tell how long that took: it may have been while the machine stood still.
    if (this.#timer === undefined || Math.abs(nowMs - this.#beatMs) <= LONGEST_MS) return false;
    this.#beatMs = nowMs;
    this.#count++;
    return true;
  }

  async #overcomeAll(): Promise<void> {
    while (this.#overcome !== this.#count) {
      const count = this.#count;
      await this.catchUp();
      this.#overcome = count;
    }
  }
}
