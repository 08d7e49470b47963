import { TEST_ACTOR } from '@holdfast/testkit';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  SecretBytes,
  type Directory,
  type DirectoryChange,
  type NewCredential,
  type PresentedCertificate,
} from '@holdfast/core';
import type { Approval } from '../src';
import { PostgresApprovals, requireApproved } from '../src/approvals';
import { PostgresTickets } from '../src/directory/tickets';
import { Database } from '../src/postgres/database';
import { until } from '../../../test/support/until';
import { destroyRequest, openFixture, quietLog, testKeyring, type Fixture } from './support/fixture';
import { startProxy } from './support/proxy';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

function fingerprintCredential(sha256Hex = randomBytes(32).toString('hex')): NewCredential & {
  readonly rule: { readonly kind: 'fingerprint'; readonly sha256Hex: string };
} {
  return {
    rule: { kind: 'fingerprint', sha256Hex },
    serialHex: '01ab',
    subject: 'CN=one',
    notAfterSeconds: 2_000_000_000,
    authorityId: undefined,
  };
}

function presented(overrides: Partial<PresentedCertificate> = {}): PresentedCertificate {
  return { sha256Hex: '', subject: '', alternativeNames: [], authorityIds: [], ...overrides };
}

async function addClient(credentials: readonly NewCredential[] = []) {
  const { directory } = fixture.store;
  const name = `client-${randomUUID()}`;
  const domain = await directory.addDomain(`domain-${name}`, TEST_ACTOR);
  const client = await directory.addClient(
    { name, domainId: domain.id, role: 'user' },
    credentials,
    TEST_ACTOR,
  );
  return { client, domain };
}

test('of settings that officers change at the same time none is lost', async () => {
  const { directory } = fixture.store;
  const { client, domain } = await addClient();
  const parts = [{ toleratesBatchCount: true }, { authentication: 'certificate-and-credential' }] as const;
  await Promise.all(
    parts.map((part) =>
      directory.changeClient(client.name, (before) => ({ ...before, ...part }), TEST_ACTOR),
    ),
  );
  expect((await directory.clientNamed(client.name)).client.settings).toEqual({ ...parts[0], ...parts[1] });
  const others = [{ keysInHsm: true }, { namesMayRepeat: true }, { requiresEscrow: true }] as const;
  await Promise.all(
    others.map((other) =>
      directory.changeDomain(domain.name, (before) => ({ ...before, ...other }), TEST_ACTOR),
    ),
  );
  expect((await directory.domainNamed(domain.name)).settings).toEqual(Object.assign({}, ...others));
});

test('names are unique, and unknown names are said to be so', async () => {
  const { directory } = fixture.store;
  const { client, domain } = await addClient();
  await expect(directory.addDomain(domain.name, TEST_ACTOR)).rejects.toMatchObject({
    code: 'ObjectAlreadyExists',
  });
  await expect(
    directory.addClient({ name: client.name, domainId: domain.id, role: 'user' }, [], TEST_ACTOR),
  ).rejects.toMatchObject({ code: 'ObjectAlreadyExists' });
  await expect(directory.clientNamed('nobody')).rejects.toMatchObject({ code: 'ItemNotFound' });
  await expect(directory.domainNamed('no\0where')).rejects.toMatchObject({ code: 'ItemNotFound' });
  expect(await directory.domainNamed(domain.name)).toEqual(domain);
  expect((await directory.clientNamed(client.name)).client).toEqual(client);
});

test('a certificate is recognised by fingerprint until its credential is revoked', async () => {
  const { directory } = fixture.store;
  const credential = fingerprintCredential();
  const { client } = await addClient([credential]);
  const certificate = presented({ sha256Hex: credential.rule.sha256Hex });
  const found = await directory.recognise(certificate);
  expect(found?.client).toEqual(client);
  await directory.revokeCredential(found?.credential.id ?? '', TEST_ACTOR);
  expect(await directory.recognise(certificate)).toBeUndefined();
  // The certificate may be taken into use again, as another credential.
  await directory.addCredential(client.id, credential, TEST_ACTOR);
  expect((await directory.recognise(certificate))?.client).toEqual(client);
  await directory.revokeClient(client.id, TEST_ACTOR);
  expect(await directory.recognise(certificate)).toBeUndefined();
  const { client: revoked, credentials } = await directory.clientNamed(client.name);
  expect(revoked.revokedAtSeconds).toBeGreaterThan(0);
  expect(credentials.every(({ revokedAtSeconds }) => revokedAtSeconds !== undefined)).toBe(true);
});

