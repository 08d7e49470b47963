import {
  decodeRequest,
  decodeResponse,
  keyBlockStructure,
  attributesStructure,
  Tag,
  type Codec,
  type Dialect,
} from '@holdfast/kmip';
import { encodeTtlv, ItemType, type Item } from '@holdfast/ttlv';
import { decodeIndexedAttribute, encodeIndexedAttribute } from '../src/versions/v1';
import { captures, oasisCases, walk } from './vectors';

const indexedAttribute: Codec<ReturnType<typeof decodeIndexedAttribute>> = {
  type: ItemType.Structure,
  decode: decodeIndexedAttribute,
  encode: (_tag, value, dialect) => encodeIndexedAttribute(value, dialect),
};

/** What can be read anywhere in a message, whatever the operation. */
function codecOf(item: Item, dialect: Dialect): Codec<never> | undefined {
  const isIndexed = dialect.rules.attributeForm === 'indexed';
  if (item.tag === Tag.KeyBlock) return keyBlockStructure as Codec<never>;
  if (isIndexed && item.tag === Tag.Attribute) return indexedAttribute as Codec<never>;
  if (!isIndexed && item.tag === Tag.Attributes) return attributesStructure as Codec<never>;
  return undefined;
}

function expectRoundTrips(message: Item, dialect: Dialect): void {
  for (const item of walk(message)) {
    const codec = codecOf(item, dialect);
    if (codec === undefined) continue;
    const encoded = codec.encode(item.tag, codec.decode(item, dialect), dialect);
    expect(encoded).toBeDefined();
    expect(encodeTtlv(encoded as Item).toString('hex')).toBe(encodeTtlv(item).toString('hex'));
  }
}

const recorded = captures();
const cases = oasisCases();

(recorded.length === 0 ? describe.skip : describe)('requests of real clients', () => {
  test.each(recorded.map((capture) => [capture.title, capture.request] as const))('%s', (_title, message) => {
    const { items, dialect } = decodeRequest(message);
    for (const item of items) expect('fault' in item ? item.fault.message : undefined).toBeUndefined();
    expectRoundTrips(message, dialect);
  });
});

(cases.length === 0 ? describe.skip : describe)('OASIS test cases', () => {
  test.each(cases.map((testCase) => [testCase.title, testCase.messages] as const))(
    '%s',
    (_title, messages) => {
      for (const message of messages) {
        if (message.tag === Tag.RequestMessage) {
          const { items, dialect } = decodeRequest(message);
          for (const item of items) expect('fault' in item ? item.fault.message : undefined).toBeUndefined();
          expectRoundTrips(message, dialect);
        } else {
          const { dialect } = decodeResponse(message);
          expectRoundTrips(message, dialect);
        }
      }
    },
  );
});
