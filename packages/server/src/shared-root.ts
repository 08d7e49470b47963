import { randomBytes } from 'node:crypto';
import { HoldfastError, SecretBytes, type RootOfTrust } from '@holdfast/core';
import {
  custodianOf,
  decodeShare,
  encodeShare,
  keySha256,
  openShare,
  readSplit,
  recipientFrom,
  sealShare,
  ShareCollection,
  shareName,
  splitFactsOf,
  splitKey,
  type Custodian,
  type SealedShare,
  type ShareOpener,
  type SplitFacts,
} from '@holdfast/crypto';
import { openSharedRootKey, ROOT_KEY_BYTES } from '@holdfast/hsm';
import type { Store } from '@holdfast/store';
import type { ReshareRequest } from './admin-protocol';
import type { NodeKey } from './node-key';

/** What the shared key is, in its shares. */
const CONTENT = 'root-key';

/** A share as it leaves for its custodian. */
export interface ShareFile {
  readonly custodian: string;
  readonly index: number;
  readonly contents: Buffer;
}

/** How a new root key is to be shared. */
export interface Ceremony {
  /** How many custodians it takes to unseal, from 2. */
  readonly threshold: number;
  readonly custodians: readonly Custodian[];
  /** Brings the shares to where their custodians find them; nothing is set up where that fails. */
  readonly deliver: (shares: readonly ShareFile[]) => Promise<void>;
}

/** The root of trust whose key custodians hold together. It is sealed, and refuses, until they have given enough shares. */
export class SharedRoot implements RootOfTrust {
  readonly kind = 'shares';
  readonly processIds = [];
  #opened: RootOfTrust | undefined;

  /** @param split the facts of the splitting, where the key was split just now */
  constructor(readonly split?: string) {}

  get isSealed(): boolean {
    return this.#opened === undefined;
  }

  /** Takes the root key over. */
  async unseal(rootKey: SecretBytes): Promise<void> {
    await this.close();
    this.#opened = openSharedRootKey(rootKey);
  }

  keyCheckValue(): Promise<string> {
    return this.#root((root) => root.keyCheckValue());
  }

  wrap(key: SecretBytes, aad: Buffer): Promise<Buffer> {
    return this.#root((root) => root.wrap(key, aad));
  }

  unwrap(wrapped: Buffer, aad: Buffer): Promise<SecretBytes> {
    return this.#root((root) => root.unwrap(wrapped, aad));
  }

