import type { CertificateRequestDescription } from '@holdfast/core';
import { describeRequest, MAX_CSR_BYTES, refuse, type RequestParts } from './csr';
import {
  children,
  contextTag,
  type DerElement,
  encodeElement,
  expectTag,
  malformed,
  readBitString,
  readElement,
  TAG,
} from './der';

/** Members of CertTemplate and choices of ProofOfPossession (RFC 4211 sections 5 and 4). */
const SUBJECT = contextTag(5, true);
const PUBLIC_KEY = contextTag(6, true);
const EXTENSIONS = contextTag(9, true);
const SIGNATURE = contextTag(1, true);

/**
 * The one CertReqMsg (RFC 4211 section 3). Its sender proves possession by a signature over the CertRequest, as those do
 * whose template has subject and key; other proofs need a dialogue.
 */
function readMessage(der: Buffer): RequestParts {
  const messages = children(expectTag(readElement(der), TAG.sequence, 'the list of requests'));
  if (messages.length !== 1) throw malformed('there is not exactly one request in it');
  const [request, proof] = children(expectTag(messages[0], TAG.sequence, 'the request'));
  const body = expectTag(request, TAG.sequence, 'the body');
  const template = children(expectTag(children(body)[1], TAG.sequence, 'the template'));
  const member = (tag: number): DerElement | undefined => template.find((field) => field.tag === tag);
  const fields = children(expectTag(proof, SIGNATURE, 'the signature that proves possession of the key'));
  const [signatureAlgorithm, signature, ...rest] = fields;
  if (rest.length > 0) throw malformed('the proof of possession signs something else than the request');
  const subject = expectTag(member(SUBJECT), SUBJECT, 'the subject');
  const extensions = member(EXTENSIONS);
  return {
    signed: body.der,
    subject: readElement(subject.contents),
    spki: asSequence(expectTag(member(PUBLIC_KEY), PUBLIC_KEY, 'the public key')),
    extensions: extensions === undefined ? undefined : asSequence(extensions),
    signatureAlgorithm,
    signature: readBitString(signature, 'the signature'),
  };
}

/** An implicitly tagged SEQUENCE under its own tag. */
function asSequence(element: DerElement): DerElement {
  return readElement(encodeElement(TAG.sequence, element.contents));
}

/** Reads a CertReqMessages of one request, DER. @throws HoldfastError InvalidCSR */
export function readCrmf(der: Buffer): CertificateRequestDescription {
  if (der.length > MAX_CSR_BYTES) throw refuse('it is larger than 64 KiB');
  return describeRequest('CRMF', () => readMessage(der));
}
