import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { get, locate } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import { BatchErrorContinuationOption, Operation, Tag } from '@holdfast/kmip';
import {
  Peer,
  asFirstOfficer,
  enumeration,
  integer,
  requestMessage,
  startServerProcess,
  tlsOptions,
  uniqueIdentifier,
  type ServerProcess,
} from '@holdfast/testkit';
import { certificates } from '@holdfast/pki';
import type { AdminCall, AdminClient, AdminStream } from '@holdfast/server/admin';
import type { RecordEntry } from '@holdfast/store';
import { encodeTtlv } from '@holdfast/ttlv';
import { handlersOf, type AdminServices } from '../../packages/server/src/admin-handlers';
import { batchedRecords } from '../support/audit';
import { connectFirstClient } from '../support/client';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { createPayload, errorsOf } from '../server/support';
import { named, newKey, outcomeOf } from './site';

/** Whatever a client or an officer has done leaves a record before it is answered. */

let server: ServerProcess;
let database: Database;
let client: KmipClient;
let key: string;
const config = join(mkdtempSync(join(tmpdir(), 'holdfast-config-')), 'holdfast.json');

beforeAll(async () => {
  // A busy machine can stand still for seconds.
  const deadlines = { handshakeTimeoutMs: 4000, requestTimeoutMs: 4000, writeTimeoutMs: 4000 };
  writeFileSync(
    config,
    JSON.stringify({
      authentication: 'certificate-or-credential',
      limits: { maxConnections: 16, ...deadlines },
    }),
  );
  const args = ['--https-listen', '127.0.0.1:0', '--config', config];
  server = await startServerProcess({ logLevel: 'error', arguments: args });
  client = await connectFirstClient(server);
  database = await openDatabase(server.dataDir);
  key = await newKey(client, named('key-of-records'));
  // The first time is a change: the key is no longer Fresh.
  await client.call(get, { uniqueIdentifier: key });
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
  rmSync(dirname(config), { recursive: true });
});

/** What is recorded while `work` runs. */
async function recordsOf(work: () => Promise<unknown>): Promise<readonly RecordEntry[]> {
  const before = (await batchedRecords(database)).length;
  await work();
  return (await batchedRecords(database)).slice(before);
}

function summary({ actor, action, subjects, outcome, reason }: RecordEntry): string {
  return [actor.name, action, ...subjects, outcome, ...(reason === undefined ? [] : [reason])].join(' ');
}

test('a read is recorded: who, from where, what, on which object', async () => {
  const started = Date.now();
  const [record, ...others] = await recordsOf(() => client.call(get, { uniqueIdentifier: key }));
  expect(others).toEqual([]);
  expect(record).toMatchObject({
    action: 'Get',
    outcome: 'success',
    subjects: [key],
    actor: { kind: 'client', name: 'first-client' },
  });
  expect(record?.actor.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(record?.actor.credentialId).toMatch(/^[0-9a-f-]{36}$/);
  expect(record?.domainId).toMatch(/^[0-9a-f-]{36}$/);
  expect(Math.abs((record?.recordedAtUs ?? 0) / 1000 - started)).toBeLessThan(60_000);
});

test('each item of a batch leaves its own record, changes that of their commit', async () => {
  const peer = await Peer.connect(tlsOptions(server), '1.4');
  const items = [
    { operation: Operation.Get, payload: [uniqueIdentifier(key)], id: Buffer.from('1') },
    { operation: Operation.Create, payload: createPayload(), id: Buffer.from('2') },
    { operation: Operation.Get, payload: [uniqueIdentifier('none')], id: Buffer.from('3') },
    { operation: Operation.GetAttributeList, payload: [], id: Buffer.from('4') },
  ];
  const header = [enumeration(Tag.BatchErrorContinuationOption, BatchErrorContinuationOption.Continue)];
  const records = await recordsOf(() => peer.batch(items, { header }));
  await peer.close();
  const [created] = await database.sql<{ id: string }>(
    `SELECT unique_identifier AS id FROM change_record WHERE operation = 'Create' ORDER BY recorded_at_us DESC LIMIT 1`,
  );
  expect(records.map(summary)).toEqual([
    `first-client Get ${key} success`,
    'first-client Get none failure ObjectNotFound',
    `first-client GetAttributeList ${created?.id ?? ''} success`,
  ]);
});

test('Locate says what was found', async () => {
  const records = await recordsOf(() => client.call(locate, { attributes: [named('key-of-records')] }));
  expect(records.map(({ action, subjects }) => [action, subjects])).toEqual([['Locate', [key]]]);
});

test('a handshake that fails is recorded', async () => {
  const records = await recordsOf(async () => {
    const before = (await batchedRecords(database)).length;
    const socket = connect(server.port, server.host);
    await once(socket, 'connect');
    socket.end('no hello');
    socket.resume();
    await until(async () => (await batchedRecords(database)).length > before, 'it is recorded');
  });
  expect(records.map(summary)).toEqual([
    expect.stringMatching(/^ connection failure TLS handshake: ERR_SSL_/),
  ]);
  expect(records[0]?.actor.peer).toMatch(/^127\.0\.0\.1:\d+$/);
});

/** What is recorded once `work` is done, a little later. */
async function recordsSoon(work: () => Promise<unknown>): Promise<readonly string[]> {
  const records = await recordsOf(async () => {
    const before = (await batchedRecords(database)).length;
    await work();
    await until(async () => (await batchedRecords(database)).length > before, 'it is recorded');
  });
  return records.map(summary);
}

async function connected(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: server.host, localAddress });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('a handshake that the client breaks off is recorded; one that never began is none', async () => {
  const records = await recordsSoon(async () => {
    (await connected(server.port)).end();
    // The beginning of a ClientHello.
    (await connected(server.port)).end(Buffer.from('16030100', 'hex'));
  });
  expect(records).toEqual([' connection failure TLS handshake: ECONNRESET']);
});

