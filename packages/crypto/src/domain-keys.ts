import type { MacPurpose } from '@holdfast/core';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { HmacKey } from './hmac-key';

/** One version of a domain key, as the root of trust unwrapped it: 32 uniformly random bytes. */
export interface DomainKeyVersion {
  readonly version: number;
  readonly key: SecretBytes;
  /** Exactly one version of a domain is current: new values are sealed under it. */
  readonly current: boolean;
}

export const DOMAIN_KEY_LENGTH_BYTES = 32;

const MAC_PURPOSES: Readonly<Record<MacPurpose, true>> = {
  'object-row': true,
  'change-record': true,
  'audit-record': true,
  'audit-batch': true,
  'directory-row': true,
};

const SUBKEY_LABEL = 'holdfast domain subkey 1';

/** What is derived from one domain key version: a key for sealing and one for each purpose of a MAC, 32 bytes each. */
export interface Subkeys {
  readonly seal: HmacKey;
  readonly mac: Readonly<Record<MacPurpose, HmacKey>>;
}

/** The subkeys of all versions of one domain. */
export class DomainKeys {
  readonly #byVersion = new Map<number, Subkeys>();
  readonly #missing: Set<number>;
  readonly currentVersion: number;
  /** Whether a version was asked for that may have been made since these were loaded. */
  isStale = false;

  /**
   * Derives the subkeys; the domain keys themselves are destroyed, whatever comes out.
   * @throws HoldfastError IntegrityViolation unless the versions are distinct positive integers with keys of 32 bytes,
   * one of them current
   * @param before what these take the place of
   */
  constructor(versions: readonly DomainKeyVersion[], before?: DomainKeys) {
    this.#missing = before?.isStale === true ? before.#missing : new Set();
    try {
      const current = versions.filter((each) => each.current);
      const [only] = current;
      if (only === undefined || current.length > 1) throw damaged('not exactly one key version is current');
      this.currentVersion = only.version;
      for (const each of versions) this.#add(each);
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      for (const each of versions) each.key.destroy();
    }
  }

  #add({ version, key }: DomainKeyVersion): void {
    if (!Number.isInteger(version) || version < 1 || version > 0xffffffff)
      throw damaged('a key version is no number');
    if (this.#byVersion.has(version)) throw damaged('a key version occurs twice');
    if (key.length !== DOMAIN_KEY_LENGTH_BYTES) throw damaged('a domain key has the wrong length');
    this.#byVersion.set(version, deriveSubkeys(key.reveal()));
  }

  /** @throws HoldfastError IntegrityViolation; a retryable one where the version may be newer than these keys */
  version(version: number): Subkeys {
    const subkeys = this.#byVersion.get(version);
    if (subkeys !== undefined) return subkeys;
    if (version < this.currentVersion || this.#missing.has(version)) {
      throw new HoldfastError('IntegrityViolation', 'the domain has no key of the version that is asked for');
    }
    this.#missing.add(version);
    this.isStale = true;
    throw new HoldfastError('IntegrityViolation', 'the domain has no key of the version that is asked for', {
      retryable: true,
    });
  }

  /** Zeroes all subkeys. */
  destroy(): void {
    for (const { seal, mac } of this.#byVersion.values()) {
      seal.destroy();
      for (const key of Object.values(mac)) key.destroy();
    }
    this.#byVersion.clear();
  }
}

function deriveSubkeys(domainKey: Buffer): Subkeys {
  const parent = new HmacKey(domainKey);
  const derive = (purpose: string): HmacKey => {
    const key = expandOneBlock(parent, Buffer.from(`${SUBKEY_LABEL}\0${purpose}`));
    const subkey = new HmacKey(key);
    key.fill(0);
    return subkey;
  };
  const mac = Object.fromEntries(
    Object.keys(MAC_PURPOSES).map((purpose) => [purpose, derive(`mac ${purpose}`)]),
  ) as Record<MacPurpose, HmacKey>;
  const seal = derive('seal');
  parent.destroy();
  return { seal, mac };
}

const FIRST_BLOCK = Buffer.from([1]);

/**
 * HKDF-Expand with SHA-256 for an output of 32 bytes, which is its first block (RFC 5869 section 2.3). The extract step
 * is left out as section 3.3 allows: the input is a uniformly random key. (hkdfSync costs three times as much.)
 */
export function expandOneBlock(key: HmacKey, info: Buffer): Buffer {
  return key.digest(info, FIRST_BLOCK);
}

function damaged(what: string): HoldfastError {
  return new HoldfastError('IntegrityViolation', `the keys of the domain cannot be used: ${what}`);
}
