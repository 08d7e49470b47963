/** How long a batch that is under way keeps the next one waiting. */
const PATIENCE_MS = 5;
/** What each batch leaves of the number of items that are usual. */
const FORGETTING = 0.9;

export interface BatcherOptions {
  /** How many batches may be under way at once where those before them take long. */
  readonly concurrency: number;
  /**
   * How many may be under way without any waiting: 1 gives the largest batches, more lets this process work on what one
   * brought while the database works on another. Default 1.
   */
  readonly atOnce?: number;
  /** Items are shared out where each share has so many at least; else they go together. Default 1. */
  readonly minShare?: number;
  readonly maxItems: number;
}

/**
 * Collects the items that arrive together and hands them over together: larger batches cost less for each item. What
 * arrives while a batch is under way forms the next. Where several may be under way they share the items equally, so
 * that one begins when as many wait as the others carry. A batch that takes long (it may wait for a lock) holds nobody
 * up: after a few milliseconds the next one starts beside it.
 */
export class Batcher<T> {
  #waiting: T[] = [];
  #running = 0;
  #runningItems = 0;
  /** How many items there were at once lately; what is no longer so is forgotten by and by. */
  #usual = 0;
  #isGathering = false;
  #impatience: NodeJS.Timeout | undefined;

  /** @param run must settle every item it is given and never reject */
  constructor(
    private readonly run: (items: T[]) => Promise<void>,
    private readonly options: BatcherOptions,
  ) {}

  add(item: T): void {
    this.#waiting.push(item);
    this.#consider();
  }

  /** Starts to gather the next batch where it may begin. */
  #consider(): void {
    if (this.#isGathering || this.#waiting.length === 0) return;
    const { atOnce = 1 } = this.options;
    if (this.#running === 0 || (this.#running < atOnce && this.#waiting.length >= this.#share())) {
      this.#isGathering = true;
      this.#gather(this.#waiting.length);
    } else this.#impatience ??= setTimeout(() => this.#losePatience(), PATIENCE_MS);
  }

  get #total(): number {
    return this.#waiting.length + this.#runningItems;
  }

  /** How many items make a batch now, at most. */
  #share(): number {
    const { atOnce = 1, minShare = 1, maxItems } = this.options;
    const share = Math.ceil(Math.max(this.#total, this.#usual) / atOnce);
    return share < minShare ? maxItems : Math.min(share, maxItems);
  }

  /**
   * Starts with its share of the items, or once a turn of the event loop brought nothing more: those who were answered
   * together ask again together.
   */
  #gather(gathered: number): void {
    setImmediate(() => {
      const { length } = this.#waiting;
      if (length > gathered && length < this.#share()) {
        this.#gather(length);
        return;
      }
      this.#isGathering = false;
      if (length > 0) this.#start();
    });
  }

  #losePatience(): void {
    this.#impatience = undefined;
    if (!this.#isGathering && this.#waiting.length > 0 && this.#running < this.options.concurrency)
      this.#start();
  }

  #start(): void {
    this.#usual = Math.max(this.#total, this.#usual * FORGETTING);
    const share = this.#share();
    const items = this.#waiting;
    this.#waiting = items.length <= share ? [] : items.splice(share);
    this.#running++;
    this.#runningItems += items.length;
    void this.run(items).finally(() => {
      this.#running--;
      this.#runningItems -= items.length;
      clearTimeout(this.#impatience);
      this.#impatience = undefined;
      this.#consider();
    });
    this.#consider();
  }
}
