import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KmipClient } from '@holdfast/client';
import {
  createKeyPair,
  deriveKey,
  get,
  getAttributes,
  locate,
  query,
  reKeyKeyPair,
  register,
  sign,
  signatureVerify,
} from '@holdfast/core';
import {
  AsynchronousIndicator,
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  KeyFormatType,
  ObjectType,
  Operation,
  ProcessingStage,
  QueryFunction,
  Tag,
  ValidityIndicator,
  type Attribute,
} from '@holdfast/kmip';
import {
  Peer,
  Wire,
  bytes,
  children,
  enumeration,
  integer,
  readResponse,
  requestMessage,
  startServerProcess,
  structure,
  tlsOptions,
  uniqueIdentifier,
  valueAt,
  type ServerProcess,
} from '@holdfast/testkit';
import { SecretBytes, encodeTtlv } from '@holdfast/ttlv';
import { batchedRecords } from '../support/audit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';
import { until } from '../support/until';
import { errorsOf } from './support';

/** Keys of FIPS 203, 204 and 205, from a client's side. */

const { ML_DSA_65, ML_KEM_768, RSA, SLH_DSA_SHA2_128f, SLH_DSA_SHA2_256s } = CryptographicAlgorithm;
const { DeriveKey, Sign, Verify } = CryptographicUsageMask;
let server: ServerProcess;
let client: KmipClient;
let older: KmipClient;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const config = join(folder, 'holdfast.json');
  writeFileSync(config, JSON.stringify({ limits: { drainTimeoutMs: 500 } }));
  server = await startServerProcess({ arguments: ['--config', config] });
  client = await connectFirstClient(server);
  older = await connectFirstClient(server, '1.4');
});
afterAll(async () => {
  await client.close();
  await older.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const asking = (...attributes: Attribute[]) => ({ templateNames: [], attributes });
const active = (): Attribute => ({ key: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 });
const data = () => SecretBytes.copyOf(Buffer.from('signed'));

async function makePair(
  by: KmipClient,
  algorithm: CryptographicAlgorithm,
  [privateUsage, publicUsage]: readonly [number, number],
  ...more: Attribute[]
): Promise<{ privateKey: string; publicKey: string }> {
  const made = await by.call(createKeyPair, {
    commonAttributes: asking({ key: 'CryptographicAlgorithm', value: algorithm }, active(), ...more),
    privateKeyAttributes: asking({ key: 'CryptographicUsageMask', value: privateUsage }),
    publicKeyAttributes: asking({ key: 'CryptographicUsageMask', value: publicUsage }),
  });
  return { privateKey: made.privateKeyUniqueIdentifier, publicKey: made.publicKeyUniqueIdentifier };
}

async function materialOf(uniqueIdentifier: string, keyFormatType?: KeyFormatType): Promise<Buffer> {
  const { object } = await client.call(get, { uniqueIdentifier, keyFormatType });
  const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  if (keyValue === undefined || 'encoded' in keyValue || !(keyValue.keyMaterial instanceof SecretBytes))
    throw new Error('no bytes');
  return keyValue.keyMaterial.reveal();
}

async function isValid(by: KmipClient, uniqueIdentifier: string, signatureData: Buffer, text = data()) {
  const answer = await by.call(signatureVerify, { uniqueIdentifier, data: text, signatureData });
  return answer.validityIndicator === ValidityIndicator.Valid;
}

test.each([
  ['ML-DSA-65', ML_DSA_65],
  ['SLH-DSA-SHA2-128f', SLH_DSA_SHA2_128f],
])('%s: pairs are made, found, replaced, and sign at 1.4 and 2.1', async (_name, algorithm) => {
  for (const by of [older, client]) {
    const pair = await makePair(by, algorithm, [Sign, Verify]);
    const { signatureData } = await by.call(sign, { uniqueIdentifier: pair.privateKey, data: data() });
    if (signatureData === undefined) throw new Error('no signature');
    expect(await isValid(by, pair.publicKey, signatureData)).toBe(true);
    expect(await isValid(by, pair.publicKey, signatureData, SecretBytes.copyOf(Buffer.from('x')))).toBe(
      false,
    );
    const found = await by.call(locate, {
      attributes: [{ key: 'CryptographicAlgorithm', value: algorithm }],
    });
    expect(found.uniqueIdentifiers).toEqual(expect.arrayContaining([pair.privateKey, pair.publicKey]));
    const next = await by.call(reKeyKeyPair, {
      privateKeyUniqueIdentifier: pair.privateKey,
      commonAttributes: asking(),
      privateKeyAttributes: asking(),
      publicKeyAttributes: asking(),
    });
    expect(await isValid(by, next.publicKeyUniqueIdentifier, signatureData)).toBe(false);
  }
});

test('signatures that nobody waits for any more are not made', async () => {
  const pair = await makePair(client, SLH_DSA_SHA2_256s, [Sign, Verify]);
  const payload = [uniqueIdentifier(pair.privateKey), bytes(Tag.Data, Buffer.from('signed'))];
  const request = encodeTtlv(requestMessage('1.4', [{ operation: Operation.Sign, payload }]));
  const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(tlsOptions(server))));
  for (const wire of wires) wire.send(request);
  // One is being made and eight wait, each of which takes seconds.
  const [first] = readResponse(await Promise.race(wires.map((wire) => wire.next())), '1.4').items;
  expect(first).toMatchObject({
    reason: 'GeneralFailure',
    message: expect.stringContaining('waiting') as string,
  });
  for (const [index, { socket }] of wires.entries()) {
    if (index % 2 === 0) socket.end();
    else socket.destroy();
  }
  const database = await openDatabase(server.dataDir);
  const givenUp = async () =>
    (await batchedRecords(database)).filter(({ reason }) => reason === 'OperationCanceledByRequester');
  await until(async () => (await givenUp()).length === 9, 'all are given up');
  await database.close();
});

