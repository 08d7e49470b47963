import { ValidityIndicator, validityIndicatorEnum } from '@holdfast/kmip';
import { CommandFailure, ExitCode } from '../../exit';
import { plainListing, print } from '../output';
import type { CommonFlags } from './perform';

/** Prints what was found out. Exit code 1 for what is not valid, as of any other refusal. */
export function concludeValidity(
  facts: { readonly uniqueIdentifier?: string; readonly validityIndicator?: ValidityIndicator | undefined },
  flags: CommonFlags,
): void {
  const { validityIndicator, ...rest } = facts;
  const name = validityIndicatorEnum.byValue.get(validityIndicator ?? ValidityIndicator.Unknown)?.key ?? '';
  print({ ...rest, validityIndicator: name }, flags, plainListing);
  if (validityIndicator !== ValidityIndicator.Valid)
    throw new CommandFailure(ExitCode.Refused, 'it is not valid');
}
