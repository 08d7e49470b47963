import { certify, reCertify, validate } from '@holdfast/core';
import { CertificateRequestType, CertificateType, ObjectType } from '@holdfast/kmip';
import { wrongUse } from '../../exit';
import { attributesOf } from '../attribute-arguments';
import type { AttributeFlags } from '../options';
import { readNamedFile } from '../settings';
import { parseDuration, parseMoment } from '../times';
import { recognise } from '../value-input';
import { concludeValidity } from './conclude';
import { perform, type CommonFlags } from './perform';
import { withClient } from '../connect';

interface RequestFlags extends CommonFlags, AttributeFlags {
  readonly request?: string;
  readonly crmf?: boolean;
}

/** The request for a certificate: what its bytes begin with tells PEM from DER, but not PKCS#10 from CRMF. */
async function requestOf({ request, crmf = false }: RequestFlags) {
  if (request === undefined) {
    if (crmf)
      throw wrongUse('--crmf says of what kind a request is that is not given', 'Use --request FILE.');
    return {};
  }
  const certificateRequest = await readNamedFile(request, 'the certificate request');
  const isPem = certificateRequest.includes('-----BEGIN ');
  const { CRMF, PEM, PKCS_10 } = CertificateRequestType;
  return { certificateRequest, certificateRequestType: crmf ? CRMF : isPem ? PEM : PKCS_10 };
}

export async function certifyAction(
  uniqueIdentifier: string | undefined,
  flags: RequestFlags,
): Promise<void> {
  if (uniqueIdentifier === undefined && flags.request === undefined) {
    throw wrongUse(
      'there is nothing to certify',
      'Name a public key, or give a request with --request FILE.',
    );
  }
  const request = await requestOf(flags);
  const newAttributes = { templateNames: [], attributes: attributesOf(flags) };
  await perform(certify, { uniqueIdentifier, ...request, newAttributes }, flags);
}

export interface ReCertifyFlags extends RequestFlags {
  readonly requestId?: string;
  readonly offset?: string;
}

export async function reCertifyAction(uniqueIdentifier: string, flags: ReCertifyFlags): Promise<void> {
  await perform(
    reCertify,
    {
      uniqueIdentifier,
      certificateRequestUniqueIdentifier: flags.requestId,
      ...(await requestOf(flags)),
      offsetSeconds: flags.offset === undefined ? undefined : parseDuration(flags.offset),
      newAttributes: { templateNames: [], attributes: attributesOf(flags) },
    },
    flags,
  );
}

export interface ValidateFlags extends CommonFlags {
  readonly file?: readonly string[];
  readonly at?: string;
}

export async function validateAction(
  uniqueIdentifiers: readonly string[],
  flags: ValidateFlags,
): Promise<void> {
  const certificates: { certificateType: CertificateType; certificateValue: Buffer }[] = [];
  for (const file of flags.file ?? []) {
    const content = await readNamedFile(file, 'the certificate');
    const found = recognise(content, ObjectType.Certificate);
    if (found?.objectType !== ObjectType.Certificate) throw wrongUse(`there is no certificate in ${file}`);
    certificates.push({ certificateType: CertificateType.X_509, certificateValue: found.bytes });
  }
  if (certificates.length + uniqueIdentifiers.length === 0) {
    throw wrongUse('there is nothing to validate', 'Name certificates, or give them with --file FILE.');
  }
  const validityDate = flags.at === undefined ? undefined : parseMoment(flags.at);
  await withClient(flags, async (client) => {
    concludeValidity(await client.call(validate, { certificates, uniqueIdentifiers, validityDate }), flags);
  });
}
