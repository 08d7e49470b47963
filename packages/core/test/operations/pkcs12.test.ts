import {
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  SecretDataType,
  type Attribute,
  type ManagedObjectOf,
} from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { SecretBytes } from '@holdfast/ttlv';
import { activate, addAttribute, get, locate, register, revoke } from '@holdfast/core';
import { Harness } from './harness';
import { asking, password, rawKey, refused, registerObject, valueOf, valuesOf } from './requests';

let harness: Harness;
/** A key with its certificate and that of its issuer, in a container under the password "secret". */
let container: Buffer;
let privateKey: Buffer;
let chain: readonly Buffer[];
beforeAll(async () => {
  harness = await Harness.start();
  const { nowSeconds } = harness;
  const ca = await certificates.createAuthority({ commonName: 'Issuer', nowSeconds });
  const authority = { certificateDer: ca.der, privateKey: ca.privateKey };
  const issued = await certificates.issueClient(authority, { name: 'leaf', nowSeconds });
  privateKey = Buffer.from(issued.privateKey.reveal());
  chain = [issued.der, ca.der];
  container = await made('secret', 'leaf');
});
afterAll(() => harness.close());

const secret = (text: string) => new SecretBytes(Buffer.from(text));

function made(text: string, friendlyName: string): Promise<Buffer> {
  const bundle = { privateKey: SecretBytes.copyOf(privateKey), friendlyName };
  // The issuer first: what belongs to the key is found by looking.
  return certificates.makePkcs12({ ...bundle, certificates: [...chain].reverse() }, secret(text));
}

async function activePassword(text = 'secret'): Promise<string> {
  const uniqueIdentifier = await registerObject(harness, password(text));
  await harness.run(activate, { uniqueIdentifier });
  return uniqueIdentifier;
}

function contained(bytes: Buffer): ManagedObjectOf<typeof ObjectType.PrivateKey> {
  const keyValue = { keyMaterial: SecretBytes.copyOf(bytes), attributes: [] };
  return {
    objectType: ObjectType.PrivateKey,
    keyBlock: { keyFormatType: KeyFormatType.PKCS_12, keyValue },
  };
}

const linkTo = (linkedObjectIdentifier: string): Attribute => ({
  key: 'Link',
  value: { linkType: LinkType.PKCS_12PasswordLink, linkedObjectIdentifier },
});
const usage: Attribute = { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Sign };

/** Registers the container. */
const taken = (bytes: Buffer, ...attributes: Attribute[]) =>
  registerObject(harness, contained(bytes), [usage, ...attributes]);

async function linkedFrom(uniqueIdentifier: string, linkType: LinkType): Promise<string> {
  const links = await valuesOf(harness, uniqueIdentifier, 'Link');
  const link = links.find((each) => each.linkType === linkType)?.linkedObjectIdentifier;
  if (typeof link !== 'string') throw new Error('no such link');
  return link;
}

async function inContainer(uniqueIdentifier: string): Promise<Buffer> {
  const { object } = await harness.run(get, { uniqueIdentifier, keyFormatType: KeyFormatType.PKCS_12 });
  const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes))
    throw new Error('no container');
  return keyValue.keyMaterial.reveal();
}

test('a container becomes a private key, its public key and its certificates', async () => {
  const key = await taken(container, linkTo(await activePassword()));
  const { object } = await harness.run(get, { uniqueIdentifier: key });
  expect(object).toMatchObject({ keyBlock: { keyFormatType: KeyFormatType.PKCS_8 } });
  expect(await valueOf(harness, key, 'PKCS_12FriendlyName')).toBe('leaf');
  const publicKey = await linkedFrom(key, LinkType.PublicKeyLink);
  expect(await linkedFrom(publicKey, LinkType.PrivateKeyLink)).toBe(key);
  expect(await valueOf(harness, publicKey, 'CryptographicUsageMask')).toBe(CryptographicUsageMask.Verify);
  const leaf = await linkedFrom(publicKey, LinkType.PKCS_12CertificateLink);
  const issuer = await linkedFrom(leaf, LinkType.CertificateLink);
  const values = await Promise.all(
    [leaf, issuer].map(async (uniqueIdentifier) => (await harness.run(get, { uniqueIdentifier })).object),
  );
  expect(values).toMatchObject(chain.map((certificateValue) => ({ certificateValue })));
});