test('a public key that was given out Raw can be registered anew', async () => {
  const pair = await makePair(client, ML_DSA_65, [Sign, Verify]);
  const { signatureData } = await client.call(sign, { uniqueIdentifier: pair.privateKey, data: data() });
  const keyMaterial = SecretBytes.copyOf(await materialOf(pair.publicKey, KeyFormatType.Raw));
  expect(keyMaterial).toHaveLength(1952);
  const { uniqueIdentifier } = await client.call(register, {
    objectType: ObjectType.PublicKey,
    newAttributes: asking({ key: 'CryptographicUsageMask', value: Verify }, active()),
    object: {
      objectType: ObjectType.PublicKey,
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: { keyMaterial, attributes: [] },
        cryptographicAlgorithm: ML_DSA_65,
        cryptographicLengthBits: 15616,
      },
    },
  });
  if (signatureData === undefined) throw new Error('no signature');
  expect(await isValid(client, uniqueIdentifier, signatureData)).toBe(true);
  expect(await materialOf(uniqueIdentifier, KeyFormatType.X_509)).toEqual(
    await materialOf(pair.publicKey, KeyFormatType.X_509),
  );
});

test('they are quantum safe, and the server says that it has such', async () => {
  const isSafe: Attribute = { key: 'QuantumSafe', value: true };
  const pair = await makePair(client, ML_KEM_768, [DeriveKey, DeriveKey], isSafe);
  const { attributes } = await client.call(getAttributes, {
    uniqueIdentifier: pair.publicKey,
    attributeReferences: [{ key: 'QuantumSafe' }],
  });
  expect(attributes).toEqual([isSafe]);
  await expect(makePair(client, CryptographicAlgorithm.ECDSA, [Sign, Verify], isSafe)).rejects.toThrow(
    'not quantum safe',
  );
  const { capabilityInformation } = await client.call(query, {
    queryFunctions: [QueryFunction.QueryCapabilities],
  });
  expect(capabilityInformation).toMatchObject([{ quantumSafeCapability: true }]);
});

test('ML-KEM: what one derives of the public key, the other derives of the private key and the ciphertext', async () => {
  for (const by of [older, client]) {
    const pair = await makePair(by, ML_KEM_768, [DeriveKey, DeriveKey]);
    const derive = (uniqueIdentifier: string, derivationData: readonly SecretBytes[]) =>
      by.call(deriveKey, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifiers: [uniqueIdentifier],
        derivationMethod: DerivationMethod.AsymmetricKey,
        derivationParameters: { derivationData },
        newAttributes: asking(
          { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
          { key: 'CryptographicLength', value: 256 },
          { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
        ),
      });
    const mine = await derive(pair.publicKey, []);
    const { attributes } = await by.call(getAttributes, {
      uniqueIdentifier: mine.uniqueIdentifier,
      attributeReferences: [],
    });
    const kept = attributes.find(
      (attribute) => attribute.key === 'VendorAttribute' && attribute.value.attributeName === 'KEMCiphertext',
    );
    const ciphertext = kept?.key === 'VendorAttribute' ? kept.value.attributeValue.value : undefined;
    if (!Buffer.isBuffer(ciphertext)) throw new Error('no ciphertext');
    const theirs = await derive(pair.privateKey, [SecretBytes.copyOf(ciphertext)]);
    expect(await materialOf(theirs.uniqueIdentifier)).toEqual(await materialOf(mine.uniqueIdentifier));
    await expect(derive(pair.privateKey, [])).rejects.toThrow('Derivation Data');
  }
});

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), contents]);
};