test('what is no KMIP message is recorded', async () => {
  const records = await recordsSoon(async () => {
    const socket = connectTls({ ...tlsOptions(server), host: server.host, port: server.port });
    socket.on('error', () => undefined).resume();
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
  });
  expect(records).toEqual(['first-client message failure InvalidMessage']);
});

test.each([
  ['another path', 'POST /other HTTP/1.1\r\nHost: kms\r\nContent-Length: 0\r\n\r\n', 'HTTP 404', 404],
  ['another method', 'GET /kmip HTTP/1.1\r\nHost: kms\r\n\r\n', 'HTTP 405', 405],
  ['no HTTP', 'KMIP\r\n\r\n', 'HTTP: HPE_INVALID_METHOD', 400],
])('what HTTP refuses before KMIP is recorded: %s', async (_what, request, reason, status) => {
  let answer = '';
  const records = await recordsOf(async () => {
    const { port = 0 } = server.https ?? {};
    const socket = connectTls({ ...tlsOptions(server), host: server.host, port });
    await once(socket, 'secureConnect');
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.write(request);
    await once(socket, 'close');
  });
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(records.map(summary)).toEqual([`first-client message failure ${reason}`]);
});

test('connections that a deadline ends are recorded', async () => {
  const https = server.https?.port ?? 0;
  const head = 'POST /kmip HTTP/1.1\r\nHost: kms\r\n';
  const type = 'Content-Type: application/octet-stream\r\n';
  const stranger = { cert: undefined, key: undefined };
  const slow = async (port: number, sent: Buffer | string, identity = {}): Promise<void> => {
    const socket = connectTls({ ...tlsOptions(server), ...identity, host: server.host, port });
    socket.on('error', () => undefined).resume();
    await once(socket, 'secureConnect');
    if (sent.length > 0) socket.write(sent);
    await once(socket, 'close');
  };
  const item = { operation: Operation.RNGRetrieve, payload: [integer(Tag.DataLength, 1 << 20)] };
  const ended = async (): Promise<readonly string[]> => {
    const unread = await Peer.connect(tlsOptions(server), '1.4');
    const before = (await batchedRecords(database)).length;
    const since = async () => (await batchedRecords(database)).slice(before).filter(isDeadline);
    unread.wire.socket.pause();
    unread.wire.send(Buffer.concat(Array<Buffer>(60).fill(encodeTtlv(requestMessage('1.4', [item])))));
    await Promise.allSettled([
      connected(server.port).then((socket) => once(socket, 'close')),
      slow(server.port, Buffer.from('4200780100000040', 'hex')),
      slow(https, head),
      slow(https, `${head}${type}Content-Length: 100\r\n\r\nx`),
      slow(server.port, '', stranger),
      slow(https, '', stranger),
    ]);
    await until(async () => (await since()).length >= 7, 'they are recorded');
    unread.wire.socket.destroy();
    return (await since()).map(summary).sort();
  };
  const expected = [
    ' connection failure TLS handshake: ERR_TLS_HANDSHAKE_TIMEOUT',
    ...Array<string>(2).fill(' message failure deadline: authentication'),
    'first-client message failure deadline: reading of a response',
    ...Array<string>(3).fill('first-client message failure deadline: rest of a request'),
  ];
  let told = await ended();
  // On a machine that stands still it can be another deadline that ends a connection.
  for (let tries = 1; tries < 3 && !isDeepStrictEqual(told, expected); tries++) told = await ended();
  expect(told).toEqual(expected);
});

