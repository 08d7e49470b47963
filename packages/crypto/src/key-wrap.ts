import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Encrypted, KeyUseRequest, WrappedBytes } from '@holdfast/core';
import { BlockCipherMode, CryptographicAlgorithm } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { decrypt, encrypt } from './operations/ciphers';
import { cipherAlgorithmOf, isAsymmetric, symmetricKeyOf } from './operations/key';
import { hsmKeyOf, type HsmKey } from './operations/hsm-key';
import { unsupported } from './operations/refusals';

interface KeyWrapMode {
  readonly cipherSuffix: string;
  readonly isPadded: boolean;
  /** The initial value that unwrapping finds again (RFC 3394 section 2.2.3.1, RFC 5649 section 3). */
  readonly initialValue: Buffer;
  /** Whether content of this length can be wrapped. */
  accepts(lengthBytes: number): boolean;
  readonly condition: string;
}

/** RFC 3394 for NIST Key Wrap, RFC 5649 for AES Key Wrap with padding: KW and KWP of NIST SP 800-38F. */
const MODES: ReadonlyMap<BlockCipherMode, KeyWrapMode> = new Map([
  [
    BlockCipherMode.NISTKeyWrap,
    {
      cipherSuffix: 'wrap',
      isPadded: false,
      initialValue: Buffer.from('a6a6a6a6a6a6a6a6', 'hex'),
      accepts: (lengthBytes: number) => lengthBytes >= 16 && lengthBytes % 8 === 0,
      condition: 'a multiple of 8 bytes, at least 16',
    },
  ],
  [
    BlockCipherMode.AESKeyWrapPadding,
    {
      cipherSuffix: 'wrap-pad',
      isPadded: true,
      initialValue: Buffer.from('a65959a6', 'hex'),
      accepts: (lengthBytes: number) => lengthBytes >= 1,
      condition: 'at least one byte',
    },
  ],
]);

/**
 * Encrypts a key. AES keys use NIST Key Wrap unless the parameters name another mode; all other modes, algorithms and
 * paddings are those of data encryption, with a random IV and the tag of an AEAD behind the ciphertext.
 * @throws HoldfastError CryptographicFailure for content whose length the mode does not take, and what encryption throws
 */
export function wrapBytes(
  request: KeyUseRequest,
  content: SecretBytes,
): WrappedBytes | Promise<WrappedBytes> {
  const mode = keyWrapMode(request);
  if (mode === undefined) return encryptKey(request, content);
  if (!mode.accepts(content.length)) {
    throw new HoldfastError('CryptographicFailure', `what is to be wrapped is not ${mode.condition}`);
  }
  const hsmKey = hsmKeyOf(request);
  if (hsmKey !== undefined) return wrapInHsm(hsmKey, mode, content);
  const key = symmetricKeyOf(request);
  const wrap = createCipheriv(cipherOf(mode, key), key.reveal(), mode.initialValue);
  return { data: Buffer.concat([wrap.update(content.reveal()), wrap.final()]), ivCounterNonce: undefined };
}

/**
 * Undoes `wrapBytes`.
 * @throws HoldfastError CryptographicFailure where the bytes were not wrapped under this key, and what decryption throws
 */
export function unwrapBytes(
  request: KeyUseRequest,
  wrapped: WrappedBytes,
): SecretBytes | Promise<SecretBytes> {
  const mode = keyWrapMode(request);
  if (mode === undefined) return decryptKey(request, wrapped);
  // OpenSSL gives nothing back for nothing instead of refusing it.
  if (wrapped.data.length === 0) throw doesNotUnwrap();
  const hsmKey = hsmKeyOf(request);
  if (hsmKey !== undefined) return unwrapInHsm(hsmKey, mode, wrapped.data);
  const key = symmetricKeyOf(request);
  const unwrap = createDecipheriv(cipherOf(mode, key), key.reveal(), mode.initialValue);
  try {
    const content = unwrap.update(wrapped.data);
    unwrap.final();
    return new SecretBytes(content);
  } catch (cause) {
    throw doesNotUnwrap(cause);
  }
}

/** The mode that is made for wrapping keys; undefined where keys are encrypted like data. */
function keyWrapMode(request: KeyUseRequest): KeyWrapMode | undefined {
  if (isAsymmetric(request) || cipherAlgorithmOf(request) !== CryptographicAlgorithm.AES) return undefined;
  return MODES.get(request.parameters.blockCipherMode ?? BlockCipherMode.NISTKeyWrap);
}

