import { execFileSync, spawn } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { operations } from '@holdfast/core';
import { Operation, ResultStatus, Tag } from '@holdfast/kmip';
import { holdfast, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { makeAuthority, speaking, startPeer, type Peer } from '../../client/test/peer';
import { runCommandLine } from '../src/exit';
import { explain } from '../src/kmip/explain';
import { buildProgram } from '../src/kmip/program';

const KMIP = resolve(__dirname, '../bin/kmip.js');

let server: ServerProcess;
let folder: string;
const inherited = { ...process.env };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kmip-'));
  server = await startServerProcess({ logLevel: 'info' });
  const { cert, key, ca } = server.clientFiles;
  Object.assign(process.env, {
    KMIP_SERVER: `127.0.0.1:${server.port}`,
    KMIP_CERT: cert,
    KMIP_KEY: key,
    KMIP_CA: ca,
    XDG_CONFIG_HOME: join(folder, 'config'),
  });
});
afterAll(async () => {
  process.env = inherited;
  await server.stop();
  rmSync(folder, { recursive: true });
});

interface Result {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in this process, as its entry does. */
async function kmip(...args: readonly string[]): Promise<Result> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const collect =
    (chunks: Buffer[]) =>
    (chunk: string | Uint8Array, done?: unknown): boolean => {
      chunks.push(Buffer.from(chunk as string));
      if (typeof done === 'function') (done as () => void)();
      return true;
    };
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(collect(out)),
    jest.spyOn(process.stderr, 'write').mockImplementation(collect(err)),
  ];
  try {
    await runCommandLine(buildProgram(), ['node', 'kmip', ...args], explain);
    return {
      code: process.exitCode,
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString(),
    };
  } finally {
    process.exitCode = 0;
    process.stdout.removeAllListeners('error');
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs the installed command in a process of its own. */
function spawned(
  args: readonly string[],
  options: { readonly input?: string | Buffer; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<Result> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [KMIP, ...args], {
      env: { ...process.env, ...options.environment },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('latin1')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', failed);
    child.on('close', (code) => done({ code, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

function json<T>(result: Result): T {
  expect(result).toMatchObject({ code: 0 });
  return JSON.parse(result.stdout) as T;
}

async function made(...args: readonly string[]): Promise<string> {
  return json<{ uniqueIdentifier: string }>(await kmip(...args, '--json')).uniqueIdentifier;
}

async function attribute(id: string, name: string): Promise<unknown> {
  const { attributes } = json<{ attributes: { value: unknown }[] }>(
    await kmip('get-attributes', id, name, '--json'),
  );
  return attributes.length === 1 ? attributes[0]?.value : attributes.map(({ value }) => value);
}

test('the command contract holds', async () => {
  const create = await spawned([
    'create',
    '--algorithm',
    'AES',
    '--length',
    '256',
    '--name',
    'contract',
    '--json',
  ]);
  const { uniqueIdentifier } = json<{ uniqueIdentifier: string }>(create);
  const [get, locate] = await Promise.all([
    spawned(['get', uniqueIdentifier, '--format', 'hex']),
    spawned(['locate', '--name', 'contract', '--json']),
  ]);
  expect(get).toEqual({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) as string, stderr: '' });
  expect(json(locate)).toEqual({ uniqueIdentifiers: [uniqueIdentifier] });
});

describe.each(['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'])('in KMIP %s', (version) => {
  const v = ['--kmip-version', version];

  test('a key lives from creation to destruction', async () => {
    const name = `life-${version}`;
    const id = await made('create', '--name', name, '--object-group', 'g', '--custom', 'x-note=früh', ...v);
    expect(json(await kmip('locate', '--name', name, '--state', 'pre-active', '--json', ...v))).toMatchObject(
      {
        uniqueIdentifiers: [id],
      },
    );
    expect(await kmip('add-attribute', id, 'Contact Information=me', ...v)).toMatchObject({ code: 0 });
    expect(await kmip('modify-attribute', id, 'Contact Information=you', ...v)).toMatchObject({ code: 0 });
    expect(await attribute(id, 'ContactInformation')).toBe('you');
    expect(await kmip('delete-attribute', id, 'Contact Information', ...v)).toMatchObject({ code: 0 });
    expect(await attribute(id, 'ContactInformation')).toEqual([]);
    expect(await attribute(id, 'x-note')).toBe('früh');
    expect(await kmip('check', id, '--usage-mask', 'Encrypt', ...v)).toMatchObject({ code: 0 });
    expect(await kmip('activate', id, ...v)).toMatchObject({ code: 0 });
    const heir = await made('re-key', id, ...v);
    expect(await attribute(heir, 'Name')).toMatchObject({ nameValue: name });
    expect(await attribute(id, 'State')).toBe('Active');
    expect(await kmip('destroy', id, ...v)).toMatchObject({ code: 1 });
    expect(await kmip('revoke', id, '--reason', 'cessation-of-operation', ...v)).toMatchObject({ code: 0 });
    expect(await kmip('destroy', id, ...v)).toMatchObject({ code: 0 });
    expect(await kmip('get', id, '--format', 'hex', ...v)).toMatchObject({ code: 1, stdout: '' });
  });

  test('keys of elliptic curves are called as the version calls them', async () => {
    const pair = await kmip('create-key-pair', '--curve', 'P-256', '--json', ...v);
    const { privateKeyUniqueIdentifier } = json<{ privateKeyUniqueIdentifier: string }>(pair);
    const path = join(folder, 'curve.pem');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const registered = await made('register', '--file', path, ...v);
    const name = ['1.0', '1.1'].includes(version) ? 'ECDSA' : 'EC';
    for (const id of [privateKeyUniqueIdentifier, registered])
      expect(await attribute(id, 'CryptographicAlgorithm')).toBe(name);
  });

  test('the server tells what it is', async () => {
    expect(json(await kmip('query', '--all', '--json', ...v))).toMatchObject({
      vendorIdentification: 'Holdfast',
    });
    expect((await kmip('query', ...v)).stdout).toMatch(/^Operations +Create$/m);
  });
});

test('versions are listed, highest first', async () => {
  expect((await kmip('discover-versions')).stdout.split('\n').slice(0, 3)).toEqual(['VERSION', '2.1', '2.0']);
});

describe('what comes in goes out', () => {
  const file = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  test('a private key, whatever form the server gives it in', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const id = await made('register', '--file', file('ec.pem', pem), '--name', 'ec');
    const { stdout } = await kmip('get', id, '--format', 'pem');
    expect(createPrivateKey(stdout).export({ type: 'pkcs8', format: 'pem' })).toBe(pem);
    const der = file('ec.der', publicKey.export({ type: 'spki', format: 'der' }));
    const publicId = await made('register', '--file', der);
    expect(await attribute(publicId, 'Object Type')).toBe('PublicKey');
    expect((await kmip('get', publicId, '--format', 'pem')).stdout).toBe(
      publicKey.export({ type: 'spki', format: 'pem' }),
    );
  });

  test.each([
    ['ed25519', 256],
    ['ed448', 448],
    ['x25519', 256],
    ['x448', 448],
  ] as const)('a key of the kind %s', async (kind, lengthBits) => {
    const { privateKey, publicKey } = generateKeyPairSync(kind as 'ed25519');
    for (const pem of [
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'pem' }),
    ]) {
      const id = await made('register', '--file', file(`${kind}.pem`, pem));
      expect(await attribute(id, 'CryptographicLength')).toBe(lengthBits);
      expect((await kmip('get', id, '--format', 'pem')).stdout).toBe(pem);
    }
  });

  test('a certificate', async () => {
    const pem = readFileSync(server.clientFiles.cert, 'utf8');
    const id = await made('register', '--file', server.clientFiles.cert);
    expect(await attribute(id, 'Object Type')).toBe('Certificate');
    expect((await kmip('get', id, '--format', 'pem')).stdout.trim()).toBe(pem.trim());
  });

  test('a certificate request', async () => {
    const request = join(folder, 'request.csr');
    execFileSync('openssl', [
      ...[
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=tape',
      ],
      ...['-keyout', join(folder, 'request.key'), '-out', request],
    ]);
    const id = await made('register', '--file', request);
    expect(await attribute(id, 'Object Type')).toBe('CertificateRequest');
    expect((await kmip('get', id, '--format', 'pem')).stdout).toBe(readFileSync(request, 'utf8'));
  });

  test('a PGP key, in ASCII armor or without', async () => {
    // A packet of a public key (tag 6) whose body says that it is of version 4.
    const bytes = Buffer.from('980504a1b2c3d4', 'hex');
    const armor = ['PUBLIC KEY BLOCK-----', 'Comment: a key', '', bytes.toString('base64'), '=abcd'];
    const text = `-----BEGIN PGP ${armor.join('\r\n')}\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n`;
    for (const given of [
      ['--file', file('key.asc', text)],
      ['--type', 'pgp-key', '--hex', bytes.toString('hex')],
      ['--type', 'pgp-key', '--pgp-version', '4', '--hex', bytes.toString('hex')],
    ]) {
      const id = await made('register', ...given);
      expect(await attribute(id, 'Object Type')).toBe('PGPKey');
      expect((await kmip('get', id, '--format', 'hex')).stdout).toBe(`${bytes.toString('hex')}\n`);
      expect(json(await kmip('get', id, '--json'))).toMatchObject({ pgpKeyVersion: 4 });
    }
    expect(await kmip('register', '--type', 'pgp-key', '--hex', '0102')).toMatchObject({ code: 2 });
  });

  test('a part of a split key', async () => {
    const parts = ['--parts', '3', '--threshold', '2', '--algorithm', 'AES'];
    const part = (number: number, hex: string) =>
      made('register', '--type', 'split-key', ...parts, '--part', String(number), '--hex', hex);
    // Over GF(2^8): 1 + 2x at x = 1 and x = 2, in every byte.
    const ids = [await part(1, '03'.repeat(16)), await part(2, '05'.repeat(16))];
    expect(json(await kmip('get', ids[1] ?? '', '--json'))).toMatchObject({
      splitKeyThreshold: 2,
      keyPartIdentifier: 2,
    });
    const whole = await made('join-split-key', ...ids);
    expect((await kmip('get', whole, '--format', 'hex')).stdout).toBe(`${'01'.repeat(16)}\n`);
    const lost = await kmip('register', '--type', 'split-key', '--algorithm', 'AES', '--hex', '03');
    expect(lost).toMatchObject({ code: 2, stderr: expect.stringContaining('--threshold') as string });
  });

  test('a template, up to KMIP 1.4', async () => {
    const template = [
      'register',
      '--type',
      'template',
      '--name',
      'tapes',
      '--attribute',
      'CryptographicLength=192',
    ];
    const id = await made(...template, '--kmip-version', '1.2');
    const told = await kmip('get', id, '--kmip-version', '1.2', '--json');
    expect(json(told)).toMatchObject({ objectType: 'Template' });
    const refused = await kmip(...template, '--kmip-version', '2.1');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('KMIP 2.1') as string });
  });

  test('bytes of a symmetric key, to a file of one’s own', async () => {
    const hex = createHash('sha256').update('k').digest('hex');
    const id = await made('register', '--type', 'symmetric-key', '--algorithm', 'AES', '--hex', hex);
    const out = join(folder, 'key.bin');
    expect(json(await kmip('get', id, '--out', out, '--json'))).toMatchObject({
      uniqueIdentifier: id,
      file: out,
    });
    expect(readFileSync(out, 'hex')).toBe(hex);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(await kmip('get', id, '--out', out)).toMatchObject({ code: 2 });
    expect(json(await kmip('get', id, '--format', 'base64', '--json'))).toMatchObject({
      value: Buffer.from(hex, 'hex').toString('base64'),
    });
  });

  test('raw bytes through pipes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const registered = await spawned(['register', '--type', 'opaque-object', '--json'], { input: bytes });
    const { uniqueIdentifier } = json<{ uniqueIdentifier: string }>(registered);
    const { stdout } = await spawned(['get', uniqueIdentifier, '--format', 'raw']);
    expect(Buffer.from(stdout, 'latin1')).toEqual(bytes);
  });

  test('a key wrapped by another', async () => {
    const kek = await made('create', '--usage-mask', 'WrapKey|UnwrapKey', '--activation-date', 'now');
    const id = await made('create');
    expect((await kmip('get', id, '--wrap-with', kek, '--format', 'hex')).stdout).toMatch(/^[0-9a-f]{80}\n$/);
    // 1.0 wraps the Key Value as a structure: 48 bytes, of which AES Key Wrap makes 56.
    expect(await kmip('get', id, '--wrap-with', kek, '--format', 'hex', '--kmip-version', '1.0')).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f]{112}\n$/) as string,
      stderr: expect.stringContaining('as a structure') as string,
    });
    const asked = await kmip('get', id, '--wrap-mode', 'GCM', '--format', 'hex');
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('--wrap-with') as string });
  });

  test('nothing without being asked', async () => {
    const secret = createHash('sha256').update('s').digest();
    const id = await made('register', '--type', 'secret-data', '--hex', secret.toString('hex'));
    const results = [
      await kmip('get', id),
      await kmip('get', id, '--json'),
      await kmip('get', id, '--verbose'),
    ];
    for (const { code, stdout, stderr } of results) {
      expect(code).toBe(0);
      expect(stdout).toMatch(/32/);
      for (const form of ['hex', 'base64', 'latin1'] as const) {
        expect(stdout + stderr).not.toContain(secret.toString(form));
      }
    }
    expect(results[0]?.stderr).toContain('--format');
  });

  test('nor is it in what export tells at a terminal', async () => {
    const id = await made('create', '--algorithm', 'AES', '--name', 'told of');
    const before = process.stdout.isTTY;
    process.stdout.isTTY = true;
    try {
      const { code, stdout, stderr } = await kmip('export', id);
      expect([code, stderr]).toEqual([0, 'The object itself is saved with --out FILE.\n']);
      expect(stdout).toContain('told of');
    } finally {
      process.stdout.isTTY = before;
    }
  });
});