test('a rule on subject or alternative name holds under its authority alone', async () => {
  const { directory } = fixture.store;
  const [one, other] = [
    await directory.addAuthority(
      { name: randomUUID(), certificateDer: randomBytes(9), privateKey: undefined },
      TEST_ACTOR,
    ),
    await directory.addAuthority(
      { name: randomUUID(), certificateDer: randomBytes(9), privateKey: undefined },
      TEST_ACTOR,
    ),
  ];
  const rest = { serialHex: undefined, subject: undefined, notAfterSeconds: undefined, authorityId: one.id };
  const subject = 'CN=array\\, seven,O=Example';
  const { client } = await addClient([
    { ...rest, rule: { kind: 'subject', authorityId: one.id, subject } },
    { ...rest, rule: { kind: 'alternative-name', authorityId: one.id, alternativeName: 'dns:a.example' } },
  ]);
  const recognise = (overrides: Partial<PresentedCertificate>) => directory.recognise(presented(overrides));
  expect((await recognise({ subject, authorityIds: [other.id, one.id] }))?.client).toEqual(client);
  expect((await recognise({ alternativeNames: ['dns:a.example'], authorityIds: [one.id] }))?.client).toEqual(
    client,
  );
  expect(await recognise({ subject, authorityIds: [other.id] })).toBeUndefined();
  expect(await recognise({ subject, authorityIds: [] })).toBeUndefined();
  // Whom its subject leads to, rather than its alternative names.
  const alternativeNames = ['dns:a.example', 'dns:b.example'];
  const rule = { kind: 'alternative-name', authorityId: one.id, alternativeName: 'dns:b.example' } as const;
  const { client: second } = await addClient([{ ...rest, rule }]);
  const both = { alternativeNames: alternativeNames.toReversed(), authorityIds: [one.id] };
  expect((await recognise({ ...both, subject }))?.client).toEqual(client);
  expect((await recognise(both))?.client).toEqual(second);
  expect((await recognise({ ...both, alternativeNames }))?.client).toEqual(client);
  // Who is known so is not known any more once the authority is not.
  const { id: credentialId = '' } = (await recognise({ subject, authorityIds: [one.id] }))?.credential ?? {};
  expect(await directory.standing(client.id, credentialId)).toEqual(client);
  await directory.revokeAuthority(one.name, TEST_ACTOR);
  expect(await directory.standing(client.id, credentialId)).toBeUndefined();
});

test('a certificate that was revoked is not let in by the names in it', async () => {
  const { directory } = fixture.store;
  const authority = { name: randomUUID(), certificateDer: randomBytes(9), privateKey: undefined };
  const { id: authorityId } = await directory.addAuthority(authority, TEST_ACTOR);
  const [byFingerprint, subject] = [fingerprintCredential(), 'CN=stolen'];
  const bySubject = { ...byFingerprint, rule: { kind: 'subject', authorityId, subject } as const };
  const { client } = await addClient([byFingerprint, bySubject]);
  const { sha256Hex } = byFingerprint.rule;
  const stolen = presented({ sha256Hex, subject, authorityIds: [authorityId] });
  const { id = '' } = (await directory.recognise(stolen))?.credential ?? {};
  await directory.revokeCredential(id, TEST_ACTOR);
  expect(await directory.recognise(stolen)).toBeUndefined();
  const another = presented({ subject, authorityIds: [authorityId] });
  expect((await directory.recognise(another))?.client).toEqual(client);
});

test('authorities keep their keys sealed and open them', async () => {
  const { directory } = fixture.store;
  const name = randomUUID();
  const key = randomBytes(40);
  await directory.addAuthority(
    { name, certificateDer: Buffer.from('der'), privateKey: SecretBytes.copyOf(key) },
    TEST_ACTOR,
  );
  const authority = (await directory.listAuthorities()).find((each) => each.name === name);
  expect(authority?.privateKey?.reveal()).toEqual(key);
  await directory.revokeAuthority(name, TEST_ACTOR);
  const revoked = (await directory.listAuthorities()).find((each) => each.name === name);
  expect(revoked?.revokedAtSeconds).toBeGreaterThan(0);
  expect(revoked?.privateKey?.reveal()).toEqual(key);
});

test('officers are added, listed and revoked', async () => {
  const { directory } = fixture.store;
  const name = randomUUID();
  const tokenSha256 = randomBytes(32);
  await directory.addOfficer({ name, tokenSha256 }, TEST_ACTOR);
  await directory.revokeOfficer(name, TEST_ACTOR);
  const officer = (await directory.listOfficers()).find((each) => each.name === name);
  expect(officer?.tokenSha256).toEqual(tokenSha256);
  expect(officer?.revokedAtSeconds).toBeGreaterThan(0);
});

