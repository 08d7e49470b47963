import type { CipherGCM } from 'node:crypto';
import type { CipherRequest, Encrypted, Encryption } from '@holdfast/core';
import type { SecretBytes } from '@holdfast/ttlv';
import { RandomPool } from '../random-pool';
import { HeldBytes } from './held-bytes';
import { attempt, failure } from './refusals';
import {
  EMPTY,
  isWhole,
  missingIv,
  opensslIv,
  newCipher,
  newIvLength,
  present,
  requireLength,
  requireNoAdditionalData,
  withPrepared,
  type Prepared,
} from './symmetric-setup';

/** Keys that are here encrypt at once. */
interface ImmediateEncryption extends Encryption {
  final(): Encrypted;
}

export function encryptSymmetric(request: CipherRequest): ImmediateEncryption {
  return withPrepared(request, (prepared) => begin(prepared, request));
}

function begin(prepared: Prepared, request: CipherRequest): ImmediateEncryption {
  const { parameters, ivCounterNonce, additionalData, isTagAppended } = request;
  const isRandom = ivCounterNonce === undefined && prepared.facts.ivLengths.max > 0;
  if (isRandom && parameters.randomIV !== true) throw missingIv();
  const given = isRandom ? ivs.draw(newIvLength(prepared.facts, parameters)) : (ivCounterNonce ?? EMPTY);
  const iv = opensslIv(prepared.facts, given, parameters);
  requireNoAdditionalData(prepared.facts, additionalData);
  const generatedIv = isRandom ? given : undefined;
  return isWhole(prepared.facts)
    ? new WholeEncryption(prepared, iv, generatedIv, additionalData, isTagAppended)
    : new RunningEncryption(prepared, iv, generatedIv, additionalData, isTagAppended);
}

const ivs = new RandomPool();

class RunningEncryption implements ImmediateEncryption {
  readonly #cipher: CipherGCM;
  #length = 0;

  constructor(
    private readonly prepared: Prepared,
    iv: Buffer,
    readonly generatedIv: Buffer | undefined,
    additionalData: Buffer | undefined,
    private readonly isTagAppended: boolean,
  ) {
    this.#cipher = newCipher(prepared, iv);
    if (additionalData !== undefined) this.#cipher.setAAD(additionalData);
  }

  update(part: SecretBytes): Buffer {
    this.#length += part.length;
    return this.#cipher.update(part.reveal());
  }

  final(): Encrypted {
    const { facts, padding } = this.prepared;
    const { blockLengthBytes } = facts;
    let rest = EMPTY;
    if (facts.kind === 'block') {
      const over = this.#length % blockLengthBytes;
      if (padding !== undefined) rest = this.#cipher.update(padding.bytes(blockLengthBytes - over));
      else if (over !== 0) throw failure('the data is not whole blocks, and no padding is asked for');
    }
    this.#cipher.final();
    return withTag(
      rest,
      facts.tagLengths.length > 0 ? this.#cipher.getAuthTag() : undefined,
      this.isTagAppended,
    );
  }

  destroy(): void {
    this.prepared.key.fill(0);
  }
}

function withTag(data: Buffer, tag: Buffer | undefined, isAppended: boolean): Encrypted {
  if (tag === undefined || !isAppended) return { data, tag };
  return { data: Buffer.concat([data, tag]), tag: undefined };
}

/** CCM and XTS: all at once. */
class WholeEncryption implements ImmediateEncryption {
  readonly #held = new HeldBytes();

  constructor(
    private readonly prepared: Prepared,
    private readonly iv: Buffer,
    readonly generatedIv: Buffer | undefined,
    private readonly additionalData: Buffer | undefined,
    private readonly isTagAppended: boolean,
  ) {}

  update(part: SecretBytes): Buffer {
    this.#held.add(part.reveal());
    return EMPTY;
  }

  final(): Encrypted {
    return this.#held.use((plaintext) => this.#seal(plaintext));
  }

  #seal(plaintext: Buffer): Encrypted {
    const { facts } = this.prepared;
    requireLength(facts, plaintext, this.iv);
    return attempt('the data cannot be encrypted so', () => {
      const cipher = newCipher(this.prepared, this.iv);
      if (this.additionalData !== undefined) {
        cipher.setAAD(this.additionalData, { plaintextLength: plaintext.length });
      }
      const data = cipher.update(present(plaintext));
      cipher.final();
      return withTag(data, facts.tagLengths.length > 0 ? cipher.getAuthTag() : undefined, this.isTagAppended);
    });
  }

  destroy(): void {
    this.prepared.key.fill(0);
    this.#held.destroy();
  }
}
