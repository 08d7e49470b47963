import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KmipClient, KmipRefusal, call, type AnyCall } from '@holdfast/client';
import {
  activate,
  delegatedLogin,
  destroy,
  get,
  getAttributes,
  locate,
  login,
  logout,
  query,
} from '@holdfast/core';
import {
  BatchErrorContinuationOption,
  Operation,
  TicketType,
  UsageLimitsUnit,
  type Attribute,
  type Credential,
  type Infer,
  type Right,
} from '@holdfast/kmip';
import {
  addClient,
  asFirstOfficer,
  startServerProcess,
  type AddedClient,
  type ServerProcess,
} from '@holdfast/testkit';
import { named, newKey } from '../custody/site';
import { openDatabase, type Database } from '../support/database';
import { holdfastUser, password, ticket } from './credentials';
import { until } from '../support/until';
import { errorsOf } from './support';

/** Login, Delegated Login and Logout: who may do what with a ticket, how often, how long, and on which connections. */

const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');
const WORD = 'correct horse battery';

let server: ServerProcess;
let database: Database;
let folder: string;
/** The owner of the tickets, a colleague in its domain, and a stranger in another. */
let owner: AddedClient;
let colleague: AddedClient;
let stranger: AddedClient;
let owned: KmipClient;

async function connect(who: AddedClient, credentials: readonly Credential[] = []): Promise<KmipClient> {
  const { host, port } = server;
  const { cert, key, ca } = who;
  return KmipClient.connect({ host, port, cert, key, ca, version: '2.1', credentials });
}

/** Runs calls with a ticket over a connection of its own. */
async function withTicket<T>(
  value: Buffer,
  work: (client: KmipClient) => Promise<T>,
  who: AddedClient = owner,
): Promise<T> {
  const client = await connect(who, [ticket(value)]);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'done';
  } catch (error) {
    if (error instanceof KmipRefusal) return error.resultReasonName ?? 'refused';
    throw error;
  }
}

const asks = (client: KmipClient) => outcome(client.call(query, { queryFunctions: [] }));
const objectLimit = (count: bigint) => ({
  usageLimitsTotal: count,
  usageLimitsCount: count,
  usageLimitsUnit: UsageLimitsUnit.Object,
});

async function loggedIn(request: Infer<typeof login.request> = {}): Promise<Buffer> {
  return (await owned.call(login, request)).ticket.ticketValue;
}

async function delegated(...rights: readonly Right[]): Promise<Buffer> {
  return (await owned.call(delegatedLogin, { rights: { rights } })).ticket.ticketValue;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-tickets-'));
  // Two processes that share nothing but the database, as two nodes.
  server = await startServerProcess({ arguments: ['--workers', '2'] });
  database = await openDatabase(server.dataDir);
  owner = await addClient(server, 'owner');
  colleague = await addClient(server, 'colleague');
  stranger = await addClient(server, 'stranger', { domain: 'elsewhere' });
  owned = await connect(owner);
});
afterAll(async () => {
  await owned.close();
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a ticket speaks for its holder on the holder’s connections alone, until it is logged out', async () => {
  const value = await loggedIn();
  expect({
    holder: await withTicket(value, asks),
    colleague: await withTicket(value, asks, colleague),
    stranger: await withTicket(value, asks, stranger),
  }).toEqual({ holder: 'done', colleague: 'InvalidTicket', stranger: 'InvalidTicket' });
  const request = { ticket: { ticketType: TicketType.Login, ticketValue: value } };
  const other = await connect(colleague);
  expect(await outcome(other.call(logout, request))).toBe('InvalidTicket');
  await other.close();
  await owned.call(logout, request);
  expect([await withTicket(value, asks), await outcome(owned.call(logout, request))]).toEqual([
    'InvalidTicket',
    'InvalidTicket',
  ]);
});

test('no ticket that was made up is taken, whatever it looks like', async () => {
  const value = await loggedIn();
  const changed = Buffer.from(value);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  const moved = Buffer.concat([Buffer.alloc(16, 7), value.subarray(16)]);
  for (const wrong of [changed, moved, value.subarray(1), Buffer.alloc(0), Buffer.alloc(4096)]) {
    expect(await withTicket(wrong, asks)).toBe('InvalidTicket');
  }
  expect(JSON.stringify(await database.sql('SELECT * FROM ticket'))).not.toContain(
    value.subarray(16).toString('hex'),
  );
});

