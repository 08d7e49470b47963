import { createHash, randomBytes } from 'node:crypto';
import type { Actor, Directory } from '@holdfast/core';

const TOKEN_BYTES = 32;

/** A new officer's token: 256 random bits, so a plain hash of it is a safe verifier. */
export function newOfficerToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export function officerTokenSha256(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** Who has this token, as the actor of what follows. */
export async function officerOf(directory: Directory, token: string): Promise<Actor | undefined> {
  const officer = await directory.officerWithToken(officerTokenSha256(token));
  if (officer === undefined || officer.revokedAtSeconds !== undefined) return undefined;
  return { kind: officer.role, id: officer.id, name: officer.name };
}
