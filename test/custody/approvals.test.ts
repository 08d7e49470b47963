import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { activate, create, destroy, exportObject, get, getAttributes, importObject } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  ObjectType,
  WrappingMethod,
  isKnownAttribute,
} from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { AdminClient } from '@holdfast/server/admin';
import {
  asFirstOfficer,
  holdfastResult,
  startServerProcess,
  type CommandResult,
  type ServerProcess,
} from '@holdfast/testkit';
import { openDatabase, type Database } from '../support/database';
import { until } from '../support/until';
import { columnsOf, newClient, newKey, otherValues, outcomeOf, whileTampered } from './site';

/** Dual control: what needs several officers does not happen before they have approved exactly that, and then once. */

const folder = mkdtempSync(join(tmpdir(), 'holdfast-approvals-'));
let server: ServerProcess;
let database: Database;
let client: KmipClient;

function holdfast(...args: readonly string[]): Promise<CommandResult> {
  return holdfastResult([...args, '--data-dir', server.dataDir], { HOLDFAST_LOG_LEVEL: 'silent' });
}
/** As the second or the third officer. */
const as = (officer: string, ...args: readonly string[]) =>
  holdfast(...args, '--officer', join(folder, `${officer}.json`));

/** What a refused call says; '' where it was done. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return '';
  } catch (error) {
    if (error instanceof KmipRefusal) return `${error.resultReasonName ?? ''}: ${error.message}`;
    throw error;
  }
}
/** What a call of an officer is refused with; '' where it was done. */
function messageOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => '',
    (error: unknown) => (error as Error).message,
  );
}
/** Columns by which the approval of a request is found. */
const FOUND_BY = ['requester_id', 'operation', 'subject', 'sha256'];
const AES = [
  { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
  { key: 'CryptographicLength', value: 256 },
] as const;
const numberIn = (text: string): string => /approval (\d+)/.exec(text)?.[1] ?? '';

beforeAll(async () => {
  server = await startServerProcess({ root: 'software' });
  database = await openDatabase(server.dataDir);
  for (const name of ['second', 'third', 'fourth']) {
    expect((await holdfast('officer', 'add', name, '--out', join(folder, `${name}.json`))).code).toBe(0);
  }
  client = await (await newClient(server, 'guarded')).connect();
});
afterAll(async () => {
  await client.close();
  await database.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('more officers than there are cannot be asked for, nor what nobody knows', async () => {
  expect((await holdfast('approval', 'require', 'destroy', '--officers', '5')).code).toBe(2);
  expect((await holdfast('approval', 'require', 'sleep', '--officers', '2')).code).toBe(2);
  expect((await holdfast('approval', 'require', 'ca', '--officers', '2', '--domain', 'guarded')).code).toBe(
    2,
  );
});

test('of two rules that are set at the same time neither is lost', async () => {
  const officer = await asFirstOfficer(server);
  const set = (officers: number) =>
    Promise.all(
      ['destroy', 'export'].map((action) =>
        officer.call('POST /approval-rules', { action, officers, domain: 'guarded' }),
      ),
    );
  await set(1);
  expect(await officer.call('GET /approval-rules')).toHaveLength(2);
  await set(0);
  expect(await officer.call('GET /approval-rules')).toEqual([]);
});

test('what waits for officers goes by the rule as it was lowered', async () => {
  const require = (officers: string) =>
    holdfast('approval', 'require', 'destroy', '--officers', officers, '--domain', 'guarded');
  expect((await require('3')).code).toBe(0);
  const uniqueIdentifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier })));
  for (const officer of ['second', 'third']) {
    expect((await as(officer, 'approval', 'approve', number)).stdout).toContain('open');
  }
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toContain('2 of 3 officers');
  const lowering = numberIn((await require('2')).stderr);
  for (const officer of ['second', 'third']) {
    expect((await as(officer, 'approval', 'approve', lowering)).code).toBe(0);
  }
  expect((await require('2')).code).toBe(0);
  expect(await outcomeOf(client.call(destroy, { uniqueIdentifier }))).toBe('done');
});

