import { HoldfastError, type RootOfTrust, SecretBytes } from '@holdfast/core';
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { createRootKeyFile, readRootKeyFile, SOFTWARE_ROOT_FILE } from './root-key-file';
import { decodeRootKey, encodeRootKey, ROOT_KEY_BYTES } from './root-key-format';

/** What every start with a software root tells the operator. */
export const SOFTWARE_ROOT_WARNING =
  'The root key is a software key in the data folder, for evaluation: whoever copies the data folder and the database ' +
  'together has every key (with a passphrase: once it is guessed). Use an HSM as the root of trust in production.';

export interface SoftwareRootOptions {
  /** Name of the file; default: root.key. */
  readonly file?: string;
  /** The folder with root.key; it exists. */
  readonly dataDir: string;
  /** Seals or opens the file; at least one byte. It stays the caller's. */
  readonly passphrase?: SecretBytes | undefined;
}

const WRAP_FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;
const MAX_KEY_BYTES = 65_536;
const CHECK_VALUE_LABEL = 'holdfast root key check value 1';
const CHECK_VALUE_BYTES = 16;

/** A root key in memory. wrap: format (1) ‖ nonce ‖ ciphertext ‖ tag by AES-256-GCM under the root key; the AAD is format ‖ the caller's. */
class RootInMemory implements RootOfTrust {
  readonly kind: RootOfTrust['kind'];
  readonly processIds = [];
  readonly #rootKey: SecretBytes;
  #closed = false;

  constructor({ kind, rootKey }: { readonly kind: RootOfTrust['kind']; readonly rootKey: SecretBytes }) {
    this.kind = kind;
    this.#rootKey = rootKey;
  }

  #key(): Buffer {
    if (this.#closed) throw new HoldfastError('RootOfTrustUnavailable', 'the root of trust is closed');
    return this.#rootKey.reveal();
  }

  keyCheckValue(): Promise<string> {
    return attempt(() => {
      const value = hkdfSync('sha256', this.#key(), '', CHECK_VALUE_LABEL, CHECK_VALUE_BYTES);
      return Buffer.from(value).toString('hex');
    });
  }

  wrap(key: SecretBytes, aad: Buffer): Promise<Buffer> {
    return attempt(() => {
      const rootKey = this.#key();
      if (key.length === 0 || key.length > MAX_KEY_BYTES) {
        throw new HoldfastError('InvalidField', `a key to wrap has 1 to ${MAX_KEY_BYTES} bytes`);
      }
      const header = Buffer.concat([Buffer.of(WRAP_FORMAT), randomBytes(NONCE_BYTES)]);
      const cipher = createCipheriv('aes-256-gcm', rootKey, header.subarray(1)).setAAD(bindFormat(aad));
      return Buffer.concat([header, cipher.update(key.reveal()), cipher.final(), cipher.getAuthTag()]);
    });
  }

  unwrap(wrapped: Buffer, aad: Buffer): Promise<SecretBytes> {
    return attempt(() => {
      const rootKey = this.#key();
      const length = wrapped.length - HEADER_BYTES - TAG_BYTES;
      if (wrapped[0] !== WRAP_FORMAT || length < 1 || length > MAX_KEY_BYTES) throw notOpened();
      const nonce = wrapped.subarray(1, HEADER_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', rootKey, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(bindFormat(aad)).setAuthTag(wrapped.subarray(-TAG_BYTES));
      const key = decipher.update(wrapped.subarray(HEADER_BYTES, HEADER_BYTES + length));
      try {
        decipher.final();
      } catch (cause) {
        key.fill(0);
        throw notOpened(cause);
      }
      return new SecretBytes(key);
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#rootKey.destroy();
    return Promise.resolve();
  }
}

/** Runs work that does not wait, so that its error becomes a rejection. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

function bindFormat(aad: Buffer): Buffer {
  return Buffer.concat([Buffer.of(WRAP_FORMAT), aad]);
}

function notOpened(cause?: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'a wrapped key does not open under the root of trust', {
    cause,
  });
}

function checkPassphrase(passphrase: SecretBytes | undefined): void {
  if (passphrase?.length === 0) {
    throw new HoldfastError('Configuration', 'the passphrase is empty: set or unset HOLDFAST_PASSPHRASE');
  }
}

/**
 * A root of trust around a root key that came from elsewhere; takes the key over and zeroes it on `close`.
 * @param rootKey 32 bytes
 */
export function openSharedRootKey(rootKey: SecretBytes): RootOfTrust {
  return new RootInMemory({ kind: 'shares', rootKey });
}

/**
 * Opens the software root of a data folder.
 * @throws HoldfastError RootOfTrustUnavailable where there is no root.key; RootOfTrustMismatch for a wrong passphrase;
 * Configuration for a file that is damaged, foreign or open to others, and for a passphrase that is missing or too much
 */
export async function openSoftwareRoot({
  dataDir,
  passphrase,
  file: name = SOFTWARE_ROOT_FILE,
}: SoftwareRootOptions): Promise<RootOfTrust> {
  checkPassphrase(passphrase);
  const file = await readRootKeyFile(dataDir, name);
  try {
    return new RootInMemory(await decodeRootKey(file, passphrase, name));
  } finally {
    file.fill(0);
  }
}

/**
 * Makes a random root key, stores it in the data folder, sealed where there is a passphrase, and opens it.
 * @throws HoldfastError Configuration where root.key exists already (it is never overwritten) or cannot be written
 */
export async function createSoftwareRoot({
  dataDir,
  passphrase,
  file: name,
}: SoftwareRootOptions): Promise<RootOfTrust> {
  checkPassphrase(passphrase);
  const rootKey = new SecretBytes(randomBytes(ROOT_KEY_BYTES));
  try {
    const file = await encodeRootKey(rootKey, passphrase);
    await createRootKeyFile(dataDir, file, name).finally(() => file.fill(0));
  } catch (error) {
    rootKey.destroy();
    throw error;
  }
  return new RootInMemory({
    kind: passphrase === undefined ? 'software-file' : 'software-passphrase',
    rootKey,
  });
}
