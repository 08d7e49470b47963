import { SecretBytes } from '@holdfast/core';

/** PEM text (RFC 7468) of public bytes. */
export function encodePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The bytes of all blocks with one of these labels. Blocks of other kinds, with or without headers, are passed over. */
export function decodePem(text: string, labels: readonly string[]): Buffer[] {
  const blocks = [...text.matchAll(BLOCK)];
  return blocks
    .filter(([, label = '']) => labels.includes(label))
    .map(([, , base64 = '']) => Buffer.from(base64, 'base64'));
}

/** Whether the input claims to be PEM; DER begins with the octet of a SEQUENCE. */
export function asPemText(input: Buffer | string): string | undefined {
  const text = typeof input === 'string' ? input : input.toString('latin1');
  return text.includes('-----BEGIN ') ? text : undefined;
}

const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');
const LINE_LENGTH = 64;

/** PEM of a PKCS#8 key, written from buffer to buffer: strings cannot be zeroed. */
export function privateKeyPem(privateKey: SecretBytes): SecretBytes {
  const der = privateKey.reveal();
  const begin = '-----BEGIN PRIVATE KEY-----\n';
  const end = '-----END PRIVATE KEY-----\n';
  const base64Length = Math.ceil(der.length / 3) * 4;
  const pem = Buffer.alloc(begin.length + base64Length + Math.ceil(base64Length / LINE_LENGTH) + end.length);
  let at = pem.write(begin, 'latin1');
  for (let offset = 0, column = 0; offset < der.length; offset += 3) {
    at = writeGroup(pem, at, der.subarray(offset, offset + 3));
    column += 4;
    if (column !== LINE_LENGTH && offset + 3 < der.length) continue;
    at = pem.writeUInt8(0x0a, at);
    column = 0;
  }
  pem.write(end, at, 'latin1');
  return new SecretBytes(pem);
}

/** Writes one to three octets as four characters; returns where the next stands. */
function writeGroup(target: Buffer, at: number, octets: Buffer): number {
  const [a = 0, b = 0, c = 0] = octets;
  const bits = (a << 16) | (b << 8) | c;
  for (let position = 0; position < 4; position += 1) {
    const character = BASE64[(bits >> (18 - 6 * position)) & 0x3f] ?? 0;
    target[at + position] = position <= octets.length ? character : 0x3d;
  }
  return at + 4;
}
