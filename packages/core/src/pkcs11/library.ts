import type { HashingAlgorithm } from '@holdfast/kmip';
import type { CryptoStream } from '../ports/crypto';

export interface Pkcs11Session {
  readonly isReadWrite: boolean;
  /** Set by C_DigestInit. */
  digest: HashingAlgorithm | undefined;
}

/** What C_Initialize begins and C_Finalize ends: the state of one PKCS#11 library on the side of a client. */
export class Pkcs11Library implements CryptoStream {
  isLoggedIn = false;
  readonly #sessions = new Map<bigint, Pkcs11Session>();
  #next = 1n;

  get sessions(): readonly Pkcs11Session[] {
    return [...this.#sessions.values()];
  }

  openSession(isReadWrite: boolean): bigint {
    const handle = this.#next++;
    this.#sessions.set(handle, { isReadWrite, digest: undefined });
    return handle;
  }

  session(handle: bigint): Pkcs11Session | undefined {
    return this.#sessions.get(handle);
  }

  /** @returns whether there was one. The last one that closes logs the user out (PKCS#11 section 5.6). */
  closeSession(handle: bigint): boolean {
    const wasOpen = this.#sessions.delete(handle);
    if (this.#sessions.size === 0) this.isLoggedIn = false;
    return wasOpen;
  }

  closeAll(): void {
    this.#sessions.clear();
    this.isLoggedIn = false;
  }

  destroy(): void {
    this.closeAll();
  }
}
