import { HoldfastError } from '@holdfast/ttlv';
import type { WrappedContentKey } from '../envelope/recipients';

/*
 * A share of a key as it lies in its custodian's file, or inside another format: JSON, bytes in base64, digests in
 * lower-case hex. `sealed` is AES-256-GCM of the share (32 bytes), tag last, under the key that `sealing` yields to the
 * custodian alone; its AAD is all of the share's facts, so none of them can be altered unseen.
 */
const FORMAT = 'holdfast-share 1';

export const MAX_SHARES = 255;
/** A name goes into file names and messages. */
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._@-]{0,62}[\p{L}\p{N}])?$/u;
const ID = /^[0-9a-f]{32}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Longest text of any field: a key of RSA-16384 wrapped, with room to spare. */
const MAX_TEXT_LENGTH = 8192;

export interface CustodianFacts {
  readonly name: string;
  /** SHA-256 that tells the custodian's share from any other (the share itself is 32 random bytes). */
  readonly shareSha256: string;
}

/** What is known publicly of one splitting of one key; the same in each of its shares. */
export interface SplitFacts {
  /** What the key is, e.g. "root-key". */
  readonly content: string;
  /** Of this splitting: 16 random bytes. */
  readonly id: string;
  /** Of the key, by a one-way function: the same whenever it is split again. */
  readonly keyId: string;
  readonly createdAt: string;
  /** How many shares make the key. */
  readonly threshold: number;
  /** The first has share 1. */
  readonly custodians: readonly CustodianFacts[];
  /** HMAC-SHA-256 over all other facts, under a key derived from the key that was split. */
  readonly mac: string;
}

export interface PassphraseSealing {
  readonly scheme: 'scrypt';
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: string;
}

export type ShareSealing = Omit<WrappedContentKey, 'name'> | PassphraseSealing;

export interface SealedShare {
  readonly split: SplitFacts;
  /** Which share it is, from 1. */
  readonly index: number;
  readonly sealing: ShareSealing;
  readonly nonce: string;
  readonly sealed: string;
}

/** Whose share it is. */
export function custodianOf({ split, index }: Pick<SealedShare, 'split' | 'index'>): string {
  return split.custodians[index - 1]?.name ?? '';
}

/** How messages call a share. */
export function shareName(share: Pick<SealedShare, 'split' | 'index'>): string {
  return `share ${share.index} (${custodianOf(share)})`;
}

/** The facts in the one order in which they are authenticated, and nothing else that an object may carry. */
export function splitFactsOf({
  content,
  id,
  keyId,
  createdAt,
  threshold,
  custodians,
  mac,
}: SplitFacts): SplitFacts {
  return {
    content,
    id,
    keyId,
    createdAt,
    threshold,
    custodians: custodians.map(({ name, shareSha256 }) => ({ name, shareSha256 })),
    mac,
  };
}

export function encodeShare(share: SealedShare): Buffer {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, ...share }, undefined, 2)}\n`);
}

/**
 * Undoes `encodeShare`, as far as form goes: only opening the share proves what it says.
 * @throws HoldfastError InvalidField where it is no share; IntegrityViolation where it is one that was damaged
 */
export function decodeShare(file: Buffer): SealedShare {
  const fields = parsed(file);
  if (fields['format'] !== FORMAT) throw new HoldfastError('InvalidField', 'the file is no share of a key');
  return readShare(fields);
}

/** A share inside another format that was parsed already. @throws HoldfastError IntegrityViolation */
export function readShare(fields: Fields): SealedShare {
  const split = readSplit(object(fields, 'split'));
  return {
    split,
    index: integer(fields, 'index', 1, split.custodians.length),
    sealing: readSealing(object(fields, 'sealing')),
    nonce: text(fields, 'nonce', BASE64),
    sealed: text(fields, 'sealed', BASE64),
  };
}

/** @throws HoldfastError IntegrityViolation where these are no facts of a splitting */
export function readSplit(fields: Fields): SplitFacts {
  const custodians = fields['custodians'];
  if (!Array.isArray(custodians) || custodians.length > MAX_SHARES) throw damaged('custodians');
  return {
    content: text(fields, 'content', /^[a-z-]+$/),
    id: text(fields, 'id', ID),
    keyId: text(fields, 'keyId', ID),
    createdAt: text(fields, 'createdAt', DATE),
    threshold: integer(fields, 'threshold', 2, custodians.length),
    custodians: custodians.map((each: unknown) => {
      const custodian = object({ custodian: each }, 'custodian');
      return { name: text(custodian, 'name', NAME), shareSha256: text(custodian, 'shareSha256', SHA256) };
    }),
    mac: text(fields, 'mac', SHA256),
  };
}

function readSealing(fields: Fields): ShareSealing {
  const scheme = fields['scheme'];
  if (scheme === 'scrypt') {
    return {
      scheme,
      cost: integer(fields, 'cost', 1, 2 ** 31),
      blockSize: integer(fields, 'blockSize', 1, 64),
      parallelization: integer(fields, 'parallelization', 1, 64),
      salt: text(fields, 'salt', BASE64),
    };
  }
  if (scheme !== 'rsa-oaep-sha256' && scheme !== 'ecdh-hkdf-sha256') throw damaged('scheme');
  return {
    keySha256: text(fields, 'keySha256', SHA256),
    scheme,
    ...(fields['ephemeral'] === undefined ? {} : { ephemeral: text(fields, 'ephemeral', BASE64) }),
    wrapped: text(fields, 'wrapped', BASE64),
  };
}

/** @throws HoldfastError InvalidField */
export function requireCustodianName(name: string): void {
  if (NAME.test(name)) return;
  throw new HoldfastError(
    'InvalidField',
    `"${name}" cannot name a custodian: up to 64 letters, digits, spaces and ._@- within`,
  );
}

export type Fields = Readonly<Record<string, unknown>>;

function parsed(file: Buffer): Fields {
  try {
    return object({ file: JSON.parse(file.toString('utf8')) }, 'file');
  } catch (cause) {
    throw new HoldfastError('InvalidField', 'the file is no share of a key', { cause });
  }
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (typeof value !== 'object' || value === null) throw damaged(name);
  return value as Fields;
}

function text(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.length > MAX_TEXT_LENGTH || !pattern.test(value))
    throw damaged(name);
  return value;
}

function integer(fields: Fields, name: string, least: number, most: number): number {
  const value = fields[name];
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) throw damaged(name);
  return value as number;
}

function damaged(what: string): HoldfastError {
  return new HoldfastError('IntegrityViolation', `the share is damaged: its ${what} is not what was written`);
}
