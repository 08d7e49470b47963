import { createCipheriv, createDecipheriv, createECDH, createHash, createHmac } from 'node:crypto';
import { KmipRefusal, type KmipClient } from '@holdfast/client';
import { create, get, locate, pkcs11, register, revoke } from '@holdfast/core';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KeyFormatType,
  NameType,
  ObjectType,
  Operation,
  RevocationReasonCode,
  SecretDataType,
  Tag,
  UsageLimitsUnit,
  type Attribute,
} from '@holdfast/kmip';
import {
  Wire,
  asFirstOfficer,
  readResponse,
  requestMessage,
  startServerProcess,
  tlsOptions,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv, SecretBytes } from '@holdfast/ttlv';
import { batchedRecords } from '../support/audit';
import { connectFirstClient } from '../support/client';
import { openDatabase } from '../support/database';

/** PKCS#11 functions over the wire: bytes laid out as in KMIP Profiles 2.1 section 5.18. */

let server: ServerProcess;
let client: KmipClient;
beforeAll(async () => {
  server = await startServerProcess();
  client = await connectFirstClient(server);
});
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
  expect(await call(9, library, `${SLOT} 000000000000ffff`)).toMatchObject({ returnCode: 0x70 });
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

describe('keys', () => {
  const ulong = (value: number) => value.toString(16).padStart(16, '0');
  const bytes = (value: Buffer | string) => {
    const content = Buffer.from(value);
    return content.length.toString(16).padStart(8, '0') + content.toString('hex');
  };
  /** An attribute with its value, and a template of several. */
  const has = (type: number, value: string) => `${ulong(type)} 01 01 ${value}`;
  const template = (...attributes: readonly string[]) =>
    attributes.length.toString(16).padStart(8, '0') + attributes.join('');
  const CLASS = has(0, ulong(4));
  const label = (text: string) => has(3, bytes(text));
  const USES = [0x104, 0x105, 0x108, 0x10a].map((type) => has(type, '01'));
  const AES_KEY_GEN = `${ulong(0x1080)} 00`;

  async function generated(text: string, ...further: readonly string[]) {
    const { library, session } = await withSession();
    const wanted = template(CLASS, label(text), has(0x161, ulong(32)), ...USES, ...further);
    const { returnCode, outputParameters } = await call(59, library, session + AES_KEY_GEN + wanted);
    expect(returnCode).toBe(0);
    return { library, session, key: outputParameters?.toString('hex') ?? '' };
  }
  async function found(library: Buffer, session: string, wanted: string): Promise<string | undefined> {
    expect(await call(27, library, session + wanted)).toMatchObject({ returnCode: 0 });
    expect(await call(27, library, session + wanted)).toMatchObject({ returnCode: 0x90 });
    const { outputParameters } = await call(28, library, `${session} 00000010`);
    expect(await call(28, library, `${session} 00000010`)).toMatchObject({
      outputParameters: hex('00000000'),
    });
    expect(await call(29, library, session)).toMatchObject({ returnCode: 0 });
    return outputParameters?.toString('hex');
  }
  const asked = (type: number, isWanted = true) => `${ulong(type)} 00 0${isWanted ? 1 : 0}`;
  const out = async (...args: Parameters<typeof call>) => {
    const { returnCode, outputParameters = Buffer.alloc(0) } = await call(...args);
    expect(returnCode).toBe(0);
    return outputParameters;
  };

  test('are generated, found, told of and destroyed', async () => {
    const { library, session, key } = await generated('of PKCS#11', has(0x102, bytes('id')));
    const same = template(label('of PKCS#11'), has(0x100, ulong(0x1f)), has(0x102, bytes('id')));
    expect(await found(library, session, same)).toBe(`00000001${key}`);
    expect(await found(library, session, template(label('of nobody')))).toBe('00000000');
    expect(await found(library, session, template(has(1, '00')))).toBe('00000000');
    for (const size of [0x121, 0x161]) {
      expect(await found(library, session, template(has(size, 'ff'.repeat(8))))).toBe('00000000');
    }
    const wanted = template(asked(0), asked(3), asked(3, false), asked(0x104), asked(0x106), asked(0x161));
    const told = template(
      has(0, ulong(4)),
      label('of PKCS#11'),
      `${ulong(3)} 00 01 0000000a`,
      has(0x104, '01'),
      has(0x106, '00'),
      has(0x161, ulong(32)),
    );
    expect((await out(25, library, session + key + wanted)).toString('hex')).toBe(hex(told).toString('hex'));
    expect(await call(25, library, session + key + template(asked(0x86)))).toMatchObject({
      returnCode: 0x12,
    });
    expect(await call(23, library, session + key)).toMatchObject({ returnCode: 0x1b });
    const name = { nameValue: 'of PKCS#11', nameType: NameType.UninterpretedTextString };
    const { uniqueIdentifiers } = await client.call(locate, { attributes: [{ key: 'Name', value: name }] });
    const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
    await client.call(revoke, { uniqueIdentifier: uniqueIdentifiers[0], revocationReason });
    expect(await call(23, library, session + key)).toMatchObject({ returnCode: 0 });
    expect(await call(23, library, session + key)).toMatchObject({ returnCode: 0x82 });
    expect(await call(25, library, `${session}${ulong(99)}${wanted}`)).toMatchObject({ returnCode: 0x82 });
    expect(await found(library, session, template(label('of PKCS#11')))).toBe('00000000');
  });

  test('encrypt and decrypt', async () => {
    const { library, session, key } = await generated('that encrypts');
    const value = (await out(25, library, session + key + template(asked(0x11)))).subarray(4 + 8 + 2 + 4);
    const iv = Buffer.alloc(12, 7);
    const parameter = hex(`${bytes(iv)} ${ulong(96)} ${bytes('aad')} ${ulong(128)}`);
    const mechanism = `${ulong(0x1087)} 01 ${bytes(parameter)}`;
    await out(30, library, session + mechanism + key);
    expect(await call(30, library, session + mechanism + key)).toMatchObject({ returnCode: 0x90 });
    const data = session + bytes('a plain text');
    expect((await out(31, library, `${data} 00`)).toString('hex')).toBe('0000001c');
    expect(await call(31, library, `${data} 01 0000001b`)).toMatchObject({ returnCode: 0x150 });
    const ciphertext = (await out(31, library, `${data} 01 0000001c`)).subarray(4);
    expect(await call(31, library, `${data} 01 0000001c`)).toMatchObject({ returnCode: 0x91 });
    const decipher = createDecipheriv('aes-256-gcm', value, iv).setAAD(Buffer.from('aad'));
    decipher.setAuthTag(ciphertext.subarray(-16));
    expect(decipher.update(ciphertext.subarray(0, -16)).toString() + decipher.final().toString()).toBe(
      'a plain text',
    );
    await out(34, library, session + mechanism + key);
    const plain = await out(35, library, `${session}${bytes(ciphertext)} 01 00000100`);
    expect(plain.subarray(4).toString()).toBe('a plain text');
    await out(34, library, session + mechanism + key);
    ciphertext[0] = (ciphertext[0] ?? 0) ^ 1;
    expect(await call(35, library, `${session}${bytes(ciphertext)} 01 00000100`)).toMatchObject({
      returnCode: 0x40,
    });
  });

  test('make MACs and verify them', async () => {
    const { library, session, key } = await generated('that authenticates');
    const value = (await out(25, library, session + key + template(asked(0x11)))).subarray(4 + 8 + 2 + 4);
    const mechanism = `${ulong(0x251)} 00`;
    await out(43, library, session + mechanism + key);
    const mac = (await out(44, library, `${session}${bytes('data')} 01 00000020`)).subarray(4);
    expect(mac.equals(createHmac('sha256', value).update('data').digest())).toBe(true);
    await out(49, library, session + mechanism + key);
    await out(50, library, session + bytes('data') + bytes(mac));
    await out(49, library, session + mechanism + key);
    expect(await call(50, library, session + bytes('other') + bytes(mac))).toMatchObject({
      returnCode: 0xc0,
    });
    expect(await call(43, library, `${session}${ulong(0x1085)} 00${key}`)).toMatchObject({
      returnCode: 0x70,
    });
    expect(await call(30, library, `${session}${ulong(0x1085)} 00${key}`)).toMatchObject({
      returnCode: 0x71,
    });
  });

  test('obey the rules of their own operations', async () => {
    const { library, session, key } = await generated('that is hidden', has(0x103, '01'));
    expect(await call(25, library, session + key + template(asked(0x11)))).toMatchObject({
      returnCode: 0x11,
      outputParameters: hex(`00000001 ${ulong(0x11)} 00 00`),
    });
    const readOnly = (await out(13, library, `${SLOT} ${ulong(4)}`)).toString('hex');
    expect(await call(59, library, readOnly + AES_KEY_GEN + template(CLASS))).toMatchObject({
      returnCode: 0xb5,
    });
    expect(await call(59, library, session + AES_KEY_GEN + template(CLASS))).toMatchObject({
      returnCode: 0xd0,
    });
    const wanted = template(CLASS, label('that signs'), has(0x161, ulong(32)), has(0x108, '01'));
    const signing = (await out(59, library, session + AES_KEY_GEN + wanted)).toString('hex');
    await out(30, library, `${session}${ulong(0x1081)} 00 ${signing}`);
    const data = `${session}${bytes(Buffer.alloc(16))} 01 00000100`;
    expect(await call(31, library, data)).toMatchObject({ returnCode: 0x68 });
    expect(await call(30, library, `${session}${ulong(0x1081)} 00 ${ulong(77)}`)).toMatchObject({
      returnCode: 0x82,
    });
  });
});