test('nobody is asked about what the state of the object does not allow', async () => {
  const active = await newKey(client, { key: 'ActivationDate', value: 1 });
  const asked = () => database.sql('SELECT number FROM approval');
  const before = await asked();
  const destroyed = client.call(destroy, { uniqueIdentifier: active });
  expect(await refusal(destroyed)).toContain('the object is Active');
  expect(await asked()).toEqual(before);
});

test('Destroy waits for two officers, is done once, and no other object goes with it', async () => {
  const [uniqueIdentifier, other] = [await newKey(client), await newKey(client)];
  const told = await refusal(client.call(destroy, { uniqueIdentifier }));
  expect(told).toContain('PermissionDenied');
  expect(told).toContain('0 of 2 officers');
  expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('done');
  // The same question is the same approval.
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toBe(told);
  const number = numberIn(told);
  expect((await as('second', 'approval', 'approve', number)).code).toBe(0);
  const twice = await as('second', 'approval', 'approve', number);
  expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('takes another one')]);
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toContain('1 of 2 officers');
  expect((await as('third', 'approval', 'approve', number)).stdout).toContain('approved');
  expect(await refusal(client.call(destroy, { uniqueIdentifier: other }))).toContain('0 of 2');
  expect(await outcomeOf(client.call(destroy, { uniqueIdentifier }))).toBe('done');
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).not.toBe('');
  expect((await holdfast('approval', 'list')).stdout).toMatch(new RegExp(`${number} +used`));
});

test('an officer who is revoked has approved nothing that was not done yet', async () => {
  const uniqueIdentifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier })));
  expect((await as('fourth', 'approval', 'approve', number)).stdout).toContain('open');
  expect((await as('third', 'approval', 'approve', number)).stdout).toContain('approved');
  const revoking = numberIn((await holdfast('officer', 'revoke', 'fourth')).stderr);
  expect((await as('second', 'approval', 'approve', revoking)).code).toBe(0);
  expect((await holdfast('officer', 'revoke', 'fourth')).code).toBe(0);
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toContain('1 of 2 officers');
  expect((await as('second', 'approval', 'approve', number)).stdout).toContain('approved');
  expect(await outcomeOf(client.call(destroy, { uniqueIdentifier }))).toBe('done');
});

test('an object is replaced only where its destruction was approved', async () => {
  const uniqueIdentifier = await newKey(client);
  const { objectType, attributes, object } = await client.call(exportObject, { uniqueIdentifier });
  const replacement = {
    uniqueIdentifier,
    objectType,
    attributes: attributes.filter(isKnownAttribute),
    object,
    replaceExisting: true,
  };
  expect(await refusal(client.call(importObject, replacement))).toContain('destroy it first');
  expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('done');
});

test('what was denied stays denied, and other domains have no such rule', async () => {
  const uniqueIdentifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier })));
  expect((await as('third', 'approval', 'deny', number)).code).toBe(0);
  expect(await refusal(client.call(destroy, { uniqueIdentifier }))).toContain('was denied');
  const late = await as('second', 'approval', 'approve', number);
  expect(late).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is denied already/u) as unknown,
  });
  const free = await (await newClient(server, 'free')).connect();
  expect(await outcomeOf(free.call(destroy, { uniqueIdentifier: await newKey(free) }))).toBe('done');
  await free.close();
});

test('a row that was changed lets nothing through', async () => {
  const uniqueIdentifier = await newKey(client);
  const number = numberIn(await refusal(client.call(destroy, { uniqueIdentifier })));
  expect((await as('second', 'approval', 'approve', number)).code).toBe(0);
  const tamper = (change: string) =>
    whileTampered(database, 'approval', `UPDATE approval SET ${change} WHERE number = ${number}`, () =>
      outcomeOf(client.call(destroy, { uniqueIdentifier })),
    );
  expect(await tamper(`state = 'approved'`)).toBe('GeneralFailure');
  const columns = await columnsOf(database, 'approval');
  for (const column of columns.filter(({ name }) => !FOUND_BY.includes(name))) {
    const [value = ''] = otherValues(column);
    expect([column.name, await tamper(`${column.name} = ${value}`)]).toEqual([column.name, 'GeneralFailure']);
  }
  // Another request's row is not found: a new one waits for officers.
  expect(await tamper(`subject = subject || 'x'`)).toBe('PermissionDenied');
  expect(await outcomeOf(client.call(getAttributes, { uniqueIdentifier, attributeReferences: [] }))).toBe(
    'done',
  );
});

