import { setTimeout as delay } from 'node:timers/promises';
import type { DirectoryChange } from '@holdfast/core';
import type { Database, StoreLog } from '../postgres/database';
import { storeError } from '../postgres/errors';
import { LeanClient } from '../postgres/lean-client';
import { answered, probe } from '../postgres/liveness';

const CHANNEL = 'holdfast_directory';
const RECONNECT_MS = 500;
/** What the database did not tell of holds for a minute at most. */
const UNHEARD_EVERY_MS = 60_000;
/**
 * Whoever may connect to the database can notify of anything, as often as it likes. So many changes in a second are told at once; what
 * comes beyond them, before the watcher is done with what came before, or so soon after it, is told together, and of more than so many
 * changes the kinds alone.
 */
const MAX_AT_ONCE = 32;
const PAUSE_MS = 50;
const MAX_TOLD_TOGETHER = 64;
/** A watcher that takes longer is told of what came since all the same. */
const LONGEST_WATCHER_MS = 1_000;
/** Again on a connection that listens already: nothing changes. */
const LISTEN = `LISTEN ${CHANNEL}`;
const KINDS = [
  'client',
  'credential',
  'authority',
  'domain',
  'domain-key',
  'hsm-key',
  'root-key',
  'seal',
  'secret',
  'user',
] as const satisfies readonly Exclude<DirectoryChange['kind'], 'any'>[];

/** The statement that tells all nodes of a change once its transaction has committed. */
export function notification({ kind, id }: DirectoryChange): {
  readonly text: string;
  readonly values: readonly string[];
} {
  return { text: 'SELECT pg_notify($1, $2)', values: [CHANNEL, `${kind} ${id}`] };
}

/** Listens for changes on a connection of its own, which it makes again whenever it is lost. */
export class DirectoryWatch {
  #client: LeanClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unheard: NodeJS.Timeout | undefined;
  #ended = false;
  /** What was heard and is not told yet, by what it says. */
  #heard = new Map<string, DirectoryChange>();
  #isTelling = false;
  #secondBeganMs = 0;
  #heardInSecond = 0;

  constructor(
    private readonly database: Database,
    private readonly log: StoreLog,
    private readonly onChange: (change: DirectoryChange) => unknown,
  ) {}

  /** @throws HoldfastError StoreUnavailable */
  async start(): Promise<void> {
    try {
      await this.#listen();
    } catch (error) {
      throw storeError(error);
    }
    // Who cannot look says so; a minute later it is asked again.
    this.#unheard = setInterval(() => void this.lookAgain().catch(() => undefined), UNHEARD_EVERY_MS).unref();
  }

  /** Has the watcher look at what may not have been heard of. Rejects as the watcher does. */
  async lookAgain(): Promise<void> {
    await this.onChange({ kind: 'any', id: '*' });
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#unheard);
    await this.#client?.end();
  }

  async #listen(): Promise<void> {
    const client = new LeanClient(this.database.clientConfig());
    client.on('error', () => undefined);
    client.on('notification', ({ payload = '' }) => this.#report(payload));
    await client.connect();
    await answered(client, LISTEN);
    if (this.#ended) return client.end();
    this.#client = client;
    probe(client, LISTEN);
    client.on('end', () => {
      if (this.#ended) return;
      this.log.warn({}, 'the connection for directory changes was lost');
      this.#relisten();
    });
  }

  #relisten(): void {
    this.#timer = setTimeout(() => {
      this.#listen().then(
        () => {
          // Whatever happened in between was not heard.
          for (const kind of KINDS) this.#hear({ kind, id: '*' });
        },
        () => {
          if (!this.#ended) this.#relisten();
        },
      );
    }, RECONNECT_MS);
    this.#timer.unref();
  }

  #report(payload: string): void {
    const [kind, id] = payload.split(' ');
    const known = KINDS.find((each) => each === kind);
    if (known !== undefined && id !== undefined) this.#hear({ kind: known, id });
  }

  #hear(change: DirectoryChange): void {
    if (!this.#isFlood()) {
      void this.#tell([change]);
      return;
    }
    const { kind, id } = change;
    const isTooMuch = this.#heard.size >= MAX_TOLD_TOGETHER;
    this.#heard.set(isTooMuch ? kind : `${kind} ${id}`, isTooMuch ? { kind, id: '*' } : change);
    if (!this.#isTelling) void this.#tellAll();
  }

  #isFlood(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#secondBeganMs > 1000) {
      this.#secondBeganMs = nowMs;
      this.#heardInSecond = 0;
    }
    return ++this.#heardInSecond > MAX_AT_ONCE || this.#isTelling;
  }

  /** Settles when the watcher is done; it says itself what it could not look at. */
  #tell(changes: Iterable<DirectoryChange>): Promise<unknown> {
    return Promise.allSettled([...changes].map(async (change) => await this.onChange(change)));
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true;
    while (this.#heard.size > 0 && !this.#ended) {
      const told = this.#tell(this.#heard.values());
      this.#heard = new Map();
      await Promise.race([told, delay(LONGEST_WATCHER_MS, undefined, { ref: false })]);
      await delay(PAUSE_MS, undefined, { ref: false });
    }
    this.#isTelling = false;
  }
}
