/** How long a batch that is under way keeps the next one waiting. */
const PATIENCE_MS = 5;

export interface BatcherOptions {
  /** How many batches may be under way at once where those before them take long. */
  readonly concurrency: number;
  /**
   * How many may be under way without any waiting: 1 gives the largest batches, more lets this process work on what one
   * brought while the database works on another. Default 1.
   */
  readonly atOnce?: number;
  readonly maxItems: number;
}

/**
 * Collects the items that arrive within one turn of the event loop and hands them over together. What arrives while a
 * batch is under way forms the next: larger batches cost less for each item. A batch that takes long (it may wait for a
 * lock) holds nobody up: after a few milliseconds the next one starts beside it.
 */
export class Batcher<T> {
  #waiting: T[] = [];
  #running = 0;
  #isScheduled = false;
  #impatience: NodeJS.Timeout | undefined;

  /** @param run must settle every item it is given and never reject */
  constructor(
    private readonly run: (items: T[]) => Promise<void>,
    private readonly options: BatcherOptions,
  ) {}

  add(item: T): void {
    this.#waiting.push(item);
    if (this.#mayStart()) this.#schedule();
    else this.#impatience ??= setTimeout(() => this.#losePatience(), PATIENCE_MS);
  }

  #mayStart(): boolean {
    return this.#running < (this.options.atOnce ?? 1);
  }

  #losePatience(): void {
    this.#impatience = undefined;
    if (this.#waiting.length > 0 && this.#running < this.options.concurrency) this.#start();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#waiting.length > 0) this.#start();
    });
  }

  #start(): void {
    const { maxItems } = this.options;
    const items = this.#waiting;
    this.#waiting = items.length <= maxItems ? [] : items.splice(maxItems);
    this.#running++;
    void this.run(items).finally(() => {
      this.#running--;
      clearTimeout(this.#impatience);
      this.#impatience = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
    if (this.#waiting.length > 0 && this.#running < this.options.concurrency) this.#schedule();
  }
}