describe.each(['1.4', '2.1'])('an object is moved in KMIP %s', (version) => {
  const at = (...args: string[]) => kmip(...args, '--kmip-version', version, '--json');

  test('as it is, over what is there now', async () => {
    const id = await made('create', '--activation-date', 'now', '--custom', 'x-owner=tapes');
    const { stdout: before } = await kmip('get', id, '--format', 'hex');
    const state = await at('get-attributes', id);
    const file = join(folder, `moved-${version}`);
    const exported = await at('export', id, '--out', file);
    expect(json(exported)).toMatchObject({ uniqueIdentifier: id, objectType: 'SymmetricKey', file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await made('revoke', id);
    await made('destroy', id);
    expect((await at('import', '--file', file)).stderr).toContain('exists');
    expect(json(await at('import', '--file', file, '--replace'))).toEqual({ uniqueIdentifier: id });
    expect((await kmip('get', id, '--format', 'hex')).stdout).toBe(before);
    expect(json(await at('get-attributes', id))).toEqual(json(state));
  });

  test('wrapped, and opened where it arrives', async () => {
    const kek = await made('create', '--usage-mask', 'WrapKey|UnwrapKey', '--activation-date', 'now');
    const mac = await made(
      ...['create', '--algorithm', 'HMAC_SHA256', '--usage-mask', 'MACGenerate|MACVerify'],
      ...['--activation-date', 'now'],
    );
    const id = await made('create', '--name', `wrapped in ${version}`);
    const { stdout: value } = await kmip('get', id, '--format', 'hex');
    const file = join(folder, `wrapped-${version}`);
    const wrapping = [
      '--wrap-with',
      kek,
      '--wrap-mode',
      'GCM',
      '--mac-with',
      mac,
      '--wrap-attribute',
      'Name',
    ];
    json(await at('export', id, ...wrapping, '--out', file));
    expect(readFileSync(file).includes(Buffer.from(value.trim(), 'hex'))).toBe(false);
    await made('destroy', id);
    json(await at('import', '--file', file, '--id', `unwrapped-${version}`, '--unwrap'));
    expect((await kmip('get', `unwrapped-${version}`, '--format', 'hex')).stdout).toBe(value);
  });

  test('but not from any file', async () => {
    const file = join(folder, `other-${version}`);
    writeFileSync(file, 'something else');
    expect(await kmip('import', '--file', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no exported object') as string,
    });
  });
});

test('a private key and its certificates go into a PKCS#12 container', async () => {
  const password = await made(
    ...['register', '--type', 'secret-data', '--hex', Buffer.from('secret').toString('hex')],
    ...['--activation-date', 'now'],
  );
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(folder, 'key.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const link = (id: string) =>
    `Link=${JSON.stringify({ linkType: 'PKCS_12PasswordLink', linkedObjectIdentifier: id })}`;
  const id = await made('register', '--file', file, '--attribute', link(password));
  const container = join(folder, 'key.p12');
  json(await kmip('get', id, '--key-format', 'PKCS_12', '--out', container, '--json'));
  const again = await made(
    ...['register', '--type', 'private-key', '--key-format', 'PKCS_12', '--file', container],
    ...['--algorithm', 'EC', '--attribute', link(password)],
  );
  const value = await kmip('get', id, '--key-format', 'PKCS_8', '--format', 'hex');
  expect(value).toMatchObject({ code: 0 });
  expect(await kmip('get', again, '--format', 'hex')).toEqual(value);
  expect(await kmip('get', password, '--key-format', 'PKCS_12')).toMatchObject({ code: 1 });
});

describe('a key is derived', () => {
  const SECRET = Buffer.from('password').toString('hex');

  test('from a password', async () => {
    const id = await made(
      ...['register', '--type', 'secret-data', '--hex', SECRET],
      ...['--usage-mask', 'DeriveKey', '--activation-date', 'now'],
    );
    const derived = await made(
      ...['derive-key', id, '--method', 'PBKDF2', '--salt', '73616c74', '--iterations', '4096'],
      ...['--length', '128', '--name', 'derived-from-password'],
    );
    expect((await kmip('get', derived, '--format', 'hex')).stdout).toBe('4b007901b765489abead49d926f721d0\n');
    expect((await kmip('get-attributes', derived, 'Link')).stdout).toContain(id);
    expect((await kmip('get-attributes', id, 'Link')).stdout).toContain(derived);
    expect(await kmip('derive-key', id, '--method', 'HASH')).toMatchObject({ code: 1 });
    expect(await kmip('derive-key', id, '--method', 'MAGIC')).toMatchObject({ code: 2 });
  });

  test('from a key and data, as Secret Data', async () => {
    const id = await made('create', '--usage-mask', 'DeriveKey', '--activation-date', 'now');
    const derived = await made(
      ...['derive-key', id, '--method', 'NIST800-108-C', '--hash', 'SHA-256', '--data', '6c00'],
      ...['--type', 'secret-data', '--length', '1024'],
    );
    expect((await kmip('get', derived, '--format', 'hex')).stdout).toMatch(/^[0-9a-f]{256}\n$/);
  });
});

describe('a key in parts', () => {
  test('that was whole before', async () => {
    const hex = '00112233445566778899aabbccddeeff';
    const id = await made('register', '--type', 'symmetric-key', '--algorithm', 'AES', '--hex', hex);
    const { uniqueIdentifiers: parts } = json<{ uniqueIdentifiers: string[] }>(
      await kmip('create-split-key', id, '--parts', '5', '--threshold', '3', '--json'),
    );
    expect(parts).toHaveLength(5);
    const [one = '', , three = '', , five = ''] = parts;
    const joined = await made('join-split-key', five, one, three, '--name', 'joined-again');
    expect((await kmip('get', joined, '--format', 'hex')).stdout).toBe(`${hex}\n`);
    expect(await kmip('join-split-key', one, three)).toMatchObject({ code: 1 });
    expect((await kmip('get', one, '--format', 'hex')).stdout).toMatch(/^[0-9a-f]{32}\n$/);
  });

  test('that never was whole', async () => {
    const { stdout } = await kmip(
      ...['create-split-key', '--parts', '2', '--threshold', '2', '--length', '192'],
      ...['--method', 'PolynomialSharingPrimeField', '--json'],
    );
    const { uniqueIdentifiers } = JSON.parse(stdout) as { uniqueIdentifiers: string[] };
    const joined = await made('join-split-key', ...uniqueIdentifiers);
    expect((await kmip('get', joined, '--format', 'hex')).stdout).toMatch(/^[0-9a-f]{48}\n$/);
  });
});

describe('a key is used where it is', () => {
  const TEXT = Buffer.from('hello').toString('hex');

  test('to encrypt and decrypt', async () => {
    const id = await made('create', '--activation-date', 'now');
    const gcm = ['--mode', 'GCM', '--tag-length', '16', '--aad', '0102'];
    const encrypted = json<{ data: string; ivCounterNonce: string; authenticatedEncryptionTag: string }>(
      await kmip('encrypt', id, ...gcm, '--random-iv', '--hex', TEXT, '--json'),
    );
    const { data, ivCounterNonce, authenticatedEncryptionTag } = encrypted;
    const back = ['decrypt', id, ...gcm, '--iv', ivCounterNonce, '--tag', authenticatedEncryptionTag];
    const given = [...back, '--hex', data];
    expect((await kmip(...given, '--format', 'hex')).stdout).toBe(`${TEXT}\n`);
    expect(await kmip(...given)).toMatchObject({ code: 2 });
    expect(await kmip(...back, '--hex', `${data}00`, '--format', 'hex')).toMatchObject({ code: 1 });
    const out = join(folder, 'cipher.bin');
    const told = await kmip('encrypt', id, ...gcm, '--random-iv', '--hex', TEXT, '--out', out, '--json');
    expect(json(told)).toMatchObject({ uniqueIdentifier: id, file: out });
    expect(readFileSync(out)).toHaveLength(5);
  });

  test('to sign and verify', async () => {
    const pair = json<{ privateKeyUniqueIdentifier: string; publicKeyUniqueIdentifier: string }>(
      await kmip('create-key-pair', '--curve', 'P-256', '--activation-date', 'now', '--json'),
    );
    const signing = ['sign', pair.privateKeyUniqueIdentifier, '--hash', 'SHA-256', '--hex', TEXT, '--json'];
    const { signatureData } = json<{ signatureData: string }>(await kmip(...signing));
    const verify = (hex: string) =>
      kmip(
        ...['signature-verify', pair.publicKeyUniqueIdentifier, '--hash', 'SHA-256'],
        ...['--hex', hex, '--signature-hex', signatureData],
      );
    expect(await verify(TEXT)).toMatchObject({ code: 0 });
    expect(await verify('00')).toMatchObject({ code: 1, stderr: 'kmip: it is not valid\n' });
  });

  test('to make MACs; hashes and seeds need none', async () => {
    const id = await made('create', '--algorithm', 'HMAC_SHA256', '--activation-date', 'now');
    const { macData } = json<{ macData: string }>(await kmip('mac', id, '--hex', TEXT, '--json'));
    expect(await kmip('mac-verify', id, '--hex', TEXT, '--mac', macData)).toMatchObject({ code: 0 });
    expect(await kmip('mac-verify', id, '--hex', '00', '--mac', macData)).toMatchObject({ code: 1 });
    const digest = createHash('sha256').update('hello').digest('hex');
    expect((await kmip('hash', '--hex', TEXT, '--format', 'hex')).stdout).toBe(`${digest}\n`);
    expect(json(await kmip('rng-seed', '--hex', TEXT, '--json'))).toEqual({ dataLengthBytes: 0 });
  });
});

describe('create-key-pair', () => {
  test('makes quantum-safe keys, by the name of their parameter set', async () => {
    interface Made {
      privateKeyUniqueIdentifier: string;
      publicKeyUniqueIdentifier: string;
    }
    const create = async (algorithm: string) =>
      json<Made>(
        await kmip('create-key-pair', '--algorithm', algorithm, '--activation-date', 'now', '--json'),
      );
    const signer = await create('ML-DSA-44');
    const { signatureData } = json<{ signatureData: string }>(
      await kmip('sign', signer.privateKeyUniqueIdentifier, '--hex', '00', '--json'),
    );
    const claim = ['--hex', '00', '--signature-hex', signatureData];
    expect(await kmip('signature-verify', signer.publicKeyUniqueIdentifier, ...claim)).toMatchObject({
      code: 0,
    });
    const kem = await create('ML-KEM-768');
    expect(
      await kmip('derive-key', kem.publicKeyUniqueIdentifier, '--method', 'AsymmetricKey'),
    ).toMatchObject({ code: 0 });
  });

  test('names both halves', async () => {
    const pair = json<{ privateKeyUniqueIdentifier: string; publicKeyUniqueIdentifier: string }>(
      await kmip('create-key-pair', '--curve', 'P-256', '--name', 'pair', '--json'),
    );
    expect(await attribute(pair.privateKeyUniqueIdentifier, 'Name')).toMatchObject({
      nameValue: 'pair-private',
    });
    expect(await attribute(pair.publicKeyUniqueIdentifier, 'Name')).toMatchObject({
      nameValue: 'pair-public',
    });
    expect(await attribute(pair.privateKeyUniqueIdentifier, 'CryptographicUsageMask')).toEqual(['Sign']);
  });
});

test('locate shows a table, or identifiers alone', async () => {
  const id = await made('create', '--name', 'shown', '--object-group', 'shown');
  const { stdout } = await kmip('locate', '--object-group', 'shown');
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['UNIQUE IDENTIFIER', 'NAME', 'TYPE', 'ALGORITHM', 'LENGTH', 'STATE'],
    [id, 'shown', 'Symmetric Key', 'AES', '256', 'Pre-Active'],
    [''],
  ]);
  expect(await kmip('locate', '--object-group', 'shown', '--ids')).toMatchObject({ stdout: `${id}\n` });
  expect(await kmip('locate', '--name', 'nobody')).toEqual({
    code: 0,
    stdout: '',
    stderr: 'Nothing was found.\n',
  });
});

test('what the server stores cannot act on the terminal', async () => {
  const id = await made('create', '--name', 'a\u001b]0;pwned\u0007b', '--object-group', 'escape');
  for (const args of [
    ['locate', '--object-group', 'escape'],
    ['get-attributes', id, 'Name'],
    ['get', id],
  ]) {
    const { stdout } = await kmip(...args);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('a\\u{1b}]0;pwned\\u{7}b');
  }
});

test('the server answers a ping, and logs what it is told under the name of the client', async () => {
  expect(await kmip('ping')).toMatchObject({ code: 0, stdout: 'The server answers.\n' });
  expect(await kmip('ping', '--kmip-version', '2.0')).toMatchObject({ code: 2 });
  expect(await kmip('log', 'rotation "of" the\ntape keys')).toMatchObject({ code: 0 });
  const lines = server
    .log()
    .split('\n')
    .filter((line) => line.includes('tape keys'));
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'info', client: 'first-client', message: 'rotation "of" the\ntape keys' },
  ]);
  expect(await kmip('log', 'x'.repeat(8193))).toMatchObject({ code: 1 });
  expect(await kmip('interop', 'reset')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Operation Not Supported') as string,
  });
});

