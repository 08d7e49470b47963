import { HoldfastError, type ErrorCode } from '@holdfast/core';
import { ExitCode, type Failure } from '../exit';

/** What the operator can do about a refusal; the message itself says what was refused. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  AuthenticationNotSuccessful:
    'Give an officer credential with --officer FILE or HOLDFAST_OFFICER (the first one is officer.json in the data folder).',
  ItemNotFound: 'Show what there is with: holdfast client|domain|ca|officer list.',
  ObjectAlreadyExists: 'Nothing was changed. Choose another name or folder.',
  RootOfTrustMismatch: 'Check --data-dir and HOLDFAST_PASSPHRASE: they must be those of the first start.',
};

const EXIT_CODES: Partial<Record<ErrorCode, ExitCode>> = {
  StoreUnavailable: ExitCode.NoConnection,
  InvalidField: ExitCode.WrongUse,
  Configuration: ExitCode.WrongUse,
};

/** What to say of an error, in the words that its message was written in; never a stack. */
export function explain(error: unknown): Failure {
  if (!(error instanceof HoldfastError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { exitCode: ExitCode.Refused, message };
  }
  return {
    exitCode: EXIT_CODES[error.code] ?? ExitCode.Refused,
    message: error.message,
    hint: HINTS[error.code],
  };
}
