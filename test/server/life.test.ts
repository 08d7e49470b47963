import { existsSync, readFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Operation, Tag } from '@holdfast/kmip';
import {
  Wire,
  addClient,
  asFirstOfficer,
  holdfastResult,
  readResponse,
  requestMessage,
  startServerProcess,
  startTestPostgres,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type ServerProcess,
  type TestPostgres,
} from '@holdfast/testkit';
import { encodeTtlv } from '@holdfast/ttlv';
import type { ClientConfig } from 'pg';
import { openDatabase } from '../support/database';
import { workersOf } from '../support/processes';
import { until } from '../support/until';
import { createKey, createPayload, discoverRequest, errorsOf, once } from './support';

/** How a server starts, stops, is refused its start, and serves in several processes. */

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** `holdfast serve` where it is not to come up. */
async function refusedStart(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
  ...args: readonly string[]
): Promise<{ code: number | null; message: string }> {
  const { code, stderr } = await holdfastResult(
    ['serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--log-level', 'silent', ...args],
    environment,
  );
  expect(stderr).not.toContain('    at ');
  return { code, message: stderr };
}

async function materialOf(server: ServerProcess, key: string): Promise<unknown> {
  const payload = await once(tlsOptions(server), (peer) => peer.call(Operation.Get, [uniqueIdentifier(key)]));
  return valueAt(payload, Tag.SymmetricKey, Tag.KeyBlock, Tag.KeyValue, Tag.KeyMaterial);
}

describe('a server that is told to stop', () => {
  test('answers what it has in hand, ends every connection in order, and exits with 0', async () => {
    const server = await startServerProcess({ logLevel: 'info' });
    const idle = await Wire.open(tlsOptions(server));
    readResponse(await idle.exchange(discoverRequest()), '1.4');
    const busy = await Wire.open(tlsOptions(server));
    const batch = requestMessage(
      '1.4',
      Array.from({ length: 100 }, (_, index) => ({
        operation: Operation.Create,
        payload: createPayload(),
        id: Buffer.from(String(index)),
      })),
    );
    const answer = busy.exchange(encodeTtlv(batch));
    await until(async () => {
      const found = await once(tlsOptions(server), (peer) => peer.call(Operation.Locate, []));
      return (found.value as readonly unknown[]).length > 0;
    }, 'the request is being worked on');
    // As of a terminal that goes: it is told so by other signals under load, in test/durability.
    process.kill(server.pid, 'SIGHUP');
    expect(readResponse(await answer, '1.4').items).toHaveLength(100);
    expect((await idle.closed).orderly).toBe(true);
    expect((await busy.closed).orderly).toBe(true);
    expect(await server.exited).toBe(0);
    await expect(Wire.open(tlsOptions(server))).rejects.toThrow('ECONNREFUSED');
    expect(errorsOf(server)).toEqual([]);
    await server.stop();
  });

  test('by the drain command does the same, and is not held up by half-open handshakes', async () => {
    const server = await startServerProcess();
    const silent = connect(server.port, server.host);
    await new Promise((resolve) => silent.once('connect', resolve));
    const ended = new Promise((resolve) => silent.once('close', resolve));
    const { code } = await holdfastResult(['drain', '--data-dir', server.dataDir]);
    expect(code).toBe(0);
    await ended;
    expect(await server.exited).toBe(0);
    await server.stop();
  });
});

