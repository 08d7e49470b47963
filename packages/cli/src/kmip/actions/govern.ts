import {
  activate,
  archive,
  check,
  destroy,
  getUsageAllocation,
  obtainLease,
  recover,
  revoke,
} from '@holdfast/core';
import { RevocationReasonCode, cryptographicUsageMaskBits, revocationReasonCodeEnum } from '@holdfast/kmip';
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
