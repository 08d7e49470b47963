import { decodeXml, encodeXml, ItemType, type Item } from '@holdfast/ttlv';
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DIALECTS,
  dialectNamed,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  MaskGenerator,
  ResultReason,
  Tag,
  tags,
  vocabularyOf,
} from '@holdfast/kmip';

const v10 = vocabularyOf(dialectNamed('1.0'));
const v14 = vocabularyOf(dialectNamed('1.4'));
const v21 = vocabularyOf(dialectNamed('2.1'));
const alone = { siblings: [] };
const text = (tag: number, value: string): Item => ({ tag, type: ItemType.TextString, value });

test('every tag has a name that leads back to it', () => {
  for (const [value] of tags.byValue) expect(v21.tagByName(v21.tagName(value) as string)).toBe(value);
  expect(v21.tagName(0x540001)).toBeUndefined();
  expect(v21.tagByName('Nonsense')).toBeUndefined();
});

test.each([
  [Tag.HashingAlgorithm, HashingAlgorithm.SHA_256, 'SHA_256'],
  [Tag.MaskGeneratorHashingAlgorithm, HashingAlgorithm.SHA_384, 'SHA_384'],
  [Tag.BatchErrorContinuationOption, 1, 'Continue'],
  [Tag.AttributeReference, Tag.CryptographicLength, 'CryptographicLength'],
  [Tag.UniqueIdentifier, 1, 'IDPlaceholder'],
  [Tag.PrivateKeyUniqueIdentifier, 5, 'CreateKeyPairPrivateKey'],
  [Tag.LinkedObjectIdentifier, 3, 'Create'],
  [Tag.Data, 2, 'Encrypt'],
  [Tag.ExtensionType, 7, 'TextString'],
  [Tag.QueryFunction, 1, 'QueryOperations'],
  [Tag.KeyRoleType, 3, 'DEK'],
  [Tag.RecommendedCurve, 7, 'P_256'],
] as const)('the value of tag %p', (tag, value, name) => {
  expect(v21.enumName(tag, value, alone)).toBe(name);
  expect(v21.enumByName(tag, name, alone)).toBe(value);
});

test('extensions of ours are written as numbers, and read by name too', () => {
  const value = CryptographicAlgorithm.ML_DSA_65;
  expect(v21.enumName(Tag.CryptographicAlgorithm, value, alone)).toBeUndefined();
  expect(v21.enumByName(Tag.CryptographicAlgorithm, 'ML_DSA_65', alone)).toBe(value);
});

test('what has no name is left to the codec', () => {
  expect(v21.enumName(Tag.ObjectType, 0x80000001, alone)).toBeUndefined();
  expect(v21.enumName(Tag.OpaqueDataType, 1, alone)).toBeUndefined();
  expect(v21.enumByName(Tag.Username, 'AES', alone)).toBeUndefined();
  expect(v21.maskNames(Tag.CryptographicLength, 12, alone)).toBeUndefined();
  expect(v21.maskNames(Tag.CryptographicUsageMask, 0x40000001, alone)).toBeUndefined();
});

test('masks are named bit by bit', () => {
  const { Encrypt, Decrypt } = CryptographicUsageMask;
  expect(v10.maskNames(Tag.CryptographicUsageMask, Encrypt | Decrypt, alone)).toEqual(['Encrypt', 'Decrypt']);
  expect(v10.maskByName(Tag.CryptographicUsageMask, 'WrapKey', alone)).toBe(CryptographicUsageMask.WrapKey);
  expect(v10.maskNames(Tag.StorageStatusMask, 3, alone)).toEqual(['OnLineStorage', 'ArchivalStorage']);
});

test('an Attribute Value is what the Attribute Name beside it says', () => {
  const beside = (name: string, ...others: Item[]) => ({
    siblings: [...others, text(Tag.AttributeName, name)],
  });
  expect(v14.enumName(Tag.AttributeValue, 3, beside('Cryptographic Algorithm'))).toBe('AES');
  expect(v14.enumByName(Tag.AttributeValue, 'PreActive', beside('State'))).toBe(1);
  expect(v14.maskNames(Tag.AttributeValue, 12, beside('Cryptographic Usage Mask'))).toEqual([
    'Encrypt',
    'Decrypt',
  ]);
  expect(v14.maskByName(Tag.AttributeValue, 'Sign', beside('Cryptographic Usage Mask'))).toBe(1);
  expect(v14.enumName(Tag.AttributeValue, 12, beside('Cryptographic Usage Mask'))).toBeUndefined();
  expect(v14.maskNames(Tag.AttributeValue, 12, beside('State'))).toBeUndefined();
  expect(v14.enumName(Tag.AttributeValue, 3, beside('x-Algorithm'))).toBeUndefined();
  expect(v14.enumName(Tag.AttributeValue, 3, alone)).toBeUndefined();
  const vendor = text(Tag.VendorIdentification, 'acme');
  expect(v21.enumName(Tag.AttributeValue, 3, beside('Cryptographic Algorithm', vendor))).toBeUndefined();
});

test('names that versions print differently are read in all and written as the version prints them', () => {
  const sha3 = HashingAlgorithm.SHA3_256;
  expect(v14.enumName(Tag.HashingAlgorithm, sha3, alone)).toBe('SHA_3_256');
  expect(v21.enumName(Tag.HashingAlgorithm, sha3, alone)).toBe('SHA3_256');
  for (const vocabulary of [v14, v21]) {
    expect(vocabulary.enumByName(Tag.HashingAlgorithm, 'SHA_3_256', alone)).toBe(sha3);
    expect(vocabulary.enumByName(Tag.HashingAlgorithm, 'SHA3_256', alone)).toBe(sha3);
  }
});

test.each([
  [
    Tag.DigitalSignatureAlgorithm,
    'SHA_256WithRSAEncryptionPKCS_1V1_5',
    DigitalSignatureAlgorithm.SHA_256WithRSAEncryption,
  ],
  [Tag.DigitalSignatureAlgorithm, 'RSASSA_PSSPKCS_1V2_1', DigitalSignatureAlgorithm.RSASSA_PSS],
  [Tag.MaskGenerator, 'MFG1', MaskGenerator.MGF1],
  [Tag.ResultReason, 'UsageLimitsExceeded', ResultReason.UsageLimitExceeded],
  [Tag.ResultReason, 'NotAuthorized', ResultReason.NotAuthorised],
] as const)('tag %p: %s is understood too', (tag, name, value) => {
  expect(v21.enumByName(tag, name, alone)).toBe(value);
});

test('the usage mask ContentCommitment is understood', () => {
  expect(v14.maskByName(Tag.CryptographicUsageMask, 'ContentCommitment', alone)).toBe(0x400);
});

test('no name stands for two values of one table', () => {
  const names = [...tags.byKey.keys()];
  expect(new Set(names).size).toBe(names.length);
});

test.each(DIALECTS.map((dialect) => [dialect.name, vocabularyOf(dialect)] as const))(
  'XML in the words of %s is read again',
  (_name, vocabulary) => {
    const item: Item = {
      tag: Tag.Attribute,
      type: ItemType.Structure,
      value: [
        text(Tag.AttributeName, 'Cryptographic Usage Mask'),
        { tag: Tag.AttributeValue, type: ItemType.Integer, value: 12 },
      ],
    };
    const xml = encodeXml(item, vocabulary);
    expect(xml).toContain('value="Encrypt Decrypt"');
    expect(decodeXml(xml, vocabulary)).toEqual(item);
  },
);
