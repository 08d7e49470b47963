import { ValidityIndicator } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { mandatory } from '../object-access';
import type { OperationContext } from '../operation';
import { decryptPart } from '../operations/decrypt';
import { encrypt } from '../operations/encrypt';
import { mac } from '../operations/mac';
import { macVerify } from '../operations/mac-verify';
import { sign } from '../operations/sign';
import { signatureVerify } from '../operations/signature-verify';
import {
  byOperation,
  bytesFor,
  done,
  inSession,
  ownerOf,
  refused,
  refusedMechanism,
  Rv,
  type Pkcs11Call,
  type Pkcs11Result,
} from './call';
import { derSignature, rawSignature } from './ecdsa';
import { inClear, type ParameterReader } from './codec';
import { WaitingResult, type ActiveUse, type Pkcs11Library, type Pkcs11Session, type Step } from './library';
import { readMechanism, type Purpose } from './mechanisms';

/** C_Encrypt, C_Decrypt, C_Sign, C_Verify and what begins them, whole or in parts, by the rules of KMIP's operations. */

const init = (purpose: Purpose): Pkcs11Call =>
  inSession((session, input, library) => {
    const mechanism = readMechanism(input, purpose);
    const uniqueIdentifier = library.identifierOf(input.ulong());
    input.end();
    if (typeof mechanism === 'string') return refusedMechanism(mechanism);
    if (uniqueIdentifier === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
    if (session.uses.has(purpose)) return refused(Rv.OPERATION_ACTIVE);
    session.uses.set(purpose, { purpose, mechanism, uniqueIdentifier });
    return done();
  });

const EMPTY = Buffer.alloc(0);

/** What is asked of a KMIP operation: the same object each time that the call is run again, by which a part is known. */
function partOf<Request extends object>(
  input: ParameterReader,
  { uniqueIdentifier, mechanism, stream }: ActiveUse,
  step: Step,
  { crypto }: OperationContext,
  further: Request,
) {
  return crypto.streams.once(input.bytes, () => ({
    uniqueIdentifier,
    ...(stream === undefined
      ? { cryptographicParameters: mechanism.parameters }
      : { correlationValue: stream }),
    ...(step === 'part' && stream === undefined ? { initIndicator: true } : {}),
    ...(step === 'last' && stream !== undefined ? { finalIndicator: true } : {}),
    ...further,
  }));
}

/** Of a cipher, what the first part says. */
const startOf = ({ mechanism: { ivCounterNonce, additionalData }, stream }: ActiveUse) =>
  stream === undefined ? { ivCounterNonce, additionalData } : {};

interface Made {
  readonly result: Buffer;
  readonly next: Pick<ActiveUse, 'stream'>;
}
type Make = (
  use: ActiveUse,
  data: Buffer,
  step: Step,
  input: ParameterReader,
  context: OperationContext,
) => Promise<Made>;

/** The tag of GCM follows the ciphertext (PKCS#11 Current Mechanisms v3.0 section 2.13). */
const MAKE: Readonly<Record<Exclude<Purpose, 'verify'>, Make>> = {
  async encrypt(use, data, step, input, context) {
    const further = { ...startOf(use), data: SecretBytes.copyOf(data) };
    const answer = await encrypt.execute(partOf(input, use, step, context, further), context);
    const result = Buffer.concat([answer.data ?? EMPTY, answer.authenticatedEncryptionTag ?? EMPTY]);
    return { result, next: { stream: answer.correlationValue } };
  },
  async decrypt(use, data, step, input, context) {
    const further = { ...startOf(use), data };
    const answer = await decryptPart(partOf(input, use, step, context, further), true, context);
    const result = answer.data === undefined ? EMPTY : inClear(answer.data);
    return { result, next: { stream: answer.correlationValue } };
  },
  async sign(use, data, step, input, context) {
    const request = partOf(input, use, step, context, { data: SecretBytes.copyOf(data) });
    if (use.mechanism.isMac) {
      const { macData, correlationValue } = await mac.execute(request, context);
      return { result: macData ?? EMPTY, next: { stream: correlationValue } };
    }
    const { signatureData, correlationValue } = await sign.execute(request, context);
    const next = { stream: correlationValue };
    if (signatureData === undefined || !use.mechanism.isEcdsa)
      return { result: signatureData ?? EMPTY, next };
    const lengthBits = mandatory(await context.objects.fetch(use.uniqueIdentifier), 'CryptographicLength');
    return { result: rawSignature(signatureData, Math.ceil(lengthBits / 8)), next };
  },
};

/**
 * The state of the session changes once what the operation changed is written: before that it may be run again. What
 * cannot be kept (ServerLimitExceeded) ends what was begun.
 */
function settle(
  session: Pkcs11Session,
  library: Pkcs11Library,
  { purpose }: ActiveUse,
  next: () => ActiveUse | undefined,
  context: OperationContext,
) {
  context.afterwards(() => {
    const { waiting } = session.uses.get(purpose) ?? {};
    if (waiting !== undefined) context.crypto.streams.close(waiting);
    try {
      const use = next();
      if (use === undefined) session.uses.delete(purpose);
      else session.uses.set(purpose, use);
    } catch (error) {
      library.end(session, purpose);
      throw error;
    }
    return Promise.resolve();
  });
}

/** What is refused ends what was begun, but where there was too little room (PKCS#11 v3.0 section 5.2). */
async function ending(
  session: Pkcs11Session,
  library: Pkcs11Library,
  purpose: Purpose,
  call: Promise<Pkcs11Result>,
): Promise<Pkcs11Result> {
  const result = await call;
  const goesOn: readonly Rv[] = [Rv.OK, Rv.BUFFER_TOO_SMALL, Rv.OPERATION_ACTIVE];
  if (!goesOn.includes(result.returnCode)) library.end(session, purpose);
  return result;
}

/** @throws HoldfastError InvalidCorrelationValue where it waited for too long */
function waitingOf({ waiting }: ActiveUse, context: OperationContext): WaitingResult | undefined {
  if (waiting === undefined) return undefined;
  const { stream } = context.crypto.streams.find(ownerOf(context), waiting);
  return stream instanceof WaitingResult ? stream : undefined;
}

/** A function that answers with bytes, but for parts of what is signed. */
const make = (purpose: Exclude<Purpose, 'verify'>, step: Step): Pkcs11Call =>
  inSession((session, input, library, context) => {
    const data = step === 'last' ? EMPTY : input.byteString();
    const isSilent = purpose === 'sign' && step === 'part';
    const room = isSilent ? 0 : input.wantedCount();
    input.end();
    const use = session.uses.get(purpose);
    if (use === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
    if (step === 'whole' && use.stream !== undefined) return refused(Rv.OPERATION_ACTIVE);
    const lengthBytes = (use.lengthBytes ?? 0) + data.length;
    const codes = {
      InvalidCorrelationValue: Rv.OPERATION_NOT_INITIALIZED,
      ...(purpose === 'decrypt' ? { CryptographicFailure: Rv.ENCRYPTED_DATA_INVALID } : {}),
    };
    return ending(
      session,
      library,
      purpose,
      byOperation(
        'use',
        context,
        async (within) => {
          if (lengthBytes > (use.mechanism.maxLengthBytes ?? Infinity)) {
            return refused(purpose === 'decrypt' ? Rv.ENCRYPTED_DATA_LEN_RANGE : Rv.DATA_LEN_RANGE);
          }
          const waiting = waitingOf(use, context);
          if (waiting?.isOf(step, data) === false) return refused(Rv.OPERATION_ACTIVE);
          const { result, next } = waiting ?? (await MAKE[purpose](use, data, step, input, within));
          const { isLast, ...answer } = bytesFor(room, result);
          const after = step === 'part' ? { ...use, ...next, lengthBytes, waiting: undefined } : undefined;
          const keep = () => ({
            ...use,
            waiting: context.crypto.streams.open(ownerOf(context), {
              stream: new WaitingResult(step, data, result, next),
              uniqueIdentifier: use.uniqueIdentifier,
            }),
          });
          if (isLast) settle(session, library, use, () => after, context);
          else if (waiting === undefined) settle(session, library, use, keep, context);
          return isSilent ? done() : answer;
        },
        codes,
      ),
    );
  });

const verify = (step: Step): Pkcs11Call =>
  inSession((session, input, library, context) => {
    const data = SecretBytes.copyOf(step === 'last' ? EMPTY : input.byteString());
    const signature = step === 'part' ? undefined : input.byteString();
    input.end();
    const use = session.uses.get('verify');
    if (use === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
    if (step === 'whole' && use.stream !== undefined) return refused(Rv.OPERATION_ACTIVE);
    const isRaw = use.mechanism.isEcdsa && signature !== undefined;
    const signatureData = isRaw ? derSignature(signature) : signature;
    return ending(
      session,
      library,
      'verify',
      byOperation('use', context, async (within) => {
        if (isRaw && signatureData === undefined) return refused(Rv.SIGNATURE_INVALID);
        const { validityIndicator, correlationValue } = use.mechanism.isMac
          ? await macVerify.execute(
              partOf(input, use, step, within, { data, macData: signatureData }),
              within,
            )
          : await signatureVerify.execute(partOf(input, use, step, within, { data, signatureData }), within);
        const after = step === 'part' ? { ...use, stream: correlationValue } : undefined;
        settle(session, library, use, () => after, context);
        const isRefused = step !== 'part' && validityIndicator !== ValidityIndicator.Valid;
        return isRefused ? refused(Rv.SIGNATURE_INVALID) : done();
      }),
    );
  });

export const CRYPTOGRAPHIC_FUNCTIONS: ReadonlyMap<number, Pkcs11Call> = new Map([
  [30, init('encrypt')],
  [31, make('encrypt', 'whole')],
  [32, make('encrypt', 'part')],
  [33, make('encrypt', 'last')],
  [34, init('decrypt')],
  [35, make('decrypt', 'whole')],
  [36, make('decrypt', 'part')],
  [37, make('decrypt', 'last')],
  [43, init('sign')],
  [44, make('sign', 'whole')],
  [45, make('sign', 'part')],
  [46, make('sign', 'last')],
  [49, init('verify')],
  [50, verify('whole')],
  [51, verify('part')],
  [52, verify('last')],
]);
