import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KmipClient, KmipRefusal } from '@holdfast/client';
import { discoverVersions, get, getAttributes, locate, reProvision } from '@holdfast/core';
import { CertificateRequestType, CertificateType, LinkType, ObjectType } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import {
  addClient,
  asFirstOfficer,
  startServerProcess,
  type AddedClient,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { until } from '../support/until';

/** A client replaces its own certificate: by a request, a certificate, or whatever the server makes. */

const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');

let server: ServerProcess;
let count = 0;
beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server.stop());

type Known = Pick<AddedClient, 'cert' | 'key' | 'ca'>;

async function newClient(role: 'user' | 'reader' = 'user') {
  const name = `machine-${++count}`;
  const added = await addClient(server, name, { role });
  return { name, ...added };
}
const connect = ({ cert, key, ca }: Known): Promise<KmipClient> =>
  KmipClient.connect({ host: server.host, port: server.port, cert, key, ca, version: '2.1' });

/** Whether the server answers to this certificate. */
async function isKnown(known: Known): Promise<boolean> {
  try {
    const client = await connect(known);
    try {
      await client.call(discoverVersions, { protocolVersions: [] });
      return true;
    } finally {
      await client.close();
    }
  } catch {
    return false;
  }
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;

async function reasonOf(client: KmipClient, request: Parameters<typeof reProvision.execute>[0]) {
  const refusal: unknown = await client.call(reProvision, request).catch((error: unknown) => error);
  return refusal instanceof KmipRefusal ? refusal.resultReasonName : refusal;
}

async function valueOf(client: KmipClient, uniqueIdentifier: string | undefined) {
  return (await client.call(get, { uniqueIdentifier })).object;
}

test('with nothing, the server makes a key and its certificate', async () => {
  const old = await newClient();
  const colleague = await connect(await newClient());
  const client = await connect(old);
  const { uniqueIdentifier } = await client.call(reProvision, {});
  await until(async () => !(await isKnown(old)), 'the old certificate is not known any more');
  await client.close();
  const key = await valueOf(colleague, uniqueIdentifier);
  if (key.objectType !== ObjectType.PrivateKey) throw new Error('it is no private key');
  const { keyValue } = key.keyBlock;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes))
    throw new Error('there is no key');
  const privateKey = createPrivateKey({ key: keyValue.keyMaterial.reveal(), format: 'der', type: 'pkcs8' });
  const { attributes } = await colleague.call(getAttributes, {
    uniqueIdentifier,
    attributeReferences: [{ key: 'Link' }],
  });
  const [link] = attributes;
  if (link?.key !== 'Link') throw new Error('there is no link');
  const certificate = await valueOf(colleague, link.value.linkedObjectIdentifier as string);
  if (certificate.objectType !== ObjectType.Certificate) throw new Error('it is no certificate');
  const cert = pem('CERTIFICATE', certificate.certificateValue);
  expect(new X509Certificate(cert).checkPrivateKey(privateKey)).toBe(true);
  const back = { linkType: LinkType.PrivateKeyLink, linkedObjectIdentifier: uniqueIdentifier ?? '' };
  const { uniqueIdentifiers } = await colleague.call(locate, { attributes: [{ key: 'Link', value: back }] });
  expect(uniqueIdentifiers).toEqual([link.value.linkedObjectIdentifier]);
  const renewed = { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, ca: old.ca };
  expect(await isKnown(renewed)).toBe(true);
  const officer = await asFirstOfficer(server);
  const shown = await officer.call('GET /clients/:name', undefined, { name: old.name });
  expect(shown.credentials?.map(({ status }) => status).sort()).toEqual(['revoked', 'valid']);
  await colleague.close();
});

test('with a certificate, that one; not one that is in use, has expired or is none', async () => {
  const old = await newClient();
  const client = await connect(old);
  const { ca } = old;
  const issue = async (nowSeconds: number) => {
    const authority = await certificates.createAuthority({ commonName: 'Elsewhere', nowSeconds });
    const ca = { certificateDer: authority.der, privateKey: authority.privateKey };
    return certificates.issueClient(ca, { name: 'self', domain: 'x', nowSeconds });
  };
  const now = Math.floor(Date.now() / 1000);
  const certificate = (certificateValue: Buffer) => ({
    certificate: { certificateType: CertificateType.X_509, certificateValue },
  });
  expect(await reasonOf(client, certificate(Buffer.from('none')))).toBe('InvalidField');
  expect(await reasonOf(client, certificate((await issue(1000)).der))).toBe('InvalidField');
  const taken = new X509Certificate((await newClient()).cert).raw;
  expect(await reasonOf(client, certificate(taken))).toBe('PermissionDenied');
  expect(await isKnown(old)).toBe(true);
  const mine = await issue(now);
  const { uniqueIdentifier } = await client.call(reProvision, certificate(mine.der));
  expect(uniqueIdentifier).toEqual(expect.any(String));
  await until(async () => !(await isKnown(old)), 'the old certificate is not known any more');
  const key = certificates.privateKeyPem(mine.privateKey).reveal().toString();
  expect(await isKnown({ cert: mine.pem, key, ca })).toBe(true);
  await client.close();
});

