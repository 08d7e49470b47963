import {
  type PathRequest,
  type PathVerdict,
  type PublicKeyDescription,
  type TlsUse,
  type X509Description,
  HoldfastError,
} from '@holdfast/core';
import { children, contextTag, expectTag, readElement, TAG } from './der';
import {
  type BasicConstraints,
  EXTENSION,
  type ExtensionMap,
  readBasicConstraints,
  readExtensions,
} from './extensions';
import { describeX509, isIssuedBy } from './parse';

/** Critical extensions of which this validation knows the meaning; policies are taken as they come (any policy). */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAlternativeName,
  EXTENSION.issuerAlternativeName,
  EXTENSION.certificatePolicies,
]);

/** Hashes under which a signature proves nothing any more. */
const BROKEN_HASHES: ReadonlySet<string | undefined> = new Set(['MD2', 'MD5', 'SHA-1']);

/** Bits below which a signature proves nothing: RSA of 768 bits was factored in 2009; of a curve, 160 are as good as 1024. */
const BROKEN_BELOW_BITS: Readonly<Record<string, number>> = {
  RSA: 1024,
  'RSA-PSS': 1024,
  DSA: 1024,
  EC: 160,
};

function isBroken({ algorithm, lengthBits = Infinity }: PublicKeyDescription): boolean {
  return lengthBits < (BROKEN_BELOW_BITS[algorithm ?? ''] ?? 0);
}

class Link {
  readonly description: X509Description;
  readonly #extensions: ExtensionMap;
  readonly constraints: BasicConstraints;

  constructor(readonly der: Buffer) {
    this.description = describeX509(der);
    const body = children(expectTag(children(readElement(der))[0], TAG.sequence, 'the body'));
    const wrapper = body.find((field) => field.tag === contextTag(3, true));
    this.#extensions = readExtensions(wrapper === undefined ? undefined : readElement(wrapper.contents));
    this.constraints = readBasicConstraints(this.#extensions);
  }

  get isSelfIssued(): boolean {
    const { subject, issuer } = this.description;
    return subject.der.equals(issuer.der);
  }

  isValidAt(seconds: number): boolean {
    const { notBeforeSeconds, notAfterSeconds } = this.description;
    return notBeforeSeconds <= seconds && seconds <= notAfterSeconds;
  }

  /** Whether it has a critical extension, or name constraints, whose meaning is not looked into here. */
  get isBeyondUs(): boolean {
    const isUnknown = [...this.#extensions].some(
      ([oid, { isCritical }]) => isCritical && !UNDERSTOOD.has(oid),
    );
    return isUnknown || this.#extensions.has(EXTENSION.nameConstraints);
  }

  isIssuedBy(issuer: Link): boolean {
    const isCandidate = this.description.issuer.der.equals(issuer.description.subject.der);
    return isCandidate && isIssuedBy(this.der, issuer.der);
  }
}

/**
 * Puts certificates into the order leaf, its issuer, ...; undefined where they are not one chain.
 */
function inOrder(links: readonly Link[]): readonly Link[] | undefined {
  const issuers = new Map<Link, Link | undefined>();
  for (const link of links) {
    issuers.set(
      link,
      links.find((other) => other !== link && link.isIssuedBy(other)),
    );
  }
  const leaves = links.filter((link) => ![...issuers.values()].includes(link));
  const [leaf, ...others] = leaves;
  if (leaf === undefined || others.length > 0) return undefined;
  const ordered: Link[] = [];
  for (let link: Link | undefined = leaf; link !== undefined; link = issuers.get(link)) {
    if (ordered.includes(link)) return undefined;
    ordered.push(link);
  }
  return ordered.length === links.length ? ordered : undefined;
}

/** Whether each certificate but the first may be a CA above those before it (RFC 5280 section 6.1.4). */
function mayCertify(path: readonly Link[]): boolean {
  let casBelow = 0;
  for (const { constraints, description, isSelfIssued } of path.slice(1)) {
    if (!constraints.isCa || !description.isCa) return false;
    if (constraints.pathLength !== undefined && casBelow > constraints.pathLength) return false;
    if (!isSelfIssued) casBelow += 1;
  }
  return true;
}

function uniqueLinks(ders: readonly Buffer[]): readonly Link[] {
  const unique = new Map(ders.map((der) => [der.toString('base64'), der]));
  return [...unique.values()].map((der) => new Link(der));
}

/** Extended Key Usages (RFC 5280 section 4.2.1.12); any of them stands for all. */
const ANY_USAGE = '2.5.29.37.0';
const TLS_USAGES: Readonly<Record<TlsUse, string>> = {
  client: '1.3.6.1.5.5.7.3.2',
  server: '1.3.6.1.5.5.7.3.1',
};

/** See `CertificatesPort.identifies`. */
export function identifies(certificateDer: Buffer, caDer: Buffer, use: TlsUse, nowSeconds: number): boolean {
  // Most peers are none of this CA's.
  if (!isIssuedBy(certificateDer, caDer)) return false;
  const [leaf, ca] = [new Link(certificateDer), new Link(caDer)];
  const { extendedKeyUsages: usages, signature, publicKey } = leaf.description;
  const isForIt = usages.length === 0 || usages.includes(TLS_USAGES[use]) || usages.includes(ANY_USAGE);
  const isBelievable =
    !BROKEN_HASHES.has(signature.hash) && !isBroken(publicKey) && !isBroken(ca.description.publicKey);
  return (
    isForIt &&
    isBelievable &&
    !leaf.constraints.isCa &&
    !leaf.isBeyondUs &&
    ca.isValidAt(nowSeconds) &&
    mayCertify([leaf, ca])
  );
}

/** See `CertificatesPort.validatePath`. */
export function validatePath({ chain, anchors, atSeconds }: PathRequest): PathVerdict {
  const links = uniqueLinks(chain);
  if (links.length === 0) throw new HoldfastError('InvalidMessage', 'there is no certificate to validate');
  const ordered = inOrder(links);
  const last = ordered?.at(-1);
  if (ordered === undefined || last === undefined) return 'invalid';
  const trusted = uniqueLinks(anchors);
  const isAnchored = trusted.some(({ der }) => der.equals(last.der));
  const anchor = isAnchored ? undefined : trusted.find((each) => last.isIssuedBy(each));
  const path = anchor === undefined ? ordered : [...ordered, anchor];
  if (!path.every((link) => link.isValidAt(atSeconds)) || !mayCertify(path)) return 'invalid';
  const isTrusted = isAnchored || anchor !== undefined;
  // The signature of the anchor itself proves nothing, whatever it is made with.
  const signed = isTrusted ? path.slice(0, -1) : path;
  if (signed.some(({ description }) => BROKEN_HASHES.has(description.signature.hash))) return 'invalid';
  if (path.slice(1).some(({ description }) => isBroken(description.publicKey))) return 'invalid';
  if (last.isSelfIssued && !last.isIssuedBy(last)) return 'invalid';
  return isTrusted && !path.some((link) => link.isBeyondUs) ? 'valid' : 'unknown';
}
