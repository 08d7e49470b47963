import type { CipherRequest, Decryption, DecryptionRequest, Encryption } from '@holdfast/core';
import { decryptInHsm, encryptInHsm } from './hsm-cipher';
import { hsmKeyOf } from './hsm-key';
import { isAsymmetric } from './key';
import { decryptRsa, encryptRsa } from './rsa';
import { decryptSymmetric } from './symmetric-decryption';
import { encryptSymmetric } from './symmetric-encryption';

/** Encryption under any key, wherever it is. */
export function encrypt(request: CipherRequest): Encryption {
  if (isAsymmetric(request)) return encryptRsa(request);
  const hsmKey = hsmKeyOf(request);
  return hsmKey === undefined ? encryptSymmetric(request) : encryptInHsm(hsmKey, request);
}

export function decrypt(request: DecryptionRequest): Decryption {
  if (isAsymmetric(request)) return decryptRsa(request);
  const hsmKey = hsmKeyOf(request);
  return hsmKey === undefined ? decryptSymmetric(request) : decryptInHsm(hsmKey, request);
}
