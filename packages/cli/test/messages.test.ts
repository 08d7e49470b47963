import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect } from 'node:tls';
import { Command } from 'commander';
import { Tag } from '@holdfast/kmip';
import { ItemType, encodeTtlv, type Item } from '@holdfast/ttlv';
import { holdfast, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { hasTerminal, onTerminal } from '../../../test/support/terminal';
import { until } from '../../../test/support/until';
import { buildProgram as kmipProgram } from '../src/kmip/program';

/** What `kmip` does with messages as such, and the completion of shells. */

const KMIP = resolve(__dirname, '../bin/kmip.js');

let server: ServerProcess;
let folder: string;
let environment: Readonly<Record<string, string | undefined>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-messages-'));
  server = await startServerProcess({ arguments: ['--https-listen', '127.0.0.1:0'] });
  const { cert, key, ca } = server.clientFiles;
  environment = {
    ...process.env,
    KMIP_SERVER: `127.0.0.1:${server.port}`,
    KMIP_CERT: cert,
    KMIP_KEY: key,
    KMIP_CA: ca,
    XDG_CONFIG_HOME: join(folder, 'config'),
  };
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function kmip(args: readonly string[], input: string | Buffer = '', more = {}): Promise<Result> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [KMIP, ...args], { env: { ...environment, ...more } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', failed);
    child.on('close', (code) => done({ code, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

const REQUEST = `<RequestMessage>
  <RequestHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="1"/>
      <ProtocolVersionMinor type="Integer" value="4"/>
    </ProtocolVersion>
    <BatchCount type="Integer" value="1"/>
  </RequestHeader>
  <BatchItem>
    <Operation type="Enumeration" value="DiscoverVersions"/>
    <RequestPayload/>
  </BatchItem>
</RequestMessage>
`;
const REQUEST_HEX =
  '42007801000000604200770100000038420069010000002042006a02000000040000000100000000' +
  '42006b0200000004000000040000000042000d0200000004000000010000000042000f0100000018' +
  '42005c05000000040000001e000000004200790100000000';

describe('encode and decode', () => {
  test('turn every form into every other', async () => {
    const { stdout: hex } = await kmip(['encode'], REQUEST);
    expect(hex).toBe(`${REQUEST_HEX}\n`);
    const { stdout: json } = await kmip(['decode', '--to', 'json'], hex);
    expect(JSON.parse(json)).toMatchObject({ tag: 'RequestMessage' });
    expect((await kmip(['encode'], json)).stdout).toBe(hex);
    expect((await kmip(['decode'], Buffer.from(hex.trim(), 'hex'))).stdout).toBe(REQUEST);
    const file = join(folder, 'two.hex');
    writeFileSync(file, `${hex}\n${hex}`);
    expect((await kmip(['decode', file])).stdout).toBe(REQUEST + REQUEST);
  });

  test.each(['', 'nothing', '<a/>', '{"tag":', '4200', '42007801000000ff', '<!DOCTYPE x><RequestMessage/>'])(
    'say what is wrong with %p',
    async (input) => {
      const { code, stdout, stderr } = await kmip(['decode'], input);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^kmip: /);
    },
  );
});

describe('batch', () => {
  const item = (operation: string, payload: string) =>
    `<BatchItem><Operation type="Enumeration" value="${operation}"/><RequestPayload>${payload}</RequestPayload></BatchItem>`;
  const create = item(
    'Create',
    `<ObjectType type="Enumeration" value="SymmetricKey"/><Attributes>
      <CryptographicAlgorithm type="Enumeration" value="AES"/><CryptographicLength type="Integer" value="256"/>
      <CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/></Attributes>`,
  );

  test.each([
    ['TLS', () => ({})],
    ['HTTPS', () => ({ KMIP_SERVER: `https://127.0.0.1:${server.https?.port}/kmip`, KMIP_ENCODING: 'json' })],
  ])('items go out as one message, over %s', async (_name, more) => {
    const { code, stdout } = await kmip(
      ['batch', '-'],
      `<KMIP>${create}${item('Activate', '')}</KMIP>`,
      more(),
    );
    expect(code).toBe(0);
    expect(stdout.match(/<ResultStatus type="Enumeration" value="Success"\/>/g)).toHaveLength(2);
  });

  test('items in JSON are an array, and may be carried out later', async () => {
    const ping = {
      tag: 'BatchItem',
      value: [
        { tag: 'Operation', type: 'Enumeration', value: 'Ping' },
        { tag: 'RequestPayload', value: [] },
      ],
    };
    const { code, stdout } = await kmip(['batch', '--async', '-'], `\ufeff${JSON.stringify([ping, ping])}`);
    expect(code).toBe(0);
    expect(stdout.match(/<ResultStatus type="Enumeration" value="OperationPending"\/>/g)).toHaveLength(2);
  });

  test('an item that is Ephemeral leaves its data to later ones alone', async () => {
    const random = item('RNGRetrieve', '<DataLength type="Integer" value="16"/>').replace(
      '<RequestPayload>',
      '<Ephemeral type="Boolean" value="true"/><RequestPayload>',
    );
    const hash = item(
      'Hash',
      `<CryptographicParameters><HashingAlgorithm type="Enumeration" value="SHA_256"/></CryptographicParameters>
      <Data type="Enumeration" value="RNGRetrieve"/>`,
    );
    const { code, stdout } = await kmip(['batch', '-'], `<KMIP>${random}${hash}</KMIP>`);
    expect(code).toBe(0);
    expect([...stdout.matchAll(/<Data .*value="(\w+)"/g)].map(([, data]) => data)).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    expect(await kmip(['batch', '--kmip-version', '1.4', '-'], `<KMIP>${random}</KMIP>`)).toMatchObject({
      code: 2,
      stdout: '',
    });
  });

  test('an item that fails is told of, and with undo nothing remains', async () => {
    const bad = item('Activate', '<UniqueIdentifier type="TextString" value="nothing"/>');
    const { code, stdout, stderr } = await kmip(
      ['batch', '--json', '--continuation', 'undo', '-'],
      `<KMIP>${create}${bad}</KMIP>`,
    );
    expect(code).toBe(1);
    expect(JSON.stringify(JSON.parse(stdout))).toContain('"OperationUndone"');
    expect(stderr).toContain('Activate');
  });

  test('whole messages are sent as they are', async () => {
    const file = join(folder, 'request.xml');
    writeFileSync(file, REQUEST);
    const { code, stdout } = await kmip(['batch', file]);
    expect(code).toBe(0);
    expect(stdout).toContain('<ProtocolVersionMinor type="Integer" value="4"/>');
  });

  test('a file without any is wrong use', async () => {
    expect((await kmip(['batch', '-'], '<Name/>')).code).toBe(2);
  });
});

/** A request with a secret where none belongs: as a number, in tags of a vendor, in a Big Integer outside of Key Material. */
function oddlyHidden(secret: string): Buffer {
  const structure = (tag: number, ...value: Item[]): Item => ({ tag, type: ItemType.Structure, value });
  const integer = (tag: number, value: number): Item => ({ tag, type: ItemType.Integer, value });
  const text = (tag: number): Item => ({ tag, type: ItemType.TextString, value: secret });
  const digits = BigInt(`0x${Buffer.from(secret).toString('hex')}`);
  return encodeTtlv(
    structure(
      Tag.RequestMessage,
      structure(Tag.CredentialValue, integer(Tag.Password, 4711)),
      structure(
        0x540000,
        text(0x540001),
        structure(0x540002, text(Tag.Description), integer(0x540003, 4711)),
      ),
      { tag: Tag.Modulus, type: ItemType.BigInteger, value: digits },
      { tag: Tag.PKCS_11InputParameters, type: ItemType.TextString, value: secret },
    ),
  );
}

/** Sends bytes to the proxy, and waits until it has enough of them. */
function sendTo(address: string, bytes: Buffer): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((done) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () =>
      socket.write(bytes),
    );
    socket.resume().on('error', () => undefined);
    socket.once('close', () => done());
  });
}

describe('trace', () => {
  let proxy: ChildProcess;
  let output = '';

  async function started(): Promise<string> {
    const [key, cert] = [join(folder, 'proxy-key.pem'), join(folder, 'proxy.pem')];
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '7'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    ]);
    proxy = spawn(process.execPath, [KMIP, 'trace', '--listen-cert', cert, '--listen-key', key], {
      env: environment,
    });
    proxy.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return new Promise((done, failed) => {
      let said = '';
      proxy.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const address = /Listening on (\S+:\d+)/.exec(said)?.[1];
        if (address !== undefined) done(address);
      });
      proxy.once('exit', () => failed(new Error(said)));
    });
  }

  test('shows the dialogue, and no secret of it', async () => {
    const through = { KMIP_SERVER: await started(), KMIP_CA: join(folder, 'proxy.pem') };
    const secret = '5ec2e7'.repeat(8);
    const registered = await kmip(
      ['register', '--type', 'secret-data', '--hex', secret, '--name', 'traced', '--json'],
      '',
      { ...through, KMIP_USERNAME: 'someone', KMIP_PASSWORD: 'pa55word' },
    );
    expect(registered).toMatchObject({ code: 0 });
    const { uniqueIdentifier } = JSON.parse(registered.stdout) as { uniqueIdentifier: string };
    const got = await kmip(['get', uniqueIdentifier, '--format', 'hex'], '', through);
    expect(got.stdout.trim()).toBe(secret);
    const distrusting = await kmip(['query'], '', { KMIP_SERVER: through.KMIP_SERVER });
    expect(distrusting).toMatchObject({ code: 3 });
    await sendTo(
      through.KMIP_SERVER,
      Buffer.concat([oddlyHidden('o4dsecret'), Buffer.from('GET /o4dsecret')]),
    );
    await until(() => output.includes('connection 3 ends'), 'the proxy tells of the end');
    proxy.kill('SIGTERM');
    await new Promise((done) => proxy.once('close', done));
    expect(output).toMatch(/came to nothing: the program .* does not accept the certificate of the proxy/);
    expect(output).toContain('Operation: Register');
    expect(output).toContain('Key Material: (24 bytes)');
    expect(output).toContain('Result Status: Success');
    expect(output).toContain('"traced"');
    expect(output).toContain('tag 0x540001: (a text)');
    expect(output).toContain('is no KMIP in TTLV');
    for (const hidden of ['pa55word', 'o4dsecret', '4711', Buffer.from('o4dsecret').toString('hex')]) {
      expect(output).not.toContain(hidden);
    }
    expect(output).not.toContain(BigInt(`0x${Buffer.from('o4dsecret').toString('hex')}`).toString());
    expect(output.toLowerCase()).not.toContain('5ec2e7');
    expect(output).not.toContain(Buffer.from(secret, 'hex').toString('latin1'));
  });

  test('listens on this machine alone', async () => {
    expect(await kmip(['trace', '--listen', '0.0.0.0:0'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('says in its own words what it cannot listen with', async () => {
    const { KMIP_CERT: cert = '', KMIP_CA: ca = '' } = environment;
    const { code, stderr } = await kmip(['trace', '--listen-cert', cert, '--listen-key', ca]);
    expect(code).toBe(2);
    expect(stderr).toContain('certificate and the key of the proxy');
    expect(stderr).not.toMatch(/PEM_read|error:|routines/);
  });
});

test('what comes by standard input may be as long as a file', async () => {
  const value = Buffer.alloc(5 << 20);
  const header = Buffer.from('4200430800500000', 'hex');
  const { code, stdout } = await kmip(['encode'], Buffer.concat([header, value]));
  expect([code, stdout.length]).toEqual([0, 2 * (header.length + value.length) + 1]);
});

(hasTerminal ? test : test.skip)(
  'at a terminal a message that is missing is asked for as the command takes it (skipped where there is no Python)',
  async () => {
    const { code, shown } = await onTerminal([process.execPath, KMIP, 'decode']);
    expect([code, shown]).toEqual([2, expect.stringContaining('Name a file')]);
  },
);

describe('completion', () => {
  /** What makes each shell print what the last of some words can become: the file of the script goes before the words. */
  const SHELLS: readonly (readonly [shell: string, options: readonly string[], script: string])[] = [
    ['bash', [], '. $0; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kmip; echo "${COMPREPLY[*]}"'],
    [
      'zsh',
      ['-f'],
      // Loaded by the first Tab, from the folder that the help names.
      'fpath=($0:h $fpath); autoload -Uz _kmip; compdef() { :; }; words=($@); CURRENT=$#; last=$@[-1]; ' +
        '_describe() { local -a all=(${(P)2}); all=(${all%%:*}); print -- ${(M)all:#$last*}; }; _kmip',
    ],
    [
      'fish',
      [],
      'source $argv[1]; complete -C (string join -- " " $argv[2..-1]) | string replace -r "\t.*" ""; true',
    ],
  ];

  test.each(SHELLS)('of %s', async (shell, options, script) => {
    const { stdout } = await kmip(['completion', shell]);
    for (const command of kmipProgram().commands) expect(stdout).toContain(command.name());
    expect(await holdfast('completion', shell)).toContain('officer');
    if (spawnSync(shell, ['--version']).status !== 0) return;
    const file = join(folder, '_kmip');
    writeFileSync(file, stdout);
    const complete = (...words: readonly string[]) =>
      execFileSync(shell, [...options, '-c', script, file, ...words])
        .toString()
        .trim();
    expect(complete('kmip', 'discover')).toBe('discover-versions');
    expect(complete('kmip', 'profile', 'rem')).toBe('remove');
    expect(complete('kmip', '--server', 'x', 'create', '--alg')).toBe('--algorithm');
    // A value follows, such as a file: no option, and no command.
    expect(complete('kmip', 'create', '--name', 'cre')).not.toContain('create');
    expect(complete('kmip', 'create', '--name', '')).not.toContain('--');
    // A file comes next, which the shell itself looks for; options where one is begun.
    expect(complete('kmip', 'batch', '')).not.toContain('--');
    expect(complete('kmip', 'batch', '--cont')).toBe('--continuation');
    expect(complete('kmip', 'logout', '--ticket', 't', '')).not.toContain('--');
    // Another command has the name of this one, and this option.
    writeFileSync(file, (await holdfast('completion', shell)).replaceAll('_holdfast', '_kmip'));
    expect(complete('holdfast', 'status', '--w')).toBe('--wait');
    expect(complete('holdfast', 'hsm', 'status', '--w')).toBe('');
  });
});

function leavesOf(command: Command, path = command.name()): [string, Command][] {
  return command.commands.length === 0
    ? [[path, command]]
    : command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`));
}

test.each(leavesOf(kmipProgram()))('%s shows an example in its help', (_path, command) => {
  const text: string[] = [];
  command.configureOutput({ writeOut: (part) => text.push(part) });
  command.outputHelp();
  expect(text.join('')).toMatch(/^Examples?:$/m);
});
