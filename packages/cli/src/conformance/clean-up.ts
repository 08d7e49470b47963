import { Operation, ResultStatus, RevocationReasonCode, Tag } from '@holdfast/kmip';
import { ItemType, type Item } from '@holdfast/ttlv';
import { itemsOf } from './expectation';
import { enumerationAt, type ServerMemory } from './memory';
import type { Transport } from './play';

function structure(tag: number, ...value: readonly Item[]): Item {
  return { tag, type: ItemType.Structure, value };
}

function enumeration(tag: number, value: number): Item {
  return { tag, type: ItemType.Enumeration, value };
}

/** One operation under the version and credentials of an earlier request. */
function requestLike(header: Item, operation: number, payload: readonly Item[]): Item {
  const kept = itemsOf(header).filter(({ tag }) => tag === Tag.ProtocolVersion || tag === Tag.Authentication);
  return structure(
    Tag.RequestMessage,
    structure(Tag.RequestHeader, ...kept, { tag: Tag.BatchCount, type: ItemType.Integer, value: 1 }),
    structure(
      Tag.BatchItem,
      enumeration(Tag.Operation, operation),
      structure(Tag.RequestPayload, ...payload),
    ),
  );
}

/**
 * Destroys what cases made and left, so that the next ones find the server as it was before. What cannot be destroyed
 * stays. KMIP Profiles 2.1 section 4.1.2, (1).
 * @param identifiers which of `server.left`
 * @throws what the transport throws
 */
export async function cleanUp(
  transport: Transport,
  server: ServerMemory,
  identifiers: readonly string[],
): Promise<void> {
  for (const identifier of [...identifiers].reverse()) {
    const header = server.left.get(identifier);
    if (header === undefined) continue;
    const named: Item = { tag: Tag.UniqueIdentifier, type: ItemType.TextString, value: identifier };
    const reason = enumeration(Tag.RevocationReasonCode, RevocationReasonCode.CessationOfOperation);
    const ask = async (operation: number, ...payload: readonly Item[]) => {
      const answer = await transport(requestLike(header, operation, payload));
      return enumerationAt(answer, Tag.BatchItem, Tag.ResultStatus) === ResultStatus.Success;
    };
    server.left.delete(identifier);
    if (await ask(Operation.Destroy, named)) continue;
    // An object in use has to be revoked first.
    await ask(Operation.Revoke, named, structure(Tag.RevocationReason, reason));
    await ask(Operation.Destroy, named);
  }
}