test('a ticket is good for its lease', async () => {
  const [long, short] = [
    await loggedIn({ lease: { seconds: 600 } }),
    await loggedIn({ lease: { seconds: 1 } }),
  ];
  await until(async () => (await withTicket(short, asks)) === 'InvalidTicket', 'the short lease ends');
  expect(await withTicket(long, asks)).toBe('done');
  const lasting = await loggedIn({ lease: { untilSeconds: Math.floor(Date.now() / 1000) + 60 } });
  expect(await withTicket(lasting, asks)).toBe('done');
  expect([
    await outcome(loggedIn({ lease: { seconds: 30 * 86_400 } })),
    await outcome(loggedIn({ lease: { untilSeconds: 1000 } })),
    await outcome(loggedIn({ requestCount: -1 })),
    await outcome(loggedIn({ usageLimits: { ...objectLimit(1n), usageLimitsUnit: UsageLimitsUnit.Byte } })),
  ]).toEqual(['InvalidField', 'InvalidField', 'InvalidField', 'FeatureNotSupported']);
});

test('requests and operations are counted, and never overspent by many at once', async () => {
  const requests = await loggedIn({ requestCount: 5 });
  const answers = await Promise.all(Array.from({ length: 8 }, () => withTicket(requests, asks)));
  expect(answers.toSorted()).toEqual([
    ...Array.from({ length: 3 }, () => 'UsageLimitExceeded'),
    ...Array.from({ length: 5 }, () => 'done'),
  ]);
  const operations = await loggedIn({ usageLimits: objectLimit(3n) });
  const outcomes = await withTicket(operations, async (client) => [
    await asks(client),
    await outcome(client.call(get, { uniqueIdentifier: 'no such object' })),
    await asks(client),
    await asks(client),
    await asks(client),
  ]);
  // What failed did not happen.
  expect(outcomes).toEqual(['done', 'ObjectNotFound', 'done', 'done', 'UsageLimitExceeded']);
});

describe('the rights of a delegated ticket', () => {
  const group = (value: string): Attribute => ({ key: 'ObjectGroup', value });
  let own: string;
  let tape: string;
  let disk: string;
  beforeAll(async () => {
    [own, tape, disk] = [
      await newKey(owned, named('own')),
      await newKey(owned, named('tape'), group('tapes')),
      await newKey(owned, named('disk'), group('disks')),
    ] as [string, string, string];
  });

  test('operations on objects: nothing else, for whoever of the domain holds it', async () => {
    const value = await delegated(
      { operations: { operations: [Operation.Query] } },
      {
        operations: { operations: [Operation.GetAttributes, Operation.Locate] },
        objects: { uniqueIdentifiers: [own] },
      },
    );
    const tried = (client: KmipClient) =>
      Promise.all([
        asks(client),
        outcome(client.call(getAttributes, { uniqueIdentifier: own, attributeReferences: [] })),
        outcome(client.call(getAttributes, { uniqueIdentifier: tape, attributeReferences: [] })),
        outcome(client.call(get, { uniqueIdentifier: own })),
        outcome(client.call(activate, { uniqueIdentifier: own })),
        outcome(client.call(login, {})),
        client.call(locate, { attributes: [] }).then(({ uniqueIdentifiers }) => uniqueIdentifiers.join()),
      ]);
    const expected = ['done', 'done', ...Array.from({ length: 4 }, () => 'NotAuthorised'), own];
    expect(await withTicket(value, tried)).toEqual(expected);
    expect(await withTicket(value, tried, colleague)).toEqual(expected);
    expect(await withTicket(value, asks, stranger)).toBe('InvalidTicket');
  });

  test('object groups, of existing objects and of new ones', async () => {
    const value = await delegated({ objectGroups: { objectGroups: ['tapes'] } });
    const newIn = (client: KmipClient, ...attributes: readonly Attribute[]) =>
      outcome(newKey(client, ...attributes));
    const outcomes = await withTicket(value, async (client) => [
      await outcome(client.call(get, { uniqueIdentifier: tape })),
      await outcome(client.call(get, { uniqueIdentifier: disk })),
      await newIn(client, group('tapes')),
      await newIn(client, group('disks')),
      await newIn(client),
    ]);
    expect(outcomes).toEqual(['done', 'NotAuthorised', 'done', 'NotAuthorised', 'NotAuthorised']);
  });

  test('several operations by one right, not by two halves of two', async () => {
    const value = await delegated(
      { operations: { operations: [Operation.Get] }, objects: { uniqueIdentifiers: [own] } },
      { operations: { operations: [Operation.GetAttributes] }, objects: { uniqueIdentifiers: [tape] } },
    );
    const outcomes = await withTicket(value, async (client) => [
      await outcome(client.call(get, { uniqueIdentifier: own })),
      await outcome(client.call(get, { uniqueIdentifier: tape })),
      await outcome(client.call(getAttributes, { uniqueIdentifier: own, attributeReferences: [] })),
      await outcome(client.call(getAttributes, { uniqueIdentifier: tape, attributeReferences: [] })),
    ]);
    expect(outcomes).toEqual(['done', 'NotAuthorised', 'NotAuthorised', 'done']);
  });

  test('so many operations by a right', async () => {
    const value = await delegated(
      { operations: { operations: [Operation.Get] }, usageLimits: objectLimit(2n) },
      { operations: { operations: [Operation.Query] } },
    );
    const fetch = (client: KmipClient) => outcome(client.call(get, { uniqueIdentifier: own }));
    const outcomes = await withTicket(value, async (client) => [
      await fetch(client),
      await asks(client),
      await fetch(client),
      await fetch(client),
      await asks(client),
    ]);
    expect(outcomes).toEqual(['done', 'done', 'done', 'UsageLimitExceeded', 'done']);
  });

  test('a ticket cannot be used to get another one, nor is one given without rights', async () => {
    const all = await delegated({});
    expect(
      await withTicket(all, (client) => outcome(client.call(delegatedLogin, { rights: { rights: [{}] } }))),
    ).toBe('PermissionDenied');
    expect(await outcome(delegated())).toBe('InvalidField');
  });

  test('what the holder may not do, its ticket does not allow', async () => {
    const reader = await addClient(server, 'reader', { role: 'reader' });
    const client = await connect(reader);
    const { ticketValue } = (await client.call(delegatedLogin, { rights: { rights: [{}] } })).ticket;
    await client.close();
    expect(
      await withTicket(ticketValue, (held) => outcome(held.call(destroy, { uniqueIdentifier: own })), reader),
    ).toBe('PermissionDenied');
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'reader' });
    expect(await withTicket(ticketValue, asks, colleague)).toBe('InvalidTicket');
  });
});

