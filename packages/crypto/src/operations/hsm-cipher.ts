import { randomBytes } from 'node:crypto';
import type {
  CipherRequest,
  Decryption,
  DecryptionRequest,
  Encryption,
  HsmMechanism,
  Signing,
} from '@holdfast/core';
import { BlockCipherMode as Mode } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { cipherFacts, type CipherFacts } from './cipher-modes';
import { HeldBytes } from './held-bytes';
import type { HsmKey } from './hsm-key';
import { cipherAlgorithmOf } from './key';
import { blockPadding, type BlockPadding } from './padding';
import { badParameters, failure, unsupported } from './refusals';
import {
  EMPTY,
  missingIv,
  opensslIv,
  newIvLength,
  randomIvLength,
  requireNoAdditionalData,
  tagLength,
} from './symmetric-setup';

/** AES with a key inside an HSM: all of the data goes there at once; padding, counters and tags are settled here. */

const BLOCK_BYTES = 16;
/** PKCS#11 gives one call as much as the device takes; what is longer belongs under a data key. */
const MAX_DATA_BYTES = 1024 * 1024;

/** CTR is made of ECB: not every library has it. */
const MECHANISMS: ReadonlyMap<Mode, HsmMechanism> = new Map([
  [Mode.ECB, 'AES_ECB'],
  [Mode.CBC, 'AES_CBC'],
  [Mode.CTR, 'AES_ECB'],
  [Mode.GCM, 'AES_GCM'],
]);

interface Prepared {
  readonly mode: Mode;
  readonly mechanism: HsmMechanism;
  readonly facts: CipherFacts;
  readonly padding: BlockPadding | undefined;
  readonly tagLengthBytes: number;
}

function prepare(request: CipherRequest, { lengthBytes }: HsmKey): Prepared {
  const { parameters, additionalData } = request;
  const { blockCipherMode: mode } = parameters;
  const facts = cipherFacts(cipherAlgorithmOf(request), mode, lengthBytes);
  const mechanism = mode === undefined ? undefined : MECHANISMS.get(mode);
  if (mode === undefined || mechanism === undefined) {
    throw unsupported('keys inside the HSM encrypt in the modes ECB, CBC, CTR and GCM');
  }
  requireNoAdditionalData(facts, additionalData);
  return {
    mode,
    mechanism,
    facts,
    padding: facts.kind === 'block' ? blockPadding(parameters.paddingMethod) : undefined,
    tagLengthBytes: tagLength(facts, parameters),
  };
}

function hold(held: HeldBytes, part: Buffer, soFar: number): number {
  if (soFar + part.length > MAX_DATA_BYTES) {
    throw new HoldfastError(
      'InvalidField',
      `data for a key inside the HSM is at most ${MAX_DATA_BYTES} bytes long`,
    );
  }
  held.add(part);
  return soFar + part.length;
}

export function encryptInHsm(key: HsmKey, request: CipherRequest): Encryption {
  const prepared = prepare(request, key);
  const { parameters, ivCounterNonce, additionalData, isTagAppended } = request;
  const { facts, padding, tagLengthBytes } = prepared;
  const isRandom = ivCounterNonce === undefined && facts.ivLengths.max > 0;
  if (isRandom && parameters.randomIV !== true) throw missingIv();
  const given = isRandom ? randomBytes(newIvLength(facts, parameters)) : (ivCounterNonce ?? EMPTY);
  const iv = opensslIv(facts, given, parameters);
  const held = new HeldBytes();
  let length = 0;
  return {
    generatedIv: isRandom ? given : undefined,
    update(part) {
      length = hold(held, part.reveal(), length);
      return EMPTY;
    },
    async final() {
      const over = length % BLOCK_BYTES;
      if (padding !== undefined) held.add(padding.bytes(BLOCK_BYTES - over));
      else if (facts.kind === 'block' && over !== 0) {
        throw failure('the data is not whole blocks, and no padding is asked for');
      }
      const sealed = await held.use((plaintext) =>
        compute(key, prepared, 'encrypt', plaintext, iv, additionalData),
      );
      if (tagLengthBytes === 0 || isTagAppended) return { data: sealed, tag: undefined };
      const end = sealed.length - tagLengthBytes;
      return { data: sealed.subarray(0, end), tag: sealed.subarray(end) };
    },
    destroy: () => {
      held.destroy();
    },
  };
}

