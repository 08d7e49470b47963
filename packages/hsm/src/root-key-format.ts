import { HoldfastError, SecretBytes } from '@holdfast/core';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  scrypt,
  type ScryptOptions,
} from 'node:crypto';

/*
 * The file: one line of JSON that says how to read the rest, the body, and the SHA-256 of all before it.
 *   software-file        body = the root key
 *   software-passphrase  body = AES-256-GCM of the root key under scrypt(passphrase), tag last; the AAD is the line
 * The body is raw, so that no string, which could not be zeroed, ever holds the key.
 */

export const ROOT_KEY_BYTES = 32;
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const DIGEST_BYTES = 32;
const NEWLINE = 0x0a;

/** scrypt parameters of new files (RFC 7914): 128 MiB of memory, about half a second. */
const SCRYPT = { cost: 131_072, blockSize: 8, parallelization: 1 } as const;

interface ClearHeader {
  readonly format: typeof FORMAT;
  readonly kind: 'software-file';
}

interface SealedHeader {
  readonly format: typeof FORMAT;
  readonly kind: 'software-passphrase';
  readonly kdf: 'scrypt';
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: string;
  readonly nonce: string;
}

function damaged(name: string, what: string): HoldfastError {
  return new HoldfastError('Configuration', `${name} is damaged (${what}): restore it from a backup`);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function assemble(line: Buffer, body: Buffer): Buffer {
  const contents = Buffer.concat([line, body]);
  const file = Buffer.concat([contents, sha256(contents)]);
  contents.fill(0);
  return file;
}

function headerLine(header: ClearHeader | SealedHeader): Buffer {
  return Buffer.from(`${JSON.stringify(header)}\n`);
}

async function deriveKey(passphrase: SecretBytes, header: SealedHeader): Promise<Buffer> {
  const { cost, blockSize, parallelization } = header;
  const maxmem = 256 * cost * blockSize;
  const options: ScryptOptions = { cost, blockSize, parallelization, maxmem };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal(), Buffer.from(header.salt, 'hex'), ROOT_KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else
        reject(
          new HoldfastError('Configuration', 'the passphrase cannot be turned into a key', { cause: error }),
        );
    });
  });
}

async function seal(rootKey: SecretBytes, passphrase: SecretBytes): Promise<Buffer> {
  const header: SealedHeader = {
    format: FORMAT,
    kind: 'software-passphrase',
    kdf: 'scrypt',
    ...SCRYPT,
    salt: randomBytes(SALT_BYTES).toString('hex'),
    nonce: randomBytes(NONCE_BYTES).toString('hex'),
  };
  const line = headerLine(header);
  const key = await deriveKey(passphrase, header);
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from(header.nonce, 'hex')).setAAD(line);
  key.fill(0);
  return assemble(
    line,
    Buffer.concat([cipher.update(rootKey.reveal()), cipher.final(), cipher.getAuthTag()]),
  );
}

async function unseal(
  name: string,
  line: Buffer,
  header: SealedHeader,
  body: Buffer,
  passphrase: SecretBytes,
): Promise<SecretBytes> {
  const key = await deriveKey(passphrase, header);
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(header.nonce, 'hex'), {
    authTagLength: TAG_BYTES,
  });
  key.fill(0);
  decipher.setAAD(line).setAuthTag(body.subarray(ROOT_KEY_BYTES));
  const rootKey = decipher.update(body.subarray(0, ROOT_KEY_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    rootKey.fill(0);
    throw new HoldfastError('RootOfTrustMismatch', `the passphrase does not open the root key in ${name}`, {
      cause,
    });
  }
  return new SecretBytes(rootKey);
}

/** Bounds on what a file may ask of this machine; what is below them would be too weak. */
function hasSaneCost({ cost, blockSize, parallelization }: SealedHeader): boolean {
  const log2 = Math.log2(cost);
  return Number.isInteger(log2) && log2 >= 14 && log2 <= 20 && blockSize === 8 && parallelization === 1;
}

