import type { SecretBytes } from '@holdfast/ttlv/basics';
import { wrongUse } from './exit';
import { isThere, replaceFile, requireWritable, writeNewFile } from './output-file';

/** The one place where the command line reads key bytes: to write them where the user asked for. */

export const OUTPUT_FORMATS = ['hex', 'base64', 'pem', 'raw'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export interface KeyOutputFlags {
  readonly format?: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** Where the bytes of a key shall go. */
export interface KeyDestination {
  /** The format asked for; else that of the object. */
  readonly format: OutputFormat | undefined;
  /** A file; standard output where left out. */
  readonly path: string | undefined;
  readonly overwrite: boolean;
}

/** Key bytes with the label that they have in PEM (RFC 7468), if they have one. */
export interface KeyBytes {
  readonly bytes: SecretBytes;
  readonly pemLabel: string | undefined;
}

const FILE_MODE = 0o600;
const PEM_LINE = /.{1,64}/g;

/**
 * What the flags ask for, judged before any key is fetched; undefined where no bytes are asked for.
 * @throws CommandFailure wrong use: no such format, a file that exists or cannot be written, raw bytes for a terminal
 */
export async function keyDestination(flags: KeyOutputFlags): Promise<KeyDestination | undefined> {
  const { format, out: path, force: overwrite = false } = flags;
  const known = OUTPUT_FORMATS.find((name) => name === format);
  if (format !== undefined && known === undefined) {
    throw wrongUse(`there is no output format ${format}`, `One of ${OUTPUT_FORMATS.join(', ')}.`);
  }
  if (format === undefined && path === undefined) return undefined;
  if (path === undefined && known === 'raw' && process.stdout.isTTY && !overwrite) {
    throw wrongUse(
      'raw bytes are not for a terminal',
      'Use --out FILE, or --format hex; --force if you mean it.',
    );
  }
  if (path !== undefined) {
    await requireWritable(
      path,
      'Commands that have --format write to standard output where --out is left out.',
    );
    if (!overwrite && (await isThere(path)))
      throw wrongUse(`${path} exists already`, 'Choose another file, or --force to replace it.');
  }
  return { format: known, path, overwrite };
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(PEM_LINE) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join('\n');
}

/**
 * The bytes in a format; texts have no line end.
 * @throws CommandFailure wrong use, where the object has no PEM form
 */
export function formatKey({ bytes, pemLabel }: KeyBytes, format: OutputFormat): string | Buffer {
  switch (format) {
    case 'hex':
    case 'base64':
      return bytes.reveal().toString(format);
    case 'raw':
      return bytes.reveal();
    case 'pem':
      if (pemLabel !== undefined) return pem(pemLabel, bytes.reveal());
      throw wrongUse('this object has no PEM form', 'Use --format hex, base64 or raw.');
  }
}

function standardOutput(content: string | Buffer): Promise<void> {
  return new Promise((resolve) => process.stdout.write(content, () => resolve()));
}

/**
 * Writes the bytes where they shall go: to a file, in PEM or raw unless told otherwise, or to standard output. Texts
 * end with a line end.
 * @throws CommandFailure wrong use
 */
export async function writeKey(key: KeyBytes, destination: KeyDestination): Promise<void> {
  const format = destination.format ?? (key.pemLabel === undefined ? 'raw' : 'pem');
  const formatted = formatKey(key, format);
  const content = typeof formatted === 'string' ? `${formatted}\n` : formatted;
  if (destination.path === undefined) await standardOutput(content);
  else await (destination.overwrite ? replaceFile : writeNewFile)(destination.path, content, FILE_MODE);
}