export function decryptInHsm(key: HsmKey, request: DecryptionRequest): Decryption {
  const prepared = prepare(request, key);
  const { parameters, ivCounterNonce, additionalData, tag, isIvPrefixed, isTagAppended } = request;
  const { facts, padding, tagLengthBytes } = prepared;
  const hasTagApart = tagLengthBytes > 0 && !isTagAppended;
  if (hasTagApart && tag === undefined)
    throw new HoldfastError('InvalidField', 'the Authenticated Encryption Tag is missing');
  if (hasTagApart && tag?.length !== tagLengthBytes) throw badParameters('the tag is not of the Tag Length');
  const isPrefixed = facts.ivLengths.max > 0 && ivCounterNonce === undefined;
  if (isPrefixed && !isIvPrefixed) throw missingIv();
  const prefixLength = isPrefixed ? randomIvLength(facts, parameters) : 0;
  const held = new HeldBytes();
  let length = 0;
  return {
    update(part) {
      length = hold(held, part, length);
      return new SecretBytes(EMPTY);
    },
    async final() {
      const given = held.take();
      if (given.length < prefixLength) throw missingIv();
      const nonce = isPrefixed ? given.subarray(0, prefixLength) : (ivCounterNonce ?? EMPTY);
      const iv = opensslIv(facts, nonce, parameters);
      const sealed = Buffer.concat([given.subarray(prefixLength), hasTagApart ? (tag ?? EMPTY) : EMPTY]);
      if (sealed.length < tagLengthBytes) throw failure('the data is shorter than its tag');
      if (facts.kind === 'block' && sealed.length % BLOCK_BYTES !== 0) throw doesNotDecrypt();
      const plaintext = await compute(key, prepared, 'decrypt', sealed, iv, additionalData);
      if (padding === undefined) return new SecretBytes(plaintext);
      try {
        if (plaintext.length === 0) throw doesNotDecrypt();
        const padded = padding.lengthIn(plaintext.subarray(-BLOCK_BYTES));
        return SecretBytes.copyOf(plaintext.subarray(0, plaintext.length - padded));
      } finally {
        plaintext.fill(0);
      }
    },
    destroy: () => {
      held.destroy();
    },
  };
}

/** Nothing is asked of the device for no data, where the mode gives none for it. */
async function compute(
  key: HsmKey,
  { mode, mechanism, tagLengthBytes }: Prepared,
  use: 'encrypt' | 'decrypt',
  bytes: Buffer,
  iv: Buffer,
  additionalData: Buffer | undefined,
): Promise<Buffer> {
  if (bytes.length === 0 && tagLengthBytes === 0) return EMPTY;
  if (mode === Mode.CTR) return applyCounters(key, bytes, iv);
  if (mode === Mode.ECB) return key.compute(use, mechanism, bytes);
  return key.compute(
    use,
    mechanism,
    bytes,
    tagLengthBytes === 0 ? { iv } : { iv, additionalData, tagLengthBytes },
  );
}

/** NIST SP 800-38A section 6.5: the counter is the whole block, and so is what OpenSSL counts. */
async function applyCounters(key: HsmKey, bytes: Buffer, iv: Buffer): Promise<Buffer> {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const counters = Buffer.alloc(blocks * BLOCK_BYTES);
  const counter = Buffer.from(iv);
  for (let block = 0; block < blocks; block++) {
    counter.copy(counters, block * BLOCK_BYTES);
    for (let place = BLOCK_BYTES - 1; place >= 0; place--) {
      const octet = ((counter[place] ?? 0) + 1) & 0xff;
      counter[place] = octet;
      if (octet !== 0) break;
    }
  }
  const stream = await key.compute('encrypt', 'AES_ECB', counters);
  const output = Buffer.alloc(bytes.length);
  for (const [place, octet] of bytes.entries()) output[place] = octet ^ (stream[place] ?? 0);
  stream.fill(0);
  return output;
}

/** A MAC over all of the data, which goes into the HSM at once. */
export function macInHsm(key: HsmKey, mechanism: HsmMechanism): Signing {
  const held = new HeldBytes();
  let length = 0;
  return {
    update(part) {
      length = hold(held, part.reveal(), length);
    },
    final: () => held.use((data) => key.compute('sign', mechanism, data)),
    destroy: () => {
      held.destroy();
    },
  };
}

function doesNotDecrypt(): HoldfastError {
  return failure('the data does not decrypt under this key and these parameters');
}
