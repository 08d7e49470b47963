import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { HoldfastError, type SecretBytes } from '@holdfast/core';

/** Passwords are kept as scrypt hashes (RFC 7914) in the PHC string format: $scrypt$ln=…,r=…,p=…$salt$hash. */
interface Parameters {
  /** Base 2 logarithm of the cost. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and about 0.1 s for each hash. */
const PARAMETERS: Parameters = { ln: 15, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Hashes are computed by Node's few threads for such work, of which others need some too. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 64;
const FORM = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const derive = promisify<Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);
let running = 0;
const waiting: (() => void)[] = [];

export async function hashPassword(password: SecretBytes): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await hashOf(password, salt, PARAMETERS, HASH_BYTES);
  const { ln, r, p } = PARAMETERS;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${encode(salt)}$${encode(hash)}`;
}

/** @throws HoldfastError ServerLimitExceeded where too many passwords wait for their turn */
export async function isPassword(password: SecretBytes, kept: string): Promise<boolean> {
  const [, ln, r, p, salt = '', hash = ''] = FORM.exec(kept) ?? [];
  if (ln === undefined) throw new HoldfastError('IntegrityViolation', 'a password hash has an unknown form');
  const expected = Buffer.from(hash, 'base64');
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  const found = await hashOf(password, Buffer.from(salt, 'base64'), parameters, expected.length);
  return timingSafeEqual(found, expected);
}

let nobody: Promise<string> | undefined;
/** Takes as long as to check a password, for a name that nobody has. */
export async function checkNobody(password: SecretBytes): Promise<void> {
  nobody ??= Promise.resolve(
    `$scrypt$ln=${PARAMETERS.ln},r=${PARAMETERS.r},p=${PARAMETERS.p}$${encode(randomBytes(SALT_BYTES))}$${encode(randomBytes(HASH_BYTES))}`,
  );
  await isPassword(password, await nobody);
}

async function hashOf(
  password: SecretBytes,
  salt: Buffer,
  { ln, r, p }: Parameters,
  length: number,
): Promise<Buffer> {
  await turn();
  try {
    const N = 2 ** ln;
    return await derive(password.reveal(), salt, length, { N, r, p, maxmem: 256 * N * r });
  } finally {
    // The turn goes on to who waits longest.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

async function turn(): Promise<void> {
  if (running < MAX_AT_ONCE) {
    running++;
    return;
  }
  if (waiting.length >= MAX_WAITING) {
    throw new HoldfastError('ServerLimitExceeded', 'too many passwords are being checked', {
      retryable: true,
    });
  }
  await new Promise<void>((resolve) => waiting.push(resolve));
}

/** Base64 without padding, as the PHC string format has it. */
function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
