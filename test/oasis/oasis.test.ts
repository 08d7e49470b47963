import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startServerProcess } from '@holdfast/testkit';

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
const FILTERS = [...LIFE_CYCLES, ...CRYPTOGRAPHY, ...MAKING];

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

async function conformance(folder: string): Promise<Outcome> {
  const server = await startServerProcess({ arguments: ['--test-mode'] });
  try {
    const { cert, key, ca } = server.clientFiles;
    return await kmip(
      ...['conformance', '--json', '--server', `${server.host}:${server.port}`],
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
    ['1.4', 69],
    ['2.0', 71],
  ])(
    'the OASIS cases of KMIP %s pass',
    async (version, count) => {
      const { code, output } = await conformance(join(CASES, version));
      const { passed, cases } = JSON.parse(output) as {
        passed: number;
        cases: { passed: boolean }[];
      };
      expect(cases.filter((result) => !result.passed)).toEqual([]);
      expect([code, passed]).toEqual([0, count]);
    },
    120_000,
  );
}
