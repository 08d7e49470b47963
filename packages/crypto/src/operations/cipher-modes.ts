import { getCiphers } from 'node:crypto';
import {
  BlockCipherMode as Mode,
  CryptographicAlgorithm as Algorithm,
  blockCipherModeEnum,
  cryptographicAlgorithmEnum,
} from '@holdfast/kmip';
import { badParameters, unsupported } from './refusals';

/** How the bytes of a mode go through OpenSSL. */
export type CipherKind =
  /** Whole blocks, the last one padded. */
  | 'block'
  /** Any number of bytes. */
  | 'stream'
  /** Authenticated; any number of bytes. */
  | 'aead'
  /** Authenticated; the length has to be known before the first byte. */
  | 'aead-whole'
  /** Any number of bytes from one block on, all at once. */
  | 'whole';

interface ModeFacts {
  readonly opensslName: string;
  readonly kind: CipherKind;
  /** Lengths in bytes of an IV; `block` is the block size of the algorithm. None where the mode takes no IV. */
  ivLengths(blockLengthBytes: number): { readonly min: number; readonly max: number; readonly usual: number };
  /** Whether the key is that of two ciphers (XTS). */
  readonly isDoubleKey?: boolean;
}

const oneBlock = (block: number) => ({ min: block, max: block, usual: block });
const fixed = (length: number) => () => ({ min: length, max: length, usual: length });

/** NIST SP 800-38A, 38C, 38D and 38E. Not here: PCBC, the modes that only make MACs, and those that only wrap keys. */
const MODES: ReadonlyMap<Mode, ModeFacts> = new Map<Mode, ModeFacts>([
  [Mode.ECB, { opensslName: 'ecb', kind: 'block', ivLengths: fixed(0) }],
  [Mode.CBC, { opensslName: 'cbc', kind: 'block', ivLengths: oneBlock }],
  [Mode.CFB, { opensslName: 'cfb', kind: 'stream', ivLengths: oneBlock }],
  [Mode.OFB, { opensslName: 'ofb', kind: 'stream', ivLengths: oneBlock }],
  [Mode.CTR, { opensslName: 'ctr', kind: 'stream', ivLengths: oneBlock }],
  // OpenSSL takes nonces of GCM up to 1024 bits.
  [Mode.GCM, { opensslName: 'gcm', kind: 'aead', ivLengths: () => ({ min: 1, max: 128, usual: 12 }) }],
  [Mode.CCM, { opensslName: 'ccm', kind: 'aead-whole', ivLengths: () => ({ min: 7, max: 13, usual: 12 }) }],
  [Mode.XTS, { opensslName: 'xts', kind: 'whole', ivLengths: oneBlock, isDoubleKey: true }],
]);

/** OpenSSL's names of the block ciphers, by the length of the key in bytes. */
const BLOCK_CIPHERS: ReadonlyMap<
  Algorithm,
  { readonly blockLengthBytes: number; nameOf(keyLengthBytes: number): string }
> = new Map([
  [Algorithm.AES, { blockLengthBytes: 16, nameOf: (length: number) => `aes-${length * 8}` }],
  // Two keys and three keys: the material of two is completed when it is used.
  [Algorithm.DES3, { blockLengthBytes: 8, nameOf: () => 'des-ede3' }],
  [Algorithm.Camellia, { blockLengthBytes: 16, nameOf: (length: number) => `camellia-${length * 8}` }],
  [Algorithm.ARIA, { blockLengthBytes: 16, nameOf: (length: number) => `aria-${length * 8}` }],
  [Algorithm.SM4, { blockLengthBytes: 16, nameOf: () => 'sm4' }],
]);

export interface CipherFacts {
  readonly opensslName: string;
  readonly kind: CipherKind;
  readonly blockLengthBytes: number;
  readonly ivLengths: { readonly min: number; readonly max: number; readonly usual: number };
  /** Lengths in bytes of the tags that an AEAD may have. */
  readonly tagLengths: readonly number[];
}

