import { HoldfastError, type ErrorCode } from '@holdfast/ttlv/basics';
import { ExitCode, type Failure } from '../exit';

/** What the operator can do about a refusal; the message itself says what was refused. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  AuthenticationNotSuccessful:
    'Give an officer credential with --officer FILE or HOLDFAST_OFFICER (the first one is officer.json in the data folder).',
  ItemNotFound:
    'Show what there is with: holdfast client|user|domain|ca|officer|auditor|backup-operator list.',
  StoreUnavailable:
    'See that PostgreSQL runs, where it runs, and what it logs. A server that is running goes on by itself once it is back.',
  RootOfTrustUnavailable:
    'Bring the root of trust back (token, PKCS#11 library, root.key): a server that is running goes on by itself. Of one that is lost for good, restore the newest backup under another: holdfast backup restore.',
  RootOfTrustMismatch:
    'Check --data-dir, --root and the passphrase: they must be those of the first start, or of the last root rotate or migrate.',
};

const EXIT_CODES: Partial<Record<ErrorCode, ExitCode>> = {
  StoreUnavailable: ExitCode.NoConnection,
  RootOfTrustUnavailable: ExitCode.NoConnection,
  InvalidField: ExitCode.WrongUse,
  Configuration: ExitCode.WrongUse,
};

/** Their messages are written for clients, who are told nothing of the inside; who starts a node needs the reason. */
const WANTS_REASON: ReadonlySet<ErrorCode> = new Set(['StoreUnavailable', 'InternalServerError']);

/** The error's message and, for a fault of the set-up, what the database or the system said, a line each. */
function messagesOf(error: HoldfastError): string {
  const messages = [error.message];
  let { cause } = error;
  while (WANTS_REASON.has(error.code) && cause instanceof Error) {
    if (cause.message !== '') messages.push(cause.message);
    ({ cause } = cause);
  }
  return messages.join('\n');
}

/** What to say of an error, in the words that its message was written in; never a stack. */
export function explain(error: unknown): Failure {
  if (!(error instanceof HoldfastError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { exitCode: ExitCode.Refused, message };
  }
  return {
    exitCode: EXIT_CODES[error.code] ?? ExitCode.Refused,
    message: messagesOf(error),
    // A message that names a command says what to do already.
    hint: error.message.includes('holdfast ') ? undefined : HINTS[error.code],
  };
}
