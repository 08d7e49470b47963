import 'reflect-metadata';
import { type CertificateAuthority } from '@holdfast/core';
import { X509Certificate, X509Crl, X509CrlReason } from '@peculiar/x509';
import { certificates } from '../src';
import { children, readElement, TAG } from '../src/der';

const thisUpdateSeconds = 1_800_000_000;
const nextUpdateSeconds = thisUpdateSeconds + 86_400;
let ca: CertificateAuthority;
beforeAll(async () => {
  const request = { commonName: 'Test CA', nowSeconds: thisUpdateSeconds };
  const { der, privateKey } = await certificates.createAuthority(request);
  ca = { certificateDer: der, privateKey };
});

const twice = <T>(value: T): T[] => [value, value];
const issue = (revoked: Parameters<typeof certificates.issueCrl>[1]['revoked'], crlNumber = 7n) =>
  certificates.issueCrl(ca, { revoked, crlNumber, thisUpdateSeconds, nextUpdateSeconds });

describe('a CRL', () => {
  test('names what is revoked, since when and why, and verifies', async () => {
    const crl = new X509Crl(
      (
        await issue([
          { serialHex: '4f01', revokedAtSeconds: thisUpdateSeconds - 60, reason: 'keyCompromise' },
          { serialHex: '00ff', revokedAtSeconds: thisUpdateSeconds - 30, reason: 'unspecified' },
          { serialHex: 'fe01', revokedAtSeconds: thisUpdateSeconds },
        ])
      ).der,
    );
    expect(await crl.verify({ publicKey: new X509Certificate(ca.certificateDer) })).toBe(true);
    expect(crl.issuer).toBe('CN=Test CA');
    expect(crl.thisUpdate.getTime() / 1000).toBe(thisUpdateSeconds);
    expect(crl.nextUpdate?.getTime()).toBe(nextUpdateSeconds * 1000);
    expect(crl.entries.map(({ serialNumber, reason }) => [serialNumber.replace(/^00/, ''), reason])).toEqual([
      ['4f01', X509CrlReason.keyCompromise],
      ['ff', undefined],
      ['fe01', undefined],
    ]);
    const times = crl.entries.map(({ revocationDate, invalidity }) => [revocationDate, invalidity]);
    expect(times).toEqual([60, 30, 0].map((age) => twice(new Date((thisUpdateSeconds - age) * 1000))));
  });

  test('writes serial numbers as positive integers, and no empty list of extensions', async () => {
    const { der } = await issue([{ serialHex: 'fe01', revokedAtSeconds: thisUpdateSeconds }]);
    const [body] = children(readElement(der));
    const fields = children(body ?? readElement(der));
    const [entry] = children(fields[5] ?? readElement(der)).map((element) => children(element));
    expect(entry?.map(({ tag }) => tag)).toEqual([TAG.integer, TAG.utcTime, TAG.sequence]);
    expect(entry?.[2]?.contents.length).toBeGreaterThan(0);
    expect(entry?.[0]?.der.toString('hex')).toBe('020300fe01');
  });

  test('of nothing has no list of entries', async () => {
    const { der, pem } = await issue([], 300n);
    expect(children(children(readElement(der))[0] ?? readElement(der)).map(({ tag }) => tag)).toEqual([
      TAG.integer,
      TAG.sequence,
      TAG.sequence,
      TAG.utcTime,
      TAG.utcTime,
      0xa0,
    ]);
    expect(der.includes(Buffer.from('0603551d140404' + '0202012c', 'hex'))).toBe(true);
    expect(pem).toMatch(/^-----BEGIN X509 CRL-----\n/);
  });

  test('must end after it begins and name serial numbers in hex', async () => {
    const empty = { revoked: [], crlNumber: 1n, thisUpdateSeconds };
    await expect(
      certificates.issueCrl(ca, { ...empty, nextUpdateSeconds: thisUpdateSeconds }),
    ).rejects.toMatchObject({ code: 'InvalidField' });
    await expect(issue([{ serialHex: 'x', revokedAtSeconds: 0 }])).rejects.toMatchObject({
      code: 'InvalidField',
    });
  });
});
