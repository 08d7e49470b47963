import { isIP } from 'node:net';
import type {
  AnnouncementStore,
  CertificatesPort,
  Clock,
  Directory,
  DirectoryChange,
  Lead,
  Principal,
} from '@holdfast/core';
import type { Announcer } from './announcer';
import type { ServerLimits } from './config';
import { DialledConnection, type DiallingIdentity } from './dialled-connection';
import { describeError, type Logger } from './log';
import { readAnnouncement, type NotifiedClient, type NotifiedClients } from './notified-clients';

const LOOK_INTERVAL_MS = 500;
/** How soon another process takes over from one that has ended. */
const LEAD_INTERVAL_MS = 3000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const MAX_AT_ONCE = 100;
/** What may wait for a client that cannot be reached: of more, the oldest is lost, and it has to look for itself. */
const MAX_WAITING = 10_000;

export interface TellingPorts {
  readonly announcements: AnnouncementStore;
  readonly clients: NotifiedClients;
  readonly announcer: Announcer;
  readonly directory: Directory;
  readonly certificates: CertificatesPort;
  readonly clock: Clock;
  readonly prepare: (principal: Principal) => Promise<void>;
  readonly identity: () => Promise<DiallingIdentity>;
}

/** How it goes with one client. */
interface Line {
  connection?: DialledConnection | undefined;
  /** Ends the connection that is being opened. */
  opening?: AbortController | undefined;
  isBusy: boolean;
  pauseMs: number;
  notBeforeMs: number;
}

/**
 * Tells clients at their own addresses what changes in their domains (KMIP 1.4 chapter 5, KMIP 2.1 section 6.2). What is
 * told was written with the change; one process of all takes it from there, and takes a row away once the client has
 * answered. What is under way while that process ends is told again by the next.
 */
export class Telling {
  readonly #lines = new Map<string, Line>();
  #timer: NodeJS.Timeout | undefined;
  #lead: Lead | undefined;
  #leadNotBeforeMs = 0;
  #looking: Promise<void> | undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly ports: TellingPorts,
    private readonly limits: ServerLimits,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
    for (const line of this.#lines.values()) hangUp(line);
    await Promise.all(this.#running);
    await this.#lead?.end();
  }

  /** Who is at the other end of a connection is looked up again where something may have changed about it. */
  directoryChanged({ kind }: DirectoryChange): void {
    if (!['client', 'credential', 'authority', 'domain'].includes(kind)) return;
    for (const line of this.#lines.values()) hangUp(line);
  }

  /** Tells what waits, where it is this process that tells. */
  look(): void {
    if (this.#timer === undefined || this.#looking !== undefined) return;
    this.#looking = this.#look()
      .catch((error: unknown) =>
        this.log.warn({ error: describeError(error) }, 'what clients are to be told cannot be looked for'),
      )
      .finally(() => (this.#looking = undefined));
  }

  async #look(): Promise<void> {
    const { announcements, clients } = this.ports;
    if ((await clients.all()).length === 0 && this.#lead === undefined) return;
    if (!(await this.#leads())) return;
    const waiting = await announcements.waitingClients();
    const unknown = waiting.filter((id) => !this.#lines.has(id));
    // Another node may know of a client already that this one has not heard of.
    if (unknown.length > 0) clients.forget({ kind: 'client', id: '*' });
    const all = await clients.all();
    for (const id of waiting.filter((each) => !all.some(({ clientId }) => clientId === each))) {
      this.#lines.delete(id);
      await announcements.cut(id, 0);
    }
    for (const client of all) {
      const line = this.#line(client);
      if (line.isBusy || line.notBeforeMs > Date.now()) continue;
      if (!waiting.includes(client.clientId)) {
        line.connection?.destroy();
        continue;
      }
      line.isBusy = true;
      const run = this.#tell(client, line).finally(() => {
        line.isBusy = false;
        this.#running.delete(run);
      });
      this.#running.add(run);
    }
  }

  async #leads(): Promise<boolean> {
    if (this.#lead?.isHeld === true) return true;
    if (Date.now() < this.#leadNotBeforeMs) return false;
    this.#leadNotBeforeMs = Date.now() + LEAD_INTERVAL_MS;
    this.#lead = await this.ports.announcements.lead();
    return this.#lead !== undefined;
  }

  #line({ clientId }: NotifiedClient): Line {
    const line = this.#lines.get(clientId) ?? { isBusy: false, pauseMs: FIRST_PAUSE_MS, notBeforeMs: 0 };
    this.#lines.set(clientId, line);
    return line;
  }

  /** Tells a client all that waits, one thing after the other. */
  async #tell(client: NotifiedClient, line: Line): Promise<void> {
    const { announcements } = this.ports;
    try {
      for (;;) {
        const next = await announcements.next(client.clientId, MAX_AT_ONCE);
        if (next.length === 0) break;
        for (const { id, content } of next) {
          if (this.#timer === undefined || this.#lead?.isHeld !== true) return;
          await this.#tellOne(client, line, content);
          await announcements.remove(id);
        }
        line.pauseMs = FIRST_PAUSE_MS;
      }
    } catch (error) {
      line.connection?.destroy();
      line.notBeforeMs = Date.now() + line.pauseMs;
      line.pauseMs = Math.min(2 * line.pauseMs, LONGEST_PAUSE_MS);
      this.log.warn(
        { client: client.name, error: describeError(error) },
        'a client cannot be told of changes; it is tried again',
      );
      await this.#cut(client);
    }
  }

  async #tellOne(client: NotifiedClient, line: Line, content: Buffer): Promise<void> {
    const { announcement, dialect } = readAnnouncement(content);
    const connection = line.connection?.isOpen === true ? line.connection : await this.#connect(client, line);
    const message = await this.ports.announcer.message(announcement, connection.principal, dialect);
    if (message !== undefined) await connection.tell(message);
  }

  async #connect({ clientId, endpoint }: NotifiedClient, line: Line): Promise<DialledConnection> {
    const { host, port } = endpoint;
    const { prepare, identity } = this.ports;
    const { signal } = (line.opening = new AbortController());
    try {
      const options = { host, port, servername: isIP(host) === 0 ? host : '', ...(await identity()) };
      const connection = await DialledConnection.open(
        options,
        clientId,
        this.ports,
        this.limits,
        this.log,
        signal,
      );
      line.connection = connection;
      await prepare(connection.principal);
      return connection;
    } finally {
      line.opening = undefined;
    }
  }

  async #cut({ clientId, name }: NotifiedClient): Promise<void> {
    try {
      const lost = await this.ports.announcements.cut(clientId, MAX_WAITING);
      if (lost > 0) this.log.error({ client: name, lost }, 'a client will not be told of all changes');
    } catch (error) {
      this.log.warn({ error: describeError(error) }, 'what waits for a client cannot be counted');
    }
  }
}

function hangUp({ connection, opening }: Line): void {
  opening?.abort();
  connection?.destroy();
}
