import { createHook } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { SecretBytes, type User, type Users } from '@holdfast/core';
import { CredentialType } from '@holdfast/kmip';
import { FailureLimit, sourceOf } from '../src/credentials/failure-limit';
import { checkHashedPassword, hashedPasswordVerifiers } from '../src/credentials/hashed-password';
import { oneTimePassword, oneTimePasswordUri, stepOf } from '../src/credentials/one-time-password';
import { hashPassword, isPassword } from '../src/credentials/password-hash';
import { Proofs, type UserCredential } from '../src/credentials/proof';
import { packVerifiers, verifiersFor } from '../src/credentials/verifiers';

const secret = (text: string): SecretBytes => new SecretBytes(Buffer.from(text, 'utf8'));

/** RFC 6238 appendix B, SHA-1, of whose eight digits the last six. */
test.each([
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
])('the one time password of second %i is %s', (seconds, code) => {
  const key = Buffer.from('12345678901234567890', 'ascii');
  const step = Math.floor(seconds / 30);
  expect(oneTimePassword(key, step)).toBe(code);
  const taken = [-60, -30, 0, 30, 60].map((late) => stepOf(secret(code), key, seconds + late));
  expect(taken).toEqual([undefined, step, step, step, undefined]);
});

test('authenticators get the key in base32', () => {
  // RFC 4648 section 10, and the key of RFC 6238.
  expect(oneTimePasswordUri(Buffer.from('12345678901234567890', 'ascii'), 'a b')).toBe(
    'otpauth://totp/Holdfast:a%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Holdfast&algorithm=SHA1&digits=6&period=30',
  );
});

test('a password hash says how it was made, opens to its password alone, and is never made twice', async () => {
  const [one, other] = await Promise.all([
    hashPassword(secret('pässword')),
    hashPassword(secret('pässword')),
  ]);
  expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(other);
  expect([await isPassword(secret('pässword'), one), await isPassword(secret('password'), one)]).toEqual([
    true,
    false,
  ]);
  // RFC 7914 section 12, the second vector, whose cost is another than that of today.
  const vector =
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640';
  const kept = `$scrypt$ln=10,r=8,p=16$${Buffer.from('NaCl').toString('base64').replace(/=/g, '')}$${Buffer.from(vector, 'hex').toString('base64').replace(/=/g, '')}`;
  expect(await isPassword(secret('password'), kept)).toBe(true);
  await expect(isPassword(secret('password'), '$other$')).rejects.toMatchObject({
    code: 'IntegrityViolation',
  });
});

test('a Hashed Password is taken where both of its halves are right, for its own time', () => {
  // By hand, from KMIP 2.1 section 9.11.
  const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const [name, word, time] = [
    Buffer.from('alice'),
    Buffer.from('word'),
    Buffer.from('0000000000000007', 'hex'),
  ];
  const [s1, s2] = [sha256(name, word), sha256(word, name)];
  const right = Buffer.concat([sha256(s1, time), s2]);
  const verifiers = hashedPasswordVerifiers('alice', secret('word'));
  const check = (hashedPassword: Buffer, timeStamp = 7n) =>
    checkHashedPassword({ timeStamp, hashedPassword }, verifiers);
  expect(check(right)).toEqual(sha256(time, s1, sha256(s2)));
  const altered = [0, 31, 32, 63].map((place) =>
    right.map((octet, at) => (at === place ? octet ^ 1 : octet)),
  );
  const others = [right.subarray(0, 32), right.subarray(0, 63), right.subarray(32), Buffer.alloc(0)];
  const longer = Buffer.concat([right, Buffer.alloc(1)]);
  for (const wrong of [...altered, ...others, longer]) expect(check(Buffer.from(wrong))).toBeUndefined();
  expect(check(right, 8n)).toBeUndefined();
});