/** NIST SP 800-38D section 5.2.1.2 and SP 800-38C appendix A; RFC 8439 section 2.8. */
const TAG_LENGTHS: ReadonlyMap<Mode, readonly number[]> = new Map([
  [Mode.GCM, [4, 8, 12, 13, 14, 15, 16]],
  [Mode.CCM, [4, 6, 8, 10, 12, 14, 16]],
]);

/** RFC 8439: nonces of 12 bytes; the original ChaCha20 has 8, OpenSSL's IV is counter and nonce. */
const CHACHA20: CipherFacts = {
  opensslName: 'chacha20',
  kind: 'stream',
  blockLengthBytes: 1,
  ivLengths: { min: 8, max: 16, usual: 12 },
  tagLengths: [],
};
const CHACHA20_POLY1305: CipherFacts = {
  opensslName: 'chacha20-poly1305',
  kind: 'aead',
  blockLengthBytes: 1,
  ivLengths: { min: 12, max: 12, usual: 12 },
  tagLengths: [16],
};

const available: ReadonlySet<string> = new Set(getCiphers());
const known = new Map<string, CipherFacts>();

/** The block cipher of a key by its OpenSSL name in ECB mode; CMAC is made of it. */
export function blockCipher(
  algorithm: Algorithm,
  keyLengthBytes: number,
): { readonly opensslName: string; readonly blockLengthBytes: number } {
  return cipherFacts(algorithm, Mode.ECB, keyLengthBytes);
}

/**
 * The cipher that an algorithm, a mode and a length of key make.
 * @throws HoldfastError BadCryptographicParameters where the mode is missing or not one of the algorithm,
 * UnsupportedCryptographicParameters where the runtime does not have it
 */
export function cipherFacts(
  algorithm: Algorithm,
  mode: Mode | undefined,
  keyLengthBytes: number,
): CipherFacts {
  const key = `${algorithm} ${mode ?? 0} ${keyLengthBytes}`;
  let facts = known.get(key);
  if (facts === undefined) {
    facts = find(algorithm, mode, keyLengthBytes);
    known.set(key, facts);
  }
  return facts;
}

function find(algorithm: Algorithm, mode: Mode | undefined, keyLengthBytes: number): CipherFacts {
  if (algorithm === Algorithm.ChaCha20 || algorithm === Algorithm.ChaCha20Poly1305) {
    return findStreamCipher(algorithm, mode);
  }
  const cipher = BLOCK_CIPHERS.get(algorithm);
  if (cipher === undefined) throw unsupported(`there is no cipher ${nameOf(algorithm)} here`);
  if (mode === undefined) throw badParameters('neither key nor request names a Block Cipher Mode');
  const modeFacts = MODES.get(mode);
  if (modeFacts === undefined) throw unsupported(`data is not encrypted in the mode ${modeNameOf(mode)}`);
  const length = modeFacts.isDoubleKey === true ? keyLengthBytes / 2 : keyLengthBytes;
  const opensslName = `${cipher.nameOf(length)}-${modeFacts.opensslName}`;
  if (!available.has(opensslName)) {
    throw unsupported(
      `${nameOf(algorithm)} with this length of key is not available in the mode ${modeNameOf(mode)}`,
    );
  }
  return {
    opensslName,
    kind: modeFacts.kind,
    blockLengthBytes: cipher.blockLengthBytes,
    ivLengths: modeFacts.ivLengths(cipher.blockLengthBytes),
    tagLengths: TAG_LENGTHS.get(mode) ?? [],
  };
}

function findStreamCipher(algorithm: Algorithm, mode: Mode | undefined): CipherFacts {
  if (mode !== undefined && mode !== Mode.AEAD) {
    throw badParameters(`${nameOf(algorithm)} has no Block Cipher Mode ${modeNameOf(mode)}`);
  }
  const isAuthenticated = algorithm === Algorithm.ChaCha20Poly1305 || mode === Mode.AEAD;
  return isAuthenticated ? CHACHA20_POLY1305 : CHACHA20;
}

function nameOf(algorithm: Algorithm): string {
  return cryptographicAlgorithmEnum.byValue.get(algorithm)?.name ?? String(algorithm);
}

function modeNameOf(mode: Mode): string {
  return blockCipherModeEnum.byValue.get(mode)?.name ?? String(mode);
}
