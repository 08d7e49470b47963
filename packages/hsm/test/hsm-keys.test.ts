import { execFile } from 'node:child_process';
import {
  constants,
  createHmac,
  createPublicKey,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  SecretBytes,
  type HsmComputation,
  type HsmCurve,
  type HsmKeys,
  type RootOfTrust,
} from '@holdfast/core';
import { SOFT_HSM_MODULE, SoftHsm } from '@holdfast/testkit';
import { until } from '../../../test/support/until';
import { openPkcs11Root, TokenKeeper } from '../src';
import { CURVES, pointIn } from '../src/pkcs11/curves';

const isRequired = process.env['CI'] === 'true';
const LABEL = 'holdfast';

test.each(['P-256', 'P-384', 'P-521'] as const)(
  'a point of %s is the same alone and in DER, whatever its coordinates begin with',
  (curve) => {
    const { pointBytes } = CURVES[curve];
    // The second byte would be the length of what follows, were it DER.
    const point = Buffer.alloc(pointBytes, 7).fill(Buffer.of(4, pointBytes - 2), 0, 2);
    const length = pointBytes < 128 ? [pointBytes] : [0x81, pointBytes];
    expect(pointIn(point, curve)).toEqual(point);
    expect(pointIn(Buffer.concat([Buffer.of(4, ...length), point]), curve)).toEqual(point);
  },
);

