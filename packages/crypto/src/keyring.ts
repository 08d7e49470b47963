import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';
import type { Keyring, MacPurpose, SealBinding, SealedValue } from '@holdfast/core';
import { HoldfastError, SecretBytes, utf8Length, writeUtf8 } from '@holdfast/ttlv';
import { cipherKey } from './cipher-key';
import { DomainKeys, expandOneBlock, type DomainKeyVersion, type Subkeys } from './domain-keys';
import type { HmacKey } from './hmac-key';
import { RandomPool } from './random-pool';

export { domainKeyMac, recordKeysOf, type DomainKeyVersion } from './domain-keys';

export interface KeyringSource {
  /**
   * All versions of a domain's key, unwrapped. The keyring takes the keys over and destroys them.
   * @throws HoldfastError RootOfTrustUnavailable, IntegrityViolation
   */
  load(domainId: string): Promise<readonly DomainKeyVersion[]>;
}

/** The keyring of a process, with what its owner may do besides. */
export interface ManagedKeyring extends Keyring {
  /**
   * As Keyring; without a domain for all domains.
   * @throws HoldfastError as Keyring
   */
  refresh(domainId?: string): Promise<void>;
  /** Forgets a domain's keys, or those of all domains; the next `ensure` loads them again. */
  forget(domainId?: string): void;
  /** Forgets all keys, for good. */
  close(): void;
}

/**
 * Sealed values of format 1: format number (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag (16), by AES-256-GCM (NIST SP
 * 800-38D). The key is HKDF-Expand(sealing subkey of the domain key version, context); the AAD is the context as well:
 * format ‖ salt ‖ domain ‖ internal id ‖ generation ‖ key version.
 */
const FORMAT = 1;
const SALT_LENGTH_BYTES = 32;
const NONCE_LENGTH_BYTES = 12;
const TAG_LENGTH_BYTES = 16;
const HEADER_LENGTH_BYTES = 1 + NONCE_LENGTH_BYTES;
const MAX_ID_LENGTH_BYTES = 255;
const CIPHER = 'aes-256-gcm';
const CIPHER_OPTIONS = { authTagLength: TAG_LENGTH_BYTES } as const;

/** A keyring that loads each domain's keys once. */
export function createKeyring(source: KeyringSource): ManagedKeyring {
  return new DomainKeyring(source);
}

class DomainKeyring implements ManagedKeyring {
  readonly #source: KeyringSource;
  readonly #domains = new Map<string, DomainKeys>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #random = new RandomPool();
  #closed = false;

  constructor(source: KeyringSource) {
    this.#source = source;
  }

