import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { certificates } from '@holdfast/pki';
import { ItemType } from '@holdfast/ttlv';
import { Tag } from '@holdfast/kmip';
import { AskedRequests } from '../src/conformance/asked';
import { findCases, parseCase } from '../src/conformance/case-file';
import { itemAt } from '../src/conformance/expectation';
import { CaseMemory, ServerMemory } from '../src/conformance/memory';
import { playCase } from '../src/conformance/play';
import { caseText, summary } from '../src/conformance/report';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cases-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
}

async function found(...filters: readonly string[]): Promise<readonly (readonly string[])[]> {
  const folders = await findCases(folder, filters);
  return folders.map(({ path, files }) => [path, ...files.map((file) => basename(file))]);
}

test('cases are played folder by folder, in natural order of their names', async () => {
  write('two/KEY-10.xml', 'two/KEY-9.xml', 'two/notes.txt', 'one/A.xml', 'B.xml');
  expect(await found()).toEqual([
    ['', 'B.xml'],
    ['one', 'A.xml'],
    ['two', 'KEY-9.xml', 'KEY-10.xml'],
  ]);
});

test('a filter is the beginning of a name or a pattern', async () => {
  write('KEY-1-14.xml', 'KEY-1-20.xml', 'TAPE-1-14.xml', 'X.KEY-1-14.xml');
  expect(await found('KEY')).toEqual([['', 'KEY-1-14.xml', 'KEY-1-20.xml']]);
  expect(await found('TAPE', 'KEY-?-20')).toEqual([['', 'KEY-1-20.xml', 'TAPE-1-14.xml']]);
  expect(await found('*-14')).toEqual([['', 'KEY-1-14.xml', 'TAPE-1-14.xml', 'X.KEY-1-14.xml']]);
  await expect(found('DISK')).rejects.toThrow('there is no test case DISK');
});

const header = (body: string) => `<ProtocolVersion>
  <ProtocolVersionMajor type="Integer" value="1"/><ProtocolVersionMinor type="Integer" value="4"/>
</ProtocolVersion>${body}<BatchCount type="Integer" value="1"/>`;
const request = (payload: string) => `<RequestMessage><RequestHeader>${header('')}</RequestHeader>
  <BatchItem><Operation type="Enumeration" value="Get"/><RequestPayload>${payload}</RequestPayload></BatchItem>
</RequestMessage>`;
const response = (payload: string) => `<ResponseMessage>
  <ResponseHeader>${header('<TimeStamp type="DateTime" value="$NOW"/>')}</ResponseHeader>
  <BatchItem><Operation type="Enumeration" value="Get"/><ResultStatus type="Enumeration" value="Success"/>
    <ResponsePayload>${payload}</ResponsePayload></BatchItem>
</ResponseMessage>`;
const identifier = (name: string) => `<UniqueIdentifier type="TextString" value="${name}"/>`;
const material = (hex: string) =>
  `<SymmetricKey><KeyBlock><KeyFormatType type="Enumeration" value="Raw"/>
     <KeyValue><KeyMaterial type="ByteString" value="${hex}"/></KeyValue></KeyBlock></SymmetricKey>`;

test('requests and responses alternate', () => {
  const ask = request(identifier('a'));
  expect(parseCase('x', `<KMIP>${ask}${response('')}</KMIP>`).exchanges).toHaveLength(1);
  expect(() => parseCase('x', `<KMIP>${ask}${ask}</KMIP>`)).toThrow('do not alternate');
  expect(() => parseCase('x', `<KMIP>${ask}</KMIP>`)).toThrow('do not alternate');
  expect(() => parseCase('x', '<KMIP/>')).toThrow('there is no message');
  expect(() => parseCase('x', `<KMIP>${request('<Nonsense/>')}</KMIP>`)).toThrow('Nonsense');
});

const NOW = 1_700_000_000;

/** Plays a case of one exchange against a server that answers with another such text. */
async function answered(expected: string, actual: string, timeStamp = NOW) {
  const testCase = parseCase(
    'x',
    `<KMIP>${request(identifier('$UNIQUE_IDENTIFIER_0'))}${response(expected)}</KMIP>`,
  );
  const [exchange] = parseCase('y', `<KMIP>${request('')}${response(actual)}</KMIP>`).exchanges;
  const failure = await playCase(
    testCase,
    (sent) => {
      const asked = itemAt(sent, Tag.BatchItem, Tag.RequestPayload, Tag.UniqueIdentifier);
      const memory = new CaseMemory(new ServerMemory(), () => timeStamp);
      if (asked !== undefined && asked.type === ItemType.TextString) {
        memory.bind({ name: 'UNIQUE_IDENTIFIER_0' }, asked.value);
      }
      return Promise.resolve(memory.fill(exchange!.response));
    },
    new ServerMemory(),
    () => NOW,
  );
  return failure?.differences ?? [];
}

