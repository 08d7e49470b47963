import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { asFirstOfficer, startServerProcess } from '@holdfast/testkit';

/** The OASIS cases are no part of this repository: they are played where they lie beside it. */
const CASES = resolve(__dirname, '../../../shared/oasis');
const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');
/** Those that no server passes together with the others, or at all: docs/conformance.md says why. */
const EXCLUDED: Readonly<Record<string, readonly string[]>> = {
  '1.4': ['CS-RNG-O-2-14', 'CS-RNG-O-4-14', 'TC-OTP-3-14', 'TC-OTP-4-14', 'TC-OTP-5-14'],
  '2.0': ['CS-RNG-O-2-20', 'CS-RNG-O-4-20'],
};

/** TTLV over TLS alone, or one of the encodings over HTTPS. */
type Encoding = 'tls' | 'ttlv' | 'xml' | 'json';
/** All of them for `npm run oasis`; else a choice that is quick and has each text encoding once. */
const ENCODINGS: Readonly<Record<string, readonly Encoding[]>> =
  process.env['HOLDFAST_ALL_ENCODINGS'] === '1'
    ? { '1.4': ['tls', 'ttlv', 'xml', 'json'], '2.0': ['tls', 'ttlv', 'xml', 'json'] }
    : { '1.4': ['tls', 'json'], '2.0': ['tls', 'xml'] };

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs the built `kmip` command. */
function kmip(...args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [KMIP, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout) => {
        done({ code: child.exitCode ?? -1, output: stdout });
      },
    );
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function conformance(folder: string, encoding: Encoding): Promise<Outcome> {
  const server = await startServerProcess({ arguments: ['--test-mode', '--https-listen', '127.0.0.1:0'] });
  try {
    // Cases of 2.x that show a credential show this one.
    const officer = await asFirstOfficer(server);
    await officer.call('POST /users', { name: 'admin', password: 'password' });
    // Where some cases have the server connect to.
    const port = await freePort();
    const notify = { host: '127.0.0.1', port, version: '1.4' } as const;
    const [client] = await officer.call('GET /clients');
    await officer.call('POST /clients/:name/settings', { notify }, { name: client?.name ?? '' });
    const { cert, key, ca } = server.clientFiles;
    const address =
      encoding === 'tls'
        ? ['--server', `${server.host}:${server.port}`]
        : ['--server', `https://${server.host}:${server.https?.port}/kmip`, '--encoding', encoding];
    return await kmip(
      ...['conformance', '--json', ...address],
      ...['--cert', cert, '--key', key, '--ca', ca],
      ...['--notify-listen', `127.0.0.1:${port}`],
      folder,
    );
  } finally {
    await server.stop();
  }
}

// A file of tests has to have one.
test('the kmip command knows how to play test cases', async () => {
  const { code, output } = await kmip('conformance', '--help');
  expect([code, output]).toEqual([0, expect.stringContaining('--filter')]);
});

if (existsSync(CASES)) {
  test.each([
    ['1.4', 98],
    ['2.0', 92],
  ])(
    'the OASIS cases of KMIP %s pass',
    async (version, count) => {
      for (const encoding of ENCODINGS[version] ?? []) {
        const { code, output } = await conformance(join(CASES, version), encoding);
        const { passed, cases } = JSON.parse(output) as {
          passed: number;
          cases: { name: string; passed: boolean }[];
        };
        const excluded = EXCLUDED[version] ?? [];
        const failed = cases.filter((each) => !each.passed && !excluded.includes(each.name));
        expect([encoding, failed]).toEqual([encoding, []]);
        expect([encoding, code, passed]).toEqual([encoding, 1, count]);
      }
    },
    480_000,
  );
}
