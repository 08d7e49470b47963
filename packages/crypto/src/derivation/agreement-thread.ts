import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { modularPower } from '../keys/modular';
import { answerJobs } from '../operations/thread-messages';

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

answerJobs(compute, ({ privateKey }) => privateKey);
