import { createHash, timingSafeEqual } from 'node:crypto';
import type { SecretBytes } from '@holdfast/core';
import { HashingAlgorithm } from '@holdfast/kmip';

/**
 * The Hashed Password credential: Hash(S1 || Timestamp) || S2, where S1 = Hash(Username || Password) and
 * S2 = Hash(Password || Username). The server proves that it knows them as well: Hash(Timestamp || S1 || Hash(S2)).
 * Kept are S1 and Hash(S2): from these nobody can make the credential. KMIP 2.1 sections 8.5 and 9.11.
 */
const ALGORITHMS = {
  [HashingAlgorithm.SHA_256]: 'sha256',
  [HashingAlgorithm.SHA_384]: 'sha384',
  [HashingAlgorithm.SHA_512]: 'sha512',
} as const;
type Supported = keyof typeof ALGORITHMS;

/** S1 and Hash(S2), in base64, by Hashing Algorithm. */
export type HashedPasswordVerifiers = Readonly<
  Record<number, { readonly s1: string; readonly hashOfS2: string }>
>;

export interface HashedPassword {
  readonly timeStamp: bigint;
  readonly hashingAlgorithm?: HashingAlgorithm | undefined;
  readonly hashedPassword: Buffer;
}

export function hashedPasswordVerifiers(username: string, password: SecretBytes): HashedPasswordVerifiers {
  const name = Buffer.from(username, 'utf8');
  return Object.fromEntries(
    Object.entries(ALGORITHMS).map(([algorithm, hash]) => {
      const s1 = digest(hash, name, password.reveal());
      const s2 = digest(hash, password.reveal(), name);
      return [algorithm, { s1: s1.toString('base64'), hashOfS2: digest(hash, s2).toString('base64') }];
    }),
  );
}

/** @returns the Server Hashed Password to answer with; undefined where the credential is wrong */
export function checkHashedPassword(
  { timeStamp, hashingAlgorithm = HashingAlgorithm.SHA_256, hashedPassword }: HashedPassword,
  verifiers: HashedPasswordVerifiers,
): Buffer | undefined {
  const kept = verifiers[hashingAlgorithm];
  const hash = ALGORITHMS[hashingAlgorithm as Supported] as (typeof ALGORITHMS)[Supported] | undefined;
  if (kept === undefined || hash === undefined) return undefined;
  const s1 = Buffer.from(kept.s1, 'base64');
  const hashOfS2 = Buffer.from(kept.hashOfS2, 'base64');
  const time = timeBytes(timeStamp);
  const expected = Buffer.concat([digest(hash, s1, time), hashOfS2]);
  const shown = hashedPassword.subarray(0, s1.length);
  const found = Buffer.concat([shown, digest(hash, hashedPassword.subarray(s1.length))]);
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) return undefined;
  return digest(hash, time, s1, hashOfS2);
}

/** A Date Time Extended as it stands on the wire. */
function timeBytes(timeStamp: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(timeStamp);
  return bytes;
}

function digest(hash: string, ...parts: readonly Buffer[]): Buffer {
  const state = createHash(hash);
  for (const part of parts) state.update(part);
  return state.digest();
}
