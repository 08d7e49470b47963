import { randomBytes, timingSafeEqual } from 'node:crypto';
import { resolve } from 'node:path';
import { KeyFormatType, ObjectType } from '@holdfast/kmip';
import type { Asker, GeneratedKey } from '@holdfast/core';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import { createTurns } from '../long-jobs';
import { failure } from '../operations/refusals';
import { THREADS, Threads } from '../operations/threads';
import { writeQuantumSafeKey, type QuantumSafeKey } from './key-formats';
import { lengthBitsOf, type ParameterSet } from './parameter-sets';
import type { Computation, QuantumSafeJob, QuantumSafeOutput } from './thread';

// The compiled thread, also where this file runs uncompiled.
const SCRIPT = resolve(__dirname, '../../dist/quantum-safe/thread.js');
/** For what takes milliseconds: the lattices, and all verification. */
const quick = new Threads<QuantumSafeJob, QuantumSafeOutput>(SCRIPT);
/** SLH-DSA signs, and makes keys, in tenths of seconds (f) to many seconds (s), for which nothing else shall wait. */
const slow = new Threads<QuantumSafeJob, QuantumSafeOutput>(SCRIPT);

/** How many more signatures and keys of SLH-DSA may wait for one client. */
const MAX_WAITING = 8;
/** One client leaves a thread to the others, where there are several; a thread has one of them at a time. */
const inSlowTurn = createTurns(THREADS, { perLine: Math.max(1, THREADS - 1), maxWaiting: MAX_WAITING });

async function run(
  { family, name }: ParameterSet,
  computation: Computation,
  asker?: Asker,
): Promise<readonly Buffer[]> {
  const job = { family, name, computation };
  const isSlow = family === 'slh-dsa' && computation.use !== 'verify';
  const output = await (isSlow ? inSlowTurn(() => slow.run(job, asker?.signal), asker) : quick.run(job));
  return output.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
}

/** A new pair: PKCS#8 with the seed, where the algorithm has one, and SubjectPublicKeyInfo. */
export async function generateQuantumSafePair(
  parameterSet: ParameterSet,
  asker: Asker | undefined,
): Promise<{ readonly privateKey: GeneratedKey; readonly publicKey: GeneratedKey }> {
  const { algorithm, seedLengthBytes } = parameterSet;
  const seed = seedLengthBytes === undefined ? undefined : randomBytes(seedLengthBytes);
  const half = (objectType: ObjectType, keyFormatType: KeyFormatType, encoded: Buffer | undefined) => {
    const keyMaterial = writeQuantumSafeKey(objectType, { parameterSet, encoded, seed }, keyFormatType);
    if (keyMaterial === undefined) throw failure('the key has no such format');
    return { keyFormatType, keyMaterial, algorithm, lengthBits: lengthBitsOf(parameterSet) };
  };
  let privateKey: Buffer | undefined;
  try {
    const pair = await run(parameterSet, { use: 'generate', seed }, asker);
    privateKey = pair[1];
    return {
      privateKey: half(ObjectType.PrivateKey, KeyFormatType.PKCS_8, privateKey),
      publicKey: half(ObjectType.PublicKey, KeyFormatType.X_509, pair[0]),
    };
  } finally {
    seed?.fill(0);
    privateKey?.fill(0);
  }
}

/** @throws HoldfastError InvalidField where the private key is not the one that its seed gives */
export async function requireKeyOfSeed(key: QuantumSafeKey): Promise<void> {
  const { parameterSet, encoded, seed } = key;
  if (encoded === undefined || seed === undefined) return;
  const [, expanded] = await run(parameterSet, { use: 'generate', seed });
  const isSame = timingSafeEqual(first([expanded]), encoded);
  expanded?.fill(0);
  if (!isSame) throw new HoldfastError('InvalidField', 'the private key is not the one that its seed gives');
}

/**
 * ML-DSA.Sign and slh_sign with the empty context, hedged (FIPS 204 section 5.2, FIPS 205 section 10.2).
 * @throws HoldfastError ServerLimitExceeded where too many of the asker's are waiting, OperationCanceledByRequester
 */
export async function signQuantumSafe(
  key: QuantumSafeKey,
  message: Buffer,
  asker: Asker | undefined,
): Promise<Buffer> {
  const { encoded, seed } = key;
  return first(await run(key.parameterSet, { use: 'sign', encoded, seed, message }, asker));
}

/** @returns false for all that is no signature, whatever its length */
export async function verifyQuantumSafe(
  { parameterSet, encoded }: QuantumSafeKey,
  message: Buffer,
  signature: Buffer,
): Promise<boolean> {
  const publicKey = first([encoded]);
  return first(await run(parameterSet, { use: 'verify', publicKey, message, signature }))[0] === 1;
}

/** ML-KEM.Encaps. FIPS 203 section 7.2. @throws HoldfastError CryptographicFailure where the public key is none */
export async function encapsulate({
  parameterSet,
  encoded,
}: QuantumSafeKey): Promise<{ readonly secret: Buffer; readonly ciphertext: Buffer }> {
  const [secret, ciphertext] = await run(parameterSet, { use: 'encapsulate', publicKey: first([encoded]) });
  return { secret: first([secret]), ciphertext: first([ciphertext]) };
}

/**
 * ML-KEM.Decaps: of a ciphertext that was not made for this key another secret, as FIPS 203 section 7.3 has it.
 * @throws HoldfastError CryptographicFailure where the ciphertext is not as long as those of the parameter set
 */
export async function decapsulate(
  { parameterSet, encoded, seed }: QuantumSafeKey,
  ciphertext: SecretBytes,
): Promise<Buffer> {
  const computation = { use: 'decapsulate', encoded, seed, ciphertext: ciphertext.reveal() } as const;
  return first(await run(parameterSet, computation));
}

function first([output]: readonly (Buffer | undefined)[]): Buffer {
  if (output === undefined) throw failure('the key is not there');
  return output;
}
