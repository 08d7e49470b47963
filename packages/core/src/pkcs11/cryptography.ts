import { ValidityIndicator } from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import type { OperationContext } from '../operation';
import { decrypt } from '../operations/decrypt';
import { encrypt } from '../operations/encrypt';
import { mac } from '../operations/mac';
import { macVerify } from '../operations/mac-verify';
import { sign } from '../operations/sign';
import { signatureVerify } from '../operations/signature-verify';
import { byOperation, bytesFor, done, inSession, refused, Rv, type Pkcs11Call } from './call';
import { inClear } from './codec';
import type { ActiveUse, Pkcs11Session } from './library';
import { readMechanism, type Purpose } from './mechanisms';

/** C_Encrypt, C_Decrypt, C_Sign, C_Verify and what begins them: in one part, by the rules of KMIP's operations. */

const init = (purpose: Purpose): Pkcs11Call =>
  inSession((session, input, library) => {
    const mechanism = readMechanism(input, purpose);
    const uniqueIdentifier = library.identifierOf(input.ulong());
    input.end();
    if (mechanism === undefined) return refused(Rv.MECHANISM_INVALID);
    if (uniqueIdentifier === undefined) return refused(Rv.OBJECT_HANDLE_INVALID);
    if (session.uses.has(purpose)) return refused(Rv.OPERATION_ACTIVE);
    session.uses.set(purpose, { purpose, mechanism, uniqueIdentifier });
    return done();
  });

type Make = (use: ActiveUse, data: Buffer, context: OperationContext) => Promise<Buffer>;

const EMPTY = Buffer.alloc(0);

/** What KMIP's requests for a use have in common. */
const asked = ({ uniqueIdentifier, mechanism }: ActiveUse) => ({
  uniqueIdentifier,
  cryptographicParameters: mechanism.parameters,
  ivCounterNonce: mechanism.ivCounterNonce,
  additionalData: mechanism.additionalData,
});

/** The tag of GCM follows the ciphertext (PKCS#11 Current Mechanisms v3.0 section 2.13). */
const MAKE: Readonly<Record<Exclude<Purpose, 'verify'>, Make>> = {
  async encrypt(use, data, context) {
    const answer = await encrypt.execute({ ...asked(use), data: SecretBytes.copyOf(data) }, context);
    return Buffer.concat([answer.data ?? EMPTY, answer.authenticatedEncryptionTag ?? EMPTY]);
  },
  async decrypt(use, data, context) {
    const { tagLengthBytes } = use.mechanism;
    const end = Math.max(data.length - tagLengthBytes, 0);
    const tag = tagLengthBytes === 0 ? {} : { authenticatedEncryptionTag: data.subarray(end) };
    const answer = await decrypt.execute({ ...asked(use), data: data.subarray(0, end), ...tag }, context);
    return answer.data === undefined ? EMPTY : inClear(answer.data);
  },
  async sign({ uniqueIdentifier, mechanism }, data, context) {
    const { parameters: cryptographicParameters, isMac } = mechanism;
    const request = { uniqueIdentifier, cryptographicParameters, data: SecretBytes.copyOf(data) };
    if (isMac) return (await mac.execute(request, context)).macData ?? EMPTY;
    return (await sign.execute(request, context)).signatureData ?? EMPTY;
  },
};

/** The state of the session changes once what the operation changed is written: before that it may be run again. */
function settle(
  session: Pkcs11Session,
  { purpose }: ActiveUse,
  next: ActiveUse | undefined,
  context: OperationContext,
) {
  context.afterwards(() => {
    session.uses.get(purpose)?.made?.result.fill(0);
    if (next === undefined) session.uses.delete(purpose);
    else session.uses.set(purpose, next);
    return Promise.resolve();
  });
}

const make = (purpose: Exclude<Purpose, 'verify'>): Pkcs11Call =>
  inSession((session, input, _library, context) => {
    const data = input.byteString();
    const room = input.wantedCount();
    input.end();
    const use = session.uses.get(purpose);
    if (use === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
    const codes = purpose === 'decrypt' ? { CryptographicFailure: Rv.ENCRYPTED_DATA_INVALID } : {};
    return byOperation(
      'use',
      context,
      async (within) => {
        const isMade = use.made?.data.equals(data) === true;
        const made = isMade ? use.made.result : await MAKE[purpose](use, data, within);
        const { isLast, ...result } = bytesFor(room, made);
        const waiting = { ...use, made: { data: Buffer.from(data), result: Buffer.from(made) } };
        settle(session, use, isLast ? undefined : waiting, context);
        return result;
      },
      codes,
    );
  });

const verify: Pkcs11Call = inSession((session, input, _library, context) => {
  const data = SecretBytes.copyOf(input.byteString());
  const signatureData = input.byteString();
  input.end();
  const use = session.uses.get('verify');
  if (use === undefined) return refused(Rv.OPERATION_NOT_INITIALIZED);
  return byOperation('use', context, async (within) => {
    const { uniqueIdentifier, mechanism } = use;
    const request = { uniqueIdentifier, cryptographicParameters: mechanism.parameters, data };
    const { validityIndicator } = mechanism.isMac
      ? await macVerify.execute({ ...request, macData: signatureData }, within)
      : await signatureVerify.execute({ ...request, signatureData }, within);
    settle(session, use, undefined, context);
    return validityIndicator === ValidityIndicator.Valid ? done() : refused(Rv.SIGNATURE_INVALID);
  });
});

export const CRYPTOGRAPHIC_FUNCTIONS: ReadonlyMap<number, Pkcs11Call> = new Map([
  [30, init('encrypt')],
  [31, make('encrypt')],
  [34, init('decrypt')],
  [35, make('decrypt')],
  [43, init('sign')],
  [44, make('sign')],
  [49, init('verify')],
  [50, verify],
]);
