import { HoldfastError } from '@holdfast/ttlv';

interface Share {
  held: number;
  readonly waiting: (() => void)[];
}

/** Lets each asker have so much of something at most, however long it keeps it: the rest is for others. */
export class Shares {
  readonly #shares = new Map<string, Share>();

  /**
   * @param most how many works of one asker run at once
   * @param maxWaiting how many more of them wait, in the order in which they came
   */
  constructor(
    private readonly most: number,
    private readonly maxWaiting: number,
  ) {}

  /** Runs `work` once there is room in the share of `whom`. @throws HoldfastError ServerLimitExceeded; what `work` throws */
  async run<T>(whom: string, work: () => Promise<T>): Promise<T> {
    const share = this.#shares.get(whom) ?? { held: 0, waiting: [] };
    this.#shares.set(whom, share);
    if (share.held < this.most) share.held++;
    else if (share.waiting.length < this.maxWaiting) {
      // Whoever ends hands its place over.
      await new Promise<void>((resolve) => share.waiting.push(resolve));
    } else {
      throw new HoldfastError('ServerLimitExceeded', 'too many transactions of the domain wait already', {
        retryable: true,
      });
    }
    try {
      return await work();
    } finally {
      const next = share.waiting.shift();
      if (next !== undefined) next();
      else if (--share.held === 0) this.#shares.delete(whom);
    }
  }
}
