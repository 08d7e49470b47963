import { HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import {
  anyItem,
  boolean,
  required,
  structure,
  tagName,
  textString,
  wrongType,
  type Codec,
  type Infer,
} from '../schema';
import { protocolVersionStructure } from '../structures';
import {
  dialectOf,
  STORAGE_DIALECT,
  type Dialect,
  type ProtocolVersion,
  type Window,
} from '../versions/dialect';
import { Tag } from '../vocabulary/tags';

/** What requests and responses share. KMIP 1.4 chapters 6 and 7, KMIP 2.1 chapters 8 and 9. */

export const SINCE_1_2: Window = { since: '1.2' };
export const SINCE_1_4: Window = { since: '1.4' };
export const SINCE_2_0: Window = { since: '2.0' };

/** KMIP 1.4 section 6.16, KMIP 2.1 section 9.13. */
export const messageExtensionStructure = structure({
  vendorIdentification: required(Tag.VendorIdentification, textString),
  criticalityIndicator: required(Tag.CriticalityIndicator, boolean),
  vendorExtension: required(Tag.VendorExtension, anyItem),
});
export type MessageExtension = Infer<typeof messageExtensionStructure>;

/**
 * "The receiver SHALL reject the entire message": none is understood here. Items that could not be read have none.
 * @throws HoldfastError UnknownMessageExtension
 */
export function refuseCriticalExtensions(
  items: readonly {
    readonly operation?: number | undefined;
    readonly messageExtensions?: readonly MessageExtension[] | undefined;
  }[],
): void {
  const isCritical = items.some(({ messageExtensions = [] }) =>
    messageExtensions.some(({ criticalityIndicator }) => criticalityIndicator),
  );
  if (!isCritical) return;
  throw new HoldfastError('UnknownMessageExtension', 'a critical message extension is not supported');
}

function structureChildren(item: Item, tag: number): readonly Item[] {
  if (item.tag !== tag) {
    throw new HoldfastError('InvalidMessage', `expected ${tagName(tag)}, got ${tagName(item.tag)}`);
  }
  if (item.type !== ItemType.Structure) throw wrongType(item, ItemType.Structure);
  return item.value;
}

/** The header and the batch items of a message. */
export function splitMessage(
  item: Item,
  messageTag: number,
  headerTag: number,
): readonly [header: Item, items: readonly Item[]] {
  const [header, ...items] = structureChildren(item, messageTag);
  if (header?.tag !== headerTag) {
    throw new HoldfastError(
      'InvalidMessage',
      `${tagName(messageTag)} does not begin with ${tagName(headerTag)}`,
    );
  }
  const stranger = items.find((child) => child.tag !== Tag.BatchItem);
  if (stranger !== undefined) {
    throw new HoldfastError(
      'InvalidMessage',
      `${tagName(stranger.tag)} does not belong in ${tagName(messageTag)}`,
    );
  }
  return [header, items];
}

/** @throws HoldfastError InvalidMessage where Batch Count is not the number of items */
export function checkBatchCount(batchCount: number | undefined, items: readonly Item[]): void {
  if (batchCount === undefined)
    throw new HoldfastError('InvalidMessage', 'Batch Count is missing in the header');
  if (batchCount !== items.length) {
    throw new HoldfastError(
      'InvalidMessage',
      `Batch Count is ${batchCount}, but the message has ${items.length} items`,
    );
  }
}

/** The dialect of a header, read from its Protocol Version alone: what else may stand in it hangs on that. */
export function dialectOfHeader(header: Item): Dialect {
  if (header.type !== ItemType.Structure) throw wrongType(header, ItemType.Structure);
  const version = header.value.find((child) => child.tag === Tag.ProtocolVersion);
  if (version === undefined) {
    throw new HoldfastError('InvalidMessage', `Protocol Version is missing in ${tagName(header.tag)}`);
  }
  return dialectOf(protocolVersionStructure.decode(version, STORAGE_DIALECT));
}

/**
 * The Protocol Version of a message, spoken here or not; undefined where there is none to be read. With
 * `nearestDialect` it says in which version to answer a request that `decodeRequest` refused.
 */
export function peekVersion(message: Item): ProtocolVersion | undefined {
  try {
    if (message.type !== ItemType.Structure) return undefined;
    const header = message.value[0];
    if (header?.type !== ItemType.Structure) return undefined;
    const version = header.value.find((child) => child.tag === Tag.ProtocolVersion);
    return version === undefined ? undefined : protocolVersionStructure.decode(version, STORAGE_DIALECT);
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}

/** @throws HoldfastError InvalidField where the dialect cannot express the value */
export function mustEncode<T>(codec: Codec<T>, tag: number, value: T, dialect: Dialect): Item {
  const item = codec.encode(tag, value, dialect);
  if (item === undefined) {
    throw new HoldfastError('InvalidField', `${tagName(tag)} cannot be expressed in KMIP ${dialect.name}`);
  }
  return item;
}
