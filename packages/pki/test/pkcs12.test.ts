import { spawnSync } from 'node:child_process';
import { createCipheriv, pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError, SecretBytes, type ErrorCode } from '@holdfast/core';
import { certificates } from '../src';
import { children, contextTag, encodeElement, encodeInteger, encodeOid, readElement, TAG } from '../src/der';
import { Allowance } from '../src/pkcs12/derivation';
import { OID } from '../src/pkcs12/object-identifiers';
import { CA, LEAF, MODERN, PLAIN, PRIVATE_KEY, RC2, TRIPLE_DES } from './pkcs12-containers';

const password = (text = 'secret') => new SecretBytes(Buffer.from(text));

async function refused(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}

describe('a container of OpenSSL is read', () => {
  test.each([
    ['PBES2', MODERN],
    ['triple DES', TRIPLE_DES],
    ['nothing encrypted', PLAIN],
  ])('%s', async (_name, container) => {
    for (const name of [undefined, 'leaf', 'LEAF']) {
      const bundle = await certificates.openPkcs12(container, password(), name);
      expect(bundle.privateKey.reveal()).toEqual(PRIVATE_KEY);
      expect(bundle.certificates).toEqual([LEAF, CA]);
      expect(bundle.friendlyName).toBe('leaf');
    }
    expect(await refused(certificates.openPkcs12(container, password('other')))).toBe('BadPassword');
    expect(await refused(certificates.openPkcs12(container, password(), 'nobody'))).toBe('InvalidField');
  });

  test('but not RC2', async () => {
    expect(await refused(certificates.openPkcs12(RC2, password()))).toBe('InvalidField');
  });
});

describe('no byte goes unnoticed', () => {
  test('where one is changed or missing', async () => {
    for (let at = 0; at < PLAIN.length; at += 7) {
      const changed = Buffer.from(PLAIN);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const codes = [
        await refused(certificates.openPkcs12(changed, password())),
        await refused(certificates.openPkcs12(PLAIN.subarray(0, at), password())),
      ];
      for (const code of codes) expect(['BadPassword', 'InvalidField']).toContain(code);
    }
  });

  test('and nobody makes the server count forever', async () => {
    const at = PLAIN.lastIndexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]));
    const endless = Buffer.from(PLAIN);
    endless.write('7fff', at + 2, 'hex');
    expect(await refused(certificates.openPkcs12(endless, password()))).toBe('BadPassword');
    const longer = Buffer.concat([PLAIN.subarray(0, at), Buffer.from('02047fffffff', 'hex')]);
    // Two bytes more in the container and in its MAC.
    longer.writeUInt16BE(longer.readUInt16BE(2) + 2, 2);
    longer.writeUInt8(longer.readUInt8(at - 87) + 2, at - 87);
    expect(await refused(certificates.openPkcs12(longer, password()))).toBe('InvalidField');
  });
});

const sequence = (...parts: readonly Buffer[]) => encodeElement(TAG.sequence, ...parts);
const explicit = (...parts: readonly Buffer[]) => encodeElement(contextTag(0, true), ...parts);
const octets = (...parts: readonly Buffer[]) => encodeElement(TAG.octetString, ...parts);
const content = (inside: Buffer) => sequence(encodeOid(OID.data), explicit(inside));

/** A container of one key in clear, and what goes beside it. */
function containerOf({
  attributes = [],
  mac = [],
  rewritten = (der) => der,
}: {
  readonly attributes?: Buffer[];
  readonly mac?: Buffer[];
  readonly rewritten?: (der: Buffer) => Buffer;
}): Buffer {
  const bag = sequence(encodeOid(OID.keyBag), explicit(PRIVATE_KEY), encodeElement(TAG.set, ...attributes));
  const safe = rewritten(sequence(content(octets(rewritten(sequence(bag))))));
  return sequence(encodeInteger(3n), content(octets(safe)), ...mac);
}

