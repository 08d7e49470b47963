import {
  HoldfastError,
  announcementOf,
  type Announcement,
  type ObjectChange,
  type Principal,
} from '@holdfast/core';
import { ResultStatus, decodeResponse, type Dialect } from '@holdfast/kmip';
import { decodeTtlv } from '@holdfast/ttlv';
import type { Announcer } from './announcer';
import { describeError, type Logger } from './log';
import { readAnnouncement, writeAnnouncement } from './notified-clients';

/** What may wait for a client that is slow to answer, before it is let go: it then has to look for itself. */
const MAX_WAITING = 1000;

/** A connection on which this server has the client's role. */
export interface TurnedConnection {
  /** Sends a request; `Channel.answered` gets its answer. */
  send(message: Buffer): void;
  destroy(): void;
}

/** Takes what a client answers to Notify and Put. @throws HoldfastError where it is no answer */
export function takeAnswer(frame: Buffer, { clientName }: Principal, log: Logger): void {
  for (const { resultStatus, resultMessage } of decodeResponse(decodeTtlv(frame)).items) {
    if (resultStatus === ResultStatus.Success) continue;
    log.info({ client: clientName, resultMessage }, 'a client refused what it was told');
  }
}

/** Tells one client, over the connection that it has handed over, what changes in its domain: one thing after the other. */
export class Channel {
  /** In bytes of their own: what a change is made of is zeroed with the request that asked for it. */
  readonly #waiting: Buffer[] = [];
  #connection: TurnedConnection | undefined;
  #isTelling = false;
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
    this.#waiting.length = 0;
    this.#connection = undefined;
  }

  tell(announcement: Announcement): void {
    try {
      this.#waiting.push(writeAnnouncement(announcement, this.dialect));
    } catch (error) {
      // What is told of is done: whoever asked for it is answered all the same.
      this.#letGo(error);
      return;
    }
    if (this.#waiting.length > MAX_WAITING) {
      this.log.warn({ client: this.principal.clientName }, 'a client does not keep up with what it is told');
      this.#connection?.destroy();
    } else void this.#sendNext();
  }

  /** Takes the answer to what was sent last. @throws HoldfastError where it is none */
  answered(frame: Buffer): void {
    if (this.#isAnswered) throw new HoldfastError('InvalidMessage', 'nothing was asked');
    takeAnswer(frame, this.principal, this.log);
    this.#isAnswered = true;
    void this.#sendNext();
  }

  async #sendNext(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      while (this.#isAnswered) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) break;
        const { announcement } = readAnnouncement(waiting);
        const message = await this.channels.announcer.message(announcement, this.principal, this.dialect);
        if (message === undefined) continue;
        if (this.#connection === undefined) {
          // It may hold a key.
          message.fill(0);
          continue;
        }
        this.#isAnswered = false;
        this.#connection.send(message);
      }
    } catch (error) {
      this.#letGo(error);
    } finally {
      this.#isTelling = false;
    }
  }

  #letGo(error: unknown): void {
    this.log.warn(
      { client: this.principal.clientName, error: describeError(error) },
      'a client cannot be told of a change and is let go',
    );
    this.#connection?.destroy();
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

  constructor(readonly announcer: Announcer) {}

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

/** What one batch changes: told of at once or, within a transaction, once that is committed. */
export class ChangesToTell {
  #held: ObjectChange[] | undefined;
  #mayBeUndone = false;

  constructor(
    private readonly channels: Channels,
    private readonly domainId: string,
  ) {}

  /** Whether what is done now is undone with all the rest of a batch. */
  get mayBeUndone(): boolean {
    return this.#mayBeUndone;
  }

  /** A transaction begins. */
  hold({ mayBeUndone = false } = {}): void {
    this.#held = [];
    this.#mayBeUndone = mayBeUndone;
  }

  add(changes: readonly ObjectChange[]): void {
    if (this.#held === undefined) this.channels.tell(this.domainId, changes);
    else this.#held.push(...changes);
  }

  /** The transaction is committed. */
  tell(): void {
    const held = this.#held ?? [];
    this.drop();
    this.channels.tell(this.domainId, held);
  }

  /** The transaction has ended, whichever way. */
  drop(): void {
    this.#held = undefined;
    this.#mayBeUndone = false;
  }
}
