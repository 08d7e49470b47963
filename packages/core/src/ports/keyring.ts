import type { SecretBytes } from '@holdfast/ttlv';

/** What a sealed value is bound to: opening it under any other binding fails. */
export interface SealBinding {
  readonly domainId: string;
  /** The object's internal UUID (or the row's, for sealed values that are no objects). */
  readonly internalId: string;
  readonly generation: number;
  readonly keyVersion: number;
}

export interface SealedValue {
  /** 32 random bytes from which, with the domain key, the sealing key is derived. */
  readonly salt: Buffer;
  /** nonce ‖ ciphertext ‖ tag */
  readonly sealed: Buffer;
}

/**
 * The unwrapped domain keys of this process and what is done with them. All calls but `ensure` are synchronous: they
 * stand on the path of every request.
 */
export interface Keyring {
  /** Loads a domain's keys if they, or a version that was asked for in vain, are not loaded. @throws HoldfastError RootOfTrustUnavailable, IntegrityViolation */
  ensure(domainId: string): Promise<void>;
  /**
   * Loads a domain's keys anew, where they were loaded; until that is done the keys so far serve.
   * @throws HoldfastError RootOfTrustUnavailable, IntegrityViolation: the keys so far go on serving
   */
  refresh(domainId: string): Promise<void>;
  /** The version under which new values are sealed and rows are MACed. @throws HoldfastError RootOfTrustUnavailable */
  currentVersion(domainId: string): number;
  /** AES-256-GCM under KDF(domain key version, salt, binding); the AAD repeats the binding. */
  seal(binding: SealBinding, plaintext: SecretBytes): SealedValue;
  /** @throws HoldfastError IntegrityViolation where the value, its salt or its binding is not what was sealed */
  open(binding: SealBinding, value: SealedValue): SecretBytes;
  /** HMAC-SHA-256 (32 bytes) under a key derived from the domain key version for the named purpose. */
  mac(domainId: string, keyVersion: number, purpose: MacPurpose, content: Buffer): Buffer;
  /** Compares in constant time. */
  verifyMac(domainId: string, keyVersion: number, purpose: MacPurpose, content: Buffer, mac: Buffer): boolean;
}

export type MacPurpose =
  | 'object-row'
  | 'change-record'
  | 'audit-record'
  | 'audit-batch'
  | 'directory-row'
  | 'domain-key'
  | 'escrowed-object';
