/**
 * Collects the items that arrive within one turn of the event loop and hands them over together. While `concurrency`
 * batches are under way, further items wait and form the next.
 */
export class Batcher<T> {
  #waiting: T[] = [];
  #scheduled = false;
  #running = 0;

  /** @param run must settle every item it is given and never reject */
  constructor(
    private readonly run: (items: T[]) => Promise<void>,
    private readonly options: { readonly concurrency: number; readonly maxItems: number },
  ) {}

  add(item: T): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running >= this.options.concurrency) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    const { maxItems } = this.options;
    const items = this.#waiting;
    if (items.length <= maxItems) this.#waiting = [];
    else this.#waiting = items.splice(maxItems);
    this.#running++;
    void this.run(items).finally(() => {
      this.#running--;
      if (this.#waiting.length > 0) this.#schedule();
    });
    if (this.#waiting.length > 0) this.#schedule();
  }
}
