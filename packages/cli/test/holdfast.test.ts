import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { certificates } from '@holdfast/pki';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { hasTerminal, onTerminal } from '../../../test/support/terminal';

/** The built `holdfast` command, run as an operator and an officer run it, against a real server process. */

const HOLDFAST = resolve(__dirname, '../bin/holdfast.js');
const OFFICER_HINT = 'Give an officer credential with --officer FILE';

/** A certificate request (PKCS#10) for CN=ignored, with its key. */
const REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIHLMHQCAQAwEjEQMA4GA1UEAwwHaWdub3JlZDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABDJt8/Lct7Ta7SwR4qSqFW/O4HpwhqkTlMn0Cha6Pd9aR6Iu8Te9Xcj0
bHm+/gKqF7QMY5KA3qqZ+HoIjtP7FmWgADAKBggqhkjOPQQDAgNHADBEAiBj6uCi
qizYyrhcDbSSbbJLfTPESN88+qLBDhWqAFuSCwIgWnbSJnDsGC5x5hbVcEnNwiMd
GVGjv/oWowRY2cLkxRY=
-----END CERTIFICATE REQUEST-----
`;
const REQUEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLdDkR+RCeFF9CLHz
bwGVOFoKpgEwnne3KceyshRRZk6hRANCAAQybfPy3Le02u0sEeKkqhVvzuB6cIap
E5TJ9AoWuj3fWkeiLvE3vV3I9Gx5vv4Cqhe0DGOSgN6qmfh6CI7T+xZl
-----END PRIVATE KEY-----
`;

let folder: string;
let dataDir: string;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
interface RunOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
}

/** Runs a command in the test's folder, on the test's data folder unless it is told otherwise. */
function run(args: readonly string[], { environment = {}, input = '' }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolveOutcome) => {
    const child = execFile(
      process.execPath,
      [HOLDFAST, ...args],
      { cwd: folder, env: { PATH: process.env['PATH'], HOLDFAST_DATA_DIR: dataDir, ...environment } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolveOutcome({ code, stdout, stderr });
      },
    );
    child.stdin?.end(input);
  });
}

const holdfast = (...args: readonly string[]): Promise<Outcome> => run(args);

/** Runs a command that has to succeed. @returns its standard output */
async function done(...args: readonly string[]): Promise<string> {
  const outcome = await holdfast(...args);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return outcome.stdout;
}

async function json<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await done(...args, '--json')) as T;
}

/** Runs a command that has to be refused, with the given exit code, in these words and without output. */
async function refused(code: number, words: string, ...args: readonly string[]): Promise<string> {
  const outcome = await holdfast(...args);
  expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringContaining(words) as string });
  expect(outcome.stderr).not.toMatch(/^\s+at /m);
  return outcome.stderr;
}

function path(...names: readonly string[]): string {
  return join(folder, ...names);
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}

function pem(...names: readonly string[]): X509Certificate {
  return new X509Certificate(readFileSync(path(...names)));
}

function writeRequest(name: string): void {
  writeFileSync(path(name), REQUEST);
}

/** A self-signed certificate, which is that of a CA. */
async function writeSelfSigned(name: string, commonName: string): Promise<void> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const issued = await certificates.createAuthority({ commonName, nowSeconds });
  writeFileSync(path(name), issued.pem);
}

