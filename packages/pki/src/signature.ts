import type { SignatureDescription, SignatureHash } from '@holdfast/core';
import { children, contextTag, type DerElement, expectTag, readOid, TAG } from './der';

type SignatureRow = readonly [
  oid: string,
  algorithm: NonNullable<SignatureDescription['algorithm']>,
  hash?: SignatureHash,
];

/** Signature algorithms of RFC 3279, 4055, 5758, 8410 and NIST's SHA-3 arcs. */
const SIGNATURE_ALGORITHMS: readonly SignatureRow[] = [
  ['1.2.840.113549.1.1.2', 'RSA', 'MD2'],
  ['1.2.840.113549.1.1.4', 'RSA', 'MD5'],
  ['1.2.840.113549.1.1.5', 'RSA', 'SHA-1'],
  ['1.2.840.113549.1.1.14', 'RSA', 'SHA-224'],
  ['1.2.840.113549.1.1.11', 'RSA', 'SHA-256'],
  ['1.2.840.113549.1.1.12', 'RSA', 'SHA-384'],
  ['1.2.840.113549.1.1.13', 'RSA', 'SHA-512'],
  ['2.16.840.1.101.3.4.3.13', 'RSA', 'SHA3-224'],
  ['2.16.840.1.101.3.4.3.14', 'RSA', 'SHA3-256'],
  ['2.16.840.1.101.3.4.3.15', 'RSA', 'SHA3-384'],
  ['2.16.840.1.101.3.4.3.16', 'RSA', 'SHA3-512'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'],
  ['1.2.840.10040.4.3', 'DSA', 'SHA-1'],
  ['2.16.840.1.101.3.4.3.1', 'DSA', 'SHA-224'],
  ['2.16.840.1.101.3.4.3.2', 'DSA', 'SHA-256'],
  ['2.16.840.1.101.3.4.3.3', 'DSA', 'SHA-384'],
  ['2.16.840.1.101.3.4.3.4', 'DSA', 'SHA-512'],
  ['1.2.840.10045.4.1', 'ECDSA', 'SHA-1'],
  ['1.2.840.10045.4.3.1', 'ECDSA', 'SHA-224'],
  ['1.2.840.10045.4.3.2', 'ECDSA', 'SHA-256'],
  ['1.2.840.10045.4.3.3', 'ECDSA', 'SHA-384'],
  ['1.2.840.10045.4.3.4', 'ECDSA', 'SHA-512'],
  ['2.16.840.1.101.3.4.3.9', 'ECDSA', 'SHA3-224'],
  ['2.16.840.1.101.3.4.3.10', 'ECDSA', 'SHA3-256'],
  ['2.16.840.1.101.3.4.3.11', 'ECDSA', 'SHA3-384'],
  ['2.16.840.1.101.3.4.3.12', 'ECDSA', 'SHA3-512'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
];

const HASHES_BY_OID: ReadonlyMap<string, SignatureHash> = new Map([
  ['1.3.14.3.2.26', 'SHA-1'],
  ['2.16.840.1.101.3.4.2.4', 'SHA-224'],
  ['2.16.840.1.101.3.4.2.1', 'SHA-256'],
  ['2.16.840.1.101.3.4.2.2', 'SHA-384'],
  ['2.16.840.1.101.3.4.2.3', 'SHA-512'],
]);

/** The hash of RSASSA-PSS-params: its field [0], or SHA-1 where that is left out (RFC 4055 section 3.1). */
function pssHash(parameters: DerElement | undefined): SignatureHash | undefined {
  if (parameters?.tag !== TAG.sequence) return undefined;
  const explicit = children(parameters).find((field) => field.tag === contextTag(0, true));
  if (explicit === undefined) return 'SHA-1';
  const algorithm = expectTag(children(explicit)[0], TAG.sequence, 'the hash of the signature algorithm');
  return HASHES_BY_OID.get(readOid(children(algorithm)[0], 'the hash of the signature algorithm'));
}

/** Reads the AlgorithmIdentifier of a signature (RFC 5280 section 4.1.1.2). */
export function readSignatureAlgorithm(element: DerElement | undefined): SignatureDescription {
  const [type, parameters] = children(expectTag(element, TAG.sequence, 'the signature algorithm'));
  const oid = readOid(type, 'the signature algorithm');
  const [, algorithm, hash] = SIGNATURE_ALGORITHMS.find(([candidate]) => candidate === oid) ?? [];
  return { oid, algorithm, hash: algorithm === 'RSASSA-PSS' ? pssHash(parameters) : hash };
}
