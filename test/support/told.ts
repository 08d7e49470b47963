import { notify, put } from '@holdfast/core';
import { Operation, Tag, decodeRequest, isKnownAttribute } from '@holdfast/kmip';
import { enumeration, structure, type Wire } from '@holdfast/testkit';
import { decodeTtlv, encodeTtlv } from '@holdfast/ttlv';

/** What a client answers to Notify and Put. */
export const success = (operation: number): Buffer => {
  const header = structure(
    Tag.ResponseHeader,
    structure(
      Tag.ProtocolVersion,
      { tag: Tag.ProtocolVersionMajor, type: 2, value: 2 },
      { tag: Tag.ProtocolVersionMinor, type: 2, value: 1 },
    ),
    { tag: Tag.TimeStamp, type: 9, value: 0n },
    { tag: Tag.BatchCount, type: 2, value: 1 },
  );
  const item = structure(
    Tag.BatchItem,
    enumeration(Tag.Operation, operation),
    enumeration(Tag.ResultStatus, 0),
  );
  return encodeTtlv(structure(Tag.ResponseMessage, header, item));
};

/** What the server tells next; it is answered. */
export async function told(wire: Pick<Wire, 'next' | 'send'>) {
  const request = decodeRequest(decodeTtlv(await wire.next()));
  const [item] = request.items;
  if (item === undefined || 'fault' in item) throw new Error('no request came');
  wire.send(success(item.operation));
  const { operation, payload } = item;
  return operation === Operation.Put
    ? { operation, ...put.request.decode(payload, request.dialect) }
    : { operation, ...notify.request.decode(payload, request.dialect) };
}

/** A Notify, which is answered. */
export async function notified(wire: Pick<Wire, 'next' | 'send'>) {
  const what = await told(wire);
  if (!('deleted' in what.attributes)) throw new Error('it was no Notify');
  const { changed, deleted } = what.attributes;
  const values = Object.fromEntries(
    changed.filter(isKnownAttribute).map(({ key, value }) => [key, value as unknown]),
  );
  return { id: what.uniqueIdentifier, changed: values, deleted };
}
