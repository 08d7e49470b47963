import { createCipheriv, createDecipheriv } from 'node:crypto';
import {
  BlockCipherMode,
  blockCipherModeEnum,
  CryptographicAlgorithm,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';

interface KeyWrapMode {
  readonly cipherSuffix: string;
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
      initialValue: Buffer.from('a6a6a6a6a6a6a6a6', 'hex'),
      accepts: (lengthBytes: number) => lengthBytes >= 16 && lengthBytes % 8 === 0,
      condition: 'a multiple of 8 bytes, at least 16',
    },
  ],
  [
    BlockCipherMode.AESKeyWrapPadding,
    {
      cipherSuffix: 'wrap-pad',
      initialValue: Buffer.from('a65959a6', 'hex'),
      accepts: (lengthBytes: number) => lengthBytes >= 1,
      condition: 'at least one byte',
    },
  ],
]);

/**
 * Encrypts `content` under an AES key of 16, 24 or 32 bytes; NIST Key Wrap unless the parameters name another mode.
 * @throws HoldfastError UnsupportedCryptographicParameters for other modes, algorithms or lengths of the wrapping key;
 * CryptographicFailure for content whose length the mode does not take
 */
export function wrapBytes(
  wrappingKey: SecretBytes,
  parameters: CryptographicParameters | undefined,
  content: SecretBytes,
): Buffer {
  const { mode, cipher } = keyWrap(wrappingKey, parameters);
  if (!mode.accepts(content.length)) {
    throw new HoldfastError('CryptographicFailure', `what is to be wrapped is not ${mode.condition}`);
  }
  const wrap = createCipheriv(cipher, wrappingKey.reveal(), mode.initialValue);
  return Buffer.concat([wrap.update(content.reveal()), wrap.final()]);
}

/**
 * Undoes `wrapBytes`.
 * @throws HoldfastError UnsupportedCryptographicParameters as `wrapBytes`; CryptographicFailure where the bytes were not
 * wrapped under this key
 */
export function unwrapBytes(
  wrappingKey: SecretBytes,
  parameters: CryptographicParameters | undefined,
  wrapped: Buffer,
): SecretBytes {
  const { cipher, mode } = keyWrap(wrappingKey, parameters);
  // OpenSSL gives nothing back for nothing instead of refusing it.
  if (wrapped.length === 0) throw doesNotUnwrap();
  const unwrap = createDecipheriv(cipher, wrappingKey.reveal(), mode.initialValue);
  try {
    const content = unwrap.update(wrapped);
    unwrap.final();
    return new SecretBytes(content);
  } catch (cause) {
    throw doesNotUnwrap(cause);
  }
}

function keyWrap(wrappingKey: SecretBytes, parameters: CryptographicParameters | undefined) {
  const algorithm = parameters?.cryptographicAlgorithm ?? CryptographicAlgorithm.AES;
  if (algorithm !== CryptographicAlgorithm.AES) throw unsupported('keys are wrapped with AES only');
  const blockCipherMode = parameters?.blockCipherMode ?? BlockCipherMode.NISTKeyWrap;
  const mode = MODES.get(blockCipherMode);
  if (mode === undefined) {
    const printed = blockCipherModeEnum.byValue.get(blockCipherMode)?.name ?? String(blockCipherMode);
    throw unsupported(`keys are not wrapped in the block cipher mode ${printed}`);
  }
  if (![16, 24, 32].includes(wrappingKey.length)) throw unsupported('the wrapping key is not an AES key');
  return { mode, cipher: `id-aes${wrappingKey.length * 8}-${mode.cipherSuffix}` };
}

function doesNotUnwrap(cause?: unknown): HoldfastError {
  const message = 'the wrapped key does not unwrap under the wrapping key';
  return new HoldfastError('CryptographicFailure', message, { cause });
}

function unsupported(what: string): HoldfastError {
  return new HoldfastError('UnsupportedCryptographicParameters', what);
}
