import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Operation } from '@holdfast/kmip';
import { ExportWalk, verifyExport, type ExportVerdict } from '@holdfast/server';
import {
  Peer,
  holdfastResult,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { createKey } from '../server/support';
import { isRecord, linkOf, relinked, type ExportedRecord } from './export-links';

/**
 * An exported log is checked with the public key alone, and any alteration is found. HOLDFAST_TEST_AUDIT_RECORDS and
 * HOLDFAST_TEST_AUDIT_PLACES set how many records there are, and at how many places each alteration is tried. What stands
 * before a place is the same each time: one check goes over it once, and a copy of it takes what was altered.
 */
const RECORDS = Number(process.env['HOLDFAST_TEST_AUDIT_RECORDS'] ?? 2_000);
const PLACES = Number(process.env['HOLDFAST_TEST_AUDIT_PLACES'] ?? 12);
const BATCH_ITEMS = 100;

/** At so many places the whole file is checked, too. */
const WHOLE = 2;

jest.setTimeout(180_000 + RECORDS * 2 + PLACES * 500);

let server: ServerProcess;
let database: Database;
let folder: string;
let pem: string;

async function holdfast(...args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  return holdfastResult(['audit', ...args, '--data-dir', server.dataDir]);
}

beforeAll(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-audit-'));
    server = await startServerProcess({ logLevel: 'fatal' });
    database = await openDatabase(server.dataDir);
    const peer = await Peer.connect(tlsOptions(server), '1.4');
    const key = await createKey(peer, 'odd | \\ = name');
    const items = Array.from({ length: BATCH_ITEMS }, (_, index) => ({
      operation: index % 2 === 0 ? Operation.GetAttributeList : Operation.Get,
      payload: [uniqueIdentifier(index % 7 === 0 ? `none | ${index} = \\ "x"` : key)],
      id: Buffer.from(String(index)),
    }));
    const { BatchErrorContinuationOption, Tag } = await import('@holdfast/kmip');
    const { enumeration } = await import('@holdfast/testkit');
    const header = [enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Continue)];
    for (let done = 0; done < RECORDS; done += BATCH_ITEMS) await peer.batch(items, { header });
    await peer.close();
    expect((await holdfast('public-key', '--out', join(folder, 'audit.pem'))).code).toBe(0);
    pem = readFileSync(join(folder, 'audit.pem'), 'utf8');
  },
  180_000 + RECORDS * 2,
);
afterAll(async () => {
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function exported(name: string, ...options: readonly string[]): Promise<readonly string[]> {
  const out = join(folder, name);
  expect(await holdfast('export', '--out', out, ...options)).toMatchObject({ code: 0 });
  return readFileSync(out, 'utf8').split('\n').slice(0, -1);
}

async function* chunks(pieces: Iterable<string>): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (const piece of pieces) yield Buffer.from(piece);
}

function* from(lines: readonly string[], at: number): Generator<string> {
  for (let next = at; next < lines.length; next++) yield `${lines[next] ?? ''}\n`;
}

const verdictOf = (pieces: Iterable<string>): Promise<ExportVerdict> => verifyExport(chunks(pieces), pem);

const random = (below: number): number => Math.floor(Math.random() * below);

/** Another character in the place of one: any that can be seen, or the end of a line. */
function edited(line: string): string {
  const at = random(line.length);
  const other = String.fromCharCode(random(95) + 32).replace('~', '\n');
  return other === line[at] ? edited(line) : line.slice(0, at) + other + line.slice(at + 1);
}

/** What stands in the file from a line on, where it was altered there. */
type Alteration = (lines: readonly string[], at: number) => Iterable<string>;

const ALTERATIONS: Readonly<Record<string, Alteration>> = {
  *edit(lines, at) {
    yield `${edited(lines[at] ?? '')}\n`;
    yield* from(lines, at + 1);
  },
  *'added field'(lines, at) {
    yield (lines[at] ?? '').replace(/\}$|$/, ',"x":1}\n');
    yield* from(lines, at + 1);
  },
  deletion: (lines, at) => from(lines, at + 1),
  *insertion(lines, at) {
    yield `${lines[random(lines.length)] ?? ''}\n`;
    yield* from(lines, at);
  },
  *swap(lines, at) {
    const other = at + 1 + random(lines.length - at - 1);
    yield* from(lines.with(at, lines[other] ?? '').with(other, lines[at] ?? ''), at);
  },
  *truncation(lines, at) {
    yield `${lines[at] ?? ''}\n`.slice(0, random((lines[at] ?? '').length + 1));
  },
};

