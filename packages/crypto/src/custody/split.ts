import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { SplitKeyMethod } from '@holdfast/kmip';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { keySha256 } from '../envelope/recipients';
import { joinFewShares, splitSecret } from '../sharing/split';
import {
  custodianOf,
  MAX_SHARES,
  requireCustodianName,
  shareName,
  splitFactsOf,
  type SealedShare,
  type SplitFacts,
} from './format';
import { sealShare, type Custodian, type OpenedShare } from './sealing';

/**
 * Custody of a key by several: Shamir's secret sharing in GF(2^8), each share sealed to one custodian. Only keys of 32
 * bytes are split; what is longer is sealed under such a key.
 */
const KEY_BYTES = 32;
const ID_BYTES = 16;
const KEY_ID_LABEL = 'holdfast shared key identifier 1';
const MAC_KEY_LABEL = 'holdfast split 1';
const COMMITMENT_LABEL = 'holdfast share commitment 1';

const schemeOf = (threshold: number, parts: number) => ({
  method: SplitKeyMethod.PolynomialSharingGF2_8,
  threshold,
  parts,
  primeFieldSize: undefined,
  polynomial: 283 as const,
});

/**
 * Splits a key among custodians, any `threshold` of whom hold it together, while fewer hold nothing.
 * @param content what the key is, in lower case, e.g. "root-key"
 * @param key 32 bytes; stays the caller's
 * @param keeper gets the key at once: as many of the shares as are needed
 * @throws HoldfastError InvalidField where threshold and custodians do not fit, or one of them cannot keep a share
 */
export async function splitKey(
  content: string,
  key: SecretBytes,
  threshold: number,
  custodians: readonly Custodian[],
  keeper?: Custodian,
): Promise<{
  readonly split: SplitFacts;
  readonly shares: readonly SealedShare[];
  readonly ofKeeper: readonly SealedShare[];
}> {
  requireScheme(threshold, custodians.length);
  requireDistinct(custodians);
  if (key.length !== KEY_BYTES) throw new HoldfastError('InvalidField', 'a key to split has 32 bytes');
  const { shares } = await splitSecret(key, schemeOf(threshold, custodians.length));
  try {
    const id = randomBytes(ID_BYTES).toString('hex');
    const facts: Omit<SplitFacts, 'mac'> = {
      content,
      id,
      keyId: derived(key, KEY_ID_LABEL, ID_BYTES).toString('hex'),
      createdAt: new Date().toISOString(),
      threshold,
      custodians: custodians.map(({ name }, place) => ({
        name,
        shareSha256: commitment(id, place + 1, shares[place] as SecretBytes),
      })),
    };
    const split = { ...facts, mac: macOf(facts, key) };
    const sealed: SealedShare[] = [];
    const ofKeeper: SealedShare[] = [];
    for (const [place, custodian] of custodians.entries()) {
      const opened = { split, index: place + 1, share: shares[place] as SecretBytes };
      sealed.push(await sealShare(opened, custodian));
      if (keeper !== undefined && place < threshold) ofKeeper.push(await sealShare(opened, keeper));
    }
    return { split, shares: sealed, ofKeeper };
  } finally {
    for (const share of shares) share.destroy();
  }
}

/** @throws HoldfastError InvalidField */
export function requireScheme(threshold: number, shares: number): void {
  if (!Number.isInteger(threshold) || threshold < 2) {
    throw new HoldfastError(
      'InvalidField',
      'the threshold is a whole number from 2: one alone is no custody by several',
    );
  }
  if (shares > MAX_SHARES) throw new HoldfastError('InvalidField', `there are at most ${MAX_SHARES} shares`);
  if (threshold > shares) {
    throw new HoldfastError(
      'InvalidField',
      `of ${shares} shares a threshold of ${threshold} can never be reached`,
    );
  }
}

/** Nobody may have two shares by oversight: fewer than the threshold would then be enough. */
function requireDistinct(custodians: readonly Custodian[]): void {
  const names = new Set<string>();
  const keys = new Set<string>();
  for (const custodian of custodians) {
    const { name } = custodian;
    requireCustodianName(name);
    if (names.has(name))
      throw new HoldfastError('InvalidField', `${name} is named twice among the custodians`);
    names.add(name);
    if (!('publicKey' in custodian)) continue;
    const sha256 = keySha256(custodian.publicKey);
    if (keys.has(sha256)) throw new HoldfastError('InvalidField', `${name} has the key of another custodian`);
    keys.add(sha256);
  }
}

