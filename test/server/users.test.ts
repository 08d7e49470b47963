import { readFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHmac, randomUUID } from 'node:crypto';
import { CredentialType, Operation, Tag, type Credential, type VersionName } from '@holdfast/kmip';
import type { AuthenticationPolicy } from '@holdfast/core';
import {
  Peer,
  addClient,
  asFirstOfficer,
  holdfastResult,
  startServerProcess,
  tlsOptions,
  valueAt,
  type AddedClient,
  type Identity,
  type ServerProcess,
} from '@holdfast/testkit';
import { batchedRecords } from '../support/audit';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { createKey, errorsOf } from './support';
import { device, hashedPassword, holdfastUser, oneTimePassword, password, shown } from './credentials';

/** Who stands behind a request: certificates, credentials in the header, and what policies make of them. */

const WORD = 'correct horse battery';

let server: ServerProcess;
let database: Database;
let folder: string;
let plain: AddedClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-users-'));
  server = await startServerProcess({ arguments: ['--authentication', 'certificate-or-credential'] });
  database = await openDatabase(server.dataDir);
  // What a listener demands without being told so.
  plain = await addClient(server, 'plain', { settings: { authentication: 'certificate' } });
  await holdfastUser(server, ['add', 'alice', '--password-stdin'], `${WORD}\n`);
  await addClient(server, 'elsewhere', { domain: 'elsewhere' });
  await holdfastUser(server, ['add', 'mallory', '--password-stdin', '--domain', 'elsewhere'], WORD);
});
afterAll(async () => {
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Answers of one connection: `done`, or the Result Reason. */
class Asker {
  private constructor(
    private readonly peer: Peer,
    private readonly version: VersionName,
  ) {}

  static async as(identity: Identity | 'nobody', version: VersionName = '2.1'): Promise<Asker> {
    const options = tlsOptions(server, identity === 'nobody' ? undefined : identity);
    const { host = '', port = 0, ca = '' } = options;
    return new Asker(
      await Peer.connect(identity === 'nobody' ? { host, port, ca } : options, version),
      version,
    );
  }

  async ask(...credentials: readonly Credential[]): Promise<string> {
    const { items } = await this.peer.batch(
      [{ operation: Operation.Query, payload: [] }],
      credentials.length === 0 ? {} : shown(this.version, ...credentials),
    );
    const [item] = items;
    return item?.status === 0 ? 'done' : (item?.reason ?? 'nothing');
  }

  /** The Server Hashed Password of the answer. */
  async proofFor(credential: Credential): Promise<unknown> {
    const { header } = await this.peer.batch(
      [{ operation: Operation.Query, payload: [] }],
      shown(this.version, credential),
    );
    return valueAt(header, Tag.ServerHashedPassword);
  }

  close(): Promise<void> {
    return this.peer.close();
  }
}

/** Runs one exchange over a connection of its own. */
async function answer(identity: Identity | 'nobody', ...credentials: readonly Credential[]): Promise<string> {
  const asker = await Asker.as(identity);
  try {
    return await asker.ask(...credentials);
  } finally {
    await asker.close();
  }
}

async function clientWith(authentication: AuthenticationPolicy): Promise<AddedClient> {
  return addClient(server, `client-${randomUUID().slice(0, 8)}`, { settings: { authentication } });
}

async function recordsOf(
  action: string,
): Promise<readonly { subject: string | null; reason: string | null }[]> {
  return (await batchedRecords(database))
    .filter((record) => record.action === action)
    .map(({ subjects: [subject = null], reason = null }) => ({ subject, reason }));
}

const REFUSED = 'AuthenticationNotSuccessful';

describe('what a policy makes of credentials', () => {
  const right = password('alice', WORD);
  const wrong = password('alice', 'something else');
  const unknown = password('nobody', WORD);
  const elsewhere = password('mallory', WORD);

  test.each<[AuthenticationPolicy, Record<string, string>]>([
    ['certificate', { none: 'done', right: 'done', wrong: REFUSED, unknown: 'done' }],
    ['certificate-and-credential', { none: REFUSED, right: 'done', wrong: REFUSED, unknown: REFUSED }],
    ['certificate-or-credential', { none: 'done', right: 'done', wrong: REFUSED, unknown: REFUSED }],
  ])('%s', async (policy, expected) => {
    const client = await clientWith(policy);
    const answers = {
      none: await answer(client),
      right: await answer(client, right),
      wrong: await answer(client, wrong),
      unknown: await answer(client, unknown),
    };
    expect(answers).toEqual(expected);
    // Users of other domains are told from nobody by nothing.
    expect([await answer(client, elsewhere), await answer(client, right, unknown)]).toEqual([
      expected['unknown'],
      REFUSED,
    ]);
  });

  test('a listener may take a credential in place of a certificate, and then nothing else', async () => {
    expect(await answer('nobody', right)).toBe('done');
    expect(await answer('nobody', elsewhere)).toBe('done');
    expect([await answer('nobody'), await answer('nobody', wrong), await answer('nobody', unknown)]).toEqual([
      REFUSED,
      REFUSED,
      REFUSED,
    ]);
  });

  test('a certificate that is not known is refused, whatever credential comes with it', async () => {
    const revoked = await addClient(server, 'revoked');
    await (await asFirstOfficer(server)).call('POST /clients/:name/revoke', {}, { name: 'revoked' });
    expect(await answer(revoked, right)).toBe(REFUSED);
  });
});

test('the user owns what it makes, and the records name it', async () => {
  const peer = await Peer.connect(tlsOptions(server, plain), '1.4', shown('1.4', password('alice', WORD)));
  const id = await createKey(peer);
  await peer.close();
  const [record] = await database.sql(
    'SELECT actor_kind AS kind, actor_name AS name, credential_id IS NOT NULL AS via FROM change_record WHERE unique_identifier = $1',
    [id],
  );
  expect(record).toEqual({ kind: 'user', name: 'alice', via: true });
});

test('an ignored credential and every failure are in the audit log, each once', async () => {
  const ignored = (await recordsOf('credential')).length;
  const asker = await Asker.as(plain);
  expect([await asker.ask(password('fortigate', 'x')), await asker.ask(password('fortigate', 'x'))]).toEqual([
    'done',
    'done',
  ]);
  expect((await recordsOf('credential')).slice(ignored)).toEqual([
    { subject: null, reason: 'ignored: certificate alone' },
  ]);
  const failed = (await recordsOf('authentication')).length;
  expect(await asker.ask(password('alice', 'guess'))).toBe(REFUSED);
  await asker.close();
  expect((await recordsOf('authentication')).slice(failed)).toEqual([
    {
      subject: 'alice',
      reason: 'AuthenticationNotSuccessful: the credential is not known or not right',
    },
  ]);
});

test('a password that was changed, and a user that was removed, end on open connections', async () => {
  await holdfastUser(server, ['add', 'leaver', '--password-stdin'], WORD);
  const client = await clientWith('certificate-and-credential');
  const asker = await Asker.as(client);
  const [old, fresh] = [password('leaver', WORD), password('leaver', `new ${WORD}`)];
  expect([await asker.ask(old), await asker.ask(old)]).toEqual(['done', 'done']);
  await holdfastUser(server, ['passwd', 'leaver', '--password-stdin'], `new ${WORD}`);
  expect([await asker.ask(old), await asker.ask(fresh)]).toEqual([REFUSED, 'done']);
  await holdfastUser(server, ['remove', 'leaver']);
  expect(await asker.ask(fresh)).toBe(REFUSED);
  await asker.close();
  // The name is free again.
  await holdfastUser(server, ['add', 'leaver', '--password-stdin'], WORD);
  expect(await answer(client, fresh)).toBe(REFUSED);
});

test('a user may be tied to clients', async () => {
  const [own, other] = [await clientWith('certificate'), await clientWith('certificate')];
  await holdfastUser(server, ['add', 'tied', '--password-stdin', '--client', own.client.name], WORD);
  const credential = password('tied', WORD);
  expect([
    await answer(own, credential),
    await answer(other, credential),
    await answer('nobody', credential),
  ]).toEqual(['done', REFUSED, REFUSED]);
});

test('the policy of a client is an officer’s to set, and holds on open connections', async () => {
  const client = await clientWith('certificate');
  const asker = await Asker.as(client);
  expect(await asker.ask()).toBe('done');
  const set = async (...args: readonly string[]) => {
    const { name } = client.client;
    const command = ['client', 'set', name, '--json', '--data-dir', server.dataDir, ...args];
    return (JSON.parse((await holdfastResult(command)).stdout) as { settings: unknown }).settings;
  };
  expect(await set('--authentication', 'certificate-and-credential')).toEqual({
    authentication: 'certificate-and-credential',
  });
  await until(async () => (await asker.ask()) === REFUSED, 'it is refused');
  expect(await set('--authentication', 'listener', '--tolerate-batch-count')).toEqual({
    toleratesBatchCount: true,
  });
  await until(async () => (await asker.ask()) === 'done', 'it is served again');
  expect(await set('--no-tolerate-batch-count')).toEqual({});
  await asker.close();
});

test('a client that miscounts its items is served where an officer allows that', async () => {
  const miscounting = async (client: AddedClient): Promise<readonly (string | undefined)[]> => {
    const peer = await Peer.connect(tlsOptions(server, client), '1.4');
    const item = { operation: Operation.Query, payload: [] };
    const { items } = await peer.batch([item, item], { batchCount: 1 });
    await peer.close();
    return items.map(({ status, reason }) => (status === 0 ? 'done' : reason));
  };
  const tolerated = await addClient(server, 'miscounting', { settings: { toleratesBatchCount: true } });
  expect([await miscounting(tolerated), await miscounting(plain)]).toEqual([
    ['done', 'done'],
    ['InvalidMessage'],
  ]);
});

test('a device is known by what it says of itself', async () => {
  const identifiers = ['--device-serial', 'SN-1', '--network-id', '00:11:22'];
  await holdfastUser(server, ['add', 'drive', '--password-stdin', ...identifiers], WORD);
  await holdfastUser(server, ['add', 'sensor', '--machine-id', 'M-9']);
  const client = await clientWith('certificate-and-credential');
  const known = { deviceSerialNumber: 'SN-1', networkIdentifier: '00:11:22' };
  expect({
    right: await answer(client, device(known, WORD)),
    'says more': await answer(client, device({ ...known, mediaIdentifier: 'tape' }, WORD)),
    'says less': await answer(client, device({ deviceSerialNumber: 'SN-1' }, WORD)),
    'wrong password': await answer(client, device(known, 'guess')),
    'no password': await answer(client, device(known)),
    'without password': await answer(client, device({ machineIdentifier: 'M-9' })),
    stranger: await answer(client, device({ machineIdentifier: 'M-8' })),
    'by its name': await answer(client, password('sensor', '')),
  }).toEqual({
    right: 'done',
    'says more': 'done',
    'says less': REFUSED,
    'wrong password': REFUSED,
    'no password': REFUSED,
    'without password': 'done',
    stranger: REFUSED,
    'by its name': REFUSED,
  });
});

test('a Hashed Password needs a verifier and a time that moves forward; the server proves itself too', async () => {
  await holdfastUser(server, ['add', 'hasher', '--password-stdin', '--hashed-password'], WORD);
  const client = await clientWith('certificate-and-credential');
  const now = BigInt(Date.now()) * 1000n;
  const first = hashedPassword('hasher', WORD, now);
  const asker = await Asker.as(client);
  expect(await asker.proofFor(first.credential)).toEqual(first.answer);
  const at = (offset: bigint, word = WORD, name = 'hasher') =>
    asker.ask(hashedPassword(name, word, now + offset).credential);
  expect({
    again: await at(0n),
    earlier: await at(-1n),
    wrong: await at(2n, 'guess'),
    'not allowed': await at(2n, WORD, 'alice'),
    'far ahead': await at(3_600_000_000n),
    later: await at(1n),
  }).toEqual({
    again: REFUSED,
    earlier: REFUSED,
    wrong: REFUSED,
    'not allowed': REFUSED,
    'far ahead': REFUSED,
    later: 'done',
  });
  await asker.close();
});

/** RFC 6238 with the parameters of the key URI. */
function totp(uri: string, seconds: number): string {
  const bits = Array.from(/secret=([A-Z2-7]+)/.exec(uri)?.[1] ?? '')
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(Math.floor(seconds / 30)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const number = mac.readUInt32BE((mac[19] ?? 0) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

test('a one time password is good once, and with the password alone', async () => {
  const file = join(folder, 'key');
  await holdfastUser(server, ['add', 'otto', '--password-stdin', '--one-time-password', file], WORD);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const client = await clientWith('certificate-and-credential');
  const code = totp(readFileSync(file, 'utf8'), Date.now() / 1000);
  const unlike = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
  expect([
    await answer(client, password('otto', WORD)),
    await answer(client, oneTimePassword('otto', unlike, WORD)),
    await answer(client, oneTimePassword('otto', code, 'guess')),
    await answer(client, oneTimePassword('otto', code, WORD)),
    await answer(client, oneTimePassword('otto', code, WORD)),
  ]).toEqual([REFUSED, REFUSED, REFUSED, 'done', REFUSED]);
});

test('an attestation is refused, since nothing here verifies one', async () => {
  const attestation: Credential = {
    credentialType: CredentialType.Attestation,
    credentialValue: {
      nonce: { nonceID: Buffer.from('1'), nonceValue: Buffer.from('2') },
      attestationType: 1,
      attestationAssertion: Buffer.from('3'),
    },
  };
  expect(await answer(plain, attestation)).toBe('AttestationFailed');
});

test('guessing is slowed down, for who guesses alone', async () => {
  await holdfastUser(server, ['add', 'target', '--password-stdin'], WORD);
  const [guesser, owner] = [await clientWith('certificate'), await clientWith('certificate')];
  const asker = await Asker.as(guesser);
  const guesses = Array.from({ length: 6 }, (_, n) => `guess ${n}`);
  // Sent at once: the last is looked at right after the others, however slow this machine is.
  const answers = await Promise.all([...guesses, WORD].map((word) => asker.ask(password('target', word))));
  expect(answers).toEqual(answers.map(() => REFUSED));
  expect((await recordsOf('authentication')).at(-1)?.reason).toContain('too many attempts');
  expect(await answer(owner, password('target', WORD))).toBe('done');
  await until(async () => (await asker.ask(password('target', WORD))) === 'done', 'the password is taken');
  await asker.close();
});

test('a request with more credentials than anybody has is refused before one is looked for', async () => {
  const unknown = (count: number) => Array.from({ length: count }, (_, n) => password(`nobody ${n}`, WORD));
  const client = await clientWith('certificate');
  expect(await answer(client, ...unknown(8))).toBe('done');
  expect(await answer(client, ...unknown(9))).toBe(REFUSED);
});

test('guessing is slowed down also where all guesses come at once', async () => {
  const guesser = await clientWith('certificate');
  await Promise.all(Array.from({ length: 8 }, (_, n) => answer(guesser, password('alice', `guess ${n}`))));
  const reasons = (await recordsOf('authentication')).slice(-8).map(({ reason }) => reason ?? '');
  expect(reasons.filter((reason) => reason.includes('not right'))).toHaveLength(5);
  expect(reasons.filter((reason) => reason.includes('too many attempts'))).toHaveLength(3);
});

test('users are listed with what they prove themselves by, and no password is anywhere in the clear', async () => {
  const list = JSON.parse(await holdfastUser(server, ['list', '--json'])) as {
    name: string;
    proofs: string[];
  }[];
  expect(list.find(({ name }) => name === 'alice')).toMatchObject({
    domain: 'default',
    role: 'user',
    clients: [],
    proofs: ['password'],
  });
  const dump = JSON.stringify(await database.sql('SELECT * FROM kmip_user'));
  expect(dump).not.toContain(Buffer.from('scrypt').toString('hex'));
  expect(server.log()).not.toContain(WORD);
});

test.each<[string[], string | Buffer, string]>([
  [['add', 'alice', '--password-stdin'], WORD, 'exists already'],
  [['add', 'short', '--password-stdin'], 'short', 'at least 8 characters'],
  [['add', 'no such/name', '--password-stdin'], WORD, 'user name'],
  [['add', 'two', '--password-stdin'], `${WORD}\n${WORD}\n`, 'more than one line'],
  [['add', 'latin', '--password-stdin'], Buffer.from('pässwörter', 'latin1'), 'UTF-8'],
  [['passwd', 'nobody', '--password-stdin'], WORD, 'no user is called'],
  [['remove', 'nobody'], '', 'no user is called'],
])('holdfast user %j is refused with a word why', async (args, input, message) => {
  const { code, stderr } = await holdfastResult(['user', ...args, '--data-dir', server.dataDir], {}, input);
  expect([code !== 0, stderr]).toEqual([true, expect.stringContaining(message)]);
});

test('nothing of all this was an error of the server', () => {
  expect(errorsOf(server)).toEqual([]);
});