function cipherOf(mode: KeyWrapMode, key: SecretBytes): string {
  if (![16, 24, 32].includes(key.length)) {
    throw new HoldfastError('UnsupportedCryptographicParameters', 'the wrapping key is not an AES key');
  }
  return `id-aes${key.length * 8}-${mode.cipherSuffix}`;
}

const AS_DATA = { additionalData: undefined, isTagAppended: true } as const;

const BLOCK_BYTES = 8;

async function wrapInHsm(
  key: HsmKey,
  { isPadded }: KeyWrapMode,
  content: SecretBytes,
): Promise<WrappedBytes> {
  // The content may be zeroed while the HSM has others to serve first.
  const bytes = Buffer.from(content.reveal());
  try {
    const data = isPadded ? await wrapPadded(key, bytes) : await key.compute('wrap', 'AES_KEY_WRAP', bytes);
    return { data, ivCounterNonce: undefined };
  } finally {
    bytes.fill(0);
  }
}

/**
 * What CKM_AES_KEY_WRAP_PAD is differs between devices: KWP, or KW of what was padded as in PKCS #7, which is longer for
 * whole blocks; and KWP tells content from the same with zero bytes behind it.
 */
async function wrapPadded(key: HsmKey, bytes: Buffer): Promise<Buffer> {
  const lengthBytes = Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES;
  const wrapped = await key.compute('wrap', 'AES_KEY_WRAP_PAD', bytes);
  const isWhole = bytes.length === lengthBytes;
  const whole = isWhole ? wrapped : await wrapFilled(key, bytes, lengthBytes);
  if (whole.length === lengthBytes + BLOCK_BYTES && (isWhole || !whole.equals(wrapped))) return wrapped;
  throw unsupported('the HSM has no AES Key Wrap with Padding of RFC 5649');
}

async function wrapFilled(key: HsmKey, bytes: Buffer, lengthBytes: number): Promise<Buffer> {
  const filled = Buffer.alloc(lengthBytes);
  bytes.copy(filled);
  try {
    return await key.compute('wrap', 'AES_KEY_WRAP_PAD', filled);
  } finally {
    filled.fill(0);
  }
}

async function unwrapInHsm(key: HsmKey, { isPadded }: KeyWrapMode, data: Buffer): Promise<SecretBytes> {
  if (!isPadded) return new SecretBytes(await key.compute('unwrap', 'AES_KEY_WRAP', data));
  const content = await key.compute('unwrap', 'AES_KEY_WRAP_PAD', data);
  try {
    return SecretBytes.copyOf(await wrappedTo(key, data, content));
  } finally {
    content.fill(0);
  }
}

/** Some devices leave the padding on. What was wrapped is what is wrapped to the same bytes. */
async function wrappedTo(key: HsmKey, data: Buffer, content: Buffer): Promise<Buffer> {
  for (let length = content.length; length > content.length - BLOCK_BYTES; length--) {
    const candidate = content.subarray(0, length);
    if ((await key.compute('wrap', 'AES_KEY_WRAP_PAD', candidate)).equals(data)) return candidate;
    if (content[length - 1] !== 0) break;
  }
  throw doesNotUnwrap();
}

function encryptKey(request: KeyUseRequest, content: SecretBytes): WrappedBytes | Promise<WrappedBytes> {
  const parameters = { ...request.parameters, randomIV: true };
  const cipher = { ...request, ...AS_DATA, parameters, ivCounterNonce: undefined };
  const encryption = encrypt(cipher);
  try {
    const first = encryption.update(content);
    const end = encryption.final();
    const wrapped = ({ data }: Encrypted): WrappedBytes => ({
      data: Buffer.concat([first, data]),
      ivCounterNonce: encryption.generatedIv,
    });
    return end instanceof Promise ? end.then(wrapped) : wrapped(end);
  } finally {
    encryption.destroy();
  }
}

async function decryptKey(
  request: KeyUseRequest,
  { data, ivCounterNonce }: WrappedBytes,
): Promise<SecretBytes> {
  const cipher = { ...request, ...AS_DATA, ivCounterNonce, tag: undefined, isIvPrefixed: false };
  const decryption = decrypt(cipher);
  const parts: SecretBytes[] = [];
  try {
    parts.push(decryption.update(data));
    parts.push(await decryption.final());
    return new SecretBytes(Buffer.concat(parts.map((part) => part.reveal())));
  } finally {
    for (const part of parts) part.destroy();
    decryption.destroy();
  }
}

function doesNotUnwrap(cause?: unknown): HoldfastError {
  const message = 'the wrapped key does not unwrap under the wrapping key';
  return new HoldfastError('CryptographicFailure', message, { cause });
}
