import {
  announcementOf,
  type Announcement,
  type Client,
  type Directory,
  type DirectoryChange,
  type NewAnnouncement,
  type NotifiedEndpoint,
  type ObjectChange,
} from '@holdfast/core';
import {
  Operation,
  Tag,
  decodeRequest,
  dialectNamed,
  encodeRequest,
  enumerated,
  notifiedAttributes,
  optional,
  putFunctionEnum,
  required,
  structure,
  textString,
  type Dialect,
} from '@holdfast/kmip';
import { HoldfastError, ItemType, decodeTtlv, encodeTtlv } from '@holdfast/ttlv';

/** An announcement as it waits: a request of the client's version, in which a Put has no object yet. */
const waitingAnnouncement = structure({
  uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  putFunction: optional(Tag.PutFunction, enumerated(putFunctionEnum)),
  replacedUniqueIdentifier: optional(Tag.ReplacedUniqueIdentifier, textString),
  attributes: notifiedAttributes(),
});

/** A client that this server connects to in order to tell it what changes in its domain. */
export interface NotifiedClient {
  readonly clientId: string;
  readonly name: string;
  readonly domainId: string;
  readonly endpoint: NotifiedEndpoint;
}

type ByDomain = ReadonlyMap<string, readonly NotifiedClient[]>;

/** The clients that listen somewhere, as this process knows them: read once, and again after each change on any node. */
export class NotifiedClients {
  #known: ByDomain | undefined;
  /** Counts changes, so that one that falls into a reading is not missed. */
  #epoch = 0;

  constructor(private readonly directory: Pick<Directory, 'listNotifiedClients'>) {}

  forget({ kind }: DirectoryChange): void {
    if (kind !== 'client' && kind !== 'any') return;
    this.#epoch++;
    this.#known = undefined;
  }

  async all(): Promise<readonly NotifiedClient[]> {
    return [...(this.#known ?? (await this.#load())).values()].flat();
  }

  /**
   * What is to be written with changes, so that it is told whatever becomes of this process.
   * @throws HoldfastError StoreUnavailable
   */
  announcements(
    domainId: string,
    changes: readonly ObjectChange[],
  ): readonly NewAnnouncement[] | Promise<readonly NewAnnouncement[]> {
    if (this.#known !== undefined) return announcementsTo(this.#known.get(domainId), domainId, changes);
    return this.#load().then((known) => announcementsTo(known.get(domainId), domainId, changes));
  }

  async #load(): Promise<ByDomain> {
    const epoch = this.#epoch;
    const byDomain = new Map<string, readonly NotifiedClient[]>();
    for (const client of (await this.directory.listNotifiedClients()).flatMap(notifiedClientOf)) {
      byDomain.set(client.domainId, [...(byDomain.get(client.domainId) ?? []), client]);
    }
    if (epoch === this.#epoch) this.#known = byDomain;
    return byDomain;
  }
}

function announcementsTo(
  clients: readonly NotifiedClient[] | undefined,
  domainId: string,
  changes: readonly ObjectChange[],
): readonly NewAnnouncement[] {
  if (clients === undefined) return [];
  return changes.flatMap((change) => {
    const announcement = announcementOf(change);
    return clients.map(({ clientId, endpoint }) => ({
      domainId,
      clientId,
      uniqueIdentifier: announcement.uniqueIdentifier,
      content: writeAnnouncement(announcement, dialectNamed(endpoint.version)),
    }));
  });
}

function notifiedClientOf({ id, name, domainId, settings }: Client): readonly NotifiedClient[] {
  const { notify: endpoint } = settings;
  return endpoint === undefined ? [] : [{ clientId: id, name, domainId, endpoint }];
}

/** An announcement as it waits, in bytes of its own. */
export function writeAnnouncement(
  { uniqueIdentifier, put, attributes }: Announcement,
  dialect: Dialect,
): Buffer {
  const waiting = { uniqueIdentifier, attributes, ...put };
  const payload = waitingAnnouncement.encode(Tag.RequestPayload, waiting, dialect);
  if (payload?.type !== ItemType.Structure) throw unreadable();
  const operation = put === undefined ? Operation.Notify : Operation.Put;
  return encodeTtlv(encodeRequest({ dialect, items: [{ operation, payload }] }));
}

/** What `writeAnnouncement` wrote. @throws HoldfastError IntegrityViolation */
export function readAnnouncement(content: Buffer) {
  const { dialect, items } = decodeRequest(decodeTtlv(content));
  const [item] = items;
  if (item === undefined || 'fault' in item) throw unreadable();
  const waiting = waitingAnnouncement.decode(item.payload, dialect);
  const { uniqueIdentifier, putFunction, replacedUniqueIdentifier, attributes } = waiting;
  const put = putFunction === undefined ? undefined : { putFunction, replacedUniqueIdentifier };
  const announcement: Announcement = { uniqueIdentifier, put, attributes };
  return { dialect, announcement };
}

function unreadable(): HoldfastError {
  return new HoldfastError('IntegrityViolation', 'what a client is to be told cannot be read');
}
