/** Up to here a plain text, as nearly all are, is faster handled here than by a call into the runtime. */
const MAX_SHORT_LENGTH = 64;
const FIRST_BEYOND_ASCII = 0x80;

/** How many bytes the text takes as UTF-8. */
export function utf8Length(text: string): number {
  if (text.length > MAX_SHORT_LENGTH) return Buffer.byteLength(text, 'utf8');
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= FIRST_BEYOND_ASCII) return Buffer.byteLength(text, 'utf8');
  }
  return text.length;
}

/** Writes the text as UTF-8, for which there must be room. @returns how many bytes that were */
export function writeUtf8(bytes: Buffer, text: string, offset: number): number {
  if (text.length > MAX_SHORT_LENGTH) return bytes.write(text, offset, 'utf8');
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= FIRST_BEYOND_ASCII) return bytes.write(text, offset, 'utf8');
    bytes[offset + index] = code;
  }
  return text.length;
}
