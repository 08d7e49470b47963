import {
  CertificateType,
  CryptographicUsageMask,
  KeyFormatType,
  LinkType,
  ObjectType,
  SecretDataType,
  State,
  type KeyBlock,
  type ManagedObjectOf,
  type ManagedObjectValue,
} from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { ManagedObject } from '../object-access';
import type { OperationContext } from '../operation';
import { AttributeSet } from './attribute-set';
import { generatedKeyBlock, isWrapped, keyBlockOf, makeObject } from './new-object';
import { describeRegistered } from './registered-value';

/**
 * Private keys with their certificates in PKCS#12 containers, protected by a Secret Data object.
 * KMIP 1.4 sections 3.45 and 4.11, KMIP 2.1 sections 4.39 and 6.1.19.
 */

type PrivateKey = ManagedObjectOf<typeof ObjectType.PrivateKey>;

/** More certificates than any chain has. */
const MAX_CHAIN_LENGTH = 16;
const USUAL_FRIENDLY_NAME = 'alias';

/** Identifiers of the objects at the other end of an object's links of a type. */
function linked(attributes: AttributeSet, linkType: LinkType): readonly string[] {
  return attributes
    .instances('Link')
    .flatMap(({ value: { linkType: type, linkedObjectIdentifier: id } }) =>
      type === linkType && typeof id === 'string' ? [id] : [],
    );
}

/** @throws HoldfastError BadPassword where there is not exactly one password that may be used */
async function passwordOf(attributes: AttributeSet, { objects }: OperationContext): Promise<SecretBytes> {
  const [uniqueIdentifier, ...others] = linked(attributes, LinkType.PKCS_12PasswordLink);
  if (uniqueIdentifier === undefined || others.length > 0) {
    throw badPassword('a key in PKCS#12 has one PKCS#12 Password Link');
  }
  const object = await objects.find(uniqueIdentifier, 'use');
  const value = object?.state === State.Active ? object.stored.openValue() : undefined;
  if (value?.objectType !== ObjectType.SecretData || value.secretDataType !== SecretDataType.Password) {
    throw badPassword('the PKCS#12 Password Link leads to no Active password');
  }
  const { keyValue } = value.keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes)) {
    throw badPassword('the server does not hold the password in clear');
  }
  return keyValue.keyMaterial;
}

function badPassword(message: string): HoldfastError {
  return new HoldfastError('BadPassword', message);
}

/** Whether the object is a private key in a container that can be opened. */
export function isContainer(value: ManagedObjectValue): value is PrivateKey {
  return (
    value.objectType === ObjectType.PrivateKey &&
    value.keyBlock.keyFormatType === KeyFormatType.PKCS_12 &&
    !isWrapped(value.keyBlock)
  );
}

/** A container that was opened. */
export interface OpenedContainer {
  readonly value: PrivateKey;
  /** In DER, the key's own certificate first; none where the container has none of the key's. */
  readonly chain: readonly Buffer[];
}

/**
 * Opens the container of a private key that is registered; the requested attributes are completed.
 * @throws HoldfastError BadPassword, InvalidField
 */
export async function openContainer(
  { objectType, keyBlock }: PrivateKey,
  requested: AttributeSet,
  context: OperationContext,
): Promise<OpenedContainer> {
  const { keyValue } = keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes)) {
    throw new HoldfastError('InvalidField', 'the Key Material is no PKCS#12 container');
  }
  const password = await passwordOf(requested, context);
  const { privateKey, certificates, friendlyName } = await context.certificates.openPkcs12(
    keyValue.keyMaterial.reveal(),
    password,
    requested.get('PKCS_12FriendlyName'),
  );
  if (friendlyName !== undefined && !requested.has('PKCS_12FriendlyName')) {
    requested.set('PKCS_12FriendlyName', friendlyName);
  }
  // It is kept as the key alone: what stands in KeyFormatType says in what it came.
  requested.clear('KeyFormatType');
  const opened = {
    ...keyBlock,
    keyFormatType: KeyFormatType.PKCS_8,
    keyValue: { keyMaterial: privateKey, attributes: keyValue.attributes },
  };
  return { value: { objectType, keyBlock: opened }, chain: chainOf(opened, certificates, context) };
}

/** The certificate of the key, its issuer, the issuer's issuer, and so on. */
function chainOf(
  privateKey: KeyBlock,
  certificates: readonly Buffer[],
  context: OperationContext,
): readonly Buffer[] {
  if (certificates.length === 0) return [];
  const described = certificates.map((der) => context.certificates.describe(der));
  const publicKey = context.crypto.publicKeyOf(privateKey).keyMaterial.reveal();
  const chain: Buffer[] = [];
  let next = described.find(({ publicKey: { spkiDer } }) => spkiDer.equals(publicKey));
  while (next !== undefined && !chain.includes(next.der)) {
    const { der, issuer } = next;
    chain.push(der);
    next = described.find((each) => each.subject.der.equals(issuer.der) && each.der !== der);
  }
  return chain;
}

const { Sign, Verify, Decrypt, Encrypt, UnwrapKey, WrapKey } = CryptographicUsageMask;
/** What a public key is for whose private key is for the first. */
const COUNTERPARTS: readonly (readonly [number, number])[] = [
  [Sign, Verify],
  [Decrypt, Encrypt],
  [UnwrapKey, WrapKey],
  [CryptographicUsageMask.KeyAgreement, CryptographicUsageMask.KeyAgreement],
];

