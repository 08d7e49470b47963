import { ItemType, utf8Length, type Item, type StructureItem } from '@holdfast/ttlv';
import {
  anyItem,
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
  type Codec,
} from '../schema';
import { nonceStructure, protocolVersionStructure, type Nonce } from '../structures';
import { STORAGE_DIALECT, tolerant, type Dialect } from '../versions/dialect';
import * as enums from '../vocabulary/enumerations';
import { Tag } from '../vocabulary/tags';
import {
  checkBatchCount,
  dialectOfHeader,
  messageExtensionStructure,
  mustEncode,
  refuseCriticalExtensions,
  SINCE_1_2,
  SINCE_1_4,
  SINCE_2_0,
  splitMessage,
  type MessageExtension,
} from './envelope';

/** Response Messages. KMIP 1.4 section 7.2, KMIP 2.1 sections 8.4 to 8.6. */

const responseHeaderStructure = structure({
  protocolVersion: required(Tag.ProtocolVersion, protocolVersionStructure),
  timeStamp: required(Tag.TimeStamp, dateTime),
  nonce: optional(Tag.Nonce, nonceStructure, SINCE_1_2),
  serverHashedPassword: optional(Tag.ServerHashedPassword, byteString, SINCE_2_0),
  attestationTypes: repeated(Tag.AttestationType, enumerated(enums.attestationTypeEnum), SINCE_1_2),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, textString, SINCE_1_4),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, textString, SINCE_1_4),
  batchCount: required(Tag.BatchCount, integer),
});

/** Whether it was done: known at any rate. */
const resultStatus: Codec<enums.ResultStatus> = {
  ...enumerated(enums.resultStatusEnum),
  decode: (item) => enumerated(enums.resultStatusEnum).decode(item, STORAGE_DIALECT),
};

// Result Reason is open here: a peer may answer with one of its own.
const responseBatchItemStructure = structure({
  operation: optional(Tag.Operation, openEnumeration),
  uniqueBatchItemID: optional(Tag.UniqueBatchItemID, byteString),
  resultStatus: required(Tag.ResultStatus, resultStatus),
  resultReason: optional(Tag.ResultReason, openEnumeration),
  resultMessage: optional(Tag.ResultMessage, textString),
  asynchronousCorrelationValue: optional(Tag.AsynchronousCorrelationValue, byteString),
  payload: optional(Tag.ResponsePayload, anyItem),
  messageExtensions: repeated(Tag.MessageExtension, messageExtensionStructure),
});

export interface ResponseHeader {
  /** The server's clock, seconds since 1970. */
  readonly timeStamp: number;
  readonly nonce?: Nonce | undefined;
  readonly serverHashedPassword?: Buffer | undefined;
  readonly attestationTypes?: readonly enums.AttestationType[] | undefined;
  readonly clientCorrelationValue?: string | undefined;
  readonly serverCorrelationValue?: string | undefined;
}

export interface ResponseBatchItem {
  /** Absent where the request could not be read. */
  readonly operation?: number | undefined;
  readonly uniqueBatchItemID?: Buffer | undefined;
  readonly resultStatus: enums.ResultStatus;
  /** A Result Reason of the version at hand (`resultReasonOf`), or of the peer's own extensions. */
  readonly resultReason?: number | undefined;
  readonly resultMessage?: string | undefined;
  readonly asynchronousCorrelationValue?: Buffer | undefined;
  readonly payload?: Item | undefined;
  readonly messageExtensions?: readonly MessageExtension[] | undefined;
}

export interface Response {
  readonly dialect: Dialect;
  readonly header: ResponseHeader;
  readonly items: readonly ResponseBatchItem[];
}

const NONE: readonly never[] = [];

/** The longest Result Message that is written, in bytes: a refusal has to fit where the answer would not. */
export const MAX_RESULT_MESSAGE_BYTES = 240;
const ELLIPSIS = '…';

/** Messages tell of what the request has, which may be as long as the request. */
function shortened(message: string): string {
  if (utf8Length(message) <= MAX_RESULT_MESSAGE_BYTES) return message;
  let kept = '';
  let lengthBytes = utf8Length(ELLIPSIS);
  for (const character of message.slice(0, MAX_RESULT_MESSAGE_BYTES)) {
    lengthBytes += utf8Length(character);
    if (lengthBytes > MAX_RESULT_MESSAGE_BYTES) break;
    kept += character;
  }
  return kept + ELLIPSIS;
}

/** Writes a Response Message. Payloads carry the tag Response Payload already; long Result Messages are cut. */
export function encodeResponse({ dialect, header, items }: Response): StructureItem {
  const headerItem = mustEncode(
    responseHeaderStructure,
    Tag.ResponseHeader,
    {
      protocolVersion: dialect,
      timeStamp: header.timeStamp,
      nonce: header.nonce,
      serverHashedPassword: header.serverHashedPassword,
      attestationTypes: header.attestationTypes ?? NONE,
      clientCorrelationValue: header.clientCorrelationValue,
      serverCorrelationValue: header.serverCorrelationValue,
      batchCount: items.length,
    },
    dialect,
  );
  const itemItems = items.map((item) =>
    mustEncode(
      responseBatchItemStructure,
      Tag.BatchItem,
      {
        operation: item.operation,
        uniqueBatchItemID: item.uniqueBatchItemID,
        resultStatus: item.resultStatus,
        resultReason: item.resultReason,
        resultMessage: item.resultMessage === undefined ? undefined : shortened(item.resultMessage),
        asynchronousCorrelationValue: item.asynchronousCorrelationValue,
        payload: item.payload,
        messageExtensions: item.messageExtensions ?? NONE,
      },
      dialect,
    ),
  );
  return { tag: Tag.ResponseMessage, type: ItemType.Structure, value: [headerItem, ...itemItems] };
}

export interface DecodeResponseOptions {
  /** Takes what the version does not have where the answer can be understood without; so does the dialect of the response. */
  readonly toleratesUnknown?: boolean;
}

/**
 * Reads a Response Message down to its payloads, which stay undecoded. The version is the one the peer answers in.
 * @throws HoldfastError InvalidMessage, InvalidField, UnsupportedProtocolVersion, UnknownMessageExtension
 */
export function decodeResponse(
  message: Item,
  { toleratesUnknown = false }: DecodeResponseOptions = {},
): Response {
  const [headerItem, items] = splitMessage(message, Tag.ResponseMessage, Tag.ResponseHeader);
  const spoken = dialectOfHeader(headerItem);
  const dialect = toleratesUnknown ? tolerant(spoken) : spoken;
  const raw = responseHeaderStructure.decode(headerItem, dialect);
  checkBatchCount(raw.batchCount, items);
  const decoded = items.map((item) => responseBatchItemStructure.decode(item, dialect));
  refuseCriticalExtensions(decoded);
  return {
    dialect,
    header: {
      timeStamp: raw.timeStamp,
      nonce: raw.nonce,
      serverHashedPassword: raw.serverHashedPassword,
      attestationTypes: raw.attestationTypes,
      clientCorrelationValue: raw.clientCorrelationValue,
      serverCorrelationValue: raw.serverCorrelationValue,
    },
    items: decoded,
  };
}
