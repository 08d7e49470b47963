import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  PaddingMethod,
  RecommendedCurve,
  RevocationReasonCode,
  UsageLimitsUnit,
  ValidityIndicator,
  type Attribute,
  type CryptographicParameters,
} from '@holdfast/kmip';
import { SecretBytes } from '@holdfast/ttlv';
import {
  createKeyPair,
  decrypt,
  encrypt,
  hash,
  mac,
  macVerify,
  revoke,
  rngSeed,
  sign,
  signatureVerify,
} from '@holdfast/core';
import { Harness } from './harness';
import { asking, createKey, rawKey, refused, registerObject, valueOf } from './requests';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.close());

const { Sign, Verify, MACGenerate, MACVerify, Encrypt, Decrypt } = CryptographicUsageMask;
const { Valid, Invalid } = ValidityIndicator;
const data = (text: string) => SecretBytes.copyOf(Buffer.from(text));
const active = (): Attribute => ({ key: 'ActivationDate', value: harness.nowSeconds - 10 });
const usage = (value: number): Attribute => ({ key: 'CryptographicUsageMask', value });
const ECDSA_SHA256: CryptographicParameters = { hashingAlgorithm: HashingAlgorithm.SHA_256 };

async function newPair(
  algorithm: CryptographicAlgorithm,
  masks: readonly [number, number],
  ...more: Attribute[]
) {
  const made = await harness.run(createKeyPair, {
    commonAttributes: asking({ key: 'CryptographicAlgorithm', value: algorithm }, active(), ...more),
    privateKeyAttributes: asking(usage(masks[0])),
    publicKeyAttributes: asking(usage(masks[1])),
  });
  return { privateKey: made.privateKeyUniqueIdentifier, publicKey: made.publicKeyUniqueIdentifier };
}
const ecPair = (...more: Attribute[]) =>
  newPair(
    CryptographicAlgorithm.ECDSA,
    [Sign, Verify],
    { key: 'CryptographicDomainParameters', value: { recommendedCurve: RecommendedCurve.P_256 } },
    { key: 'CryptographicParameters', value: ECDSA_SHA256 },
    ...more,
  );

