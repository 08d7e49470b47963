import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  decodeShare,
  encodeShare,
  passShareOn,
  readEnvelopeHeader,
  recipientFrom,
  type EnvelopeOpener,
} from '@holdfast/crypto';

/**
 * What opens a sealed file.
 * @param shareFiles shares that custodians took out of the file for one of these keys
 * @throws HoldfastError InvalidField, IntegrityViolation
 */
export function openerFrom(privateKeys: readonly KeyObject[], shareFiles: readonly Buffer[]): EnvelopeOpener {
  return { privateKeys, shares: shareFiles.map(decodeShare) };
}

/**
 * A custodian's share of a sealed file, sealed to another public key, as the file that is handed on.
 * @throws HoldfastError PermissionDenied where the key is no custodian's; InvalidField, IntegrityViolation
 */
export async function handShareOn(
  path: string,
  privateKey: KeyObject,
  to: { readonly name: string; readonly pem: string },
): Promise<Buffer> {
  const header = await readEnvelopeHeader(createReadStream(path));
  return encodeShare(await passShareOn(header, privateKey, recipientFrom(to.name, to.pem)));
}
