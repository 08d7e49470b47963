import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SecretBytes, type RootOfTrust } from '@holdfast/core';
import { SOFT_HSM_MODULE, SoftHsm, rootOfTrustContract } from '@holdfast/testkit';
import { openPkcs11Root, TokenKeeper, type Pkcs11RootOptions } from '../src';
import { DevicePool } from '../src/pkcs11/device-pool';
import { until } from '../../../test/support/until';
import { faultOf } from '../src/pkcs11/faults';

const run = promisify(execFile);

/** Asks a token for the value of a key, in a process of its own: prints what PKCS#11 says. */
const READ_VALUE = `
  const { Module, ObjectClass, SessionFlag } = require('graphene-pk11');
  const [modulePath, tokenLabel, label] = process.argv.slice(1);
  const module_ = Module.load(modulePath, 'value');
  module_.initialize();
  const slots = module_.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    if (slot.getToken().label.trim() !== tokenLabel) continue;
    const session = slot.open(SessionFlag.SERIAL_SESSION);
    session.login(process.env.PIN);
    const key = session.find({ class: ObjectClass.SECRET_KEY, label }).items(0);
    try {
      key.getAttribute({ value: null });
      console.log('read');
    } catch (error) {
      console.log(error.message);
    }
  }
`;

/** Changes the PIN of a token to another, in a process of its own. */
const CHANGE_PIN = `
  const { Module, SessionFlag } = require('graphene-pk11');
  const [modulePath, tokenLabel] = process.argv.slice(1);
  const module_ = Module.load(modulePath, 'pin');
  module_.initialize();
  const slots = module_.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    if (slot.getToken().label.trim() !== tokenLabel) continue;
    const session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION);
    session.login(process.env.PIN);
    session.setPin(process.env.PIN, 'another-pin');
  }
`;

/** Makes a token that has no PIN of a user yet, in a process of its own. */
const MAKE_WITHOUT_PIN = `
  const { Module } = require('graphene-pk11');
  const [modulePath, tokenLabel] = process.argv.slice(1);
  const module_ = Module.load(modulePath, 'blank');
  module_.initialize();
  const slots = module_.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    if (slot.getToken().label.trim() !== '') continue;
    // Slot.initToken reads the answer of another release of pkcs11js.
    slot.lib.C_InitToken(slot.handle, '87654321', tokenLabel.padEnd(32));
  }
`;

