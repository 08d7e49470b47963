import { parentPort, type MessagePort } from 'node:worker_threads';
import { post, type ThreadJob, type ThreadResult } from '../operations/thread-messages';
import type { QuantumSafeFamily } from './parameter-sets';

/** Runs in a thread of its own: ML-KEM, ML-DSA and SLH-DSA, by noble's implementation, which is an ES module. */

interface PrivateKey {
  readonly encoded: Uint8Array | undefined;
  readonly seed: Uint8Array | undefined;
}

export type Computation =
  | { readonly use: 'generate'; readonly seed: Uint8Array | undefined }
  | ({ readonly use: 'sign'; readonly message: Uint8Array } & PrivateKey)
  | {
      readonly use: 'verify';
      readonly publicKey: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly use: 'encapsulate'; readonly publicKey: Uint8Array }
  | ({ readonly use: 'decapsulate'; readonly ciphertext: Uint8Array } & PrivateKey);

export interface QuantumSafeJob {
  readonly family: QuantumSafeFamily;
  /** As in the table of parameter sets. */
  readonly name: string;
  readonly computation: Computation;
}

/** generate: public and private key; sign: the signature; verify: one byte; encapsulate: secret and ciphertext; decapsulate: the secret. */
export type QuantumSafeOutput = readonly Uint8Array[];

/** What is the same in noble's three modules. */
interface Pairs {
  keygen(seed?: Uint8Array): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
}
interface Signer extends Pairs {
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}
interface Kem extends Pairs {
  encapsulate(publicKey: Uint8Array): { readonly cipherText: Uint8Array; readonly sharedSecret: Uint8Array };
  decapsulate(cipherText: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

async function kemNamed(name: string): Promise<Kem> {
  const { ml_kem512, ml_kem768, ml_kem1024 } = await import('@noble/post-quantum/ml-kem.js');
  return named(name, { 'ml-kem-512': ml_kem512, 'ml-kem-768': ml_kem768, 'ml-kem-1024': ml_kem1024 });
}

async function signerNamed(family: QuantumSafeFamily, name: string): Promise<Signer> {
  if (family === 'ml-dsa') {
    const { ml_dsa44, ml_dsa65, ml_dsa87 } = await import('@noble/post-quantum/ml-dsa.js');
    return named(name, { 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65, 'ml-dsa-87': ml_dsa87 });
  }
  const sets: Readonly<Record<string, unknown>> = await import('@noble/post-quantum/slh-dsa.js');
  return named(name, { [name]: sets[name.replaceAll('-', '_')] as Signer | undefined });
}

function named<T>(name: string, sets: Readonly<Record<string, T | undefined>>): T {
  const set = sets[name];
  if (set === undefined) throw new Error('no such parameter set');
  return set;
}

/** Uses the private key in its encoded form, which is worked out where there is the seed alone. */
function withPrivateKey<T>(pairs: Pairs, { encoded, seed }: PrivateKey, use: (key: Uint8Array) => T): T {
  if (encoded !== undefined) return use(encoded);
  const { secretKey } = pairs.keygen(seed);
  try {
    return use(secretKey);
  } finally {
    secretKey.fill(0);
  }
}

/** @returns undefined where the public key is none, or the ciphertext is not as long as it should be: all else has been checked */
async function compute({
  family,
  name,
  computation,
}: QuantumSafeJob): Promise<QuantumSafeOutput | undefined> {
  if (computation.use === 'encapsulate' || computation.use === 'decapsulate') {
    const kem = await kemNamed(name);
    if (computation.use === 'encapsulate') {
      const made = accepted(() => kem.encapsulate(computation.publicKey));
      return made && [made.sharedSecret, made.cipherText];
    }
    const { ciphertext } = computation;
    const secret = withPrivateKey(kem, computation, (key) =>
      accepted(() => kem.decapsulate(ciphertext, key)),
    );
    return secret && [secret];
  }
  if (computation.use === 'generate') {
    const pairs = family === 'ml-kem' ? await kemNamed(name) : await signerNamed(family, name);
    const { publicKey, secretKey } = pairs.keygen(computation.seed);
    return [publicKey, secretKey];
  }
  const signer = await signerNamed(family, name);
  if (computation.use === 'verify') {
    const { signature, message, publicKey } = computation;
    return [Uint8Array.of(accepted(() => signer.verify(signature, message, publicKey)) === true ? 1 : 0)];
  }
  const { message } = computation;
  return [withPrivateKey(signer, computation, (key) => signer.sign(message, key))];
}

/** noble throws at what is not as long as it should be. */
function accepted<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** All of it, since what is public is not worth telling apart. */
function forget(computation: Computation): void {
  for (const part of Object.values(computation)) if (part instanceof Uint8Array) part.fill(0);
}

async function answer(port: MessagePort, { id, job }: ThreadJob<QuantumSafeJob>): Promise<void> {
  let fault: string | undefined;
  const output = await compute(job).catch((error: unknown) => {
    fault = String(error);
    return undefined;
  });
  forget(job.computation);
  post<ThreadResult<QuantumSafeOutput>>(port, { id, output, fault });
  for (const part of output ?? []) part.fill(0);
}

const port = parentPort;
port?.on('message', (message: ThreadJob<QuantumSafeJob>) => void answer(port, message));