describe('a data folder', () => {
  test('serves one server at a time, and comes back as it was', async () => {
    const dataDir = join(folder, 'one at a time');
    const first = await startServerProcess({ dataDir, root: 'software' });
    const key = await once(tlsOptions(first), (peer) => createKey(peer, 'survives'));
    const material = await materialOf(first, key);
    const fingerprint = async (server: ServerProcess) => {
      const wire = await Wire.open(tlsOptions(server));
      const shown = wire.socket.getPeerX509Certificate()?.fingerprint256;
      await wire.close();
      return shown;
    };
    const certificate = await fingerprint(first);

    const second = await refusedStart(dataDir);
    expect(second.code).not.toBe(0);
    expect(second.message).toMatch(/another/i);
    // The first goes on.
    expect(await materialOf(first, key)).toEqual(material);

    const used = await refusedStart(
      join(folder, 'port in use'),
      {},
      '--listen',
      `${first.host}:${first.port}`,
    );
    expect(used.code).toBe(2);
    expect(used.message).toContain(`${first.host}:${first.port} is in use already`);

    await first.stop();
    const again = await startServerProcess({ dataDir, root: 'software' });
    expect(await materialOf(again, key)).toEqual(material);
    expect(await fingerprint(again)).toBe(certificate);
    await again.kill();
    const afterKill = await startServerProcess({ dataDir, root: 'software' });
    expect(await materialOf(afterKill, key)).toEqual(material);
    await afterKill.stop();

    const root = join(dataDir, 'root.key');
    renameSync(root, join(folder, 'root.key'));
    const rootless = await refusedStart(dataDir);
    expect(rootless.code).not.toBe(0);
    expect(rootless.message).toContain('root.key');
    // It was not given a new one.
    expect(() => readFileSync(root)).toThrow('ENOENT');
    renameSync(join(folder, 'root.key'), root);
  });

  test('whose root has a passphrase opens with that one alone', async () => {
    const dataDir = join(folder, 'passphrase');
    mkdirSync(dataDir, { mode: 0o700 });
    const environment = { HOLDFAST_PASSPHRASE: 'correct horse battery staple' };
    const server = await startServerProcess({ dataDir, environment, root: 'software' });
    const status = await (await asFirstOfficer(server)).call('GET /status');
    expect(status.root.kind).toContain('passphrase');
    await server.stop();
    for (const wrong of [{ HOLDFAST_PASSPHRASE: 'wrong' }, {}]) {
      const { code, message } = await refusedStart(dataDir, wrong);
      expect(code).not.toBe(0);
      expect(message).toMatch(/passphrase/i);
      expect(message).not.toContain('correct horse');
    }
    const again = await startServerProcess({ dataDir, environment, root: 'software' });
    await again.stop();
  });
});

describe('several processes', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServerProcess({ arguments: ['--workers', '2'], logLevel: 'info' });
  });
  afterAll(() => server.stop());

  test('serve one port, see the same objects, and end the connections of whom is revoked', async () => {
    const identity = await addClient(server, 'meets-both');
    const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(tlsOptions(server, identity))));
    for (const wire of wires) readResponse(await wire.exchange(discoverRequest()), '1.4');
    const key = await once(tlsOptions(server), (peer) => createKey(peer, 'seen by all'));
    const get = requestMessage('1.4', [{ operation: Operation.Get, payload: [uniqueIdentifier(key)] }]);
    for (const wire of wires) {
      expect(readResponse(await wire.exchange(encodeTtlv(get)), '1.4').items[0]?.status).toBe(0);
    }
    const officer = await asFirstOfficer(server);
    const status = () => officer.call('GET /status');
    expect((await status()).workers).toBe(2);
    // One that its client has closed may be counted for a moment.
    await until(async () => (await status()).connections === 8, 'there are as many connections');
    await officer.call('POST /clients/:name/revoke', {}, { name: 'meets-both' });
    await Promise.all(wires.map(({ closed }) => closed));
  });

  test('that stood still do nothing more for whom was revoked meanwhile, though its requests were there before', async () => {
    const identity = await addClient(server, 'late');
    const wires = await Promise.all(Array.from({ length: 4 }, () => Wire.open(tlsOptions(server, identity))));
    const create = () =>
      encodeTtlv(requestMessage('1.4', [{ operation: Operation.Create, payload: createPayload() }]));
    for (const wire of wires) {
      expect(readResponse(await wire.exchange(create()), '1.4').items[0]?.status).toBe(0);
    }
    const stopped = workers();
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    const stoppedAtMs = Date.now();
    await until(() => stopped.every((pid) => isInState(pid, 'T')), 'they stand still');
    // Where the news comes first, nothing is answered.
    const answers = Promise.all(wires.map((wire) => wire.exchange(create()).catch(() => undefined)));
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'late' });
    await until(() => Date.now() - stoppedAtMs > 1_250, 'that is no pause of a program');
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    const outcomes = (await answers).map((answer) =>
      answer === undefined ? 'no answer' : (readResponse(answer, '1.4').items[0]?.reason ?? 'done'),
    );
    expect(['no answer', 'AuthenticationNotSuccessful']).toEqual(expect.arrayContaining(outcomes));
    await Promise.all(wires.map(({ closed }) => closed));
  });

  const workers = () => workersOf(server.pid);
  const isInState = (pid: number, state: 'T' | 'Z') =>
    readFileSync(`/proc/${pid}/stat`, 'utf8').includes(`) ${state} `);

  test('get on without one that is killed, and replace it', async () => {
    const before = workers();
    expect(before).toHaveLength(2);
    const killed = before[0] as number;
    process.kill(killed, 'SIGKILL');
    // Somebody answers all the time.
    await once(tlsOptions(server), (peer) => createKey(peer));
    await until(() => {
      const now = workers();
      return now.length === 2 && !now.includes(killed);
    }, 'another one has taken its place');
    await until(() => server.log().includes('a worker ended'), 'the log says so');
    await once(tlsOptions(server), (peer) => createKey(peer));
  });

  test('go on where one dies while it is being told something', async () => {
    const admin = connect(join(server.dataDir, 'admin.sock'));
    let answers = '';
    admin.on('data', (chunk: Buffer) => (answers += chunk.toString('utf8')));
    const ask = () => admin.write('GET /status HTTP/1.1\r\nHost: holdfast\r\n\r\n');
    const answered = (count: number) => () => answers.split('HTTP/1.1 200').length > count;
    ask();
    await until(answered(1), 'it is answered');
    process.kill(server.pid, 'SIGSTOP');
    await until(() => isInState(server.pid, 'T'), 'it stands still');
    // It is asked first, asks its worker, and only then hears that there is none any more.
    ask();
    const before = workers();
    for (const worker of before) process.kill(worker, 'SIGKILL');
    await until(() => before.every((pid) => isInState(pid, 'Z')), 'the workers are dead');
    process.kill(server.pid, 'SIGCONT');
    await until(answered(2), 'it is answered once more');
    admin.destroy();
    const status = async () => (await asFirstOfficer(server)).call('GET /status');
    await until(async () => (await status()).workers === 2, 'there are two workers again');
  });

  test('are as many again once what kept one from starting is over', async () => {
    const database = await openDatabase(server.dataDir);
    const limit = (connections: number) =>
      database.sql(`ALTER DATABASE holdfast CONNECTION LIMIT ${connections}`);
    const officer = await asFirstOfficer(server);
    await limit(0);
    try {
      process.kill(workers()[0] as number, 'SIGKILL');
      await until(() => server.log().includes('a worker cannot be started'), 'the log says so');
      const { workers: serving, warning } = await officer.call('GET /status');
      expect([serving, warning]).toEqual([1, expect.stringContaining('some workers have ended')]);
    } finally {
      await limit(-1);
      await database.close();
    }
    await until(async () => (await officer.call('GET /status')).workers === 2, 'there are two workers again');
  });
});