describe('a wrong password is hashed once, so that time does not tell', () => {
  const oneTimeKey = Buffer.from('12345678901234567890').toString('base64');
  const byName: UserCredential = {
    credentialType: CredentialType.UsernameAndPassword,
    credentialValue: { username: 'alice', password: secret('guess') },
  };
  const byOneTime: UserCredential = {
    credentialType: CredentialType.OneTimePassword,
    credentialValue: { username: 'alice', password: secret('guess'), oneTimePassword: secret('000000') },
  };
  let hashes = 0;
  const hook = createHook({ init: (_id, type) => void (hashes += type === 'SCRYPTREQUEST' ? 1 : 0) });
  beforeAll(() => hook.enable());
  afterAll(() => hook.disable());

  test.each<[string, UserCredential, { password?: string; oneTimeKey?: string } | undefined]>([
    ['that nobody has such a name', byName, undefined],
    ['that it is another one', byName, { password: 'right' }],
    ['that it takes one time passwords, too', byName, { password: 'right', oneTimeKey }],
    ['that there is none', byName, { oneTimeKey }],
    ['that nobody has such a name and takes one time passwords', byOneTime, undefined],
    ['that there are no one time passwords', byOneTime, { password: 'right' }],
    ['that the one time password is wrong', byOneTime, { password: 'right', oneTimeKey }],
    ['that there are one time passwords alone', byOneTime, { oneTimeKey }],
  ])('%s', async (_what, credential, has) => {
    const word = has?.password === undefined ? undefined : secret(has.password);
    const verifiers = await verifiersFor('alice', word, {
      hashedPassword: false,
      oneTimeKey: has?.oneTimeKey,
    });
    const alice = { id: 'a', epoch: 1, clientIds: [], verifiers: packVerifiers(verifiers) };
    const user = has === undefined ? undefined : (alice as unknown as User);
    // What is wrong is refused before anything is asked of the directory.
    const proofs = new Proofs({} as Users, { nowSeconds: () => 0 }, 1);
    hashes = 0;
    const attempt = { source: 'x', proved: new Map(), actor: { kind: 'client', id: 'x', name: '' } } as const;
    await expect(proofs.prove(credential, user, attempt)).rejects.toMatchObject({
      code: 'AuthenticationNotSuccessful',
    });
    expect(hashes).toBe(1);
  });
});

test('no more passwords are checked at once than may wait', async () => {
  const kept = `$scrypt$ln=4,r=8,p=1$AAAA$${'A'.repeat(43)}`;
  const results = await Promise.allSettled(
    Array.from({ length: 80 }, () => isPassword(secret('guess'), kept)),
  );
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(80 - 2 - 64);
  expect(refused[0]).toMatchObject({ reason: { code: 'ServerLimitExceeded', retryable: true } });
});

describe('failures in a row', () => {
  let now: number;
  let limit: FailureLimit;
  beforeEach(() => {
    now = 0;
    limit = new FailureLimit(() => now);
  });
  const fail = (times: number, name = 'alice'): void => {
    for (let time = 0; time < times; time++) limit.failed('client', name);
  };

  test('make the next one wait twice as long, of the same name and source', () => {
    fail(4);
    expect(limit.waitMs('client', 'alice')).toBe(0);
    const waits = [1, 2, 3, 4].map(() => {
      fail(1);
      return limit.waitMs('client', 'alice');
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    expect([limit.waitMs('client', 'bob'), limit.waitMs('other', 'alice')]).toEqual([0, 0]);
    now += 8000;
    expect(limit.waitMs('client', 'alice')).toBe(0);
    limit.succeeded('client', 'alice');
    fail(4);
    expect(limit.waitMs('client', 'alice')).toBe(0);
  });

  test('are free no more often where processes share the connections', () => {
    for (const [processes, free] of [
      [2, 1],
      [4, 0],
      [64, 0],
    ] as const) {
      limit = new FailureLimit(() => now, processes);
      fail(free);
      expect([processes, limit.waitMs('client', 'alice')]).toEqual([processes, 0]);
      fail(1);
      expect([processes, limit.waitMs('client', 'alice')]).toEqual([processes, 1000]);
    }
  });

  test.each([
    ['192.0.2.7:5', '192.0.2.7'],
    ['::ffff:192.0.2.7:5', '::ffff:192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6:5', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9:5', '2001:db8:1:2::/64'],
    ['2001:db8::9:5', '2001:db8:0:0::/64'],
    ['::1:5', '0:0:0:0::/64'],
    ['fe80::1%eth0:5', 'fe80:0:0:0::/64'],
  ])('of the peer %s are those of %s', (peer, source) => {
    expect(sourceOf(peer)).toBe(source);
  });

  test('of many names count for their source, and are forgotten', () => {
    for (let name = 0; name < 20; name++) fail(1, `name ${name}`);
    expect(limit.waitMs('client', 'yet another')).toBe(1000);
    now += 16 * 60_000;
    fail(1);
    expect(limit.waitMs('client', 'alice')).toBe(0);
  });
});