test('of officers as many are left as have to be, whoever revokes whom at the same time', async () => {
  const { directory } = fixture.store;
  const other = await fixture.open();
  const names = [randomUUID(), randomUUID()];
  for (const name of names) await directory.addOfficer({ name, tokenSha256: randomBytes(32) }, TEST_ACTOR);
  const remaining = await validOfficers(directory);
  const outcomes = await Promise.allSettled(
    names.map((name, index) =>
      (index === 0 ? directory : other.directory).revokeOfficer(name, TEST_ACTOR, 'officer', remaining - 1),
    ),
  );
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await validOfficers(directory)).toBe(remaining - 1);
});

async function validOfficers(directory: Directory): Promise<number> {
  return (await directory.listOfficers()).filter(({ revokedAtSeconds }) => revokedAtSeconds === undefined)
    .length;
}

test('of several nodes that make a server secret at once, all get the same', async () => {
  const other = await fixture.open();
  const name = randomUUID();
  expect(await other.directory.findServerSecret(name)).toBeUndefined();
  const secrets = await Promise.all(
    [fixture.store, other, fixture.store, other].map(({ directory }) =>
      directory.serverSecret(name, () => Promise.resolve(randomBytes(32))),
    ),
  );
  const [first] = secrets;
  for (const secret of secrets) expect(secret.value.equals(first!.value)).toBe(true);
  const replacement = { name, value: SecretBytes.copyOf(Buffer.from('new')) };
  await fixture.store.directory.replaceServerSecret(replacement, TEST_ACTOR);
  const replaced = await other.directory.serverSecret(name, () => Promise.reject(new Error('not called')));
  expect(replaced.value.equals(replacement.value)).toBe(true);
  expect((await other.directory.findServerSecret(name))?.value.equals(replacement.value)).toBe(true);
});

const LISTENING = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;

const isTold = (changes: readonly DirectoryChange[], clientId: string): boolean =>
  changes.some(({ kind, id }) => kind === 'client' && id === clientId);

test('a watcher on another node hears of changes, and of everything after its connection was lost', async () => {
  const { directory } = fixture.store;
  const changes: DirectoryChange[] = [];
  const end = await (await fixture.open()).directory.watch((change) => changes.push(change));
  const { client } = await addClient();
  await until(() => isTold(changes, client.id), 'the client is told of');
  await fixture.sql(`SELECT pg_terminate_backend(pid) ${LISTENING}`);
  await until(() => isTold(changes, '*'), 'all clients are told of');
  await directory.revokeClient(client.id, TEST_ACTOR);
  await until(() => changes.filter(({ id }) => id === client.id).length === 2, 'it is told of again');
  await end();
});

test('connections that are to stay are found to be dead, though nothing says so', async () => {
  const { directory, rootKeys, rotations } = await fixture.open();
  const changes: DirectoryChange[] = [];
  const end = await directory.watch((change) => changes.push(change));
  const use = await rootKeys.use('a root key');
  const lead = await rotations.lead();
  let dead: readonly { readonly pid: number }[] = [];
  await until(async () => {
    dead = await fixture.sql(`SELECT pid ${LISTENING}
      UNION SELECT pid FROM pg_locks WHERE locktype = 'advisory'`);
    return dead.length === 3;
  }, 'those of earlier tests have ended, and no others are left');
  // Whoever waits for their answers, or their notices, waits in vain.
  for (const { pid } of dead) process.kill(pid, 'SIGSTOP');
  const proxy = await startProxy(fixture.connection);
  const database = new Database({ connection: proxy.connection, log: quietLog, poolSize: 1 });
  proxy.muteAnswersFrom('SET tcp_keepalives_idle');
  const silent = database.general(() => Promise.resolve()).catch((error: unknown) => error);
  try {
    await until(() => isTold(changes, '*'), 'all clients are told of');
    await until(async () => (await rootKeys.users('a root key')) === 2, 'it is used anew');
    await until(() => lead?.isHeld === false, 'the lead is lost');
    expect(await silent).toMatchObject({ code: 'StoreUnavailable', retryable: true });
  } finally {
    for (const { pid } of dead) process.kill(pid, 'SIGCONT');
  }
  await until(async () => (await rootKeys.users('a root key')) === 1, 'the dead one is gone');
  const { client } = await addClient();
  await until(() => isTold(changes, client.id), 'the client is told of');
  await use.end();
  await end();
  await database.close();
  await proxy.close();
  await until(async () => (await rootKeys.users('a root key')) === 0, 'nobody uses it any more');
});

test('approvals that are asked for at the same time are numbered one after the other, those for the same once', async () => {
  const { approvals } = fixture.store;
  const terms = { needed: 2, votes: [], state: 'open', expiresAtSeconds: 2_000_000_000 } as const;
  const made = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((subject) =>
      approvals.add(destroyRequest(subject), terms, TEST_ACTOR),
    ),
  );
  expect(made.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  const same = destroyRequest('g');
  const once = await Promise.all([1, 2, 3].map(() => approvals.add(same, terms, TEST_ACTOR)));
  expect(once.map(({ number }) => number)).toEqual([7, 7, 7]);
});