test('keys leave in clear only where two officers approve it', async () => {
  const guarded = ['--officers', '2', '--domain', 'guarded'];
  const asked = await holdfast('approval', 'require', 'export', ...guarded);
  // There is a rule already: this one needs as many.
  expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('1 of 2 officers')]);
  // Who is to approve sees what.
  expect((await holdfast('approval', 'list')).stdout).toContain(
    '{"action":"export","officers":2,"domain":"guarded"}',
  );
  const own = await holdfast('approval', 'approve', numberIn(asked.stderr));
  expect(own.code).toBe(1);
  expect((await as('second', 'approval', 'approve', numberIn(asked.stderr))).code).toBe(0);
  expect((await holdfast('approval', 'require', 'export', ...guarded)).code).toBe(0);
  const uniqueIdentifier = await newKey(client);
  const told = await refusal(client.call(get, { uniqueIdentifier }));
  expect(told).toContain('0 of 2 officers');
  // A MAC hides nothing, a wrapping does.
  const wrappedBy = async (wrappingMethod: WrappingMethod, usage: number) => {
    const attributes = [...AES, { key: 'CryptographicUsageMask', value: usage } as const];
    const { uniqueIdentifier: wrapping } = await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: { templateNames: [], attributes },
    });
    await client.call(activate, { uniqueIdentifier: wrapping });
    const information = {
      uniqueIdentifier: wrapping,
      cryptographicParameters:
        wrappingMethod === WrappingMethod.Encrypt
          ? undefined
          : { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 },
    };
    const keyWrappingSpecification = {
      wrappingMethod,
      attributeNames: [],
      [wrappingMethod === WrappingMethod.Encrypt ? 'encryptionKeyInformation' : 'macSignatureKeyInformation']:
        information,
    };
    return outcomeOf(client.call(get, { uniqueIdentifier, keyWrappingSpecification }));
  };
  const { WrapKey, MACGenerate } = CryptographicUsageMask;
  expect(await wrappedBy(WrappingMethod.MACSign, MACGenerate)).toBe('PermissionDenied');
  expect(await wrappedBy(WrappingMethod.Encrypt, WrapKey)).toBe('done');
  for (const officer of ['second', 'third']) {
    expect((await as(officer, 'approval', 'approve', numberIn(told))).code).toBe(0);
  }
  expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('done');
  expect(await outcomeOf(client.call(get, { uniqueIdentifier }))).toBe('PermissionDenied');
});

test('officers are not asked for what the rules forbid, or what cannot be a rule', async () => {
  const ofAll = ['ca', '--officers', '3'];
  const raising = numberIn((await holdfast('approval', 'require', ...ofAll)).stderr);
  expect((await as('second', 'approval', 'approve', raising)).code).toBe(0);
  expect((await holdfast('approval', 'require', ...ofAll)).code).toBe(0);
  const asked = () => database.sql('SELECT number FROM approval');
  const before = await asked();
  for (const [args, why] of [
    [['officer', 'revoke', 'third'], 'a rule needs 3 officers'],
    [['officer', 'revoke', 'nobody'], 'no officer is called "nobody"'],
    [['approval', 'require', 'ca', '--officers', '9'], 'there are 3 officers'],
    [['approval', 'require', 'sleep', '--officers', '2'], 'an action is one of'],
    [['approval', 'require', 'destroy', '--officers', '2', '--domain', 'nowhere'], 'nowhere'],
  ] as const) {
    const { code, stderr } = await holdfast(...args);
    expect([args, code === 0, stderr]).toEqual([args, false, expect.stringContaining(why)]);
  }
  expect(await asked()).toEqual(before);
  const waive = ['approval', 'waive', 'ca'];
  const waiving = numberIn((await holdfast(...waive)).stderr);
  for (const officer of ['second', 'third']) {
    expect((await as(officer, 'approval', 'approve', waiving)).code).toBe(0);
  }
  expect((await holdfast(...waive)).code).toBe(0);
});

