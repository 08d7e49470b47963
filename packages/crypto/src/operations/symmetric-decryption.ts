import type { DecipherGCM } from 'node:crypto';
import type { Decryption, DecryptionRequest } from '@holdfast/core';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { HeldBytes } from './held-bytes';
import { attempt, badParameters, failure } from './refusals';
import {
  EMPTY,
  isWhole,
  missingIv,
  opensslIv,
  newDecipher,
  present,
  randomIvLength,
  requireLength,
  requireNoAdditionalData,
  withPrepared,
  type Prepared,
} from './symmetric-setup';

/** Symmetric keys decrypt at once. */
interface ImmediateDecryption extends Decryption {
  final(): SecretBytes;
}

export function decryptSymmetric(request: DecryptionRequest): ImmediateDecryption {
  return withPrepared(request, (prepared) => begin(prepared, request));
}

function begin(prepared: Prepared, request: DecryptionRequest): ImmediateDecryption {
  const { facts } = prepared;
  const { parameters, ivCounterNonce, additionalData, tag, isIvPrefixed, isTagAppended } = request;
  requireNoAdditionalData(facts, additionalData);
  const isAead = facts.tagLengths.length > 0;
  if (isAead && !isTagAppended) {
    if (tag === undefined)
      throw new HoldfastError('InvalidField', 'the Authenticated Encryption Tag is missing');
    if (tag.length !== prepared.tagLengthBytes) throw badParameters('the tag is not of the Tag Length');
  }
  const under = (given: Buffer): ImmediateDecryption => {
    const iv = opensslIv(facts, given, parameters);
    if (isWhole(facts) || (isAead && isTagAppended)) {
      return new WholeDecryption(prepared, iv, additionalData, isTagAppended ? undefined : tag);
    }
    return isAead
      ? new AuthenticatedDecryption(prepared, iv, additionalData, tag ?? EMPTY)
      : new RunningDecryption(prepared, iv);
  };
  if (facts.ivLengths.max === 0 || ivCounterNonce !== undefined) return under(ivCounterNonce ?? EMPTY);
  if (!isIvPrefixed) throw missingIv();
  return new PrefixedDecryption(prepared, randomIvLength(facts, parameters), under);
}

const DOES_NOT_DECRYPT = 'the data does not decrypt under this key and these parameters';

class RunningDecryption implements ImmediateDecryption {
  readonly #decipher: DecipherGCM;
  /** The last block may be padding: it is given out when the end is known. */
  #lastBlock = EMPTY;

  constructor(
    private readonly prepared: Prepared,
    iv: Buffer,
  ) {
    this.#decipher = newDecipher(prepared, iv);
  }

  update(part: Buffer): SecretBytes {
    const plaintext = this.#decipher.update(part);
    if (this.prepared.padding === undefined) return new SecretBytes(plaintext);
    const all = Buffer.concat([this.#lastBlock, plaintext]);
    plaintext.fill(0);
    this.#lastBlock.fill(0);
    const ready = Math.max(0, all.length - this.prepared.facts.blockLengthBytes);
    this.#lastBlock = Buffer.from(all.subarray(ready));
    all.fill(0, ready);
    return new SecretBytes(all.subarray(0, ready));
  }

  final(): SecretBytes {
    attempt(DOES_NOT_DECRYPT, () => this.#decipher.final());
    const { padding } = this.prepared;
    if (padding === undefined) return new SecretBytes(EMPTY);
    const padded = padding.lengthIn(this.#lastBlock);
    return SecretBytes.copyOf(this.#lastBlock.subarray(0, this.#lastBlock.length - padded));
  }

  destroy(): void {
    this.prepared.key.fill(0);
    this.#lastBlock.fill(0);
  }
}

/** GCM and ChaCha20-Poly1305: decrypted as it comes, given out when the tag has been found right. */
class AuthenticatedDecryption implements ImmediateDecryption {
  readonly #decipher: DecipherGCM;
  readonly #held = new HeldBytes();

  constructor(
    private readonly prepared: Prepared,
    iv: Buffer,
    additionalData: Buffer | undefined,
    tag: Buffer,
  ) {
    this.#decipher = newDecipher(prepared, iv);
    this.#decipher.setAuthTag(tag);
    if (additionalData !== undefined) this.#decipher.setAAD(additionalData);
  }

  update(part: Buffer): SecretBytes {
    const plaintext = this.#decipher.update(part);
    this.#held.add(plaintext);
    plaintext.fill(0);
    return new SecretBytes(EMPTY);
  }

  final(): SecretBytes {
    attempt(DOES_NOT_DECRYPT, () => this.#decipher.final());
    return new SecretBytes(this.#held.take());
  }

  destroy(): void {
    this.prepared.key.fill(0);
    this.#held.destroy();
  }
}

/** CCM, XTS, and what ends in its tag: all at once. */
class WholeDecryption implements ImmediateDecryption {
  readonly #held = new HeldBytes();

  constructor(
    private readonly prepared: Prepared,
    private readonly iv: Buffer,
    private readonly additionalData: Buffer | undefined,
    /** Where it is not appended. */
    private readonly tag: Buffer | undefined,
  ) {}

  update(part: Buffer): SecretBytes {
    this.#held.add(part);
    return new SecretBytes(EMPTY);
  }

  final(): SecretBytes {
    const { facts, tagLengthBytes } = this.prepared;
    const given = this.#held.take();
    const tagStart = this.tag === undefined ? given.length - tagLengthBytes : given.length;
    if (tagStart < 0) throw failure('the data is shorter than its tag');
    const ciphertext = given.subarray(0, tagStart);
    requireLength(facts, ciphertext, this.iv);
    return attempt(DOES_NOT_DECRYPT, () => {
      const decipher = newDecipher(this.prepared, this.iv);
      if (facts.tagLengths.length > 0) decipher.setAuthTag(this.tag ?? given.subarray(tagStart));
      if (this.additionalData !== undefined)
        decipher.setAAD(this.additionalData, { plaintextLength: ciphertext.length });
      const plaintext = new SecretBytes(decipher.update(present(ciphertext)));
      try {
        decipher.final();
        return plaintext;
      } catch (error) {
        plaintext.destroy();
        throw error;
      }
    });
  }

  destroy(): void {
    this.prepared.key.fill(0);
    this.#held.destroy();
  }
}

/** The ciphertext begins with its IV, which may come in parts like the rest. */
class PrefixedDecryption implements ImmediateDecryption {
  #iv = EMPTY;
  #rest: ImmediateDecryption | undefined;

  constructor(
    private readonly prepared: Prepared,
    private readonly ivLengthBytes: number,
    private readonly begin: (iv: Buffer) => ImmediateDecryption,
  ) {}

  update(part: Buffer): SecretBytes {
    if (this.#rest !== undefined) return this.#rest.update(part);
    const all = Buffer.concat([this.#iv, part]);
    this.#iv = all.subarray(0, this.ivLengthBytes);
    if (this.#iv.length < this.ivLengthBytes) return new SecretBytes(EMPTY);
    this.#rest = this.begin(this.#iv);
    return this.#rest.update(all.subarray(this.ivLengthBytes));
  }

  final(): SecretBytes {
    if (this.#rest === undefined) throw missingIv();
    return this.#rest.final();
  }

  destroy(): void {
    this.prepared.key.fill(0);
    this.#rest?.destroy();
  }
}
