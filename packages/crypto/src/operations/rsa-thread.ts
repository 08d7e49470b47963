import { constants, privateDecrypt, privateEncrypt, type KeyObject } from 'node:crypto';
import { answerJobs } from './thread-messages';

/** Runs in a thread of its own: raw RSA with private keys. */

/** RSASP1 and RSADP are the same computation, which OpenSSL names by what it is for. */
export interface RsaJob {
  readonly use: 'sign' | 'decrypt';
  readonly key: KeyObject;
  /** As long as the modulus. */
  readonly input: Uint8Array;
}

/** Undefined where OpenSSL refuses the input: it is not below the modulus. */
function compute({ use, key, input }: RsaJob): Buffer | undefined {
  const options = { key, padding: constants.RSA_NO_PADDING };
  try {
    return use === 'sign' ? privateEncrypt(options, input) : privateDecrypt(options, input);
  } catch {
    return undefined;
  }
}

answerJobs(compute, ({ input }) => input);