const isRequired = process.env['CI'] === 'true';
const LABEL = 'holdfast';
/** How long the service may be away after a fault, or after the device is back. */
const AWAY_AT_MOST_MS = 5_000;

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'PKCS#11 (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const pin = SecretBytes.copyOf(Buffer.from(hsm.pin));
    const warnings: object[] = [];
    const log = {
      info: () => undefined,
      warn: (fields: object) => {
        warnings.push(fields);
      },
    };
    let before: string | undefined;

    function options(keyLabel: string, tokenLabel = LABEL): Pkcs11RootOptions {
      return { targets: [{ modulePath: hsm.modulePath, tokenLabel }], pin, log, keyLabel };
    }

    beforeAll(async () => {
      before = process.env['SOFTHSM2_CONF'];
      process.env['SOFTHSM2_CONF'] = hsm.environment.SOFTHSM2_CONF;
      await hsm.initToken(LABEL);
    });
    afterAll(() => {
      if (before === undefined) delete process.env['SOFTHSM2_CONF'];
      else process.env['SOFTHSM2_CONF'] = before;
      hsm.remove();
    });

    /** What was said of a token, and not of a process that had to be started once more. */
    const refusals = () => warnings.filter((warning) => 'token' in warning && 'reason' in warning);

    async function makeKey(keyLabel: string, tokenLabel = LABEL): Promise<void> {
      const keeper = await TokenKeeper.open({ ...options(keyLabel, tokenLabel), mayWrite: true });
      await keeper.generateRootKey().finally(() => keeper.close());
    }

    async function changePin(tokenLabel: string): Promise<void> {
      await run(process.execPath, ['-e', CHANGE_PIN, hsm.modulePath, tokenLabel], {
        cwd: __dirname,
        env: { ...process.env, PIN: hsm.pin },
      });
    }

    const made = new Set<string>();
    rootOfTrustContract('a root key in a token', async (label) => {
      if (!made.has(label)) await makeKey(label);
      made.add(label);
      return openPkcs11Root(options(label), []);
    });

    /**
     * That the device was away for a short time. On a machine that is busy everything takes longer: a fault costs a few times what
     * it takes to open the token there.
     */
    async function expectShort(awayMs: number): Promise<void> {
      if (awayMs < AWAY_AT_MOST_MS) return;
      const fromMs = performance.now();
      await (await TokenKeeper.open(options('any'))).close();
      expect(awayMs).toBeLessThan(8 * (performance.now() - fromMs));
    }

    async function refusalOf(opening: Promise<RootOfTrust>): Promise<unknown> {
      let root: RootOfTrust;
      try {
        root = await opening;
      } catch (error) {
        return error;
      }
      await root.close();
      return 'it was opened';
    }

    test('a root key is sensitive and cannot leave the token', async () => {
      const keeper = await TokenKeeper.open({ ...options('guarded'), mayWrite: true });
      expect(await keeper.generateRootKey()).toMatchObject({
        sensitive: true,
        extractable: false,
        alwaysSensitive: true,
        neverExtractable: true,
      });
      await expect(keeper.generateRootKey()).rejects.toMatchObject({ code: 'Configuration' });
      expect((await keeper.selfTest()).filter(({ passed }) => !passed)).toEqual([]);
      expect((await keeper.describe()).mechanisms).toContain('AES_GCM');
      await keeper.close();
    });

    test('its value cannot be read, not even with the PIN', async () => {
      await makeKey('unreadable');
      const { stdout } = await run(
        process.execPath,
        ['-e', READ_VALUE, hsm.modulePath, LABEL, 'unreadable'],
        { cwd: __dirname, env: { ...process.env, PIN: hsm.pin } },
      );
      expect(stdout).toContain('CKR_ATTRIBUTE_SENSITIVE');
    });

    test('of two keys the one is taken under which the database was set up', async () => {
      await makeKey('one');
      const one = await openPkcs11Root(options('one'), []);
      const checkValue = await one.keyCheckValue();
      await one.close();
      const again = await openPkcs11Root(options('one'), [checkValue]);
      expect(await again.keyCheckValue()).toBe(checkValue);
      await again.close();
      expect(await refusalOf(openPkcs11Root(options('one'), ['0'.repeat(32)]))).toMatchObject({
        code: 'RootOfTrustMismatch',
      });
    });

    test.each([
      ['a library that is not there', { modulePath: '/nowhere/lib.so', tokenLabel: LABEL }],
      ['a token that is not there', { modulePath: hsm.modulePath, tokenLabel: 'another' }],
    ])('%s is said to be so', async (_name, target) => {
      const error = await refusalOf(openPkcs11Root({ ...options('one'), targets: [target] }, []));
      expect(error).toMatchObject({ code: 'RootOfTrustUnavailable', retryable: true });
    });

    test('a key that is not there is said to be so', async () => {
      expect(await refusalOf(openPkcs11Root(options('nothing'), []))).toMatchObject({
        code: 'RootOfTrustUnavailable',
        message: expect.stringContaining('holdfast hsm init') as string,
      });
    });

    test('where one token is away, the next is used', async () => {
      const targets = [
        { modulePath: hsm.modulePath, tokenLabel: 'another' },
        { modulePath: hsm.modulePath, tokenLabel: LABEL },
      ];
      await makeKey('next');
      const root = await openPkcs11Root({ ...options('next'), targets }, []);
      const wrapped = await root.wrap(SecretBytes.copyOf(Buffer.from('a key')), Buffer.alloc(0));
      expect((await root.unwrap(wrapped, Buffer.alloc(0))).reveal().toString()).toBe('a key');
      await root.close();
    });

    test('where one token goes away in use, its clone is used', async () => {
      await hsm.initToken('original');
      await makeKey('cloned', 'original');
      hsm.clone('original', 'clone');
      const targets = ['original', 'clone'].map((tokenLabel) => ({ modulePath: hsm.modulePath, tokenLabel }));
      const root = await openPkcs11Root({ ...options('cloned'), targets }, []);
      try {
        const aad = Buffer.from('aad');
        const wrapped = await root.wrap(SecretBytes.copyOf(Buffer.from('a key')), aad);
        hsm.removeToken('original');
        const removedMs = performance.now();
        expect((await root.unwrap(wrapped, aad)).reveal().toString()).toBe('a key');
        await expectShort(performance.now() - removedMs);
      } finally {
        await root.close();
      }
    });

    test('where one process loses its token, all go over to the clone: what is made there each of them finds', async () => {
      await hsm.initToken('lost');
      await makeKey('shared', 'lost');
      hsm.clone('lost', 'found');
      const targets = ['lost', 'found'].map((tokenLabel) => ({ modulePath: hsm.modulePath, tokenLabel }));
      const pool = await DevicePool.open({ ...options('shared'), mayWrite: true, targets });
      try {
        await until(() => pool.processIds.length === 2, 'both processes are ready');
        const [killed = 0] = pool.processIds;
        const bringBack = hsm.removeToken('lost');
        process.kill(killed, 'SIGKILL');
        await until(
          () => pool.processIds.length === 2 && !pool.processIds.includes(killed),
          'both are ready again',
        );
        bringBack();
        const keyId = 'ab'.repeat(16);
        await pool.request('generateHsmKey', { keyId, kind: 'aes', lengthBytes: 32 });
        const use = { keyId, use: 'encrypt', mechanism: 'AES_ECB', bytes: Buffer.alloc(16) } as const;
        const [one, ...others] = await Promise.all(
          Array.from({ length: 6 }, () => pool.request('compute', use)),
        );
        expect(others).toEqual(others.map(() => one));
      } finally {
        await pool.close();
      }
    });

    test('one that hangs while it is opened is left for its clone, at the start and in use', async () => {
      await hsm.initToken('slow');
      await makeKey('late', 'slow');
      hsm.clone('slow', 'quick');
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
      // Who loads a library from a pipe that nobody writes to waits for ever.
      execFileSync('mkfifo', [join(folder, 'hanging')]);
      const library = join(folder, 'library.so');
      const targets = [
        { modulePath: library, tokenLabel: 'slow' },
        { modulePath: hsm.modulePath, tokenLabel: 'quick' },
      ];
      const openRoot = () => openPkcs11Root({ ...options('late'), targets }, []);
      const aad = Buffer.from('aad');
      symlinkSync(hsm.modulePath, library);
      const root = await openRoot();
      const wrapped = await root.wrap(SecretBytes.copyOf(Buffer.from('a key')), aad);
      rmSync(library);
      symlinkSync(join(folder, 'hanging'), library);
      for (const processId of root.processIds) process.kill(processId, 'SIGKILL');
      const both = [Promise.resolve(root), openRoot()].map(async (opening) => {
        const each = await opening;
        expect((await each.unwrap(wrapped, aad)).reveal().toString()).toBe('a key');
        await each.close();
      });
      await Promise.all(both);
      rmSync(folder, { recursive: true });
    }, 60_000);

    test.each([
      ['CKR_GENERAL_ERROR', 0x05, 'device'],
      ['CKR_DEVICE_ERROR', 0x30, 'device'],
      ['CKR_DEVICE_REMOVED', 0x32, 'device'],
      ['CKR_SESSION_CLOSED', 0xb0, 'device'],
      ['CKR_SESSION_HANDLE_INVALID', 0xb3, 'device'],
      ['CKR_TOKEN_NOT_PRESENT', 0xe0, 'device'],
      ['CKR_USER_NOT_LOGGED_IN', 0x101, 'device'],
      ['CKR_PIN_INCORRECT', 0xa0, 'pin'],
      ['CKR_PIN_EXPIRED', 0xa3, 'pin', { isOfToken: true }],
      ['CKR_PIN_LOCKED', 0xa4, 'pin', { isOfToken: true }],
      ['CKR_USER_PIN_NOT_INITIALIZED', 0x102, 'pin', { isOfToken: true }],
      ['CKR_MECHANISM_INVALID', 0x70, 'refused'],
    ])('%s is told from faults of another kind', (name, code, kind, more: object = {}) => {
      expect(faultOf(Object.assign(new Error(name), { code }))).toEqual({ kind, message: name, ...more });
    });

    test('a wrong PIN is tried once', async () => {
      const wrong = SecretBytes.copyOf(Buffer.from('000000'));
      const targets = [options('one'), options('one')].flatMap((each) => each.targets);
      warnings.length = 0;
      expect(await refusalOf(openPkcs11Root({ ...options('one'), pin: wrong, targets }, []))).toMatchObject({
        code: 'Configuration',
        message: expect.stringContaining('CKR_PIN_INCORRECT') as string,
      });
      expect(warnings).toEqual([{ reason: 'CKR_PIN_INCORRECT', token: LABEL }]);
    });

    test('a token that is absent, or takes no PIN as it is, is passed over at the start for one that does', async () => {
      await run(process.execPath, ['-e', MAKE_WITHOUT_PIN, hsm.modulePath, 'blank'], {
        cwd: __dirname,
        env: { ...process.env },
      });
      await hsm.initToken('whole');
      await makeKey('guarded', 'whole');
      const labels = ['absent', 'blank', 'whole'];
      const targets = labels.map((tokenLabel) => ({ modulePath: hsm.modulePath, tokenLabel }));
      const open = () => openPkcs11Root({ ...options('guarded'), targets }, []);
      warnings.length = 0;
      let root = await open();
      try {
        // One that takes long to say something is passed over for that.
        for (; root.warning === undefined; root = await open()) await root.close();
        await until(() => root.processIds.length === 2, 'both processes are ready');
        expect(refusals()).toEqual([{ reason: 'CKR_USER_PIN_NOT_INITIALIZED', token: 'blank' }]);
        expect(root.warning).toContain('refused by "blank" (CKR_USER_PIN_NOT_INITIALIZED)');
      } finally {
        await root.close();
      }
      const [, blank] = targets;
      const refused = openPkcs11Root(
        { ...options('guarded'), targets: blank === undefined ? [] : [blank] },
        [],
      );
      expect(await refusalOf(refused)).toMatchObject({ code: 'Configuration' });
    });

    test('a PIN that tokens take no more is tried once at each; until the last one refuses it, the others are used', async () => {
      await hsm.initToken('first');
      await makeKey('guarded', 'first');
      hsm.clone('first', 'second');
      await changePin('second');
      const targets = ['first', 'second'].map((tokenLabel) => ({ modulePath: hsm.modulePath, tokenLabel }));
      const pool = await DevicePool.open({ ...options('guarded'), targets });
      const listed = () => pool.request('listRootKeys', { label: 'guarded' });
      const refused = { code: 'Configuration' };
      warnings.length = 0;
      try {
        await until(() => pool.processIds.length === 2, 'both processes are ready');
        const bringBack = hsm.removeToken('first');
        for (const processId of pool.processIds) process.kill(processId, 'SIGKILL');
        await until(() => refusals().length > 0, 'the second token refuses the PIN');
        bringBack();
        expect(await listed()).toHaveLength(1);
        await until(() => pool.processIds.length === 2, 'both processes are ready again');
        expect(refusals()).toEqual([{ reason: 'CKR_PIN_INCORRECT', token: 'second' }]);
        expect(pool.warning).toContain('refused by "second" (CKR_PIN_INCORRECT)');
        await changePin('first');
        for (const processId of pool.processIds) process.kill(processId, 'SIGKILL');
        await expect(listed()).rejects.toMatchObject(refused);
        await expect(listed()).rejects.toMatchObject(refused);
        expect(refusals()).toEqual(
          ['second', 'first'].map((token) => ({ reason: 'CKR_PIN_INCORRECT', token })),
        );
      } finally {
        await pool.close();
      }
    });

    describe('a pool of processes', () => {
      let pool: DevicePool;
      let keyId: string;
      const aad = Buffer.from('aad');

      beforeAll(async () => {
        await makeKey('pool');
        pool = await DevicePool.open(options('pool'));
        const [key] = await pool.request('listRootKeys', { label: 'pool' });
        keyId = key?.id ?? '';
      });
      afterAll(() => pool.close());

      async function roundTrip(text: string): Promise<string> {
        const wrapped = await pool.request('wrap', { keyId, bytes: Buffer.from(text), aad });
        return Buffer.from(await pool.request('unwrap', { keyId, bytes: wrapped, aad })).toString();
      }

      test('answers each of many requests, while its processes are killed again and again', async () => {
        let isDone = false;
        const killing = (async () => {
          for (let kills = 0; kills < 12; kills++) {
            await roundTrip('between two kills');
            for (const processId of pool.processIds.slice(0, 1)) process.kill(processId, 'SIGKILL');
          }
          isDone = true;
        })();
        let count = 0;
        while (!isDone) {
          const texts = Array.from({ length: 8 }, (_, index) => `request ${count + index}`);
          expect(await Promise.all(texts.map(roundTrip))).toEqual(texts);
          count += texts.length;
        }
        await killing;
      });

      test('comes back by itself when the token does', async () => {
        hsm.unplug();
        for (const processId of pool.processIds) process.kill(processId, 'SIGKILL');
        const waiting = roundTrip('asked while the token is away');
        hsm.plugIn();
        expect(await waiting).toBe('asked while the token is away');
      });

      test('takes a token that goes and comes back under living sessions', async () => {
        const before = pool.processIds;
        hsm.unplug();
        const waiting = roundTrip('asked while the token is away');
        // Its sessions ended by what the library said of them: nobody killed their processes.
        await until(
          () => pool.processIds.every((processId) => !before.includes(processId)),
          'the sessions end',
        );
        hsm.plugIn();
        const backMs = performance.now();
        expect(await waiting).toBe('asked while the token is away');
        expect(await roundTrip('asked afterwards')).toBe('asked afterwards');
        await expectShort(performance.now() - backMs);
      });

      test('ends a process that hangs, and asks another', async () => {
        const [hanging] = pool.processIds;
        if (hanging !== undefined) process.kill(hanging, 'SIGSTOP');
        const texts = Array.from({ length: 6 }, (_, index) => `request ${index}`);
        expect(await Promise.all(texts.map(roundTrip))).toEqual(texts);
      });
    });
  },
);
