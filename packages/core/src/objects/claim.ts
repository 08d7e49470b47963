import { HoldfastError } from '@holdfast/ttlv';
import type { CryptoStream } from '../ports/crypto';

/** A stream at whose end there is a signature or MAC to be checked, which may come with any of the parts. */
export class Claim<S extends CryptoStream> implements CryptoStream {
  #claimed: Buffer | undefined;

  /** @param what the member that holds it, for messages */
  constructor(
    readonly stream: S,
    private readonly what: string,
  ) {}

  /** Keeps what a part brings. @throws HoldfastError InvalidField where an earlier part brought something else */
  add(claimed: Buffer | undefined): void {
    if (claimed === undefined) return;
    if (this.#claimed?.equals(claimed) === false) {
      throw new HoldfastError('InvalidField', `${this.what} is not that of an earlier part`);
    }
    // A copy: the message that it is part of goes.
    this.#claimed = Buffer.from(claimed);
  }

  /** What is claimed. @throws HoldfastError InvalidMessage where no part has brought it */
  get claimed(): Buffer {
    if (this.#claimed === undefined) {
      throw new HoldfastError('InvalidMessage', `${this.what} is missing in Request Payload`);
    }
    return this.#claimed;
  }

  destroy(): void {
    this.stream.destroy();
  }
}
