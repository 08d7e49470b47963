const INTERVAL_MS = 250;

/** What has to be done by a time: one look at all of it now and then costs less than a timer for each. */
export class Deadlines<T extends object> {
  readonly #due = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param missed called once for each that was not met, at most a quarter of a second late */
  constructor(private readonly missed: (subject: T) => void) {}

  /** Sets, or moves, the time by which `met` has to be called. */
  set(subject: T, withinMs: number): void {
    this.#due.set(subject, performance.now() + withinMs);
    this.#timer ??= setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  met(subject: T): void {
    this.#due.delete(subject);
  }

  #look(): void {
    if (this.#due.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const [subject, due] of this.#due) {
      if (due > now) continue;
      this.#due.delete(subject);
      this.missed(subject);
    }
  }
}
