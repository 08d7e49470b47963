import { createPublicKey, type KeyObject } from 'node:crypto';
import { HoldfastError, type SecretBytes } from '@holdfast/ttlv';
import { custodianOf, readShare, type SealedShare } from '../custody/format';
import { openShare, sealShare } from '../custody/sealing';
import { ShareCollection, splitKey } from '../custody/split';
import {
  keySha256,
  unwrapContentKey,
  wrapContentKey,
  type Recipient,
  type WrappedContentKey,
} from './recipients';

/** Who can open an envelope: each of them alone, or, with a threshold, so many of them together. */
export interface EnvelopeHolders {
  readonly recipients: readonly Recipient[];
  readonly threshold?: number | undefined;
}

/** What opens an envelope; all of it stays the caller's. */
export interface EnvelopeOpener {
  readonly privateKeys: readonly KeyObject[];
  /** Shares that custodians took out of the envelope and sealed to one of the keys: see `passShareOn`. */
  readonly shares?: readonly SealedShare[] | undefined;
}

/** The content key as it stands in an envelope's header: wrapped for each recipient, or split among custodians. */
export interface HeldContentKey {
  readonly recipients: readonly WrappedContentKey[];
  readonly shares?: readonly SealedShare[];
}

/**
 * @param kind what is inside, e.g. "backup"
 * @throws HoldfastError InvalidField without recipients, or where threshold and recipients do not fit
 */
export async function holdContentKey(
  kind: string,
  { recipients, threshold }: EnvelopeHolders,
  key: SecretBytes,
): Promise<HeldContentKey> {
  if (threshold !== undefined) {
    return { recipients: [], shares: (await splitKey(kind, key, threshold, recipients)).shares };
  }
  if (recipients.length === 0) throw new HoldfastError('InvalidField', 'an envelope needs a recipient');
  return { recipients: recipients.map((recipient) => wrapContentKey(recipient, key)) };
}

/**
 * The content key of an envelope.
 * @throws HoldfastError PermissionDenied where no key is a recipient's, a key is none of the custodians', or fewer shares
 * than the threshold are there; IntegrityViolation where what was wrapped was altered; InvalidField for a foreign share
 */
export async function contentKeyOf(
  { recipients, shares }: HeldContentKey,
  opener: EnvelopeOpener,
): Promise<SecretBytes> {
  if (shares === undefined) {
    const known = new Set(recipients.map((each) => each.keySha256));
    const own = opener.privateKeys.find((key) => known.has(sha256Of(key))) ?? opener.privateKeys[0];
    if (own === undefined) throw new HoldfastError('InvalidField', "give a recipient's private key");
    return unwrapContentKey(recipients, own);
  }
  const held = sharesOf({ shares });
  const [first] = held;
  if (first === undefined)
    throw new HoldfastError('IntegrityViolation', 'the file is damaged: it has no shares');
  const collection = new ShareCollection(first.split);
  try {
    for (const { share, privateKey } of assigned([...held, ...(opener.shares ?? [])], opener.privateKeys)) {
      collection.add(await openShare(share, { privateKey }));
    }
    return collection.join();
  } finally {
    collection.destroy();
  }
}

/**
 * Whose keys and shares these are, with which an envelope is opened.
 * @returns names of recipients, or of custodians, as they stand in its header
 * @throws HoldfastError PermissionDenied where a key is nobody's; as sharesOf
 */
export function openedBy(
  { recipients, shares }: HeldContentKey,
  { privateKeys, shares: handedOn = [] }: EnvelopeOpener,
): readonly string[] {
  if (shares === undefined) {
    const own = new Set(privateKeys.map(sha256Of));
    return recipients.filter(({ keySha256: sha256 }) => own.has(sha256)).map(({ name }) => name);
  }
  const given = assigned([...sharesOf({ shares }), ...handedOn], privateKeys);
  return [...new Set(given.map(({ share }) => custodianOf(share)))];
}

/** The shares in a header, as far as form goes. @throws HoldfastError IntegrityViolation, InvalidField where there are none */
export function sharesOf({ shares }: Pick<HeldContentKey, 'shares'>): readonly SealedShare[] {
  if (!Array.isArray(shares)) {
    throw new HoldfastError(
      'InvalidField',
      'each recipient can open the file alone: there are no shares in it',
    );
  }
  return shares.map((share: unknown) => readShare(share as Parameters<typeof readShare>[0]));
}

/** Which of the shares each private key opens. */
function assigned(
  shares: readonly SealedShare[],
  privateKeys: readonly KeyObject[],
): readonly { readonly share: SealedShare; readonly privateKey: KeyObject }[] {
  return privateKeys.flatMap((privateKey) => {
    const sha256 = sha256Of(privateKey);
    const own = shares.filter(({ sealing }) => sealing.scheme !== 'scrypt' && sealing.keySha256 === sha256);
    if (own.length > 0) return own.map((share) => ({ share, privateKey }));
    const names = [...new Set(shares.map(custodianOf))].join(', ');
    throw new HoldfastError('PermissionDenied', `this key is none of the custodians' (${names})`);
  });
}

function sha256Of(privateKey: KeyObject): string {
  return keySha256(createPublicKey(privateKey));
}

/**
 * A custodian's share, sealed to somebody else: to the key of the machine on which shares are put together, say, so that no
 * custodian's own key has to go there.
 * @throws HoldfastError PermissionDenied where the key is no custodian's; IntegrityViolation; InvalidField without shares
 */
export async function passShareOn(
  held: Pick<HeldContentKey, 'shares'>,
  privateKey: KeyObject,
  to: Recipient,
): Promise<SealedShare> {
  const [own] = assigned(sharesOf(held), [privateKey]);
  if (own === undefined) throw new HoldfastError('PermissionDenied', 'this key opens no share');
  const opened = await openShare(own.share, { privateKey });
  try {
    return await sealShare(opened, to);
  } finally {
    opened.share.destroy();
  }
}