function databaseUrl({ connectionString, host, port, user, password, database }: ClientConfig): string {
  if (connectionString !== undefined) return connectionString;
  const who = [user, password]
    .map((part) => encodeURIComponent(typeof part === 'string' ? part : ''))
    .join(':');
  return `postgresql://${who}@/${database ?? ''}?host=${encodeURIComponent(host ?? '')}&port=${port ?? 5432}`;
}

describe("a database of one's own", () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  test('is used instead of the embedded one, by whom has its root key', async () => {
    const url = databaseUrl(await postgres.createDatabase());
    const [one, two] = [join(folder, 'node-1'), join(folder, 'node-2')];
    const server = await startServerProcess({ dataDir: one, arguments: ['--database-url', url] });
    const officer = await asFirstOfficer(server);
    expect((await officer.call('GET /status')).database.kind).toBe('external');
    const key = await once(tlsOptions(server), (peer) => createKey(peer, 'outside'));
    const material = await materialOf(server, key);

    // Without the root key of the first, a second node does not start.
    const rootless = await refusedStart(two, {}, '--database-url', url);
    expect(rootless.code).not.toBe(0);
    expect(rootless.message).toContain('root');

    // A start that is refused leaves alone what the one that runs is making.
    const halfMade = join(one, '.root.key.half-made');
    writeFileSync(halfMade, '');
    const second = await refusedStart(one, {}, '--database-url', url);
    expect(second).toEqual({
      code: 2,
      message: expect.stringContaining('another Holdfast server') as string,
    });
    expect(existsSync(halfMade)).toBe(true);
    await server.stop();
    const again = await startServerProcess({ dataDir: one, arguments: ['--database-url', url] });
    expect(existsSync(halfMade)).toBe(false);
    expect(await materialOf(again, key)).toEqual(material);
    await again.stop();
  });

  test('that cannot be reached is said so, without its password', async () => {
    const { code, message } = await refusedStart(
      join(folder, 'nowhere'),
      {},
      '--database-url',
      'postgresql://holdfast:geheim@127.0.0.1:1/holdfast',
    );
    expect(code).not.toBe(0);
    expect(message).toMatch(/key store|database/);
    expect(message).not.toContain('geheim');
  });
});