/** The same in BER: indefinite lengths, definite ones in four octets, long OCTET STRINGs in two pieces. */
function inBer(der: Buffer): Buffer {
  const { tag, contents } = readElement(der);
  const end = Buffer.of(0, 0);
  const indefinite = (of: number, ...parts: Buffer[]) => Buffer.concat([Buffer.of(of, 0x80), ...parts, end]);
  if ((tag & 0x20) !== 0)
    return indefinite(tag, ...children({ tag, contents, der }).map((each) => inBer(each.der)));
  const primitive = (part: Buffer) => {
    const head = Buffer.of(tag, 0x84, 0, 0, 0, 0);
    head.writeUInt32BE(part.length, 2);
    return Buffer.concat([head, part]);
  };
  if (tag !== TAG.octetString || contents.length < 120) return primitive(contents);
  return indefinite(tag | 0x20, primitive(contents.subarray(0, 10)), primitive(contents.subarray(10)));
}

describe('a container in BER, as Mozilla and Microsoft write them, is read', () => {
  test.each([
    ['its outer layers', MODERN, [LEAF, CA]],
    ['all layers', containerOf({ rewritten: inBer }), []],
  ])('%s', async (_name, container, certificatesInIt) => {
    const bundle = await certificates.openPkcs12(inBer(container), password());
    expect(bundle.privateKey.reveal()).toEqual(PRIVATE_KEY);
    expect(bundle.certificates).toEqual(certificatesInIt);
  });

  test.each([
    ['without its end', inBer(MODERN).subarray(0, -2)],
    ['with more behind its end', Buffer.concat([inBer(MODERN), Buffer.of(0, 0)])],
    [
      'of too many elements',
      Buffer.concat([Buffer.of(0x30, 0x80), Buffer.alloc(20_000, '3000', 'hex'), Buffer.of(0, 0)]),
    ],
    ['of too many layers', Buffer.concat([Buffer.alloc(20_000, '3080', 'hex'), Buffer.alloc(20_000)])],
  ])('but not %s', async (_name, container) => {
    expect(await refused(certificates.openPkcs12(container, password()))).toBe('InvalidField');
  });
});

describe('a container that no tool writes', () => {
  test('may have a friendly name that is no text', async () => {
    const name = encodeElement(TAG.set, encodeElement(TAG.bmpString, Buffer.of(0, 0x61, 0)));
    const container = containerOf({ attributes: [sequence(encodeOid(OID.friendlyName), name)] });
    const bundle = await certificates.openPkcs12(container, password());
    expect(bundle.privateKey.reveal()).toEqual(PRIVATE_KEY);
    expect(bundle.friendlyName).toBeUndefined();
  });

  test('is refused where its iterations are no number', async () => {
    const digest = sequence(sequence(encodeOid(OID.sha256)), octets(Buffer.alloc(32)));
    const mac = sequence(digest, octets(Buffer.alloc(8)), encodeElement(TAG.integer));
    expect(await refused(certificates.openPkcs12(containerOf({ mac: [mac] }), password()))).toBe(
      'InvalidField',
    );
  });

  test('is refused where its parts would make the server count for hours together', async () => {
    const iterations = 1_000_000;
    const salt = Buffer.alloc(8);
    const iv = Buffer.alloc(16);
    const cipher = createCipheriv('aes-128-cbc', pbkdf2Sync('secret', salt, iterations, 16, 'sha1'), iv);
    const nothing = Buffer.concat([cipher.update(sequence()), cipher.final()]);
    const pbkdf2 = sequence(encodeOid(OID.pbkdf2), sequence(octets(salt), encodeInteger(BigInt(iterations))));
    const aes = sequence(encodeOid('2.16.840.1.101.3.4.1.2'), octets(iv));
    const algorithm = sequence(encodeOid(OID.pbes2), sequence(pbkdf2, aes));
    const encrypted = sequence(encodeOid(OID.data), algorithm, encodeElement(contextTag(0, false), nothing));
    const part = sequence(encodeOid(OID.encryptedData), explicit(sequence(encodeInteger(0n), encrypted)));
    const container = (parts: number) => {
      const key = content(octets(sequence(sequence(encodeOid(OID.keyBag), explicit(PRIVATE_KEY)))));
      const safe = sequence(...Array.from({ length: parts }, () => part), key);
      return sequence(encodeInteger(3n), content(octets(safe)));
    };
    expect(await refused(certificates.openPkcs12(container(1), password()))).toBeUndefined();
    expect(await refused(certificates.openPkcs12(container(1000), password()))).toBe('InvalidField');
  });

  test('may have as many iterations as NSS writes for a key with three certificates, and few more', () => {
    const allowance = new Allowance();
    const outputs = { mac: 1, keyAndVectorOfKey: 3, keysAndVectorsOfCertificates: 3 * 3 };
    for (const count of Object.values(outputs)) allowance.spend(count * 600_000);
    expect(() => allowance.spend(600_000)).toThrow('at most 8000000 iterations');
  });

  test('is refused where its bytes are in pieces of pieces', async () => {
    let pieces = octets();
    for (let depth = 0; depth < 10_000; depth++) pieces = encodeElement(TAG.octetString | 0x20, pieces);
    const container = sequence(encodeInteger(3n), content(pieces));
    expect(await refused(certificates.openPkcs12(container, password()))).toBe('InvalidField');
  });
});

