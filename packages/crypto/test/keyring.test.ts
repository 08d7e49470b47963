import { createCipheriv, createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { HoldfastError, SecretBytes } from '@holdfast/ttlv';
import type { SealBinding, SealedValue } from '@holdfast/core';
import { createKeyring, type DomainKeyVersion, type ManagedKeyring } from '../src';

const KEYS: Readonly<Record<number, Buffer>> = { 1: Buffer.alloc(32, 1), 2: Buffer.alloc(32, 2) };
const BINDING: SealBinding = {
  domainId: '11111111-2222-4333-8444-555555555555',
  internalId: '66666666-7777-4888-9999-aaaaaaaaaaaa',
  generation: 1,
  keyVersion: 2,
};
const SECRET = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

function versions(): DomainKeyVersion[] {
  return [1, 2].map((version) => ({
    version,
    key: SecretBytes.copyOf(KEYS[version] ?? Buffer.alloc(0)),
    current: version === 2,
  }));
}

async function loaded(...domainIds: string[]): Promise<ManagedKeyring> {
  const keyring = createKeyring({ load: () => Promise.resolve(versions()) });
  for (const domainId of domainIds) await keyring.ensure(domainId);
  return keyring;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof HoldfastError ? error.code : String(error);
  }
  return 'none';
}

async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

describe('sealing', () => {
  let keyring: ManagedKeyring;
  let sealed: SealedValue;
  beforeAll(async () => {
    keyring = await loaded(BINDING.domainId);
    sealed = keyring.seal(BINDING, SecretBytes.copyOf(SECRET));
  });

  it('opens what it sealed, whatever the content and the binding', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 60 }),
        fc.maxSafeNat(),
        fc.constantFrom(1, 2),
        (content, internalId, generation, keyVersion) => {
          const binding = { ...BINDING, internalId, generation: generation % 2 ** 48, keyVersion };
          const value = keyring.seal(binding, SecretBytes.copyOf(content));
          expect(value.salt).toHaveLength(32);
          expect(value.sealed).toHaveLength(content.length + 29);
          expect(keyring.open(binding, value).reveal().equals(content)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('opens what was sealed in format 1, whatever program did so', () => {
    const hmac = (key: Buffer, ...parts: readonly Buffer[]) =>
      createHmac('sha256', key).update(Buffer.concat(parts)).digest();
    const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
    const subkey = hmac(KEYS[2] ?? Buffer.alloc(0), Buffer.from('holdfast domain subkey 1\0seal\x01'));
    const salt = Buffer.alloc(32, 5);
    const generationAndVersion = Buffer.from('00000000000100000002', 'hex');
    const { domainId, internalId } = BINDING;
    const bound = [Buffer.of(1), salt, text(domainId), text(internalId), generationAndVersion];
    const context = Buffer.concat(bound);
    const nonce = Buffer.alloc(12, 6);
    const cipher = createCipheriv('aes-256-gcm', hmac(subkey, context, Buffer.of(1)), nonce);
    cipher.setAAD(context);
    const content = Buffer.concat([cipher.update(SECRET), cipher.final()]);
    const value = { salt, sealed: Buffer.concat([Buffer.of(1), nonce, content, cipher.getAuthTag()]) };
    expect(keyring.open(BINDING, value).reveal()).toEqual(SECRET);
  });

  it('leaves the plaintext to its owner', () => {
    const plaintext = SecretBytes.copyOf(SECRET);
    keyring.seal(BINDING, plaintext);
    expect(plaintext.reveal()).toEqual(SECRET);
  });

  it('never uses a nonce or a salt twice', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 500; round++) {
      const value = keyring.seal(BINDING, SecretBytes.copyOf(SECRET));
      seen.add(value.salt.toString('hex')).add(value.sealed.subarray(1, 13).toString('hex'));
    }
    expect(seen.size).toBe(1000);
  });

  it('refuses a value with any bit changed', () => {
    for (const part of ['salt', 'sealed'] as const) {
      for (let bit = 0; bit < sealed[part].length * 8; bit++) {
        const changed = { salt: Buffer.from(sealed.salt), sealed: Buffer.from(sealed.sealed) };
        const bytes = changed[part];
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(codeOf(() => keyring.open(BINDING, changed))).toBe('IntegrityViolation');
      }
    }
  });

  it('refuses a value that was cut or made longer', () => {
    for (let length = 0; length < sealed.sealed.length; length++) {
      const cut = { salt: sealed.salt, sealed: sealed.sealed.subarray(0, length) };
      expect(codeOf(() => keyring.open(BINDING, cut))).toBe('IntegrityViolation');
    }
    for (let length = 0; length < sealed.salt.length; length++) {
      const cut = { salt: sealed.salt.subarray(0, length), sealed: sealed.sealed };
      expect(codeOf(() => keyring.open(BINDING, cut))).toBe('IntegrityViolation');
    }
    const longer = { salt: sealed.salt, sealed: Buffer.concat([sealed.sealed, Buffer.alloc(1)]) };
    expect(codeOf(() => keyring.open(BINDING, longer))).toBe('IntegrityViolation');
  });

  it('refuses any other binding', async () => {
    const both = await loaded(BINDING.domainId, 'other');
    const value = both.seal(BINDING, SecretBytes.copyOf(SECRET));
    const others: SealBinding[] = [
      { ...BINDING, domainId: 'other' },
      { ...BINDING, internalId: '66666666-7777-4888-9999-aaaaaaaaaaab' },
      { ...BINDING, internalId: '' },
      { ...BINDING, generation: 2 },
      { ...BINDING, generation: -1 },
      { ...BINDING, generation: 1.5 },
      { ...BINDING, generation: NaN },
      { ...BINDING, keyVersion: 1 },
      { ...BINDING, keyVersion: 3 },
      { ...BINDING, internalId: 'x'.repeat(256) },
    ];
    for (const other of others) expect(codeOf(() => both.open(other, value))).toBe('IntegrityViolation');
    expect(both.open(BINDING, value).reveal()).toEqual(SECRET);
  });

  it('does not mistake one identifier for another that begins where it ends', async () => {
    const both = await loaded('a', 'ab');
    const value = both.seal({ ...BINDING, domainId: 'a', internalId: 'bc' }, SecretBytes.copyOf(SECRET));
    expect(codeOf(() => both.open({ ...BINDING, domainId: 'ab', internalId: 'c' }, value))).toBe(
      'IntegrityViolation',
    );
  });

  it('refuses to seal to a binding that could not be told from another', () => {
    for (const generation of [-1, 0.5, 2 ** 48]) {
      expect(codeOf(() => keyring.seal({ ...BINDING, generation }, SecretBytes.copyOf(SECRET)))).toBe(
        'InternalServerError',
      );
    }
  });
});

