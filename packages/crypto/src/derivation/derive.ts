import { createHash, createHmac, hkdf, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import type { DerivationRequest, KeyUseRequest } from '@holdfast/core';
import { DerivationMethod as Method, HashingAlgorithm } from '@holdfast/kmip';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { inLongJobTurn } from '../long-jobs';
import { hashFacts, requiredHash } from '../operations/hashes';
import { encryptInHsm } from '../operations/hsm-cipher';
import { hsmKeyOf } from '../operations/hsm-key';
import { secretOf } from '../operations/key';
import { failure, unsupported } from '../operations/refusals';
import { encryptSymmetric } from '../operations/symmetric-encryption';
import { agree } from './agreement';
import { decapsulated, encapsulated } from './encapsulation';
import { asSymmetricKey, prfOf } from './prf';
import { counterMode, doublePipelineMode, feedbackMode } from './sp800-108';

/** The derivation methods of KMIP 1.4 section 4.6, KMIP 2.1 sections 7.12 and 11.14. */

const EMPTY = Buffer.alloc(0);
/** Node takes no more. */
const MAX_HKDF_INFO_BYTES = 1024;
/**
 * The most rounds of PBKDF2: some seconds of a thread that others wait for. Each output of the hash takes as many as Iteration
 * Count says.
 */
const MAX_PBKDF2_ROUNDS = 20_000_000;
const pbkdf2OnThread = promisify(pbkdf2);
const hkdfOnThread = promisify(hkdf);

type Derivation = (request: DerivationRequest, lengthBytes: number) => Buffer | Promise<Buffer>;

function dataOf({ data: [data] }: DerivationRequest): Buffer {
  return data?.reveal() ?? EMPTY;
}

const DERIVATIONS: Readonly<Record<Method, Derivation>> = {
  /** RFC 8018 section 5.2; HMAC-SHA-1 where no hash is named (its appendix A.2). */
  [Method.PBKDF2](request, lengthBytes) {
    const { salt = EMPTY, iterationCount = 0, parameters } = request;
    const { opensslName, lengthBytes: hashLength } = hashFacts(
      parameters.hashingAlgorithm ?? HashingAlgorithm.SHA_1,
    );
    if (iterationCount * Math.ceil(lengthBytes / hashLength) > MAX_PBKDF2_ROUNDS) {
      throw new HoldfastError('InvalidField', 'Iteration Count is too high for a key of this length');
    }
    const password = secretOf(request).reveal();
    return inLongJobTurn(() => pbkdf2OnThread(password, salt, iterationCount, lengthBytes, opensslName));
  },
  [Method.HASH](request) {
    const { opensslName } = requiredHash(request.parameters.hashingAlgorithm);
    return createHash(opensslName).update(secretOf(request).reveal()).digest();
  },
  [Method.HMAC]: (request) => prfOf(request)(dataOf(request)),
  async [Method.ENCRYPT](request) {
    const hsmKey = hsmKeyOf(request);
    const cipher = {
      value: hsmKey === undefined ? asSymmetricKey(request) : request.value,
      algorithm: request.algorithm,
      parameters: request.parameters,
      ivCounterNonce: request.initializationVector ?? EMPTY,
      additionalData: undefined,
      isTagAppended: false,
    };
    const encryption = hsmKey === undefined ? encryptSymmetric(cipher) : encryptInHsm(hsmKey, cipher);
    try {
      const begun = request.data[0] === undefined ? EMPTY : encryption.update(request.data[0]);
      const { data: rest } = await encryption.final();
      const derived = Buffer.concat([begun, rest]);
      for (const part of [begun, rest]) part.fill(0);
      return derived;
    } finally {
      encryption.destroy();
    }
  },
  [Method.NIST800_108_C]: (request, lengthBytes) => counterMode(prfOf(request), dataOf(request), lengthBytes),
  [Method.NIST800_108_F]: (request, lengthBytes) =>
    feedbackMode(prfOf(request), dataOf(request), lengthBytes, request.initializationVector ?? EMPTY),
  [Method.NIST800_108_DPI]: (request, lengthBytes) =>
    doublePipelineMode(prfOf(request), dataOf(request), lengthBytes),
  [Method.AsymmetricKey]: (request) => (request.peer === undefined ? decapsulated(request) : agree(request)),
  /** The signing key: HMAC-SHA-256 over date, region, service and a fixed word, each under the result before. */
  [Method.AWSSignatureVersion4](request) {
    const steps = [...request.data.map((part) => part.reveal()), Buffer.from('aws4_request')];
    const secret = Buffer.concat([Buffer.from('AWS4'), secretOf(request).reveal()]);
    return steps.reduce((key, step) => {
      const next = createHmac('sha256', key).update(step).digest();
      key.fill(0);
      return next;
    }, secret);
  },
  /** RFC 5869; SHA-256 where no hash is named. */
  async [Method.HKDF](request, lengthBytes) {
    const { opensslName, lengthBytes: hashLength } = hashFacts(
      request.parameters.hashingAlgorithm ?? HashingAlgorithm.SHA_256,
    );
    if (lengthBytes > 255 * hashLength) throw tooLong();
    const info = dataOf(request);
    if (info.length > MAX_HKDF_INFO_BYTES) {
      throw unsupported(`HKDF takes at most ${MAX_HKDF_INFO_BYTES} bytes of Derivation Data here`);
    }
    const key = secretOf(request).reveal();
    return Buffer.from(await hkdfOnThread(opensslName, key, request.salt ?? EMPTY, info, lengthBytes));
  },
};

/** @throws HoldfastError CryptographicFailure where the method gives fewer bytes, and what its parameters come to */
export async function deriveBytes(request: DerivationRequest, lengthBytes: number): Promise<SecretBytes> {
  return shortened(await DERIVATIONS[request.method](request, lengthBytes), lengthBytes);
}

/** @throws HoldfastError as `deriveBytes` */
export async function encapsulate(
  request: KeyUseRequest,
  lengthBytes: number,
): Promise<{ readonly secret: SecretBytes; readonly ciphertext: Buffer }> {
  const { secret, ciphertext } = await encapsulated(request);
  return { secret: shortened(secret, lengthBytes), ciphertext };
}

/** The leftmost bytes of what came out. */
function shortened(output: Buffer, lengthBytes: number): SecretBytes {
  if (output.length < lengthBytes) {
    output.fill(0);
    throw tooLong();
  }
  const derived = Buffer.from(output.subarray(0, lengthBytes));
  output.fill(0);
  return new SecretBytes(derived);
}

function tooLong() {
  return failure('the Cryptographic Length exceeds the output of the Derivation Method');
}