/** The fields that a first line may have, with values of any size; which of them fit is for `readHeader` to say. */
type HeaderFields = Partial<Omit<SealedHeader, 'kind' | 'format' | 'kdf'>> & {
  readonly format?: number;
  readonly kind?: string;
  readonly kdf?: string;
};

function parseLine(name: string, line: Buffer): HeaderFields {
  try {
    const parsed: unknown = JSON.parse(line.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Falls through: the text of the error may quote the file.
  }
  throw damaged(name, 'its first line is not an object of JSON');
}

/** Reads the header; whatever would not be written in exactly these bytes again is refused. */
function readHeader(name: string, line: Buffer): ClearHeader | SealedHeader {
  const parsed = parseLine(name, line);
  const { format, kind, kdf, cost = 0, blockSize = 0, parallelization = 0, salt = '', nonce = '' } = parsed;
  if (format !== FORMAT)
    throw new HoldfastError('Configuration', `${name} has a format that this release does not know`);
  if (kind === 'software-file' && line.equals(headerLine({ format, kind }))) return { format, kind };
  if (kind !== 'software-passphrase' || kdf !== 'scrypt')
    throw damaged(name, 'its first line does not say how it is sealed');
  const header: SealedHeader = { format, kind, kdf, cost, blockSize, parallelization, salt, nonce };
  const lengthsFit = /^[0-9a-f]{64}$/.test(salt) && /^[0-9a-f]{24}$/.test(nonce);
  if (!lengthsFit || !hasSaneCost(header) || !line.equals(headerLine(header)))
    throw damaged(name, 'its parameters are wrong');
  return header;
}

/** What the file holds for a new root key; sealed where there is a passphrase. The buffer is the caller's to zero. */
export async function encodeRootKey(
  rootKey: SecretBytes,
  passphrase: SecretBytes | undefined,
): Promise<Buffer> {
  if (passphrase === undefined)
    return assemble(headerLine({ format: FORMAT, kind: 'software-file' }), rootKey.reveal());
  return seal(rootKey, passphrase);
}

export interface DecodedRootKey {
  readonly kind: 'software-file' | 'software-passphrase';
  readonly rootKey: SecretBytes;
}

/**
 * Undoes `encodeRootKey`.
 * @param name of the file, for what is said of it
 * @throws HoldfastError Configuration for a file that is cut, altered or of an unknown format, for a passphrase that is
 * missing, and for one that is given though the file is not sealed; RootOfTrustMismatch for a wrong passphrase
 */
export async function decodeRootKey(
  file: Buffer,
  passphrase: SecretBytes | undefined,
  name: string,
): Promise<DecodedRootKey> {
  const contents = file.subarray(0, Math.max(0, file.length - DIGEST_BYTES));
  if (!sha256(contents).equals(file.subarray(contents.length))) throw damaged(name, 'its checksum is wrong');
  const lineLength = contents.indexOf(NEWLINE) + 1;
  const line = contents.subarray(0, lineLength);
  const body = contents.subarray(lineLength);
  const header = readHeader(name, line);
  const bodyLength = header.kind === 'software-file' ? ROOT_KEY_BYTES : ROOT_KEY_BYTES + TAG_BYTES;
  if (body.length !== bodyLength) throw damaged(name, 'its length is wrong');
  if (header.kind === 'software-file') {
    if (passphrase === undefined) return { kind: header.kind, rootKey: SecretBytes.copyOf(body) };
    throw new HoldfastError(
      'Configuration',
      `a passphrase is given, but ${name} is not sealed with one: unset HOLDFAST_PASSPHRASE`,
    );
  }
  if (passphrase === undefined) {
    throw new HoldfastError(
      'Configuration',
      `${name} is sealed with a passphrase: give it in HOLDFAST_PASSPHRASE`,
    );
  }
  return { kind: header.kind, rootKey: await unseal(name, line, header, body, passphrase) };
}
