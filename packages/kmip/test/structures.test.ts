import { inspect } from 'node:util';
import { encodeTtlv, ItemType, SecretBytes, type Item } from '@holdfast/ttlv';
import * as kmip from '@holdfast/kmip';
import {
  CredentialType,
  credential,
  dialectNamed,
  DIALECTS,
  identifierReference,
  NameType,
  optional,
  required,
  repeated,
  serverInformation,
  STORAGE_DIALECT,
  structure,
  Tag,
  tags,
  textString,
  UniqueIdentifier,
  versioned,
  enumerated,
  integer,
  type Codec,
  type Credential,
  type Dialect,
  type EnumerationTable,
} from '@holdfast/kmip';
import fc from 'fast-check';
import { valuesOf } from './arbitraries';
import { walk } from './vectors';
import { refusal } from './refusal';

type Row = readonly [name: string, codec: Codec<unknown>, since: kmip.VersionName];

/** The shared structures that are made of single-tag fields alone, with the first version that has them. */
const rows: readonly Row[] = [
  ['Name', kmip.nameStructure, '1.0'],
  ['Cryptographic Parameters', kmip.cryptographicParametersStructure, '1.0'],
  ['Cryptographic Domain Parameters', kmip.cryptographicDomainParametersStructure, '1.0'],
  ['Digest', kmip.digestStructure, '1.0'],
  ['Link', kmip.linkStructure, '1.0'],
  ['Application Specific Information', kmip.applicationSpecificInformationStructure, '1.0'],
  ['Revocation Reason', kmip.revocationReasonStructure, '1.0'],
  ['Usage Limits', kmip.usageLimitsStructure, '1.0'],
  ['Certificate Identifier', kmip.certificateIdentifierStructure, '1.0'],
  ['Certificate Issuer', kmip.certificateIssuerStructure, '1.0'],
  ['Certificate Subject', kmip.certificateSubjectStructure, '1.0'],
  ['Protocol Version', kmip.protocolVersionStructure, '1.0'],
  ['Key Wrapping Data', kmip.keyWrappingDataStructure, '1.0'],
  ['Key Wrapping Specification', kmip.keyWrappingSpecificationStructure, '1.0'],
  ['Extension Information', kmip.extensionInformationStructure, '1.1'],
  ['X.509 Certificate Identifier', kmip.x509CertificateIdentifierStructure, '1.1'],
  ['X.509 Certificate Issuer', kmip.x509CertificateIssuerStructure, '1.1'],
  ['X.509 Certificate Subject', kmip.x509CertificateSubjectStructure, '1.1'],
  ['Alternative Name', kmip.alternativeNameStructure, '1.2'],
  ['Key Value Location', kmip.keyValueLocationStructure, '1.2'],
  ['Nonce', kmip.nonceStructure, '1.2'],
  ['RNG Parameters', kmip.rngParametersStructure, '1.3'],
  ['Profile Information', kmip.profileInformationStructure, '1.3'],
  ['Validation Information', kmip.validationInformationStructure, '1.3'],
  ['Capability Information', kmip.capabilityInformationStructure, '1.3'],
  ['Ticket', kmip.ticketStructure, '2.0'],
  ['Right', kmip.rightStructure, '2.0'],
  ['Rights', kmip.rightsStructure, '2.0'],
  ['Objects', kmip.objectsStructure, '2.0'],
  ['Operations', kmip.operationsStructure, '2.0'],
  ['Protection Storage Masks', kmip.protectionStorageMasksStructure, '2.0'],
  ['Object Types', kmip.objectTypesStructure, '2.1'],
  ['Object Groups', kmip.objectGroupsStructure, '2.1'],
  ['Rotate Name', kmip.rotateNameStructure, '2.1'],
];

const enumerations = Object.values(kmip as Readonly<Record<string, unknown>>).filter(
  (value): value is EnumerationTable =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'enumeration',
);