test('the server tells what changes, once it has the role of the client', async () => {
  const child = spawn(process.execPath, [KMIP, 'set-endpoint-role', '--json', '--max', '4'], {
    env: { ...process.env },
  });
  const closed = new Promise((done) => child.on('close', done));
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  await Promise.race([new Promise((ready) => child.stderr.once('data', ready)), closed]);
  const id = await made('create', '--name', 'told');
  const value = (await kmip('get', id, '--format', 'hex')).stdout.trim();
  await kmip('add-attribute', id, 'x-rack=7');
  await kmip('delete-attribute', id, 'x-rack');
  expect(await closed).toBe(0);
  const told = stdout.trim().split('\n');
  expect(told.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { operation: 'Put', uniqueIdentifier: id, putFunction: 'New', objectType: 'SymmetricKey' },
    { operation: 'Notify', uniqueIdentifier: id },
    { operation: 'Notify', changed: [{ name: 'Last Change Date' }, { name: 'x-rack', value: '7' }] },
    { operation: 'Notify', deleted: ['x-rack'] },
  ]);
  expect(stdout).not.toContain(value);
  expect(await kmip('set-endpoint-role', '--kmip-version', '1.4')).toMatchObject({ code: 2, stdout: '' });
});

test('attributes are counted and negated', async () => {
  const id = await made('create', '--deactivation-date', 'now+30d');
  expect(await kmip('adjust-attribute', id, 'ProtectionPeriod', 'increment', '2h')).toMatchObject({
    code: 0,
  });
  expect(await kmip('adjust-attribute', id, 'Protection Period', 'decrement')).toMatchObject({ code: 0 });
  expect(await attribute(id, 'ProtectionPeriod')).toBe(7199);
  expect(await kmip('adjust-attribute', id, 'Sensitive', 'negate')).toMatchObject({ code: 0 });
  expect(await attribute(id, 'Sensitive')).toBe(true);
  expect(await kmip('adjust-attribute', id, 'State', 'increment')).toMatchObject({ code: 1 });
});

