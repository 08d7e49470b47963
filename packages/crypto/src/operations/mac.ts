import { createCipheriv, createHmac, type Cipher } from 'node:crypto';
import type { HsmMechanism, KeyUseRequest, Signing, Summary } from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm as Algorithm,
  HashingAlgorithm as Hash,
} from '@holdfast/kmip';
import { blockCipher } from './cipher-modes';
import { hashFacts } from './hashes';
import { macInHsm } from './hsm-cipher';
import { hsmKeyOf } from './hsm-key';
import { cipherAlgorithmOf, symmetricKeyOf } from './key';
import { attempt, badParameters, unsupported } from './refusals';

/** Message authentication codes. */

const HMAC_HASHES: ReadonlyMap<Algorithm, Hash> = new Map([
  [Algorithm.HMAC_MD5, Hash.MD5],
  [Algorithm.HMAC_SHA1, Hash.SHA_1],
  [Algorithm.HMAC_SHA224, Hash.SHA_224],
  [Algorithm.HMAC_SHA256, Hash.SHA_256],
  [Algorithm.HMAC_SHA384, Hash.SHA_384],
  [Algorithm.HMAC_SHA512, Hash.SHA_512],
  [Algorithm.HMAC_SHA3_224, Hash.SHA3_224],
  [Algorithm.HMAC_SHA3_256, Hash.SHA3_256],
  [Algorithm.HMAC_SHA3_384, Hash.SHA3_384],
  [Algorithm.HMAC_SHA3_512, Hash.SHA3_512],
]);

/** The hash that an HMAC algorithm names; undefined for other algorithms. */
export function hmacHashOf(algorithm: Algorithm | undefined): Hash | undefined {
  return algorithm === undefined ? undefined : HMAC_HASHES.get(algorithm);
}

/**
 * HMAC (FIPS 198-1) where the parameters or the key name one, whatever else the key is for; CMAC (NIST SP 800-38B) where
 * they name that mode.
 */
export function mac(request: KeyUseRequest): Signing {
  const hsmKey = hsmKeyOf(request);
  if (hsmKey === undefined) return macHere(request);
  const method = methodOf(request);
  return macInHsm(hsmKey, hsmMacOf('hash' in method ? method.hash : undefined));
}

/** What an HSM makes the HMAC of a hash by, or CMAC. @throws HoldfastError UnsupportedCryptographicParameters */
export function hsmMacOf(hash: Hash | undefined): HsmMechanism {
  const mechanism = hash === undefined ? 'AES_CMAC' : HSM_HMACS.get(hash);
  if (mechanism === undefined) throw unsupported('keys inside the HSM make no such MACs');
  return mechanism;
}

/** As `mac`, with a key that is here. */
export function macHere(request: KeyUseRequest): Summary {
  const method = methodOf(request);
  return 'hash' in method ? hmac(request, method.hash) : cmac(request, method.cipher);
}

const HSM_HMACS: ReadonlyMap<Hash, HsmMechanism> = new Map([
  [Hash.SHA_1, 'SHA_1_HMAC'],
  [Hash.SHA_224, 'SHA224_HMAC'],
  [Hash.SHA_256, 'SHA256_HMAC'],
  [Hash.SHA_384, 'SHA384_HMAC'],
  [Hash.SHA_512, 'SHA512_HMAC'],
]);

function methodOf(request: KeyUseRequest): { readonly hash: Hash } | { readonly cipher: Algorithm } {
  const { parameters } = request;
  const hash = hmacHashOf(parameters.cryptographicAlgorithm ?? request.algorithm);
  if (hash !== undefined) return { hash };
  const cipher = cipherAlgorithmOf(request);
  const { blockCipherMode } = parameters;
  if (blockCipherMode === BlockCipherMode.CMAC) return { cipher };
  if (blockCipherMode === undefined) {
    throw badParameters('neither key nor request names a MAC: an HMAC algorithm, or the mode CMAC');
  }
  throw unsupported('MACs are made by HMAC and CMAC alone');
}

function hmac(request: KeyUseRequest, hash: Hash): Summary {
  const running = createHmac(hashFacts(hash).opensslName, symmetricKeyOf(request).reveal());
  return {
    update: (part) => void running.update(part.reveal()),
    final: () => running.digest(),
    destroy: () => undefined,
  };
}

/** NIST SP 800-38B section 5.3: the constants of blocks of 64 and 128 bits. */
const REDUCTIONS: ReadonlyMap<number, number> = new Map([
  [8, 0x1b],
  [16, 0x87],
]);

/** Multiplies by x in the field of the block, without a branch. */
function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(block.length);
  let carry = 0;
  for (let i = block.length - 1; i >= 0; i--) {
    const octet = block[i] ?? 0;
    result[i] = ((octet << 1) | carry) & 0xff;
    carry = octet >> 7;
  }
  const last = block.length - 1;
  result[last] = (result[last] ?? 0) ^ (-carry & (REDUCTIONS.get(block.length) ?? 0));
  return result;
}

function cmac(request: KeyUseRequest, algorithm: Algorithm): Summary {
  const material = symmetricKeyOf(request).reveal();
  const { opensslName, blockLengthBytes } = blockCipher(algorithm, material.length);
  const key =
    algorithm === Algorithm.DES3 && material.length === 16
      ? Buffer.concat([material, material.subarray(0, 8)])
      : Buffer.from(material);
  const cipher = (mode: 'cbc' | 'ecb', iv: Buffer | null): Cipher =>
    createCipheriv(opensslName.replace(/-ecb$/, `-${mode}`), key, iv).setAutoPadding(false);
  try {
    return attempt('the key is none that this cipher takes', () => {
      const zeros = Buffer.alloc(blockLengthBytes);
      const block = cipher('ecb', null).update(zeros);
      const subkey = doubled(block);
      block.fill(0);
      return new Cmac(cipher('cbc', zeros), subkey);
    });
  } finally {
    // OpenSSL has copied it.
    key.fill(0);
  }
}

/** NIST SP 800-38B section 6.2 by means of CBC: the last block is kept back, since it is masked by a subkey. */
class Cmac implements Summary {
  #last: Buffer = Buffer.alloc(0);

  constructor(
    private readonly cbc: Cipher,
    private readonly subkey: Buffer,
  ) {}

  update(part: Parameters<Summary['update']>[0]): void {
    const all = Buffer.concat([this.#last, part.reveal()]);
    const block = this.subkey.length;
    const ready = all.length === 0 ? 0 : Math.floor((all.length - 1) / block) * block;
    if (ready > 0) this.cbc.update(all.subarray(0, ready));
    this.#last.fill(0);
    this.#last = Buffer.from(all.subarray(ready));
    all.fill(0);
  }

  final(): Buffer {
    const isWhole = this.#last.length === this.subkey.length;
    const mask = isWhole ? this.subkey : doubled(this.subkey);
    const block = Buffer.alloc(mask.length);
    this.#last.copy(block);
    if (!isWhole) block[this.#last.length] = 0x80;
    for (let i = 0; i < block.length; i++) block[i] = (block[i] ?? 0) ^ (mask[i] ?? 0);
    return this.cbc.update(block);
  }

  destroy(): void {
    this.subkey.fill(0);
    this.#last.fill(0);
  }
}
