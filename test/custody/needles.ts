/** Looks for secret bytes in whatever was written, in the forms in which programs write bytes. */

/** Long enough never to occur by chance; a secret that was cut at a page's or a line's end still shows. */
const CHUNK_BYTES = 16;
const PREFIX_BYTES = 4;
/** Bits of a prefix that the first, coarse look compares. */
const FILTER_BITS = 20;

interface Needle {
  readonly bytes: Buffer;
  /** Which secret, and in which form. */
  readonly what: string;
}

/** Base64 characters that depend on the bytes alone, whatever `before` bytes stand before them and however it goes on. */
function base64Inside(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

/** The forms of some bytes: raw, hexadecimal, base64 in each alignment, and as Node prints and serialises a Buffer. */
function formsOf(bytes: Buffer): readonly (readonly [form: string, bytes: Buffer])[] {
  const hex = bytes.toString('hex');
  const texts: [string, string][] = [
    ['hex', hex],
    ['upper-case hex', hex.toUpperCase()],
    ['spaced hex', (hex.match(/../g) ?? []).join(' ')],
    ['decimal', [...bytes].join(',')],
  ];
  for (const before of [0, 1, 2]) {
    const text = base64Inside(bytes, before);
    texts.push([`base64 at ${before}`, text]);
    texts.push([`base64url at ${before}`, text.replaceAll('+', '-').replaceAll('/', '_')]);
  }
  return [['raw', bytes], ...texts.map(([form, text]) => [form, Buffer.from(text, 'latin1')] as const)];
}

/** A set of secrets to look for. */
export class Needles {
  readonly #byPrefix = new Map<number, Needle[]>();
  readonly #filter = new Uint8Array(1 << FILTER_BITS);
  #count = 0;

  /** Adds a secret of at least 8 bytes; long ones are also looked for piece by piece. */
  add(secret: Buffer, what: string): void {
    if (secret.length < 8) throw new Error(`${what} is too short to be told from chance`);
    this.#count++;
    for (let from = 0; from < secret.length; from += CHUNK_BYTES) {
      const rest = secret.length - from;
      if (from > 0 && rest < CHUNK_BYTES) break;
      const chunk = secret.subarray(from, from + CHUNK_BYTES);
      for (const [form, bytes] of formsOf(chunk)) this.#addNeedle({ bytes, what: `${what}, ${form}` });
    }
  }

  /** How many secrets there are. */
  get count(): number {
    return this.#count;
  }

  #addNeedle(needle: Needle): void {
    const prefix = needle.bytes.readUInt32LE(0);
    this.#filter[prefix >>> (32 - FILTER_BITS)] = 1;
    const same = this.#byPrefix.get(prefix);
    if (same === undefined) this.#byPrefix.set(prefix, [needle]);
    else same.push(needle);
  }

  /** What of the secrets occurs in the text or bytes. */
  foundIn(content: Buffer | string): readonly string[] {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    const found = new Set<string>();
    let window = 0;
    for (let end = 0; end < bytes.length; end++) {
      // The last four bytes, as readUInt32LE has them.
      window = (window >>> 8) | ((bytes[end] as number) << 24);
      if (this.#filter[window >>> (32 - FILTER_BITS)] === 0 || end < PREFIX_BYTES - 1) continue;
      const start = end - PREFIX_BYTES + 1;
      for (const needle of this.#byPrefix.get(window >>> 0) ?? []) {
        if (bytes.subarray(start, start + needle.bytes.length).equals(needle.bytes)) {
          found.add(needle.what);
        }
      }
    }
    return [...found];
  }
}
