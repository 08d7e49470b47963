import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SecretBytes } from '@holdfast/core';

/** Time-based one time passwords (RFC 6238): six digits of an HMAC-SHA-1 over the number of the half minute. */
const STEP_SECONDS = 30;
const DIGITS = 6;
/** Steps before and after the present one that are taken as well, since clocks differ. */
const TOLERANCE = 1;
export const ONE_TIME_KEY_BYTES = 20;

export function oneTimePassword(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac.readUInt8(mac.length - 1) & 0x0f;
  const number = (mac.readUInt32BE(at) & 0x7fffffff) % 10 ** DIGITS;
  return String(number).padStart(DIGITS, '0');
}

/** @returns the number of the half minute to which the password belongs; undefined where it is none of now */
export function stepOf(given: SecretBytes, key: Buffer, nowSeconds: number): number | undefined {
  const now = Math.floor(nowSeconds / STEP_SECONDS);
  let found: number | undefined;
  for (let step = now - TOLERANCE; step <= now + TOLERANCE; step++) {
    const expected = Buffer.from(oneTimePassword(key, step), 'ascii');
    const text = given.reveal();
    if (text.length === expected.length && timingSafeEqual(text, expected)) found ??= step;
  }
  return found;
}

/** What authenticator programs take, e.g. as a QR code. */
export function oneTimePasswordUri(key: Buffer, name: string): string {
  return `otpauth://totp/Holdfast:${encodeURIComponent(name)}?secret=${base32(key)}&issuer=Holdfast&algorithm=SHA1&digits=${DIGITS}&period=${STEP_SECONDS}`;
}

/** RFC 4648 section 6; the key's length needs no padding. */
function base32(bytes: Buffer): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[parseInt(five, 2)]).join('');
}