/** Fails where an item holds a tag or an enumeration value that the dialect does not list. */
function expectNothingNewer(root: Item, dialect: Dialect): void {
  for (const item of walk(root)) {
    const tag = tags.byValue.get(item.tag);
    expect(tag === undefined || dialect.knows({ since: tag.since })).toBe(true);
    if (item.type !== ItemType.Enumeration) continue;
    const entry = enumerations.find(({ name }) => name === tag?.name)?.byValue.get(item.value);
    if (entry !== undefined) expect(dialect.knows(entry)).toBe(true);
  }
}

describe('structures', () => {
  const combinations = rows.flatMap(([name, codec, since]) =>
    DIALECTS.filter((dialect) => dialect.knows({ since })).map(
      (dialect) => [name, dialect.name, codec, dialect] as const,
    ),
  );

  test.each(combinations)('%s comes back from %s as it went', (_name, _version, codec, dialect) => {
    fc.assert(
      fc.property(valuesOf(codec, dialect), (value) => {
        const item = codec.encode(Tag.RequestPayload, value, dialect) as Item;
        expect(item).toBeDefined();
        const decoded = codec.decode(item, dialect);
        expect(decoded).toEqual(value);
        expect(encodeTtlv(codec.encode(Tag.RequestPayload, decoded, dialect) as Item)).toEqual(
          encodeTtlv(item),
        );
      }),
      { numRuns: 6 },
    );
  });

  const newest = dialectNamed('2.1');
  test.each(combinations)('%s says nothing newer than %s', (_name, _version, codec, dialect) => {
    fc.assert(
      fc.property(valuesOf(codec, newest), (value) => {
        let item: Item | undefined;
        try {
          item = codec.encode(Tag.RequestPayload, value, dialect);
        } catch (error) {
          // A reference to an earlier result cannot be said in 1.x, and is not left out silently.
          expect(error).toMatchObject({ code: 'InvalidField' });
          return;
        }
        if (item !== undefined)
          for (const child of walk(item)) if (child !== item) expectNothingNewer(child, dialect);
      }),
      { numRuns: 6 },
    );
  });

  test.each(rows)('%s keeps everything at rest', (_name, codec) => {
    fc.assert(
      fc.property(valuesOf(codec, newest), (value) => {
        const item = codec.encode(Tag.RequestPayload, value, STORAGE_DIALECT) as Item;
        expect(codec.decode(item, STORAGE_DIALECT)).toEqual(value);
      }),
      { numRuns: 6 },
    );
  });
});

