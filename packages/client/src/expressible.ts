import type { OperationDefinition } from '@holdfast/core';
import { Tag, UniqueIdentifier, definitionOf, type AttributeKey, type Dialect } from '@holdfast/kmip';
import { HoldfastError, ItemType, SecretBytes, type StructureItem } from '@holdfast/ttlv';

type Path = readonly string[];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What a value is called in a message: an attribute by its name, a member by its key. */
function describe(value: unknown, key: string): string {
  if (!isRecord(value) || typeof value['key'] !== 'string') return key;
  return definitionOf(value['key'] as AttributeKey).name;
}

function sameLeaf(asked: unknown, said: unknown): boolean {
  if (asked instanceof SecretBytes) return said instanceof SecretBytes && asked.equals(said);
  if (Buffer.isBuffer(asked)) return Buffer.isBuffer(said) && asked.equals(said);
  return asked === said;
}

/** Leaving an identifier out means the ID Placeholder in every version; in 1.x there is no other way to say it. */
function isPlaceholder(value: unknown): boolean {
  return isRecord(value) && value['from'] === UniqueIdentifier.IDPlaceholder;
}

/** The path to the first value that is not among what was said; undefined where all of it is. */
function firstLost(asked: unknown, said: unknown, path: Path): Path | undefined {
  if (asked === undefined || asked === said) return undefined;
  if (Array.isArray(asked) && asked.length === 0) return undefined;
  if (!isRecord(asked) || asked instanceof SecretBytes || Buffer.isBuffer(asked)) {
    return sameLeaf(asked, said) ? undefined : path;
  }
  if (!isRecord(said)) return isPlaceholder(asked) ? undefined : path;
  // Another attribute has come to stand in the place of one that was left out.
  if (asked['key'] !== said['key']) return path;
  for (const [key, value] of Object.entries(asked)) {
    const lost = firstLost(value, said[key], [...path, describe(value, key)]);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

/**
 * The Request Payload of an operation. Codecs leave out what a version cannot say; a client's request must not lose
 * anything silently, so what was written is read back.
 * @throws HoldfastError OperationNotSupported (not in this version), InvalidField (the version cannot say all of it)
 */
export function requestPayload<Request>(
  operation: OperationDefinition<Request>,
  request: Request,
  dialect: Dialect,
): StructureItem {
  if (!dialect.knows(operation.window)) {
    throw new HoldfastError(
      'OperationNotSupported',
      `KMIP ${dialect.name} has no operation ${operation.name}`,
    );
  }
  const item = operation.request.encode(Tag.RequestPayload, request, dialect);
  if (item?.type !== ItemType.Structure) {
    throw new HoldfastError(
      'InvalidField',
      `KMIP ${dialect.name} cannot express this ${operation.name} request`,
    );
  }
  const lost = firstLost(request, operation.request.decode(item, dialect), []);
  if (lost !== undefined) {
    throw new HoldfastError('InvalidField', `KMIP ${dialect.name} cannot express ${lost.join(' / ')}`);
  }
  return item;
}
