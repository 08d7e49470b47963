import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { CertificateAuthority } from '@holdfast/core';
import { Operation } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { ADMIN_SOCKET_NAME, AdminClient } from '@holdfast/server/admin';
import {
  Wire,
  addClient,
  asFirstOfficer,
  holdfastResult,
  readResponse,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type CommandResult,
  type Identity,
  type ServerProcess,
} from '@holdfast/testkit';
import { until } from '../support/until';
import { createKey, discoverRequest, errorsOf, once } from './support';

/** The `holdfast` command against a running server: clients, their credentials, authorities, domains, officers. */

let server: ServerProcess;
let folder: string;
/** A process that stands still takes connections, and answers none. */
const silent = createServer();
let askedOfSilent: Promise<CommandResult>;
const nowSeconds = Math.floor(Date.now() / 1000);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  silent.listen(join(folder, ADMIN_SOCKET_NAME));
  askedOfSilent = holdfastResult(['status', '--data-dir', folder]);
  server = await startServerProcess();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const holdfast = (...args: readonly string[]): Promise<CommandResult> =>
  holdfastResult([...args, '--data-dir', server.dataDir]);

async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await holdfast(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** The command is refused with this exit code, and says so in a line or two. */
async function refused(exitCode: number, saying: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await holdfast(...args);
  expect({ code, stderr }).toEqual({ code: exitCode, stderr: expect.stringContaining(saying) as unknown });
  expect(stderr).not.toContain('    at ');
}

function filesIn(path: string): Identity {
  const read = (name: string) => readFileSync(join(path, name));
  return { cert: read('cert.pem'), key: read('key.pem'), ca: read('ca.pem') };
}

/** Whether the server knows who comes with these. */
async function isKnown(identity: Identity): Promise<boolean> {
  const wire = await Wire.open(tlsOptions(server, identity));
  const { items } = readResponse(await wire.exchange(discoverRequest()), '1.4');
  await wire.close();
  return items[0]?.status === 0;
}

function keyPem(key: Parameters<typeof certificates.privateKeyPem>[0]): Buffer {
  return certificates.privateKeyPem(key).reveal();
}

async function makeAuthority(
  commonName: string,
  atSeconds = nowSeconds,
): Promise<{ ca: CertificateAuthority; pem: string }> {
  const { der, pem, privateKey } = await certificates.createAuthority({ commonName, nowSeconds: atSeconds });
  return { ca: { certificateDer: der, privateKey }, pem };
}

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('status tells where it serves, and with what', async () => {
  const status = JSON.parse(await done('status', '--json')) as unknown;
  expect(status).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/) as unknown,
    state: 'serving',
    pid: server.pid,
    startedAt: expect.any(String) as unknown,
    kmip: { host: server.host, port: server.port },
    workers: 1,
    connections: expect.any(Number) as unknown,
    testMode: false,
    approvedOnly: false,
    database: {
      kind: 'embedded',
      version: expect.stringMatching(/^\d+/) as unknown,
      isReachable: true,
    },
    root:
      process.env['HOLDFAST_TEST_ROOT'] === 'pkcs11'
        ? {
            kind: 'pkcs11',
            forEvaluation: false,
            processIds: expect.any(Array) as unknown,
            requests: expect.any(Object) as unknown,
          }
        : { kind: 'software-file', forEvaluation: true, processIds: [] },
  });
  expect(await done('status')).toContain(String(server.port));
});