test('one officer alone gets round it neither by another officer nor by waiving the rule', async () => {
  const extra = await holdfast('officer', 'add', 'puppet', '--out', join(folder, 'puppet.json'));
  expect([extra.code, extra.stderr]).toEqual([1, expect.stringContaining('1 of 2 officers')]);
  expect((await holdfast('approval', 'waive', 'destroy', '--domain', 'guarded')).code).toBe(1);
  expect((await holdfast('approval', 'rules')).stdout).toMatch(/destroy +guarded +2/);
  expect((await holdfast('officer', 'revoke', 'third')).code).toBe(1);
});

test('a call that fails gives its approval back', async () => {
  const asked = await holdfast('approval', 'require', 'root', '--officers', '2');
  expect((await as('second', 'approval', 'approve', numberIn(asked.stderr))).code).toBe(0);
  expect((await holdfast('approval', 'require', 'root', '--officers', '2')).code).toBe(0);
  // A move that another node has begun.
  const move = () => holdfast('root', 'migrate', '--to', 'software');
  const number = numberIn((await move()).stderr);
  expect((await as('third', 'approval', 'approve', number)).code).toBe(0);
  const incoming = `'incoming-root-key-check-value'`;
  await database.sql(`INSERT INTO setting (name, value) VALUES (${incoming}, '${'0'.repeat(32)}')`);
  expect((await move()).stderr).toContain('another root key is coming in');
  await database.sql(`DELETE FROM setting WHERE name = ${incoming}`);
  expect((await holdfast('approval', 'list')).stdout).toMatch(new RegExp(`${number} +approved`));
});

test('a backup that breaks off on the server gives its approval back', async () => {
  const rule = ['approval', 'require', 'copy', '--officers', '2'];
  expect((await as('second', 'approval', 'approve', numberIn((await holdfast(...rule)).stderr))).code).toBe(
    0,
  );
  expect((await holdfast(...rule)).code).toBe(0);
  const [out, to] = [join(folder, 'copy.hfb'), join(folder, 'to.pem')];
  writeFileSync(to, generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }));
  const backup = () => holdfast('backup', 'create', '--out', out, '--to', to);
  const number = numberIn((await backup()).stderr);
  expect((await as('third', 'approval', 'approve', number)).code).toBe(0);
  const broken = `UPDATE domain_key_wrapping SET wrapped = '\\x00'`;
  expect((await whileTampered(database, 'domain_key_wrapping', broken, backup)).code).not.toBe(0);
  expect(existsSync(out)).toBe(false);
  expect((await holdfast('approval', 'list')).stdout).toMatch(new RegExp(`${number} +approved`));
  expect(await backup()).toMatchObject({ code: 0 });
  expect((await holdfast('approval', 'list')).stdout).toMatch(new RegExp(`${number} +used`));
  const operator = () =>
    holdfast('backup-operator', 'add', 'nightly', '--to', to, '--out', join(folder, 'nightly.json'));
  expect((await as('third', 'approval', 'approve', numberIn((await operator()).stderr))).code).toBe(0);
  expect(await operator()).toMatchObject({ code: 0 });
  // Each night it asks nobody.
  const nightly = ['backup', 'create', '--to', to, '--out', join(folder, 'nightly.hfb')];
  expect(await as('nightly', ...nightly)).toMatchObject({ code: 0 });
});

test('what is given back has no votes of officers who were revoked meanwhile', async () => {
  const first = await asFirstOfficer(server);
  const by = (officer: string) => {
    const { token } = JSON.parse(readFileSync(join(folder, `${officer}.json`), 'utf8')) as { token: string };
    return new AdminClient(server.dataDir, token);
  };
  const approve = (officer: AdminClient, told: string) =>
    officer.call('POST /approvals/:name/approve', undefined, { name: numberIn(told) });
  const approved = async <T>(call: () => Promise<T>): Promise<T> => {
    await approve(by('third'), await messageOf(call()));
    return call();
  };
  const { token } = await approved(() => first.call('POST /officers', { name: 'fifth' }));
  const recipients = [{ name: 'to', pem: readFileSync(join(folder, 'to.pem'), 'utf8') }];
  const backup = async () => {
    for await (const part of await first.stream('POST /backup', { recipients })) expect(part).toBeDefined();
  };
  await approve(new AdminClient(server.dataDir, token), await messageOf(backup()));
  // The dump waits in its midst.
  await database.sql('BEGIN');
  await database.sql('LOCK TABLE ticket IN ACCESS EXCLUSIVE MODE');
  const broken = messageOf(backup());
  const waiting = `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted`;
  await until(async () => (await database.sql('SELECT FROM pg_locks WHERE NOT granted')).length > 0, 'waits');
  await approved(() => first.call('POST /officers/:name/revoke', undefined, { name: 'fifth' }));
  await database.sql(waiting);
  expect(await broken).not.toBe('');
  await database.sql('ROLLBACK');
  expect(await messageOf(backup())).toContain('1 of 2 officers');
});