describe('MACs', () => {
  it.each([0, 5, 64, 2047, 2048, 2049, 5000])(
    'of %i bytes are HMAC-SHA-256 under the subkey',
    async (length) => {
      const keyring = await loaded('d');
      const content = Buffer.alloc(length, 'a row');
      const subkey = createHmac('sha256', KEYS[1] ?? Buffer.alloc(0))
        .update('holdfast domain subkey 1\0mac object-row\x01')
        .digest();
      const mac = keyring.mac('d', 1, 'object-row', content);
      expect(mac).toEqual(createHmac('sha256', subkey).update(content).digest());
      expect(keyring.verifyMac('d', 1, 'object-row', content, mac)).toBe(true);
    },
  );

  it('verify for nothing else', async () => {
    const keyring = await loaded('d');
    const content = Buffer.from('a row');
    const mac = keyring.mac('d', 1, 'object-row', content);
    expect(keyring.verifyMac('d', 2, 'object-row', content, mac)).toBe(false);
    expect(keyring.verifyMac('d', 1, 'change-record', content, mac)).toBe(false);
    expect(keyring.verifyMac('d', 1, 'object-row', Buffer.from('a roW'), mac)).toBe(false);
    for (let length = 0; length < mac.length; length++) {
      expect(keyring.verifyMac('d', 1, 'object-row', content, mac.subarray(0, length))).toBe(false);
    }
    expect(codeOf(() => keyring.verifyMac('d', 9, 'object-row', content, mac))).toBe('IntegrityViolation');
  });
});

