import { readFileSync } from 'node:fs';
import { KmipClient, call, type KmipClientOptions } from '@holdfast/client';
import { activate, create, destroy, get, getAttributes, locate, revoke } from '@holdfast/core';
import {
  AlternativeNameType,
  CryptographicAlgorithm,
  NameType,
  ObjectType,
  RevocationReasonCode,
  Tag,
  UniqueIdentifier,
  UsageLimitsUnit,
  VERSION_NAMES,
  type Attribute,
  isKnownAttribute,
} from '@holdfast/kmip';
import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';

/** The typed client and a real server, over all transports and encodings. */

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess({ arguments: ['--https-listen', '127.0.0.1:0'] });
});
afterAll(() => server.stop());

const TRANSPORTS: readonly [string, Partial<KmipClientOptions>][] = [
  ['TTLV over TLS', {}],
  ['TTLV over HTTPS', { httpsPath: '/kmip' }],
  ['XML over HTTPS', { httpsPath: '/', encoding: 'xml' }],
  ['JSON over HTTPS', { httpsPath: '/kmip', encoding: 'json' }],
];

async function connected(options: Partial<KmipClientOptions>): Promise<KmipClient> {
  const { cert, key, ca } = server.clientFiles;
  return KmipClient.connect({
    host: server.host,
    port: options.httpsPath === undefined ? server.port : server.https?.port,
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    isStrict: true,
    ...options,
  });
}

function keyNamed(nameValue: string) {
  const attributes: Attribute[] = [
    { key: 'CryptographicAlgorithm', value: CryptographicAlgorithm.AES },
    { key: 'CryptographicLength', value: 256 },
    { key: 'CryptographicUsageMask', value: 12 },
    { key: 'Name', value: { nameValue, nameType: NameType.UninterpretedTextString } },
  ];
  return { objectType: ObjectType.SymmetricKey, newAttributes: { templateNames: [], attributes } } as const;
}

const custom = (attributeName: string, value: Pick<Item, 'type' | 'value'>): Attribute => ({
  key: 'VendorAttribute',
  value: {
    vendorIdentification: 'x',
    attributeName,
    attributeValue: { tag: Tag.AttributeValue, ...value } as Item,
  },
});

/** Much that a key can have. */
const MANY_ATTRIBUTES: readonly Attribute[] = [
  { key: 'ActivationDate', value: 1_700_000_000 },
  { key: 'ProcessStartDate', value: 1_700_000_001 },
  { key: 'ProtectStopDate', value: 4_000_000_000 },
  { key: 'DeactivationDate', value: 4_000_000_001 },
  { key: 'ObjectGroup', value: 'one' },
  { key: 'ObjectGroup', value: 'two' },
  { key: 'UsageLimits', value: { usageLimitsTotal: 9n, usageLimitsUnit: UsageLimitsUnit.Object } },
  { key: 'CryptographicParameters', value: { randomIV: true, tagLengthBytes: 12 } },
  { key: 'ApplicationSpecificInformation', value: { applicationNamespace: 'a', applicationData: 'b' } },
  {
    key: 'AlternativeName',
    value: { alternativeNameValue: 'urn:a', alternativeNameType: AlternativeNameType.URI },
  },
  { key: 'ContactInformation', value: 'somebody' },
  { key: 'Comment', value: 'früh <&"\'>' },
  { key: 'RotateInterval', value: 100 },
  { key: 'ProtectionPeriod', value: 1000 },
  custom('integer', { type: ItemType.Integer, value: -5 }),
  custom('long', { type: ItemType.LongInteger, value: 1n << 60n }),
  custom('big', { type: ItemType.BigInteger, value: -(1n << 70n) }),
  custom('enumeration', { type: ItemType.Enumeration, value: 0x80000001 }),
  custom('boolean', { type: ItemType.Boolean, value: true }),
  custom('text', { type: ItemType.TextString, value: '' }),
  custom('bytes', { type: ItemType.ByteString, value: Buffer.of(0, 255) }),
  custom('date', { type: ItemType.DateTime, value: 1_700_000_000n }),
  custom('interval', { type: ItemType.Interval, value: 7 }),
];

describe.each(TRANSPORTS)('%s', (title, options) => {
  let client: KmipClient;
  beforeAll(async () => {
    client = await connected(options);
  });
  afterAll(() => client.close());

  test('agrees on the highest version', () => {
    expect(client.dialect.name).toBe('2.1');
    expect(client.tls.protocol).toBe('TLSv1.3');
  });

  test('a key from its beginning to its end', async () => {
    const { uniqueIdentifier } = await client.call(create, keyNamed(`life ${title}`));
    const { object } = await client.call(get, { uniqueIdentifier });
    expect(object.objectType).toBe(ObjectType.SymmetricKey);
    await client.call(activate, { uniqueIdentifier });
    await expect(client.call(destroy, { uniqueIdentifier })).rejects.toMatchObject({
      name: 'KmipRefusal',
      resultReasonName: 'WrongKeyLifecycleState',
    });
    const reason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
    await client.call(revoke, { uniqueIdentifier, revocationReason: reason });
    await client.call(destroy, { uniqueIdentifier });
  });

  test('a batch in which later operations use what earlier ones made', async () => {
    const placeholder = { uniqueIdentifier: { from: UniqueIdentifier.IDPlaceholder } };
    const [made, activated, told] = await client.batch([
      call(create, keyNamed(`batch ${title}`)),
      call(activate, placeholder),
      call(getAttributes, { ...placeholder, attributeReferences: [{ key: 'State' }] }),
    ]);
    expect([made.status, activated.status, told.status]).toEqual(['done', 'done', 'done']);
  });

  test('a key is found by each of its attributes, in every version', async () => {
    const key = keyNamed(`many attributes ${title}`);
    const attributes = [...key.newAttributes.attributes, ...MANY_ATTRIBUTES];
    const { uniqueIdentifier } = await client.call(create, {
      ...key,
      newAttributes: { templateNames: [], attributes },
    });
    for (const version of VERSION_NAMES) {
      const speaker = await connected({ ...options, version });
      const told = await speaker.call(getAttributes, { uniqueIdentifier, attributeReferences: [] });
      expect(told.attributes.length).toBeGreaterThan(25);
      const conditions = told.attributes
        .filter(isKnownAttribute)
        .map((attribute) => [{ ...attribute, index: undefined }]);
      const found = await speaker.batch(conditions.map((each) => call(locate, { attributes: each })));
      const missed = conditions.filter((_, index) => {
        const outcome = found[index];
        return outcome?.status !== 'done' || !outcome.response.uniqueIdentifiers.includes(uniqueIdentifier);
      });
      expect([version, missed]).toEqual([version, []]);
      await speaker.close();
    }
  });

  test('many calls at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.call(locate, { attributes: [], maximumItems: 1 })),
    );
    expect(answers.every(({ uniqueIdentifiers }) => uniqueIdentifiers.length === 1)).toBe(true);
  });
});

test('a connection that the server ended is replaced', async () => {
  const elsewhere = await connected({ httpsPath: '/nowhere', version: '2.1' });
  for (let times = 0; times < 2; times++) {
    await expect(elsewhere.call(locate, { attributes: [] })).rejects.toMatchObject({
      reason: 'protocol',
      message: expect.stringContaining('404') as string,
    });
  }
  await elsewhere.close();
});

test('XML needs HTTPS', async () => {
  await expect(connected({ encoding: 'xml' })).rejects.toMatchObject({
    code: 'Configuration',
    message: expect.stringContaining('https://') as string,
  });
});