function derived(key: SecretBytes, label: string, lengthBytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key.reveal(), '', label, lengthBytes));
}

function macOf(
  { content, id, keyId, createdAt, threshold, custodians }: Omit<SplitFacts, 'mac'>,
  key: SecretBytes,
): string {
  const macKey = derived(key, MAC_KEY_LABEL, KEY_BYTES);
  const facts = [
    content,
    id,
    keyId,
    createdAt,
    threshold,
    custodians.map((each) => [each.name, each.shareSha256]),
  ];
  const mac = createHmac('sha256', macKey).update(JSON.stringify(facts)).digest('hex');
  macKey.fill(0);
  return mac;
}

function commitment(id: string, index: number, share: SecretBytes): string {
  return createHash('sha256')
    .update(`${COMMITMENT_LABEL}|${id}|${index}|`)
    .update(share.reveal())
    .digest('hex');
}

/** Whether a key is the one that a splitting says it split, and its facts are those that were written then. */
export function isSplitOf(split: SplitFacts, key: SecretBytes): boolean {
  return timingSafeEqual(Buffer.from(macOf(split, key), 'hex'), Buffer.from(split.mac, 'hex'));
}

/** The shares of one splitting that custodians gave so far, in memory alone. */
export class ShareCollection {
  readonly #given = new Map<number, SecretBytes>();

  /** @param split facts that shares are held against */
  constructor(readonly split: SplitFacts) {}

  /** How many different shares were given. */
  get given(): number {
    return this.#given.size;
  }

  /** Whose they are. */
  get custodians(): readonly string[] {
    return [...this.#given.keys()].map((index) => custodianOf({ split: this.split, index }));
  }

  get isComplete(): boolean {
    return this.given >= this.split.threshold;
  }

  /**
   * Takes a share over; one that is no good is destroyed and changes nothing for the others.
   * @returns false for a share that was given before
   * @throws HoldfastError InvalidField for a share of another splitting; IntegrityViolation for one that is not what was
   * made for its custodian
   */
  add(opened: OpenedShare): boolean {
    const { index, share } = opened;
    try {
      this.#requireOurs(opened);
    } catch (error) {
      share.destroy();
      throw error;
    }
    if (this.#given.has(index)) {
      share.destroy();
      return false;
    }
    this.#given.set(index, share);
    return true;
  }

  /**
   * The key, once there are enough shares. It is the caller's; the shares are forgotten.
   * @throws HoldfastError PermissionDenied before; IntegrityViolation where the facts of the splitting were altered
   */
  join(): SecretBytes {
    const { threshold, custodians } = this.split;
    if (!this.isComplete) {
      throw new HoldfastError('PermissionDenied', `${this.given} of ${threshold} shares were given`);
    }
    const shares = [...this.#given].map(([keyPartIdentifier, share]) => ({ keyPartIdentifier, share }));
    // Through all of them: more than are needed make the same key.
    const key = joinFewShares(shares, schemeOf(shares.length, custodians.length), KEY_BYTES);
    this.destroy();
    if (isSplitOf(this.split, key)) return key;
    key.destroy();
    throw new HoldfastError('IntegrityViolation', 'the shares do not make the key that they were made of');
  }

  /** Forgets all shares. */
  destroy(): void {
    for (const share of this.#given.values()) share.destroy();
    this.#given.clear();
  }

  #requireOurs(opened: OpenedShare): void {
    const { split, index, share } = opened;
    requireSameSplit(this.split, split);
    if (commitment(split.id, index, share) === this.split.custodians[index - 1]?.shareSha256) return;
    throw new HoldfastError(
      'IntegrityViolation',
      `${shareName(opened)} is wrong: it is not the one that was made for this custodian`,
    );
  }
}

/** Says how a share does not belong, for whoever has more than one in a drawer. */
function requireSameSplit(ours: SplitFacts, theirs: SplitFacts): void {
  const refuse = (what: string) => new HoldfastError('InvalidField', `the share ${what}`);
  if (theirs.content !== ours.content)
    throw refuse(`is one of a ${theirs.content}, not of this ${ours.content}`);
  if (theirs.keyId !== ours.keyId) throw refuse(`of ${theirs.createdAt} is one of another ${theirs.content}`);
  if (theirs.id !== ours.id)
    throw refuse(`of ${theirs.createdAt} is one of another splitting of the same key`);
  if (JSON.stringify(splitFactsOf(theirs)) === JSON.stringify(splitFactsOf(ours))) return;
  throw new HoldfastError(
    'IntegrityViolation',
    'the share was altered: its facts are not those of the splitting',
  );
}
