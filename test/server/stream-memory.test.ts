import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { activate, decrypt, encrypt, register } from '@holdfast/core';
import type { KmipClient } from '@holdfast/client';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KeyFormatType,
  ObjectType,
  PaddingMethod,
} from '@holdfast/kmip';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { SecretBytes } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';

/** What it costs the server in memory to encrypt and decrypt much data in parts. */

const TOTAL_BYTES = 16 << 20;
const PART_BYTES = 512 << 10;
const MAX_EXTRA_BYTES = 64 << 20;
const KEY = randomBytes(32);

let server: ServerProcess;
let client: KmipClient;
let key: string;
beforeAll(async () => {
  server = await startServerProcess();
  client = await connectFirstClient(server);
  const { uniqueIdentifier } = await client.call(register, {
    objectType: ObjectType.SymmetricKey,
    newAttributes: { templateNames: [], attributes: [{ key: 'CryptographicUsageMask', value: 12 }] },
    object: {
      objectType: ObjectType.SymmetricKey,
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: { keyMaterial: SecretBytes.copyOf(KEY), attributes: [] },
        cryptographicAlgorithm: CryptographicAlgorithm.AES,
        cryptographicLengthBits: 256,
      },
    },
  });
  key = uniqueIdentifier;
  await client.call(activate, { uniqueIdentifier });
});
afterAll(async () => {
  await client.close();
  await server.stop();
});

function statusBytes(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

/** How far the server's resident memory rises above what it was, at most, while `work` is done. */
async function extraBytes(work: () => Promise<unknown>): Promise<number> {
  // "5" sets the high-water mark back to what is resident (proc_pid_clear_refs(5)).
  writeFileSync(`/proc/${server.pid}/clear_refs`, '5');
  const before = statusBytes('VmRSS');
  await work();
  return statusBytes('VmHWM') - before;
}

interface Part {
  readonly data: Buffer;
  readonly correlationValue?: Buffer;
  readonly initIndicator?: boolean;
  readonly finalIndicator?: boolean;
}

/** Hands the input over part by part. @returns what came out */
async function inParts(
  input: Buffer,
  ask: (part: Part) => Promise<{ data?: Buffer; correlationValue?: Buffer }>,
) {
  const out: Buffer[] = [];
  let correlationValue: Buffer | undefined;
  for (let from = 0; from < input.length; from += PART_BYTES) {
    const answer = await ask({
      data: input.subarray(from, from + PART_BYTES),
      ...(correlationValue === undefined ? { initIndicator: true } : { correlationValue }),
      ...(from + PART_BYTES >= input.length ? { finalIndicator: true } : {}),
    });
    correlationValue = answer.correlationValue ?? correlationValue;
    if (answer.data !== undefined) out.push(answer.data);
  }
  return Buffer.concat(out);
}

const begun = ({ initIndicator }: Part, blockCipherMode: BlockCipherMode) =>
  initIndicator === true
    ? {
        cryptographicParameters: { blockCipherMode, paddingMethod: PaddingMethod.None },
        ivCounterNonce: Buffer.alloc(blockCipherMode === BlockCipherMode.GCM ? 12 : 16, 1),
      }
    : {};

async function encrypted(blockCipherMode: BlockCipherMode, data: Buffer) {
  let tag: Buffer | undefined;
  const output = await inParts(data, async (part) => {
    const secret = { data: SecretBytes.copyOf(part.data) };
    const request = { uniqueIdentifier: key, ...part, ...secret, ...begun(part, blockCipherMode) };
    const { data: bytes, correlationValue, authenticatedEncryptionTag } = await client.call(encrypt, request);
    if (authenticatedEncryptionTag !== undefined) tag = Buffer.from(authenticatedEncryptionTag);
    return {
      ...(bytes && { data: Buffer.from(bytes) }),
      ...(correlationValue && { correlationValue: Buffer.from(correlationValue) }),
    };
  });
  return { output, tag };
}

async function decrypted(blockCipherMode: BlockCipherMode, data: Buffer, tag: Buffer | undefined) {
  return inParts(data, async (part) => {
    const { data: bytes, correlationValue } = await client.call(decrypt, {
      uniqueIdentifier: key,
      ...part,
      ...begun(part, blockCipherMode),
      ...(part.initIndicator === true && tag !== undefined ? { authenticatedEncryptionTag: tag } : {}),
    });
    return {
      ...(bytes && { data: Buffer.from(bytes.reveal()) }),
      ...(correlationValue && { correlationValue: Buffer.from(correlationValue) }),
    };
  });
}

test.each([['CBC', BlockCipherMode.CBC] as const, ['GCM', BlockCipherMode.GCM] as const])(
  '16 MiB in %s',
  async (name, mode) => {
    const data = randomBytes(TOTAL_BYTES);
    await encrypted(mode, data.subarray(0, PART_BYTES * 2));
    let made: Awaited<ReturnType<typeof encrypted>> | undefined;
    const encrypting = await extraBytes(async () => (made = await encrypted(mode, data)));
    const decrypting = await extraBytes(async () => {
      const plain = await decrypted(mode, made?.output ?? Buffer.alloc(0), made?.tag);
      expect(plain.equals(data)).toBe(true);
    });
    process.stderr.write(`${name}: encrypting ${encrypting >> 20} MiB, decrypting ${decrypting >> 20} MiB\n`);
    expect(encrypting).toBeLessThan(MAX_EXTRA_BYTES);
    // What cannot be given out yet is held as well.
    expect(decrypting).toBeLessThan(MAX_EXTRA_BYTES + TOTAL_BYTES);
  },
);
