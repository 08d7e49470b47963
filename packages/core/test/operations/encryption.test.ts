import {
  BlockCipherMode,
  CryptographicUsageMask,
  PaddingMethod,
  RevocationReasonCode,
  UsageLimitsUnit,
  type Attribute,
  type CryptographicParameters,
  KeyFormatType,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import { activate, decrypt, destroy, encrypt, revoke } from '@holdfast/core';
import { Harness } from './harness';
import { createKey, password, rawKey, refused, registerObject, valueOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { Encrypt, Decrypt, MACGenerate } = CryptographicUsageMask;
const CBC: CryptographicParameters = {
  blockCipherMode: BlockCipherMode.CBC,
  paddingMethod: PaddingMethod.PKCS5,
};
const GCM: CryptographicParameters = { blockCipherMode: BlockCipherMode.GCM, tagLengthBytes: 16 };
const ZERO_IV = Buffer.alloc(16);
const data = (text = 'sixteen byte text') => SecretBytes.copyOf(Buffer.from(text));
const active = (): Attribute => ({ key: 'ActivationDate', value: harness.nowSeconds - 10 });
const newKey = (...attributes: Attribute[]) => createKey(harness, active(), ...attributes);

async function encrypted(uniqueIdentifier: string, cryptographicParameters = CBC, ivCounterNonce?: Buffer) {
  const request = { uniqueIdentifier, cryptographicParameters, data: data(), ivCounterNonce };
  return harness.run(encrypt, request);
}

test('data comes back as it was: CBC with an IV of zeros, as storage systems send it', async () => {
  const uniqueIdentifier = await newKey();
  const answer = await encrypted(uniqueIdentifier, CBC, ZERO_IV);
  expect(answer).toMatchObject({ uniqueIdentifier, ivCounterNonce: undefined, correlationValue: undefined });
  const back = await harness.run(decrypt, {
    uniqueIdentifier,
    cryptographicParameters: CBC,
    data: answer.data,
    ivCounterNonce: ZERO_IV,
  });
  expect(back.data?.equals(data())).toBe(true);
});

test('parameters of the key stand in for those that a request leaves out', async () => {
  const uniqueIdentifier = await newKey({ key: 'CryptographicParameters', value: CBC });
  const { data: ciphertext } = await harness.run(encrypt, {
    uniqueIdentifier,
    data: data(),
    ivCounterNonce: ZERO_IV,
  });
  expect((await encrypted(uniqueIdentifier, CBC, ZERO_IV)).data?.equals(ciphertext ?? ZERO_IV)).toBe(true);
});

test('where neither says how, it is refused', async () => {
  const uniqueIdentifier = await newKey();
  const work = harness.run(encrypt, { uniqueIdentifier, data: data() });
  expect(await refused(work)).toBe('BadCryptographicParameters');
});

test('a random IV is told, a missing one is not made up', async () => {
  const uniqueIdentifier = await newKey();
  const answer = await encrypted(uniqueIdentifier, { ...GCM, randomIV: true });
  expect(answer.ivCounterNonce).toHaveLength(12);
  expect(answer.authenticatedEncryptionTag).toHaveLength(16);
  expect(await refused(encrypted(uniqueIdentifier, GCM))).toBe('MissingInitializationVector');
});

describe('an IV in front of the ciphertext', () => {
  test('is found where the IVs of the key are random', async () => {
    const uniqueIdentifier = await newKey({
      key: 'CryptographicParameters',
      value: { ...CBC, randomIV: true },
    });
    const { data: ciphertext, ivCounterNonce } = await harness.run(encrypt, {
      uniqueIdentifier,
      data: data(),
    });
    const both = Buffer.concat([ivCounterNonce ?? ZERO_IV, ciphertext ?? ZERO_IV]);
    for (const cryptographicParameters of [undefined, CBC]) {
      const request = { uniqueIdentifier, cryptographicParameters, data: both };
      expect((await harness.run(decrypt, request)).data?.equals(data())).toBe(true);
    }
  });

  test('is not looked for elsewhere', async () => {
    const uniqueIdentifier = await newKey();
    const request = { uniqueIdentifier, cryptographicParameters: CBC, data: Buffer.alloc(48) };
    expect(await refused(harness.run(decrypt, request))).toBe('MissingInitializationVector');
  });
});

test('before 1.4 a tag stands behind the ciphertext', async () => {
  const uniqueIdentifier = await newKey();
  const request = {
    uniqueIdentifier,
    cryptographicParameters: GCM,
    data: data(),
    ivCounterNonce: Buffer.alloc(12),
  };
  const [older, newer] = [await harness.run(encrypt, request, '1.2'), await harness.run(encrypt, request)];
  const tag = newer.authenticatedEncryptionTag ?? ZERO_IV;
  expect(older.data).toEqual(Buffer.concat([newer.data ?? ZERO_IV, tag]));
  expect(older.authenticatedEncryptionTag).toBeUndefined();
  const back = await harness.run(decrypt, { ...request, data: older.data }, '1.3');
  expect(back.data?.equals(data())).toBe(true);
});

describe('a key', () => {
  const decrypting = (uniqueIdentifier: string) =>
    harness.run(decrypt, {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      // No whole number of blocks: under no key is this a ciphertext. One block would be, under one key in 256.
      data: Buffer.alloc(17),
      ivCounterNonce: ZERO_IV,
    });
  const both = async (uniqueIdentifier: string) => [
    await refused(encrypted(uniqueIdentifier, CBC, ZERO_IV)),
    await refused(decrypting(uniqueIdentifier)),
  ];
  /** It decrypts: what it is given is no ciphertext of CBC with padding. */
  const DECRYPTS = 'CryptographicFailure';
  const WRONG = 'WrongKeyLifecycleState';

  test.each([
    [Encrypt, [undefined, 'IncompatibleCryptographicUsageMask']],
    [Decrypt, ['IncompatibleCryptographicUsageMask', DECRYPTS]],
    [MACGenerate, ['IncompatibleCryptographicUsageMask', 'IncompatibleCryptographicUsageMask']],
  ])('with the usage mask %d does what that allows', async (value, expected) => {
    expect(await both(await newKey({ key: 'CryptographicUsageMask', value }))).toEqual(expected);
  });

  test('protects while it is active, and processes until it is gone', async () => {
    const uniqueIdentifier = await createKey(harness);
    expect(await both(uniqueIdentifier)).toEqual([WRONG, WRONG]);
    await harness.run(activate, { uniqueIdentifier });
    expect(await both(uniqueIdentifier)).toEqual([undefined, DECRYPTS]);
    const revoking = (revocationReasonCode: RevocationReasonCode) =>
      harness.run(revoke, { uniqueIdentifier, revocationReason: { revocationReasonCode } });
    await revoking(RevocationReasonCode.CessationOfOperation);
    expect(await both(uniqueIdentifier)).toEqual([WRONG, DECRYPTS]);
    await revoking(RevocationReasonCode.KeyCompromise);
    expect(await both(uniqueIdentifier)).toEqual([WRONG, DECRYPTS]);
    await harness.run(destroy, { uniqueIdentifier });
    expect(await both(uniqueIdentifier)).toEqual([WRONG, WRONG]);
  });

  test('minds its Process Start Date and Protect Stop Date', async () => {
    const early = await newKey({ key: 'ProcessStartDate', value: harness.nowSeconds + 100 });
    expect(await both(early)).toEqual([undefined, WRONG]);
    const late = await newKey({ key: 'ProtectStopDate', value: harness.nowSeconds - 1 });
    expect(await both(late)).toEqual([WRONG, DECRYPTS]);
    // Each from its very second on.
    const now = await newKey(
      { key: 'ProcessStartDate', value: harness.nowSeconds },
      { key: 'ProtectStopDate', value: harness.nowSeconds },
    );
    expect(await both(now)).toEqual([WRONG, DECRYPTS]);
  });

  test('serves a reader of its domain, and nobody else', async () => {
    const uniqueIdentifier = await newKey();
    const request = { uniqueIdentifier, cryptographicParameters: CBC, data: data(), ivCounterNonce: ZERO_IV };
    expect((await harness.as('reader').run(encrypt, request)).data).toHaveLength(32);
    const stranger = harness.as('user', '33333333-3333-4333-8333-333333333333');
    expect(await refused(stranger.run(encrypt, request))).toBe('ObjectNotFound');
  });

  test('has to be one', async () => {
    const uniqueIdentifier = await registerObject(harness, password('secret'));
    expect(await both(uniqueIdentifier)).toEqual(['InvalidObjectType', 'InvalidObjectType']);
  });

  test('that came wrapped is not opened', async () => {
    const wrapped = rawKey('00'.repeat(24), {
      cryptographicLengthBits: 128,
      keyWrappingData: { wrappingMethod: 1, encodingOption: 1 },
      keyValue: { encoded: SecretBytes.copyOf(Buffer.alloc(24)) },
    });
    const uniqueIdentifier = await registerObject(harness, wrapped, [
      active(),
      { key: 'CryptographicUsageMask', value: Encrypt | Decrypt },
    ]);
    expect(await both(uniqueIdentifier)).toEqual(['KeyValueNotPresent', 'KeyValueNotPresent']);
  });

  test('of a format that means nothing is none that could be used', async () => {
    const opaque = rawKey('00'.repeat(16), { keyFormatType: KeyFormatType.Opaque });
    const uniqueIdentifier = await registerObject(harness, opaque, [
      active(),
      { key: 'CryptographicUsageMask', value: Encrypt | Decrypt },
    ]);
    expect(await both(uniqueIdentifier)).toEqual(['KeyValueNotPresent', 'KeyValueNotPresent']);
  });
});

describe('Usage Limits', () => {
  const limited = (usageLimitsUnit: UsageLimitsUnit, usageLimitsTotal: bigint) =>
    newKey({ key: 'UsageLimits', value: { usageLimitsTotal, usageLimitsUnit } });
  const countOf = async (uniqueIdentifier: string) =>
    (await valueOf(harness, uniqueIdentifier, 'UsageLimits'))?.usageLimitsCount;

  test('by objects count what is encrypted, not what is decrypted', async () => {
    const uniqueIdentifier = await limited(UsageLimitsUnit.Object, 2n);
    const { data: ciphertext } = await encrypted(uniqueIdentifier, CBC, ZERO_IV);
    expect(await countOf(uniqueIdentifier)).toBe(1n);
    await encrypted(uniqueIdentifier, CBC, ZERO_IV);
    expect(await refused(encrypted(uniqueIdentifier, CBC, ZERO_IV))).toBe('UsageLimitExceeded');
    const back = {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      ivCounterNonce: ZERO_IV,
      data: ciphertext,
    };
    expect((await harness.run(decrypt, back)).data?.equals(data())).toBe(true);
    expect(await countOf(uniqueIdentifier)).toBe(0n);
  });

  test('by objects count several parts once', async () => {
    const uniqueIdentifier = await limited(UsageLimitsUnit.Object, 1n);
    const { correlationValue } = await harness.run(encrypt, {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      ivCounterNonce: ZERO_IV,
      data: data(),
      initIndicator: true,
    });
    expect(await countOf(uniqueIdentifier)).toBe(0n);
    await harness.run(encrypt, { correlationValue, data: data() });
    await harness.run(encrypt, { correlationValue, data: data(), finalIndicator: true });
    expect(await refused(encrypted(uniqueIdentifier, CBC, ZERO_IV))).toBe('UsageLimitExceeded');
  });

  test('by bytes count each part', async () => {
    const uniqueIdentifier = await limited(UsageLimitsUnit.Byte, 20n);
    const first = await harness.run(encrypt, {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      ivCounterNonce: ZERO_IV,
      data: data(),
      initIndicator: true,
    });
    expect(await countOf(uniqueIdentifier)).toBe(3n);
    const { correlationValue } = first;
    expect(await refused(harness.run(encrypt, { correlationValue, data: data() }))).toBe(
      'UsageLimitExceeded',
    );
    await harness.run(encrypt, { correlationValue, data: data('abc'), finalIndicator: true });
    expect(await countOf(uniqueIdentifier)).toBe(0n);
  });

  test('are spent exactly by two hundred requests that come at once', async () => {
    const uniqueIdentifier = await limited(UsageLimitsUnit.Object, 150n);
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, () => refused(encrypted(uniqueIdentifier, CBC, ZERO_IV))),
    );
    expect(outcomes.filter((code) => code === undefined)).toHaveLength(150);
    expect(outcomes.filter((code) => code === 'UsageLimitExceeded')).toHaveLength(50);
    expect(await countOf(uniqueIdentifier)).toBe(0n);
  });

  test('a part that runs again after another request does not go through its stream twice', async () => {
    const uniqueIdentifier = await limited(UsageLimitsUnit.Byte, 10_000n);
    const stream = async () => {
      const begun = await harness.run(encrypt, {
        uniqueIdentifier,
        cryptographicParameters: CBC,
        ivCounterNonce: ZERO_IV,
        data: data('0123456789'),
        initIndicator: true,
      });
      const { correlationValue } = begun;
      const next = await harness.run(encrypt, { correlationValue, data: data('0123456789') });
      const last = await harness.run(encrypt, { correlationValue, data: data('x'), finalIndicator: true });
      return Buffer.concat([begun, next, last].map((answer) => answer.data ?? Buffer.alloc(0)));
    };
    const [one, ...others] = await Promise.all([stream(), stream(), stream()]);
    expect(one).toHaveLength(32);
    for (const other of others) expect(other).toEqual(one);
    expect(await countOf(uniqueIdentifier)).toBe(10_000n - 63n);
  });
});

