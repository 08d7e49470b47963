import { HoldfastError, ItemType, type Item, type StructureItem } from '@holdfast/ttlv';
import { authenticationStructure, credential, type Credential } from '../credentials';
import {
  anyItem,
  boolean,
  byteString,
  dateTime,
  enumerated,
  integer,
  openEnumeration,
  optional,
  repeated,
  required,
  structure,
  textString,
  versioned,
  wrongType,
  type Codec,
} from '../schema';
import { protocolVersionStructure } from '../structures';
import type { Dialect, ProtocolVersion } from '../versions/dialect';
import * as enums from '../vocabulary/enumerations';
import { Tag } from '../vocabulary/tags';
import {
  checkBatchCount,
  dialectOfHeader,
  messageExtensionStructure,
  mustEncode,
  SINCE_1_2,
  SINCE_1_4,
  SINCE_2_0,
  splitMessage,
  type MessageExtension,
} from './envelope';

/** Request Messages. KMIP 1.4 section 7.2, KMIP 2.1 sections 8.1 to 8.3. */

/** Whether the client must, can or cannot take an asynchronous answer; in 1.x the flag says optional or prohibited. */
export type AsynchronousMode = 'mandatory' | 'optional' | 'prohibited';

const modeByIndicator: Readonly<Record<enums.AsynchronousIndicator, AsynchronousMode>> = {
  [enums.AsynchronousIndicator.Mandatory]: 'mandatory',
  [enums.AsynchronousIndicator.Optional]: 'optional',
  [enums.AsynchronousIndicator.Prohibited]: 'prohibited',
};
const indicatorByMode: Readonly<Record<AsynchronousMode, enums.AsynchronousIndicator>> = {
  mandatory: enums.AsynchronousIndicator.Mandatory,
  optional: enums.AsynchronousIndicator.Optional,
  prohibited: enums.AsynchronousIndicator.Prohibited,
};
const indicatorEnumeration = enumerated(enums.asynchronousIndicatorEnum);

const asynchronousFlag: Codec<AsynchronousMode> = {
  type: ItemType.Boolean,
  decode: (item, dialect) => (boolean.decode(item, dialect) ? 'optional' : 'prohibited'),
  encode: (tag, value) => ({ tag, type: ItemType.Boolean, value: value !== 'prohibited' }),
};
const asynchronousEnumeration: Codec<AsynchronousMode> = {
  type: ItemType.Enumeration,
  table: enums.asynchronousIndicatorEnum,
  decode: (item, dialect) => modeByIndicator[indicatorEnumeration.decode(item, dialect)],
  encode: (tag, value, dialect) => indicatorEnumeration.encode(tag, indicatorByMode[value], dialect),
};

const requestHeaderStructure = structure({
  protocolVersion: required(Tag.ProtocolVersion, protocolVersionStructure),
  maximumResponseSizeBytes: optional(Tag.MaximumResponseSize, integer),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, textString, SINCE_1_4),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, textString, SINCE_1_4),
  asynchronousIndicator: optional(
    Tag.AsynchronousIndicator,
    versioned(
      { window: { last: '1.4' }, codec: asynchronousFlag },
      { window: SINCE_2_0, codec: asynchronousEnumeration },
    ),
  ),
  attestationCapableIndicator: optional(Tag.AttestationCapableIndicator, boolean, SINCE_1_2),
  attestationTypes: repeated(Tag.AttestationType, enumerated(enums.attestationTypeEnum), SINCE_1_2),
  authentication: optional(Tag.Authentication, authenticationStructure),
  batchErrorContinuationOption: optional(
    Tag.BatchErrorContinuationOption,
    enumerated(enums.batchErrorContinuationOptionEnum),
  ),
  batchOrderOption: optional(Tag.BatchOrderOption, boolean),
  timeStamp: optional(Tag.TimeStamp, dateTime),
  batchCount: optional(Tag.BatchCount, integer),
});

// Operation is open here: one item with a number that nobody knows must not spoil the others.
const requestBatchItemStructure = structure({
  operation: required(Tag.Operation, openEnumeration),
  ephemeral: optional(Tag.Ephemeral, boolean, SINCE_2_0),
  uniqueBatchItemID: optional(Tag.UniqueBatchItemID, byteString),
  payload: required(Tag.RequestPayload, anyItem),
  messageExtensions: repeated(Tag.MessageExtension, messageExtensionStructure),
});

/** A request header with the version's defaults filled in. */
export interface RequestHeader {
  readonly protocolVersion: ProtocolVersion;
  readonly maximumResponseSizeBytes?: number | undefined;
  readonly clientCorrelationValue?: string | undefined;
  readonly serverCorrelationValue?: string | undefined;
  readonly asynchronousIndicator: AsynchronousMode;
  readonly attestationCapableIndicator: boolean;
  readonly attestationTypes: readonly enums.AttestationType[];
  /** All of them have to be satisfied. */
  readonly credentials: readonly Credential[];
  readonly batchErrorContinuationOption: enums.BatchErrorContinuationOption;
  readonly batchOrderOption: boolean;
  /** The client's clock, seconds since 1970. */
  readonly timeStamp?: number | undefined;
}

export interface RequestBatchItem {
  /** Not necessarily an operation that the version has, or anybody. */
  readonly operation: number;
  /** The client does not want the Data that the operation puts out. KMIP 2.1 section 8.3. */
  readonly ephemeral: boolean;
  readonly uniqueBatchItemID?: Buffer | undefined;
  /** The Request Payload as it came: the operation's schema reads it. */
  readonly payload: StructureItem;
  readonly messageExtensions: readonly MessageExtension[];
}