test('of the key nothing is left but what is handed out', async () => {
  const concatenated = jest.spyOn(Buffer, 'concat');
  try {
    const bundle = await certificates.openPkcs12(MODERN, password());
    bundle.privateKey.destroy();
    const written = concatenated.mock.calls.flatMap(([parts]) => parts);
    expect(written.length).toBeGreaterThan(0);
    const scalar = PRIVATE_KEY.subarray(36, 68);
    expect(written.filter((part) => Buffer.from(part).includes(scalar.subarray(0, 16)))).toEqual([]);
  } finally {
    concatenated.mockRestore();
  }
});

describe('a container that is made here', () => {
  const made = (der: readonly Buffer[], text = 'secret') =>
    certificates.makePkcs12(
      { privateKey: SecretBytes.copyOf(PRIVATE_KEY), certificates: der, friendlyName: 'näme' },
      password(text),
    );

  test.each([
    ['a chain', [LEAF, CA]],
    ['no certificate', []],
  ])('is read again, with %s', async (_name, der) => {
    const container = await made(der, 'pässword');
    expect(container.includes(PRIVATE_KEY)).toBe(false);
    const bundle = await certificates.openPkcs12(container, password('pässword'), 'näme');
    expect(bundle.privateKey.reveal()).toEqual(PRIVATE_KEY);
    expect(bundle.certificates).toEqual(der);
    expect(bundle.friendlyName).toBe('näme');
    expect(await refused(certificates.openPkcs12(container, password('password')))).toBe('BadPassword');
  });

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  (hasOpenssl ? test : test.skip)(
    'has the password that OpenSSL makes of bytes which are no UTF-8',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-pkcs12-'));
      try {
        const latin1 = Buffer.from('p\u00e4ssword', 'latin1');
        const file = (name: string, bytes: Buffer | string): string => {
          writeFileSync(join(folder, name), bytes);
          return join(folder, name);
        };
        const pem = (label: string, der: Buffer) =>
          `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
        const both = file('both.pem', pem('PRIVATE KEY', PRIVATE_KEY) + pem('CERTIFICATE', LEAF));
        const to = ['-passout', `file:${file('password', latin1)}`, '-out', join(folder, 'made.p12')];
        const { status } = spawnSync('openssl', ['pkcs12', '-export', '-in', both, ...to]);
        expect(status).toBe(0);
        const container = readFileSync(join(folder, 'made.p12'));
        const bundle = await certificates.openPkcs12(container, new SecretBytes(latin1));
        expect(bundle.privateKey.reveal()).toEqual(PRIVATE_KEY);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  (hasOpenssl ? test : test.skip)('is read by OpenSSL', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-pkcs12-'));
    try {
      const file = join(folder, 'made.p12');
      writeFileSync(file, await made([LEAF, CA]));
      const { stdout, status } = spawnSync(
        'openssl',
        ['pkcs12', '-in', file, '-passin', 'pass:secret', '-nodes', '-info'],
        { encoding: 'utf8' },
      );
      expect(status).toBe(0);
      expect(stdout).toContain(PRIVATE_KEY.toString('base64').slice(0, 60));
      expect(stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