describe('by parts', () => {
  const begin = async (uniqueIdentifier: string, parameters = GCM) =>
    harness.run(encrypt, {
      uniqueIdentifier,
      cryptographicParameters: parameters,
      ivCounterNonce: Buffer.alloc(parameters === GCM ? 12 : 16),
      data: data('first '),
      initIndicator: true,
    });

  test('the ciphertext is that of all data, the tag comes with the last part', async () => {
    const uniqueIdentifier = await newKey();
    const first = await begin(uniqueIdentifier);
    const { correlationValue } = first;
    const next = await harness.run(encrypt, { uniqueIdentifier, correlationValue, data: data('second ') });
    expect(next.correlationValue).toEqual(correlationValue);
    const last = await harness.run(encrypt, { correlationValue, data: data('third'), finalIndicator: true });
    expect(last.correlationValue).toBeUndefined();
    const whole = await harness.run(encrypt, {
      uniqueIdentifier,
      cryptographicParameters: GCM,
      ivCounterNonce: Buffer.alloc(12),
      data: data('first second third'),
    });
    const parts = [first, next, last].map((answer) => answer.data ?? Buffer.alloc(0));
    expect(Buffer.concat(parts)).toEqual(whole.data);
    expect([first.authenticatedEncryptionTag, next.authenticatedEncryptionTag]).toEqual([
      undefined,
      undefined,
    ]);
    expect(last.authenticatedEncryptionTag).toEqual(whole.authenticatedEncryptionTag);
  });

  test('decryption releases nothing before its tag has been verified', async () => {
    const uniqueIdentifier = await newKey();
    const { data: ciphertext, authenticatedEncryptionTag } = await encrypted(
      uniqueIdentifier,
      GCM,
      Buffer.alloc(12),
    );
    const start = (tag: Buffer | undefined) =>
      harness.run(decrypt, {
        uniqueIdentifier,
        cryptographicParameters: GCM,
        ivCounterNonce: Buffer.alloc(12),
        authenticatedEncryptionTag: tag,
        data: ciphertext,
        initIndicator: true,
      });
    const right = await start(authenticatedEncryptionTag);
    expect(right.data).toBeUndefined();
    const { correlationValue } = right;
    const end = await harness.run(decrypt, { correlationValue, finalIndicator: true });
    expect(end.data?.equals(data())).toBe(true);
    const wrong = (await start(Buffer.alloc(16))).correlationValue;
    const failing = harness.run(decrypt, { correlationValue: wrong, finalIndicator: true });
    expect(await refused(failing)).toBe('CryptographicFailure');
    const again = harness.run(decrypt, { correlationValue: wrong, finalIndicator: true });
    expect(await refused(again)).toBe('InvalidCorrelationValue');
  });

  test('a stream belongs to its client, operation and object, and ends with its last part or a failure', async () => {
    const uniqueIdentifier = await newKey();
    const { correlationValue } = await begin(uniqueIdentifier, CBC);
    const last = { correlationValue, finalIndicator: true };
    const INVALID = 'InvalidCorrelationValue';
    expect(await refused(harness.as('user').run(encrypt, last))).toBe(INVALID);
    expect(await refused(harness.run(decrypt, last))).toBe(INVALID);
    const other = { ...last, uniqueIdentifier: await newKey() };
    expect(await refused(harness.run(encrypt, other))).toBe(INVALID);
    expect((await harness.run(encrypt, last)).data).toHaveLength(16);
    expect(await refused(harness.run(encrypt, { ...last }))).toBe(INVALID);
  });

  test('ends when its key is revoked', async () => {
    const uniqueIdentifier = await newKey();
    const { correlationValue } = await begin(uniqueIdentifier, CBC);
    await harness.run(revoke, {
      uniqueIdentifier,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
    });
    const going = harness.run(encrypt, { correlationValue, data: data() });
    expect(await refused(going)).toBe('WrongKeyLifecycleState');
  });

  test.each([
    ['InvalidMessage', {}],
    ['InvalidMessage', { finalIndicator: true }],
    ['InvalidField', { correlationValue: Buffer.alloc(16), initIndicator: true, data: data() }],
    ['InvalidCorrelationValue', { correlationValue: Buffer.alloc(16), data: data() }],
  ])('%s: %p', async (code, request) => {
    const uniqueIdentifier = await newKey();
    const work = harness.run(encrypt, {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      ivCounterNonce: ZERO_IV,
      ...request,
    });
    expect(await refused(work)).toBe(code);
  });

  test('additional data comes with the first part, or it would not be authenticated', async () => {
    const uniqueIdentifier = await newKey();
    const late = { finalIndicator: true, additionalData: Buffer.from('late') };
    const { correlationValue } = await begin(uniqueIdentifier);
    expect(await refused(harness.run(encrypt, { correlationValue, ...late }))).toBe('InvalidField');
    const sealed = await encrypted(uniqueIdentifier, GCM, Buffer.alloc(12));
    const { correlationValue: opening } = await harness.run(decrypt, {
      uniqueIdentifier,
      cryptographicParameters: GCM,
      ivCounterNonce: Buffer.alloc(12),
      authenticatedEncryptionTag: sealed.authenticatedEncryptionTag,
      data: sealed.data,
      initIndicator: true,
    });
    expect(await refused(harness.run(decrypt, { correlationValue: opening, ...late }))).toBe('InvalidField');
  });

  test('a client has so many streams and no more', async () => {
    const crowd = harness.as('user');
    const uniqueIdentifier = await newKey();
    const start = () =>
      crowd.run(encrypt, {
        uniqueIdentifier,
        cryptographicParameters: CBC,
        ivCounterNonce: ZERO_IV,
        initIndicator: true,
      });
    for (let count = 0; count < 64; count++) await start();
    expect(await refused(start())).toBe('ServerLimitExceeded');
    expect((await begin(uniqueIdentifier)).correlationValue).toHaveLength(16);
  });
});
