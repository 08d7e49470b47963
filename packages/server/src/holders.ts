import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { HoldfastError } from '@holdfast/core';
import {
  decodeShare,
  encodeShare,
  passShareOn,
  readEnvelopeHeader,
  recipientFrom,
  type EnvelopeOpener,
} from '@holdfast/crypto';

/** A private key from PEM. @throws HoldfastError InvalidField */
function privateKeyFrom(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new HoldfastError('InvalidField', 'the identity is no private key (PEM, without a passphrase)', {
      cause,
    });
  }
}

/**
 * What opens a sealed file.
 * @param identities private keys, PEM
 * @param shareFiles shares that custodians took out of the file for one of these keys
 * @throws HoldfastError InvalidField, IntegrityViolation
 */
export function openerFrom(identities: readonly string[], shareFiles: readonly Buffer[]): EnvelopeOpener {
  return { privateKeys: identities.map(privateKeyFrom), shares: shareFiles.map(decodeShare) };
}

/**
 * A custodian's share of a sealed file, sealed to another public key, as the file that is handed on.
 * @throws HoldfastError PermissionDenied where the key is no custodian's; InvalidField, IntegrityViolation
 */
export async function handShareOn(
  path: string,
  identity: string,
  to: { readonly name: string; readonly pem: string },
): Promise<Buffer> {
  const header = await readEnvelopeHeader(createReadStream(path));
  return encodeShare(await passShareOn(header, privateKeyFrom(identity), recipientFrom(to.name, to.pem)));
}
