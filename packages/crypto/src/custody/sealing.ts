import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  scrypt,
  type KeyObject,
  type ScryptOptions,
} from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { keySha256, unwrapContentKey, wrapContentKey, type Recipient } from '../envelope/recipients';
import { inLongJobTurn } from '../long-jobs';
import {
  custodianOf,
  shareName,
  splitFactsOf,
  type PassphraseSealing,
  type SealedShare,
  type ShareSealing,
  type SplitFacts,
} from './format';

/** Who keeps a share: the holder of a private key, or of a passphrase (which stays the caller's). */
export type Custodian = Recipient | { readonly name: string; readonly passphrase: SecretBytes };

/** What opens a share; both stay the caller's. */
export type ShareOpener = { readonly privateKey: KeyObject } | { readonly passphrase: SecretBytes };

/** A share in memory: the caller destroys it. */
export interface OpenedShare {
  readonly split: SplitFacts;
  readonly index: number;
  readonly share: SecretBytes;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const MIN_PASSPHRASE_BYTES = 8;
const SHARE_LABEL = 'holdfast share 1';

/** scrypt (RFC 7914) for new shares: 128 MiB of memory, about half a second. */
const SCRYPT = { cost: 131_072, blockSize: 8, parallelization: 1 } as const;
/** Below this a share would be too weak, above it opening one could cost the machine. */
const COST_RANGE = [16_384, 1_048_576] as const;

/** @throws HoldfastError InvalidField for a passphrase that is too short */
export async function sealShare(
  { split, index, share }: OpenedShare,
  custodian: Custodian,
): Promise<SealedShare> {
  const { key, sealing } = await newSealing(custodian);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.reveal(), nonce).setAAD(
    factsOf({ split, index, sealing }),
  );
  key.destroy();
  const sealed = Buffer.concat([cipher.update(share.reveal()), cipher.final(), cipher.getAuthTag()]);
  return {
    split: splitFactsOf(split),
    index,
    sealing,
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  };
}

/**
 * Opens a share with its custodian's private key or passphrase.
 * @throws HoldfastError PermissionDenied where the key or the passphrase is another's; IntegrityViolation where the share
 * was altered; InvalidField where it wants the other of the two
 */