test('kinds of storage that there are not are told in the words that were typed', async () => {
  const { code, stderr } = await kmip('locate', '--storage', 'attic');
  expect([code, stderr]).toEqual([2, expect.stringContaining('"attic" is no kind of storage')]);
  expect(stderr).toContain('on-line, archival, destroyed and all');
});

test('objects are leased, archived and recovered, and their limits taken from', async () => {
  const limits = '{"usageLimitsTotal":"10","usageLimitsUnit":"Object"}';
  const id = await made('create', '--name', 'limited', '--attribute', `Usage Limits=${limits}`);
  expect(json(await kmip('obtain-lease', id, '--json'))).toMatchObject({ leaseTimeSeconds: 3600 });
  expect(await kmip('get-usage-allocation', id, '4')).toMatchObject({ code: 1 });
  expect(await kmip('activate', id)).toMatchObject({ code: 0 });
  expect(await kmip('get-usage-allocation', id, '4')).toMatchObject({ code: 0 });
  expect(await attribute(id, 'Usage Limits')).toMatchObject({ usageLimitsCount: 6 });
  expect(await kmip('archive', id)).toMatchObject({ code: 0 });
  expect(await kmip('get', id)).toMatchObject({ code: 1 });
  for (const [storage = '', ...version] of [
    ['archival'],
    ['ArchivalStorage,destroyed'],
    ['all'],
    ['all', '--kmip-version', '1.4'],
  ]) {
    const found = await kmip('locate', '--name', 'limited', '--storage', storage, '--json', ...version);
    expect(json(found)).toEqual({ uniqueIdentifiers: [id] });
  }
  expect(await kmip('recover', id)).toMatchObject({ code: 0 });
  expect(await kmip('get', id)).toMatchObject({ code: 0 });
});

