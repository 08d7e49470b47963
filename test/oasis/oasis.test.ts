import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { asFirstOfficer, startServerProcess } from '@holdfast/testkit';

/** The OASIS cases are no part of this repository: they are played where they lie beside it. */
const CASES = resolve(__dirname, '../../../shared/oasis');
const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');
/** CS-RNG-O-2 and -4 expect other answers of RNG Seed to one request than CS-RNG-O-3 does: a server gives one of them. */
const CRYPTOGRAPHY = ['CS-AC', 'CS-BC', 'CS-RNG-M', 'CS-RNG-O-3', 'TC-ECDSA', 'TC-RSA', 'TC-STREAM'];
const LIFE_CYCLES = [
  'SKLC',
  'SKFF',
  'AKLC',
  'OMOS',
  'SASED',
  'TL',
  'TC-I18N',
  'TC-MDO',
  'TC-OFFSET',
  'TC-SETATTR',
];
const MAKING = ['TC-DERIVEKEY', 'TC-SJ'];
const DESCRIPTION = ['MSGENC', 'TC-Q'];
const TRANSFER = [
  'AX',
  'QS',
  'TC-CERTATTR',
  'TC-ECC',
  'TC-EXTRACTABLE',
  'TC-IMPEXP',
  'TC-RNG-ATTR',
  'TC-SENSITIVE',
  'TC-WRAP',
];
const TICKETS = ['TC-LOGIN', 'TC-DLOGIN'];
const FILTERS = [...LIFE_CYCLES, ...CRYPTOGRAPHY, ...MAKING, ...DESCRIPTION, ...TRANSFER, ...TICKETS];

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

async function conformance(folder: string, encoding: Encoding): Promise<Outcome> {
  const server = await startServerProcess({ arguments: ['--test-mode', '--https-listen', '127.0.0.1:0'] });
  try {
    // Cases of 2.x that show a credential show this one.
    const officer = await asFirstOfficer(server);
    await officer.call('POST /users', { name: 'admin', password: 'password' });
    const { cert, key, ca } = server.clientFiles;
    const address =
      encoding === 'tls'
        ? ['--server', `${server.host}:${server.port}`]
        : ['--server', `https://${server.host}:${server.https?.port}/kmip`, '--encoding', encoding];
    return await kmip(
      ...['conformance', '--json', ...address],
      ...['--cert', cert, '--key', key, '--ca', ca],
      ...FILTERS.flatMap((filter) => ['--filter', filter]),
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
    ['1.4', 93],
    ['2.0', 92],
  ])(
    'the OASIS cases of KMIP %s pass',
    async (version, count) => {
      for (const encoding of ENCODINGS[version] ?? []) {
        const { code, output } = await conformance(join(CASES, version), encoding);
        const { passed, cases } = JSON.parse(output) as {
          passed: number;
          cases: { passed: boolean }[];
        };
        expect([encoding, cases.filter((result) => !result.passed)]).toEqual([encoding, []]);
        expect([encoding, code, passed]).toEqual([encoding, 0, count]);
      }
    },
    480_000,
  );
}
