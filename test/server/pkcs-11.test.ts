import { createHash } from 'node:crypto';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { pkcs11 } from '@holdfast/core';
import { Operation, Tag } from '@holdfast/kmip';
import {
  Wire,
  readResponse,
  requestMessage,
  startServerProcess,
  tlsOptions,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv } from '@holdfast/ttlv';
import { connectFirstClient } from '../support/client';

/** PKCS#11 functions over the wire: bytes laid out as in KMIP Profiles 2.1 section 5.18. */

let server: ServerProcess;
let client: KmipClient;
beforeAll(async () => {
  server = await startServerProcess();
  client = await connectFirstClient(server);
}, 60_000);
afterAll(async () => {
  await client.close();
  await server.stop();
});

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const SLOT = '0000000000000001';

async function call(pkcs11Function: number, correlationValue?: Buffer, input?: string) {
  const inputParameters = input === undefined ? undefined : hex(input);
  return client.call(pkcs11, { pkcs11Function, correlationValue, inputParameters });
}

async function initialized(): Promise<Buffer> {
  const { correlationValue, returnCode, outputParameters } = await call(1, undefined, '01');
  if (correlationValue === undefined) throw new Error('there is no Correlation Value');
  expect([returnCode, outputParameters]).toEqual([0, undefined]);
  return correlationValue;
}

/** Calls until now have given this library a session. */
async function withSession(flags = '0000000000000006') {
  const library = await initialized();
  const { outputParameters } = await call(13, library, SLOT + flags);
  return { library, session: (outputParameters ?? Buffer.alloc(0)).toString('hex') };
}

test('a library is initialized, tells of itself, and is finalized', async () => {
  const library = await initialized();
  expect(await call(1, library, '01')).toMatchObject({ returnCode: 0x191, correlationValue: library });
  const info = await call(3, library);
  expect(info).toMatchObject({ returnCode: 0, correlationValue: library });
  expect(info.outputParameters).toHaveLength(2 + 32 + 8 + 32 + 2);
  expect(info.outputParameters?.toString('latin1', 2, 34)).toBe('Holdfast'.padEnd(32));
  expect((await call(5, library, '01 01 00000040')).outputParameters?.toString('hex')).toBe(
    `0100000001${SLOT}`,
  );
  expect((await call(5, library, '01 00')).outputParameters?.toString('hex')).toBe('0000000001');
  expect(await call(5, library, '01 01 00000000')).toMatchObject({ returnCode: 0x150 });
  expect((await call(6, library, SLOT)).outputParameters).toHaveLength(64 + 32 + 8 + 2 + 2);
  expect((await call(7, library, SLOT)).outputParameters).toHaveLength(32 + 32 + 16 + 16 + 11 * 8 + 4 + 16);
  expect(await call(6, library, '00000000000000ff')).toMatchObject({ returnCode: 3 });
  expect(await call(2, library)).toEqual({ pkcs11Function: 2, returnCode: 0 });
  await expect(call(3, library)).rejects.toMatchObject({
    resultReasonName: 'InvalidAsynchronousCorrelationValue',
  });
});

test('sessions are opened, logged in and closed', async () => {
  const { library, session } = await withSession();
  const state = async () =>
    (await call(16, library, session)).outputParameters?.toString('hex').slice(16, 32);
  expect(await state()).toBe('0000000000000002');
  expect(await call(19, library, `${session} 0000000000000001 00000004 31323334`)).toMatchObject({
    returnCode: 0,
  });
  expect(await call(19, library, `${session} 0000000000000001 00000000`)).toMatchObject({
    returnCode: 0x100,
  });
  expect(await state()).toBe('0000000000000003');
  expect(await call(20, library, session)).toMatchObject({ returnCode: 0 });
  expect(await call(20, library, session)).toMatchObject({ returnCode: 0x101 });
  expect(await call(19, library, `${session} 0000000000000000 00000000`)).toMatchObject({
    returnCode: 0x103,
  });
  expect(await call(13, library, `${SLOT} 0000000000000002`)).toMatchObject({ returnCode: 0xb4 });
  expect(await call(14, library, session)).toMatchObject({ returnCode: 0 });
  expect(await call(16, library, session)).toMatchObject({ returnCode: 0xb3 });
  expect(await call(15, library, SLOT)).toMatchObject({ returnCode: 0 });
});