test('a domain has defaults and constraints of its own', async () => {
  const contact = 'Contact Information=tape team';
  const only256 = ['--type', 'symmetric-key', '--attribute', 'CryptographicLength=256'];
  try {
    expect(
      await kmip('set-defaults', '--type', 'symmetric-key', '--group', 'ruled', '--attribute', contact),
    ).toMatchObject({ code: 0 });
    const id = await made('create', '--object-group', 'ruled');
    expect(await attribute(id, 'Contact Information')).toBe('tape team');
    expect(await kmip('set-constraints', ...only256)).toMatchObject({ code: 0 });
    expect(await kmip('create', '--length', '128')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Constraint Violation') as string,
    });
    expect(json(await kmip('get-constraints', '--json'))).toMatchObject({
      constraints: { constraints: [{ objectTypes: { objectTypes: ['SymmetricKey'] } }] },
    });
    // What names no attribute is not taken for the wish to remove all, nor passed over.
    expect(await kmip('set-constraints')).toMatchObject({ code: 2 });
    expect(await kmip('set-constraints', '--replace', '--type', 'symmetric-key')).toMatchObject({ code: 2 });
    expect((await kmip('get-constraints')).stdout).toContain('256');
  } finally {
    expect(await kmip('set-constraints', '--replace')).toMatchObject({ code: 0 });
  }
  await made('create', '--length', '128');
});

