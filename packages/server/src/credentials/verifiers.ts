import { SecretBytes } from '@holdfast/core';
import { hashedPasswordVerifiers, type HashedPasswordVerifiers } from './hashed-password';
import { hashPassword } from './password-hash';

/** What a user's proofs are checked against; all of it is sealed at rest. */
export interface Verifiers {
  /** A scrypt hash in the PHC string format. */
  readonly password?: string | undefined;
  /** For users who were allowed the Hashed Password credential. */
  readonly hashedPassword?: HashedPasswordVerifiers | undefined;
  /** Key of one time passwords, base64. A user who has one needs them. */
  readonly oneTimeKey?: string | undefined;
}

export async function verifiersFor(
  name: string,
  password: SecretBytes | undefined,
  options: { readonly hashedPassword: boolean; readonly oneTimeKey: string | undefined },
): Promise<Verifiers> {
  const { hashedPassword, oneTimeKey } = options;
  return {
    ...(password === undefined ? {} : { password: await hashPassword(password) }),
    ...(password === undefined || !hashedPassword
      ? {}
      : { hashedPassword: hashedPasswordVerifiers(name, password) }),
    ...(oneTimeKey === undefined ? {} : { oneTimeKey }),
  };
}

export function packVerifiers(verifiers: Verifiers): SecretBytes {
  return new SecretBytes(Buffer.from(JSON.stringify(verifiers), 'utf8'));
}

export function unpackVerifiers(packed: SecretBytes | undefined): Verifiers {
  return packed === undefined ? {} : (JSON.parse(packed.reveal().toString('utf8')) as Verifiers);
}