describe('Sign and Signature Verify', () => {
  test('go by the parameters of the keys', async () => {
    const { privateKey, publicKey } = await ecPair();
    const signed = await harness.run(sign, { uniqueIdentifier: privateKey, data: data('text') });
    expect(signed.uniqueIdentifier).toBe(privateKey);
    const verify = async (text: string) => {
      const { signatureData } = signed;
      const request = { uniqueIdentifier: publicKey, data: data(text), signatureData };
      return (await harness.run(signatureVerify, request)).validityIndicator;
    };
    expect([await verify('text'), await verify('else')]).toEqual([Valid, Invalid]);
  });

  test('take data in parts, and a signature with any of them', async () => {
    const { privateKey, publicKey } = await ecPair();
    const begun = await harness.run(sign, {
      uniqueIdentifier: privateKey,
      data: data('te'),
      initIndicator: true,
    });
    expect(begun.signatureData).toBeUndefined();
    const { correlationValue } = begun;
    const { signatureData } = await harness.run(sign, {
      correlationValue,
      data: data('xt'),
      finalIndicator: true,
    });
    for (const [first, last] of [
      [signatureData, undefined],
      [undefined, signatureData],
      [signatureData, signatureData],
    ]) {
      const started = await harness.run(signatureVerify, {
        uniqueIdentifier: publicKey,
        data: data('text'),
        signatureData: first,
        initIndicator: true,
      });
      expect(started.validityIndicator).toBeUndefined();
      const { correlationValue: stream } = started;
      const request = { correlationValue: stream, signatureData: last, finalIndicator: true };
      expect((await harness.run(signatureVerify, request)).validityIndicator).toBe(Valid);
    }
    const start = { uniqueIdentifier: publicKey, signatureData, data: data('text'), initIndicator: true };
    const { correlationValue: stream } = await harness.run(signatureVerify, start);
    const other = { correlationValue: stream, signatureData: Buffer.alloc(3), finalIndicator: true };
    expect(await refused(harness.run(signatureVerify, other))).toBe('InvalidField');
    const without = { uniqueIdentifier: publicKey, data: data('text') };
    expect(await refused(harness.run(signatureVerify, without))).toBe('InvalidMessage');
  });

  test('take a digest alone: without data, and not in parts', async () => {
    const { privateKey, publicKey } = await ecPair();
    const text = data('text');
    const digested = await harness.run(hash, { cryptographicParameters: ECDSA_SHA256, data: text });
    const digestedData = new SecretBytes(digested.data ?? Buffer.alloc(0));
    const { signatureData } = await harness.run(sign, { uniqueIdentifier: privateKey, digestedData });
    for (const source of [{ data: text }, { digestedData }]) {
      const request = { uniqueIdentifier: publicKey, signatureData, ...source };
      expect((await harness.run(signatureVerify, request)).validityIndicator).toBe(Valid);
    }
    for (const more of [{ data: text }, { initIndicator: true }]) {
      const request = { uniqueIdentifier: privateKey, digestedData, ...more };
      expect(await refused(harness.run(sign, request))).toBe('InvalidField');
    }
  });

  test('ask for the right half, its usage and its state', async () => {
    const { privateKey, publicKey } = await ecPair();
    const signing = (uniqueIdentifier: string) => harness.run(sign, { uniqueIdentifier, data: data('text') });
    const { signatureData } = await signing(privateKey);
    const verifying = (uniqueIdentifier: string) =>
      harness.run(signatureVerify, { uniqueIdentifier, data: data('text'), signatureData });
    expect(await refused(signing(publicKey))).toBe('InvalidObjectType');
    expect(await refused(verifying(privateKey))).toBe('InvalidObjectType');
    const other = await newPair(CryptographicAlgorithm.RSA, [Decrypt, Encrypt]);
    expect(await refused(signing(other.privateKey))).toBe('IncompatibleCryptographicUsageMask');
    expect(await refused(verifying(other.publicKey))).toBe('IncompatibleCryptographicUsageMask');
    for (const uniqueIdentifier of [privateKey, publicKey]) {
      const revocationReason = { revocationReasonCode: RevocationReasonCode.KeyCompromise };
      await harness.run(revoke, { uniqueIdentifier, revocationReason });
    }
    expect(await refused(signing(privateKey))).toBe('WrongKeyLifecycleState');
    expect((await verifying(publicKey)).validityIndicator).toBe(Valid);
  });

  test('Sign spends Usage Limits', async () => {
    const value = { usageLimitsTotal: 1n, usageLimitsUnit: UsageLimitsUnit.Object };
    const { privateKey } = await ecPair();
    const limited = await newPair(
      CryptographicAlgorithm.RSA,
      [Sign, Verify],
      { key: 'CryptographicParameters', value: ECDSA_SHA256 },
      { key: 'UsageLimits', value },
    );
    const signing = (uniqueIdentifier: string) => harness.run(sign, { uniqueIdentifier, data: data('text') });
    await signing(limited.privateKey);
    expect((await valueOf(harness, limited.privateKey, 'UsageLimits'))?.usageLimitsCount).toBe(0n);
    expect(await refused(signing(limited.privateKey))).toBe('UsageLimitExceeded');
    expect(await refused(signing(privateKey))).toBeUndefined();
  });
});

test('Encrypt and Decrypt take the halves of an RSA pair', async () => {
  const { privateKey, publicKey } = await newPair(CryptographicAlgorithm.RSA, [Decrypt, Encrypt]);
  const cryptographicParameters = {
    paddingMethod: PaddingMethod.OAEP,
    hashingAlgorithm: HashingAlgorithm.SHA_256,
  };
  const encrypting = { uniqueIdentifier: publicKey, cryptographicParameters, data: data('text') };
  const { data: ciphertext } = await harness.run(encrypt, encrypting);
  const decrypting = { uniqueIdentifier: privateKey, cryptographicParameters, data: ciphertext };
  expect((await harness.run(decrypt, decrypting)).data?.equals(data('text'))).toBe(true);
});

