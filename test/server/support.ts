import { ObjectType, Operation, Tag, type VersionName } from '@holdfast/kmip';
import {
  Peer,
  attribute,
  enumeration,
  integer,
  nameValue,
  requestMessage,
  structure,
  textAt,
  type ServerProcess,
} from '@holdfast/testkit';
import { encodeTtlv, type Item } from '@holdfast/ttlv';
import type { ConnectionOptions } from 'node:tls';

/** The 1.x attributes of an AES-256 key, with a name where one is given. */
export function keyAttributes(name?: string): Item[] {
  return [
    attribute('Cryptographic Algorithm', enumeration(Tag.AttributeValue, 3)),
    attribute('Cryptographic Length', integer(Tag.AttributeValue, 256)),
    attribute('Cryptographic Usage Mask', integer(Tag.AttributeValue, 12)),
    ...(name === undefined ? [] : [attribute('Name', nameValue(name))]),
  ];
}

/** The payload of a 1.x Create request. */
export function createPayload(name?: string): Item[] {
  return [
    enumeration(Tag.ObjectType, ObjectType.SymmetricKey),
    structure(Tag.TemplateAttribute, ...keyAttributes(name)),
  ];
}

export async function createKey(peer: Peer, name?: string): Promise<string> {
  return textAt(await peer.call(Operation.Create, createPayload(name)), Tag.UniqueIdentifier);
}

/** A request that any client may make. */
export function discoverRequest(version: VersionName = '1.4'): Buffer {
  return encodeTtlv(requestMessage(version, [{ operation: Operation.DiscoverVersions, payload: [] }]));
}

/** Runs one exchange over a connection of its own. */
export async function once<T>(
  options: ConnectionOptions,
  talk: (peer: Peer) => Promise<T>,
  version: VersionName = '1.4',
): Promise<T> {
  const peer = await Peer.connect(options, version);
  try {
    return await talk(peer);
  } finally {
    await peer.close();
  }
}

/** What the server logged as an error. */
export function errorsOf(server: ServerProcess): readonly string[] {
  return server
    .log()
    .split('\n')
    .filter((line) => /"level":"(?:error|fatal)"/.test(line));
}