describe('structure()', () => {
  const v10 = dialectNamed('1.0');
  const v14 = dialectNamed('1.4');
  const v21 = dialectNamed('2.1');
  const sample = structure({
    username: required(Tag.Username, textString),
    comment: optional(Tag.Comment, textString, { since: '1.4' }),
    objectGroups: repeated(Tag.ObjectGroup, textString),
  });
  const text = (tag: number, value: string): Item => ({ tag, type: ItemType.TextString, value });
  const payload = (...value: Item[]): Item => ({ tag: Tag.RequestPayload, type: ItemType.Structure, value });

  test('reads members in any order and passes over vendor tags', () => {
    const item = payload(
      text(Tag.ObjectGroup, 'a'),
      text(0x540001, 'vendor'),
      text(Tag.Username, 'u'),
      text(Tag.ObjectGroup, 'b'),
    );
    expect(sample.decode(item, v10)).toEqual({ username: 'u', objectGroups: ['a', 'b'] });
  });

  test('writes members in the declared order', () => {
    const item = sample.encode(Tag.RequestPayload, { objectGroups: ['a'], comment: 'c', username: 'u' }, v14);
    expect(item).toEqual(
      payload(text(Tag.Username, 'u'), text(Tag.Comment, 'c'), text(Tag.ObjectGroup, 'a')),
    );
  });

  test.each<[string, Item, string, string]>([
    ['a missing member', payload(), 'InvalidMessage', 'Username is missing in Request Payload'],
    [
      'a member twice',
      payload(text(Tag.Username, 'a'), text(Tag.Username, 'b')),
      'InvalidMessage',
      'more than once',
    ],
    [
      'a stranger',
      payload(text(Tag.Username, 'a'), text(Tag.Password, 'b')),
      'InvalidField',
      'Password does not belong',
    ],
    [
      'a member of a later version',
      payload(text(Tag.Username, 'a'), text(Tag.Comment, 'b')),
      'InvalidField',
      'Comment',
    ],
    [
      'another type',
      payload({ tag: Tag.Username, type: ItemType.Integer, value: 1 }),
      'InvalidMessage',
      'expected TextString',
    ],
    ['no structure', text(Tag.RequestPayload, ''), 'InvalidMessage', 'expected Structure'],
  ])('refuses %s', (_what, item, code, message) => {
    expect(refusal(() => sample.decode(item, v10))).toBe(code);
    expect(() => sample.decode(item, v10)).toThrow(message);
  });

  test('is left out as a whole where a member that it needs cannot be said', () => {
    const link = { linkType: kmip.LinkType.WrappingKeyLink, linkedObjectIdentifier: 'a' };
    expect(kmip.linkStructure.encode(Tag.Link, link, v14)).toBeUndefined();
    expect(kmip.linkStructure.encode(Tag.Link, link, v21)).toBeDefined();
  });

  test('versioned() reads and writes what the version at hand says', () => {
    const codec = versioned<number>(
      { window: { since: '1.1', last: '1.4' }, codec: integer },
      { window: { since: '2.0' }, codec: enumerated(kmip.itemTypeEnum) },
    );
    expect(codec.encode(Tag.ExtensionType, 7, v14)).toMatchObject({ type: ItemType.Integer });
    expect(codec.encode(Tag.ExtensionType, 7, v21)).toMatchObject({ type: ItemType.Enumeration });
    expect(codec.encode(Tag.ExtensionType, 7, v10)).toBeUndefined();
    const item: Item = { tag: Tag.ExtensionType, type: ItemType.Integer, value: 7 };
    expect(codec.decode(item, v14)).toBe(7);
    expect(refusal(() => codec.decode(item, v21))).toBe('InvalidMessage');
    expect(refusal(() => codec.decode(item, v10))).toBe('InvalidField');
  });

  test('a usage mask keeps the bits that 2.x reserves and refuses newer ones', () => {
    const { codec } = kmip.attributeTable.CryptographicUsageMask;
    const mask = (value: number): Item => ({
      tag: Tag.CryptographicUsageMask,
      type: ItemType.Integer,
      value,
    });
    const { Export, Encrypt, FPEEncrypt } = kmip.CryptographicUsageMask;
    expect(codec.decode(mask(Export | Encrypt), v21)).toBe(Export | Encrypt);
    expect(codec.encode(Tag.CryptographicUsageMask, FPEEncrypt | Encrypt, v14)).toEqual(mask(Encrypt));
    expect(refusal(() => codec.decode(mask(FPEEncrypt), v14))).toBe('InvalidField');
    expect(refusal(() => codec.decode(mask(0x40000000), v21))).toBe('InvalidField');
  });

  test('dates that no calendar has are refused', () => {
    const item: Item = { tag: Tag.ActivationDate, type: ItemType.DateTime, value: 2n ** 62n };
    expect(refusal(() => kmip.dateTime.decode(item, v14))).toBe('InvalidField');
  });
});

describe('identifier references', () => {
  const v14 = dialectNamed('1.4');
  const v20 = dialectNamed('2.0');

  test('are text, enumeration or integer in 2.x', () => {
    for (const value of ['id', { from: UniqueIdentifier.Create }, { nth: -1 }]) {
      const item = identifierReference.encode(Tag.UniqueIdentifier, value, v20) as Item;
      expect(identifierReference.decode(item, v20)).toEqual(value);
    }
  });

  test('are text alone in 1.x, where the ID Placeholder is said by silence', () => {
    expect(
      identifierReference.encode(Tag.UniqueIdentifier, { from: UniqueIdentifier.IDPlaceholder }, v14),
    ).toBeUndefined();
    expect(refusal(() => identifierReference.encode(Tag.UniqueIdentifier, { nth: 0 }, v14))).toBe(
      'InvalidField',
    );
    const item: Item = { tag: Tag.UniqueIdentifier, type: ItemType.Integer, value: 0 };
    expect(refusal(() => identifierReference.decode(item, v14))).toBe('InvalidMessage');
  });
});

