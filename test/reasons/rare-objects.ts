import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AsynchronousIndicator,
  CryptographicAlgorithm,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  SecretDataType,
  SplitKeyMethod,
  Tag,
} from '@holdfast/kmip';
import {
  boolean,
  bytes,
  dateTime,
  enumeration,
  integer,
  structure,
  text,
  textAt,
  uniqueIdentifier,
  valueAt,
  type Peer,
} from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import { making } from './making';
import {
  VERSIONS,
  createRequest,
  createPairRequest,
  isOlder,
  membersOf,
  type Site,
  type Version,
} from './pieces';

type Rare =
  | 'full'
  | 'dated'
  | 'datedPrivate'
  | 'valuelessPrivate'
  | 'valuelessPublic'
  | 'applied'
  | 'fieldless'
  | 'huge'
  | 'wrapped'
  | 'container'
  | 'wrongPassword'
  | 'pending';

interface Sources {
  readonly make: (mask: number, ...further: readonly Item[]) => Promise<string>;
  readonly key: string;
  readonly publicKey: string;
}

/** What the rarer mistakes are made with. */
export async function rareObjects(
  peer: Peer,
  peerOf: (version: Version) => Peer,
  { make, key, publicKey }: Sources,
): Promise<Pick<Site, Rare>> {
  const groups = Array.from({ length: 256 }, (_, index) => text(Tag.ObjectGroup, `group ${index}`));
  const later = dateTime(Tag.DeactivationDate, 4_000_000_000);
  const { operation, payload } = createRequest('2.1');
  const [type, described] = payload as [Item, Item];
  const dated = await peer.call(operation, [type, structure(Tag.Attributes, ...membersOf(described), later)]);
  const common = createPairRequest('2.1').payload[0];
  const datedPair = await peer.call(Operation.CreateKeyPair, [
    structure(Tag.CommonAttributes, ...membersOf(common), later),
  ]);
  const register = async (objectType: number, object: Item, ...further: readonly Item[]): Promise<string> => {
    const mask = integer(Tag.CryptographicUsageMask, 0xffff);
    const attributes = structure(Tag.Attributes, mask, ...further);
    const made = await peer.call(Operation.Register, [
      enumeration(Tag.ObjectType, objectType),
      attributes,
      object,
    ]);
    return textAt(made, Tag.UniqueIdentifier);
  };
  const activated = async (identifier: string): Promise<string> => {
    await peer.call(Operation.Activate, [uniqueIdentifier(identifier)]);
    return identifier;
  };
  const elsewhere = structure(
    Tag.KeyValueLocation,
    text(Tag.KeyValueLocationValue, 'elsewhere'),
    enumeration(Tag.KeyValueLocationType, 1),
  );
  const valueless = async (objectType: number, tag: number, ...further: readonly Item[]): Promise<string> => {
    const block = structure(
      Tag.KeyBlock,
      enumeration(Tag.KeyFormatType, KeyFormatType.PKCS_1),
      enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.RSA),
      integer(Tag.CryptographicLength, 2048),
    );
    return activated(await register(objectType, structure(tag, block), elsewhere, ...further));
  };
  const partsOver = (prime: bigint): Promise<string[]> =>
    Promise.all(
      [1, 2].map((part) =>
        register(
          ObjectType.SplitKey,
          structure(
            Tag.SplitKey,
            integer(Tag.SplitKeyParts, 2),
            integer(Tag.KeyPartIdentifier, part),
            integer(Tag.SplitKeyThreshold, 2),
            enumeration(Tag.SplitKeyMethod, SplitKeyMethod.PolynomialSharingPrimeField),
            { tag: Tag.PrimeFieldSize, type: ItemType.BigInteger, value: prime },
            structure(
              Tag.KeyBlock,
              enumeration(Tag.KeyFormatType, KeyFormatType.Raw),
              structure(Tag.KeyValue, bytes(Tag.KeyMaterial, Buffer.alloc(32, part))),
              enumeration(Tag.CryptographicAlgorithm, CryptographicAlgorithm.AES),
              integer(Tag.CryptographicLength, 256),
            ),
          ),
        ),
      ),
    );
  const wrapped = await peer.call(Operation.Get, [
    uniqueIdentifier(key),
    structure(
      Tag.KeyWrappingSpecification,
      enumeration(Tag.WrappingMethod, 1),
      structure(Tag.EncryptionKeyInformation, uniqueIdentifier(key)),
      enumeration(Tag.EncodingOption, 1),
    ),
  ]);
  const password = structure(
    Tag.KeyBlock,
    enumeration(Tag.KeyFormatType, KeyFormatType.Opaque),
    structure(Tag.KeyValue, bytes(Tag.KeyMaterial, Buffer.from('another password'))),
  );
  const pending: Partial<Record<Version, Buffer>> = {};
  for (const version of VERSIONS) {
    const indicator = isOlder(version)
      ? boolean(Tag.AsynchronousIndicator, true)
      : enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory);
    const { items } = await peerOf(version).batch(
      [making('CreateKeyPair', { key: '', parts: [] }, version)],
      {
        header: [indicator],
      },
    );
    const [{ correlationValue } = {}] = items;
    if (correlationValue !== undefined) pending[version] = correlationValue;
  }
  return {
    full: await make(12, ...groups),
    dated: textAt(dated, Tag.UniqueIdentifier),
    datedPrivate: textAt(datedPair, Tag.PrivateKeyUniqueIdentifier),
    valuelessPrivate: await valueless(
      ObjectType.PrivateKey,
      Tag.PrivateKey,
      structure(
        Tag.Link,
        enumeration(Tag.LinkType, LinkType.PublicKeyLink),
        text(Tag.LinkedObjectIdentifier, publicKey),
      ),
    ),
    valuelessPublic: await valueless(ObjectType.PublicKey, Tag.PublicKey),
    applied: await make(
      12,
      structure(
        Tag.ApplicationSpecificInformation,
        text(Tag.ApplicationNamespace, 'x'),
        text(Tag.ApplicationData, 'y'),
      ),
    ),
    fieldless: await partsOver(1n),
    huge: await partsOver((1n << 90_000n) - 1n),
    wrapped: valueAt(wrapped, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue) as Buffer,
    container: pkcs12(),
    wrongPassword: await activated(
      await register(
        ObjectType.SecretData,
        structure(Tag.SecretData, enumeration(Tag.SecretDataType, SecretDataType.Password), password),
      ),
    ),
    pending,
  };
}

/** A container under the password "right". */
function pkcs12(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-reasons-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=x',
    '-keyout',
    key,
    '-out',
    certificate,
  );
  const made = openssl('pkcs12', '-export', '-inkey', key, '-in', certificate, '-passout', 'pass:right');
  rmSync(folder, { recursive: true });
  return made;
}