(SOFT_HSM_MODULE === undefined && !isRequired ? describe.skip : describe)(
  'keys inside a token (skipped where the system package softhsm2 is missing)',
  () => {
    const hsm = new SoftHsm();
    const log = { info: () => undefined, warn: () => undefined };
    let before: string | undefined;
    let root: RootOfTrust;
    let keys: HsmKeys;

    beforeAll(async () => {
      before = process.env['SOFTHSM2_CONF'];
      process.env['SOFTHSM2_CONF'] = hsm.environment.SOFTHSM2_CONF;
      await hsm.initToken(LABEL);
      const options = {
        targets: [{ modulePath: hsm.modulePath, tokenLabel: LABEL }],
        pin: SecretBytes.copyOf(Buffer.from(hsm.pin)),
        log,
        keyLabel: 'root',
      };
      const keeper = await TokenKeeper.open({ ...options, mayWrite: true });
      await keeper.generateRootKey().finally(() => keeper.close());
      root = await openPkcs11Root(options, []);
      if (root.hsmKeys === undefined) throw new Error('this root has a token');
      keys = root.hsmKeys;
    });
    afterAll(async () => {
      await root.close();
      if (before === undefined) delete process.env['SOFTHSM2_CONF'];
      else process.env['SOFTHSM2_CONF'] = before;
      hsm.remove();
    });

    const newId = (): string => randomBytes(16).toString('hex');
    const newKey = async (kind: 'aes' | 'hmac' = 'aes', lengthBytes = 32): Promise<string> => {
      const keyId = newId();
      await keys.request('generateHsmKey', { keyId, kind, lengthBytes });
      return keyId;
    };
    const compute = async (computation: HsmComputation): Promise<Buffer> =>
      Buffer.from(await keys.request('compute', computation));

    test.each(['AES_ECB', 'AES_CBC', 'AES_GCM'] as const)('%s there and back', async (mechanism) => {
      const keyId = await newKey();
      const text = randomBytes(mechanism === 'AES_GCM' ? 45 : 48);
      const iv = mechanism === 'AES_ECB' ? undefined : randomBytes(mechanism === 'AES_GCM' ? 12 : 16);
      const additionalData = mechanism === 'AES_GCM' ? Buffer.from('with it') : undefined;
      const common = { keyId, mechanism, iv, additionalData, tagLengthBytes: 16 };
      const sealed = await compute({ ...common, use: 'encrypt', bytes: text });
      expect(sealed.length).toBe(text.length + (mechanism === 'AES_GCM' ? 16 : 0));
      expect(await compute({ ...common, use: 'decrypt', bytes: sealed })).toEqual(text);
    });

    test('no data at all has a tag and MACs, too', async () => {
      const [keyId, macKeyId] = [await newKey(), await newKey('hmac')];
      const bytes = Buffer.alloc(0);
      const common = { keyId, mechanism: 'AES_GCM', iv: randomBytes(12), tagLengthBytes: 16 } as const;
      const tag = await compute({ ...common, use: 'encrypt', bytes });
      expect(tag).toHaveLength(16);
      expect(await compute({ ...common, use: 'decrypt', bytes: tag })).toHaveLength(0);
      expect(await compute({ keyId, use: 'sign', mechanism: 'AES_CMAC', bytes })).toHaveLength(16);
      expect(await compute({ keyId: macKeyId, use: 'sign', mechanism: 'SHA256_HMAC', bytes })).toHaveLength(
        32,
      );
    });

    test('altered ciphertext is refused, and the device goes on', async () => {
      const keyId = await newKey();
      const processIds = [...root.processIds];
      const common = { keyId, mechanism: 'AES_GCM', iv: randomBytes(12) } as const;
      const sealed = await compute({ ...common, use: 'encrypt', bytes: randomBytes(20) });
      sealed[0] = (sealed[0] ?? 0) ^ 1;
      await expect(compute({ ...common, use: 'decrypt', bytes: sealed })).rejects.toMatchObject({
        code: 'CryptographicFailure',
      });
      const part = { keyId, mechanism: 'AES_CBC', iv: randomBytes(16), use: 'encrypt' } as const;
      await expect(compute({ ...part, bytes: randomBytes(5) })).rejects.toMatchObject({
        code: 'CryptographicFailure',
      });
      // The other process may still have been opening the token.
      expect(root.processIds).toEqual(expect.arrayContaining(processIds));
    });

    test('a key is not taken for destroyed while its token is away', async () => {
      const keyId = await newKey();
      const use = { keyId, use: 'encrypt', mechanism: 'AES_ECB', bytes: Buffer.alloc(16) } as const;
      hsm.unplug();
      // The sessions are left as they are: they find nothing, and no fault.
      const destroyed = keys.request('destroyHsmKey', { keyId });
      await until(() => root.processIds.length === 0, 'the sessions end');
      hsm.plugIn();
      await destroyed;
      await expect(compute(use)).rejects.toMatchObject({ code: 'RootOfTrustUnavailable' });
    });

    test.each([
      ['AES_KEY_WRAP', 40],
      ['AES_KEY_WRAP_PAD', 40],
    ] as const)('%s there and back, for %d bytes', async (mechanism, size) => {
      const keyId = await newKey();
      const value = randomBytes(size);
      const wrapped = await compute({ keyId, use: 'wrap', mechanism, bytes: value });
      expect(await compute({ keyId, use: 'unwrap', mechanism, bytes: wrapped })).toEqual(value);
      wrapped[3] = (wrapped[3] ?? 0) ^ 1;
      await expect(compute({ keyId, use: 'unwrap', mechanism, bytes: wrapped })).rejects.toMatchObject({
        code: 'CryptographicFailure',
      });
    });

    test('HMAC and CMAC', async () => {
      const keyId = await newKey('hmac');
      const bytes = randomBytes(100);
      const lengths = new Map([
        ['SHA256_HMAC', 32],
        ['SHA_1_HMAC', 20],
      ] as const);
      for (const [mechanism, length] of lengths) {
        const mac = await compute({ keyId, use: 'sign', mechanism, bytes });
        expect(mac.length).toBe(length);
        expect(await compute({ keyId, use: 'sign', mechanism, bytes })).toEqual(mac);
        expect(mac).not.toEqual(createHmac('sha256', '').update(bytes).digest());
      }
      const aes = await newKey();
      expect((await compute({ keyId: aes, use: 'sign', mechanism: 'AES_CMAC', bytes })).length).toBe(16);
    });

    test('an RSA pair: what is signed and decrypted inside goes with its public key', async () => {
      const keyId = newId();
      const pair = await keys.request('generateHsmKeyPair', { keyId, kind: { rsaBits: 2048 } });
      if (!('modulus' in pair)) throw new Error('this is an RSA key');
      const encode = (number: Uint8Array) => Buffer.from(number).toString('base64url');
      const key = createPublicKey({
        format: 'jwk',
        key: { kty: 'RSA', n: encode(pair.modulus), e: encode(pair.publicExponent) },
      });
      const padding = constants.RSA_NO_PADDING;
      const message = Buffer.concat([Buffer.alloc(1), randomBytes(255)]);
      const signature = await compute({ keyId, use: 'sign', mechanism: 'RSA_X_509', bytes: message });
      expect(publicDecrypt({ key, padding }, signature)).toEqual(message);
      const bytes = publicEncrypt({ key, padding }, message);
      expect(await compute({ keyId, use: 'decrypt', mechanism: 'RSA_X_509', bytes })).toEqual(message);
    });

    test.each([
      ['P-256', 32],
      ['P-384', 48],
      ['P-521', 66],
    ] as readonly (readonly [HsmCurve, number])[])('an EC pair over %s', async (curve, length) => {
      const keyId = newId();
      const pair = await keys.request('generateHsmKeyPair', { keyId, kind: { curve } });
      if (!('point' in pair)) throw new Error('this is an EC key');
      const point = Buffer.from(pair.point);
      expect(point.length).toBe(1 + 2 * length);
      const [x, y] = [point.subarray(1, 1 + length), point.subarray(1 + length)].map((each) =>
        each.toString('base64url'),
      );
      const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: curve, x: x ?? '', y: y ?? '' } });
      const data = randomBytes(10);
      const digest = Buffer.from(await crypto.subtle.digest({ name: 'SHA-256' }, data));
      const signature = await compute({ keyId, use: 'sign', mechanism: 'ECDSA', bytes: digest });
      expect(verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
    });

    test('a key that is made twice is one key; one that is destroyed is absent in every process', async () => {
      const keyId = await newKey();
      const ecb = { keyId, mechanism: 'AES_ECB', bytes: Buffer.alloc(16), use: 'encrypt' } as const;
      const uses = () => Promise.allSettled([compute(ecb), compute(ecb), compute(ecb), compute(ecb)]);
      const first = await compute(ecb);
      await keys.request('generateHsmKey', { keyId, kind: 'aes', lengthBytes: 32 });
      for (const outcome of await uses()) expect(outcome).toMatchObject({ value: first });
      await keys.request('destroyHsmKey', { keyId });
      await keys.request('destroyHsmKey', { keyId });
      for (const outcome of await uses()) {
        expect(outcome).toMatchObject({ reason: { code: 'RootOfTrustUnavailable' } });
      }
    });

    test('what the token does not have is refused as that', async () => {
      const keyId = await newKey('hmac');
      const wrong = { keyId, use: 'encrypt', mechanism: 'AES_ECB', bytes: Buffer.alloc(16) } as const;
      await expect(compute(wrong)).rejects.toMatchObject({ code: 'UnsupportedCryptographicParameters' });
    });

    test('a length of which the token makes no keys is refused as that, and the device goes on', async () => {
      const processIds = [...root.processIds];
      await expect(newKey('aes', 64)).rejects.toMatchObject({
        code: 'UnsupportedCryptographicParameters',
        retryable: false,
      });
      // The other process may still have been opening the token.
      expect(root.processIds).toEqual(expect.arrayContaining(processIds));
    });

    test('while pairs are made everything else goes on, and they wait for each other whatever the clock does', async () => {
      await until(() => root.processIds.length === 2, 'both processes are ready');
      const [first = 0] = root.processIds;
      const done: string[] = [];
      const pair = async (): Promise<void> => {
        await keys.request('generateHsmKeyPair', { keyId: newId(), kind: { curve: 'P-256' } });
        done.push('pair');
      };
      const random = async (): Promise<void> => {
        await keys.request('random', { lengthBytes: 8 });
        done.push('random');
      };
      const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
      process.kill(first, 'SIGSTOP');
      const pairs = [pair(), pair()];
      try {
        await Promise.all([random(), random()]);
      } finally {
        process.kill(first, 'SIGCONT');
        clock.mockRestore();
      }
      await Promise.all(pairs);
      expect(done).toEqual(['random', 'random', 'pair', 'pair']);
    });

    test('a pair that waits for another one is made in the end, however long that takes', async () => {
      await until(() => root.processIds.length === 2, 'both processes are ready');
      const stopped = [...root.processIds];
      const signal = (name: NodeJS.Signals) => stopped.forEach((processId) => process.kill(processId, name));
      const pair = () =>
        keys.request('generateHsmKeyPair', { keyId: newId(), kind: { curve: 'P-256' } }).then(() => 'made');
      const random = () =>
        keys.request('random', { lengthBytes: 8 }).then(
          () => 'drawn',
          (error: unknown) => (error as Error).message,
        );
      signal('SIGSTOP');
      const pairs = [pair(), pair()];
      const under = random();
      const waiting = random();
      const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 20_000);
      try {
        // Whatever has waited too long has been refused by now.
        expect(await waiting).toContain('are busy');
      } finally {
        clock.mockRestore();
        signal('SIGCONT');
      }
      expect(await Promise.all([...pairs, under])).toEqual(['made', 'made', 'drawn']);
    });

    test('of the public half of a pair nothing stays in the session', async () => {
      const script = `
        const { Module, ObjectClass } = require('graphene-pk11');
        const [deviceFile, modulePath, tokenLabel, pin, ...keyIds] = process.argv.slice(1);
        const { Device } = require(deviceFile);
        const device = Device.open({ modulePath, tokenLabel }, pin, true);
        for (const keyId of keyIds) device.calls.generateHsmKeyPair({ keyId, kind: { curve: 'P-256' } });
        const session = Module.load(modulePath).getSlots(0, true).open();
        const count = (objectClass) => session.find({ class: objectClass }).length;
        console.log(count(ObjectClass.PUBLIC_KEY), count(ObjectClass.PRIVATE_KEY) >= keyIds.length);`;
      const deviceFile = join(__dirname, '../dist/pkcs11/device.js');
      const given = [deviceFile, hsm.modulePath, LABEL, hsm.pin, newId(), newId()];
      const { env } = process;
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, ...given], { env });
      expect(stdout.trim()).toBe('0 true');
    });
  },
);