describe('what is unknown in the rules of another server', () => {
  let peer: Peer;
  let files: readonly string[];
  const sent: (number | undefined)[] = [];
  const group = (tag: number, ...value: readonly Item[]): StructureItem => ({
    tag,
    type: ItemType.Structure,
    value,
  });

  beforeAll(async () => {
    const authority = await makeAuthority();
    const attributes = group(Tag.Attributes, { tag: 0x540001, type: ItemType.Integer, value: 7 });
    const payloads = new Map<Operation, StructureItem>([
      [Operation.Query, group(Tag.DefaultsInformation, group(Tag.ObjectDefaults, attributes))],
      [Operation.GetConstraints, group(Tag.Constraints, group(Tag.Constraint, attributes))],
    ]);
    peer = await startPeer(
      await authority.server(),
      speaking(({ items: [item] }) => {
        const operation = item?.operation as Operation;
        const told = payloads.get(operation);
        if (told === undefined) sent.push(operation);
        const payload = group(Tag.ResponsePayload, ...(told === undefined ? [] : [told]));
        return [{ operation, resultStatus: ResultStatus.Success, payload }];
      }),
    );
    const written = Object.entries({ ca: authority.ca, ...authority.client }).map(([name, pem]) => {
      writeFileSync(join(folder, `peer-${name}`), pem, { mode: 0o600 });
      return [`--${name}`, join(folder, `peer-${name}`)];
    });
    files = ['--server', `127.0.0.1:${peer.port}`, '--kmip-version', '2.1', ...written.flat()];
  });
  afterAll(() => peer.stop());

  test.each([
    ['set-defaults', Operation.SetDefaults, ['query', '--function', 'DefaultsInformation']],
    ['set-constraints', Operation.SetConstraints, ['get-constraints']],
  ])('is shown, and not lost by %s', async (command, operation, shown) => {
    const rule = ['--type', 'symmetric-key', '--attribute', 'CryptographicLength=256', ...files];
    expect(await kmip(...shown, ...files)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('tag 0x540001') as string,
    });
    expect(await kmip(command, ...rule)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/lost.*tag 0x540001\n.*--replace/) as string,
    });
    expect(sent).toEqual([]);
    expect(await kmip(command, '--replace', ...rule)).toMatchObject({ code: 0 });
    expect(sent.splice(0)).toEqual([operation]);
  });
});

