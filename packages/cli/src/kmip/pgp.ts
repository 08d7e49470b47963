import { wrongUse } from '../exit';

/** OpenPGP keys, as far as registering them needs (RFC 9580). */

const ARMOR =
  /-----BEGIN PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----([\s\S]*?)-----END PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----/;

/**
 * The bytes within ASCII armor (section 6.2); undefined where there is none.
 * @throws CommandFailure wrong use, where they are no base64
 */
export function withoutArmor(content: Buffer): Buffer | undefined {
  const lines = ARMOR.exec(content.toString('latin1'))?.[1]?.split(/\r?\n/);
  if (lines === undefined) return undefined;
  // Headers end with an empty line; what begins with "=" is a checksum.
  const body = lines.slice(lines.findIndex((line, index) => index > 0 && line.trim() === '') + 1);
  const text = body.filter((line) => !line.startsWith('=')).join('');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw wrongUse('the ASCII armor of the PGP key is damaged');
  return Buffer.from(text, 'base64');
}

/** The version of a key, which stands behind the header of its first packet (sections 4.2 and 5.5.2). */
export function pgpKeyVersionOf(bytes: Buffer): number | undefined {
  const [tag = 0, length = 0] = bytes;
  if (tag < 0x80) return undefined;
  if (tag < 0xc0) return bytes[1 + (tag % 4 === 3 ? 0 : 1 << (tag % 4))];
  return bytes[length < 192 ? 2 : length < 224 ? 3 : 6];
}
