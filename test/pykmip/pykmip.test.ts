import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';

/** The PyKMIP client against a real server process, in every version that it speaks. */

const PYTHON = '/usr/bin/python3';
const VERSIONS = ['KMIP_1_0', 'KMIP_1_1', 'KMIP_1_2', 'KMIP_1_3', 'KMIP_1_4', 'KMIP_2_0'];

type Report = Readonly<Record<string, Readonly<Record<string, string | null>>>>;

const isInstalled = spawnSync(PYTHON, ['-c', 'import kmip']).status === 0;
const isRequired = process.env['CI'] === 'true';

(isInstalled || isRequired ? describe : describe.skip)(
  'PyKMIP (skipped where the system package python3-pykmip is missing)',
  () => {
    let server: ServerProcess;
    let report: Report;

    beforeAll(async () => {
      server = await startServerProcess();
      const { cert, key, ca } = server.clientFiles;
      const { stdout } = await promisify(execFile)(
        PYTHON,
        [join(__dirname, 'client.py'), server.host, String(server.port), cert, key, ca],
        { maxBuffer: 16 << 20 },
      );
      report = JSON.parse(stdout) as Report;
    });

    afterAll(() => server.stop());

    test('speaks every version that it knows', () => {
      expect(Object.keys(report)).toEqual(VERSIONS);
    });

    test.each(VERSIONS)('every call passes in %s', (version) => {
      const outcome = Object.entries(report[version] ?? {});
      expect(outcome.length).toBeGreaterThan(25);
      expect(outcome.filter(([, failure]) => failure !== null)).toEqual([]);
    });

    test('nothing of it is an error to the server', () => {
      expect(server.log()).not.toMatch(/"level":"(?:error|fatal)"/);
    });
  },
);