test('a backup whose reader goes away has used its approval: what left may be a copy', async () => {
  const to = join(folder, 'to.pem');
  const begun = join(folder, 'begun.hfb');
  const backup = (out: string) => ['backup', 'create', '--out', out, '--to', to];
  const number = numberIn((await holdfast(...backup(begun))).stderr);
  expect((await as('third', 'approval', 'approve', number)).code).toBe(0);
  const program = join(__dirname, '../../packages/cli/bin/holdfast.js');
  const dumping = `SELECT FROM pg_stat_activity WHERE query LIKE 'COPY %' AND state <> 'idle'`;
  // The dump waits in its midst.
  await database.sql('BEGIN');
  await database.sql('LOCK TABLE ticket IN ACCESS EXCLUSIVE MODE');
  try {
    const args = [program, ...backup(begun), '--data-dir', server.dataDir];
    const create = spawn(process.execPath, args, { stdio: 'ignore' });
    await until(
      async () => (await database.sql('SELECT FROM pg_locks WHERE NOT granted')).length > 0,
      'the dump waits',
    );
    await until(() => existsSync(`${begun}.part`), 'it is being written');
    create.kill('SIGKILL');
    await once(create, 'exit');
  } finally {
    await database.sql('ROLLBACK');
  }
  await until(async () => (await database.sql(dumping)).length === 0, 'the dump has ended');
  expect((await holdfast('approval', 'list')).stdout).toMatch(new RegExp(`${number} +used`));
  expect((await holdfast(...backup(join(folder, 'again.hfb')))).stderr).toContain('1 of 2 officers');
});

test('officers are not asked for what cannot be done as things are', async () => {
  const officer = await asFirstOfficer(server);
  for (const action of ['policy', 'ca', 'recovery']) {
    const rule = { action, officers: 2 };
    const asked = await messageOf(officer.call('POST /approval-rules', rule));
    expect((await as('third', 'approval', 'approve', numberIn(asked))).code).toBe(0);
    await officer.call('POST /approval-rules', rule);
  }
  const asked = () => database.sql('SELECT number FROM approval');
  const before = await asked();
  const to = { name: 'to', pem: readFileSync(join(folder, 'to.pem'), 'utf8') };
  const both = [to, { ...to, name: 'another' }];
  const nowhere = { name: 'nowhere' };
  const token = { kind: 'pkcs11', targets: [], keyLabel: 'none' } as const;
  const split = { content: '', id: '', keyId: '', createdAt: '', threshold: 2, custodians: [], mac: '' };
  for (const [call, why] of [
    [() => officer.call('POST /domains/:name/settings', { keysInHsm: null }, nowhere), 'called "nowhere"'],
    [
      () => officer.call('POST /domains/:name/settings', { keysInHsm: true }, { name: 'guarded' }),
      '--root pkcs11',
    ],
    [
      () => officer.call('POST /clients/:name/settings', { requiresEscrow: true }, nowhere),
      'called "nowhere"',
    ],
    [() => officer.call('POST /authorities', { name: 'x', certificatePem: to.pem }), 'certificate'],
    [() => officer.call('POST /authorities/roll', { name: 'nowhere' }), 'named nowhere'],
    [
      () => officer.call('POST /authorities/roll', { name: 'kmip-ec', keyAlgorithm: 'RSA-3072' }),
      'stays as it is',
    ],
    [() => officer.call('POST /authorities/:name/serve', undefined, nowhere), 'named nowhere'],
    [() => officer.call('POST /authorities/:name/revoke', undefined, nowhere), 'named nowhere'],
    [
      () => officer.call('POST /authorities/:name/revoke', undefined, { name: 'holdfast' }),
      'signs the server',
    ],
    [() => officer.call('POST /root/retire', {}), 'no root key is going out'],
    [
      () => officer.call('POST /root/destroy', { checkValue: '0'.repeat(32), at: token, secret: '1234' }),
      'no root key that was retired',
    ],
    [() => officer.call('POST /root/reshare', { shares: [], split }), 'not held by custodians'],
    [
      () =>
        officer.call('POST /escrow/recover', {
          sha256: '0'.repeat(64),
          objects: 1,
          custodians: ['alice'],
          into: 'store',
          domain: 'nowhere',
        }),
      'called "nowhere"',
    ],
    [() => officer.call('POST /domain-keys/rotate', { domain: 'nowhere' }), 'no domain nowhere'],
    [() => officer.stream('POST /backup', { id: '1', recipients: [] }), 'somebody who can open it'],
    [
      () =>
        officer.stream('POST /escrow', {
          id: '1',
          domain: 'nowhere',
          recipients: both,
          threshold: 2,
          all: true,
        }),
      'nowhere',
    ],
    [() => officer.call('POST /audit/retention', { days: 30 }), 'name a folder'],
    [() => officer.stream('POST /audit/archive', {}), 'give a time'],
    [() => officer.stream('POST /audit/archive', { before: '2026-01-01' }), 'name a folder first'],
  ] as const) {
    expect(await messageOf(call())).toContain(why);
  }
  expect(await asked()).toEqual(before);
});

