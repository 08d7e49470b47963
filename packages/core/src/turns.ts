/** Lets those who would change the same thing do so one after the other, in the order in which they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Whether somebody has the turn, or waits for it. */
  isTaken(key: string): boolean {
    return this.#last.has(key);
  }

  /** Waits for the turn. @returns what ends it */
  async take(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let end = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(key, mine);
    await before;
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      end();
    };
  }
}
