import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/core';
import {
  custodianOf,
  openEnvelope,
  openedBy,
  readEnvelopeHeader,
  sealEnvelope,
  sharesOf,
  type EnvelopeHolders,
  type EnvelopeOpener,
} from '@holdfast/crypto';
import { decodeRecord, framed, recordsOf, type RecordHead } from './records';

/*
 * An escrow package: envelope ‖ manifest (JSON) ‖ length of the manifest (8). The envelope is sealed to the custodians;
 * the manifest says in the clear what is in it, and nothing of its value.
 */
const CONTENT = 'escrow';
const FORMAT = 'holdfast-escrow 2';
/** In the first one the manifest has no digest. */
const FORMATS = ['holdfast-escrow 1', FORMAT] as const;
const LENGTH_BYTES = 8;
const MAX_MANIFEST_BYTES = 64 << 20;

/** What a package says in the clear of one object. */
export interface ManifestObject extends Omit<RecordHead, 'ownerId'> {
  /** Version of the domain key that made the MAC over the whole record; base64. */
  readonly keyVersion: number;
  readonly mac: string;
}

export interface Manifest {
  readonly format: (typeof FORMATS)[number];
  readonly id: string;
  readonly createdAt: string;
  /** Of the envelope, in hex. */
  readonly sha256: string;
  readonly objects: readonly ManifestObject[];
  /** Of the JSON of all else, in hex: what opens a package does not hold the MACs. */
  readonly manifestSha256?: string;
}

export interface PackageEntry {
  /** Secret; zeroed once it is sealed. */
  readonly record: Buffer;
  readonly object: ManifestObject;
}

/** A package, as a stream. @throws HoldfastError InvalidField where threshold and recipients do not fit */
export async function* sealPackage(
  holders: EnvelopeHolders,
  entries: AsyncIterable<PackageEntry>,
): AsyncGenerator<Buffer> {
  const objects: ManifestObject[] = [];
  const digest = createHash('sha256');
  for await (const part of sealEnvelope(CONTENT, holders, contentOf(entries, objects))) {
    digest.update(part);
    yield part;
  }
  const manifest: Manifest = {
    format: FORMAT,
    id: randomUUID(),
    createdAt: new Date().toISOString(),
    sha256: digest.digest('hex'),
    objects,
  };
  const bytes = Buffer.from(JSON.stringify({ ...manifest, manifestSha256: digestOf(manifest) }));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64BE(BigInt(bytes.length));
  yield Buffer.concat([bytes, length]);
}

function digestOf(manifest: Manifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}

async function* contentOf(
  entries: AsyncIterable<PackageEntry>,
  objects: ManifestObject[],
): AsyncGenerator<Buffer> {
  for await (const { record, object } of entries) {
    const bytes = framed(record);
    record.fill(0);
    objects.push(object);
    yield bytes;
    bytes.fill(0);
  }
}

/** A package of which form and digests were checked. */
export interface EscrowPackage {
  readonly manifest: Manifest;
  /** Of the whole file. */
  readonly sha256: string;
  /** Names, in the order of their shares. */
  readonly custodians: readonly string[];
  /** How many of them are needed; undefined: any one. */
  readonly threshold: number | undefined;
  /** Which of the custodians open it with this. @throws HoldfastError PermissionDenied where a key is none of theirs */
  openedBy(opener: EnvelopeOpener): readonly string[];
  /** What opens it alone, or together. */
  envelope(): AsyncIterable<Buffer>;
}

/**
 * Reads a package without opening it: its form, the digest of what is sealed, and that its shares are those of one splitting.
 * @throws HoldfastError InvalidField where it is none; IntegrityViolation where it was altered or cut off
 */
