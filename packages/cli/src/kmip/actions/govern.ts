import {
  activate,
  archive,
  check,
  destroy,
  getUsageAllocation,
  obtainLease,
  reProvision,
  recover,
  revoke,
} from '@holdfast/core';
import {
  CertificateRequestType,
  CertificateType,
  RevocationReasonCode,
  cryptographicUsageMaskBits,
  revocationReasonCodeEnum,
} from '@holdfast/kmip';
import { readNamedFile } from '../settings';
import { parseDuration, parseMoment } from '../times';
import { parseLongInteger, parseMask, parseMember } from '../values';
import { perform, type CommonFlags } from './perform';

export async function activateAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(activate, { uniqueIdentifier }, flags);
}

export async function destroyAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(destroy, { uniqueIdentifier }, flags);
}

export interface RevokeFlags extends CommonFlags {
  readonly reason?: string;
  readonly message?: string;
  readonly compromiseDate?: string;
}

export async function revokeAction(uniqueIdentifier: string, flags: RevokeFlags): Promise<void> {
  const revocationReasonCode =
    flags.reason === undefined
      ? RevocationReasonCode.Unspecified
      : (parseMember(
          revocationReasonCodeEnum,
          flags.reason,
          'Revocation Reason Code',
        ) as RevocationReasonCode);
  await perform(
    revoke,
    {
      uniqueIdentifier,
      revocationReason: { revocationReasonCode, revocationMessage: flags.message },
      compromiseOccurrenceDate:
        flags.compromiseDate === undefined ? undefined : parseMoment(flags.compromiseDate),
    },
    flags,
  );
}

export interface CheckFlags extends CommonFlags {
  readonly usageMask?: string;
  readonly usageCount?: string;
  readonly leaseTime?: string;
}

export async function checkAction(uniqueIdentifier: string, flags: CheckFlags): Promise<void> {
  const { usageMask, usageCount, leaseTime } = flags;
  await perform(
    check,
    {
      uniqueIdentifier,
      cryptographicUsageMask:
        usageMask === undefined
          ? undefined
          : parseMask(cryptographicUsageMaskBits, usageMask, 'Cryptographic Usage Mask'),
      usageLimitsCount: usageCount === undefined ? undefined : parseLongInteger(usageCount, '--usage-count'),
      leaseTimeSeconds: leaseTime === undefined ? undefined : parseDuration(leaseTime),
    },
    flags,
  );
}

export async function archiveAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(archive, { uniqueIdentifier }, flags);
}

export async function recoverAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(recover, { uniqueIdentifier }, flags);
}

export async function obtainLeaseAction(uniqueIdentifier: string, flags: CommonFlags): Promise<void> {
  await perform(obtainLease, { uniqueIdentifier }, flags);
}

export async function getUsageAllocationAction(
  uniqueIdentifier: string,
  count: string,
  flags: CommonFlags,
): Promise<void> {
  const usageLimitsCount = parseLongInteger(count, 'the count');
  await perform(getUsageAllocation, { uniqueIdentifier, usageLimitsCount }, flags);
}

export interface ReProvisionFlags extends CommonFlags {
  readonly csr?: string;
  readonly certificate?: string;
}

export async function reProvisionAction(flags: ReProvisionFlags): Promise<void> {
  const { csr, certificate } = flags;
  await perform(
    reProvision,
    {
      certificateRequest:
        csr === undefined
          ? undefined
          : {
              certificateRequestType: CertificateRequestType.PKCS_10,
              certificateRequestValue: await derOf(csr),
            },
      certificate:
        certificate === undefined
          ? undefined
          : { certificateType: CertificateType.X_509, certificateValue: await derOf(certificate) },
    },
    flags,
  );
}

const PEM = /-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END/;

/** PEM or DER. */
async function derOf(path: string): Promise<Buffer> {
  const bytes = await readNamedFile(path, 'the file');
  const body = PEM.exec(bytes.toString('latin1'))?.[1];
  return body === undefined ? bytes : Buffer.from(body, 'base64');
}