function isDeadline({ reason }: RecordEntry): boolean {
  return /deadline|TIMEOUT/.test(reason ?? '');
}

test('connections beyond the limit are recorded', async () => {
  const refusals = ['too many connections of one address', 'too many connections'];
  const reasonsSince = async (before: number) =>
    (await batchedRecords(database)).slice(before).map(({ reason }) => reason);
  await until(async () => {
    const before = (await batchedRecords(database)).length;
    const sockets: Socket[] = [];
    const open = async (localAddress: string) => sockets.push(await connected(server.port, localAddress));
    for (let count = 0; count < 9; count++) await open('127.0.0.1');
    for (let count = 0; count < 8; count++) await open('127.0.0.2');
    let reasons: readonly (string | undefined)[] = [];
    const areRefused = () => refusals.every((refusal) => reasons.includes(refusal));
    await until(async () => {
      reasons = await reasonsSince(before);
      return areRefused() || reasons.some((reason) => reason?.includes('TIMEOUT'));
    }, 'some are refused, or have taken too long');
    for (const socket of sockets) socket.destroy();
    // Those that a deadline ended while others were opened had left room for them.
    return areRefused();
  }, 'what is beyond each limit is refused');
});

test('audit search tells the last records that match, in their order', async () => {
  const officer = await asFirstOfficer(server);
  for (let reads = 0; reads < 3; reads++) await client.call(get, { uniqueIdentifier: key });
  const search = (limit: number) =>
    officer.call('POST /audit/search', { operation: 'Get', object: key, limit });
  const all = await search(10_000);
  expect(all.length).toBeGreaterThan(3);
  expect(all.map(({ position }) => position)).toEqual(
    all.map(({ position }) => position).sort((one, other) => one - other),
  );
  for (const limit of [1, 3]) expect(await search(limit)).toEqual(all.slice(-limit));
});

test('audit tail -f goes on as records are added', async () => {
  const holdfast = join(__dirname, '../../packages/cli/bin/holdfast.js');
  const options = ['audit', 'tail', '-f', '-n', '1', '--json', '--data-dir', server.dataDir];
  const tail = spawn(process.execPath, [holdfast, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let shown = '';
  tail.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
  const lines = (): readonly { readonly position: number; readonly objects: readonly string[] }[] =>
    shown
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ReturnType<typeof lines>[number]);
  try {
    await until(() => lines().length === 1, 'the last record is shown');
    for (const name of ['followed one', 'followed two']) {
      await outcomeOf(client.call(get, { uniqueIdentifier: name }));
      await until(() => lines().some(({ objects }) => objects.includes(name)), 'the new record is shown');
    }
    const positions = lines().map(({ position }) => position);
    expect(positions).toEqual(positions.map((_, index) => (positions[0] ?? 0) + index));
  } finally {
    tail.kill();
    await once(tail, 'exit');
  }
});

test('what officers look at is recorded', async () => {
  const officer = await asFirstOfficer(server);
  const records = await recordsOf(() => officer.call('GET /clients'));
  expect(records.map(({ actor, action }) => `${actor.kind} ${action}`)).toEqual(['officer GET /clients']);
});

/** Actions that were recorded while `work` ran, as the officer's and by name. */
async function actionsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const rows = (): Promise<{ action: string }[]> =>
    database.sql('SELECT action FROM audit_record ORDER BY transaction_number, id');
  const before = (await rows()).length;
  const records = await recordsOf(work);
  const changes = (await rows()).slice(before);
  return [...changes, ...records].map(({ action }) => action);
}

/** What a call leaves in the log, and how it is made here; one that needs more than a server is shown in another file. */
type Recorded =
  | { readonly action: string; readonly body?: unknown; readonly name?: string }
  | { readonly action: string; readonly shownIn: string };

