import { wrongUse } from '../exit';
import { MAX_INPUT_BYTES, readNamedFile } from './settings';
import { parseHexBytes } from './values';

/** Bytes that a command works on: from a file, the command line or standard input. */

async function standardInput(what: string): Promise<Buffer> {
  if (process.stdin.isTTY) {
    throw wrongUse(`${what} is missing`, 'Name a file, or send the bytes to standard input.');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_INPUT_BYTES)
      throw wrongUse(`what comes in is longer than ${MAX_INPUT_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const INPUT_FORMATS: Readonly<Record<string, (content: Buffer, what: string) => Buffer>> = {
  raw: (content) => content,
  hex: (content, what) => parseHexBytes(content.toString('latin1'), what),
  base64: (content, what) => {
    const text = content.toString('latin1').replace(/\s/g, '');
    if (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) return Buffer.from(text, 'base64');
    throw wrongUse(`${what} is no base64`);
  },
};

export interface InputFlags {
  readonly file?: string;
  readonly hex?: string;
  readonly format?: string;
}

/**
 * The bytes that the flags or standard input bring.
 * @param what what they are, for messages
 * @throws CommandFailure wrong use
 */
export async function inputBytes(flags: InputFlags, what: string): Promise<Buffer> {
  if (flags.hex !== undefined) {
    if (flags.file !== undefined) throw wrongUse('--file and --hex are both given', 'Use one of them.');
    return parseHexBytes(flags.hex, 'the value of --hex');
  }
  const format = flags.format ?? 'raw';
  const decode = Object.hasOwn(INPUT_FORMATS, format) ? INPUT_FORMATS[format] : undefined;
  if (decode === undefined) {
    throw wrongUse(
      `there is no input format ${format}`,
      `One of ${Object.keys(INPUT_FORMATS).join(', ')}; PEM and DER are recognised by themselves.`,
    );
  }
  const fromFile = flags.file !== undefined && flags.file !== '-';
  return decode(fromFile ? await readNamedFile(flags.file, 'the file') : await standardInput(what), what);
}
