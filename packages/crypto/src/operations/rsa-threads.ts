import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import type { RsaJob } from './rsa-thread';
import { Threads } from './threads';

/** Private RSA operations take from half a millisecond (2048 bits) to thirty (8192). */
const threads = new Threads<RsaJob, Uint8Array>(
  // The compiled thread, also where this file runs uncompiled.
  resolve(__dirname, '../../dist/operations/rsa-thread.js'),
);

/**
 * RSASP1 or RSADP of an input as long as the modulus (RFC 8017 section 5), computed by OpenSSL with blinding.
 * @throws HoldfastError CryptographicFailure
 */
export async function rsaPrivate(use: RsaJob['use'], key: KeyObject, input: Buffer): Promise<Buffer> {
  const { buffer, byteOffset, byteLength } = await threads.run({ use, key, input });
  return Buffer.from(buffer, byteOffset, byteLength);
}
