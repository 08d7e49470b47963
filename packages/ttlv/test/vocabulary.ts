import { ItemType, type NamingContext, type Vocabulary } from '../src';

const TAGS: Readonly<Record<string, number>> = {
  ActivationDate: 0x420001,
  Attribute: 0x420008,
  AttributeName: 0x42000a,
  AttributeValue: 0x42000b,
  BatchCount: 0x42000d,
  BatchItem: 0x42000f,
  CryptographicAlgorithm: 0x420028,
  CryptographicUsageMask: 0x42002c,
  MaximumResponseSize: 0x420050,
  ObjectType: 0x420057,
  Operation: 0x42005c,
  ProtocolVersion: 0x420069,
  ProtocolVersionMajor: 0x42006a,
  ProtocolVersionMinor: 0x42006b,
  QueryFunction: 0x420074,
  RequestHeader: 0x420077,
  RequestMessage: 0x420078,
  RequestPayload: 0x420079,
  ResponseHeader: 0x42007a,
  ResponseMessage: 0x42007b,
  ResultMessage: 0x42007d,
  ResultReason: 0x42007e,
  ResultStatus: 0x42007f,
  TimeStamp: 0x420092,
};

const ENUMERATIONS: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  0x420028: { AES: 3, RSA: 4 },
  0x420057: { Certificate: 1, SymmetricKey: 2 },
  0x42005c: { Create: 1, Query: 0x18 },
  0x420074: { QueryOperations: 1, QueryObjects: 2 },
  0x42007e: { ResponseTooLarge: 2 },
  0x42007f: { Success: 0, OperationFailed: 1 },
};

const MASKS: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  0x42002c: { Sign: 1, Verify: 2, Encrypt: 4, Decrypt: 8, CertificateSign: 0x1000 },
};

/** In KMIP 1.x the Attribute Name before an Attribute Value says what the value is. */
function meaning(tag: number, { siblings }: NamingContext): number {
  const name = siblings.find((item) => item.tag === TAGS.AttributeName);
  if (tag !== TAGS.AttributeValue || name?.type !== ItemType.TextString) return tag;
  return valueOf(TAGS, name.value.replaceAll(' ', '')) ?? tag;
}

function nameOf(table: Readonly<Record<string, number>> | undefined, value: number): string | undefined {
  return Object.entries(table ?? {}).find(([, code]) => code === value)?.[0];
}

function valueOf(table: Readonly<Record<string, number>> | undefined, name: string): number | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** A few real names of KMIP: enough for the worked examples and for names that hang on a sibling. */
export const VOCABULARY: Vocabulary = {
  tagName: (tag) => nameOf(TAGS, tag),
  tagByName: (name) => valueOf(TAGS, name),
  enumName: (tag, value, context) => nameOf(ENUMERATIONS[meaning(tag, context)], value),
  enumByName: (tag, name, context) => valueOf(ENUMERATIONS[meaning(tag, context)], name),
  maskNames: (tag, value, context) => {
    const mask = Object.entries(MASKS[meaning(tag, context)] ?? {}).filter(([, bit]) => (value & bit) !== 0);
    return mask.reduce((sum, [, bit]) => sum | bit, 0) === value ? mask.map(([name]) => name) : undefined;
  },
  maskByName: (tag, name, context) => valueOf(MASKS[meaning(tag, context)], name),
};
