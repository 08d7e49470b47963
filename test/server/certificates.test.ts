import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import {
  Wire,
  addClient,
  asFirstOfficer,
  holdfast,
  holdfastResult,
  readResponse,
  startServerProcess,
  tlsOptions,
  type Identity,
  type ServerProcess,
} from '@holdfast/testkit';
import { until } from '../support/until';
import { discoverRequest, errorsOf } from './support';

/** Certificates that the server shows, and those that it issues, as OpenSSL and its own clients see them. */

const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');
const CRL_URL = 'http://pki.example.org/holdfast.crl';
const CA_URL = 'http://pki.example.org/ca.der';

let server: ServerProcess;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-certificates-'));
  server = await startServerProcess({ arguments: ['--crl-url', CRL_URL, '--ca-issuer-url', CA_URL] });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const openssl = (...args: string[]): string => execFileSync('openssl', args, { stdio: 'pipe' }).toString();

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command `kmip`, as the first client. */
function kmip(...args: string[]): Promise<Outcome> {
  const { cert, key, ca } = server.clientFiles;
  const to = ['--server', `127.0.0.1:${server.port}`, '--cert', cert, '--key', key, '--ca', ca];
  return new Promise((done) => {
    execFile(process.execPath, [KMIP, ...args, ...to], (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

async function answer<T>(...args: string[]): Promise<T> {
  const outcome = await kmip(...args, '--json');
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(outcome.stdout) as T;
}

interface Made {
  readonly uniqueIdentifier: string;
  readonly privateKeyUniqueIdentifier: string;
  readonly publicKeyUniqueIdentifier: string;
}

const administered = (...args: string[]) => holdfast(...args, '--data-dir', server.dataDir);
const refusedAdministration = async (...args: string[]) => {
  const { code, stderr } = await holdfastResult([...args, '--data-dir', server.dataDir]);
  expect(code).not.toBe(0);
  return stderr;
};

async function certificateFile(uniqueIdentifier: string): Promise<string> {
  const path = join(folder, `${uniqueIdentifier}.pem`);
  await answer('get', uniqueIdentifier, '--format', 'pem', '--out', path);
  return path;
}

async function greet(identity?: Identity): Promise<number | undefined> {
  const wire = await Wire.open(tlsOptions(server, identity));
  try {
    return readResponse(await wire.exchange(discoverRequest()), '1.4').items[0]?.status;
  } finally {
    await wire.close();
  }
}

/** What a handshake comes to: the cipher suite, and the kind of key that the server showed. */
function handshake(options: ConnectionOptions): Promise<readonly [string, string | undefined]> {
  return new Promise((done, failed) => {
    const socket = connect({ ...tlsOptions(server), ...options }, () => {
      const shown = socket.getPeerX509Certificate();
      done([socket.getCipher().standardName, shown?.publicKey.asymmetricKeyType]);
      socket.destroy();
    });
    socket.on('error', failed);
  });
}

test.each([
  ['nothing', []],
  ['serverAuth', ['-addext', 'extendedKeyUsage=serverAuth']],
  ['codeSigning', ['-addext', 'extendedKeyUsage=critical,codeSigning']],
])('a client certificate that says of its purpose %s is taken', async (purpose, extension) => {
  const name = `for-${purpose}`;
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(...made, '-subj', `/CN=${name}`, ...extension, '-keyout', key, '-out', cert);
  await administered('client', 'add', name, '--cert', cert);
  const ca = readFileSync(server.clientFiles.ca);
  expect(await greet({ cert: readFileSync(cert), key: readFileSync(key), ca })).toBe(0);
});

describe('a TLS peer is shown a certificate that it can use', () => {
  test.each([
    ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ec'],
    ['ECDHE-RSA-AES256-GCM-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'rsa'],
    ['AES256-SHA256', 'TLS_RSA_WITH_AES_256_CBC_SHA256', 'rsa'],
    ['AES128-SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA256', 'rsa'],
  ])('over TLS 1.2 with %s', async (ciphers, name, keyType) => {
    expect(await handshake({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers })).toEqual([
      name,
      keyType,
    ]);
  });

  test.each(['TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384'])(
    'over TLS 1.3 with %s',
    async (name) => {
      expect(await handshake({ minVersion: 'TLSv1.3', ciphers: name })).toEqual([name, 'ec']);
      const rsa = {
        minVersion: 'TLSv1.3',
        ciphers: name,
        sigalgs: 'rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384',
      } as const;
      expect(await handshake(rsa)).toEqual([name, 'rsa']);
    },
  );

  test('not over one that neither the Profiles list nor clients need', async () => {
    for (const suite of ['ECDHE-ECDSA-AES256-CCM', 'AES128-CCM8', 'ECDHE-ARIA128-GCM-SHA256']) {
      // Later versions of Node.js would not offer CCM8 either.
      const ciphers = `${suite}:@SECLEVEL=0`;
      await expect(handshake({ maxVersion: 'TLSv1.2', ciphers })).rejects.toThrow('handshake failure');
    }
  });

  test('a peer that offers both kinds of suites gets one with forward secrecy', async () => {
    const ciphers = 'AES256-SHA256:ECDHE-RSA-AES128-GCM-SHA256';
    const [name] = await handshake({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers });
    expect(name).toBe('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256');
  });
});

test('client certificates, too, say where the CRL and the CA are; the CRL holds what was revoked', async () => {
  const { ca } = server.clientFiles;
  const stays = await addClient(server, 'stays');
  const goes = await addClient(server, 'goes');
  await administered('client', 'revoke', 'goes');
  const text = openssl('x509', '-in', file('stays.pem', String(stays.cert)), '-noout', '-text');
  expect(text).toContain(`URI:${CRL_URL}`);
  expect(text).toContain(`CA Issuers - URI:${CA_URL}`);
  const crl = join(folder, 'crl.pem');
  await administered('ca', 'crl', '--out', crl);
  const check = (pem: string, name: string) => () =>
    openssl('verify', '-crl_check', '-CAfile', ca, '-CRLfile', crl, file(name, pem));
  expect(check(String(stays.cert), 'stays.pem')()).toContain('OK');
  expect(check(String(goes.cert), 'goes.pem')).toThrow(/revoked/);
});

describe('the KMIP authority', () => {
  const kmipCa = async (name: string): Promise<string> =>
    file(`${name}.pem`, await administered('ca', 'export', name));

  test('certifies a key by itself; the certificate verifies, is renewed, and is validated', async () => {
    const pair = await answer<Made>('create-key-pair', '--curve', 'P-256', '--name', 'site');
    const subject = ['CertificateSubjectCN=site 7', 'CertificateSubjectO=Example'];
    const { uniqueIdentifier } = await answer<Made>(
      ...['certify', pair.publicKeyUniqueIdentifier, '--name', 'site certificate'],
      ...subject.flatMap((each) => ['--attribute', each]),
    );
    const path = await certificateFile(uniqueIdentifier);
    const ca = await kmipCa('kmip-ec');
    expect(openssl('verify', '-x509_strict', '-CAfile', ca, path)).toContain('OK');
    expect(openssl('x509', '-in', path, '-noout', '-subject')).toMatch(/O ?= ?Example, CN ?= ?site 7/);
    expect(await answer('validate', uniqueIdentifier)).toEqual({ validityIndicator: 'Valid' });
    expect(await answer('validate', '--file', path)).toEqual({ validityIndicator: 'Valid' });
    const late = await kmip('validate', uniqueIdentifier, '--at', 'now+3000d');
    expect([late.code, late.stdout]).toEqual([1, expect.stringContaining('Invalid')]);

    const renewed = await answer<Made>('re-certify', uniqueIdentifier);
    expect(openssl('verify', '-CAfile', ca, await certificateFile(renewed.uniqueIdentifier))).toContain('OK');
    expect(await kmip('re-certify', uniqueIdentifier)).toMatchObject({ code: 1 });
    await answer('revoke', renewed.uniqueIdentifier, '--reason', 'KeyCompromise');
    expect(await kmip('validate', renewed.uniqueIdentifier)).toMatchObject({ code: 1 });

    const next = await answer<Made>('re-key-key-pair', pair.privateKeyUniqueIdentifier);
    const attributes = await answer<object>('get-attributes', next.publicKeyUniqueIdentifier, 'Name', 'Link');
    expect(JSON.stringify(attributes)).toMatch(
      /site-public.*ReplacedObjectLink|ReplacedObjectLink.*site-public/,
    );
  });

  test.each(['1.0', '1.4', '2.0', '2.1'])(
    'certifies by a request in KMIP %s, PEM or DER',
    async (version) => {
      const key = file(
        'key.pem',
        generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
          format: 'pem',
          type: 'pkcs8',
        }),
      );
      for (const form of ['PEM', 'DER']) {
        const csr = join(folder, 'request');
        openssl('req', '-new', '-key', key, '-subj', '/CN=by request', '-outform', form, '-out', csr);
        const { uniqueIdentifier } = await answer<Made>(
          'certify',
          '--request',
          csr,
          '--kmip-version',
          version,
        );
        const path = await certificateFile(uniqueIdentifier);
        expect(openssl('verify', '-CAfile', await kmipCa('kmip-rsa'), path)).toContain('OK');
        const certified = new X509Certificate(readFileSync(path)).publicKey;
        expect(certified.equals(createPublicKey(readFileSync(key)))).toBe(true);
      }
    },
  );

  test('identifies nobody to the server, whatever its certificates say, nor can officers let it', async () => {
    const key = String(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
    );
    const csr = join(folder, 'impostor.csr');
    const extension = ['-addext', 'extendedKeyUsage=clientAuth'];
    openssl(
      ...[
        'req',
        '-new',
        '-key',
        file('impostor.key', key),
        '-subj',
        '/O=default/CN=first-client',
        ...extension,
        '-out',
        csr,
      ],
    );
    const { uniqueIdentifier } = await answer<Made>('certify', '--request', csr);
    const path = await certificateFile(uniqueIdentifier);
    const impostor: Identity = { cert: readFileSync(path), key, ca: readFileSync(server.clientFiles.ca) };
    expect(await greet()).toBe(0);
    expect(await greet(impostor)).toBe(1);
    const words = 'certificates of a KMIP authority identify nobody';
    for (const name of ['kmip-ec', 'kmip-rsa']) {
      expect(await refusedAdministration('ca', 'add', await kmipCa(name))).toContain(words);
    }
    expect(await refusedAdministration('client', 'add', 'impostor', '--cert', path)).toContain(words);
    expect(await greet(impostor)).toBe(1);
    expect(await refusedAdministration('ca', 'revoke', 'kmip-ec')).toContain('trusted for no client');
  });

  test('is rolled: what the old generation signed stays valid', async () => {
    const pair = await answer<Made>('create-key-pair', '--curve', 'P-256');
    const certified = () => answer<Made>('certify', pair.publicKeyUniqueIdentifier);
    const old = await certified();
    const first = await administered('ca', 'export', 'kmip-ec');
    await administered('ca', 'roll', 'kmip-ec');
    const both = await administered('ca', 'export', 'kmip-ec');
    expect(both).toContain(first);
    expect(new X509Certificate(both).subject).toContain('KMIP CA EC 2');
    const recent = await certified();
    for (const { uniqueIdentifier } of [old, recent]) {
      const path = await certificateFile(uniqueIdentifier);
      expect(await answer('validate', uniqueIdentifier)).toEqual({ validityIndicator: 'Valid' });
      expect(openssl('verify', '-CAfile', file('both.pem', both), path)).toContain('OK');
    }
    expect(await refusedAdministration('ca', 'roll', 'kmip-ec', '--key-algorithm', 'RSA-2048')).toContain(
      'stays',
    );
  });
});

describe('the built-in CA is rolled', () => {
  test('to another kind of key, while clients go on', async () => {
    const officer = await asFirstOfficer(server);
    const before = await addClient(server, 'before-the-roll');
    expect(await refusedAdministration('ca', 'serve', 'holdfast-2')).toContain(
      'no authority named holdfast-2',
    );
    const rolled = JSON.parse(
      await administered('ca', 'roll', '--key-algorithm', 'RSA-2048', '--json'),
    ) as object;
    expect(rolled).toMatchObject({ name: 'holdfast-2', kind: 'built-in', isServing: false, status: 'valid' });
    const after = await addClient(server, 'after-the-roll');
    expect(String(after.ca).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(after.cert).issuer).toContain('Holdfast CA 2');
    for (const identity of [undefined, before, after]) expect(await greet(identity)).toBe(0);

    await administered('ca', 'serve', 'holdfast-2');
    const issuer = () =>
      new Promise<string>((done, failed) => {
        const socket = connect({ ...tlsOptions(server, after) }, () => {
          done(socket.getPeerX509Certificate()?.issuer ?? '');
          socket.destroy();
        });
        socket.on('error', failed);
      });
    await until(async () => (await issuer()).includes('Holdfast CA 2'), 'the new authority signs');
    const told: Identity = { ...before, ca: after.ca };
    for (const identity of [told, after]) expect(await greet(identity)).toBe(0);
    await expect(greet(before)).rejects.toThrow();
    // All of RSA: the key that is shown, and the signature on it.
    const rsa = {
      ...tlsOptions(server, after),
      maxVersion: 'TLSv1.2',
      ciphers: 'aRSA',
      sigalgs: 'RSA+SHA256:RSA-PSS+SHA256',
    } as const;
    expect((await handshake(rsa))[1]).toBe('rsa');

    expect(await refusedAdministration('ca', 'revoke', 'holdfast-2')).toContain(
      'signs the server certificate',
    );
    await officer.call('POST /authorities/:name/revoke', undefined, { name: 'holdfast' });
    // A client's certificate is known by itself: it is good until it ends or is revoked.
    for (const identity of [told, after]) expect(await greet(identity)).toBe(0);
    expect((await addClient(server, 'last')).ca).toBe(await administered('ca', 'export', 'holdfast-2'));
    await administered('ca', 'crl', 'holdfast-2', '--out', join(folder, 'second.crl'));
    expect(
      openssl('crl', '-inform', 'DER', '-in', join(folder, 'second.crl'), '-noout', '-issuer'),
    ).toContain('Holdfast CA 2');
    expect(await refusedAdministration('ca', 'crl', 'holdfast', '--out', join(folder, 'x.crl'))).toContain(
      'no valid authority',
    );
  });
});

test('none of it was an error to the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
