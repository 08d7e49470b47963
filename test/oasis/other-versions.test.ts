import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tag, dialectNamed, operationEnum, type VersionName } from '@holdfast/kmip';
import { child, children, startServerProcess, unknownWords, valueAt } from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import { CASE_SERVER, OASIS, conformance, messagesOf, xmlFilesBelow, type CaseOutcome } from './cases';

/**
 * The published cases, said in the versions for which none are published: what they show holds there too, but for what the
 * version has no words for, and for what 2.1 has a better reason for.
 */

/** What 2.1 answers instead of the reason that the case of 2.0 shows. KMIP 2.1 section 11.48 */
const REASONS_OF_2_1: Readonly<Record<string, readonly [before: string, now: string]>> = {
  'AKLC-M-2-20': ['PermissionDenied', 'WrongKeyLifecycleState'],
  'CS-AC-M-8-20': ['PermissionDenied', 'WrongKeyLifecycleState'],
  'CS-BC-M-11-20': ['InvalidMessage', 'MissingInitializationVector'],
  'CS-BC-M-14-20': ['PermissionDenied', 'WrongKeyLifecycleState'],
  'CS-BC-M-GCM-1-20': ['GeneralFailure', 'BadCryptographicParameters'],
};
/** docs/conformance.md; and what is read as 1.4 although it is printed as 1.3. */
const NEVER = /^(CS-RNG-O-[24]|TC-OTP-[345]|OMOS-O-1)-/;

/** A copy of the cases in which every message is of another version. */
function inVersion(from: string, version: VersionName): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cases-'));
  cpSync(join(OASIS, from), folder, { recursive: true });
  const [major, minor] = version.split('.');
  for (const file of xmlFilesBelow(folder)) {
    const text = readFileSync(file, 'utf8')
      .replace(/(<ProtocolVersionMajor [^>]*value=)"\d+"/g, `$1"${major}"`)
      .replace(/(<ProtocolVersionMinor [^>]*value=)"\d+"/g, `$1"${minor}"`);
    writeFileSync(file, text);
  }
  return folder;
}

/** Whether a message says anything that the version cannot say. */
function isBeyond(message: Item | undefined, version: VersionName): boolean {
  if (message === undefined) return false;
  const dialect = dialectNamed(version);
  const isLater = children(message, Tag.BatchItem).some((item) => {
    const operation = operationEnum.byValue.get(valueAt(item, Tag.Operation) as number);
    return operation !== undefined && !dialect.knows(operation);
  });
  return isLater || unknownWords(message, version).length > 0 || hasLaterMember(message, version);
}

/** All that Cryptographic Parameters have before 1.2. KMIP 1.1 section 3.6 */
const FIRST_PARAMETERS: readonly number[] = [
  Tag.BlockCipherMode,
  Tag.PaddingMethod,
  Tag.HashingAlgorithm,
  Tag.KeyRoleType,
];

/** Whether a structure that the version has holds something that came to it later. */
function hasLaterMember(item: Item, version: VersionName, parent?: Item): boolean {
  if (item.type !== ItemType.Structure || !['1.0', '1.1'].includes(version)) return false;
  const name = item.tag === Tag.AttributeValue ? valueAt(parent, Tag.AttributeName) : undefined;
  if (item.tag === Tag.CryptographicParameters || name === 'Cryptographic Parameters') {
    if (item.value.some(({ tag }) => !FIRST_PARAMETERS.includes(tag))) return true;
  }
  // KMIP 1.1 section 3.17
  if (version === '1.0' && name === 'Digest' && child(item, Tag.KeyFormatType) !== undefined) return true;
  return item.value.some((each) => hasLaterMember(each, version, item));
}

/** Whether a case may end where it does: by a word that the version does not have, or by its own reason. */
function isOwnRule(
  { name, exchange = 0, differences = [] }: CaseOutcome,
  file: string,
  version: VersionName,
): boolean {
  const [difference] = differences;
  const reason = version === '2.1' ? REASONS_OF_2_1[name] : undefined;
  if (reason !== undefined) {
    return differences.length === 1 && difference?.expected === reason[0] && difference.actual === reason[1];
  }
  const messages = messagesOf(file);
  const [request, response] = messages.slice(2 * exchange - 2, 2 * exchange);
  return isBeyond(request, version) || isBeyond(response, version);
}

const ALL: readonly (readonly [from: string, version: VersionName, passed: number])[] = [
  ['2.0', '2.1', 87],
  ['1.4', '1.0', 27],
  ['1.4', '1.1', 35],
  ['1.4', '1.2', 59],
  ['1.4', '1.3', 74],
];
/** `npm run oasis` plays all of them, the suite the two that are farthest off. */
const PLAYED = process.env['HOLDFAST_ALL_ENCODINGS'] === '1' ? ALL : ALL.slice(0, 2);

test('there is something to be said in every version', () => {
  expect(ALL.map(([, version]) => version).sort()).toEqual(['1.0', '1.1', '1.2', '1.3', '2.1']);
});

if (existsSync(OASIS)) {
  test.each(PLAYED)(
    'what the cases of KMIP %s show holds in %s, by its own rules',
    async (from, version, count) => {
      const folder = inVersion(from, version);
      try {
        const { passed, cases } = await conformance(
          await startServerProcess(CASE_SERVER),
          folder,
          'tls',
          version,
        );
        const unexplained = cases.filter(
          (each) =>
            !each.passed &&
            !NEVER.test(each.name) &&
            !isOwnRule(each, join(folder, each.folder, `${each.name}.xml`), version),
        );
        expect(unexplained).toEqual([]);
        expect(passed).toBe(count);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    240_000,
  );
}
