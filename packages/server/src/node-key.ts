import { generateKeyPairSync } from 'node:crypto';
import {
  openShare,
  readShare,
  ShareCollection,
  type OpenedShare,
  type SealedShare,
  type SplitFacts,
} from '@holdfast/crypto';
import type { SecretBytes } from '@holdfast/core';

/** A key pair made for this process alone: under it shares cross the administration socket. */
export class NodeKey {
  readonly #pair = generateKeyPairSync('x25519');

  /** SubjectPublicKeyInfo. */
  get publicKeyPem(): string {
    return this.#pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  /** @throws HoldfastError InvalidField, PermissionDenied, IntegrityViolation as openShare */
  open(share: SealedShare): Promise<OpenedShare> {
    return openShare(readShare({ ...share }), { privateKey: this.#pair.privateKey });
  }

  /**
   * Joins shares of a splitting.
   * @returns the key, which is the caller's, and whose the shares are
   * @throws HoldfastError PermissionDenied where they are too few; InvalidField, IntegrityViolation as ShareCollection.add
   */
  async join(
    split: SplitFacts,
    shares: readonly SealedShare[],
  ): Promise<{ readonly key: SecretBytes; readonly custodians: readonly string[] }> {
    const collection = new ShareCollection(split);
    try {
      for (const share of shares) collection.add(await this.open(share));
      const { custodians } = collection;
      return { key: collection.join(), custodians };
    } finally {
      collection.destroy();
    }
  }
}
