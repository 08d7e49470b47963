import type { SecretBytes } from '../secret';
import type { HsmKeys } from './hsm-keys';

/** Where the root key lives; `status` shows it. */
export type RootOfTrustKind = 'software-file' | 'software-passphrase' | 'shares' | 'pkcs11';

/**
 * The port to the root of trust: it holds the root key (AES-256) and wraps the domain keys under it. The root key itself
 * never crosses this port, so it may be a non-extractable key in an HSM (wrap is then AES-GCM by C_Encrypt) as well as a
 * key that the software root unsealed. Calls are made at start and when keys are rotated, not per request.
 *
 * Every call rejects with HoldfastError `RootOfTrustUnavailable` after `close`, and while the device behind it does not
 * answer (then retryable).
 */
export interface RootOfTrust {
  readonly kind: RootOfTrustKind;

  /**
   * Identifies the root key without revealing it: lower-case hex of 16 bytes that a one-way function of the root key
   * gives over a fixed label, the same after each reopening. The database stores it; a mismatch stops the start.
   */
  keyCheckValue(): Promise<string>;

  /**
   * Wraps a key with authenticated encryption (AES-256-GCM or its equal) under the root key.
   * @param key the key to wrap, 1 to 65,536 bytes; stays the caller's
   * @param aad binds the result to its context: unwrap asks for the same bytes
   * @returns the wrapped key, beginning with a format number; two wraps of the same key differ
   * @throws HoldfastError InvalidField for a key of another length
   */
  wrap(key: SecretBytes, aad: Buffer): Promise<Buffer>;

  /**
   * Undoes `wrap`. The result is the caller's, who destroys it.
   * @throws HoldfastError IntegrityViolation where the bytes, the aad or the root key are not those of the wrap. (An HSM
   * may report a forged tag like a fault of its own: its adapter tells the two apart before it answers.)
   */
  unwrap(wrapped: Buffer, aad: Buffer): Promise<SecretBytes>;

  /** Processes that hold the device's library and are ready; empty where none is, or where the root needs none. */
  readonly processIds: readonly number[];

  /** How many requests of each kind the device was sent since it was opened; undefined where there is none. */
  readonly requestCounts?: Readonly<Record<string, number>> | undefined;

  /** What an operator has to mend at the device, though it may be in use; undefined where there is nothing. */
  readonly warning?: string | undefined;

  /** Keys of objects inside the device; there where the root is one. */
  readonly hsmKeys?: HsmKeys | undefined;

  /**
   * Another root key that lies beside this one, by its check value; undefined where there is none. It is closed by itself.
   * There where several root keys can be in one place.
   */
  beside?(checkValue: string): Promise<RootOfTrust | undefined>;

  /** Forgets the root key, or ends the session with the device. May be called more than once. */
  close(): Promise<void>;
}
