import { createTurns } from '@holdfast/crypto';

/** From here on an answer is large: in memory it is there up to three times (its items, its bytes, what TLS makes of them). */
const LARGE_ANSWER_BYTES = 1024 * 1024;
/** Of one process, from when they have become large until they are written. */
const AT_ONCE = 8;
/** Of these, for one domain. */
const PER_DOMAIN = 2;

/** Bounds what answers take that are being made, or that their peers do not read. */
export class LargeAnswers {
  readonly #inTurn = createTurns(AT_ONCE, { perLine: PER_DOMAIN });

  /** @param signal aborts once nobody waits for the answer */
  answer(domainId: string, signal: AbortSignal | undefined): GrowingAnswer {
    return new GrowingAnswer(this, domainId, signal);
  }

  /** Waits until there may be another one. @returns to be called once there is no more of it */
  begin(domainId: string, signal: AbortSignal | undefined): Promise<() => void> {
    return new Promise((resolve) => {
      const held = (): Promise<void> => new Promise((end) => resolve(() => end()));
      // What nobody waits for is finished without more ado.
      this.#inTurn(held, { principalId: domainId, signal }).catch(() => resolve(() => undefined));
    });
  }
}

/** One answer. */
export class GrowingAnswer {
  #bytes = 0;
  #done: (() => void) | undefined;

  constructor(
    private readonly answers: LargeAnswers,
    private readonly domainId: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  grow(bytes: number): void {
    this.#bytes += bytes;
  }

  /** To be waited for, where it has become large, until there may be another large one. */
  place(): Promise<void> | undefined {
    if (this.#bytes <= LARGE_ANSWER_BYTES || this.#done !== undefined) return undefined;
    return this.answers.begin(this.domainId, this.signal).then((done) => {
      this.#done = done;
    });
  }

  /** To be called once it is written, or will not be; there where it is large. */
  get done(): (() => void) | undefined {
    return this.#done;
  }
}