interface ClientJson {
  readonly name: string;
  readonly domain: string;
  readonly role: string;
  readonly status: string;
  readonly credentials: readonly { readonly id: string; readonly rule: string; readonly status: string }[];
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  dataDir = join(folder, 'data');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('without a server', () => {
  test('status finds nobody', async () => {
    await refused(3, 'no Holdfast server is running on', 'status');
    await refused(3, 'no Holdfast server is running on', 'status', '--wait', '0.2');
    await refused(3, 'no Holdfast server is running on', 'status', '--data-dir', HOLDFAST);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends by the signal, as shells want it of a loop, and leaves no file for a credential that did not come',
    async (ending) => {
      mkdirSync(dataDir);
      const silent = createServer();
      const asked = new Promise<void>((resolveAsked) => silent.once('connection', () => resolveAsked()));
      await new Promise<void>((listening) => silent.listen(join(dataDir, 'admin.sock'), listening));
      try {
        const child = spawn(process.execPath, [HOLDFAST, 'officer', 'add', 'a', '--out', path('new.json')], {
          env: { PATH: process.env['PATH'], HOLDFAST_DATA_DIR: dataDir },
          stdio: 'ignore',
        });
        const ended = new Promise((done) => child.once('close', (code, signal) => done([code, signal])));
        await asked;
        expect(existsSync(path('new.json'))).toBe(true);
        child.kill(ending);
        expect(await ended).toEqual([null, ending]);
        expect(existsSync(path('new.json'))).toBe(false);
      } finally {
        silent.close();
        rmSync(dataDir, { recursive: true });
      }
    },
  );

  test('what needs a server finds nobody, and leaves nothing behind', async () => {
    await refused(3, 'no Holdfast server is running on', 'client', 'add', 'a', '--out', 'new');
    expect(existsSync(path('new'))).toBe(false);
    await refused(3, 'no Holdfast server is running on', 'officer', 'add', 'a', '--out', 'new.json');
    expect(existsSync(path('new.json'))).toBe(false);
    await refused(3, 'no Holdfast server is running on', 'drain');
  });

  test.each([
    [['unknown'], "unknown command 'unknown'"],
    [['status', '--unknown'], "unknown option '--unknown'"],
    [['status', '--wait', 'long'], 'give seconds'],
    [['serve', '--workers', '0'], 'give a number from 1 to 256'],
    [['serve', '--log-level', 'loud'], 'Allowed choices are'],
    [['serve', '--listen', 'somewhere'], 'is not HOST:PORT'],
    [['client', 'add'], "missing required argument 'name'"],
    [['client', 'add', 'a'], 'give --out DIR'],
    [['client', 'add', 'a', '--csr', 'absent.csr', '--cert', 'absent.pem'], 'give one of --csr, --cert'],
    [['client', 'add', 'a', '--cert', 'absent.pem'], 'cannot read absent.pem: it does not exist'],
    [['client', 'add', 'a', '--role', 'admin', '--out', 'a'], 'Allowed choices are user, reader'],
    [['client', 'add', 'a', '--csr', 'absent', '--key-algorithm', 'RSA-2048', '--out', 'a'], 'is made here'],
    [['client', 'add', 'a', '--cert', 'absent', '--days', '5'], 'is issued here'],
    [['client', 'add', 'a', '--ca', 'corporate', '--out', 'a'], '--ca goes with --subject or --san'],
    [['init', '--pkcs11-token', 'holdfast'], '--pkcs11-token goes with --root pkcs11'],
    [['client', 'add', 'a', '--days', '0', '--out', 'a'], 'give whole days'],
    [['client', 'list', '--officer', 'absent.json'], 'there is no officer credential absent.json'],
    [['ca', 'add', 'absent.pem'], 'cannot read absent.pem'],
    [['officer', 'add', 'a'], "required option '--out <file>' not specified"],
    [['client', 'set', 'a', '--require-escrow', '--notify-version', '2.0'], 'goes with --notify HOST:PORT'],
    [['client', 'show', 'a\ufffd'], 'is not in UTF-8'],
    [['audit', 'search', 'absent', '--outcome', 'failed'], 'an outcome is one of success, failure'],
    [['audit', 'search', 'absent', '--since', '12'], '"12" is no time'],
    [['audit', 'search', 'absent', '--until', '2026-11-01T10:00'], 'is no time'],
    [['audit', 'verify', '--public-key', 'absent.pem'], '--public-key is for files'],
    [['audit', 'verify', '/', '--public-key', 'absent.pem'], 'cannot read /: it is a folder'],
    [['audit', 'export', '--archive', '/', '--out', 'a'], 'cannot read /: it is a folder'],
    [['audit', 'verify', HOLDFAST, '--public-key', HOLDFAST], 'holdfast.js: that is no public key'],
    [['backup', 'verify', '/', '--identity', 'absent.key'], 'cannot read /: it is a folder'],
  ])('%j is wrong use', async (args, words) => {
    await refused(2, words, ...args);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('an exported log may come through a pipe', () => {
    const script = 'printf "%s\\n" "$0" | "$1" "$2" audit search /dev/stdin --json --object k1';
    const search = (record: object) =>
      spawnSync('sh', ['-c', script, JSON.stringify(record), process.execPath, HOLDFAST], {
        encoding: 'utf8',
      });
    const actor = { kind: 'client', id: 'c1', name: 'array-7' };
    const time = '2026-11-01T10:00:00.000000Z';
    const record = { position: 7, time, actor, action: 'Get', objects: ['k1'], outcome: 'success' };
    expect(search(record)).toMatchObject({ status: 0, stdout: `${JSON.stringify(record)}\n`, stderr: '' });
    const refused = {
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('neither an archive nor') as string,
    };
    expect(search({ ...record, objects: undefined })).toMatchObject(refused);
    expect(search({ ...record, actor: null })).toMatchObject(refused);
  });

  test('help and version are no failures', async () => {
    expect((await holdfast('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await holdfast('client', '--help')).stdout).toContain('holdfast client');
    expect((await holdfast('serve', '--help')).code).toBe(0);
  });

  test.each([
    ['HOLDFAST_PASSPHRASE_FILE', 'cannot read'],
    ['HOLDFAST_DATABASE_URL_FILE', 'cannot read'],
  ])('a file that %s names has to be there', async (variable, words) => {
    const outcome = await run(['init'], { environment: { [variable]: path('absent') } });
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${variable}: ${words}`) as string,
    });
  });

  // As where a script meant to set them: what is made would be elsewhere, or under no passphrase.
  test('variables and options that are empty are told, and nothing is made', async () => {
    const variables = [
      'DATA_DIR',
      'PASSPHRASE',
      'PASSPHRASE_FILE',
      'DATABASE_URL',
      'DATABASE_URL_FILE',
      'CONFIG',
    ];
    const outcomes = await Promise.all([
      ...variables.map(async (name) => {
        const variable = `HOLDFAST_${name}`;
        return [variable, await run(['init'], { environment: { [variable]: '' } })] as const;
      }),
      (async () => ['--data-dir', await holdfast('init', '--data-dir', '')] as const)(),
      (async () => ['--out', await holdfast('client', 'add', 'x', '--out', '')] as const)(),
      (async () => ['--host', await holdfast('init', '--host', '')] as const)(),
      (async () => ['the name', await holdfast('officer', 'revoke', '')] as const)(),
    ]);
    for (const [name, outcome] of outcomes) {
      const stderr = expect.stringContaining(`${name} is empty`) as string;
      expect(outcome).toEqual({ code: 2, stdout: '', stderr });
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  // Below /proc no folder can be made, and what looks for one that is there to make it in finds no end.
  (existsSync('/proc/self') ? test : test.skip)(
    'a data folder that cannot be made is told at once',
    async () => {
      await refused(2, 'cannot be made', 'init', '--data-dir', '/proc/absent/folder');
      await refused(2, 'data folder', 'init', '--data-dir', '/proc');
      await refused(2, 'is no folder', 'init', '--data-dir', HOLDFAST);
    },
  );

  test('a database that cannot be reached is told with the reason', async () => {
    const outcome = await run(['init', '--database-url', 'postgresql://holdfast@127.0.0.1:1/holdfast']);
    const told = 'holdfast: the key store cannot be reached\n  connect ECONNREFUSED 127.0.0.1:1\n  See that';
    expect(outcome).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining(told) as string });
  });

  test.each([
    ['nonsense', 'it begins with postgresql://'],
    ['mysql://root@127.0.0.1/keys', 'it begins with postgresql://'],
    ['postgresql://me:secret#1@127.0.0.1/keys', 'with %23 for a #'],
    ['postgresql://me@127.0.0.1/keys?sslrootcert=/absent.pem', 'a file that cannot be read: /absent.pem'],
    ['postgresql://me@127.0.0.1:1/keys?sslmode=require', 'write sslmode=verify-full for sslmode=require'],
  ])('%s is no database URL', async (url, words) => {
    const { code, stderr } = await run(['init', '--database-url', url]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(stderr).not.toContain('secret');
  });

  test('a secret is given in one way', async () => {
    writeFileSync(path('secret'), 'a secret\n');
    const file = path('secret');
    const passphrases = { HOLDFAST_PASSPHRASE: 'one', HOLDFAST_PASSPHRASE_FILE: file };
    const urls = { HOLDFAST_DATABASE_URL: 'postgresql://one', HOLDFAST_DATABASE_URL_FILE: file };
    for (const environment of [passphrases, urls]) {
      const outcome = await run(['init'], { environment });
      expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining('not both') as string });
      expect(outcome.stderr).not.toContain('a secret');
    }
  });

  test.each([
    ['init', 'HOLDFAST_PASSPHRASE', '"level":"warn"'],
    ['hsm status --module x --token y', 'HOLDFAST_HSM_PIN', 'Warning: '],
  ])(
    '%s warns of a secret that every user can read, and of no other',
    async (command, variable, beginning) => {
      const open = mkdtempSync(join(tmpdir(), 'holdfast-open-'));
      const file = join(open, 'secret');
      writeFileSync(file, 'a secret\n');
      // Given in two ways it is read, and nothing is done.
      const environment = { [variable]: 'one', [`${variable}_FILE`]: file };
      const warned = async (folderMode: number, mode: number): Promise<boolean> => {
        chmodSync(open, folderMode);
        chmodSync(file, mode);
        const { stderr } = await run(command.split(' '), { environment });
        expect(stderr).toContain('not both');
        return stderr.includes(beginning) && stderr.includes(`every user of this machine can read ${file}`);
      };
      expect(await warned(0o755, 0o644)).toBe(true);
      if (command !== 'init') expect(await warned(0o755, 0o640)).toBe(false);
      else expect(await warned(0o700, 0o644)).toBe(false);
      rmSync(open, { recursive: true });
    },
  );
});

describe('init', () => {
  const passphrase = 'correct horse battery staple';
  const sealed = (): Record<string, string> => ({
    HOLDFAST_DATA_DIR: path('sealed'),
    HOLDFAST_LOG_LEVEL: 'silent',
    HOLDFAST_PASSPHRASE_FILE: path('passphrase'),
  });

  beforeAll(() => writeFileSync(path('passphrase'), `${passphrase}\n`));

  test('makes the root key, the first officer and the first client, readable by their owner alone', async () => {
    const made = await run(['init'], { environment: sealed() });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain(`Holdfast is set up in ${path('sealed')}`);
    for (const name of ['root.key', 'officer.json', 'client/key.pem']) {
      expect([name, modeOf(path('sealed', name))]).toEqual([name, 0o600]);
    }
    expect(modeOf(path('sealed'))).toBe(0o700);
    expect(pem('sealed/client/cert.pem').checkIssued(pem('sealed/client/ca.pem'))).toBe(true);
    expect(readFileSync(path('sealed/root.key'), 'latin1')).toContain('software-passphrase');
  });

  (hasTerminal ? test : test.skip)(
    'asks for a new passphrase twice (skipped where there is no Python), and makes nothing of two different ones',
    async () => {
      const dir = path('typed');
      const init = [process.execPath, HOLDFAST, 'init', '--passphrase', '--data-dir', dir];
      const { code, shown } = await onTerminal(init, [
        { to: 'Passphrase of the new root key: ', typed: passphrase },
        { to: 'The same again: ', typed: `${passphrase}r` },
      ]);
      expect([code, shown]).toEqual([2, expect.stringContaining('two different ones')]);
      const empty = await onTerminal(init, [{ to: 'Passphrase of the new root key: ', typed: '' }]);
      expect([empty.code, empty.shown]).toEqual([2, expect.stringContaining('nothing was given')]);
      expect(existsSync(join(dir, 'root.key'))).toBe(false);
    },
  );

  test('keeps what is there, and tells of no credential that it did not make', async () => {
    const contents = (): readonly Buffer[] =>
      ['root.key', 'client/cert.pem'].map((name) => readFileSync(path('sealed', name)));
    const before = contents();
    renameSync(path('sealed/officer.json'), path('handed-out.json'));
    // As a first start leaves it that is killed before the root key has its name alone.
    const unfinished = 'sealed/.root.key.0e1a2b3c-0000-4000-8000-000000000000';
    writeFileSync(path(unfinished), before[0] ?? '');
    const again = await run(['init'], { environment: sealed() });
    expect(existsSync(path(unfinished))).toBe(false);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('set up before') as string });
    expect(again.stdout).not.toContain('officer.json');
    expect(contents()).toEqual(before);
  });

  test('loses no credential where the database is a new one', async () => {
    renameSync(path('handed-out.json'), path('sealed/officer.json'));
    const before = readFileSync(path('sealed/officer.json'), 'utf8');
    renameSync(path('sealed/postgres'), path('postgres-before'));
    const made = await run(['init'], { environment: sealed() });
    expect(made.stdout).toContain(`Holdfast is set up in ${path('sealed')}`);
    const files = readdirSync(path('sealed')).filter((name) => name.startsWith('officer.json'));
    expect(files).toHaveLength(2);
    expect(files.map((name) => readFileSync(path('sealed', name), 'utf8'))).toContain(before);
  });

  test.each([
    [{ HOLDFAST_PASSPHRASE_FILE: undefined }, 2, 'root.key is sealed with a passphrase'],
    [
      { HOLDFAST_PASSPHRASE_FILE: undefined, HOLDFAST_PASSPHRASE: 'wrong' },
      1,
      'the passphrase does not open the root key',
    ],
    [{ HOLDFAST_PASSPHRASE_FILE: undefined, HOLDFAST_PASSPHRASE: passphrase }, 0, ''],
  ])('with %j ends with %i', async (environment, code, words) => {
    const outcome = await run(['init'], { environment: { ...sealed(), ...environment } });
    expect(outcome).toMatchObject({ code, stderr: expect.stringContaining(words) as string });
  });

  test('does not go on without the root key that the database was set up under', async () => {
    const environment = sealed();
    const kept = readFileSync(path('sealed/root.key'));
    rmSync(path('sealed/root.key'));
    const outcome = await run(['init'], { environment });
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('restore root.key there') as string,
    });
    expect(existsSync(path('sealed/root.key'))).toBe(false);
    writeFileSync(path('sealed/root.key'), kept, { mode: 0o600 });
  });

  test('refuses a root key that others can read', async () => {
    chmodSync(path('sealed/root.key'), 0o644);
    const outcome = await run(['init'], { environment: sealed() });
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('run "chmod 600" on it') as string,
    });
  });
});

describe('with a server', () => {
  let server: ServerProcess;

  beforeAll(async () => {
    server = await startServerProcess({ dataDir, logLevel: 'trace', root: 'software' });
  });

  afterAll(() => server.stop());

  test('status tells in text and in JSON what runs', async () => {
    const text = await done('status');
    expect(text).toContain(`KMIP         127.0.0.1:${server.port}`);
    expect(text).toMatch(/Database +embedded, PostgreSQL \d/);
    expect(await json('status')).toMatchObject({
      version: expect.stringMatching(/^\d/) as string,
      state: 'serving',
      pid: server.pid,
      kmip: { host: '127.0.0.1', port: server.port },
      workers: 1,
      database: { kind: 'embedded' },
      root: { kind: 'software-file', forEvaluation: true },
    });
  });

  test('a second server on the same folder does not take the place of the first', async () => {
    const password = readFileSync(join(dataDir, 'postgres/password'), 'utf8').trim();
    const host = encodeURIComponent(join(dataDir, 'postgres/data'));
    const serve = ['serve', '--listen', '127.0.0.1:0', '--log-level', 'silent'];
    await refused(2, 'data folder', ...serve);
    const url = `postgresql://holdfast:${password}@/holdfast?host=${host}`;
    const outcome = await run(serve, { environment: { HOLDFAST_DATABASE_URL: url } });
    const stderr = 'holdfast: another Holdfast server is running on this data folder\n';
    expect(outcome).toEqual({ code: 2, stdout: '', stderr });
    expect(await json('status')).toMatchObject({ pid: server.pid });
  });

  describe('client add', () => {
    test('writes a certificate, its key and the CA', async () => {
      await done('client', 'add', 'array-1', '--out', 'array-1');
      expect(readdirSync(path('array-1')).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
      expect([modeOf(path('array-1')), modeOf(path('array-1/key.pem'))]).toEqual([0o700, 0o600]);
      const certificate = pem('array-1/cert.pem');
      expect(certificate.checkIssued(pem('array-1/ca.pem'))).toBe(true);
      const key = createPrivateKey(readFileSync(path('array-1/key.pem')));
      expect(certificate.checkPrivateKey(key)).toBe(true);
    });

    test('makes the key and the validity asked for', async () => {
      const options = ['--key-algorithm', 'RSA-2048', '--days', '10'];
      await done('client', 'add', 'array-rsa', '--out', 'array-rsa', ...options);
      const certificate = pem('array-rsa/cert.pem');
      expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
      const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(8);
      expect(days).toBeLessThan(11);
    });

    test('refuses a name that is taken, and writes nothing', async () => {
      const before = await json('client', 'show', 'array-1');
      await refused(1, 'a client named array-1 exists already', 'client', 'add', 'array-1', '--out', 'twin');
      expect(existsSync(path('twin'))).toBe(false);
      expect(await json('client', 'show', 'array-1')).toEqual(before);
    });

    test('refuses to write over files, and adds nobody', async () => {
      const before = readFileSync(path('array-1/key.pem'));
      await refused(2, 'array-1/cert.pem exists already', 'client', 'add', 'array-2', '--out', 'array-1');
      expect(readFileSync(path('array-1/key.pem'))).toEqual(before);
      await refused(1, 'no client is called "array-2"', 'client', 'show', 'array-2');
    });

    test('leaves a folder alone that was there before', async () => {
      mkdirSync(path('mine'));
      await refused(1, 'exists already', 'client', 'add', 'array-1', '--out', 'mine');
      expect(readdirSync(path('mine'))).toEqual([]);
    });

    test.each(['', 'a b', '../up', '-dash', 'x'.repeat(65)])('refuses the name %j', async (name) => {
      await refused(2, 'an auditor name has 1 to 64', 'auditor', 'add', '--out', 'odd', '--', name);
      await refused(2, 'a client name has 1 to 64', 'client', 'add', '--out', 'odd', '--', name);
      expect(existsSync(path('odd'))).toBe(false);
    });

    test('signs the key of a request', async () => {
      writeRequest('request.csr');
      await refused(2, 'give --out DIR', 'client', 'add', 'asker', '--csr', 'request.csr');
      await done('client', 'add', 'asker', '--csr', 'request.csr', '--out', 'asker');
      expect(readdirSync(path('asker')).sort()).toEqual(['ca.pem', 'cert.pem']);
      const certificate = pem('asker/cert.pem');
      expect(certificate.subject).toContain('CN=asker');
      expect(certificate.checkPrivateKey(createPrivateKey(REQUEST_KEY))).toBe(true);
      await refused(1, 'request', 'client', 'add', 'other', '--csr', 'asker/cert.pem', '--out', 'other');
      expect(existsSync(path('other'))).toBe(false);
    });

    test('takes a certificate that the client has, once', async () => {
      await writeSelfSigned('own.pem', 'own');
      await done('client', 'add', 'own', '--cert', 'own.pem');
      const { credentials } = await json<ClientJson>('client', 'show', 'own');
      const fingerprint = pem('own.pem').fingerprint256.replaceAll(':', '').toLowerCase();
      expect(credentials).toMatchObject([{ rule: `sha256:${fingerprint}`, status: 'valid' }]);
      await refused(
        1,
        'another client with this certificate exists',
        'client',
        'add',
        'own-2',
        '--cert',
        'own.pem',
      );
      writeRequest('request.csr');
      await refused(2, 'holds no certificate', 'client', 'add', 'own-3', '--cert', 'request.csr');
    });

    test('knows the domains', async () => {
      await refused(
        1,
        'no domain is called "absent"',
        'client',
        'add',
        'lost',
        '--domain',
        'absent',
        '--out',
        'lost',
      );
      expect(existsSync(path('lost'))).toBe(false);
      await done('domain', 'add', 'storage');
      const added = await json<ClientJson>(
        ...['client', 'add', 'reader', '--domain', 'storage', '--role', 'reader', '--out', 'reader'],
      );
      expect(added).toMatchObject({ name: 'reader', domain: 'storage', role: 'reader', status: 'valid' });
      expect(pem('reader/cert.pem').subject).toContain('O=storage');
    });
  });

  describe('client list, show, add-credential and revoke', () => {
    test('list and show tell what there is', async () => {
      const list = await json<ClientJson[]>('client', 'list');
      expect(list.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['first-client', 'array-1', 'reader']),
      );
      const [headings, ...rows] = (await done('client', 'list')).trimEnd().split('\n');
      expect(headings).toMatch(/^Name +Domain +Role +Settings +Status +Created$/);
      expect(rows).toHaveLength(list.length);
      expect(await done('client', 'show', 'array-1')).toMatch(
        /sha256:[0-9a-f]{64} +CN=array-1,O=default +holdfast/,
      );
    });

    test('a client holds several credentials, each revoked by itself', async () => {
      await done('client', 'add-credential', 'array-1', '--out', 'array-1-next');
      const { credentials } = await json<ClientJson>('client', 'show', 'array-1');
      expect(credentials.map(({ status }) => status)).toEqual(['valid', 'valid']);
      const [first, second] = credentials;
      await done('client', 'revoke', 'array-1', '--credential', first?.id ?? '');
      expect(await json('client', 'show', 'array-1')).toMatchObject({
        status: 'valid',
        credentials: expect.arrayContaining([
          expect.objectContaining({ id: first?.id, status: 'revoked' }),
          expect.objectContaining({ id: second?.id, status: 'valid' }),
        ]) as unknown,
      });
      await refused(1, 'has no credential absent', 'client', 'revoke', 'array-1', '--credential', 'absent');
    });

    test('a revoked client stays so', async () => {
      await done('client', 'revoke', 'array-rsa');
      expect(await json('client', 'show', 'array-rsa')).toMatchObject({ status: 'revoked' });
      const again = ['client', 'add-credential', 'array-rsa', '--out', 'again'];
      await refused(1, 'the client array-rsa is revoked', ...again);
      expect(existsSync(path('again'))).toBe(false);
      await refused(
        1,
        'a client named array-rsa exists already',
        'client',
        'add',
        'array-rsa',
        '--out',
        'again',
      );
      await refused(1, 'no client is called "absent"', 'client', 'revoke', 'absent');
    });
  });

  test('domains are added once and listed', async () => {
    await done('domain', 'add', 'tape');
    await refused(1, 'a domain named tape exists already', 'domain', 'add', 'tape');
    await refused(2, 'a domain name has', 'domain', 'add', 'ta pe');
    const names = (await json<{ name: string }[]>('domain', 'list')).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['default', 'tape']));
    expect(names.filter((name) => name === 'tape')).toHaveLength(1);
  });

  test('authorities are trusted once, give clients their rules, and are revoked', async () => {
    await writeSelfSigned('corporate.pem', 'Corporate CA');
    await done('ca', 'add', 'corporate.pem');
    await refused(
      1,
      'this authority is trusted already, as corporate',
      'ca',
      'add',
      'corporate.pem',
      '--name',
      'b',
    );
    await refused(2, 'not that of a certification authority', 'ca', 'add', 'array-1/cert.pem');
    await done('client', 'add', 'db-1', '--ca', 'corporate', '--subject', 'CN=db-1,O=Corporate');
    await done('client', 'add', 'db-2', '--ca', 'corporate', '--san', 'dns:db-2.example.org');
    expect(await json('client', 'show', 'db-2')).toMatchObject({
      credentials: [{ rule: 'dns:db-2.example.org' }],
    });
    await refused(
      2,
      'needs the authority that certifies it',
      'client',
      'add',
      'db-3',
      '--subject',
      'CN=db-3',
    );
    expect(await json('ca', 'revoke', 'corporate')).toEqual({ name: 'corporate', status: 'revoked' });
    const gone = ['client', 'add', 'db-3', '--subject', 'CN=db-3', '--ca', 'corporate'];
    await refused(1, 'no trusted authority is named corporate', ...gone);
    await refused(1, 'the built-in authority signs the server certificate', 'ca', 'revoke', 'holdfast');
    expect(await json('ca', 'list')).toEqual([
      expect.objectContaining({ name: 'holdfast', kind: 'built-in', status: 'valid' }),
      expect.objectContaining({ name: 'corporate', kind: 'trusted', status: 'revoked' }),
    ]);
  });

  test('--json is JSON alone, also of what was written to a file', async () => {
    const { publicKey } = generateKeyPairSync('x25519');
    writeFileSync(path('custodian.pub'), publicKey.export({ format: 'pem', type: 'spki' }));
    const digest = { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string };
    const pemText = expect.stringMatching(/^-----BEGIN [^]*-----\n$/) as string;
    await Promise.all(
      (
        [
          [['ca', 'export', 'holdfast'], { name: 'holdfast', certificatePem: pemText }],
          [['ca', 'export', 'holdfast', '--out', 'ca.pem'], { name: 'holdfast', file: 'ca.pem' }],
          [['ca', 'crl', '--out', 'new.crl'], { file: 'new.crl', nextUpdate: expect.anything() as string }],
          [['audit', 'public-key', '--out', 'audit.pem'], { file: 'audit.pem' }],
          [['audit', 'export', '--out', 'log.jsonl'], { file: 'log.jsonl', ...digest }],
          [
            ['backup', 'create', '--to', 'custodian.pub', '--out', 'a.backup'],
            expect.objectContaining({ file: 'a.backup', kind: 'backup', ...digest }) as object,
          ],
        ] as const
      ).map(async ([args, told]) => expect(await json(...args)).toEqual(told)),
    );
  });

  test('where there is no room for a credential, none is made', () => {
    const command = ['officer', 'add', 'roomless', '--out', path('roomless.json')];
    const limited = ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, HOLDFAST, ...command];
    const env = { PATH: process.env['PATH'], HOLDFAST_DATA_DIR: dataDir };
    const { status, stderr } = spawnSync('sh', limited, { env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([2, expect.stringContaining('roomless.json: no file may be so large')]);
    expect(existsSync(path('roomless.json'))).toBe(false);
    const { stdout } = spawnSync(process.execPath, [HOLDFAST, 'officer', 'list'], { env, encoding: 'utf8' });
    expect(stdout).not.toContain('roomless');
  });

  test('a backup that finds no room says so, and leaves nothing behind', () => {
    const { publicKey } = generateKeyPairSync('x25519');
    writeFileSync(path('custodian.pub'), publicKey.export({ format: 'pem', type: 'spki' }));
    const command = ['backup', 'create', '--to', path('custodian.pub'), '--out', path('large.backup')];
    const limited = ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, HOLDFAST, ...command];
    const env = { PATH: process.env['PATH'], HOLDFAST_DATA_DIR: dataDir };
    const { status, stdout, stderr } = spawnSync('sh', limited, { env, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining('no file may be so large')]);
    expect(stderr).not.toContain('PostgreSQL');
    expect(readdirSync(folder).filter((name) => name.startsWith('large'))).toEqual([]);
  });

  describe('officers', () => {
    const first = (): string => join(dataDir, 'officer.json');

    test('the last one stays', async () => {
      await refused(1, 'the last officer cannot be revoked', 'officer', 'revoke', 'first-officer');
    });

    test('one is added with a credential that nobody else can read', async () => {
      expect(await done('officer', 'add', 'second', '--out', 'second.json')).toContain('second.json');
      expect(modeOf(path('second.json'))).toBe(0o600);
      expect(JSON.parse(readFileSync(path('second.json'), 'utf8'))).toMatchObject({ officer: 'second' });
      await done('client', 'list', '--officer', 'second.json');
    });

    test('a name or file that is taken stays as it is', async () => {
      const before = readFileSync(path('second.json'));
      await refused(
        1,
        'an officer, auditor or backup operator named second exists already',
        'officer',
        'add',
        'second',
        '--out',
        'twin.json',
      );
      expect(existsSync(path('twin.json'))).toBe(false);
      await refused(2, 'second.json exists already', 'officer', 'add', 'third', '--out', 'second.json');
      expect(readFileSync(path('second.json'))).toEqual(before);
      await refused(
        2,
        'cannot write absent/o.json: its folder',
        'officer',
        'add',
        'third',
        '--out',
        'absent/o.json',
      );
      const names = (await json<{ name: string }[]>('officer', 'list')).map(({ name }) => name);
      expect(names).toEqual(['first-officer', 'second']);
    });

    test('the credential comes from a file, the environment or standard input', async () => {
      const input = readFileSync(path('second.json'), 'utf8');
      const environment = { HOLDFAST_OFFICER: path('second.json') };
      for (const outcome of [
        await run(['officer', 'list'], { environment }),
        await run(['officer', 'list', '--officer', '-'], { input }),
      ]) {
        expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('second') as string });
      }
    });

    test('a revoked one is refused', async () => {
      expect(await json('officer', 'revoke', 'first-officer', '--officer', 'second.json')).toEqual({
        name: 'first-officer',
        status: 'revoked',
      });
      const stderr = await refused(1, 'the officer credential is unknown or revoked', 'client', 'list');
      expect(stderr).toContain(OFFICER_HINT);
      const last = ['officer', 'revoke', 'second', '--officer', 'second.json'];
      await refused(1, 'the last officer cannot be revoked', ...last);
      await refused(
        1,
        'no officer is called "absent"',
        'officer',
        'revoke',
        'absent',
        '--officer',
        'second.json',
      );
    });

    test('without a credential only status and drain are answered', async () => {
      rmSync(first());
      for (const args of [
        ['client', 'list'],
        ['client', 'add', 'nobody', '--out', 'nobody'],
        ['domain', 'list'],
        ['ca', 'list'],
        ['officer', 'add', 'nobody', '--out', 'nobody.json'],
      ]) {
        const stderr = await refused(1, 'this call needs an officer credential', ...args);
        expect(stderr).toContain(OFFICER_HINT);
      }
      expect([existsSync(path('nobody')), existsSync(path('nobody.json'))]).toEqual([false, false]);
      await done('status');
    });

    test('a file that is no credential is refused', async () => {
      writeFileSync(path('broken.json'), 'not JSON');
      await refused(2, 'broken.json cannot be read', 'client', 'list', '--officer', 'broken.json');
    });
  });

  test('drain ends the server in order, after which nobody answers', async () => {
    expect(await done('drain')).toContain('draining');
    expect(await server.exited).toBe(0);
    await refused(3, 'no Holdfast server is running on', 'status');
  });

  test('the log is JSON, with times and levels, and holds no secret at its most talkative', () => {
    const lines = server.log().trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { level: string; time: string; msg: string });
    expect(
      entries.every(({ level, time, msg }) => level !== '' && msg !== '' && !Number.isNaN(Date.parse(time))),
    ).toBe(true);
    expect(entries.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['serving KMIP', 'draining', 'stopped']),
    );
    const { token } = JSON.parse(readFileSync(path('second.json'), 'utf8')) as { token: string };
    const key = readFileSync(path('array-1/key.pem'), 'utf8').split('\n')[1] ?? '';
    for (const secret of [token, key, 'PRIVATE KEY']) expect(server.log()).not.toContain(secret);
  });
});

describe('the log level', () => {
  test.each([
    ['warn', ['warn']],
    ['silent', []],
  ])('%s shows %j', async (logLevel, levels) => {
    const server = await startServerProcess({ dataDir, logLevel, root: 'software' });
    await server.stop();
    const lines = server.log().split('\n').filter(Boolean);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(levels);
  });
});
