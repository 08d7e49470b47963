import { decodeTtlv, encodeTtlv, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import {
  BatchErrorContinuationOption,
  CredentialType,
  decodeRequest,
  decodeResponse,
  dialectNamed,
  DIALECTS,
  encodeRequest,
  encodeResponse,
  nearestDialect,
  Operation,
  peekVersion,
  ResultReason,
  ResultStatus,
  Tag,
  type MessageExtension,
} from '@holdfast/kmip';
import { refusal } from './refusal';

const v10 = dialectNamed('1.0');
const v14 = dialectNamed('1.4');
const v21 = dialectNamed('2.1');

const group = (tag: number, ...value: Item[]): StructureItem => ({ tag, type: ItemType.Structure, value });
const integer = (tag: number, value: number): Item => ({ tag, type: ItemType.Integer, value });
const enumeration = (tag: number, value: number): Item => ({ tag, type: ItemType.Enumeration, value });
const flag = (tag: number, value: boolean): Item => ({ tag, type: ItemType.Boolean, value });
const bytes = (tag: number, value: string): Item => ({
  tag,
  type: ItemType.ByteString,
  value: Buffer.from(value),
});

const version = (major: number, minor: number): Item =>
  group(
    Tag.ProtocolVersion,
    integer(Tag.ProtocolVersionMajor, major),
    integer(Tag.ProtocolVersionMinor, minor),
  );
const header = (major: number, minor: number, batchCount: number, ...rest: Item[]): Item =>
  group(Tag.RequestHeader, version(major, minor), ...rest, integer(Tag.BatchCount, batchCount));
const emptyPayload = group(Tag.RequestPayload);
const query: Item = group(Tag.BatchItem, enumeration(Tag.Operation, Operation.Query), emptyPayload);
const request = (...value: Item[]): StructureItem => group(Tag.RequestMessage, ...value);

describe('a request', () => {
  test('from the wire: Get by identifier in 1.0', () => {
    const message = Buffer.from(
      '420078010000007842007701000000384200690100000020' +
        '42006a0200000004000000010000000042006b02000000040000000000000000' +
        '42000d0200000004000000010000000042000f0100000030' +
        '42005c05000000040000000a00000000' +
        '420079010000001842009407' +
        '0000000a6b65792d303030303031000000000000',
      'hex',
    );
    const { dialect, header: decoded, items } = decodeRequest(decodeTtlv(message));
    expect(dialect.name).toBe('1.0');
    expect(decoded).toMatchObject({
      asynchronousIndicator: 'prohibited',
      attestationCapableIndicator: false,
      batchErrorContinuationOption: BatchErrorContinuationOption.Stop,
      batchOrderOption: false,
      credentials: [],
    });
    expect(items).toMatchObject([
      {
        operation: Operation.Get,
        ephemeral: false,
        payload: { value: [{ tag: Tag.UniqueIdentifier, value: 'key-000001' }] },
      },
    ]);
  });

  test.each([
    ['1.0', false],
    ['1.4', false],
    ['2.0', true],
    ['2.1', true],
  ] as const)('of %s has Batch Order %s by default', (name, expected) => {
    const { protocolVersionMajor, protocolVersionMinor } = dialectNamed(name);
    const message = request(header(protocolVersionMajor, protocolVersionMinor, 1), query);
    expect(decodeRequest(message).header.batchOrderOption).toBe(expected);
  });

  test('says in two ways whether it may be answered later', () => {
    const asked = (major: number, indicator: Item) =>
      decodeRequest(request(header(major, 0, 1, indicator), query)).header.asynchronousIndicator;
    expect(asked(1, flag(Tag.AsynchronousIndicator, true))).toBe('optional');
    expect(asked(1, flag(Tag.AsynchronousIndicator, false))).toBe('prohibited');
    expect(asked(2, enumeration(Tag.AsynchronousIndicator, 1))).toBe('mandatory');
    expect(asked(2, enumeration(Tag.AsynchronousIndicator, 2))).toBe('optional');
    expect(refusal(() => asked(2, flag(Tag.AsynchronousIndicator, true)))).toBe('InvalidMessage');
  });

  test('with another number of items than it counts is refused, unless that is tolerated', () => {
    const message = request(header(1, 4, 1), query, query);
    expect(() => decodeRequest(message)).toThrow('Batch Count is 1, but the message has 2 items');
    expect(decodeRequest(message, { tolerateBatchCount: true }).items).toHaveLength(2);
    const uncounted = request(group(Tag.RequestHeader, version(1, 4)), query);
    expect(() => decodeRequest(uncounted)).toThrow('Batch Count is missing');
    expect(decodeRequest(uncounted, { tolerateBatchCount: true }).items).toHaveLength(1);
    expect(() => decodeRequest(request(header(1, 4, 0)), { tolerateBatchCount: true })).toThrow(
      'no batch item',
    );
  });

  test('with more items than may be is refused before any of them is looked at', () => {
    const looked = jest.fn();
    const item: Item = {
      tag: Tag.BatchItem,
      type: ItemType.Structure,
      get value() {
        looked();
        return [];
      },
    };
    const message = request(header(2, 1, 3), item, item, item);
    expect(() => decodeRequest(message, { maxBatchItems: 2 })).toThrow('at most 2 items');
    expect(looked).not.toHaveBeenCalled();
    expect(decodeRequest(message, { maxBatchItems: 3 }).items).toHaveLength(3);
  });

  test('keeps the good items where one is bad', () => {
    const id = bytes(Tag.UniqueBatchItemID, 'two');
    const withoutPayload = group(Tag.BatchItem, enumeration(Tag.Operation, Operation.Get), id);
    const withoutOperation = group(Tag.BatchItem, emptyPayload);
    const textPayload = group(
      Tag.BatchItem,
      enumeration(Tag.Operation, Operation.Get),
      integer(Tag.RequestPayload, 1),
    );
    const { items } = decodeRequest(
      request(header(1, 4, 4), query, withoutPayload, withoutOperation, textPayload),
    );
    expect(items[0]).toMatchObject({ operation: Operation.Query });
    expect(items[1]).toMatchObject({
      operation: Operation.Get,
      uniqueBatchItemID: Buffer.from('two'),
      fault: { code: 'InvalidMessage', message: 'Request Payload is missing in Batch Item' },
    });
    expect(items[2]).toMatchObject({ fault: { code: 'InvalidMessage' } });
    expect(items[2]).not.toHaveProperty('operation');
    expect(items[3]).toMatchObject({ fault: { code: 'InvalidMessage' } });
  });

  test('may name an operation that nobody knows: that is for the dispatcher to refuse', () => {
    const item = group(Tag.BatchItem, enumeration(Tag.Operation, 0x80000001), emptyPayload);
    expect(decodeRequest(request(header(1, 2, 1), item)).items).toMatchObject([{ operation: 0x80000001 }]);
  });

  test('may ask for an ephemeral result in 2.x alone', () => {
    const item = group(
      Tag.BatchItem,
      enumeration(Tag.Operation, Operation.Encrypt),
      flag(Tag.Ephemeral, true),
      emptyPayload,
    );
    expect(decodeRequest(request(header(2, 1, 1), item)).items).toMatchObject([{ ephemeral: true }]);
    expect(decodeRequest(request(header(1, 4, 1), item)).items).toMatchObject([
      { fault: { code: 'InvalidField' } },
    ]);
  });

  test.each<[string, Item, string]>([
    ['another message', group(Tag.ResponseMessage), 'expected Request Message'],
    ['no structure', integer(Tag.RequestMessage, 1), 'expected Structure'],
    ['no header', request(query), 'does not begin with Request Header'],
    [
      'no version',
      request(group(Tag.RequestHeader, integer(Tag.BatchCount, 1)), query),
      'Protocol Version is missing',
    ],
    ['a stranger', request(header(1, 4, 1), query, emptyPayload), 'Request Payload does not belong'],
    [
      'a header field of a later version',
      request(
        header(1, 0, 1, { tag: Tag.ClientCorrelationValue, type: ItemType.TextString, value: 'c' }),
        query,
      ),
      'Client Correlation Value',
    ],
    [
      'a header field twice',
      request(
        header(1, 0, 1, integer(Tag.MaximumResponseSize, 1), integer(Tag.MaximumResponseSize, 1)),
        query,
      ),
      'more than once',
    ],
  ])('with %s is refused', (_what, message, text) => {
    expect(() => decodeRequest(message)).toThrow(text);
  });
});

describe('a version that is not spoken', () => {
  test.each([
    [3, 0, '2.1'],
    [2, 2, '2.1'],
    [1, 9, '1.4'],
    [1, 2, '1.2'],
    [0, 9, '1.0'],
    [-1, 0, '1.0'],
  ] as const)('%d.%d is answered in %s', (major, minor, answer) => {
    const message = request(header(major, minor, 1), query);
    const asked = peekVersion(message);
    expect(asked).toEqual({ protocolVersionMajor: major, protocolVersionMinor: minor });
    expect(nearestDialect(asked).name).toBe(answer);
    if (answer === `${major}.${minor}`) return;
    expect(refusal(() => decodeRequest(message))).toBe('UnsupportedProtocolVersion');
  });

  test('a message without a version is answered in the newest', () => {
    for (const message of [
      group(Tag.RequestMessage),
      request(query),
      integer(Tag.RequestMessage, 1),
      request(group(Tag.RequestHeader)),
      request(group(Tag.RequestHeader, group(Tag.ProtocolVersion))),
    ]) {
      expect(peekVersion(message)).toBeUndefined();
    }
    expect(nearestDialect(undefined).name).toBe('2.1');
  });
});

describe('what is written', () => {
  test.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
    'as a request in %s is read again',
    (_name, dialect) => {
      const message = encodeRequest({
        dialect,
        header: {
          maximumResponseSizeBytes: 4096,
          timeStamp: 1_700_000_000,
          asynchronousIndicator: 'optional',
          batchErrorContinuationOption: BatchErrorContinuationOption.Undo,
          batchOrderOption: !dialect.rules.batchOrderDefault,
          credentials: [
            { credentialType: CredentialType.UsernameAndPassword, credentialValue: { username: 'u' } },
          ],
        },
        items: [
          { operation: Operation.Query, payload: emptyPayload, uniqueBatchItemID: Buffer.from('1') },
          { operation: Operation.Get, payload: emptyPayload, ephemeral: true },
        ],
      });
      const decoded = decodeRequest(decodeTtlv(encodeTtlv(message)));
      expect(decoded.dialect).toBe(dialect);
      expect(decoded.header).toMatchObject({
        maximumResponseSizeBytes: 4096,
        timeStamp: 1_700_000_000,
        asynchronousIndicator: 'optional',
        batchErrorContinuationOption: BatchErrorContinuationOption.Undo,
        batchOrderOption: !dialect.rules.batchOrderDefault,
        credentials: [{ credentialValue: { username: 'u' } }],
      });
      expect(decoded.items).toMatchObject([
        { operation: Operation.Query, uniqueBatchItemID: Buffer.from('1'), ephemeral: false },
        { operation: Operation.Get, ephemeral: dialect.knows({ since: '2.0' }) },
      ]);
    },
  );

  test('as a plain request holds no more than it must', () => {
    const message = encodeRequest({
      dialect: v21,
      items: [{ operation: Operation.Ping, payload: emptyPayload }],
    });
    expect(message).toEqual(
      request(
        group(Tag.RequestHeader, version(2, 1), integer(Tag.BatchCount, 1)),
        group(Tag.BatchItem, enumeration(Tag.Operation, Operation.Ping), emptyPayload),
      ),
    );
  });

  test('as a response of 1.0 holds nothing newer', () => {
    const message = encodeResponse({
      dialect: v10,
      header: {
        timeStamp: 1,
        serverCorrelationValue: 's',
        clientCorrelationValue: 'c',
        nonce: { nonceID: Buffer.from('a'), nonceValue: Buffer.from('b') },
        serverHashedPassword: Buffer.from('h'),
      },
      items: [
        {
          operation: Operation.Query,
          resultStatus: ResultStatus.Success,
          payload: group(Tag.ResponsePayload),
        },
      ],
    });
    expect(message).toEqual(
      group(
        Tag.ResponseMessage,
        group(
          Tag.ResponseHeader,
          version(1, 0),
          { tag: Tag.TimeStamp, type: ItemType.DateTime, value: 1n },
          integer(Tag.BatchCount, 1),
        ),
        group(
          Tag.BatchItem,
          enumeration(Tag.Operation, Operation.Query),
          enumeration(Tag.ResultStatus, ResultStatus.Success),
          group(Tag.ResponsePayload),
        ),
      ),
    );
  });

  test('as a response is read again', () => {
    const extension: MessageExtension = {
      vendorIdentification: 'acme',
      criticalityIndicator: false,
      vendorExtension: group(Tag.VendorExtension, integer(0x540001, 1)),
    };
    const response = {
      dialect: v14,
      header: { timeStamp: 1_700_000_000, serverCorrelationValue: 's', attestationTypes: [] },
      items: [
        {
          operation: Operation.Get,
          uniqueBatchItemID: Buffer.from('1'),
          resultStatus: ResultStatus.OperationFailed,
          resultReason: ResultReason.ItemNotFound,
          resultMessage: 'no such object',
          messageExtensions: [extension],
        },
        {
          operation: Operation.Locate,
          resultStatus: ResultStatus.OperationPending,
          asynchronousCorrelationValue: Buffer.from('later'),
          messageExtensions: [],
        },
        { resultStatus: ResultStatus.OperationFailed, resultReason: 0x80000001, messageExtensions: [] },
      ],
    };
    expect(decodeResponse(decodeTtlv(encodeTtlv(encodeResponse(response))))).toEqual(response);
  });

  test('with a critical extension is rejected as a whole', () => {
    const messageExtensions = [
      {
        vendorIdentification: 'acme',
        criticalityIndicator: true,
        vendorExtension: group(Tag.VendorExtension),
      },
    ];
    const response = encodeResponse({
      dialect: v14,
      header: { timeStamp: 0 },
      items: [
        { operation: Operation.Activate, resultStatus: ResultStatus.Success },
        { operation: Operation.Activate, resultStatus: ResultStatus.Success, messageExtensions },
      ],
    });
    expect(refusal(() => decodeResponse(response))).toBe('UnknownMessageExtension');
  });

  test.each([
    ['as long as can be', 'm'.repeat(240), 'm'.repeat(240)],
    ['longer', 'm'.repeat(241), `${'m'.repeat(237)}…`],
    ['longer, of characters of several bytes', 'ü😀'.repeat(1000), `${'ü😀'.repeat(39)}ü…`],
  ])('has a Result Message that is %s', (_which, resultMessage, written) => {
    const failed = { operation: Operation.Get, resultStatus: ResultStatus.OperationFailed, resultMessage };
    const response = encodeResponse({ dialect: v14, header: { timeStamp: 0 }, items: [failed] });
    const [item] = decodeResponse(response).items;
    expect(item?.resultMessage).toBe(written);
    expect(Buffer.byteLength(written)).toBeLessThanOrEqual(240);
  });

  test('a credential that the version does not have is not left out in silence', () => {
    const ticket = { ticketType: 1, ticketValue: Buffer.from('t') } as const;
    const credentials = [{ credentialType: CredentialType.Ticket, credentialValue: { ticket } }] as const;
    expect(
      refusal(() =>
        encodeRequest({
          dialect: v14,
          header: { credentials },
          items: [{ operation: Operation.Query, payload: emptyPayload }],
        }),
      ),
    ).toBe('InvalidField');
  });
});