describe('the keys of domains', () => {
  it('are loaded once for all who ask at the same time', async () => {
    let loads = 0;
    const keyring = createKeyring({
      load: async () => {
        loads++;
        await Promise.resolve();
        return versions();
      },
    });
    await Promise.all([keyring.ensure('d'), keyring.ensure('d'), keyring.ensure('d')]);
    await keyring.ensure('d');
    expect(loads).toBe(1);
    expect(keyring.currentVersion('d')).toBe(2);
  });

  it('are asked for again where loading failed', async () => {
    let loads = 0;
    const keyring = createKeyring({
      load: () =>
        ++loads === 1
          ? Promise.reject(new HoldfastError('RootOfTrustUnavailable', 'no answer'))
          : Promise.resolve(versions()),
    });
    expect(await rejection(keyring.ensure('d'))).toBe('RootOfTrustUnavailable');
    expect(await rejection(keyring.ensure('d'))).toBe('none');
  });

  it('are unavailable before they are loaded, once forgotten and after close', async () => {
    const keyring = createKeyring({ load: () => Promise.resolve(versions()) });
    expect(codeOf(() => keyring.currentVersion('d'))).toBe('RootOfTrustUnavailable');
    await keyring.ensure('d');
    const value = keyring.seal({ ...BINDING, domainId: 'd' }, SecretBytes.copyOf(SECRET));
    keyring.forget('d');
    expect(codeOf(() => keyring.open({ ...BINDING, domainId: 'd' }, value))).toBe('RootOfTrustUnavailable');
    await keyring.ensure('d');
    expect(keyring.open({ ...BINDING, domainId: 'd' }, value).reveal()).toEqual(SECRET);
    keyring.close();
    expect(codeOf(() => keyring.mac('d', 1, 'object-row', SECRET))).toBe('RootOfTrustUnavailable');
    expect(await rejection(keyring.ensure('d'))).toBe('RootOfTrustUnavailable');
  });

  it('are loaded anew where a version is asked for that is not there, once', async () => {
    let loads = 0;
    const keyring = createKeyring({
      load: () => {
        loads++;
        return Promise.resolve(versions());
      },
    });
    await keyring.ensure('d');
    for (let turn = 0; turn < 3; turn++) {
      expect(codeOf(() => keyring.mac('d', 3, 'object-row', SECRET))).toBe('IntegrityViolation');
      await keyring.ensure('d');
    }
    expect(loads).toBe(2);
  });

  it('serve until those that are loaded anew are there', async () => {
    const answers: ((keys: DomainKeyVersion[]) => void)[] = [];
    const keyring = createKeyring({ load: () => new Promise((resolve) => answers.push(resolve)) });
    const first = keyring.ensure('d');
    await new Promise(setImmediate);
    const one = { version: 1, key: SecretBytes.copyOf(Buffer.alloc(32)), current: true };
    answers[0]?.([one]);
    await first;
    const refreshed = keyring.refresh();
    await new Promise(setImmediate);
    expect(keyring.currentVersion('d')).toBe(1);
    answers[1]?.(versions());
    await refreshed;
    expect(keyring.currentVersion('d')).toBe(2);
    const failed = keyring.refresh('d');
    await new Promise(setImmediate);
    answers[2]?.([]);
    expect(await rejection(failed)).toBe('IntegrityViolation');
    expect(keyring.currentVersion('d')).toBe(2);
    await keyring.refresh('never loaded');
    expect(answers).toHaveLength(3);
  });

  it('are not those of a load that began before they were forgotten', async () => {
    const answers: ((keys: DomainKeyVersion[]) => void)[] = [];
    const keyring = createKeyring({ load: () => new Promise((resolve) => answers.push(resolve)) });
    const first = keyring.ensure('d');
    await new Promise(setImmediate);
    keyring.forget('d');
    const second = keyring.ensure('d');
    await new Promise(setImmediate);
    answers[0]?.([{ version: 1, key: SecretBytes.copyOf(Buffer.alloc(32)), current: true }]);
    await new Promise(setImmediate);
    expect(codeOf(() => keyring.currentVersion('d'))).toBe('RootOfTrustUnavailable');
    answers[1]?.(versions());
    await Promise.all([first, second]);
    expect(keyring.currentVersion('d')).toBe(2);
  });

  it('do not come back when the keyring was closed while they were loaded', async () => {
    const key = SecretBytes.copyOf(Buffer.alloc(32, 7));
    const answers: ((keys: DomainKeyVersion[]) => void)[] = [];
    const keyring = createKeyring({ load: () => new Promise((resolve) => answers.push(resolve)) });
    const loading = keyring.ensure('d');
    await new Promise(setImmediate);
    keyring.close();
    answers[0]?.([{ version: 1, key, current: true }]);
    expect(await rejection(loading)).toBe('RootOfTrustUnavailable');
    expect(codeOf(() => key.reveal())).toBe('InternalServerError');
  });

  it('are destroyed once their subkeys are derived', async () => {
    const mine = versions();
    const keyring = createKeyring({ load: () => Promise.resolve(mine) });
    await keyring.ensure('d');
    for (const { key } of mine) expect(codeOf(() => key.reveal())).toBe('InternalServerError');
    expect(inspect(keyring, { depth: 9, showHidden: true })).not.toMatch(/<Buffer/);
  });

  const key = (length = 32): SecretBytes => SecretBytes.copyOf(Buffer.alloc(length, 5));
  it.each<[string, DomainKeyVersion[]]>([
    ['no version', []],
    ['no current version', [{ version: 1, key: key(), current: false }]],
    [
      'two current versions',
      [
        { version: 1, key: key(), current: true },
        { version: 2, key: key(), current: true },
      ],
    ],
    [
      'a version twice',
      [
        { version: 1, key: key(), current: true },
        { version: 1, key: key(), current: false },
      ],
    ],
    ['a short key', [{ version: 1, key: key(16), current: true }]],
    ['version 0', [{ version: 0, key: key(), current: true }]],
    ['half a version', [{ version: 1.5, key: key(), current: true }]],
  ])('are refused with %s', async (_what, bad) => {
    const keyring = createKeyring({ load: () => Promise.resolve(bad) });
    expect(await rejection(keyring.ensure('d'))).toBe('IntegrityViolation');
    for (const each of bad) expect(codeOf(() => each.key.reveal())).toBe('InternalServerError');
  });
});