test('a ticket ends with the certificate with which it was asked for, whoever shows it', async () => {
  const officer = await asFirstOfficer(server);
  const leaked = await addClient(server, 'leaked');
  const client = await connect(leaked);
  const { ticketValue } = (await client.call(delegatedLogin, { rights: { rights: [{}] } })).ticket;
  const name = { name: 'leaked' };
  const { certificatePem, privateKeyPem } = await officer.call('POST /clients/:name/credentials', {}, name);
  const renewed = { ...leaked, cert: certificatePem ?? '', key: privateKeyPem ?? '' };
  expect(await withTicket(ticketValue, asks, renewed)).toBe('done');
  expect(await withTicket(ticketValue, asks, colleague)).toBe('done');
  const [credential] = leaked.client.credentials ?? [];
  await officer.call('POST /clients/:name/revoke', { credentialId: credential?.id ?? '' }, name);
  expect(await withTicket(ticketValue, asks, colleague)).toBe('InvalidTicket');
  expect(await withTicket(ticketValue, asks, renewed)).toBe('InvalidTicket');
  const again = await connect(renewed);
  const fresh = (await again.call(login, {})).ticket.ticketValue;
  expect(await withTicket(fresh, asks, renewed)).toBe('done');
  await Promise.all([client.close(), again.close()]);
});

test('the ticket of a user ends with the password that the user had', async () => {
  const officer = await asFirstOfficer(server);
  await officer.call('POST /users', { name: 'carol', password: WORD, domain: owner.client.domain });
  const tickets = async (word: string) => {
    const carol = await connect(owner, [password('carol', word)]);
    const own = (await carol.call(login, {})).ticket.ticketValue;
    const lent = (await carol.call(delegatedLogin, { rights: { rights: [{}] } })).ticket.ticketValue;
    await carol.close();
    return [own, lent];
  };
  const outcomes = async (values: readonly Buffer[]) =>
    Promise.all(values.map((value) => withTicket(value, asks)));
  const before = await tickets(WORD);
  expect(await outcomes(before)).toEqual(['done', 'done']);
  await officer.call('POST /users/:name/password', { password: `${WORD} 2` }, { name: 'carol' });
  expect(await outcomes(before)).toEqual(['InvalidTicket', 'InvalidTicket']);
  expect(await outcomes(await tickets(`${WORD} 2`))).toEqual(['done', 'done']);
});

test('the ticket of a user ends with the user, and names it in the records', async () => {
  await holdfastUser(server, ['add', 'alice', '--password-stdin'], WORD);
  const alice = await connect(owner, [password('alice', WORD)]);
  const { ticketValue } = (await alice.call(login, {})).ticket;
  await alice.close();
  const id = await withTicket(ticketValue, (client) => newKey(client));
  const [record] = await database.sql(
    'SELECT actor_kind AS kind, actor_name AS name FROM change_record WHERE unique_identifier = $1',
    [id],
  );
  expect(record).toEqual({ kind: 'user', name: 'alice' });
  await holdfastUser(server, ['remove', 'alice']);
  expect(await withTicket(ticketValue, asks)).toBe('InvalidTicket');
});