describe('keys, further', () => {
  const ulong = (value: number) => value.toString(16).padStart(16, '0');
  const bytes = (value: Buffer | string) => {
    const content = Buffer.from(value);
    return content.length.toString(16).padStart(8, '0') + content.toString('hex');
  };
  const has = (type: number, value: string) => `${ulong(type)} 01 01 ${value}`;
  const template = (...attributes: readonly string[]) =>
    attributes.length.toString(16).padStart(8, '0') + attributes.join('');
  const mechanism = (number: number, parameter?: string) =>
    parameter === undefined ? `${ulong(number)} 00` : `${ulong(number)} 01 ${bytes(hex(parameter))}`;
  const AES_TYPE = has(0x100, ulong(0x1f));
  const uses = (...types: readonly number[]) => types.map((type) => has(type, '01'));
  const WANTED = '01 00001000';

  /** A session whose calls have to succeed. */
  async function opened() {
    const { library, session } = await withSession();
    return inSession(library, session);
  }
  function inSession(library: Buffer, session: string) {
    const ok = async (number: number, input: string): Promise<Buffer> => {
      const { returnCode, outputParameters = Buffer.alloc(0) } = await call(number, library, session + input);
      expect([number, returnCode]).toEqual([number, 0]);
      return outputParameters;
    };
    const code = async (number: number, input: string) =>
      (await call(number, library, session + input)).returnCode;
    const another = async (): Promise<Opened> => {
      const { outputParameters = Buffer.alloc(0) } = await call(13, library, `${SLOT} 0000000000000006`);
      return inSession(library, outputParameters.toString('hex'));
    };
    return { ok, code, another };
  }
  interface Opened {
    readonly ok: (number: number, input: string) => Promise<Buffer>;
    readonly code: (number: number, input: string) => Promise<number>;
    readonly another: () => Promise<Opened>;
  }

  async function aesKey({ ok }: Opened, ...further: readonly string[]): Promise<string> {
    const all = template(
      has(0, ulong(4)),
      has(0x161, ulong(32)),
      ...uses(0x104, 0x105, 0x108, 0x10a),
      ...further,
    );
    return (await ok(59, mechanism(0x1080) + all)).toString('hex');
  }
  const valueOf = async ({ ok }: Opened, key: string): Promise<Buffer> =>
    (await ok(25, `${key}${template(`${ulong(0x11)} 00 01`)}`)).subarray(4 + 8 + 2 + 4);

  /** Puts data through the functions of one purpose in parts of seven bytes. */
  async function inParts({ ok }: Opened, update: number, data: Buffer): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let at = 0; at < data.length; at += 7) {
      parts.push((await ok(update, `${bytes(data.subarray(at, at + 7))} ${WANTED}`)).subarray(4));
    }
    parts.push((await ok(update + 1, WANTED)).subarray(4));
    return Buffer.concat(parts);
  }
  const DATA = Buffer.from('some data that is longer than one block of any cipher');
  const IV = Buffer.alloc(16, 9);

  test.each([
    ['AES-CBC with padding', 0x1085, bytes(IV), 'aes-256-cbc', IV],
    ['AES-CTR', 0x1086, ulong(128) + IV.toString('hex'), 'aes-256-ctr', IV],
  ])('%s in parts and whole', async (_name, number, parameter, cipher, iv) => {
    const session = await opened();
    const key = await aesKey(session);
    await session.ok(30, mechanism(number, parameter) + key);
    const ciphertext = await inParts(session, 32, DATA);
    const decipher = createDecipheriv(cipher, await valueOf(session, key), iv);
    expect(Buffer.concat([decipher.update(ciphertext), decipher.final()]).equals(DATA)).toBe(true);
    await session.ok(34, mechanism(number, parameter) + key);
    expect((await inParts(session, 36, ciphertext)).equals(DATA)).toBe(true);
    await session.ok(34, mechanism(number, parameter) + key);
    const whole = await session.ok(35, `${bytes(ciphertext)} ${WANTED}`);
    expect(whole.subarray(4).equals(DATA)).toBe(true);
  });

  test('AES-CTR encrypts no more than its counter counts, in one or in parts', async () => {
    const session = await opened();
    const key = await aesKey(session);
    const block = `${'00'.repeat(14)}fffe`;
    const counting = (bits: number) => mechanism(0x1086, ulong(bits) + block);
    for (const bits of [0, 129]) expect(await session.code(30, counting(bits) + key)).toBe(0x71);
    const two = DATA.subarray(0, 32);
    for (const bits of [16, 15, 1]) {
      // Of one bit there is one block more, beginning with 0.
      await session.ok(30, counting(bits) + key);
      const ciphertext = (await session.ok(31, `${bytes(two)} ${WANTED}`)).subarray(4);
      const decipher = createDecipheriv('aes-256-ctr', await valueOf(session, key), hex(block));
      expect(decipher.update(ciphertext).equals(two)).toBe(true);
      await session.ok(30, counting(bits) + key);
      expect(await session.code(31, `${bytes(DATA.subarray(0, 33))} ${WANTED}`)).toBe(0x21);
      await session.ok(34, counting(bits) + key);
      await session.ok(36, `${bytes(ciphertext)} ${WANTED}`);
      expect(await session.code(36, `${bytes('x')} ${WANTED}`)).toBe(0x41);
      expect(await session.code(37, WANTED)).toBe(0x91);
    }
  });

  test('GCM in parts: the tag is the end of the ciphertext, and what it does not fit is not given out', async () => {
    const session = await opened();
    const key = await aesKey(session);
    const gcm = mechanism(0x1087, `${bytes(Buffer.alloc(12, 3))} ${ulong(96)} ${bytes('aad')} ${ulong(128)}`);
    await session.ok(30, gcm + key);
    const ciphertext = await inParts(session, 32, DATA);
    expect(ciphertext).toHaveLength(DATA.length + 16);
    await session.ok(34, gcm + key);
    expect((await inParts(session, 36, ciphertext)).equals(DATA)).toBe(true);
    await session.ok(34, gcm + key);
    ciphertext.writeUInt8(ciphertext.readUInt8(3) ^ 1, 3);
    expect(await session.ok(36, `${bytes(ciphertext)} ${WANTED}`)).toEqual(hex('00000000'));
    expect(await session.code(37, WANTED)).toBe(0x40);
    // What failed has ended.
    expect(await session.code(37, WANTED)).toBe(0x91);
    await session.ok(34, gcm + key);
    const odd = mechanism(0x1087, `${bytes(Buffer.alloc(12, 3))} ${ulong(96)} ${bytes('')} ${ulong(100)}`);
    await session.ok(30, odd + key);
    expect(await session.code(31, `${bytes(DATA)} ${WANTED}`)).toBe(0x71);
  });

  test('what is held back until a tag is there counts among the streams of the client', async () => {
    const first = await opened();
    const key = await aesKey(first);
    const gcm = mechanism(0x1087, `${bytes(Buffer.alloc(12, 3))} ${ulong(96)} ${bytes('')} ${ulong(128)}`);
    const begun: Opened[] = [];
    const begin = async (session: Opened) => {
      await session.ok(34, gcm + key);
      await session.ok(36, `${bytes(DATA)} ${WANTED}`);
      begun.push(session);
    };
    const reason = await (async () => {
      await begin(first);
      for (;;) await begin(await first.another());
    })().catch((error: unknown) => (error instanceof KmipRefusal ? error.resultReasonName : error));
    expect(reason).toBe('ServerLimitExceeded');
    expect(begun.length).toBeLessThanOrEqual(64);
    for (const { code } of begun) expect(await code(37, WANTED)).toBe(0x40);
    await begin(await first.another());
  });

  test('asking for the length, or with too little room, loses no part', async () => {
    const session = await opened();
    const key = await aesKey(session);
    await session.ok(30, mechanism(0x1085, bytes(IV)) + key);
    const part = bytes(DATA.subarray(0, 20));
    expect((await session.ok(32, `${part} 00`)).toString('hex')).toBe('00000010');
    expect(await session.code(32, `${part} 01 0000000f`)).toBe(0x150);
    expect(await session.code(32, `${bytes('other')} 01 00000010`)).toBe(0x90);
    const begun = (await session.ok(32, `${part} 01 00000010`)).subarray(4);
    expect((await session.ok(33, '00')).toString('hex')).toBe('00000010');
    const end = (await session.ok(33, WANTED)).subarray(4);
    const decipher = createDecipheriv('aes-256-cbc', await valueOf(session, key), IV);
    const text = Buffer.concat([decipher.update(Buffer.concat([begun, end])), decipher.final()]);
    expect(text.equals(DATA.subarray(0, 20))).toBe(true);
    expect(await session.code(33, WANTED)).toBe(0x91);
  });

  test('what waits for room counts among the streams of the client', async () => {
    const first = await opened();
    const key = await aesKey(first);
    const waiting: Opened[] = [];
    const wait = async (session: Opened) => {
      await session.ok(30, mechanism(0x1085, bytes(IV)) + key);
      await session.ok(31, `${bytes(DATA)} 00`);
      waiting.push(session);
    };
    let last = first;
    const reason = await (async () => {
      await wait(first);
      for (;;) await wait((last = await first.another()));
    })().catch((error: unknown) => (error instanceof KmipRefusal ? error.resultReasonName : error));
    expect(reason).toBe('ServerLimitExceeded');
    expect(waiting.length).toBeLessThanOrEqual(64);
    // What could not be kept has ended.
    expect(await last.code(31, `${bytes(DATA)} ${WANTED}`)).toBe(0x91);
    for (const { ok } of waiting) await ok(31, `${bytes(DATA)} ${WANTED}`);
    await wait(last);
    await last.ok(14, '');
    await wait(await first.another());
  });

  test('are found by what C_GetAttributeValue tells of them', async () => {
    const session = await opened();
    const known = has(3, bytes('that is found'));
    const [rsa, aes] = [mechanism(0), mechanism(0x1080)];
    const pair = await session.ok(
      60,
      rsa + template(has(0x121, ulong(2048)), known, ...uses(0x10a)) + template(...uses(0x108)),
    );
    const size = has(0x161, ulong(32));
    await session.ok(59, aes + template(size, ...uses(0x104, 0x105)));
    const finds = async (...wanted: readonly string[]) => {
      await session.ok(27, template(known, ...wanted));
      const handles = await session.ok(28, '00000010');
      await session.ok(29, '');
      return handles.toString('hex');
    };
    const publicKey = `00000001${pair.subarray(0, 8).toString('hex')}`;
    expect(await finds()).toBe(publicKey);
    for (const isSo of [has(2, '01'), has(0x10a, '01'), has(0x104, '00'), has(0x121, ulong(2048))]) {
      expect(await finds(isSo)).toBe(publicKey);
    }
    for (const isNot of [has(2, '00'), has(0x10a, '00'), has(0x108, '01'), has(0x121, ulong(1024))]) {
      expect(await finds(isNot)).toBe('00000000');
    }
    // Its length is no CKA_VALUE_LEN, and it has no CKA_ID.
    expect(await finds(has(0x161, ulong(256)))).toBe('00000000');
    expect(await finds(has(0x102, bytes('')))).toBe(publicKey);
    const id = has(0x102, bytes('an identifier'));
    const made = await session.ok(59, aes + template(size, id, ...uses(0x104, 0x10c)));
    const is = (...wanted: readonly string[]) => session.ok(27, template(...wanted));
    await is(id, has(3, bytes('')), has(0x10c, '01'), has(0x108, '00'));
    expect((await session.ok(28, '00000010')).toString('hex')).toBe(`00000001${made.toString('hex')}`);
    await session.ok(29, '');
    await is(id, known);
    expect((await session.ok(28, '00000010')).toString('hex')).toBe('00000000');
    await session.ok(29, '');
  });

  test('are found by a class and a key type that stand for several of KMIP', async () => {
    const session = await opened();
    const name = (nameValue: string) =>
      ({
        key: 'Name',
        value: { nameValue, nameType: NameType.UninterpretedTextString },
      }) as const;
    const passwordName = 'a password of PKCS#11';
    await client.call(register, {
      objectType: ObjectType.SecretData,
      newAttributes: { templateNames: [], attributes: [name(passwordName)] },
      object: {
        objectType: ObjectType.SecretData,
        secretDataType: SecretDataType.Password,
        keyBlock: {
          keyFormatType: KeyFormatType.Opaque,
          keyValue: { keyMaterial: new SecretBytes(Buffer.from('secret')), attributes: [] },
        },
      },
    });
    const macName = 'a MAC key of PKCS#11';
    await client.call(create, {
      objectType: ObjectType.SymmetricKey,
      newAttributes: {
        templateNames: [],
        attributes: [
          name(macName),
          { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.HMAC_SHA512 },
          { key: 'CryptographicLength', value: 512 },
          { key: 'CryptographicUsageMask', value: CryptographicUsageMask.MACGenerate },
        ],
      },
    });
    const ecName = 'an EC key of PKCS#11';
    const curve = has(0x180, bytes(hex('06082a8648ce3d030107')));
    const forVerifying = template(curve, has(3, bytes(ecName)), ...uses(0x10a));
    await session.ok(60, mechanism(0x1040) + forVerifying + template(...uses(0x108)));
    const count = async (label: string, ...wanted: readonly string[]) => {
      await session.ok(27, template(has(3, bytes(label)), ...wanted));
      const handles = await session.ok(28, '00000010');
      await session.ok(29, '');
      return handles.readUInt32BE(0);
    };
    const [data, secretKey, publicKey] = [0, 4, 2].map((type) => has(0, ulong(type)));
    const [ec, generic, aes] = [0x3, 0x10, 0x1f].map((type) => has(0x100, ulong(type)));
    expect(await count(passwordName, data ?? '')).toBe(1);
    expect(await count(passwordName, secretKey ?? '')).toBe(0);
    expect(await count(macName, secretKey ?? '', generic ?? '')).toBe(1);
    expect(await count(macName, aes ?? '')).toBe(0);
    expect(await count(ecName, publicKey ?? '', ec ?? '')).toBe(1);
    expect(await count(ecName, has(0x100, ulong(0xff)))).toBe(0);
  });

  test('show their value as often as it is asked for', async () => {
    const session = await opened();
    const key = await aesKey(session);
    const asked = `${ulong(0x11)} 00 01`;
    const twice = await session.ok(25, key + template(asked, asked));
    const [one, other] = [twice.subarray(4, 4 + 46), twice.subarray(4 + 46)];
    expect(one.subarray(-32)).toEqual(await valueOf(session, key));
    expect(other).toEqual(one);
  });

  test('tell the parts of their public keys', async () => {
    const session = await opened();
    const told = async (key: string, type: number) => {
      const answer = await session.ok(25, key + template(`${ulong(type)} 00 01`));
      return answer.subarray(4 + 8 + 2 + 4);
    };
    const rsa = await keyPair(session, 0, has(0x121, ulong(2048)));
    for (const key of [rsa.publicKey, rsa.privateKey]) {
      expect((await told(key, 0x122)).toString('hex')).toBe('010001');
      expect(await told(key, 0x120)).toHaveLength(256);
    }
    expect(await told(rsa.privateKey, 0x120)).toEqual(await told(rsa.publicKey, 0x120));
    const ec = await keyPair(session, 0x1040, has(0x180, bytes(hex('06052b81040023'))));
    for (const key of [ec.publicKey, ec.privateKey]) {
      expect((await told(key, 0x181)).toString('hex')).toMatch(/^04818504[0-9a-f]{264}$/);
      expect(await session.code(25, key + template(`${ulong(0x120)} 00 01`))).toBe(0x12);
    }
    expect(await session.code(25, (await aesKey(session)) + template(`${ulong(0x181)} 00 01`))).toBe(0x12);
  });

  test('hashes in parts', async () => {
    const { ok, code } = await opened();
    await ok(38, mechanism(0x250));
    for (const part of ['some ', 'data']) await ok(40, bytes(part));
    expect(await code(39, `${bytes('x')} ${WANTED}`)).toBe(0x90);
    expect((await ok(42, '00')).toString('hex')).toBe('00000020');
    const expected = createHash('sha256').update('some data').digest();
    expect((await ok(42, WANTED)).subarray(4).equals(expected)).toBe(true);
    expect(await code(42, WANTED)).toBe(0x91);
  });

  test.each([
    ['HMAC', 0x251],
    ['CMAC', 0x108a],
  ])('%s in parts is that of the whole', async (_name, number) => {
    const { ok, code, ...rest } = await opened();
    const key = await aesKey({ ok, code, ...rest });
    await ok(43, mechanism(number) + key);
    const whole = (await ok(44, `${bytes(DATA)} ${WANTED}`)).subarray(4);
    await ok(43, mechanism(number) + key);
    for (let at = 0; at < DATA.length; at += 7) await ok(45, bytes(DATA.subarray(at, at + 7)));
    expect((await ok(46, WANTED)).subarray(4).equals(whole)).toBe(true);
    for (const [mac, expected] of [
      [whole, 0],
      [Buffer.alloc(whole.length), 0xc0],
    ] as const) {
      await ok(49, mechanism(number) + key);
      await ok(51, bytes(DATA.subarray(0, 11)));
      await ok(51, bytes(DATA.subarray(11)));
      expect(await code(52, bytes(mac))).toBe(expected);
    }
  });

  test('triple DES', async () => {
    const { ok, ...rest } = await opened();
    const value = Buffer.from('0123456789abcdef23456789abcdef01456789abcdef0123', 'hex');
    const wanted = [
      has(0, ulong(4)),
      has(0x100, ulong(0x15)),
      has(0x11, bytes(value)),
      ...uses(0x104, 0x105),
    ];
    const key = (await ok(21, template(...wanted))).toString('hex');
    const iv = Buffer.alloc(8, 4);
    await ok(30, mechanism(0x136, bytes(iv)) + key);
    const ciphertext = await inParts({ ok, ...rest }, 32, DATA);
    const decipher = createDecipheriv('des-ede3-cbc', value, iv);
    expect(Buffer.concat([decipher.update(ciphertext), decipher.final()]).equals(DATA)).toBe(true);
  });

  async function keyPair({ ok }: Opened, number: number, ...size: readonly string[]) {
    const ofPublic = template(...size, ...uses(0x104, 0x10a));
    const handles = await ok(60, mechanism(number) + ofPublic + template(...uses(0x105, 0x108)));
    return {
      publicKey: handles.subarray(0, 8).toString('hex'),
      privateKey: handles.subarray(8).toString('hex'),
    };
  }

  test('RSA pairs sign, verify, encrypt and decrypt', async () => {
    const session = await opened();
    const { ok, code } = session;
    const size = [has(0x121, ulong(2048)), has(0x122, bytes(hex('010001')))];
    const { publicKey, privateKey } = await keyPair(session, 0, ...size);
    const pss = mechanism(0x43, `${ulong(0x250)} ${ulong(2)} ${ulong(32)}`);
    for (const each of [mechanism(0x40), pss]) {
      await ok(43, each + privateKey);
      await ok(45, bytes(DATA));
      const signature = (await ok(46, WANTED)).subarray(4);
      expect(signature).toHaveLength(256);
      await ok(49, each + publicKey);
      await ok(50, bytes(DATA) + bytes(signature));
      await ok(49, each + publicKey);
      expect(await code(50, bytes('other') + bytes(signature))).toBe(0xc0);
    }
    const oaep = mechanism(0x9, `${ulong(0x250)} ${ulong(2)} ${ulong(1)} ${bytes('')}`);
    for (const each of [mechanism(1), oaep]) {
      await ok(30, each + publicKey);
      const ciphertext = (await ok(31, `${bytes(DATA)} ${WANTED}`)).subarray(4);
      await ok(34, each + privateKey);
      expect((await ok(35, `${bytes(ciphertext)} ${WANTED}`)).subarray(4).equals(DATA)).toBe(true);
    }
    for (const [number, parameter] of [
      [0x43, `${ulong(0x260)} ${ulong(2)} ${ulong(32)}`],
      [0x43, `${ulong(0x250)} ${ulong(9)} ${ulong(32)}`],
      [0x43, undefined],
      [0x40, '00'],
    ] as const) {
      expect(await code(43, mechanism(number, parameter) + privateKey)).toBe(0x71);
      expect(await code(49, mechanism(number, parameter) + publicKey)).toBe(0x71);
    }
    for (const [hash, mask, source] of [
      [0x999, 2, 1],
      [0x250, 9, 1],
      [0x250, 2, 2],
    ] as const) {
      const wrong = mechanism(0x9, `${ulong(hash)} ${ulong(mask)} ${ulong(source)} ${bytes('')}`);
      expect(await code(30, wrong + publicKey)).toBe(0x71);
    }
    expect(await code(60, `${mechanism(0)}${template()}${template()}`)).toBe(0xd0);
    const other = template(has(0x121, ulong(2048)), has(0x122, bytes(hex('03'))));
    expect(await code(60, `${mechanism(0)}${other}${template()}`)).toBe(0xd1);
  });

  test.each([
    ['P-256', '06082a8648ce3d030107', 0x1044, 64],
    ['P-521', '06052b81040023', 0x1046, 132],
  ])('pairs of %s sign with r and s', async (_name, curve, number, lengthBytes) => {
    const session = await opened();
    const { ok, code } = session;
    const { publicKey, privateKey } = await keyPair(session, 0x1040, has(0x180, bytes(hex(curve))));
    expect((await ok(25, privateKey + template(`${ulong(0x180)} 00 01`))).toString('hex')).toContain(curve);
    await ok(43, mechanism(number) + privateKey);
    const signature = (await ok(44, `${bytes(DATA)} ${WANTED}`)).subarray(4);
    expect(signature).toHaveLength(lengthBytes);
    const verified = async (data: Buffer | string, given: Buffer) => {
      await ok(49, mechanism(number) + publicKey);
      return code(50, bytes(data) + bytes(given));
    };
    expect(await verified(DATA, signature)).toBe(0);
    expect(await verified('other', signature)).toBe(0xc0);
    expect(await verified(DATA, signature.subarray(1))).toBe(0xc0);
  });

  test.each([
    ['P-256', '06082a8648ce3d030107', 'prime256v1'],
    ['P-521', '06052b81040023', 'secp521r1'],
  ])('keys of %s agree on a secret with a public key from elsewhere', async (_name, curve, theirCurve) => {
    const session = await opened();
    const { ok, code } = session;
    const label = `agrees over ${theirCurve}`;
    const ofPublic = template(has(0x180, bytes(hex(curve))), has(3, bytes(label)));
    const handles = await ok(60, mechanism(0x1040) + ofPublic + template(...uses(0x10c)));
    const privateKey = handles.subarray(8).toString('hex');
    const theirs = createECDH(theirCurve);
    const point = theirs.generateKeys();
    const octets = Buffer.concat([
      Buffer.from(point.length < 0x80 ? [4, point.length] : [4, 0x81, point.length]),
      point,
    ]);
    const wanted = template(has(0, ulong(4)), AES_TYPE, has(0x161, ulong(32)), ...uses(0x104));
    const derive = (kdf: number, data: Buffer) =>
      `${mechanism(0x1050, `${ulong(kdf)}${bytes('')}${bytes(data)}`)}${privateKey}${wanted}`;
    const name = { nameValue: label, nameType: NameType.UninterpretedTextString };
    const { uniqueIdentifiers } = await client.call(locate, { attributes: [{ key: 'Name', value: name }] });
    const { object } = await client.call(get, {
      uniqueIdentifier: uniqueIdentifiers[0],
      keyFormatType: KeyFormatType.X_509,
    });
    const keyValue = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
    const isThere = keyValue !== undefined && !('encoded' in keyValue);
    if (!isThere || !(keyValue.keyMaterial instanceof SecretBytes)) throw new Error('no public key');
    const expected = theirs.computeSecret(keyValue.keyMaterial.reveal().subarray(-point.length));
    for (const data of [point, octets]) {
      const derived = await valueOf(session, (await ok(63, derive(1, data))).toString('hex'));
      expect(derived).toEqual(expected.subarray(0, 32));
    }
    expect(await code(63, derive(2, point))).toBe(0x71);
    expect(await code(63, derive(1, point.subarray(1)))).not.toBe(0);
  });

  test.each([
    ['AES key wrap', 0x2109],
    ['AES key wrap with padding', 0x210b],
  ])('keys are wrapped and unwrapped: %s', async (_name, number) => {
    const session = await opened();
    const { ok, code } = session;
    const wrapping = await aesKey(session, ...uses(0x106, 0x107));
    const key = await aesKey(session);
    const wrapped = (await ok(61, `${mechanism(number)}${wrapping}${key}${WANTED}`)).subarray(4);
    expect(wrapped).toHaveLength(40);
    const wanted = template(has(0, ulong(4)), AES_TYPE, ...uses(0x104));
    const same = (await ok(62, mechanism(number) + wrapping + bytes(wrapped) + wanted)).toString('hex');
    expect((await valueOf(session, same)).equals(await valueOf(session, key))).toBe(true);
    wrapped.writeUInt8(wrapped.readUInt8(0) ^ 1, 0);
    expect(await code(62, mechanism(number) + wrapping + bytes(wrapped) + wanted)).toBe(0x110);
    expect(await code(61, `${mechanism(number)}${key}${wrapping}${WANTED}`)).toBe(0x68);
  });

  test('asking how long a wrapped key will be uses nothing up', async () => {
    const name = { nameValue: 'wraps once', nameType: NameType.UninterpretedTextString };
    const attributes: Attribute[] = [
      { key: 'Name', value: name },
      { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
      { key: 'CryptographicUsageMask', value: CryptographicUsageMask.WrapKey },
      { key: 'ActivationDate', value: 0 },
      { key: 'UsageLimits', value: { usageLimitsTotal: 1n, usageLimitsUnit: UsageLimitsUnit.Object } },
    ];
    const newAttributes = { templateNames: [], attributes };
    await client.call(create, { objectType: ObjectType.SymmetricKey, newAttributes });
    const session = await opened();
    const { ok, code } = session;
    await ok(27, template(has(3, bytes('wraps once'))));
    const wrapping = (await ok(28, '00000001')).subarray(4).toString('hex');
    const key = await aesKey(session);
    const wrap = `${mechanism(0x2109)}${wrapping}${key}`;
    expect((await ok(61, `${wrap}00`)).toString('hex')).toBe('00000028');
    expect(await code(61, `${wrap}01 00000020`)).toBe(0x150);
    expect(await ok(61, `${wrap}${WANTED}`)).toHaveLength(44);
    expect(await code(61, `${wrap}${WANTED}`)).toBe(0x68);
  });

  test.each([
    ['what is forbidden of the usual uses', [has(0x104, '00')], [0, 1]],
    ['what is forbidden though it is not usual', [has(0x106, '00')], [1, 1]],
    ['all that is usual', [has(0x104, '00'), has(0x105, '00')], [0, 0]],
  ])('a template takes away %s', async (_which, forbidden, expected) => {
    const session = await opened();
    const wanted = template(has(0, ulong(4)), has(0x161, ulong(32)), ...forbidden);
    const key = (await session.ok(59, mechanism(0x1080) + wanted)).toString('hex');
    const asked = template(...[0x104, 0x105].map((type) => `${ulong(type)} 00 01`));
    const told = await session.ok(25, key + asked);
    expect([told.at(4 + 10), told.at(4 + 11 + 10)]).toEqual(expected);
  });

  test.each([
    ['a hash', 0x393, undefined, (key: Buffer) => createHash('sha256').update(key).digest()],
    ['encrypted data', 0x1104, bytes(Buffer.alloc(32, 5)), (key: Buffer) => encryptedUnder('ecb', key)],
    [
      'data encrypted with CBC',
      0x1105,
      IV.toString('hex') + bytes(Buffer.alloc(32, 5)),
      (key: Buffer) => encryptedUnder('cbc', key),
    ],
  ])('keys are derived: %s', async (_name, number, parameter, expected) => {
    const session = await opened();
    const key = await aesKey(session, ...uses(0x10c));
    const wanted = template(has(0, ulong(4)), AES_TYPE, has(0x161, ulong(32)), ...uses(0x104));
    const derived = (await session.ok(63, mechanism(number, parameter) + key + wanted)).toString('hex');
    const value = await valueOf(session, derived);
    expect(value.toString('hex')).toBe(expected(await valueOf(session, key)).toString('hex'));
    expect(await session.code(63, mechanism(0x395, '00') + key + wanted)).toBe(0x71);
  });
  function encryptedUnder(mode: 'ecb' | 'cbc', key: Buffer): Buffer {
    const cipher = createCipheriv(`aes-256-${mode}`, key, mode === 'ecb' ? null : IV).setAutoPadding(false);
    return cipher.update(Buffer.alloc(32, 5));
  }

  test('the audit log names the objects of each call', async () => {
    const session = await opened();
    const key = await aesKey(session, has(3, bytes('named in the log')));
    const name = { nameValue: 'named in the log', nameType: NameType.UninterpretedTextString };
    const { uniqueIdentifiers } = await client.call(locate, { attributes: [{ key: 'Name', value: name }] });
    await session.ok(30, mechanism(0x1085, bytes(IV)) + key);
    await session.ok(31, `${bytes(DATA)} ${WANTED}`);
    const database = await openDatabase(server.dataDir);
    const records = (await batchedRecords(database)).filter(({ action }) => action === 'PKCS_11');
    await database.close();
    expect(records.at(-1)?.subjects).toEqual(uniqueIdentifiers);
  });

  test('what needs officers is not done', async () => {
    const officer = await asFirstOfficer(server);
    const session = await opened();
    const key = await aesKey(session);
    await officer.call('POST /approval-rules', { action: 'export', officers: 1 });
    await officer.call('POST /approval-rules', { action: 'destroy', officers: 1 });
    expect(await session.code(25, `${key}${template(`${ulong(0x11)} 00 01`)}`)).toBe(0x11);
    expect(await session.code(23, key)).toBe(0x1b);
    await officer.call('POST /approval-rules', { action: 'export', officers: 0 });
    await officer.call('POST /approval-rules', { action: 'destroy', officers: 0 });
    await session.ok(25, `${key}${template(`${ulong(0x11)} 00 01`)}`);
  });
});

test('what is not there is said so', async () => {
  const library = await initialized();
  for (const each of [4, 10, 22, 41, 47, 53, 58, 92]) {
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