describe.each(['json', 'cef'])('an export as %s', (format) => {
  let lines: readonly string[];
  beforeAll(async () => {
    lines = await exported(`log.${format}`, '--format', format);
  });

  test('is genuine by the public key alone', async () => {
    const verdict = await verdictOf(from(lines, 0));
    expect(verdict).toMatchObject({ isGenuine: true, first: 1, last: verdict.records });
    expect(verdict.records).toBeGreaterThan(RECORDS);
    const file = join(folder, `log.${format}`);
    const { code, stdout } = await holdfastResult([
      'audit',
      'verify',
      file,
      '--public-key',
      join(folder, 'audit.pem'),
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('GENUINE') as string]);
  });

  const alterations = { ...ALTERATIONS, ...(format === 'json' ? { 'edit with new links': relinked } : {}) };
  test.each(Object.entries(alterations))('any %s is found', async (_what, alter) => {
    // Links are made anew from a record on: behind the last one there is nothing to edit.
    const end = alter === relinked ? lines.findLastIndex(isRecord) + 1 : lines.length - 1;
    const places = Array.from({ length: PLACES }, () => random(end)).sort((one, two) => one - two);
    const missed: string[] = [];
    const walk = ExportWalk.with(pem);
    let taken = 0;
    for (const [index, at] of places.entries()) {
      while (taken < at) walk.take(lines[taken++] ?? '');
      const pieces = index < WHOLE ? [...alter(lines, at)] : alter(lines, at);
      const verdict = await walk.copy().verify(chunks(pieces));
      if (verdict.isGenuine) missed.push(`line ${at + 1}`);
      if (index < WHOLE)
        expect(await verdictOf([...from(lines.slice(0, at), 0), ...pieces])).toEqual(verdict);
    }
    expect(missed).toEqual([]);
  });

  test('it is found wherever the file ends too early', async () => {
    const missed: number[] = [];
    const walk = ExportWalk.with(pem);
    for (const [index, line] of lines.entries()) {
      if ((await walk.copy().verify(chunks([]))).isGenuine) missed.push(index);
      walk.take(line);
    }
    expect(missed).toEqual([]);
    expect(await walk.verify(chunks([]))).toMatchObject({ isGenuine: true });
  });

  if (format === 'json') {
    test('its links can be made by anybody, and those made by hand are the same', () => {
      const records = lines.filter(isRecord);
      const wrong = records.filter((line, index) => {
        const record = JSON.parse(line) as ExportedRecord;
        const before = JSON.parse(records[index - 1] ?? lines[0] ?? '') as {
          link?: string;
          previous?: string;
        };
        return linkOf(before.link ?? before.previous ?? '', record) !== record.link;
      });
      expect(wrong).toEqual([]);
    });
  }

  test('the first bad record is named', async () => {
    const at = lines.findIndex((line) => /(?:"position":|cn1=)777\b/.test(line));
    const file = join(folder, `bad.${format}`);
    writeFileSync(
      file,
      `${lines.with(at, (lines[at] ?? '').replace('GetAttributeList', 'GetAttributeLisT').replace('"Get"', '"GeT"').replace('act=Get ', 'act=GeT ')).join('\n')}\n`,
    );
    const { code, stdout } = await holdfastResult([
      'audit',
      'verify',
      file,
      '--public-key',
      join(folder, 'audit.pem'),
    ]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/line \d+: record 777 .*\nNOT GENUINE/) as string,
    ]);
  });
});

test('an export goes on from a kept checkpoint, and says where it does not', async () => {
  const kept = join(server.dataDir, 'audit', 'checkpoints.jsonl');
  const [first = ''] = readFileSync(kept, 'utf8').split('\n');
  const positionIn = (line: string): number =>
    (JSON.parse((JSON.parse(line) as { checkpoint: string }).checkpoint) as { position: number }).position;
  const position = positionIn(first);
  const since = join(folder, 'since.jsonl');
  writeFileSync(since, `${first}\n`);
  const verified = (name: string, ...options: readonly string[]) =>
    holdfast('verify', join(folder, name), '--public-key', join(folder, 'audit.pem'), ...options);
  const verify = async (name: string) => (await verified(name, '--since', since)).code;
  await exported('rest.jsonl', '--from', String(position + 1));
  expect(await verify('rest.jsonl')).toBe(0);
  expect(await verify('log.json')).toBe(0);
  const second = readFileSync(kept, 'utf8').split('\n')[1] ?? '';
  const later = positionIn(second);
  await exported('later.jsonl', '--from', String(later + 1));
  expect(await verify('later.jsonl')).toBe(1);
  const { last } = JSON.parse((await verified('log.json', '--json')).stdout) as { last: number };
  const newest = (): string => readFileSync(kept, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  await until(() => positionIn(newest()) > last, 'a checkpoint behind the export is kept');
  writeFileSync(since, `${newest()}\n`);
  expect((await verified('log.json', '--since', since)).stdout).toContain('or exported before the kept');
});

test('search and tail show what is asked for', async () => {
  const search = async (...options: readonly string[]) =>
    (await holdfast('search', '--json', '--limit', '5', ...options)).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; outcome: string; objects: string[] });
  const refused = await search('--operation', 'get', '--outcome', 'failure', '--actor', 'first-client');
  expect(refused).toHaveLength(5);
  for (const line of refused) expect(line).toMatchObject({ action: 'Get', outcome: 'failure' });
  expect(await search('--object', 'none | 7 = \\ "x"')).toHaveLength(5);
  expect((await holdfast('search', '--since', '2999-01-01')).stdout).toContain('No record');
  expect((await holdfast('tail', '-n', '3')).stdout.trimEnd().split('\n')).toHaveLength(4);
});

test('the live log is as it was linked; one that was cut is found by the checkpoint in the data folder', async () => {
  const verified = await holdfast('verify');
  expect([verified.code, verified.stdout]).toEqual([
    0,
    expect.stringContaining('as they were linked') as string,
  ]);
  const last = '(SELECT max(position) FROM audit_checkpoint)';
  await database.sql(
    `BEGIN; LOCK TABLE audit_chain; UPDATE audit_chain SET leased_until = 'infinity', epoch = epoch + 1;
      DELETE FROM audit_batch WHERE transaction_number >= (SELECT from_transaction FROM audit_checkpoint WHERE position = ${last});
      DELETE FROM audit_checkpoint WHERE position = ${last}; COMMIT`,
  );
  const cut = await holdfast('verify');
  expect([cut.code, cut.stdout]).toEqual([1, expect.stringContaining('cut or wound back') as string]);
});