describe('kmip', () => {
  interface Outcome {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }
  const kmip = (...args: readonly string[]): Promise<Outcome> =>
    new Promise((done) => {
      const { cert, key, ca } = server.clientFiles;
      const connection = [
        '--server',
        `${server.host}:${server.port}`,
        '--cert',
        cert,
        '--key',
        key,
        '--ca',
        ca,
      ];
      const child = execFile(process.execPath, [KMIP, ...args, ...connection], (_error, stdout, stderr) =>
        done({ code: child.exitCode ?? -1, stdout, stderr }),
      );
    });

  test('login, a ticket in place of a password, logout', async () => {
    await holdfastUser(server, ['add', 'bob', '--password-stdin'], WORD);
    const [file, words] = [join(folder, 'ticket'), join(folder, 'password')];
    writeFileSync(words, `${WORD}\n`);
    const got = await kmip(
      'login',
      '--username',
      'bob',
      '--password-file',
      words,
      '--lease',
      '1h',
      '--out',
      file,
    );
    expect([got.code, got.stdout.trim()]).toEqual([0, `File  ${file}`]);
    expect([statSync(file).mode & 0o777, readFileSync(file, 'latin1').trim()]).toEqual([
      0o600,
      expect.stringMatching(/^[0-9a-f]{96}$/),
    ]);
    expect((await kmip('create', '--name', 'of bob', '--ticket', file)).code).toBe(0);
    const wrong = await kmip('query', '--username', 'bob', '--password-file', file);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('Authentication Not Successful')]);
    expect(wrong.stderr).toContain('user and password');
    expect((await kmip('logout', file, '--ticket', file)).code).toBe(0);
    const ended = await kmip('query', '--ticket', file);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('Invalid Ticket')]);
    expect(ended.stderr).toContain('kmip login');
  });

  test('delegated-login with rights', async () => {
    const created = await kmip('create', '--name', 'shared', '--json');
    const { uniqueIdentifier } = JSON.parse(created.stdout) as { uniqueIdentifier: string };
    const file = join(folder, 'delegated');
    const right = `operations=GetAttributes objects=${uniqueIdentifier} uses=1`;
    expect((await kmip('delegated-login', '--right', right, '--requests', '9', '--out', file)).code).toBe(0);
    const attributes = () =>
      kmip('get-attributes', uniqueIdentifier, 'State', '--kmip-version', '2.1', '--ticket', file);
    expect((await attributes()).stdout).toContain('PreActive');
    expect((await attributes()).stderr).toContain('Usage Limit Exceeded');
    expect((await kmip('get', uniqueIdentifier, '--kmip-version', '2.1', '--ticket', file)).stderr).toContain(
      'Not Authorised',
    );
    expect((await kmip('delegated-login', '--right', 'operation=Get')).code).toBe(2);
  });
});

describe('a batch that may be undone', () => {
  const undoable = { continuation: BatchErrorContinuationOption.Undo } as const;
  const failing = call(get, { uniqueIdentifier: 'nothing' });
  const ending = (ticketValue: Buffer) =>
    call(logout, { ticket: { ticketType: TicketType.Login, ticketValue } });
  const rows = async () => (await database.sql('SELECT id FROM ticket')).length;

  test('takes back the tickets that it made, and leaves those in force that it ended', async () => {
    const value = await loggedIn();
    const before = await rows();
    const [made, ended, failed] = await owned.batch([call(login, {}), ending(value), failing], undoable);
    expect([made.status, ended.status, failed.status]).toEqual(['undone', 'undone', 'refused']);
    expect([await rows(), await withTicket(value, asks)]).toEqual([before, 'done']);
  });

  test('makes and ends them where all succeeds', async () => {
    const value = await loggedIn();
    const [made, ended] = await owned.batch([call(login, {}), ending(value)], undoable);
    if (made.status !== 'done') throw new Error('no ticket');
    expect(ended.status).toBe('done');
    expect([await withTicket(made.response.ticket.ticketValue, asks), await withTicket(value, asks)]).toEqual(
      ['done', 'InvalidTicket'],
    );
  });

  test('spends nothing of a ticket where it is undone, and may end the ticket that it is made with', async () => {
    const value = await loggedIn({ usageLimits: objectLimit(1n) });
    await withTicket(value, async (client) => {
      const done = async (...calls: AnyCall[]) =>
        (await client.batch(calls, undoable)).map(({ status }) => status);
      const asked = call(query, { queryFunctions: [] });
      expect(await done(asked, failing)).toEqual(['undone', 'refused']);
      expect(await done(asked, asked)).toEqual(['undone', 'refused']);
      expect(await done(asked, ending(value))).toEqual(['done', 'done']);
    });
    expect(await withTicket(value, asks)).toBe('InvalidTicket');
  });
});

test('nothing of all this was an error of the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
