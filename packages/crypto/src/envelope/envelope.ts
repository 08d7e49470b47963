import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import {
  contentKeyOf,
  holdContentKey,
  type EnvelopeHolders,
  type EnvelopeOpener,
  type HeldContentKey,
} from './content-key';

/*
 * An envelope: magic line ‖ length of the header (4) ‖ header (JSON) ‖ chunks. A chunk is length (4) ‖ AES-256-GCM of up
 * to 64 KiB ‖ tag (16) under a key from HKDF(content key); its nonce is its number (11 bytes) ‖ whether it is the last (1),
 * its AAD the SHA-256 of all that stands before the chunks. So no chunk can be altered, left out, doubled, moved or cut off.
 */
const MAGIC = Buffer.from('holdfast-envelope 1\n');
const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const MAX_HEADER_BYTES = 1 << 20;
const STREAM_LABEL = 'holdfast envelope stream 1';

/** What stands in front in the clear. */
export interface EnvelopeHeader extends HeldContentKey {
  /** What is inside, e.g. "backup". */
  readonly content: string;
  readonly createdAt: string;
  /** In base64. */
  readonly salt: string;
}

function streamKey(contentKey: SecretBytes, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', contentKey.reveal(), salt, STREAM_LABEL, KEY_BYTES));
}

function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(index, NONCE_BYTES - 7, 6);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

/**
 * Seals what `content` yields to its holders, as a stream that holds a chunk at a time.
 * @param kind stands in the header
 * @throws HoldfastError InvalidField without recipients, or where their number does not fit the threshold
 */
export async function* sealEnvelope(
  kind: string,
  holders: EnvelopeHolders,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { key, header } = await newContentKey(kind, holders);
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    const front = frontOf(Buffer.from(JSON.stringify(header)));
    yield front;
    const aad = createHash('sha256').update(front).digest();
    let index = 0;
    const seal = (plaintext: Buffer, isLast: boolean): Buffer => {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index++, isLast)).setAAD(aad);
      const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return Buffer.concat([lengthOf(sealed), sealed]);
    };
    let filled = 0;
    for await (const part of content) {
      for (let offset = 0; offset < part.length;) {
        // The last chunk is sealed as such, so a full one waits until there is more.
        if (filled === CHUNK_BYTES) {
          yield seal(chunk, false);
          filled = 0;
        }
        const copied = part.copy(chunk, filled, offset);
        filled += copied;
        offset += copied;
      }
    }
    yield seal(chunk.subarray(0, filled), true);
  } finally {
    key.fill(0);
    chunk.fill(0);
  }
}

async function newContentKey(
  kind: string,
  holders: EnvelopeHolders,
): Promise<{ readonly key: Buffer; readonly header: EnvelopeHeader }> {
  const contentKey = new SecretBytes(randomBytes(KEY_BYTES));
  try {
    const salt = randomBytes(SALT_BYTES);
    const header = {
      content: kind,
      createdAt: new Date().toISOString(),
      salt: salt.toString('base64'),
      ...(await holdContentKey(kind, holders, contentKey)),
    };
    return { key: streamKey(contentKey, salt), header };
  } finally {
    contentKey.destroy();
  }
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.length);
  return length;
}

function frontOf(header: Buffer): Buffer {
  return Buffer.concat([MAGIC, lengthOf(header), header]);
}

function damaged(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('IntegrityViolation', `the file is damaged: ${what}`, { cause });
}

/** Takes exact numbers of bytes out of a stream. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @returns fewer bytes only where there are no more */
  async take(length: number): Promise<Buffer> {
    while (this.#pending.length < length) {
      const next = await this.#source.next();
      if (next.done === true) break;
      this.#pending = Buffer.concat([this.#pending, next.value]);
    }
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(taken.length);
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    const [first] = await this.take(1);
    if (first === undefined) return true;
    this.#pending = Buffer.concat([Buffer.of(first), this.#pending]);
    return false;
  }
}

async function readFront(
  reader: ByteReader,
): Promise<{ readonly header: EnvelopeHeader; readonly front: Buffer }> {
  if (!(await reader.take(MAGIC.length)).equals(MAGIC)) {
    throw new HoldfastError('InvalidField', 'the file is none that Holdfast sealed');
  }
  const length = (await takeAll(reader, LENGTH_BYTES)).readUInt32BE();
  if (length > MAX_HEADER_BYTES) throw damaged('its header is too long');
  const bytes = await takeAll(reader, length);
  try {
    return { header: JSON.parse(bytes.toString('utf8')) as EnvelopeHeader, front: frontOf(bytes) };
  } catch (cause) {
    throw damaged('its header cannot be read', cause);
  }
}

async function takeAll(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.take(length);
  if (bytes.length < length) throw damaged('it is cut off');
  return bytes;
}

/** What stands in front of an envelope. @throws HoldfastError InvalidField, IntegrityViolation */
export async function readEnvelopeHeader(envelope: AsyncIterable<Buffer>): Promise<EnvelopeHeader> {
  return (await readFront(new ByteReader(envelope))).header;
}

/**
 * Opens an envelope with what its holders have; yields a chunk once its tag was verified. What came out
 * is complete only when the generator has ended.
 * @throws HoldfastError InvalidField (none of this kind), IntegrityViolation (altered or cut), and as contentKeyOf
 */
export async function* openEnvelope(
  envelope: AsyncIterable<Buffer>,
  kind: string,
  opener: EnvelopeOpener,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(envelope);
  const { header, front } = await readFront(reader);
  if (header.content !== kind) throw new HoldfastError('InvalidField', `the file holds no ${kind}`);
  const contentKey = await contentKeyOf(header, opener);
  const key = streamKey(contentKey, Buffer.from(header.salt, 'base64'));
  contentKey.destroy();
  const aad = createHash('sha256').update(front).digest();
  try {
    for (let index = 0, isLast = false; !isLast; index++) {
      const length = (await takeAll(reader, LENGTH_BYTES)).readUInt32BE();
      if (length < TAG_BYTES || length > CHUNK_BYTES + TAG_BYTES)
        throw damaged('a chunk has an impossible length');
      const sealed = await takeAll(reader, length);
      isLast = await reader.isAtEnd();
      yield openChunk(key, nonceOf(index, isLast), aad, sealed);
    }
  } finally {
    key.fill(0);
  }
}

function openChunk(key: Buffer, nonce: Buffer, aad: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const chunk = decipher.update(sealed.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return chunk;
  } catch (cause) {
    chunk.fill(0);
    throw damaged('it was altered or cut off', cause);
  }
}
