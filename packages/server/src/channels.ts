import {
  HoldfastError,
  announcementOf,
  notify,
  put,
  type Announcement,
  type ObjectChange,
  type Principal,
} from '@holdfast/core';
import { Operation, ResultStatus, Tag, decodeResponse, encodeRequest, type Dialect } from '@holdfast/kmip';
import { ItemType, decodeTtlv, encodeTtlv } from '@holdfast/ttlv';
import type { Logger } from './log';

/** What may wait for a client that is slow to answer, before it is let go: it then has to look for itself. */
const MAX_WAITING_MESSAGES = 1000;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** A connection on which this server has the client's role. */
export interface TurnedConnection {
  /** Sends a request; `Channel.answered` gets its answer. */
  send(message: Buffer): void;
  destroy(): void;
}

/** Tells one client, over the connection that it has handed over, what changes in its domain: one thing after the other. */
export class Channel {
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #connection: TurnedConnection | undefined;
  #isAnswered = true;

  constructor(
    readonly principal: Principal,
    private readonly dialect: Dialect,
    private readonly channels: Channels,
    private readonly log: Logger,
  ) {}

  /** Begins to tell what changes from now on. */
  open(connection: TurnedConnection): void {
    this.#connection = connection;
    this.channels.add(this);
  }

  close(): void {
    this.channels.remove(this);
    for (const message of this.#waiting.splice(0)) message.fill(0);
  }

  tell(announcement: Announcement): void {
    const { dialect } = this;
    const payload =
      announcement.operation === 'Put'
        ? put.request.encode(Tag.RequestPayload, announcement.payload, dialect)
        : notify.request.encode(Tag.RequestPayload, announcement.payload, dialect);
    if (payload?.type !== ItemType.Structure) return;
    const operation = Operation[announcement.operation];
    const message = encodeTtlv(encodeRequest({ dialect, items: [{ operation, payload }] }));
    this.#waiting.push(message);
    this.#waitingBytes += message.length;
    if (this.#waiting.length > MAX_WAITING_MESSAGES || this.#waitingBytes > MAX_WAITING_BYTES) {
      this.log.warn({ client: this.principal.clientName }, 'a client does not keep up with what it is told');
      this.#connection?.destroy();
    } else this.#sendNext();
  }

  /** Takes the answer to what was sent last. @throws HoldfastError where it is none */
  answered(frame: Buffer): void {
    if (this.#isAnswered) throw new HoldfastError('InvalidMessage', 'nothing was asked');
    const response = decodeResponse(decodeTtlv(frame));
    for (const { resultStatus, resultMessage } of response.items) {
      if (resultStatus === ResultStatus.Success) continue;
      this.log.info(
        { client: this.principal.clientName, resultMessage },
        'a client refused what it was told',
      );
    }
    this.#isAnswered = true;
    this.#sendNext();
  }

  #sendNext(): void {
    if (!this.#isAnswered) return;
    const message = this.#waiting.shift();
    if (message === undefined) return;
    this.#waitingBytes -= message.length;
    this.#isAnswered = false;
    this.#connection?.send(message);
  }
}

/**
 * Who can be told of changes on its connection.
 * @throws HoldfastError FeatureNotSupported, PermissionDenied
 */
export function requireMayTurn({ kind, ticket }: Principal, canTurn: boolean): void {
  if (!canTurn) {
    throw new HoldfastError('FeatureNotSupported', 'roles can be changed on a connection for TTLV alone');
  }
  if (kind === 'user' || ticket !== undefined) {
    throw new HoldfastError('PermissionDenied', 'only who is known by a certificate can be told of changes');
  }
}

/** The channels of this process, by the domains of their clients. */
export class Channels {
  readonly #byDomain = new Map<string, Set<Channel>>();

  add(channel: Channel): void {
    const { domainId } = channel.principal;
    const channels = this.#byDomain.get(domainId) ?? new Set();
    this.#byDomain.set(domainId, channels.add(channel));
  }

  remove(channel: Channel): void {
    const { domainId } = channel.principal;
    const channels = this.#byDomain.get(domainId);
    channels?.delete(channel);
    if (channels?.size === 0) this.#byDomain.delete(domainId);
  }

  tell(domainId: string, changes: readonly ObjectChange[]): void {
    const channels = this.#byDomain.get(domainId);
    if (channels === undefined) return;
    for (const change of changes) {
      const announcement = announcementOf(change);
      for (const channel of [...channels]) channel.tell(announcement);
    }
  }
}