/** A certificate for the key, in whose signature there is nothing. */
function certificateFor(spki: Buffer): Buffer {
  const algorithm = der(0x30, Buffer.from('0609608648016503040312', 'hex'));
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('q')))));
  const validity = der(
    0x30,
    der(0x17, Buffer.from('250101000000Z')),
    der(0x17, Buffer.from('450101000000Z')),
  );
  const serial = der(0x02, Buffer.of(1));
  const version = der(0xa0, der(0x02, Buffer.of(2)));
  const body = der(0x30, version, serial, algorithm, name, validity, name, spki);
  return der(0x30, body, algorithm, der(0x03, Buffer.alloc(100)));
}

describe('a certificate', () => {
  const registered = (certificateValue: Buffer) =>
    client.call(register, {
      objectType: ObjectType.Certificate,
      newAttributes: asking(),
      object: {
        objectType: ObjectType.Certificate,
        certificateType: CertificateType.X_509,
        certificateValue,
      },
    });

  test.each([
    ['ML-DSA', ML_DSA_65, 15_616],
    ['ML-KEM', ML_KEM_768, 9472],
    ['SLH-DSA', SLH_DSA_SHA2_128f, 256],
  ])('of a key of %s tells its algorithm and length', async (_, algorithm, lengthBits) => {
    const usages = algorithm === ML_KEM_768 ? ([DeriveKey, DeriveKey] as const) : ([Sign, Verify] as const);
    const pair = await makePair(client, algorithm, usages);
    const spki = await materialOf(pair.publicKey, KeyFormatType.X_509);
    const { uniqueIdentifier } = await registered(certificateFor(spki));
    const { attributes } = await client.call(getAttributes, {
      uniqueIdentifier,
      attributeReferences: [{ key: 'CryptographicAlgorithm' }, { key: 'CryptographicLength' }],
    });
    expect(attributes.map(({ value }) => value)).toEqual([algorithm, lengthBits]);
    await expect(registered(certificateFor(cutShort(spki)))).rejects.toMatchObject({
      resultReasonName: 'InvalidField',
    });
    const use = { uniqueIdentifier, data: data(), signatureData: Buffer.alloc(64) };
    await expect(client.call(signatureVerify, use)).rejects.toMatchObject({
      resultReasonName: expect.not.stringMatching('GeneralFailure') as string,
    });
    expect(errorsOf(server)).toEqual([]);
  });
});

/** The same key without its last byte. */
function cutShort(spki: Buffer): Buffer {
  const start = spki.indexOf(Buffer.from('06096086480165030404', 'hex').subarray(0, 9));
  const algorithm = der(0x30, spki.subarray(start, start + 11));
  const key = spki.subarray(spki.indexOf(Buffer.of(0x03), start + 11));
  const contents = key.subarray(key[1] === 0x82 ? 4 : key[1] === 0x81 ? 3 : 2, -1);
  return der(0x30, algorithm, der(0x03, contents));
}

test('a pair whose use nobody states is for what its algorithm does', async () => {
  for (const [algorithm, ...masks] of [
    [ML_KEM_768, DeriveKey, DeriveKey],
    [ML_DSA_65, Sign, Verify],
  ] as const) {
    const made = await client.call(createKeyPair, {
      commonAttributes: asking({ key: 'CryptographicAlgorithm', value: algorithm }),
      privateKeyAttributes: asking(),
      publicKeyAttributes: asking(),
    });
    const given: unknown[] = [];
    for (const uniqueIdentifier of [made.privateKeyUniqueIdentifier, made.publicKeyUniqueIdentifier]) {
      const attributeReferences = [{ key: 'CryptographicUsageMask' }] as const;
      const answer = await client.call(getAttributes, { uniqueIdentifier, attributeReferences });
      given.push(answer.attributes[0]?.value);
    }
    expect(given).toEqual(masks);
  }
});

test('a server that stops waits for no search for primes beyond the limit of its drain', async () => {
  const peer = await Peer.connect(tlsOptions(server), '2.1');
  const length = integer(Tag.CryptographicLength, 8192);
  const payload = [structure(Tag.CommonAttributes, enumeration(Tag.CryptographicAlgorithm, RSA), length)];
  const header = [enumeration(Tag.AsynchronousIndicator, AsynchronousIndicator.Mandatory)];
  // Primes may be found at once, but not those of both pairs.
  for (const pair of [payload, payload]) {
    await peer.batch([{ operation: Operation.CreateKeyPair, payload: pair }], { header });
  }
  await until(async () => {
    const answer = await peer.call(Operation.QueryAsynchronousRequests, []);
    const begun = children(answer, Tag.AsynchronousRequest).filter(
      (each) => valueAt(each, Tag.ProcessingStage) === ProcessingStage.InProcess,
    );
    return begun.length === 2;
  }, 'both have begun');
  process.kill(server.pid, 'SIGTERM');
  // By the signal: it would be 0 once the primes are found.
  expect(await server.exited).toBeNull();
});