const STREAMS: Readonly<Record<AdminStream, true>> = {
  'GET /objects/digests': true,
  'POST /audit/archive': true,
  'POST /audit/archives/open': true,
  'POST /audit/export': true,
  'POST /audit/verification': true,
  'POST /backup': true,
  'POST /escrow': true,
};

describe('each administrative call leaves a record', () => {
  const custodian = (): string =>
    generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const custodians = ['alice', 'bob'].map((name) => ({ name, pem: custodian() }));
  const holders = { recipients: custodians, threshold: 2 };
  const password = 'a long password';
  const CALLS: Readonly<Record<AdminCall, Recorded | 'none'>> = {
    // Asked over and over by who waits, and telling nothing of clients.
    'GET /status': 'none',
    'GET /verification': 'none',
    'GET /audit/key': 'none',
    'GET /audit/retention': 'none',
    'GET /audit/archives': 'none',
    'POST /domains': { action: 'domain.add', body: { name: 'table' } },
    'POST /domains/:name/settings': {
      action: 'domain.set',
      name: 'table',
      body: { namesMayRepeat: true },
    },
    'GET /domains': { action: 'GET /domains' },
    'POST /clients': {
      action: 'client.add',
      body: { name: 'tabled', domain: 'table', credential: {} },
    },
    'POST /clients/:name/settings': {
      action: 'client.set',
      name: 'tabled',
      body: { toleratesBatchCount: true },
    },
    'POST /clients/:name/credentials': { action: 'credential.add', name: 'tabled', body: {} },
    'GET /clients': { action: 'GET /clients' },
    'GET /clients/:name': { action: 'GET /clients/:name', name: 'tabled' },
    'POST /clients/:name/revoke': { action: 'client.revoke', name: 'tabled', body: {} },
    'POST /users': { action: 'user.add', body: { name: 'user', domain: 'table', password } },
    'GET /users': { action: 'GET /users' },
    'POST /users/:name/password': { action: 'user.passwd', name: 'user', body: { password } },
    'POST /users/:name/remove': { action: 'user.remove', name: 'user' },
    'GET /authorities': { action: 'GET /authorities' },
    'GET /authorities/:name': { action: 'GET /authorities/:name', name: 'holdfast' },
    'POST /authorities': { action: 'authority.add' },
    'POST /authorities/roll': { action: 'authority.add', body: { name: 'holdfast' } },
    'POST /authorities/:name/serve': { action: 'server-secret.create', name: 'holdfast-2' },
    'GET /crl': { action: 'GET /crl' },
    'GET /authorities/:name/crl': { action: 'GET /authorities/:name/crl', name: 'holdfast' },
    'POST /authorities/:name/revoke': { action: 'authority.revoke', name: 'mine' },
    'POST /verification': { action: 'store.verify' },
    'POST /reindex': { action: 'store.reindex' },
    'POST /escrow': { action: 'store.escrow', body: { ...holders, domain: 'default', all: true } },
    'POST /backup': { action: 'store.backup', body: { ...holders, id: 'copy' } },
    'GET /copies': { action: 'GET /copies' },
    'POST /copies/:name/confirm': { action: 'custody_copy.add', name: 'copy' },
    'POST /escrow/compare': { action: 'POST /escrow/compare', body: { objects: [] } },
    'POST /escrow/recover': {
      action: 'escrow.recover',
      body: { sha256: '0'.repeat(64), objects: 1, custodians: ['custodian'], into: 'store' },
    },
    'POST /escrow/import': { action: 'EscrowRecover', shownIn: 'backup/escrow' },
    'GET /objects/digests': { action: 'GET /objects/digests' },
    'GET /approvals': { action: 'GET /approvals' },
    'POST /approvals/:name/approve': { action: 'approval.approve', shownIn: 'custody/approvals' },
    'POST /approvals/:name/deny': { action: 'approval.deny', shownIn: 'custody/approvals' },
    'GET /approval-rules': { action: 'GET /approval-rules' },
    'POST /approval-rules': { action: 'server-secret.replace', body: { action: 'ca', officers: 1 } },
    'GET /root': { action: 'GET /root' },
    'POST /root/move': { action: 'root-key.begin', shownIn: 'custody/approvals' },
    'POST /root/retire': { action: 'root-key.retire', shownIn: 'custody/approvals' },
    'POST /root/cancel': { action: 'root-key.cancel', shownIn: 'custody/root-keys' },
    'POST /root/destroy': { action: 'root-key.destroy', shownIn: 'custody/root-keys' },
    'POST /root/reshare': { action: 'root.reshare', shownIn: 'custody/shares' },
    'GET /domain-keys': { action: 'GET /domain-keys' },
    'GET /domain-keys/rotation': { action: 'GET /domain-keys/rotation' },
    'POST /domain-keys/rotate': { action: 'domain-key.announce', body: { domain: 'table' } },
    'POST /audit/search': { action: 'audit.search', body: {} },
    'POST /audit/export': { action: 'audit.export', body: {} },
    'POST /audit/verification': { action: 'audit.verify', body: {} },
    'POST /audit/retention': { action: 'server-secret.create', body: {} },
    'POST /audit/archive': { action: 'audit.archive', shownIn: 'custody/audit-archive' },
    'POST /audit/archives/open': { action: 'audit.export', shownIn: 'custody/audit-archive' },
    'GET /officers': { action: 'GET /officers' },
    'POST /officers': { action: 'officer.add', body: { name: 'other' } },
    'POST /officers/:name/revoke': { action: 'officer.revoke', name: 'other' },
    'GET /auditors': { action: 'GET /auditors' },
    'POST /auditors': { action: 'auditor.add', body: { name: 'reader' } },
    'POST /auditors/:name/revoke': { action: 'auditor.revoke', name: 'reader' },
    'GET /backup-operators': { action: 'GET /backup-operators' },
    'POST /backup-operators': { action: 'backup-operator.add', body: { ...holders, name: 'nightly' } },
    'POST /backup-operators/:name/revoke': { action: 'backup-operator.revoke', name: 'nightly' },
    'POST /seal': { action: 'node.seal', shownIn: 'custody/shares' },
    'POST /unseal': { action: 'node.unseal', shownIn: 'custody/shares' },
    'POST /drain': { action: 'POST /drain', shownIn: 'durability/stop' },
  };

  let sha256 = '';
  /** Makes a call; the bytes of its answer are read to their end, what it begins is waited for. */
  async function make(officer: AdminClient, call: AdminCall, body: unknown, name?: string): Promise<void> {
    if (!Object.hasOwn(STREAMS, call)) {
      await officer.call(call as 'POST /reindex', body as undefined, name === undefined ? {} : { name });
    } else {
      const hash = createHash('sha256');
      for await (const part of await officer.stream(call as AdminStream, body as never)) hash.update(part);
      sha256 = hash.digest('hex');
    }
    if (call !== 'POST /verification') return;
    await until(async () => (await officer.call('GET /verification')).state === 'done', 'all is looked at');
  }

  const calls = Object.keys(handlersOf({} as AdminServices)) as AdminCall[];
  test('every call of the protocol is in the table', () => {
    expect(Object.keys(CALLS).sort()).toEqual([...calls].sort());
  });

  test.each(Object.entries(CALLS))('%s', async (call, recorded) => {
    if (recorded === 'none') return;
    const { action } = recorded;
    if ('shownIn' in recorded) {
      const file = join(__dirname, '..', `${recorded.shownIn}.test.ts`);
      expect(readFileSync(file, 'utf8').includes(`'${action}'`)).toBe(true);
      return;
    }
    const officer = await asFirstOfficer(server);
    let { body } = recorded;
    if (call === 'POST /authorities') {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const { pem } = await certificates.createAuthority({ commonName: 'Mine', nowSeconds });
      body = { name: 'mine', certificatePem: pem };
    }
    if (call === 'POST /copies/:name/confirm') body = { sha256 };
    const done = await actionsOf(() => make(officer, call as AdminCall, body, recorded.name));
    expect(done).toContain(action);
  });
});

test('while the log cannot be written nothing is served, and afterwards everything is', async () => {
  await database.sql('ALTER TABLE audit_batch RENAME TO audit_batch_away');
  try {
    for (const work of [
      () => client.call(get, { uniqueIdentifier: key }),
      () => client.call(get, { uniqueIdentifier: 'none' }),
      () => client.call(locate, { attributes: [] }),
    ]) {
      expect(await outcomeOf(work())).toBe('GeneralFailure');
    }
  } finally {
    await database.sql('ALTER TABLE audit_batch_away RENAME TO audit_batch');
  }
  expect(errorsOf(server).join('\n')).toContain('cannot be recorded');
  await client.call(get, { uniqueIdentifier: key });
});
