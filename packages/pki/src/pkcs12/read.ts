import { createHmac, timingSafeEqual } from 'node:crypto';
import { HoldfastError, SecretBytes, type KeyBundle } from '@holdfast/core';
import {
  TAG,
  children,
  contextTag,
  expectTag,
  malformed,
  readElement,
  readOid,
  withDefiniteLengths,
  type DerElement,
} from '../der';
import { readBmpString } from '../names';
import { Allowance, FOR_MAC, bmpPassword, derive, readIterations } from './derivation';
import { decrypt } from './encryption';
import { HASHES, OID } from './object-identifiers';

const MAX_CONTAINER_BYTES = 256 * 1024;
const MAX_BAGS = 64;

interface Bag {
  readonly oid: string;
  readonly value: DerElement;
  readonly friendlyName: string | undefined;
  readonly localKeyId: Buffer | undefined;
}

/** An OCTET STRING; some tools write it in pieces, none in pieces of pieces. */
function octets(element: DerElement | undefined, what: string): Buffer {
  if (element?.tag === (TAG.octetString | 0x20) || element?.tag === contextTag(0, true)) {
    return Buffer.concat(children(element).map((piece) => expectTag(piece, TAG.octetString, what).contents));
  }
  if (element?.tag === contextTag(0, false)) return element.contents;
  return expectTag(element, TAG.octetString, what).contents;
}

function sequenceOf(element: DerElement | undefined, what: string): DerElement[] {
  return children(expectTag(element, TAG.sequence, what));
}

/** "The PFX PDU is BER-encoded" (RFC 7292 section 4): Mozilla's tools and Microsoft's write indefinite lengths. */
const readBer = (bytes: Buffer): DerElement => readElement(withDefiniteLengths(bytes));

/** What stands in an explicit [0]. */
function explicit(element: DerElement | undefined, what: string): DerElement {
  return readElement(expectTag(element, contextTag(0, true), what).contents);
}

/** @throws HoldfastError BadPassword */
async function requireMac(
  macData: DerElement | undefined,
  content: Buffer,
  password: Buffer,
  allowance: Allowance,
): Promise<void> {
  if (macData === undefined) return;
  const [digestInfo, salt, iterations] = sequenceOf(macData, 'the MAC');
  const [algorithm, digest] = sequenceOf(digestInfo, 'the MAC');
  const hash = HASHES.get(readOid(sequenceOf(algorithm, 'the hash of the MAC')[0], 'the hash of the MAC'));
  if (hash === undefined) throw malformed('the hash of its MAC is not available here');
  const expected = expectTag(digest, TAG.octetString, 'the MAC').contents;
  const { contents } = expectTag(salt, TAG.octetString, 'the salt of the MAC');
  const count = iterations === undefined ? 1 : readIterations(iterations);
  const lengthBytes = createHmac(hash.name, '').digest().length;
  const bmp = bmpPassword(password);
  const key = await derive(hash, FOR_MAC, bmp, contents, count, lengthBytes, allowance).finally(() =>
    bmp.fill(0),
  );
  const mac = createHmac(hash.name, key).update(content).digest();
  key.fill(0);
  if (mac.length === expected.length && timingSafeEqual(mac, expected)) return;
  throw new HoldfastError('BadPassword', 'the PKCS#12 container does not open with the password');
}

/** The SafeContents of one part of the container; those that were encrypted are the caller's to zero. */
async function openPart(
  contentInfo: DerElement,
  password: Buffer,
  allowance: Allowance,
): Promise<{ readonly safeContents: Buffer; readonly wasEncrypted: boolean }> {
  const [type, content] = sequenceOf(contentInfo, 'a part of the container');
  switch (readOid(type, 'the type of a part')) {
    case OID.data:
      return { safeContents: octets(explicit(content, 'a part'), 'a part'), wasEncrypted: false };
    case OID.encryptedData: {
      const [, encrypted] = sequenceOf(explicit(content, 'an encrypted part'), 'an encrypted part');
      const [, algorithm, ciphertext] = sequenceOf(encrypted, 'an encrypted part');
      const octetsOfPart = octets(ciphertext, 'an encrypted part');
      const safeContents = await decrypt(algorithm, octetsOfPart, password, allowance);
      return { safeContents, wasEncrypted: true };
    }
    default:
      throw malformed('a part of it is encrypted for the holder of a key');
  }
}

