import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { modularPower } from '../keys/modular';
import { post, type ThreadJob, type ThreadResult } from '../operations/thread-messages';

/** Runs in a thread of its own: key agreement in finite fields. */

export interface AgreementJob {
  /** PKCS#8, of PKCS #3. */
  readonly privateKey: Uint8Array;
  /** SubjectPublicKeyInfo, of PKCS #3. */
  readonly publicKey: Uint8Array;
  /** There where the public value has to be found in the subgroup of order q. */
  readonly subgroup: { readonly value: bigint; readonly q: bigint; readonly p: bigint } | undefined;
}

/** Undefined where the keys do not agree. */
function compute({ privateKey, publicKey, subgroup }: AgreementJob): Buffer | undefined {
  if (subgroup !== undefined && modularPower(subgroup.value, subgroup.q, subgroup.p) !== 1n) return undefined;
  try {
    return diffieHellman({
      privateKey: createPrivateKey({ key: Buffer.from(privateKey.buffer), format: 'der', type: 'pkcs8' }),
      publicKey: createPublicKey({ key: Buffer.from(publicKey.buffer), format: 'der', type: 'spki' }),
    });
  } catch {
    return undefined;
  }
}

const port = parentPort;
port?.on('message', ({ id, job }: ThreadJob<AgreementJob>) => {
  const output = compute(job);
  post<ThreadResult<Uint8Array>>(port, { id, output });
  job.privateKey.fill(0);
  output?.fill(0);
});