test('random bytes go where they are asked to', async () => {
  expect((await kmip('rng-retrieve', '20', '--format', 'hex')).stdout).toMatch(/^[0-9a-f]{40}\n$/);
  expect(await kmip('rng-retrieve', '20')).toMatchObject({ code: 2, stdout: '' });
});

describe('exit code 1: the server says no', () => {
  test('with its reason and a hint', async () => {
    expect(await kmip('get', 'no-such-object')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^kmip: Get was refused \(Object Not Found\): .+\n {2}Look for it .+\n$/,
      ) as string,
    });
    await made('create', '--name', 'taken');
    expect((await kmip('create', '--name', 'taken')).stderr).toContain('kmip locate --name');
  });
});

describe('exit code 2: wrong use', () => {
  test.each([
    [[]],
    [['frobnicate']],
    [['get']],
    [['create', '--length', 'long']],
    [['create', '--attribute', 'Colour=red']],
    [['create', '--kmip-version', '3.0']],
    [['create', '--kmip-version', '1.0', '--attribute', 'Comment=newer than that']],
    [['set-attribute', 'id', 'Comment=x', '--kmip-version', '1.4']],
    [['locate', '--state', 'tired']],
    [['query', '--ca', '/nonexistent']],
    [['query', '--server', 'a:b:c:d']],
    [['query', '--profile', 'nobody']],
    [['register', '--file', '/nonexistent']],
    [['register', '--hex', '0011']],
    [['register', '--type', 'symmetric-key', '--hex', '0011']],
    [['get', 'id', '--format', 'der']],
    [['get', 'id', '--wrap-with', 'key', '--mac-first']],
    [['query', '--profile', '']],
    [['create-key-pair', '--name', '']],
    [['destroy', '']],
    [['rng-retrieve', '8', '--out', 'none/']],
    [['locate', '--username', 'ada', '--ticket', 'file']],
    [['query', '--function', 'Profiles', '--kmip-version', '1.2']],
    [['delete-attribute', 'id', 'ObjectGroup=tapes', '--index', '1']],
    [['signature-verify', 'id', '--hex', '00', '--signature', 'file', '--signature-hex', '00']],
    [['re-provision', '--certificate', 'file', '--out', 'new.pem']],
    [['set-endpoint-role', '--max', '0']],
    [['encrypt', 'id', '--hex', '00', '--iv', '00', '--random-iv']],
    [['create', '--length', '256', '--attribute', 'CryptographicLength=128']],
    [['check', 'id', '--usage-count', '9223372036854775808']],
  ])('%j', async (args) => {
    expect(await kmip(...args)).toMatchObject({ code: 2, stdout: '' });
  });

  test('a key that is not the certificate’s', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const path = join(folder, 'other.key');
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(await kmip('query', '--key', path)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('does not belong to the client certificate') as string,
    });
  });
});

describe('exit code 3: no connection', () => {
  test('nobody listens', async () => {
    const nobody = createServer();
    await new Promise<void>((listening) => nobody.listen(0, '127.0.0.1', listening));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((closed) => nobody.close(closed));
    expect(await spawned(['query', '--server', `127.0.0.1:${port}`])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('no server answers at this address') as string,
    });
  });

  test('the server is not the trusted one', async () => {
    expect(await kmip('query', '--ca', server.clientFiles.cert)).toMatchObject({ code: 3 });
    expect(await kmip('query', '--server-name', 'kms.example.org')).toMatchObject({ code: 3 });
  });
});