test('a name stands for one value throughout, and two identifiers for two values', async () => {
  const first = identifier('$UNIQUE_IDENTIFIER_0');
  expect(await answered(first, first)).toEqual([]);
  expect(await answered(first, identifier('another'))).toHaveLength(1);
  expect(await answered(identifier('$UNIQUE_IDENTIFIER_1'), first)).toHaveLength(1);
  expect(await answered(identifier('$UNIQUE_IDENTIFIER_1'), identifier('another'))).toEqual([]);
});

test('the present time has a tolerance of seconds', async () => {
  expect(await answered('', '', NOW + 4)).toEqual([]);
  expect(await answered('', '', NOW - 4)).toEqual([]);
  const [late] = await answered('', '', NOW + 60);
  expect(late).toMatchObject({ path: 'ResponseHeader/TimeStamp', expected: '$NOW' });
});

test('key bytes of an object that the server did not make have to be those expected, and are not shown', async () => {
  const differences = await answered(material('0011'), material('0012'));
  expect(differences).toEqual([
    {
      path: 'item 1: BatchItem/ResponsePayload/SymmetricKey/KeyBlock/KeyValue/KeyMaterial',
      expected: '(2 bytes)',
      actual: '(2 bytes)',
    },
  ]);
});

test('what the case does not expect is a difference, in either direction', async () => {
  expect(await answered(material('0011'), '')).toMatchObject([{ actual: 'nothing' }]);
  expect(await answered('', material('0011'))).toMatchObject([{ expected: 'nothing' }]);
});

test('a request cannot send back what no response has carried', () => {
  const memory = new CaseMemory(new ServerMemory(), () => NOW);
  const testCase = parseCase('x', `<KMIP>${request(material('$KEY_MATERIAL_0'))}${response('')}</KMIP>`);
  expect(() => memory.fill(testCase.exchanges[0]!.request)).toThrow('no response has carried a value');
});

test('the report has a line for each case, where a failed one failed, and a summary', () => {
  const passed = { name: 'A', folder: 'one', passed: true };
  const failed = {
    name: 'B',
    folder: '',
    passed: false,
    exchange: 2,
    differences: [{ path: 'item 1: BatchItem/ResultStatus', expected: 'Success', actual: 'OperationFailed' }],
  };
  expect(caseText(passed)).toBe('pass  one/A\n');
  expect(caseText(failed)).toBe(
    'FAIL  B\n      exchange 2, item 1: BatchItem/ResultStatus: expected Success, got OperationFailed\n',
  );
  expect(caseText({ name: 'C', folder: '', passed: false, problem: 'no answer\u001b' })).toContain('\\u{1b}');
  expect(summary([passed, failed])).toBe('2 cases: 1 passed, 1 failed');
});

test('a published slip is read as it is meant, and only that slip', () => {
  const exchange = `${request(identifier('a'))}${response('')}`.replaceAll('value="4"', 'value="3"');
  const minors = (name: string) => {
    const memory = new CaseMemory(new ServerMemory(), () => NOW);
    return parseCase(name, `<KMIP>${exchange}${exchange}</KMIP>`).exchanges.map((found) => {
      const minor = itemAt(
        memory.fill(found.response),
        Tag.ResponseHeader,
        Tag.ProtocolVersion,
        Tag.ProtocolVersionMinor,
      );
      return minor?.value;
    });
  };
  expect(minors('OMOS-O-1-14')).toEqual([3, 4]);
  expect(minors('OMOS-O-1-13')).toEqual([3, 3]);
});

test('whom the server tells of changes listens with a key under a passphrase, too', async () => {
  const issued = await certificates.createAuthority({ commonName: 'a', nowSeconds: NOW });
  const key = createPrivateKey(certificates.privateKeyPem(issued.privateKey).reveal().toString()).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'secret',
  });
  const identity = { host: 'kms', cert: issued.pem, key, ca: issued.pem, passphrase: 'secret' };
  await (await AskedRequests.listen({ host: '127.0.0.1', port: 0 }, identity)).close();
});