test('who is to approve sees the whole of it, and certificates by what can be compared', async () => {
  const officer = await asFirstOfficer(server);
  const to = { name: 'to', pem: readFileSync(join(folder, 'to.pem'), 'utf8') };
  const recipients = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...to, name: `custodian-${index}` }));
  const backup = (count: number) => officer.stream('POST /backup', { recipients: recipients(count) });
  const nowSeconds = Math.floor(Date.now() / 1000);
  const { pem } = await certificates.createAuthority({ commonName: 'Corporate CA', nowSeconds });
  const add = () => officer.call('POST /authorities', { name: 'corporate', certificatePem: pem });
  expect(await messageOf(backup(12))).toContain('1 of 2 officers');
  expect(await messageOf(add())).toContain('1 of 2 officers');
  const shown = (await officer.call('GET /approvals')).map(({ subject }) => subject);
  expect(shown).toEqual(
    expect.arrayContaining([
      expect.stringContaining('"name":"custodian-11"'),
      `{"name":"corporate","certificatePem":"sha256 ${createHash('sha256').update(pem).digest('hex')}"}`,
    ]),
  );
  expect(await messageOf(backup(40))).toContain('longer than they are shown');
});

test('a root key is moved, retired and split among custodians by two officers, each time anew', async () => {
  const pem = (name: string): string => {
    const path = join(folder, `${name}.pem`);
    writeFileSync(path, generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }));
    return path;
  };
  const shares = join(folder, 'shares');
  const approved = async (...command: readonly string[]): Promise<void> => {
    const told = await holdfast('root', ...command);
    expect([told.code, told.stderr]).toEqual([1, expect.stringContaining('1 of 2 officers')]);
    expect(existsSync(join(shares, 'share-1-alice.json'))).toBe(false);
    expect((await as('third', 'approval', 'approve', numberIn(told.stderr))).code).toBe(0);
    expect(await holdfast('root', ...command)).toMatchObject({ code: 0 });
    expect((await holdfast('root', ...command)).code).toBe(1);
  };
  await approved('rotate');
  await approved('retire');
  const custodians = ['alice', 'bob'].flatMap((name) => ['--custodian', `${name}=${pem(name)}`]);
  await approved('migrate', '--to', 'shares', '--threshold', '2', '--shares-out', shares, ...custodians);
});

test('the store is in order after all that, and what officers did is in the log', async () => {
  const rows = await database.sql<{ action: string }>('SELECT DISTINCT action FROM audit_record');
  const actions = rows.map(({ action }) => action);
  expect(actions).toEqual(
    expect.arrayContaining(['approval.approve', 'approval.deny', 'root-key.begin', 'root-key.retire']),
  );
  expect((await holdfast('verify')).stdout).toContain('all are as they were');
});
