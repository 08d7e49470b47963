import { ConnectionFailure, KmipRefusal } from '@holdfast/client';
import { ResultReason, ResultStatus } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { CommandFailure, ExitCode, type Failure } from '../exit';

/** What to try next, by Result Reason. */
const HINTS: { readonly [R in keyof typeof ResultReason]?: string } = {
  ItemNotFound:
    'Look for it with "kmip locate"; an object of another domain is answered like one that does not exist.',
  ObjectNotFound:
    'Look for it with "kmip locate"; an object of another domain is answered like one that does not exist.',
  ResponseTooLarge: 'Ask for less: "kmip locate --max" limits the number of results.',
  AuthenticationNotSuccessful:
    'The client certificate, or the user and password or ticket given, is unknown, wrong, revoked or not enough. Whoever runs the server can register it; the server’s log and audit log say which it was.',
  InvalidTicket: 'Get a new ticket with "kmip login".',
  InvalidAsynchronousCorrelationValue:
    '"kmip async-requests" lists the operations of this client whose answers were not fetched.',
  OperationNotSupported:
    '"kmip query" tells which operations the server has; some need a newer --kmip-version.',
  FeatureNotSupported: '"kmip query --all" tells what the server can do.',
  PermissionDenied:
    'This client may not do that to this object. Its owner, or whoever administers the server, can.',
  NotAuthorised: 'This client may not do that. Whoever administers the server can allow it.',
  IllegalOperation: 'The object’s State may not allow it: see "kmip get-attributes ID State".',
  WrongKeyLifecycleState:
    'See "kmip get-attributes ID State": only Active objects can be deactivated, and Active ones are revoked before they are destroyed.',
  InvalidField:
    '--kmip-version and the values given have to fit each other; the server’s message names the field.',
  InvalidMessage: 'The server could not read the request: try another --kmip-version.',
  UnsupportedProtocolVersion: 'Leave --kmip-version out, or give one that "kmip discover-versions" lists.',
  MissingInitializationVector: 'Give one with --iv, or have the server choose it with --random-iv.',
  KeyFormatTypeNotSupported: 'Ask without --key-format for the format that the server has.',
  KeyValueNotPresent: 'The object’s value is gone or kept elsewhere; its attributes are still there.',
  NotExtractable: 'The key was made never to leave the server.',
  Sensitive: 'The key is given out wrapped by another key only.',
  ObjectArchived: 'The object has to be recovered from the archive first.',
  ObjectDestroyed: 'The object was destroyed; its attributes are still there.',
  NonUniqueNameAttribute: 'Another object has this name: find it with "kmip locate --name".',
  AttributeNotFound: '"kmip get-attribute-list ID" tells which attributes the object has.',
  AttributeInstanceNotFound: '"kmip get-attributes ID" shows the instances and their values.',
  AttributeSingleValued: 'The object has a value already: change it with "kmip modify-attribute".',
  MultiValuedAttribute: 'The object has several values: say which with --current or --index.',
  AttributeReadOnly: 'The server alone sets this attribute.',
  ReadOnlyAttribute: 'The server alone sets this attribute.',
  IndexOutOfBounds: '"kmip get-attributes ID" shows the index of each instance.',
  UsageLimitExceeded: 'The key’s usage limit is reached: use another key, or have the limit raised.',
  ServerLimitExceeded: 'The server is at one of its limits: try again later or with less.',
  IncompatibleCryptographicUsageMask:
    'See "kmip get-attributes ID CryptographicUsageMask" for what the key may be used for.',
  GeneralFailure: 'The server’s log tells more than it tells its clients.',
  InternalServerError: 'The server’s log tells more than it tells its clients.',
};

/** What fetches the answer of an operation that is pending; undefined of any other refusal. */
function correlationValueOf({ asynchronousCorrelationValue }: KmipRefusal): string | undefined {
  return asynchronousCorrelationValue?.toString('hex');
}

const howToPoll = (correlationValue: string): string => `"kmip poll ${correlationValue}" fetches its answer.`;

/** Tells of an operation that is pending in JSON. @throws CommandFailure, with the exit code of what was done */
export function tellPendingInJson(error: unknown): void {
  if (!(error instanceof KmipRefusal)) return;
  const asynchronousCorrelationValue = correlationValueOf(error);
  if (asynchronousCorrelationValue === undefined) return;
  throw new CommandFailure(ExitCode.Done, error.message, {
    hint: howToPoll(asynchronousCorrelationValue),
    output: `${JSON.stringify({ asynchronousCorrelationValue })}\n`,
    cause: error,
  });
}

function explainRefusal(refusal: KmipRefusal): Failure {
  const reason = refusal.resultReasonName;
  const value = correlationValueOf(refusal);
  if (value !== undefined) {
    const { message } = refusal;
    return { exitCode: ExitCode.Done, message, hint: howToPoll(value), output: `${value}\n` };
  }
  const hint =
    refusal.resultStatus === ResultStatus.OperationPending
      ? 'The server carries it out later, or waits for an approval.'
      : refusal.message.includes('waits for approval')
        ? 'Officers decide about it: "holdfast approval list".'
        : HINTS[reason as keyof typeof HINTS];
  return { exitCode: ExitCode.Refused, message: refusal.message, hint };
}

function explainConnection(failure: ConnectionFailure): Failure {
  const unknown = failure.outcomeKnown
    ? []
    : ['Whether the request was carried out is not known: check before you repeat it.'];
  const hint = [...(failure.hint === undefined ? [] : [failure.hint]), ...unknown].join('\n');
  return {
    // What is wrong with the files given was found before anything was sent.
    exitCode: failure.reason === 'credentials' ? ExitCode.WrongUse : ExitCode.NoConnection,
    message: failure.message,
    hint: hint === '' ? undefined : hint,
  };
}

/** What to tell of an error that a command met. */
export function explain(error: unknown): Failure {
  if (error instanceof KmipRefusal) return explainRefusal(error);
  if (error instanceof ConnectionFailure) return explainConnection(error);
  if (error instanceof HoldfastError) {
    return {
      exitCode: ExitCode.WrongUse,
      message: error.message,
      hint: error.code === 'Configuration' ? undefined : 'Another --kmip-version may have it.',
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: ExitCode.WrongUse, message };
}