test('with no certificate of an authority that names clients: it may be that of another client, now or later', async () => {
  const officer = await asFirstOfficer(server);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const corporate = await certificates.createAuthority({ commonName: 'Corporate CA', nowSeconds });
  const ca = { certificateDer: corporate.der, privateKey: corporate.privateKey };
  const issue = (name: string) => certificates.issueClient(ca, { name, domain: 'x', nowSeconds });
  const [cert, other] = [await issue('array-7'), await issue('array-8')];
  const bring = async (by: KmipClient, certificateValue: Buffer) =>
    reasonOf(by, { certificate: { certificateType: CertificateType.X_509, certificateValue } });
  await officer.call('POST /authorities', { name: 'corporate', certificatePem: corporate.pem });
  const subject = certificates.parse(cert.der)[0]?.subject.text ?? '';
  const credential = { subject, authority: 'corporate' };
  await officer.call('POST /domains', { name: 'arrays' });
  await officer.call('POST /clients', { name: 'array-7', domain: 'arrays', credential });
  const key = certificates.privateKeyPem(cert.privateKey).reveal().toString();
  const { ca: trusted, ...old } = await newClient();
  const stranger = await connect({ ...old, ca: trusted });
  expect([await bring(stranger, cert.der), await bring(stranger, other.der)]).toEqual([
    'PermissionDenied',
    'PermissionDenied',
  ]);
  await stranger.close();
  const array = await connect({ cert: cert.pem, key, ca: trusted });
  const renewed = { certificateType: CertificateType.X_509, certificateValue: (await issue('array-7')).der };
  await array.call(reProvision, { certificate: renewed });
  await array.close();
  const shown = await officer.call('GET /clients/:name', undefined, { name: 'array-7' });
  expect(shown.credentials?.map(({ status }) => status).sort()).toEqual(['revoked', 'valid']);
});

test('is refused to readers, with both, and for requests that are none', async () => {
  const reader = await connect(await newClient('reader'));
  expect(await reasonOf(reader, {})).toBe('PermissionDenied');
  await reader.close();
  const old = await newClient();
  const client = await connect(old);
  const certificateRequest = {
    certificateRequestType: CertificateRequestType.PKCS_10,
    certificateRequestValue: Buffer.from('none'),
  };
  expect(await reasonOf(client, { certificateRequest })).toBe('CryptographicFailure');
  const certificate = { certificateType: CertificateType.X_509, certificateValue: Buffer.from('none') };
  expect(await reasonOf(client, { certificateRequest, certificate })).toBe('InvalidField');
  expect(await isKnown(old)).toBe(true);
  await client.close();
});

describe('kmip re-provision', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-re-provision-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, content?: string | Buffer): string => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  };
  const run = (known: Known, ...args: readonly string[]) => {
    const to = ['--server', `${server.host}:${server.port}`, '--ca', file('ca.pem', known.ca)];
    const identity = ['--cert', file('old.pem', known.cert), '--key', file('old-key.pem', known.key)];
    return spawnSync(process.execPath, [KMIP, 're-provision', ...to, ...identity, ...args], {
      encoding: 'utf8',
    });
  };

  test.each([
    ['a key that the client made', true],
    ['a key that the server made', false],
  ])('brings the certificate of %s', async (_whose, isOwn) => {
    const old = await newClient();
    const [cert, key] = [file(`${old.name}.pem`), file(`${old.name}-key.pem`)];
    const csr = file('new.csr');
    const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    if (isOwn) {
      execFileSync('openssl', ['req', '-new', ...algorithm, '-subj', '/CN=x', '-keyout', key, '-out', csr], {
        stdio: 'ignore',
      });
    }
    const { status, stderr } = run(old, '--out', cert, ...(isOwn ? ['--csr', csr] : ['--key-out', key]));
    expect([status, stderr]).toEqual([0, '']);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const renewed = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), ca: old.ca };
    expect(await isKnown(renewed)).toBe(true);
    await until(async () => !(await isKnown(old)), 'the old certificate is not known any more');
  });

  test('asks for nothing that its client could not fetch any more', async () => {
    const old = await newClient();
    const path = join(folder, 'nothing.pem');
    const nowhere = join(folder, 'none', 'key.pem');
    for (const [args, words] of [
      [[], '--out FILE'],
      [['--out', path, '--key-out', path, '--force'], 'the same file'],
      [['--out', path, '--key-out', nowhere], 'cannot be written: its folder'],
    ] as const) {
      const { status, stderr } = run(old, ...args);
      expect([status, stderr]).toEqual([2, expect.stringContaining(words)]);
    }
    expect(await isKnown(old)).toBe(true);
  });
});