test('they, and tickets, are good until the second in which they expire', async () => {
  let nowSeconds = Math.floor(Date.now() / 1000);
  const nowMs = (): number => nowSeconds * 1000 + 999;
  const database = new Database({ connection: fixture.connection, log: quietLog, poolSize: 1 });
  const approvals = new PostgresApprovals(database, testKeyring(), nowMs);
  const request = destroyRequest('soon over');
  const vote = { officerId: randomUUID(), officerName: 'one', atSeconds: nowSeconds };
  const votes = [
    { ...vote, approves: true },
    { ...vote, approves: false },
  ];
  const asked = { needed: 2, votes, expiresAtSeconds: nowSeconds + 60 };
  const open = await approvals.add(request, { ...asked, state: 'open' }, TEST_ACTOR);
  const outcomeOf = (state: Approval['state']): string => {
    try {
      requireApproved({ ...open, state }, nowSeconds);
      return 'approved';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const tickets = new PostgresTickets(database, testKeyring(), nowMs);
  const { client, domain } = await addClient();
  const principal = {
    clientId: client.id,
    clientName: client.name,
    domainId: domain.id,
    role: 'user' as const,
    credentialId: randomUUID(),
    peer: '',
  };
  const ticket = await tickets.issue({ leaseSeconds: 60 }, principal);
  const forged = Buffer.from(ticket);
  forged[forged.length - 1]! ^= 1;
  nowSeconds += 59;
  expect((await approvals.find(request))?.number).toBe(open.number);
  expect(outcomeOf('approved')).toBe('approved');
  expect(outcomeOf('open')).toContain('1 of 2 officers');
  expect((await tickets.show(ticket, '')).holder).toMatchObject({ client: { id: client.id } });
  await expect(tickets.show(forged, '')).rejects.toMatchObject({ code: 'InvalidTicket' });
  nowSeconds += 1;
  expect(await approvals.find(request)).toBeUndefined();
  for (const state of ['approved', 'open'] as const) expect(outcomeOf(state)).toContain('has expired');
  await expect(tickets.show(ticket, '')).rejects.toMatchObject({ code: 'InvalidTicket' });
  await database.close();
});

test('those of one requester that wait are bounded, and those that expired long ago are removed', async () => {
  const { approvals, clock } = fixture.store;
  const now = Math.floor(clock.nowSeconds());
  const ask = (requesterId: string, expiresAtSeconds: number): Promise<Approval> =>
    approvals.add(
      { ...destroyRequest(randomUUID()), requesterId },
      { needed: 2, votes: [], state: 'open', expiresAtSeconds },
      TEST_ACTOR,
    );
  const [insistent, other] = [randomUUID(), randomUUID()];
  // Those that have expired wait no more.
  const old = [await ask(insistent, now - 31 * 86_400), await ask(insistent, now - 31 * 86_400)];
  const { id } = await ask(insistent, now + 3600).then(
    async (waiting) =>
      (await fixture.sql<{ id: string }>('SELECT id FROM approval WHERE number = $1', [waiting.number]))[0]!,
  );
  await fixture.sql(`CREATE TEMP TABLE copy AS SELECT a.* FROM approval AS a, generate_series(1, 199) WHERE id = '${id}';
    UPDATE copy SET id = gen_random_uuid(); UPDATE copy SET number = -('x' || left(id::text, 7))::bit(28)::int;
    INSERT INTO approval SELECT * FROM copy`);
  await expect(ask(insistent, now + 3600)).rejects.toMatchObject({ code: 'ServerLimitExceeded' });
  await fixture.sql('DELETE FROM approval WHERE number < 0; DROP TABLE copy');
  await ask(insistent, now + 3600);
  const { number } = await ask(other, now - 31 * 86_400);
  const numbers = (await approvals.list()).map((approval) => approval.number);
  for (const each of old) expect(numbers).not.toContain(each.number);
  expect(numbers).toContain(number);
  expect((await ask(other, now + 3600)).number).toBe(number + 1);
  expect(await fixture.store.verify(testKeyring(), [], () => undefined)).toEqual([]);
});

test('every change of the directory leaves a record of its actor', async () => {
  const { client } = await addClient();
  const records = await fixture.sql(
    'SELECT action, actor_id, outcome, row_revision FROM audit_record WHERE row_id = $1',
    [client.id],
  );
  expect(records).toEqual([
    { action: 'client.add', actor_id: TEST_ACTOR.id, outcome: 'success', row_revision: 1 },
  ]);
});