  async ensure(domainId: string): Promise<void> {
    if (this.#closed) throw unavailable();
    const keys = this.#domains.get(domainId);
    if (keys !== undefined) return keys.isStale ? this.refresh(domainId) : undefined;
    let loading = this.#loading.get(domainId);
    if (loading === undefined) {
      loading = this.#load(domainId);
      this.#loading.set(domainId, loading);
    }
    await loading;
    // Somebody may have called `forget` meanwhile: what was being loaded is stale, and was dropped.
    if (!this.#domains.has(domainId)) await this.ensure(domainId);
  }

  async refresh(domainId?: string): Promise<void> {
    if (domainId === undefined) {
      await Promise.all([...this.#domains.keys()].map((each) => this.refresh(each)));
      return;
    }
    // What is being loaded now may have been read before the change: it is waited for, and read again.
    await this.#loading.get(domainId)?.catch(() => undefined);
    if (this.#closed || !this.#domains.has(domainId)) return;
    const loading = this.#load(domainId);
    this.#loading.set(domainId, loading);
    await loading;
  }

  async #load(domainId: string): Promise<void> {
    // The caller registers this load before anything below runs.
    await Promise.resolve();
    const mine = this.#loading.get(domainId);
    try {
      const versions = await this.#source.load(domainId);
      const before = this.#domains.get(domainId);
      const keys = new DomainKeys(versions, before);
      if (this.#loading.get(domainId) === mine) {
        this.#domains.set(domainId, keys);
        before?.destroy();
      } else keys.destroy();
    } finally {
      if (this.#loading.get(domainId) === mine) this.#loading.delete(domainId);
    }
  }

  currentVersion(domainId: string): number {
    return this.#domain(domainId).currentVersion;
  }

  seal(binding: SealBinding, plaintext: SecretBytes): SealedValue {
    const subkeys = this.#subkeys(binding.domainId, binding.keyVersion);
    const salt = this.#random.draw(SALT_LENGTH_BYTES);
    const context = encodeContext(binding, salt);
    if (context === undefined)
      throw new HoldfastError('InternalServerError', 'nothing can be sealed to this binding');
    const content = plaintext.reveal();
    const sealed = Buffer.allocUnsafe(HEADER_LENGTH_BYTES + content.length + TAG_LENGTH_BYTES);
    sealed[0] = FORMAT;
    this.#random.fill(sealed, 1, NONCE_LENGTH_BYTES);
    const key = expandOneBlock(sealing(subkeys), context);
    const cipher = createCipheriv(
      CIPHER,
      cipherKey(key),
      sealed.subarray(1, HEADER_LENGTH_BYTES),
      CIPHER_OPTIONS,
    );
    key.fill(0);
    cipher.setAAD(context);
    cipher.update(content).copy(sealed, HEADER_LENGTH_BYTES);
    cipher.final();
    cipher.getAuthTag().copy(sealed, HEADER_LENGTH_BYTES + content.length);
    return { salt, sealed };
  }

  open(binding: SealBinding, { salt, sealed }: SealedValue): SecretBytes {
    const subkeys = this.#subkeys(binding.domainId, binding.keyVersion);
    if (salt.length !== SALT_LENGTH_BYTES || sealed.length < HEADER_LENGTH_BYTES + TAG_LENGTH_BYTES)
      throw tampered();
    const context = encodeContext(binding, salt);
    if (context === undefined || sealed[0] !== FORMAT) throw tampered();
    const key = expandOneBlock(sealing(subkeys), context);
    const cipher = createDecipheriv(
      CIPHER,
      cipherKey(key),
      sealed.subarray(1, HEADER_LENGTH_BYTES),
      CIPHER_OPTIONS,
    );
    key.fill(0);
    cipher.setAAD(context);
    const tagOffset = sealed.length - TAG_LENGTH_BYTES;
    cipher.setAuthTag(sealed.subarray(tagOffset));
    const plaintext = cipher.update(sealed.subarray(HEADER_LENGTH_BYTES, tagOffset));
    try {
      cipher.final();
    } catch (cause) {
      plaintext.fill(0);
      throw tampered(cause);
    }
    return new SecretBytes(plaintext);
  }

  mac(domainId: string, keyVersion: number, purpose: MacPurpose, content: Buffer): Buffer {
    const key = this.#subkeys(domainId, keyVersion).mac[purpose];
    if (key === undefined) throw retired();
    return key.digest(content);
  }

  verifyMac(
    domainId: string,
    keyVersion: number,
    purpose: MacPurpose,
    content: Buffer,
    mac: Buffer,
  ): boolean {
    const expected = this.mac(domainId, keyVersion, purpose, content);
    return mac.length === expected.length && timingSafeEqual(mac, expected);
  }

  forget(domainId?: string): void {
    for (const each of domainId === undefined ? this.#known() : [domainId]) {
      this.#loading.delete(each);
      this.#domains.get(each)?.destroy();
      this.#domains.delete(each);
    }
  }

  close(): void {
    this.#closed = true;
    this.forget();
    this.#random.destroy();
  }

  #known(): readonly string[] {
    return [...this.#loading.keys(), ...this.#domains.keys()];
  }

  #domain(domainId: string): DomainKeys {
    const keys = this.#domains.get(domainId);
    if (keys === undefined) throw unavailable();
    return keys;
  }

  #subkeys(domainId: string, keyVersion: number): Subkeys {
    return this.#domain(domainId).version(keyVersion);
  }
}

/** Lengths stand before both identifiers, so that no two bindings share an encoding; undefined where one is no binding. */
function encodeContext(binding: SealBinding, salt: Buffer): Buffer | undefined {
  const { domainId, internalId, generation, keyVersion } = binding;
  const domainLength = utf8Length(domainId);
  const internalLength = utf8Length(internalId);
  if (domainLength > MAX_ID_LENGTH_BYTES || internalLength > MAX_ID_LENGTH_BYTES) return undefined;
  if (!Number.isSafeInteger(generation) || generation < 0 || generation > 0xffffffffffff) return undefined;
  const context = Buffer.allocUnsafe(1 + SALT_LENGTH_BYTES + 1 + domainLength + 1 + internalLength + 6 + 4);
  let offset = context.writeUInt8(FORMAT, 0);
  offset += salt.copy(context, offset);
  offset = context.writeUInt8(domainLength, offset);
  offset += writeUtf8(context, domainId, offset);
  offset = context.writeUInt8(internalLength, offset);
  offset += writeUtf8(context, internalId, offset);
  offset = context.writeUIntBE(generation, offset, 6);
  context.writeUInt32BE(keyVersion, offset);
  return context;
}

function sealing({ seal }: Subkeys): HmacKey {
  if (seal === undefined) throw retired();
  return seal;
}

function retired(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the version of the key of the domain is retired');
}

function unavailable(): HoldfastError {
  return new HoldfastError('RootOfTrustUnavailable', 'the keys of the domain are not loaded', {
    retryable: true,
  });
}

function tampered(cause?: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the sealed value is not what was sealed here', { cause });
}
