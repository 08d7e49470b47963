import { SecretBytes } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import { hash } from '../operations/hash';
import { bytesFor, done, inSession, list, refused, Rv, type Pkcs11Call, type Pkcs11Result } from './call';
import { byteString, padded, ulong, version, type ParameterReader } from './codec';
import { CRYPTOGRAPHIC_FUNCTIONS } from './cryptography';
import type { Pkcs11Library } from './library';
import { HASHES, MECHANISM_NUMBERS, mechanismFlags } from './mechanisms';
import { OBJECT_FUNCTIONS } from './objects';
import { TRANSFER_FUNCTIONS } from './transfer';

/** The PKCS#11 functions that are carried out here, by their place in CK_FUNCTION_LIST_3_0 (PKCS#11 v3.0 section 5). */

/** The number of functions in CK_FUNCTION_LIST_3_0. */
export const LAST_FUNCTION = 92;

/** There is one slot, whose token is the client's domain. */
const SLOT = 1n;
const MANUFACTURER = 'Holdfast';
const MAX_RANDOM_BYTES = 1024 * 1024;
const MAX_SESSIONS = 1024;
const CKF = { TOKEN_PRESENT: 1n, RW_SESSION: 2n, SERIAL_SESSION: 4n } as const;
/** The token: CKF_RNG, CKF_USER_PIN_INITIALIZED, CKF_PROTECTED_AUTHENTICATION_PATH, CKF_TOKEN_INITIALIZED. */
const TOKEN_FLAGS = 0x1n | 0x8n | 0x100n | 0x400n;
const MECHANISM_FLAG_DIGEST = 0x400n;
const CKU_USER = 1n;
const UNAVAILABLE = 2n ** 64n - 1n;

function onSlot(
  call: (input: ParameterReader, library: Pkcs11Library, context: OperationContext) => Pkcs11Result,
): Pkcs11Call {
  return (input, library, context) =>
    input.ulong() === SLOT ? call(input, library, context) : refused(Rv.SLOT_ID_INVALID);
}

const getInfo: Pkcs11Call = (input) => {
  input.end();
  return done(version(3, 0), padded(MANUFACTURER, 32), ulong(0n), padded('KMIP', 32), version(1, 0));
};

const getSlotList: Pkcs11Call = (input) => {
  input.byte();
  const room = input.wantedCount();
  input.end();
  return list(room, [ulong(SLOT)]);
};

const getSlotInfo = onSlot((input) => {
  input.end();
  const versions = [version(1, 0), version(1, 0)];
  return done(padded('KMIP', 64), padded(MANUFACTURER, 32), ulong(CKF.TOKEN_PRESENT), ...versions);
});

const getTokenInfo = onSlot((input, { sessions }) => {
  input.end();
  const readWrite = sessions.filter(({ isReadWrite }) => isReadWrite).length;
  return done(
    padded('Holdfast', 32),
    padded(MANUFACTURER, 32),
    padded('KMIP', 16),
    padded('1', 16),
    ulong(TOKEN_FLAGS),
    ...[MAX_SESSIONS, sessions.length, MAX_SESSIONS, readWrite].map((each) => ulong(BigInt(each))),
    // Longest and shortest PIN: none is looked at.
    ulong(255n),
    ulong(0n),
    // Public and private memory, in all and free.
    ...[UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE].map(ulong),
    version(1, 0),
    version(1, 0),
    padded('', 16),
  );
});

const getMechanismList = onSlot((input) => {
  const room = input.wantedCount();
  input.end();
  return list(room, [...HASHES.keys(), ...MECHANISM_NUMBERS].map(ulong));
});

const getMechanismInfo = onSlot((input) => {
  const mechanism = input.ulong();
  input.end();
  const flags = HASHES.has(mechanism) ? MECHANISM_FLAG_DIGEST : mechanismFlags(mechanism);
  if (flags === 0n) return refused(Rv.MECHANISM_INVALID);
  // Shortest and longest key: each operation says itself what it takes.
  return done(ulong(0n), ulong(0n), ulong(flags));
});

const openSession = onSlot((input, library) => {
  const flags = input.ulong();
  input.end();
  if ((flags & CKF.SERIAL_SESSION) === 0n) return refused(Rv.SESSION_PARALLEL_NOT_SUPPORTED);
  if (library.sessions.length >= MAX_SESSIONS) return refused(Rv.SESSION_COUNT);
  return done(ulong(library.openSession((flags & CKF.RW_SESSION) !== 0n)));
});

const closeSession: Pkcs11Call = (input, library) => {
  const handle = input.ulong();
  input.end();
  return library.closeSession(handle) ? done() : refused(Rv.SESSION_HANDLE_INVALID);
};

const closeAllSessions = onSlot((input, library) => {
  input.end();
  library.closeAll();
  return done();
});