test('digests and random bytes are made', async () => {
  const { library, session } = await withSession();
  const list = (await call(8, library, `${SLOT} 01 00000040`)).outputParameters?.toString('hex');
  expect(list).toContain('0000000000000250');
  expect(await call(9, library, `${SLOT} 0000000000000250`)).toMatchObject({ returnCode: 0 });
  expect(await call(9, library, `${SLOT} 0000000000001087`)).toMatchObject({ returnCode: 0x70 });
  const data = `${session} 00000003 616263`;
  expect(await call(39, library, `${data} 01 00000020`)).toMatchObject({ returnCode: 0x91 });
  expect(await call(38, library, `${session} 0000000000000250 00`)).toMatchObject({ returnCode: 0 });
  expect(await call(38, library, `${session} 0000000000000250 00`)).toMatchObject({ returnCode: 0x90 });
  expect((await call(39, library, `${data} 00`)).outputParameters?.toString('hex')).toBe('00000020');
  expect(await call(39, library, `${data} 01 0000001f`)).toMatchObject({ returnCode: 0x150 });
  const digest = createHash('sha256').update('abc').digest('hex');
  expect((await call(39, library, `${data} 01 00000020`)).outputParameters?.toString('hex')).toBe(
    `00000020${digest}`,
  );
  const random = async () => (await call(65, library, `${session} 00000010`)).outputParameters;
  const [one, other] = [await random(), await random()];
  expect(one).toHaveLength(4 + 16);
  expect(one?.equals(other ?? one)).toBe(false);
  expect(await call(65, library, `${session} ffffffff`)).toMatchObject({ returnCode: 0x21 });
  expect(await call(64, library, `${session} 00000001 00`)).toMatchObject({ returnCode: 0x120 });
});

test('what is not there is said so', async () => {
  const library = await initialized();
  for (const each of [4, 21, 30, 43, 59, 92]) {
    expect(await call(each, library, '00')).toMatchObject({ returnCode: 0x54, correlationValue: library });
  }
  expect(await call(3)).toMatchObject({ returnCode: 0x190 });
  expect(await call(1, undefined, '02')).toMatchObject({ returnCode: 7 });
});

test.each<[string, () => Promise<unknown>]>([
  ['PKCS_11CodecError', () => call(1)],
  ['PKCS_11CodecError', () => call(1, undefined, '0101')],
  ['PKCS_11CodecError', async () => call(6, await initialized(), '0000')],
  [
    'PKCS_11CodecError',
    async () => call(19, (await withSession()).library, `${'00'.repeat(7)}01 ${'00'.repeat(8)} 7fffffff`),
  ],
  ['PKCS_11InvalidFunction', () => call(0)],
  ['PKCS_11InvalidFunction', () => call(93)],
  ['PKCS_11InvalidInterface', () => client.call(pkcs11, { pkcs11Interface: 'Vendor', pkcs11Function: 1 })],
  ['InvalidAsynchronousCorrelationValue', () => call(3, Buffer.from('none'))],
])('%s', async (reason, ask) => {
  const refusal: unknown = await ask().catch((error: unknown) => error);
  expect(refusal instanceof KmipRefusal ? refusal.resultReasonName : refusal).toBe(reason);
});

test('functions of vendors, which are Integers, are none', async () => {
  const wire = await Wire.open(tlsOptions(server));
  const payload = [{ tag: Tag.PKCS_11Function, type: 2, value: 1 } as const];
  const request = encodeTtlv(requestMessage('2.0', [{ operation: Operation.PKCS_11, payload }]));
  const { items } = readResponse(await wire.exchange(request), '2.0');
  expect(items).toMatchObject([{ status: 1, reason: 'PKCS_11InvalidFunction' }]);
  await wire.close();
});
