/**
 * A 64-bit hash for search terms (two interleaved 32-bit lanes, mixed at the end). It need not withstand attacks: what a
 * term finds is compared with what was asked for, so a collision costs a comparison and nothing else.
 */
export class Hash64 {
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  /** Goes on from where another one stands. */
  from(other: Hash64): this {
    this.#high = other.#high;
    this.#low = other.#low;
    return this;
  }

  update(bytes: Buffer, start = 0, end = bytes.length): this {
    let high = this.#high;
    let low = this.#low;
    for (let index = start; index < end; index++) {
      const byte = bytes[index] as number;
      high = Math.imul(high ^ byte, 0x5bd1e995);
      high = (high << 13) | (high >>> 19);
      low = Math.imul(low ^ byte, 0x1b873593);
      low = (low << 17) | (low >>> 15);
    }
    this.#high = high;
    this.#low = low;
    return this;
  }

  /** The hash as a signed 64-bit number in two halves: `high` signed, `low` unsigned. */
  finish(): Term {
    const high = mix(this.#high ^ Math.imul(this.#low, 0xcc9e2d51));
    const low = mix(this.#low ^ high);
    return { high, low: low >>> 0 };
  }
}

export interface Term {
  readonly high: number;
  readonly low: number;
}

function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
