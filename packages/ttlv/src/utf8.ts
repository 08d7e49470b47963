const MAX_SHORT_LENGTH = 64;
const FIRST_BEYOND_ASCII = 0x80;

/** Whether the text is short and plain, as nearly all are: such a one is faster handled here than by the runtime. */
function isShortAscii(text: string): boolean {
  if (text.length > MAX_SHORT_LENGTH) return false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= FIRST_BEYOND_ASCII) return false;
  }
  return true;
}

/** How many bytes the text takes as UTF-8. */
export function utf8Length(text: string): number {
  return isShortAscii(text) ? text.length : Buffer.byteLength(text, 'utf8');
}

/** Writes the text as UTF-8, for which there must be room. @returns how many bytes that were */
export function writeUtf8(bytes: Buffer, text: string, offset: number): number {
  if (!isShortAscii(text)) return bytes.write(text, offset, 'utf8');
  for (let index = 0; index < text.length; index++) bytes[offset + index] = text.charCodeAt(index);
  return text.length;
}