export async function openShare(share: SealedShare, opener: ShareOpener): Promise<OpenedShare> {
  const key = await keyOf(share, opener);
  const sealed = Buffer.from(share.sealed, 'base64');
  const nonce = Buffer.from(share.nonce, 'base64');
  try {
    if (nonce.length !== NONCE_BYTES || sealed.length !== KEY_BYTES + TAG_BYTES) throw altered(share);
    const decipher = createDecipheriv('aes-256-gcm', key.reveal(), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(factsOf(share)).setAuthTag(sealed.subarray(-TAG_BYTES));
    const bytes = decipher.update(sealed.subarray(0, -TAG_BYTES));
    try {
      decipher.final();
    } catch (cause) {
      bytes.fill(0);
      throw 'passphrase' in opener ? notOpened(share, cause) : altered(share, cause);
    }
    return { split: share.split, index: share.index, share: new SecretBytes(bytes) };
  } finally {
    key.destroy();
  }
}

/** Whether a share is sealed to the public half of a private key. */
export function isSealedTo({ sealing }: SealedShare, privateKey: KeyObject): boolean {
  return sealing.scheme !== 'scrypt' && sealing.keySha256 === keySha256(createPublicKey(privateKey));
}

/**
 * A custodian's private key from PEM.
 * @param passphrase asked for where the key is encrypted; what it gives is destroyed
 * @throws HoldfastError InvalidField, PermissionDenied where the passphrase is another
 */
export async function privateKeyFrom(
  pem: string,
  passphrase: () => Promise<SecretBytes | undefined>,
): Promise<KeyObject> {
  const secret = pem.includes('ENCRYPTED') ? await passphrase() : undefined;
  try {
    return createPrivateKey({ key: pem, ...(secret === undefined ? {} : { passphrase: secret.reveal() }) });
  } catch (cause) {
    if (secret === undefined)
      throw new HoldfastError('InvalidField', 'this is no private key (PEM)', { cause });
    throw new HoldfastError('PermissionDenied', 'the passphrase does not open the private key', { cause });
  } finally {
    secret?.destroy();
  }
}

/** What the tag of a share authenticates beside it. */
function factsOf({ split, index, sealing }: Pick<SealedShare, 'split' | 'index' | 'sealing'>): Buffer {
  return Buffer.from(
    JSON.stringify([SHARE_LABEL, splitFactsOf(split), index, Object.entries(sealing).sort()]),
  );
}

async function newSealing(
  custodian: Custodian,
): Promise<{ readonly key: SecretBytes; readonly sealing: ShareSealing }> {
  if ('passphrase' in custodian) {
    if (custodian.passphrase.length < MIN_PASSPHRASE_BYTES) {
      throw new HoldfastError(
        'InvalidField',
        `the passphrase of ${custodian.name} is too short: it has at least ${MIN_PASSPHRASE_BYTES} characters`,
      );
    }
    const salt = randomBytes(SALT_BYTES).toString('base64');
    const sealing: PassphraseSealing = { scheme: 'scrypt', ...SCRYPT, salt };
    return { key: await passphraseKey(custodian.passphrase, sealing), sealing };
  }
  const key = new SecretBytes(randomBytes(KEY_BYTES));
  const { keySha256, scheme, ephemeral, wrapped } = wrapContentKey(custodian, key);
  const sealing = { keySha256, scheme, ...(ephemeral === undefined ? {} : { ephemeral }), wrapped };
  return { key, sealing };
}

async function keyOf(share: SealedShare, opener: ShareOpener): Promise<SecretBytes> {
  const { sealing } = share;
  if (sealing.scheme === 'scrypt') {
    if ('passphrase' in opener) return passphraseKey(opener.passphrase, sealing);
    throw new HoldfastError('InvalidField', `${shareName(share)} is sealed with a passphrase: give that`);
  }
  if ('passphrase' in opener) {
    throw new HoldfastError('InvalidField', `${shareName(share)} is sealed to a key: give the private key`);
  }
  try {
    return unwrapContentKey([{ ...sealing, name: custodianOf(share) }], opener.privateKey);
  } catch (cause) {
    const isForeign = cause instanceof HoldfastError && cause.code === 'PermissionDenied';
    if (!isForeign) throw altered(share, cause);
    throw new HoldfastError('PermissionDenied', `this private key does not open ${shareName(share)}`, {
      cause,
    });
  }
}

async function passphraseKey(
  passphrase: SecretBytes,
  { cost, blockSize, parallelization, salt }: PassphraseSealing,
): Promise<SecretBytes> {
  const [least, most] = COST_RANGE;
  const isSane =
    Number.isInteger(Math.log2(cost)) &&
    cost >= least &&
    cost <= most &&
    blockSize === 8 &&
    parallelization === 1;
  if (!isSane) throw new HoldfastError('IntegrityViolation', 'the share is damaged: its scrypt parameters');
  const options: ScryptOptions = { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize };
  return inLongJobTurn(
    () =>
      new Promise((resolve, reject) => {
        scrypt(passphrase.reveal(), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) => {
          if (error === null) resolve(new SecretBytes(key));
          else reject(error);
        });
      }),
  );
}

function altered(share: SealedShare, cause?: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', `${shareName(share)} was altered: its tag does not fit`, {
    cause,
  });
}

function notOpened(share: SealedShare, cause: unknown): HoldfastError {
  return new HoldfastError(
    'PermissionDenied',
    `${shareName(share)} does not open: the passphrase is another, or the share was altered`,
    { cause },
  );
}