export async function readPackage(path: string): Promise<EscrowPackage> {
  const { manifest, envelopeBytes } = await readManifest(path);
  const envelope = (): AsyncIterable<Buffer> => createReadStream(path, { end: envelopeBytes - 1 });
  const header = await readEnvelopeHeader(envelope());
  if (header.content !== CONTENT) throw noPackage();
  const whole = createHash('sha256');
  const sealed = createHash('sha256');
  let offset = 0;
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    whole.update(part);
    sealed.update(part.subarray(0, Math.max(0, envelopeBytes - offset)));
    offset += part.length;
  }
  if (sealed.digest('hex') !== manifest.sha256) {
    throw new HoldfastError('IntegrityViolation', 'the package was altered: its digest is another');
  }
  return {
    manifest,
    sha256: whole.digest('hex'),
    ...custodiansOf(header),
    openedBy: (opener) => openedBy(header, opener),
    envelope,
  };
}

function custodiansOf(
  header: Awaited<ReturnType<typeof readEnvelopeHeader>>,
): Pick<EscrowPackage, 'custodians' | 'threshold'> {
  if (header.shares === undefined) {
    return { custodians: header.recipients.map(({ name }) => name), threshold: undefined };
  }
  const shares = sharesOf(header);
  const [first] = shares;
  const belong = shares.every(
    ({ split, index }, place) =>
      index === place + 1 && JSON.stringify(split) === JSON.stringify(first?.split),
  );
  if (first === undefined || !belong || shares.length !== first.split.custodians.length) {
    throw new HoldfastError('IntegrityViolation', 'the shares of the package do not belong together');
  }
  return { custodians: shares.map(custodianOf), threshold: first.split.threshold };
}

async function readManifest(
  path: string,
): Promise<{ readonly manifest: Manifest; readonly envelopeBytes: number }> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = await bytesAt(file, size - LENGTH_BYTES, LENGTH_BYTES);
    const manifestBytes = Number(length.readBigUInt64BE());
    const envelopeBytes = size - LENGTH_BYTES - manifestBytes;
    if (manifestBytes > MAX_MANIFEST_BYTES || envelopeBytes <= 0) throw noPackage();
    const bytes = await bytesAt(file, envelopeBytes, manifestBytes);
    return { manifest: parsed(bytes), envelopeBytes };
  } finally {
    await file.close();
  }
}

async function bytesAt(
  file: Awaited<ReturnType<typeof open>>,
  position: number,
  length: number,
): Promise<Buffer> {
  if (position < 0) throw noPackage();
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw noPackage();
  return buffer;
}

function parsed(bytes: Buffer): Manifest {
  const { manifestSha256, ...manifest } = fromJson(bytes);
  const hasDigest = manifest.format === FORMAT || manifestSha256 !== undefined;
  if (hasDigest && manifestSha256 !== digestOf(manifest)) {
    throw new HoldfastError(
      'IntegrityViolation',
      'the package was altered: the digest of its manifest is another',
    );
  }
  return manifest;
}

function fromJson(bytes: Buffer): Manifest {
  try {
    const manifest = JSON.parse(bytes.toString('utf8')) as Manifest;
    if (FORMATS.includes(manifest.format) && Array.isArray(manifest.objects)) return manifest;
  } catch {
    // Falls through to the refusal.
  }
  throw noPackage();
}

function noPackage(): HoldfastError {
  return new HoldfastError('InvalidField', 'the file is no escrow package, or it was cut off');
}

/**
 * The records of a package, each with what the manifest says of it.
 * @throws HoldfastError PermissionDenied (too few shares, a stranger's key), IntegrityViolation
 */
export async function* openPackage(
  found: EscrowPackage,
  opener: EnvelopeOpener,
): AsyncGenerator<PackageEntry> {
  const { manifest } = found;
  let index = 0;
  for await (const record of recordsOf(openEnvelope(found.envelope(), CONTENT, opener))) {
    const object = manifest.objects[index++];
    const { head } = decodeRecord(record);
    if (
      object?.uniqueIdentifier !== head.uniqueIdentifier ||
      object.domainId !== head.domainId ||
      object.domain !== head.domain ||
      object.generation !== head.generation ||
      object.revision !== head.revision
    )
      throw manifestDiffers();
    yield { record, object };
  }
  if (index !== manifest.objects.length) throw manifestDiffers();
}

function manifestDiffers(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'the package does not hold what its manifest says');
}
