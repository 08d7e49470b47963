import { createHmac } from 'node:crypto';
import type { HsmKeys } from '@holdfast/core';

const SEED_BYTES = 64;
const BLOCK_BYTES = 64;

/**
 * Randomness of the HSM, to be mixed with the system's: who knows what one of the two gives knows nothing of the result. A
 * seed is drawn from the HSM and expanded (HMAC-SHA-512 over a counter), so that no key waits for the device.
 */
export class HsmRandomness {
  #counter = 0n;

  private constructor(
    private readonly hsmKeys: HsmKeys,
    private readonly seed: Buffer,
  ) {}

  /** @throws HoldfastError RootOfTrustUnavailable */
  static async draw(hsmKeys: HsmKeys): Promise<HsmRandomness> {
    const randomness = new HsmRandomness(hsmKeys, Buffer.alloc(SEED_BYTES));
    await randomness.renew();
    return randomness;
  }

  /** Mixes what the HSM draws anew into the seed. @throws HoldfastError RootOfTrustUnavailable */
  async renew(): Promise<void> {
    const drawn = await this.hsmKeys.request('random', { lengthBytes: SEED_BYTES });
    const renewed = createHmac('sha512', this.seed).update(drawn).digest();
    renewed.copy(this.seed);
    renewed.fill(0);
    drawn.fill(0);
  }

  /** Mixes into random bytes of the system, in place. */
  mixInto(bytes: Buffer): Buffer {
    for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(this.#counter++);
      const block = createHmac('sha512', this.seed).update(counter).digest();
      const end = Math.min(BLOCK_BYTES, bytes.length - offset);
      for (let place = 0; place < end; place++)
        bytes[offset + place] = (bytes[offset + place] ?? 0) ^ (block[place] ?? 0);
      block.fill(0);
    }
    return bytes;
  }
}