const getSessionInfo = inSession(({ isReadWrite }, input, { isLoggedIn }) => {
  input.end();
  const state = (isReadWrite ? 2n : 0n) + (isLoggedIn ? 1n : 0n);
  const flags = CKF.SERIAL_SESSION | (isReadWrite ? CKF.RW_SESSION : 0n);
  return done(ulong(SLOT), ulong(state), ulong(flags), ulong(0n));
});

/** Who the user is the connection has proved: a PIN says nothing more. */
const login = inSession((_session, input, library) => {
  const userType = input.ulong();
  input.byteString();
  input.end();
  if (userType !== CKU_USER) return refused(Rv.USER_TYPE_INVALID);
  if (library.isLoggedIn) return refused(Rv.USER_ALREADY_LOGGED_IN);
  library.isLoggedIn = true;
  return done();
});

const logout = inSession((_session, input, library) => {
  input.end();
  if (!library.isLoggedIn) return refused(Rv.USER_NOT_LOGGED_IN);
  library.isLoggedIn = false;
  return done();
});

const digestInit = inSession((session, input) => {
  const mechanism = HASHES.get(input.ulong());
  const hasParameter = input.byte() !== 0;
  if (hasParameter) input.byteString();
  input.end();
  if (mechanism === undefined) return refused(Rv.MECHANISM_INVALID);
  if (hasParameter) return refused(Rv.MECHANISM_PARAM_INVALID);
  if (session.digest !== undefined) return refused(Rv.OPERATION_ACTIVE);
  session.digest = { hashingAlgorithm: mechanism };
  return done();
});

const digest = inSession((session, input, _library, { crypto }) => {
  const data = input.byteString();
  const room = input.wantedCount();
  input.end();
  if (session.digest === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  if (session.digest.stream !== undefined) return refused(Rv.OPERATION_ACTIVE);
  const value = crypto.digest(session.digest.hashingAlgorithm, data);
  const { isLast, ...result } = bytesFor(room, value);
  if (isLast) session.digest = undefined;
  return result;
});

const digestUpdate = inSession(async (session, input, _library, context) => {
  const data = SecretBytes.copyOf(input.byteString());
  input.end();
  const { digest: begun } = session;
  if (begun === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  const { hashingAlgorithm, stream } = begun;
  const { correlationValue } = await hash.execute(
    {
      cryptographicParameters: { hashingAlgorithm },
      data,
      ...(stream === undefined ? { initIndicator: true } : { correlationValue: stream }),
    },
    context,
  );
  session.digest = { hashingAlgorithm, stream: correlationValue };
  return done();
});

/** The length is told without ending anything: it follows from the hash. */
const digestFinal = inSession(async (session, input, _library, context) => {
  const room = input.wantedCount();
  input.end();
  const { digest: begun } = session;
  if (begun === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  const { hashingAlgorithm, stream } = begun;
  const empty = context.crypto.digest(hashingAlgorithm, Buffer.alloc(0));
  const { isLast, ...tooLittle } = bytesFor(room, empty);
  if (!isLast) return tooLittle;
  session.digest = undefined;
  if (stream === undefined) return done(byteString(empty));
  const { data } = await hash.execute(
    { cryptographicParameters: { hashingAlgorithm }, correlationValue: stream, finalIndicator: true },
    context,
  );
  return done(byteString(data ?? empty));
});

const seedRandom = inSession((_session, input) => {
  input.byteString();
  input.end();
  return refused(Rv.RANDOM_SEED_NOT_SUPPORTED);
});

const generateRandom = inSession((_session, input, _library, { crypto }) => {
  const lengthBytes = input.count();
  input.end();
  if (lengthBytes > MAX_RANDOM_BYTES) return refused(Rv.DATA_LEN_RANGE);
  return done(byteString(crypto.randomBytes(lengthBytes)));
});

export const C_INITIALIZE = 1;
export const C_FINALIZE = 2;

/** Every other function of the list is answered CKR_FUNCTION_NOT_SUPPORTED. */
export const FUNCTIONS: ReadonlyMap<number, Pkcs11Call> = new Map<number, Pkcs11Call>([
  [3, getInfo],
  [5, getSlotList],
  [6, getSlotInfo],
  [7, getTokenInfo],
  [8, getMechanismList],
  [9, getMechanismInfo],
  [13, openSession],
  [14, closeSession],
  [15, closeAllSessions],
  [16, getSessionInfo],
  [19, login],
  [20, logout],
  [38, digestInit],
  [39, digest],
  [40, digestUpdate],
  [42, digestFinal],
  [64, seedRandom],
  [65, generateRandom],
  ...OBJECT_FUNCTIONS,
  ...CRYPTOGRAPHIC_FUNCTIONS,
  ...TRANSFER_FUNCTIONS,
]);
