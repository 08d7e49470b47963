import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Actor, Directory } from '@holdfast/core';

const TOKEN_BYTES = 32;

/** A new officer's token: 256 random bits, so a plain hash of it is a safe verifier. */
export function newOfficerToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function officerTokenSha256(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** The officer whose token this is, as the actor of what follows. Takes the same time for every officer. */
export async function officerOf(directory: Directory, token: string): Promise<Actor | undefined> {
  const presented = officerTokenSha256(token);
  let found: Actor | undefined;
  for (const officer of await directory.listOfficers()) {
    const matches = timingSafeEqual(officer.tokenSha256, presented);
    if (matches && officer.revokedAtSeconds === undefined) {
      found = { kind: 'officer', id: officer.id, name: officer.name };
    }
  }
  return found;
}
