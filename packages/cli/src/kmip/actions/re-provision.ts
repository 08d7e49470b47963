import { resolve } from 'node:path';
import { call, type Outcome } from '@holdfast/client';
import { get, locate, reProvision } from '@holdfast/core';
import {
  CertificateRequestType,
  CertificateType,
  LinkType,
  ObjectType,
  UniqueIdentifier,
} from '@holdfast/kmip';
import { CommandFailure, ExitCode, wrongUse } from '../../exit';
import { keyDestination, type KeyDestination } from '../../key-output';
import { withClient } from '../connect';
import { objectBytes } from '../object-value';
import { readNamedFile } from '../settings';
import { deliver } from './deliver';
import { perform, type CommonFlags } from './perform';

export interface ReProvisionFlags extends CommonFlags {
  readonly csr?: string;
  readonly certificate?: string;
  readonly out?: string;
  readonly keyOut?: string;
  readonly force?: boolean;
}

const PEM = /-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END/;

/** PEM or DER. */
async function derOf(path: string): Promise<Buffer> {
  const bytes = await readNamedFile(path, 'the file');
  const body = PEM.exec(bytes.toString('latin1'))?.[1];
  return body === undefined ? bytes : Buffer.from(body, 'base64');
}

/** @throws CommandFailure wrong use */
async function newFile(what: string, option: string, out: string | undefined, { force = false }) {
  if (out === undefined) {
    throw wrongUse(
      `where the new ${what} shall go is not said`,
      `Use ${option} FILE: once its certificate is replaced, this client can fetch nothing more with it.`,
    );
  }
  return (await keyDestination({ out, force })) as KeyDestination;
}

/** @throws CommandFailure wrong use, where a file would never be read, or written */
function refuseContradictions({ certificate, csr, out, keyOut }: ReProvisionFlags): void {
  if (certificate !== undefined && [csr, out, keyOut].some((file) => file !== undefined))
    throw wrongUse('a certificate that is there already is given', 'Leave out --csr, --out and --key-out.');
  if (csr !== undefined && keyOut !== undefined)
    throw wrongUse('the key of a certificate request is the client’s own', 'Leave out --key-out, or --csr.');
}

function responseOf<R>(outcome: Outcome<R>): R {
  if (outcome.status === 'done') return outcome.response;
  if (outcome.status === 'not-run') throw new CommandFailure(ExitCode.Refused, 'the server stopped early');
  throw outcome.refusal;
}

/**
 * Replaces the client's certificate. That which it came with is good until the end of the message that replaces it, which
 * therefore fetches what the server made. KMIP 2.1 section 6.1.48.
 */
export async function reProvisionAction(flags: ReProvisionFlags): Promise<void> {
  refuseContradictions(flags);
  if (flags.certificate !== undefined) {
    const certificateValue = await derOf(flags.certificate);
    const certificate = { certificateType: CertificateType.X_509, certificateValue };
    await perform(reProvision, { certificate }, flags);
    return;
  }
  const toCertificate = await newFile('certificate', '--out', flags.out, flags);
  if (flags.csr === undefined) {
    if (flags.keyOut !== undefined && resolve(flags.keyOut) === resolve(flags.out ?? '')) {
      throw wrongUse('--out and --key-out name the same file', 'The certificate would replace the key.');
    }
    await keyAndCertificate(
      toCertificate,
      await newFile('private key', '--key-out', flags.keyOut, flags),
      flags,
    );
    return;
  }
  const certificateRequestType = CertificateRequestType.PKCS_10;
  const certificateRequest = { certificateRequestType, certificateRequestValue: await derOf(flags.csr) };
  await withClient(flags, async (client) => {
    const outcomes = await client.batch([call(reProvision, { certificateRequest }), call(get, {})]);
    const { uniqueIdentifier } = responseOf(outcomes[0]);
    const { object } = responseOf(outcomes[1]);
    await deliver(
      objectBytes(object, client.dialect),
      toCertificate,
      { uniqueIdentifier: uniqueIdentifier ?? '' },
      flags,
    );
  });
}

/** The answer names the key alone: the certificate is the one that links to it. */
async function keyAndCertificate(
  toCertificate: KeyDestination,
  toKey: KeyDestination,
  flags: ReProvisionFlags,
): Promise<void> {
  const linkedObjectIdentifier = { from: UniqueIdentifier.IDPlaceholder };
  const attributes = [
    { key: 'ObjectType', value: ObjectType.Certificate },
    { key: 'Link', value: { linkType: LinkType.PrivateKeyLink, linkedObjectIdentifier } },
  ] as const;
  await withClient(flags, async (client) => {
    const outcomes = await client.batch([
      call(reProvision, {}),
      call(get, {}),
      call(locate, { attributes }),
      call(get, {}),
    ]);
    responseOf(outcomes[0]);
    for (const [outcome, destination] of [
      [outcomes[1], toKey],
      [outcomes[3], toCertificate],
    ] as const) {
      const { uniqueIdentifier, object } = responseOf(outcome);
      await deliver(objectBytes(object, client.dialect), destination, { uniqueIdentifier }, flags);
    }
  });
}