test('and goes into a container again, with its chain', async () => {
  const passwordId = await activePassword('another');
  const key = await taken(container, linkTo(await activePassword()), {
    key: 'PKCS_12FriendlyName',
    value: 'LEAF',
  });
  const bundle = await certificates.openPkcs12(await inContainer(key), secret('secret'), 'leaf');
  expect(bundle.privateKey.reveal()).toEqual(privateKey);
  expect(bundle.certificates).toEqual(chain);
  await harness.run(addAttribute, { uniqueIdentifier: key, newAttribute: linkTo(passwordId) });
  expect(await refused(inContainer(key))).toBe('BadPassword');
});

test('a key that came otherwise goes into a container under the name "alias"', async () => {
  const object = contained(privateKey);
  const inPkcs8 = { ...object, keyBlock: { ...object.keyBlock, keyFormatType: KeyFormatType.PKCS_8 } };
  const key = await registerObject(harness, inPkcs8, [usage, linkTo(await activePassword())]);
  const bundle = await certificates.openPkcs12(await inContainer(key), secret('secret'), 'alias');
  expect(bundle.certificates).toEqual([]);
});

describe('refused is', () => {
  test('a container without one Active password', async () => {
    const passwordId = await activePassword();
    expect(await refused(taken(container))).toBe('BadPassword');
    const two = [linkTo(passwordId), linkTo(await activePassword())];
    expect(await refused(taken(container, ...two))).toBe('BadPassword');
    expect(await refused(taken(container, linkTo('nothing')))).toBe('BadPassword');
    const inactive = await registerObject(harness, password('secret'));
    expect(await refused(taken(container, linkTo(inactive)))).toBe('BadPassword');
    const seed = await registerObject(harness, {
      ...password('secret'),
      secretDataType: SecretDataType.Seed,
    });
    await harness.run(activate, { uniqueIdentifier: seed });
    expect(await refused(taken(container, linkTo(seed)))).toBe('BadPassword');
    await harness.run(revoke, {
      uniqueIdentifier: passwordId,
      revocationReason: { revocationReasonCode: 1 },
    });
    expect(await refused(taken(container, linkTo(passwordId)))).toBe('BadPassword');
  });

  test('a wrong password, and what is no container', async () => {
    expect(await refused(taken(container, linkTo(await activePassword('wrong'))))).toBe('BadPassword');
    const link = linkTo(await activePassword());
    expect(await refused(taken(privateKey, link))).toBe('InvalidField');
    expect(await refused(taken(container, link, { key: 'PKCS_12FriendlyName', value: 'nobody' }))).toBe(
      'InvalidField',
    );
    const { uniqueIdentifiers } = await harness.run(locate, {
      attributes: [{ key: 'PKCS_12FriendlyName', value: 'nobody' }],
    });
    expect(uniqueIdentifiers).toEqual([]);
  });

  test('anything but a private key', async () => {
    const uniqueIdentifier = await registerObject(harness, rawKey('00'.repeat(16)));
    expect(await refused(inContainer(uniqueIdentifier))).toBe('KeyFormatTypeNotSupported');
    const object = rawKey('00'.repeat(16), { keyFormatType: KeyFormatType.PKCS_12 });
    const request = { objectType: object.objectType, newAttributes: asking(), object };
    expect(await refused(harness.run(register, request))).toBe('KeyFormatTypeNotSupported');
  });

  test('a sensitive key in a container: a password is no wrapping key', async () => {
    const attributes: Attribute[] = [linkTo(await activePassword()), { key: 'Sensitive', value: true }];
    expect(await refused(inContainer(await taken(container, ...attributes)))).toBe('Sensitive');
  });
});
