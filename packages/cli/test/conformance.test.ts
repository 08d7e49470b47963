import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KmipClient } from '@holdfast/client';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import type { Item } from '@holdfast/ttlv';
import { findCases, readCase } from '../src/conformance/case-file';
import { cleanUp } from '../src/conformance/clean-up';
import { ServerMemory } from '../src/conformance/memory';
import { playCase, type Failure } from '../src/conformance/play';
import type { TestCase } from '../src/conformance/test-case';
import { mutationsOf, type Mutation } from './conformance-mutations';

const OWN_CASES = join(__dirname, 'cases');
/** The OASIS cases are no part of this repository; where they lie beside it, they are played too. */
const OASIS_CASES = resolve(__dirname, '../../../../shared/oasis');
const OASIS_FILTERS = ['SKLC', 'SKFF', 'AKLC', 'OMOS', 'SASED', 'TL', 'TC-I18N', 'TC-MDO', 'TC-OFFSET'];

/** A case with what the server answered to it, and when. */
interface Recording {
  readonly testCase: TestCase;
  readonly answers: readonly Item[];
  readonly times: readonly number[];
  readonly failure: Failure | undefined;
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

let server: ServerProcess;
let client: KmipClient;

beforeAll(async () => {
  server = await startServerProcess();
  const { cert, key, ca } = server.clientFiles;
  client = await KmipClient.connect({
    host: server.host,
    port: server.port,
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    version: '1.0',
  });
});

afterAll(async () => {
  await client.close();
  await server.stop();
});

async function record(testCase: TestCase, memory: ServerMemory): Promise<Recording> {
  const answers: Item[] = [];
  const times = [nowSeconds()];
  const transport = async (request: Item) => {
    const answer = await client.exchange(request);
    answers.push(answer);
    times.push(nowSeconds());
    return answer;
  };
  const failure = await playCase(testCase, transport, memory, nowSeconds);
  return { testCase, answers, times, failure };
}

async function recordFolder(path: string, filters: readonly string[] = []): Promise<readonly Recording[]> {
  const recordings: Recording[] = [];
  const memory = new ServerMemory();
  for (const { files } of await findCases(path, filters)) {
    for (const file of files) recordings.push(await record(await readCase(file), memory));
    await cleanUp((request) => client.exchange(request), memory, [...memory.left.keys()]);
  }
  return recordings;
}

/** Plays a case against recorded answers, at the time of their recording. */
async function replay(testCase: TestCase, { answers, times }: Recording): Promise<Failure | undefined> {
  let next = 0;
  const transport = () => Promise.resolve(answers[next++] as Item);
  return await playCase(testCase, transport, new ServerMemory(), () => times[next] as number);
}

interface Score {
  readonly caught: number;
  readonly total: number;
}

async function strictness(
  recordings: readonly Recording[],
): Promise<ReadonlyMap<Mutation['kind'] | 'all', Score>> {
  const scores = new Map<Mutation['kind'] | 'all', Score>();
  for (const recording of recordings) {
    for (const mutation of mutationsOf(recording.testCase, recording.answers)) {
      const caught = (await replay(mutation.testCase, recording)) === undefined ? 0 : 1;
      for (const kind of [mutation.kind, 'all'] as const) {
        const score = scores.get(kind) ?? { caught: 0, total: 0 };
        scores.set(kind, { caught: score.caught + caught, total: score.total + 1 });
      }
    }
  }
  return scores;
}

function report(title: string, scores: ReadonlyMap<string, Score>): void {
  const parts = [...scores].map(([kind, { caught, total }]) => `${kind} ${caught}/${total}`);
  process.stdout.write(`${title}: false expectations that make a case fail: ${parts.join(', ')}\n`);
}

async function expectStrict(title: string, recordings: readonly Recording[]): Promise<void> {
  for (const recording of recordings) {
    expect([recording.testCase.name, recording.failure]).toEqual([recording.testCase.name, undefined]);
    expect(await replay(recording.testCase, recording)).toBeUndefined();
  }
  const scores = await strictness(recordings);
  report(title, scores);
  for (const [kind, { caught, total }] of scores) {
    expect({ kind, caught: caught / total >= 0.9 }).toEqual({ kind, caught: true });
  }
}

test('cases of our own pass, and a false expectation makes them fail', async () => {
  await expectStrict('own cases', await recordFolder(OWN_CASES));
});

if (existsSync(OASIS_CASES)) {
  test('so do the OASIS cases of key stores, tapes and drives', async () => {
    await expectStrict('OASIS cases', await recordFolder(OASIS_CASES, OASIS_FILTERS));
  }, 300_000);
}