test('a client that was revoked learns it', async () => {
  const out = join(folder, 'leaver');
  await holdfast('client', 'add', 'leaver', '--data-dir', server.dataDir, '--out', out);
  const files = ['--cert', join(out, 'cert.pem'), '--key', join(out, 'key.pem'), '--ca', join(out, 'ca.pem')];
  expect(await kmip('query', ...files)).toMatchObject({ code: 0 });
  await holdfast('client', 'revoke', 'leaver', '--data-dir', server.dataDir);
  expect(await kmip('query', ...files)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Authentication Not Successful') as string,
  });
});

test('an encrypted key opens with its passphrase', async () => {
  const path = join(folder, 'encrypted.key');
  const key = createPrivateKey(readFileSync(server.clientFiles.key));
  writeFileSync(
    path,
    key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }),
  );
  const ask = ['query', '--key', path];
  expect(await spawned(ask, { environment: { KMIP_KEY_PASSPHRASE: 'right' } })).toMatchObject({ code: 0 });
  expect(await spawned(ask, { environment: { KMIP_KEY_PASSPHRASE: 'wrong' } })).toMatchObject({ code: 2 });
  expect(await spawned(ask)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('KMIP_KEY_PASSPHRASE') as string,
  });
});

test('a user name and password go along', async () => {
  const named = await spawned(['query', '--username', 'array'], { environment: { KMIP_PASSWORD: 'secret' } });
  expect(named).toMatchObject({ code: 0 });
  expect(named.stdout + named.stderr).not.toContain('secret');
});

test('a profile does for the settings', async () => {
  const { cert, key, ca } = server.clientFiles;
  const bare = { KMIP_SERVER: '', KMIP_CERT: '', KMIP_KEY: '', KMIP_CA: '' };
  const address = `127.0.0.1:${server.port}`;
  expect(
    await kmip('profile', 'add', 'lab', '--server', address, '--cert', cert, '--key', key, '--ca', ca),
  ).toMatchObject({ code: 0 });
  expect(await kmip('profile', 'add', 'lab', '--server', 'elsewhere')).toMatchObject({ code: 2 });
  expect(await kmip('profile', 'add', 'far', '--server', 'elsewhere:1')).toMatchObject({ code: 0 });
  expect(json(await kmip('profile', 'list', '--json'))).toMatchObject({ default: 'lab' });
  expect((await kmip('profile', 'show', 'lab')).stdout).toContain(cert);
  expect(await spawned(['discover-versions'], { environment: bare })).toMatchObject({ code: 0 });
  const stored = readFileSync(join(folder, 'config/holdfast/profiles.json'), 'utf8');
  expect(stored).not.toContain('BEGIN');
  expect(await kmip('profile', 'remove', 'lab')).toMatchObject({ code: 0 });
  expect(await spawned(['discover-versions'], { environment: bare })).toMatchObject({ code: 2 });
});

test('--verbose tells about the connection on standard error', async () => {
  const { stdout, stderr } = await kmip('locate', '--name', 'nobody', '--json', '--verbose');
  expect(JSON.parse(stdout)).toEqual({ uniqueIdentifiers: [] });
  expect(stderr).toMatch(/TLSv1\.3, TLS_.+, KMIP 2\.1\nServer certificate: .+/);
});

test('every operation has a command', () => {
  const commands = buildProgram().commands.map((command) => command.name());
  const names: Readonly<Record<string, string>> = {
    PKCS_11: 'pkcs11',
    QueryAsynchronousRequests: 'async-requests',
  };
  for (const { name } of operations) {
    const words = name.replace(/^(?:MAC|RNG)(?=.)|[a-z](?=[A-Z])/g, '$&-').toLowerCase();
    expect(commands).toContain(names[name] ?? words);
  }
});

test('every command has help with an example', () => {
  for (const command of buildProgram().commands) {
    const leaves = command.commands.length > 0 ? command.commands : [command];
    for (const leaf of leaves) {
      let help = '';
      leaf.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toMatch(/Examples?:\n +(\$ )?.*\bkmip /);
    }
  }
});

test('an operation is carried out later, listed, fetched and taken back', async () => {
  const started = await kmip('create', '--name', 'made-later', '--async');
  const value = started.stdout.trim();
  expect(started).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{32}\n$/) as string });
  expect(started.stderr).toContain(`kmip poll ${value}`);
  const polled = await kmip('poll', value, '--wait', '--json');
  expect(polled.code).toBe(0);
  const { uniqueIdentifier } = JSON.parse(polled.stdout) as { uniqueIdentifier: string };
  expect((await kmip('locate', '--name', 'made-later', '--ids')).stdout).toBe(`${uniqueIdentifier}\n`);
  expect((await kmip('cancel', value, '--json')).stdout).toContain('"Completed"');
  const told = await kmip('get-attributes', 'nothing', '--async', '--json');
  const second = json<{ asynchronousCorrelationValue: string }>(told).asynchronousCorrelationValue;
  expect((await kmip('async-requests')).stdout).toMatch(new RegExp(`${second} +[A-Z][A-Za-z]+ +\\d`));
  expect(await kmip('process', second)).toMatchObject({ code: 0 });
  expect(await kmip('poll', second)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Object Not Found') as string,
  });
});