describe('MAC and MAC Verify', () => {
  const newKey = (mask = MACGenerate | MACVerify, ...more: Attribute[]) =>
    registerObject(
      harness,
      rawKey('0b'.repeat(20), { cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 }),
      [active(), usage(mask), ...more],
    );

  test('RFC 4231 test case 1, whole and in parts', async () => {
    const uniqueIdentifier = await newKey();
    const expected = Buffer.from('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7', 'hex');
    const { macData } = await harness.run(mac, { uniqueIdentifier, data: data('Hi There') });
    expect(macData).toEqual(expected);
    const begun = await harness.run(mac, { uniqueIdentifier, data: data('Hi '), initIndicator: true });
    const { correlationValue } = begun;
    const end = await harness.run(mac, { correlationValue, data: data('There'), finalIndicator: true });
    expect([begun.macData, end.macData, end.correlationValue]).toEqual([undefined, expected, undefined]);
  });

  test('tell right from wrong, whatever its length', async () => {
    const uniqueIdentifier = await newKey();
    const { macData = Buffer.alloc(0) } = await harness.run(mac, { uniqueIdentifier, data: data('text') });
    const verify = async (claimed: Buffer, text = 'text') =>
      (await harness.run(macVerify, { uniqueIdentifier, data: data(text), macData: claimed }))
        .validityIndicator;
    expect(await verify(macData)).toBe(Valid);
    expect(await verify(macData, 'else')).toBe(Invalid);
    for (const wrong of [
      Buffer.alloc(0),
      macData.subarray(1),
      Buffer.alloc(32),
      Buffer.concat([macData, macData]),
    ]) {
      expect(await verify(wrong)).toBe(Invalid);
    }
  });

  test('ask for their usage, and for what is to be verified', async () => {
    const onlyMaking = await newKey(MACGenerate);
    const request = { uniqueIdentifier: onlyMaking, data: data('text') };
    expect(await refused(harness.run(mac, request))).toBeUndefined();
    expect(await refused(harness.run(macVerify, { ...request, macData: Buffer.alloc(32) }))).toBe(
      'IncompatibleCryptographicUsageMask',
    );
    expect(
      await refused(
        harness.run(mac, { uniqueIdentifier: await createKey(harness, active()), data: data('') }),
      ),
    ).toBe('IncompatibleCryptographicUsageMask');
    const verifying = { uniqueIdentifier: await newKey(), data: data('text') };
    expect(await refused(harness.run(macVerify, verifying))).toBe('InvalidMessage');
  });

  test('MAC spends Usage Limits by bytes', async () => {
    const value = { usageLimitsTotal: 10n, usageLimitsUnit: UsageLimitsUnit.Byte };
    const uniqueIdentifier = await newKey(MACGenerate, { key: 'UsageLimits', value });
    await harness.run(mac, { uniqueIdentifier, data: data('12345678') });
    expect(await refused(harness.run(mac, { uniqueIdentifier, data: data('123') }))).toBe(
      'UsageLimitExceeded',
    );
    expect((await valueOf(harness, uniqueIdentifier, 'UsageLimits'))?.usageLimitsCount).toBe(2n);
  });
});

describe('Hash', () => {
  const cryptographicParameters = { hashingAlgorithm: HashingAlgorithm.SHA_256 };
  const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

  test('FIPS 180-4: "abc", whole and in parts', async () => {
    const whole = await harness.run(hash, { cryptographicParameters, data: data('abc') });
    expect(whole.data?.toString('hex')).toBe(ABC);
    const begun = await harness.run(hash, { cryptographicParameters, data: data('a'), initIndicator: true });
    const { correlationValue } = begun;
    await harness.run(hash, { cryptographicParameters, correlationValue, data: data('bc') });
    const end = await harness.run(hash, { cryptographicParameters, correlationValue, finalIndicator: true });
    expect(end.data?.toString('hex')).toBe(ABC);
  });

  test.each([
    ['InvalidField', {}, data('')],
    ['FeatureNotSupported', { hashingAlgorithm: HashingAlgorithm.MD2 }, data('')],
    ['InvalidMessage', cryptographicParameters, undefined],
  ])('%s', async (code, parameters, content) => {
    const work = harness.run(hash, { cryptographicParameters: parameters, data: content });
    expect(await refused(work)).toBe(code);
  });
});

test('RNG Seed uses none of what it is given', async () => {
  expect(await harness.run(rngSeed, { data: data('seed') })).toEqual({ dataLengthBytes: 0 });
});