describe('credentials', () => {
  const v21 = dialectNamed('2.1');
  const v10 = dialectNamed('1.0');
  const secret = () => new SecretBytes(Buffer.from('hunter2'));
  const all: readonly Credential[] = [
    {
      credentialType: CredentialType.UsernameAndPassword,
      credentialValue: { username: 'admin', password: secret() },
    },
    {
      credentialType: CredentialType.Device,
      credentialValue: { deviceSerialNumber: '1', password: secret() },
    },
    {
      credentialType: CredentialType.Attestation,
      credentialValue: {
        nonce: { nonceID: Buffer.from('a'), nonceValue: Buffer.from('b') },
        attestationType: kmip.AttestationType.TPMQuote,
        attestationMeasurement: Buffer.from('c'),
      },
    },
    {
      credentialType: CredentialType.OneTimePassword,
      credentialValue: { username: 'admin', oneTimePassword: secret() },
    },
    {
      credentialType: CredentialType.HashedPassword,
      credentialValue: { username: 'admin', timeStamp: 1n, hashedPassword: Buffer.from('d') },
    },
    {
      credentialType: CredentialType.Ticket,
      credentialValue: { ticket: { ticketType: kmip.TicketType.Login, ticketValue: Buffer.from('e') } },
    },
  ];

  test.each(all.map((value) => [value.credentialType, value] as const))(
    'type %d comes back',
    (_type, value) => {
      const item = credential.encode(Tag.Credential, value, v21) as Item;
      const decoded = credential.decode(item, v21);
      expect(decoded).toEqual(value);
      expect(encodeTtlv(credential.encode(Tag.Credential, decoded, v21) as Item)).toEqual(encodeTtlv(item));
    },
  );

  test('a password is never shown', () => {
    const [first] = all;
    const item = credential.encode(Tag.Credential, first as Credential, v21) as Item;
    expect(inspect(credential.decode(item, v21), { depth: null })).not.toContain('hunter2');
  });

  test('a type of a later version is refused when read and left out when written', () => {
    const ticket = all[5] as Credential;
    expect(credential.encode(Tag.Credential, ticket, v10)).toBeUndefined();
    const item = credential.encode(Tag.Credential, ticket, v21) as Item;
    expect(refusal(() => credential.decode(item, v10))).toBe('InvalidField');
  });
});

describe('server information', () => {
  const vendorSpecific: readonly Item[] = [{ tag: 0x540001, type: ItemType.TextString, value: 'x' }];

  test('has its fields in 2.x and only the vendor part in 1.x', () => {
    const value = { serverName: 'holdfast', alternateFailoverEndpoints: ['a', 'b'], vendorSpecific };
    const v21 = dialectNamed('2.1');
    const v14 = dialectNamed('1.4');
    const newer = serverInformation.encode(Tag.ServerInformation, value, v21) as Item;
    expect(serverInformation.decode(newer, v21)).toEqual(value);
    const older = serverInformation.encode(Tag.ServerInformation, value, v14) as Item;
    expect(older.value).toEqual(vendorSpecific);
    expect(serverInformation.decode(older, v14)).toEqual({ alternateFailoverEndpoints: [], vendorSpecific });
  });
});

test('names and values that stand for themselves', () => {
  const name = { nameValue: 'key', nameType: NameType.UninterpretedTextString };
  expect(kmip.nameStructure.encode(Tag.Name, name, dialectNamed('1.0'))).toEqual({
    tag: 0x420053,
    type: 1,
    value: [
      { tag: 0x420055, type: 7, value: 'key' },
      { tag: 0x420054, type: 5, value: 1 },
    ],
  });
});