function attributesOf(set: DerElement | undefined): Pick<Bag, 'friendlyName' | 'localKeyId'> {
  let friendlyName: string | undefined;
  let localKeyId: Buffer | undefined;
  for (const attribute of set === undefined ? [] : children(expectTag(set, TAG.set, 'the attributes'))) {
    const [oid, values] = sequenceOf(attribute, 'an attribute');
    const [value] = children(expectTag(values, TAG.set, 'the value of an attribute'));
    const type = readOid(oid, 'an attribute');
    if (type === OID.friendlyName && value?.tag === TAG.bmpString) {
      friendlyName = readBmpString(value.contents);
    } else if (type === OID.localKeyId && value?.tag === TAG.octetString) localKeyId = value.contents;
  }
  return { friendlyName, localKeyId };
}

function bagsIn(safeContents: Buffer): Bag[] {
  return sequenceOf(readElement(safeContents), 'the contents of a part').map((bag) => {
    const [oid, value, attributes] = sequenceOf(bag, 'a bag');
    return {
      oid: readOid(oid, 'the type of a bag'),
      value: explicit(value, 'a bag'),
      ...attributesOf(attributes),
    };
  });
}

/** PKCS#8 DER in a bag that holds a private key. */
async function privateKeyIn(
  { oid, value }: Bag,
  password: Buffer,
  allowance: Allowance,
): Promise<SecretBytes> {
  if (oid === OID.keyBag) return SecretBytes.copyOf(value.der);
  const [algorithm, ciphertext] = sequenceOf(value, 'an encrypted private key');
  const content = octets(ciphertext, 'an encrypted private key');
  return new SecretBytes(await decrypt(algorithm, content, password, allowance));
}

function certificateIn({ value }: Bag): Buffer | undefined {
  const [type, content] = sequenceOf(value, 'a certificate');
  if (readOid(type, 'the type of a certificate') !== OID.x509Certificate) return undefined;
  return Buffer.from(octets(explicit(content, 'a certificate'), 'a certificate'));
}

/** The alias is compared without regard to case (RFC 2985 section 5.5.1). */
function isNamed(name: string | undefined, wanted: string): boolean {
  return name?.toLowerCase() === wanted.toLowerCase();
}

function keyBagNamed(bags: readonly Bag[], wanted: string | undefined): Bag {
  const keys = bags.filter(({ oid }) => oid === OID.keyBag || oid === OID.shroudedKeyBag);
  const key = wanted === undefined ? keys[0] : keys.find(({ friendlyName }) => isNamed(friendlyName, wanted));
  if (key !== undefined) return key;
  const which = wanted === undefined ? 'private key' : 'private key of that friendly name';
  throw new HoldfastError('InvalidField', `the PKCS#12 container holds no ${which}`);
}

/** See `CertificatesPort.openPkcs12`. */
export async function openPkcs12(
  container: Buffer,
  password: SecretBytes,
  friendlyName?: string,
): Promise<KeyBundle> {
  if (container.length > MAX_CONTAINER_BYTES) throw malformed('it is larger than 256 KiB');
  const secret = password.reveal();
  const [version, authSafe, macData] = sequenceOf(readBer(container), 'the PKCS#12 container');
  if (expectTag(version, TAG.integer, 'the version').contents.toString('hex') !== '03') {
    throw malformed('it is no PKCS#12 container of version 3');
  }
  const [type, content] = sequenceOf(authSafe, 'the contents of the container');
  if (readOid(type, 'the type of the container') !== OID.data)
    throw malformed('it is signed, not authenticated');
  const safe = octets(explicit(content, 'the contents'), 'the contents');
  const allowance = new Allowance();
  await requireMac(macData, safe, secret, allowance);
  const decrypted: Buffer[] = [];
  try {
    const bags: Bag[] = [];
    for (const part of sequenceOf(readBer(safe), 'the parts of the container')) {
      const { safeContents, wasEncrypted } = await openPart(part, secret, allowance);
      if (wasEncrypted) decrypted.push(safeContents);
      const definite = withDefiniteLengths(safeContents);
      decrypted.push(definite);
      bags.push(...bagsIn(definite));
      if (bags.length > MAX_BAGS) throw malformed(`it holds more than ${MAX_BAGS} keys and certificates`);
    }
    return await bundleOf(bags, keyBagNamed(bags, friendlyName), secret, allowance);
  } finally {
    for (const safeContents of decrypted) safeContents.fill(0);
  }
}

async function bundleOf(
  bags: readonly Bag[],
  key: Bag,
  password: Buffer,
  allowance: Allowance,
): Promise<KeyBundle> {
  return {
    certificates: bags
      .filter(({ oid }) => oid === OID.certificateBag)
      .flatMap((bag) => certificateIn(bag) ?? []),
    privateKey: await privateKeyIn(key, password, allowance),
    friendlyName: key.friendlyName,
  };
}
