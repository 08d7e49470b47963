import { HoldfastError, type ErrorCode } from '@holdfast/ttlv';
import type { AccessClass } from '../access';
import type { OperationContext } from '../operation';
import type { StreamOwner } from '../ports/crypto';
import { byte, byteString, count, type ParameterReader } from './codec';
import type { Pkcs11Library, Pkcs11Session } from './library';
import type { MechanismFault } from './mechanisms';

/** What functions of PKCS#11 have in common: what they are given, and how they answer. */

/** CK_RV values. */
export const Rv = {
  OK: 0x0,
  SLOT_ID_INVALID: 0x3,
  FUNCTION_FAILED: 0x6,
  ARGUMENTS_BAD: 0x7,
  ATTRIBUTE_SENSITIVE: 0x11,
  ATTRIBUTE_TYPE_INVALID: 0x12,
  ATTRIBUTE_VALUE_INVALID: 0x13,
  ACTION_PROHIBITED: 0x1b,
  DATA_LEN_RANGE: 0x21,
  DEVICE_MEMORY: 0x31,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  FUNCTION_NOT_SUPPORTED: 0x54,
  KEY_TYPE_INCONSISTENT: 0x63,
  KEY_FUNCTION_NOT_PERMITTED: 0x68,
  MECHANISM_INVALID: 0x70,
  MECHANISM_PARAM_INVALID: 0x71,
  OBJECT_HANDLE_INVALID: 0x82,
  OPERATION_ACTIVE: 0x90,
  OPERATION_NOT_INITIALIZED: 0x91,
  SESSION_COUNT: 0xb1,
  SESSION_HANDLE_INVALID: 0xb3,
  SESSION_PARALLEL_NOT_SUPPORTED: 0xb4,
  SESSION_READ_ONLY: 0xb5,
  SIGNATURE_INVALID: 0xc0,
  TEMPLATE_INCOMPLETE: 0xd0,
  TEMPLATE_INCONSISTENT: 0xd1,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  USER_TYPE_INVALID: 0x103,
  WRAPPED_KEY_INVALID: 0x110,
  RANDOM_SEED_NOT_SUPPORTED: 0x120,
  BUFFER_TOO_SMALL: 0x150,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const;
export type Rv = (typeof Rv)[keyof typeof Rv];

export interface Pkcs11Result {
  readonly returnCode: Rv;
  readonly output?: Buffer;
}

export type Pkcs11Call = (
  input: ParameterReader,
  library: Pkcs11Library,
  context: OperationContext,
) => Pkcs11Result | Promise<Pkcs11Result>;

export const done = (...output: readonly Buffer[]): Pkcs11Result =>
  output.length === 0 ? { returnCode: Rv.OK } : { returnCode: Rv.OK, output: Buffer.concat(output) };
export const refused = (returnCode: Rv): Pkcs11Result => ({ returnCode });
export const refusedMechanism = (fault: MechanismFault): Pkcs11Result =>
  refused(fault === 'parameter invalid' ? Rv.MECHANISM_PARAM_INVALID : Rv.MECHANISM_INVALID);

/** Libraries, and results that wait in them, are streams of the client. */
export const ownerOf = ({ principal }: OperationContext): StreamOwner => ({
  clientId: principal.clientId,
  operation: 'PKCS_11',
});

/** A list of which the caller wants the elements, or to know how many there are. */
export function list(room: number | undefined, elements: readonly Buffer[]): Pkcs11Result {
  if (room === undefined) return done(byte(0), count(elements.length));
  if (room < elements.length) {
    return { returnCode: Rv.BUFFER_TOO_SMALL, output: Buffer.concat([byte(0), count(elements.length)]) };
  }
  return done(byte(1), count(elements.length), ...elements);
}

export function inSession(
  call: (
    session: Pkcs11Session,
    input: ParameterReader,
    library: Pkcs11Library,
    context: OperationContext,
  ) => Pkcs11Result | Promise<Pkcs11Result>,
): Pkcs11Call {
  return (input, library, context) => {
    const session = library.session(input.ulong());
    return session === undefined
      ? refused(Rv.SESSION_HANDLE_INVALID)
      : call(session, input, library, context);
  };
}

/**
 * Bytes of which the caller wants the value, or to know how many there are. Asking for the length, or with too little
 * room, does not end the operation (PKCS#11 v3.0 section 5.2).
 */
export function bytesFor(
  room: number | undefined,
  value: Buffer,
): Pkcs11Result & { readonly isLast: boolean } {
  if (room === undefined) return { returnCode: Rv.OK, output: count(value.length), isLast: false };
  if (room >= value.length) return { returnCode: Rv.OK, output: byteString(value), isLast: true };
  return { returnCode: Rv.BUFFER_TOO_SMALL, output: count(value.length), isLast: false };
}

/** What a call finds or makes is told by handles: it is nothing that later items of a batch could name. */
export function withoutNotes(context: OperationContext): OperationContext {
  return { ...context, produced: () => undefined, emptyPlaceholder: () => undefined };
}

/** What PKCS#11 calls the refusals of KMIP's operations. */
const REFUSALS: Readonly<Partial<Record<ErrorCode, Rv>>> = {
  BadCryptographicParameters: Rv.MECHANISM_PARAM_INVALID,
  CryptographicFailure: Rv.FUNCTION_FAILED,
  IncompatibleCryptographicUsageMask: Rv.KEY_FUNCTION_NOT_PERMITTED,
  InvalidAttribute: Rv.TEMPLATE_INCONSISTENT,
  InvalidAttributeValue: Rv.ATTRIBUTE_VALUE_INVALID,
  InvalidField: Rv.ARGUMENTS_BAD,
  InvalidObjectType: Rv.KEY_TYPE_INCONSISTENT,
  ItemNotFound: Rv.OBJECT_HANDLE_INVALID,
  KeyValueNotPresent: Rv.KEY_FUNCTION_NOT_PERMITTED,
  MissingInitializationVector: Rv.MECHANISM_PARAM_INVALID,
  NonUniqueNameAttribute: Rv.ATTRIBUTE_VALUE_INVALID,
  NotExtractable: Rv.ATTRIBUTE_SENSITIVE,
  ObjectArchived: Rv.OBJECT_HANDLE_INVALID,
  ObjectDestroyed: Rv.OBJECT_HANDLE_INVALID,
  ObjectNotFound: Rv.OBJECT_HANDLE_INVALID,
  PermissionDenied: Rv.KEY_FUNCTION_NOT_PERMITTED,
  Sensitive: Rv.ATTRIBUTE_SENSITIVE,
  UnsupportedCryptographicParameters: Rv.MECHANISM_INVALID,
  WrappingObjectArchived: Rv.OBJECT_HANDLE_INVALID,
  WrappingObjectDestroyed: Rv.OBJECT_HANDLE_INVALID,
  WrappingObjectNotFound: Rv.OBJECT_HANDLE_INVALID,
  UsageLimitExceeded: Rv.KEY_FUNCTION_NOT_PERMITTED,
  WrongKeyLifecycleState: Rv.KEY_FUNCTION_NOT_PERMITTED,
};

/**
 * Carries out an operation of KMIP by its own rules, as part of the call; what it refuses is a return code, and has
 * changed nothing.
 */
export async function byOperation(
  access: AccessClass,
  context: OperationContext,
  work: (context: OperationContext) => Promise<Pkcs11Result>,
  codes: Readonly<Partial<Record<ErrorCode, Rv>>> = {},
): Promise<Pkcs11Result> {
  try {
    return await context.objects.within(access, (objects) => work({ ...context, objects }));
  } catch (error) {
    const returnCode =
      error instanceof HoldfastError ? (codes[error.code] ?? REFUSALS[error.code]) : undefined;
    if (returnCode === undefined) throw error;
    return refused(returnCode);
  }
}