/** A batch item that cannot be read; it fails alone. */
export interface FaultyBatchItem {
  readonly operation?: number | undefined;
  readonly uniqueBatchItemID?: Buffer | undefined;
  readonly fault: HoldfastError;
}

export interface Request {
  readonly dialect: Dialect;
  readonly header: RequestHeader;
  readonly items: readonly (RequestBatchItem | FaultyBatchItem)[];
}

export interface DecodeRequestOptions {
  /** Takes the items that are there whatever Batch Count says (for clients that are known to miscount). */
  readonly tolerateBatchCount?: boolean;
  /** More are refused before any of them is looked at. */
  readonly maxBatchItems?: number;
}

function decodeBatchItem(item: Item, dialect: Dialect): RequestBatchItem | FaultyBatchItem {
  try {
    const raw = requestBatchItemStructure.decode(item, dialect);
    if (raw.payload.type !== ItemType.Structure) throw wrongType(raw.payload, ItemType.Structure);
    return {
      operation: raw.operation,
      ephemeral: raw.ephemeral ?? false,
      uniqueBatchItemID: raw.uniqueBatchItemID,
      payload: raw.payload,
      messageExtensions: raw.messageExtensions,
    };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { ...identityOf(item), fault: error };
  }
}

/** What the answer to an unreadable item has to repeat, as far as it is there. */
function identityOf(item: Item): Pick<FaultyBatchItem, 'operation' | 'uniqueBatchItemID'> {
  if (item.type !== ItemType.Structure) return {};
  const operation = item.value.find((child) => child.tag === Tag.Operation);
  const id = item.value.find((child) => child.tag === Tag.UniqueBatchItemID);
  return {
    ...(operation?.type === ItemType.Enumeration ? { operation: operation.value } : {}),
    ...(id?.type === ItemType.ByteString ? { uniqueBatchItemID: id.value } : {}),
  };
}

/**
 * Reads a Request Message down to its payloads, which stay undecoded; an item that cannot be read fails alone.
 * @throws HoldfastError InvalidMessage, InvalidField (the message or its header is wrong), UnsupportedProtocolVersion
 */
export function decodeRequest(message: Item, options: DecodeRequestOptions = {}): Request {
  const { maxBatchItems = Infinity } = options;
  const [headerItem, items] = splitMessage(message, Tag.RequestMessage, Tag.RequestHeader);
  const dialect = dialectOfHeader(headerItem);
  const raw = requestHeaderStructure.decode(headerItem, dialect);
  if (options.tolerateBatchCount !== true) checkBatchCount(raw.batchCount, items);
  if (items.length === 0) throw new HoldfastError('InvalidMessage', 'the message has no batch item');
  if (items.length > maxBatchItems)
    throw new HoldfastError('InvalidMessage', `a batch has at most ${maxBatchItems} items here`);
  return {
    dialect,
    header: {
      protocolVersion: raw.protocolVersion,
      maximumResponseSizeBytes: raw.maximumResponseSizeBytes,
      clientCorrelationValue: raw.clientCorrelationValue,
      serverCorrelationValue: raw.serverCorrelationValue,
      asynchronousIndicator: raw.asynchronousIndicator ?? 'prohibited',
      attestationCapableIndicator: raw.attestationCapableIndicator ?? false,
      attestationTypes: raw.attestationTypes,
      credentials: raw.authentication?.credentials ?? [],
      batchErrorContinuationOption:
        raw.batchErrorContinuationOption ?? enums.BatchErrorContinuationOption.Stop,
      batchOrderOption: raw.batchOrderOption ?? dialect.rules.batchOrderDefault,
      timeStamp: raw.timeStamp,
    },
    items: items.map((item) => decodeBatchItem(item, dialect)),
  };
}

export interface RequestMessage {
  readonly dialect: Dialect;
  /** What differs from the defaults. */
  readonly header?: Partial<Omit<RequestHeader, 'protocolVersion'>>;
  readonly items: readonly (Pick<RequestBatchItem, 'operation' | 'payload' | 'uniqueBatchItemID'> &
    Partial<Pick<RequestBatchItem, 'ephemeral' | 'messageExtensions'>>)[];
}

/**
 * Writes a Request Message. Payloads carry the tag Request Payload already. Values that the version takes as the default
 * are left out.
 * @throws HoldfastError InvalidField where the version cannot express a credential
 */
export function encodeRequest({ dialect, header = {}, items }: RequestMessage): StructureItem {
  const { credentials = [], batchErrorContinuationOption, batchOrderOption, asynchronousIndicator } = header;
  for (const value of credentials) mustEncode(credential, Tag.Credential, value, dialect);
  const isOrdered = batchOrderOption ?? dialect.rules.batchOrderDefault;
  const headerItem = mustEncode(
    requestHeaderStructure,
    Tag.RequestHeader,
    {
      ...header,
      protocolVersion: dialect,
      attestationTypes: header.attestationTypes ?? [],
      authentication: credentials.length === 0 ? undefined : { credentials },
      asynchronousIndicator: asynchronousIndicator === 'prohibited' ? undefined : asynchronousIndicator,
      batchErrorContinuationOption: items.length > 1 ? batchErrorContinuationOption : undefined,
      batchOrderOption: isOrdered === dialect.rules.batchOrderDefault ? undefined : isOrdered,
      batchCount: items.length,
    },
    dialect,
  );
  const itemItems = items.map((item) =>
    mustEncode(
      requestBatchItemStructure,
      Tag.BatchItem,
      {
        ...item,
        ephemeral: item.ephemeral === true ? true : undefined,
        messageExtensions: item.messageExtensions ?? [],
      },
      dialect,
    ),
  );
  return { tag: Tag.RequestMessage, type: ItemType.Structure, value: [headerItem, ...itemItems] };
}
