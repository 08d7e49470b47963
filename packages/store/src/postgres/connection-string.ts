import type { ConnectionOptions } from 'node:tls';
import { HoldfastError } from '@holdfast/ttlv';
import { Client, type ClientConfig } from 'pg';

/** What pg takes for a URL or the path of a socket; of anything else it would make the address of some host. */
const FORMS = /^(?:postgres(?:ql)?:\/\/|socket:|\/)/i;

/**
 * Modes in which pg checks the certificate of PostgreSQL as in verify-full today, and will check less of it in a later release: it
 * says so on standard error, and how to have that now.
 */
const MODES_THAT_WILL_CHECK_LESS = /[?&]sslmode=(prefer|require|verify-ca)(?![^&#])/;
const CHECKS_LESS_ALREADY = /[?&]uselibpqcompat=true(?![^&#])/;

/** @throws HoldfastError Configuration, without the text itself: it may hold a password */
export function checkConnectionString(text: string): void {
  if (!FORMS.test(text)) throw unusable('it begins with postgresql://');
  const mode = CHECKS_LESS_ALREADY.test(text) ? undefined : MODES_THAT_WILL_CHECK_LESS.exec(text)?.[1];
  if (mode !== undefined) {
    throw unusable(
      `write sslmode=verify-full for sslmode=${mode}: the certificate of PostgreSQL is always checked`,
    );
  }
  try {
    new Client(text);
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException;
    const reason =
      path === undefined
        ? 'it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %23 for a # in the password, %2F for a / and so on'
        : `it names a file that cannot be read: ${path} (${code ?? ''})`;
    throw unusable(reason, cause);
  }
}

/** What the network between a node and PostgreSQL is kept from: `unverified` is encrypted for whoever answers. */
export type Transport = 'verified' | 'unverified' | 'unencrypted';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

/** @returns undefined where it does not leave the machine. @throws as pg for what checkConnectionString refuses */
export function transportOf(connection: string | ClientConfig): Transport | undefined {
  const { host, ssl } = new Client(connection) as { readonly host: string; readonly ssl: unknown };
  if (host.startsWith('/') || LOOPBACK.test(host)) return undefined;
  if (ssl === undefined || ssl === false) return 'unencrypted';
  const { rejectUnauthorized, checkServerIdentity } = ssl as ConnectionOptions;
  return rejectUnauthorized === false || checkServerIdentity !== undefined ? 'unverified' : 'verified';
}

function unusable(reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError('Configuration', `the database URL cannot be used: ${reason}`, { cause });
}
