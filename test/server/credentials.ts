import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import {
  CredentialType,
  Tag,
  TicketType,
  authenticationStructure,
  dialectNamed,
  type Credential,
  type VersionName,
} from '@holdfast/kmip';
import { holdfastResult, type RequestMessageOptions, type ServerProcess } from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';

/** Users and credentials for tests that play clients. */

function secret(text: string): SecretBytes {
  return new SecretBytes(Buffer.from(text, 'utf8'));
}

export function password(username: string, text?: string): Credential {
  const given = text === undefined ? {} : { password: secret(text) };
  return {
    credentialType: CredentialType.UsernameAndPassword,
    credentialValue: { username, ...given },
  };
}

export function device(identifiers: Readonly<Record<string, string>>, text?: string): Credential {
  const given = text === undefined ? {} : { password: secret(text) };
  return { credentialType: CredentialType.Device, credentialValue: { ...identifiers, ...given } };
}

export function oneTimePassword(username: string, code: string, text: string): Credential {
  return {
    credentialType: CredentialType.OneTimePassword,
    credentialValue: { username, oneTimePassword: secret(code), password: secret(text) },
  };
}

export function ticket(ticketValue: Buffer): Credential {
  return {
    credentialType: CredentialType.Ticket,
    credentialValue: { ticket: { ticketType: TicketType.Login, ticketValue } },
  };
}

const sha256 = (...parts: readonly Buffer[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();

/** A Hashed Password with SHA-256, and what the server must answer. KMIP 2.1 sections 8.5 and 9.11. */
export function hashedPassword(
  username: string,
  text: string,
  timeStamp: bigint,
): { readonly credential: Credential; readonly answer: Buffer } {
  const [name, word] = [Buffer.from(username, 'utf8'), Buffer.from(text, 'utf8')];
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(timeStamp);
  const [s1, s2] = [sha256(name, word), sha256(word, name)];
  const hashed = Buffer.concat([sha256(s1, time), s2]);
  return {
    credential: {
      credentialType: CredentialType.HashedPassword,
      credentialValue: { username, timeStamp, hashedPassword: hashed },
    },
    answer: sha256(time, s1, sha256(s2)),
  };
}

/** What goes into a request to show these credentials. */
export function shown(version: VersionName, ...credentials: readonly Credential[]): RequestMessageOptions {
  const header = authenticationStructure.encode(Tag.Authentication, { credentials }, dialectNamed(version));
  assert.ok(header, 'the version knows the credentials');
  return { header: [header] };
}

/** Runs `holdfast user ...` as the first officer. @throws where it fails */
export async function holdfastUser(
  server: Pick<ServerProcess, 'dataDir'>,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const { code, stdout, stderr } = await holdfastResult(
    ['user', ...args, '--data-dir', server.dataDir],
    {},
    input,
  );
  assert.equal(code, 0, stderr);
  return stdout;
}
