import type { MacPurpose } from '@holdfast/core';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { HmacKey } from './hmac-key';

/** One version of a domain key, as the root of trust unwrapped it. */
export interface DomainKeyVersion {
  readonly version: number;
  /** 32 uniformly random bytes; of a retired version what `recordKeysOf` left of them. */
  readonly key: SecretBytes;
  /** Exactly one version of a domain is current: new values are sealed under it. */
  readonly current: boolean;
  readonly retired?: boolean;
}

export const DOMAIN_KEY_LENGTH_BYTES = 32;
const SUBKEY_LENGTH_BYTES = 32;

/**
 * What of a domain key outlives its retirement: records of the past are not written anew, everything else is. Further
 * purposes go to the end.
 */
const MAC_PURPOSES: Readonly<Record<MacPurpose, 'kept' | 'destroyed'>> = {
  'object-row': 'destroyed',
  'change-record': 'kept',
  'audit-record': 'kept',
  'audit-batch': 'kept',
  'directory-row': 'destroyed',
  'domain-key': 'kept',
  'escrowed-object': 'kept',
};
const ALL_PURPOSES = Object.keys(MAC_PURPOSES) as readonly MacPurpose[];
/** Record keys of format 1: format number (1 byte) ‖ the subkeys of these purposes, in this order. */
const KEPT_PURPOSES = ALL_PURPOSES.filter((purpose) => MAC_PURPOSES[purpose] === 'kept');
const RECORD_KEYS_FORMAT = 1;

const SUBKEY_LABEL = 'holdfast domain subkey 1';

/** What is derived from one domain key version: a key for sealing and one for each purpose of a MAC, 32 bytes each. */
export interface Subkeys {
  /** Undefined where the version is retired, as are those MACs that are not kept. */
  readonly seal: HmacKey | undefined;
  readonly mac: Readonly<Partial<Record<MacPurpose, HmacKey>>>;
}

/** What a retired version is left with: it verifies records, and opens and seals nothing. The result is the caller's. */
export function recordKeysOf(domainKey: SecretBytes): SecretBytes {
  const parent = new HmacKey(domainKey.reveal());
  const kept = KEPT_PURPOSES.map((purpose) => deriveSubkey(parent, `mac ${purpose}`));
  parent.destroy();
  const keys = new SecretBytes(Buffer.concat([Buffer.of(RECORD_KEYS_FORMAT), ...kept]));
  for (const key of kept) key.fill(0);
  return keys;
}

/** The MAC by which a domain key, retired or not, vouches for what is written beside it. */
export function domainKeyMac(
  { key, retired }: Pick<DomainKeyVersion, 'key' | 'retired'>,
  content: Buffer,
): Buffer {
  const subkeys = subkeysOf(key, retired === true);
  const mac = subkeys.mac['domain-key']?.digest(content) ?? Buffer.alloc(0);
  destroySubkeys(subkeys);
  return mac;
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

  #add({ version, key, retired = false }: DomainKeyVersion): void {
    if (!Number.isInteger(version) || version < 1 || version > 0xffffffff)
      throw damaged('a key version is no number');
    if (this.#byVersion.has(version)) throw damaged('a key version occurs twice');
    this.#byVersion.set(version, subkeysOf(key, retired));
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
    for (const subkeys of this.#byVersion.values()) destroySubkeys(subkeys);
    this.#byVersion.clear();
  }
}

function subkeysOf(key: SecretBytes, retired: boolean): Subkeys {
  const bytes = key.reveal();
  return retired ? keptSubkeys(bytes) : deriveSubkeys(bytes);
}

function destroySubkeys({ seal, mac }: Subkeys): void {
  seal?.destroy();
  for (const key of Object.values(mac)) key.destroy();
}

function deriveSubkeys(domainKey: Buffer): Subkeys {
  if (domainKey.length !== DOMAIN_KEY_LENGTH_BYTES) throw damaged('a domain key has the wrong length');
  const parent = new HmacKey(domainKey);
  const derive = (purpose: string): HmacKey => {
    const key = deriveSubkey(parent, purpose);
    const subkey = new HmacKey(key);
    key.fill(0);
    return subkey;
  };
  const mac = Object.fromEntries(ALL_PURPOSES.map((purpose) => [purpose, derive(`mac ${purpose}`)]));
  const seal = derive('seal');
  parent.destroy();
  return { seal, mac };
}

/** Of a version that was retired by an earlier release there are no keys for later purposes, nor records under them. */
function keptSubkeys(recordKeys: Buffer): Subkeys {
  const count = (recordKeys.length - 1) / SUBKEY_LENGTH_BYTES;
  if (recordKeys[0] !== RECORD_KEYS_FORMAT || !Number.isInteger(count) || count > KEPT_PURPOSES.length) {
    throw damaged('the record keys of a retired version have another form');
  }
  const mac = Object.fromEntries(
    KEPT_PURPOSES.slice(0, count).map((purpose, index) => {
      const start = 1 + index * SUBKEY_LENGTH_BYTES;
      return [purpose, new HmacKey(recordKeys.subarray(start, start + SUBKEY_LENGTH_BYTES))];
    }),
  );
  return { seal: undefined, mac };
}

function deriveSubkey(parent: HmacKey, purpose: string): Buffer {
  return expandOneBlock(parent, Buffer.from(`${SUBKEY_LABEL}\0${purpose}`));
}

const FIRST_BLOCK = Buffer.from([1]);

/**
 * HKDF-Expand with SHA-256 for an output of 32 bytes, which is its first block (RFC 5869 section 2.3). The extract step
 * is left out as section 3.3 allows: the input is a uniformly random key. (hkdfSync costs three times as much.)
 */
export function expandOneBlock(key: HmacKey, info: Buffer): Buffer {
  return key.derive(info, FIRST_BLOCK);
}

function damaged(what: string): HoldfastError {
  return new HoldfastError('IntegrityViolation', `the keys of the domain cannot be used: ${what}`);
}