describe('client add', () => {
  test('issues a certificate, writes it where asked, and never overwrites', async () => {
    const out = join(folder, 'array-7');
    await done('client', 'add', 'array-7', '--out', out);
    expect(statSync(join(out, 'key.pem')).mode & 0o777).toBe(0o600);
    expect(await isKnown(filesIn(out))).toBe(true);
    const key = readFileSync(join(out, 'key.pem'));
    await refused(2, 'exists already', 'client', 'add', 'array-8', '--out', out);
    expect(readFileSync(join(out, 'key.pem'))).toEqual(key);
    // Nothing was left behind by the refusal.
    await refused(1, 'array-8', 'client', 'show', 'array-8');
  });

  test('says of a name that is taken that it is, and changes nothing', async () => {
    await done('client', 'add', 'taken', '--out', join(folder, 'taken'));
    await refused(1, 'exists already', 'client', 'add', 'taken', '--out', join(folder, 'taken-again'));
    expect(existsSync(join(folder, 'taken-again', 'cert.pem'))).toBe(false);
    expect(await isKnown(filesIn(join(folder, 'taken')))).toBe(true);
  });

  test('needs a place for the key, a name that is one, and one way to recognise the client', async () => {
    await refused(2, '--out', 'client', 'add', 'nowhere');
    await refused(2, 'name', 'client', 'add', 'no/name', '--out', join(folder, 'no-name'));
    await refused(2, 'one of', 'client', 'add', 'both', '--san', 'dns:a', '--subject', 'CN=a', '--ca', 'x');
    await refused(1, 'domain', 'client', 'add', 'lost', '--domain', 'nowhere', '--out', join(folder, 'lost'));
    await refused(2, 'role', 'client', 'add', 'king', '--role', 'king', '--out', join(folder, 'king'));
  });

  test('--cert takes a certificate that the client has already, self-signed ones too', async () => {
    const { ca, pem } = await makeAuthority('a client that signs for itself');
    const out = join(folder, 'self-signed');
    await done('client', 'add', 'self-signed', '--cert', write('self.pem', pem), '--out', out);
    expect(existsSync(join(out, 'key.pem'))).toBe(false);
    const trusted = readFileSync(join(out, 'ca.pem'));
    const identity = { cert: pem, key: keyPem(ca.privateKey), ca: trusted };
    expect(await isKnown(identity)).toBe(true);
    // The certificate is the client's; it does not vouch for others.
    const other = await certificates.issueClient(ca, { name: 'self-signed', nowSeconds });
    expect(await isKnown({ cert: other.pem, key: keyPem(other.privateKey), ca: trusted })).toBe(false);
    await refused(
      1,
      'exists already',
      'client',
      'add',
      'same-certificate',
      '--cert',
      join(folder, 'self.pem'),
    );
    await refused(2, 'certificate', 'client', 'add', 'no-certificate', '--cert', write('no.pem', 'nothing'));
  });

  test('--csr signs the key that the client made', async () => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const request = await Pkcs10CertificateRequestGenerator.create(
      { name: 'CN=somebody else, O=elsewhere', keys, signingAlgorithm },
      webcrypto as Parameters<typeof Pkcs10CertificateRequestGenerator.create>[1],
    );
    const out = join(folder, 'csr');
    await done(
      'client',
      'add',
      'by-csr',
      '--csr',
      write('request.pem', request.toString('pem')),
      '--out',
      out,
    );
    const cert = readFileSync(join(out, 'cert.pem'));
    // Who it is for is the officer's to say, not the request's.
    expect(new X509Certificate(cert).subject).toContain('CN=by-csr');
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const pem = `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
    expect(await isKnown({ cert, key: pem, ca: readFileSync(join(out, 'ca.pem')) })).toBe(true);
    await refused(
      1,
      'certificate request',
      'client',
      'add',
      'no-csr',
      '--csr',
      write('no.csr', 'nothing'),
      '--out',
      join(folder, 'x'),
    );
  });
});

describe('a further CA', () => {
  test('is trusted for the subjects and alternative names that officers name, and for nothing else', async () => {
    const { ca, pem } = await makeAuthority('Corporate CA');
    await done('ca', 'add', write('corporate.pem', pem));
    expect(await done('ca', 'list')).toContain('corporate');
    const { ca: trusted } = tlsOptions(server) as Identity;
    const shown = async (issued: Awaited<ReturnType<typeof certificates.issueClient>>) =>
      isKnown({ cert: issued.pem, key: keyPem(issued.privateKey), ca: trusted });

    const bySubject = await certificates.issueClient(ca, { name: 'db7', domain: 'payroll', nowSeconds });
    const byName = await certificates.issueServer(ca, { hosts: ['db8.example.org'], nowSeconds });
    expect([await shown(bySubject), await shown(byName)]).toEqual([false, false]);

    const subject = new X509Certificate(bySubject.pem).subject.split('\n').reverse().join(',');
    await done('client', 'add', 'db7', '--subject', subject, '--ca', 'corporate');
    await done('client', 'add', 'db8', '--san', 'dns:db8.example.org', '--ca', 'corporate');
    expect([await shown(bySubject), await shown(byName)]).toEqual([true, true]);

    // A renewed certificate of the same names is the same client; one of another name, or of another CA, is not.
    const renewed = await certificates.issueServer(ca, { hosts: ['db8.example.org'], nowSeconds });
    const another = await certificates.issueServer(ca, { hosts: ['db9.example.org'], nowSeconds });
    const forged = await certificates.issueServer((await makeAuthority('Corporate CA')).ca, {
      hosts: ['db8.example.org'],
      nowSeconds,
    });
    expect([await shown(renewed), await shown(another), await shown(forged)]).toEqual([true, false, false]);

    await done('ca', 'revoke', 'corporate');
    expect([await shown(bySubject), await shown(renewed)]).toEqual([false, false]);
  });

  test('has to be one, under a name of its own', async () => {
    const { ca } = await makeAuthority('Other CA');
    const leaf = await certificates.issueClient(ca, { name: 'leaf', nowSeconds });
    await refused(2, 'certification authority', 'ca', 'add', write('leaf.pem', leaf.pem));
    await refused(1, 'stays', 'ca', 'revoke', 'holdfast');
    await refused(1, 'no trusted authority', 'client', 'add', 'lost', '--san', 'dns:a', '--ca', 'nowhere');
  });
});

test('a client may have several credentials, and loses them one by one or all together', async () => {
  const [first, second] = [join(folder, 'two-a'), join(folder, 'two-b')];
  await done('client', 'add', 'two', '--out', first);
  await done('client', 'add-credential', 'two', '--out', second, '--key-algorithm', 'RSA-2048');
  const shown = JSON.parse(await done('client', 'show', 'two', '--json')) as {
    credentials: { id: string; serial: string }[];
  };
  expect(shown.credentials).toHaveLength(2);
  const serial = new X509Certificate(readFileSync(join(first, 'cert.pem'))).serialNumber.toLowerCase();
  const firstOne = shown.credentials.find((each) =>
    each.serial.toLowerCase().endsWith(serial.replace(/^0+/, '')),
  );
  await done('client', 'revoke', 'two', '--credential', firstOne?.id ?? '');
  expect([await isKnown(filesIn(first)), await isKnown(filesIn(second))]).toEqual([false, true]);
  // Of the certificate that is not taken the log has what "client show" knows it by.
  const { fingerprint256 } = new X509Certificate(readFileSync(join(first, 'cert.pem')));
  const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
  await until(() => server.log().includes(`"sha256":"${sha256}"`), 'the log tells which certificate it was');
  await done('client', 'revoke', 'two');
  expect(await isKnown(filesIn(second))).toBe(false);
  await refused(1, 'revoked', 'client', 'add-credential', 'two', '--out', join(folder, 'two-c'));
  expect(await done('client', 'list')).toMatch(/^two\s.*revoked/m);
});

describe('domains', () => {
  test('are made by name, once', async () => {
    await done('domain', 'add', 'storage');
    await refused(1, 'exists already', 'domain', 'add', 'storage');
    expect(await done('domain', 'list')).toMatch(/^storage\s/m);
    const out = join(folder, 'in-storage');
    await done('client', 'add', 'in-storage', '--domain', 'storage', '--out', out);
    expect(JSON.parse(await done('client', 'show', 'in-storage', '--json'))).toMatchObject({
      domain: 'storage',
    });
  });
});

describe('an officer', () => {
  test('is needed for everything but status and drain', async () => {
    const officer = join(server.dataDir, 'officer.json');
    const aside = join(folder, 'officer-aside.json');
    renameSync(officer, aside);
    try {
      await refused(1, 'officer credential', 'client', 'list');
      await refused(1, 'officer credential', 'domain', 'add', 'nobodys');
      await refused(
        1,
        'unknown or revoked',
        'client',
        'list',
        '--officer',
        write('wrong.json', JSON.stringify({ officer: 'x', token: 'wrong' })),
      );
      await done('status');
      expect(await done('client', 'list', '--officer', aside)).toContain('first-client');
    } finally {
      renameSync(aside, officer);
    }
  });

  test('can be added and revoked, but for the last one', async () => {
    await refused(1, 'last officer', 'officer', 'revoke', 'first-officer');
    const out = join(folder, 'second.json');
    await done('officer', 'add', 'second', '--out', out);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(await done('client', 'list', '--officer', out)).toContain('first-client');
    await done('officer', 'revoke', 'second');
    await refused(1, 'unknown or revoked', 'client', 'list', '--officer', out);
  });

  test('does nothing once revoked, also by a request that was begun before', async () => {
    const first = await asFirstOfficer(server);
    const { token } = await first.call('POST /officers', { name: 'slow' });
    const call = request({
      socketPath: join(server.dataDir, ADMIN_SOCKET_NAME),
      method: 'POST',
      path: '/officers',
      headers: { authorization: `Bearer ${token}`, expect: '100-continue' },
    });
    const status = new Promise((resolve, reject) => {
      call.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
    });
    call.flushHeaders();
    await new Promise((resolve) => call.once('continue', resolve));
    call.write('{"name":');
    await first.call('POST /officers/:name/revoke', undefined, { name: 'slow' });
    call.end('"puppet"}');
    expect(await status).toBe(401);
    expect((await first.call('GET /officers')).map(({ name }) => name)).not.toContain('puppet');
  });
});

describe('an auditor', () => {
  test('reads the audit log and may do nothing else, and each attempt is in the log', async () => {
    const own = join(folder, 'auditor.json');
    await done('auditor', 'add', 'ada', '--out', own);
    expect(statSync(own).mode & 0o777).toBe(0o600);
    await refused(1, 'exists', 'officer', 'add', 'ada', '--out', join(folder, 'another.json'));
    expect(await done('auditor', 'list')).toContain('ada');
    expect(await done('officer', 'list')).not.toContain('ada');
    const as = ['--officer', own];
    expect(await done('audit', 'tail', ...as)).toContain('auditor.add');
    expect(await done('audit', 'search', '--operation', 'auditor.add', ...as)).toContain('ada');
    expect(await done('audit', 'export', '--out', join(folder, 'by-auditor.jsonl'), ...as)).toContain('log');
    expect(await done('audit', 'public-key', ...as)).toContain('PUBLIC KEY');
    expect(await done('audit', 'verify', ...as)).toContain('as they were linked');
    await done('status');
    await Promise.all(
      OFFICERS_ALONE.map((call) => refused(1, 'auditors read the audit log', ...call, ...as)),
    );
    await refused(1, 'no officer is called', 'officer', 'revoke', 'ada');
    const log = await done('audit', 'search', '--actor', 'ada', '--json');
    const lines = log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { actor: { kind: string }; action: string; outcome: string });
    expect(lines.every(({ actor }) => actor.kind === 'auditor')).toBe(true);
    expect(lines.filter(({ outcome }) => outcome === 'failure')).toHaveLength(OFFICERS_ALONE.length);
    expect(lines.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['audit.export', 'audit.verify']),
    );
    // Whoever reads on leaves no record; whoever begins elsewhere does.
    const { token } = JSON.parse(readFileSync(own, 'utf8')) as { readonly token: string };
    const ada = new AdminClient(server.dataDir, token);
    const searches = async (): Promise<number> =>
      (await ada.call('POST /audit/search', { actor: 'ada', operation: 'audit.search' })).length;
    const before = await searches();
    const [last] = await ada.call('POST /audit/search', { limit: 1 });
    await ada.call('POST /audit/search', { after: last?.position ?? 0 });
    await ada.call('POST /audit/search', { after: 0 });
    expect(await searches()).toBe(before + 3);
    await done('auditor', 'revoke', 'ada');
    await refused(1, 'unknown or revoked', 'audit', 'tail', ...as);
  });

  /** Something of each kind; all calls but those of auditors are refused in one place. */
  const OFFICERS_ALONE = [
    ['client', 'list'],
    ['client', 'revoke', 'first-client'],
    ['domain', 'add', 'auditors'],
    ['officer', 'list'],
    ['auditor', 'list'],
    ['officer', 'revoke', 'first-officer'],
    ['ca', 'list'],
    ['verify'],
    ['domain-key', 'status'],
    ['approval', 'list'],
  ];
});

test('a backup operator makes backups for the holders that were set for it, and nothing else', async () => {
  const to = ['one', 'two', 'three'].map((name) => {
    const { publicKey } = generateKeyPairSync('x25519');
    return write(`${name}.pub`, publicKey.export({ type: 'spki', format: 'pem' }).toString());
  });
  const holders = (...places: readonly number[]) => places.flatMap((place) => ['--to', to[place] ?? '']);
  const own = join(folder, 'nightly.json');
  const add = ['backup-operator', 'add', 'nightly', ...holders(0, 1), '--threshold', '2'];
  await done(...add, '--out', own);
  await refused(1, 'exists', ...add, '--out', join(folder, 'again.json'));
  expect(await done('backup-operator', 'list')).toContain('nightly');
  expect(await done('officer', 'list')).not.toContain('nightly');
  const backup = (name: string, ...to: readonly string[]) => [
    ...['backup', 'create', '--out', join(folder, name), ...to, '--officer', own],
  ];
  await done(...backup('mine', ...holders(1, 0), '--threshold', '2'));
  const others = [
    holders(0, 1),
    [...holders(0, 2), '--threshold', '2'],
    [...holders(0, 1, 2), '--threshold', '2'],
  ];
  const officersAlone = [
    ['client', 'list'],
    ['audit', 'tail'],
    ['backup-operator', 'add', 'another', ...holders(0), '--out', join(folder, 'another.json')],
    [
      'escrow',
      'create',
      '--domain',
      'default',
      '--all',
      '--threshold',
      '2',
      ...holders(0, 1),
      '--out',
      'none',
    ],
  ];
  await Promise.all([
    ...others.map((other, index) => refused(1, 'for other holders', ...backup(`other-${index}`, ...other))),
    ...officersAlone.map((call) => refused(1, 'backup operators make backups', ...call, '--officer', own)),
  ]);
  expect(existsSync(join(folder, 'other-0'))).toBe(false);
  expect(await done('audit', 'search', '--actor', 'nightly', '--json')).toContain('"kind":"backup-operator"');
  await done('backup-operator', 'revoke', 'nightly');
  await refused(1, 'unknown or revoked', ...backup('later', ...holders(0, 1), '--threshold', '2'));
});

test('a certificate that has expired is not recognised', async () => {
  const thenSeconds = nowSeconds - 9 * 86_400;
  const { ca } = await makeAuthority('Past CA', thenSeconds);
  const past = await certificates.issueClient(ca, {
    name: 'past',
    nowSeconds: thenSeconds,
    validitySeconds: 5 * 86_400,
  });
  await refused(2, 'expired', 'client', 'add', 'past', '--cert', write('past.pem', past.pem));
});

test('a reader obtains keys and changes nothing', async () => {
  const owner = tlsOptions(server, await addClient(server, 'writes'));
  const reader = tlsOptions(server, await addClient(server, 'reads', { role: 'reader' }));
  const key = await once(owner, (peer) => createKey(peer, 'read-by-a-reader'));
  await once(reader, async (peer) => {
    const about = [uniqueIdentifier(key)];
    for (const operation of [
      Operation.Get,
      Operation.GetAttributes,
      Operation.GetAttributeList,
      Operation.Check,
    ]) {
      await peer.call(operation, about);
    }
    for (const operation of [Operation.Activate, Operation.Destroy, Operation.ReKey]) {
      expect(await peer.refused(operation, about)).toBe('PermissionDenied');
    }
    await expect(createKey(peer)).rejects.toThrow('PermissionDenied');
  });
});

test('a path that is no path is the fault of whoever sent it', async () => {
  const options = { socketPath: join(server.dataDir, ADMIN_SOCKET_NAME), path: '/clients/%ff' };
  const status = await new Promise((resolve, reject) => {
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(400);
});

test('a server that does not answer is said not to within seconds', async () => {
  expect(await askedOfSilent).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('has not answered within 5 s') as unknown,
  });
  silent.close();
});

test('there is nothing to administer where no server runs', async () => {
  const { code, stderr } = await holdfastResult(['client', 'list', '--data-dir', folder]);
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: expect.stringContaining('no Holdfast server is running') as unknown,
  });
});

test('none of it was an error to the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