function publicUsage(privateUsage: number): number {
  return COUNTERPARTS.reduce((bits, [own, other]) => ((privateUsage & own) === 0 ? bits : bits | other), 0);
}

function link(attributes: AttributeSet, linkType: LinkType, linkedObjectIdentifier: string): void {
  attributes.add({ key: 'Link', value: { linkType, linkedObjectIdentifier } });
}

/**
 * Makes objects of what came along with a private key: its public key and its certificates, linked as Get finds them.
 * @param privateKey the new object; it gets a link
 */
export async function registerChain(
  privateKey: { readonly uniqueIdentifier: string; readonly attributes: AttributeSet },
  { value, chain }: OpenedContainer,
  context: OperationContext,
): Promise<void> {
  if (chain.length === 0) return;
  const ownUsage = publicUsage(privateKey.attributes.get('CryptographicUsageMask') ?? 0);
  const made = async (object: ManagedObjectValue, usage: number) => {
    const requested = new AttributeSet([{ key: 'CryptographicUsageMask', value: usage }]);
    const described = await describeRegistered(object, requested, context);
    return makeObject({ value: described, requested, origin: 'registered' }, context);
  };
  const publicKeyBlock = generatedKeyBlock(context.crypto.publicKeyOf(value.keyBlock));
  const publicKey = await made({ objectType: ObjectType.PublicKey, keyBlock: publicKeyBlock }, ownUsage);
  const certificates = await Promise.all(
    chain.map((certificateValue, index) =>
      made(
        { objectType: ObjectType.Certificate, certificateType: CertificateType.X_509, certificateValue },
        index === 0 ? ownUsage : Verify,
      ),
    ),
  );
  link(privateKey.attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
  link(publicKey.attributes, LinkType.PrivateKeyLink, privateKey.uniqueIdentifier);
  certificates.forEach(({ uniqueIdentifier, attributes }, index) => {
    if (index === 0) {
      link(publicKey.attributes, LinkType.CertificateLink, uniqueIdentifier);
      link(publicKey.attributes, LinkType.PKCS_12CertificateLink, uniqueIdentifier);
      link(attributes, LinkType.PublicKeyLink, publicKey.uniqueIdentifier);
    }
    const issuer = certificates[index + 1];
    if (issuer !== undefined) link(attributes, LinkType.CertificateLink, issuer.uniqueIdentifier);
  });
  for (const object of [publicKey, ...certificates]) context.objects.create(object);
}

/** The object at the end of the only link of a type. @throws HoldfastError InvalidField where there are several */
async function follow(
  object: ManagedObject,
  linkTypes: readonly LinkType[],
  { objects }: OperationContext,
): Promise<ManagedObject | undefined> {
  for (const linkType of linkTypes) {
    const [uniqueIdentifier, ...others] = linked(object.attributes, linkType);
    if (others.length > 0) {
      throw new HoldfastError('InvalidField', 'the key has more than one certificate chain');
    }
    if (uniqueIdentifier !== undefined) return objects.find(uniqueIdentifier, 'obtain');
  }
  return undefined;
}

/** The certificates that the links of a private key lead to. @throws HoldfastError InvalidField */
async function storedChain(privateKey: ManagedObject, context: OperationContext): Promise<readonly Buffer[]> {
  const { PublicKeyLink, PKCS_12CertificateLink, CertificateLink } = LinkType;
  const publicKey = await follow(privateKey, [PublicKeyLink], context);
  let next =
    publicKey === undefined
      ? undefined
      : await follow(publicKey, [PKCS_12CertificateLink, CertificateLink], context);
  const chain: Buffer[] = [];
  const seen = new Set<string>();
  while (
    next?.stored.hasValue === true &&
    chain.length < MAX_CHAIN_LENGTH &&
    !seen.has(next.uniqueIdentifier)
  ) {
    seen.add(next.uniqueIdentifier);
    const value = next.stored.openValue();
    if (value.objectType !== ObjectType.Certificate) break;
    chain.push(value.certificateValue);
    next = await follow(next, [CertificateLink], context);
  }
  return chain;
}

/**
 * A private key in a PKCS#12 container, with the certificate chain that its links lead to.
 * @throws HoldfastError KeyFormatTypeNotSupported where it is no private key in clear, BadPassword, InvalidField
 */
export async function inContainer(
  value: ManagedObjectValue,
  object: ManagedObject,
  context: OperationContext,
): Promise<ManagedObjectValue> {
  const keyBlock = keyBlockOf(value);
  if (value.objectType !== ObjectType.PrivateKey || keyBlock === undefined || isWrapped(keyBlock)) {
    throw new HoldfastError('KeyFormatTypeNotSupported', 'only private keys in clear go into PKCS#12');
  }
  const { objectType } = value;
  const inPkcs8 = context.crypto.convertKey(objectType, keyBlock, KeyFormatType.PKCS_8);
  const privateKey = context.crypto.keyMaterialBytes(inPkcs8);
  try {
    const container = await context.certificates.makePkcs12(
      {
        privateKey,
        certificates: await storedChain(object, context),
        friendlyName: object.attributes.get('PKCS_12FriendlyName') ?? USUAL_FRIENDLY_NAME,
      },
      await passwordOf(object.attributes, context),
    );
    const keyValue = { keyMaterial: new SecretBytes(container), attributes: [] };
    return { objectType, keyBlock: { ...keyBlock, keyFormatType: KeyFormatType.PKCS_12, keyValue } };
  } finally {
    privateKey.destroy();
  }
}
