import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startServerProcess } from '@holdfast/testkit';
import { CASE_SERVER, OASIS, conformance, kmip, type Encoding } from './cases';

/** Those that no server passes together with the others, or at all: docs/conformance.md says why. */
const EXCLUDED: Readonly<Record<string, readonly string[]>> = {
  '1.4': ['CS-RNG-O-2-14', 'CS-RNG-O-4-14', 'TC-OTP-3-14', 'TC-OTP-4-14', 'TC-OTP-5-14'],
  '2.0': ['CS-RNG-O-2-20', 'CS-RNG-O-4-20'],
};

/** All of them for `npm run oasis`; else a choice that is quick and has each text encoding once. */
const ENCODINGS: Readonly<Record<string, readonly Encoding[]>> =
  process.env['HOLDFAST_ALL_ENCODINGS'] === '1'
    ? { '1.4': ['tls', 'ttlv', 'xml', 'json'], '2.0': ['tls', 'ttlv', 'xml', 'json'] }
    : { '1.4': ['tls', 'json'], '2.0': ['tls', 'xml'] };

// A file of tests has to have one.
test('the kmip command knows how to play test cases', async () => {
  const { code, output } = await kmip('conformance', '--help');
  expect([code, output]).toEqual([0, expect.stringContaining('--filter')]);
});

if (existsSync(OASIS)) {
  test.each([
    ['1.4', 98],
    ['2.0', 92],
  ])(
    'the OASIS cases of KMIP %s pass',
    async (version, count) => {
      for (const encoding of ENCODINGS[version] ?? []) {
        const { code, passed, cases } = await conformance(
          await startServerProcess(CASE_SERVER),
          join(OASIS, version),
          encoding,
        );
        const excluded = EXCLUDED[version] ?? [];
        const failed = cases.filter((each) => !each.passed && !excluded.includes(each.name));
        expect([encoding, failed]).toEqual([encoding, []]);
        expect([encoding, code, passed]).toEqual([encoding, 1, count]);
      }
    },
    480_000,
  );
}
