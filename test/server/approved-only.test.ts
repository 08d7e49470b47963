import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import {
  create,
  createKeyPair,
  createSplitKey,
  encrypt,
  get,
  joinSplitKey,
  register,
  sign,
} from '@holdfast/core';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
  SplitKeyMethod,
  type Attribute,
} from '@holdfast/kmip';
import { holdfast, startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';

/** A server whose configuration file says that it does what is approved alone. */

const { AES, DES3, RSA } = CryptographicAlgorithm;
const { Decrypt, Encrypt, Sign, Verify } = CryptographicUsageMask;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-approved-'));
let server: ServerProcess;
let client: KmipClient;
beforeAll(async () => {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ approvedOnly: true }));
  server = await startServerProcess({ arguments: ['--config', config], logLevel: 'info' });
  client = await connectFirstClient(server);
});
afterAll(async () => {
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const asking = (...attributes: Attribute[]) => ({ templateNames: [], attributes });
const active = (): Attribute => ({ key: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 });
const key = (algorithm: CryptographicAlgorithm, lengthBits: number, usageMask: number) =>
  asking(
    { key: 'CryptographicAlgorithm', value: algorithm },
    { key: 'CryptographicLength', value: lengthBits },
    { key: 'CryptographicUsageMask', value: usageMask },
    active(),
  );

async function refusal(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof KmipRefusal) return error.resultReasonName;
    throw error;
  }
}

test('it makes AES keys and no 3DES keys', async () => {
  const making = (algorithm: CryptographicAlgorithm, lengthBits: number) =>
    client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: key(algorithm, lengthBits, Encrypt | Decrypt),
    });
  expect(await refusal(making(AES, 256))).toBeUndefined();
  expect(await refusal(making(DES3, 168))).toBe('InvalidField');
});

test('a 3DES key that a client brings along is kept and given out, and encrypts nothing', async () => {
  const keyMaterial = SecretBytes.copyOf(
    Buffer.from('0123456789abcdef23456789abcdef01456789abcdef0123', 'hex'),
  );
  const { uniqueIdentifier } = await client.call(register, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: key(DES3, 168, Encrypt | Decrypt),
    object: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: { keyMaterial, attributes: [] },
        cryptographicAlgorithm: DES3,
        cryptographicLengthBits: 168,
      },
    },
  });
  expect(await refusal(client.call(get, { uniqueIdentifier }))).toBeUndefined();
  const encrypting = client.call(encrypt, {
    uniqueIdentifier,
    cryptographicParameters: { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 },
    ivCounterNonce: Buffer.alloc(8),
    data: SecretBytes.copyOf(Buffer.from('text')),
  });
  expect(await refusal(encrypting)).toBe('UnsupportedCryptographicParameters');
  const split = client.call(createSplitKey, {
    objectType: ObjectType.SplitKey,
    uniqueIdentifier,
    splitKeyParts: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.XOR,
    newAttributes: asking(),
  });
  const { uniqueIdentifiers } = await split;
  const newAttributes = asking();
  const joining = client.call(joinSplitKey, {
    objectType: ObjectType.SymmetricKey,
    uniqueIdentifiers,
    newAttributes,
  });
  expect(await refusal(joining)).toBeUndefined();
});

test('RSA signs with SHA-256, not with SHA-1, and has 2048 bits at least', async () => {
  const pair = (lengthBits: number) =>
    client.call(createKeyPair, {
      commonAttributes: asking(
        { key: 'CryptographicAlgorithm', value: RSA },
        { key: 'CryptographicLength', value: lengthBits },
        active(),
      ),
      privateKeyAttributes: asking({ key: 'CryptographicUsageMask', value: Sign }),
      publicKeyAttributes: asking({ key: 'CryptographicUsageMask', value: Verify }),
    });
  expect(await refusal(pair(1024))).toBe('InvalidField');
  const { privateKeyUniqueIdentifier: uniqueIdentifier } = await pair(2048);
  const signing = (hashingAlgorithm: HashingAlgorithm) =>
    client.call(sign, {
      uniqueIdentifier,
      cryptographicParameters: { hashingAlgorithm, paddingMethod: PaddingMethod.PKCS1V1_5 },
      data: SecretBytes.copyOf(Buffer.from('text')),
    });
  expect(await refusal(signing(HashingAlgorithm.SHA_256))).toBeUndefined();
  expect(await refusal(signing(HashingAlgorithm.SHA_1))).toBe('UnsupportedCryptographicParameters');
});

test('log and status say so', async () => {
  expect(server.log()).toContain('approved cryptography alone');
  expect(await holdfast('status', '--data-dir', server.dataDir)).toContain('approved alone');
});
