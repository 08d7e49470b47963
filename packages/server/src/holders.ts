import { createReadStream } from 'node:fs';
import {
  decodeShare,
  encodeShare,
  passShareOn,
  privateKeyFrom,
  readEnvelopeHeader,
  recipientFrom,
  type EnvelopeOpener,
} from '@holdfast/crypto';

/** None of these keys is under a passphrase. */
function identityFrom(pem: string): ReturnType<typeof privateKeyFrom> {
  return privateKeyFrom(pem, () => Promise.resolve(undefined));
}

/**
 * What opens a sealed file.
 * @param identities private keys, PEM
 * @param shareFiles shares that custodians took out of the file for one of these keys
 * @throws HoldfastError InvalidField, IntegrityViolation
 */
export async function openerFrom(
  identities: readonly string[],
  shareFiles: readonly Buffer[],
): Promise<EnvelopeOpener> {
  return {
    privateKeys: await Promise.all(identities.map(identityFrom)),
    shares: shareFiles.map(decodeShare),
  };
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
  return encodeShare(await passShareOn(header, await identityFrom(identity), recipientFrom(to.name, to.pem)));
}