  /** Seals it: the root key is zeroed. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.close();
  }

  async #root<T>(work: (root: RootOfTrust) => Promise<T>): Promise<T> {
    if (this.#opened !== undefined) return work(this.#opened);
    throw new HoldfastError('RootOfTrustUnavailable', 'the node is sealed');
  }
}

/**
 * Makes a root key and has its shares delivered.
 * @returns the root, unsealed
 * @throws HoldfastError InvalidField where threshold and custodians do not fit, and what `deliver` throws
 */
export async function createSharedRoot(ceremony: Ceremony): Promise<SharedRoot> {
  const rootKey = new SecretBytes(randomBytes(ROOT_KEY_BYTES));
  try {
    const { split } = await splitAndDeliver(rootKey, ceremony);
    const root = new SharedRoot(JSON.stringify(split));
    await root.unseal(rootKey);
    return root;
  } catch (error) {
    rootKey.destroy();
    throw error;
  }
}

/** @param node gets as many shares as are needed, too */
async function splitAndDeliver(
  rootKey: SecretBytes,
  { threshold, custodians, deliver }: Ceremony,
  node?: Custodian,
): Promise<ReshareRequest> {
  const made = await splitKey(CONTENT, rootKey, threshold, custodians, node);
  const { split, shares, ofKeeper } = made;
  await deliver(
    shares.map((share) => ({
      custodian: custodianOf(share),
      index: share.index,
      contents: encodeShare(share),
    })),
  );
  return { split, shares: ofKeeper };
}

/**
 * Makes a root key for a node to move to, and has its shares delivered. It is in this process alone for as long as that
 * takes, and goes to the node sealed.
 * @throws HoldfastError InvalidField where threshold and custodians do not fit, and what `deliver` throws
 */
export async function newSharedKey(ceremony: Ceremony, nodeKeyPem: string): Promise<ReshareRequest> {
  const rootKey = new SecretBytes(randomBytes(ROOT_KEY_BYTES));
  try {
    return await splitAndDeliver(rootKey, ceremony, recipientFrom('the node', nodeKeyPem));
  } finally {
    rootKey.destroy();
  }
}

/**
 * The root of trust of such a key, unsealed.
 * @throws HoldfastError InvalidField, PermissionDenied, IntegrityViolation where these shares do not make it
 */
export async function sharedRootFrom(
  { shares, split }: ReshareRequest,
  nodeKey: NodeKey,
): Promise<SharedRoot> {
  const facts = splitFactsOf(readSplit({ ...split }));
  const { key } = await nodeKey.join(facts, shares);
  const root = new SharedRoot(JSON.stringify(facts));
  await root.unseal(key);
  return root;
}

/**
 * Splits a root key anew. It is in this process alone for as long as that takes.
 * @param shares as many as are needed of the splitting so far, each with what opens it
 * @returns what the node is asked to put the new splitting in force with
 * @throws HoldfastError PermissionDenied where these are too few; as ShareCollection.add, openShare and splitKey
 */
export async function reshare(
  shares: readonly { readonly share: ShareToOpen; readonly opener: ShareOpener }[],
  ceremony: Ceremony,
  nodeKeyPem: string,
): Promise<ReshareRequest> {
  const [first] = shares;
  if (first === undefined) throw new HoldfastError('InvalidField', 'give the shares of custodians');
  const collection = new ShareCollection(first.share.share.split);
  const forNode: SealedShare[] = [];
  try {
    for (const { share, opener } of shares) {
      forNode.push(await shareForNode(share, opener, nodeKeyPem));
      collection.add(await openShare(share.share, opener));
    }
    const rootKey = collection.join();
    try {
      const { split } = await splitAndDeliver(rootKey, ceremony);
      return { shares: forNode, split };
    } finally {
      rootKey.destroy();
    }
  } finally {
    collection.destroy();
  }
}

/**
 * Sets a new database up under a root key that custodians hold together.
 * @returns the root, unsealed
 * @throws HoldfastError ObjectAlreadyExists where the database was set up before, and as createSharedRoot
 */
export async function initSharedRoot(
  { custody, domainKeys }: Pick<Store, 'custody' | 'domainKeys'>,
  ceremony: Ceremony,
): Promise<SharedRoot> {
  const isSetUp = (await custody.split()) !== undefined || (await domainKeys.rootCheckValue()) !== undefined;
  const refusal = new HoldfastError(
    'ObjectAlreadyExists',
    'this database was set up before: its root key is kept, and no shares were made',
  );
  if (isSetUp) throw refusal;
  const root = await createSharedRoot(ceremony);
  if (root.split !== undefined && (await custody.addSplit(root.split))) return root;
  await root.close();
  throw refusal;
}

/** The facts of a splitting as the database keeps them. @throws HoldfastError IntegrityViolation */
export function splitFrom(text: string): SplitFacts {
  try {
    return readSplit(JSON.parse(text) as Parameters<typeof readSplit>[0]);
  } catch (cause) {
    throw new HoldfastError(
      'IntegrityViolation',
      'what the database says of the root key’s shares was altered',
      {
        cause,
      },
    );
  }
}

/** A custodian's share, and whether a passphrase opens it rather than a private key. */
export interface ShareToOpen {
  readonly name: string;
  readonly wantsPassphrase: boolean;
  readonly share: SealedShare;
}

/** @throws HoldfastError InvalidField, IntegrityViolation */
export function shareIn(file: Buffer): ShareToOpen {
  const share = decodeShare(file);
  return { name: shareName(share), wantsPassphrase: share.sealing.scheme === 'scrypt', share };
}

/**
 * Opens a share for a node: it leaves this process sealed to the key that the node shows in its status, and is worth
 * something to that node alone, until it is restarted.
 * @throws HoldfastError PermissionDenied, IntegrityViolation, InvalidField (see openShare)
 */
export async function shareForNode(
  { share }: ShareToOpen,
  opener: ShareOpener,
  nodeKeyPem: string,
): Promise<SealedShare> {
  const opened = await openShare(share, opener);
  try {
    return await sealShare(opened, recipientFrom('the node', nodeKeyPem));
  } finally {
    opened.share.destroy();
  }
}

/** Whether a share is sealed to a node already, as `shareForNode` does it. */
export function isForNode({ share: { sealing } }: ShareToOpen, nodeKeyPem: string): boolean {
  const { publicKey } = recipientFrom('the node', nodeKeyPem);
  return sealing.scheme !== 'scrypt' && sealing.keySha256 === keySha256(publicKey);
}
